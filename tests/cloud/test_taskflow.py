"""TaskFlow as Debian has it: the words of the comparison, each in a flow of its own.

Beside each stands the test that says how Argosy does the same: see `tests/docs/comparison.py`.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devcluster.openstack.services import PYTHON

pytestmark = pytest.mark.cloud

HEAD = """
import json, sys
from taskflow import engines, exceptions, retry, states, task
from taskflow.patterns import graph_flow, linear_flow
from taskflow.persistence import backends, models

done = []


class Work(task.Task):
    # Fails as often as it is told, and takes note of what it does and undoes.
    def __init__(self, name, fails=0, **more):
        super().__init__(name, **more)
        self.left = fails

    def execute(self, **given):
        done.append([self.name, *given.values()])
        if self.left:
            self.left -= 1
            raise RuntimeError("no")
        return "result of " + self.name

    def revert(self, result, **given):
        done.append(["undo " + self.name, result if isinstance(result, str) else "failure"])


def run(flow, **more):
    engine = engines.load(flow, **more)
    try:
        engine.run()
    except Exception as error:
        done.append([type(error).__name__])
    print(json.dumps({"done": done, "state": engine.storage.get_flow_state()}))
"""
ALWAYS = 10**6


def told(script: str, *arguments: str) -> dict[str, Any]:
    """Return what a flow did, as its script tells it."""
    words = [PYTHON, "-W", "ignore", "-c", HEAD + script, *arguments]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("fails", "state", "times"), [(2, "SUCCESS", 3), (ALWAYS, "REVERTED", 3)])
def test_times_tries_its_subflow_so_often(fails: int, state: str, times: int) -> None:
    """Then it reverts; what came before in the subflow is undone each time, too."""
    seen = told(
        f"run(linear_flow.Flow('f', retry.Times(3)).add(Work('a'), Work('b', fails={fails})))"
    )
    assert (seen["state"], seen["done"].count(["b"])) == (state, times)
    assert seen["done"].count(["undo a", "result of a"]) == times - (state == "SUCCESS")


@pytest.mark.parametrize(
    "how", ["ForEach([1, 2, 3], provides='v')", "ParameterizedForEach(provides='v')"]
)
def test_for_each_tries_the_next_value(how: str) -> None:
    """Whether the values are written down or come from the store of the flow."""
    seen = told(
        f"flow = linear_flow.Flow('f', retry.{how})\n"
        "run(flow.add(Work('b', fails=2, requires=['v'])), store={'values': [1, 2, 3]})"
    )
    assert (seen["state"], seen["done"]) == (
        "SUCCESS",
        [["b", 1], ["undo b", "failure"], ["b", 2], ["undo b", "failure"], ["b", 3]],
    )


@pytest.mark.parametrize(("how", "outer"), [("AlwaysRevert", False), ("AlwaysRevertAll", True)])
def test_always_revert_undoes_its_subflow_or_all(how: str, *, outer: bool) -> None:
    """At the first failure; with the former the flow around it may try once more by its own."""
    seen = told(
        f"inner = linear_flow.Flow('i', retry.{how}()).add(Work('b', fails=1))\n"
        "run(linear_flow.Flow('f', retry.Times(2)).add(Work('a'), inner))"
    )
    assert seen["state"] == ("REVERTED" if outer else "SUCCESS")
    assert seen["done"].count(["b"]) == (1 if outer else 2)


def test_a_revert_is_given_what_its_atom_returned() -> None:
    """The last that succeeded is undone first."""
    seen = told("run(linear_flow.Flow('f').add(Work('a'), Work('b'), Work('c', fails=1)))")
    assert seen["done"][3:-1] == [
        ["undo c", "failure"], ["undo b", "result of b"], ["undo a", "result of a"],
    ]  # fmt: skip
    assert seen["state"] == "REVERTED"


def test_a_revert_that_fails_leaves_the_flow_to_a_person() -> None:
    """What came before it is not undone any more."""
    seen = told(
        "class Stuck(Work):\n"
        "    def revert(self, **given):\n"
        "        raise ValueError('stuck')\n"
        "run(linear_flow.Flow('f').add(Work('a'), Stuck('b'), Work('c', fails=1)))"
    )
    assert seen["state"] == "FAILURE"
    assert ["undo a", "result of a"] not in seen["done"]


RESUMED = """
import contextlib, os
from taskflow.utils import persistence_utils
place, chain, again = sys.argv[1], sys.argv[2] == "chain", sys.argv[3] == "again"
log = open(place + ".log", "a")


class Step(task.Task):
    def execute(self, **given):
        log.write(self.name + "\\n")
        log.flush()
        if self.name == "s9" and not again:
            os.kill(os.getpid(), 9)


kind = linear_flow.Flow if chain else graph_flow.Flow
flow = kind("f").add(*(Step("s%d" % each) for each in range(10)))
backend = backends.fetch({"connection": "dir", "path": place})
with contextlib.closing(backend.get_connection()) as connection:
    connection.upgrade()
    books = list(connection.get_logbooks())
if again:
    book = books[0]
    detail = next(iter(book))
else:
    book, detail = persistence_utils.temporary_flow_detail(backend)
run(flow, book=book, flow_detail=detail, backend=backend, engine="serial")
"""


@pytest.mark.parametrize("kind", ["chain", "wide"])
def test_a_flow_that_was_killed_is_resumed_by_its_atoms(tmp_path: Path, kind: str) -> None:
    """By kill -9 in the last of ten: a chain does the tenth alone again, a wide graph all ten."""
    place = str(tmp_path / "flow")
    words = [PYTHON, "-W", "ignore", "-c", HEAD + RESUMED, place, kind, "first"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    log = Path(f"{place}.log")
    before = log.read_text().split()
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert told(RESUMED, place, kind, "again")["state"] == "SUCCESS"
    again = log.read_text().split()[len(before) :]
    assert sorted(again) == (["s9"] if kind == "chain" else [f"s{each}" for each in range(10)])
