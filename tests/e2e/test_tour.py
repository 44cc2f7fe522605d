"""The README's tour, typed as it stands there: every command of it does what is said."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
import yaml

from controller.api.resources import Resource
from devcluster import kwok
from tests.e2e import terminals
from tests.e2e.driving import Kube, Place
from tests.e2e.terminals import Terminal, kube, place

__all__ = ["kube", "place"]

pytestmark = pytest.mark.e2e

README = Path(__file__).parents[2] / "README.md"
PROMPT = "typed> "
# What a command of the tour shows, where that is more than that it succeeds.
SHOWN = {
    "status": "10/10 available",
    "why": "It runs|is as asked for",
    "logs": "web-3 hello",
    "plan": "10 to replace",
    "diff": "Shop 2",
    "rollback": "Completed",
    "history": "rejected: RollBack",
    "restart": "Completed",
    "run": "Completed",
    "scale": "10 → 12",
    "exec": "hello",
    "report": "files",
    "delete": "(?s)Claims kept, with their data: data-shop-db-0, data-shop-db-1, data-shop-db-2.*"
    "shop is gone",
}


def section(title: str) -> str:
    """Return a section of the README."""
    found = re.search(rf"^## {title}$(.*?)^## ", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title}"
    return found[1]


def typed(text: str) -> Iterator[str]:
    """Yield the commands of a section, without what is said about them."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            yield re.sub(r"\s+# .*", "", line)


@pytest.fixture
def shell(place: Place, kube: Kube, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """A shell in a folder with the README's shop.yaml, in a namespace, with kubectl's plugins."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not there: its plugins cannot be called through it")
    declared = re.search(r"```yaml\n(.*?)```", section("Quick start"), re.DOTALL)
    assert declared
    (tmp_path / "shop.yaml").write_text(declared[1])
    config = yaml.safe_load(terminals.owner(place).kubeconfig.read_text())
    for each in config["contexts"]:
        each["context"]["namespace"] = kube.namespace
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    somebody = Terminal(tmp_path / "config", kube.namespace, PATH=path, PS1=PROMPT)
    child = somebody.start("bash", ["--norc", "--noprofile"])
    child.expect_exact(PROMPT)
    child.sendline(f"cd {tmp_path}")
    child.expect_exact(PROMPT)
    yield child
    child.close(force=True)


def test_a_newcomer_can_type_the_tour(shell: pexpect.spawn[str], place: Place, kube: Kube) -> None:
    """From the quick start's shop to its end, each command succeeds and shows what is promised."""
    kwok.log_file(terminals.owner(place).dir).write_text(
        "2026-01-01T00:00:00.000000001Z stdout F hello\n"
    )
    _type(shell, "kubectl apply -f shop.yaml")
    _type(shell, "kubectl wait --for=condition=Ready argapp/shop --timeout=120s")
    seen = set()
    for command in typed(section("Tour with kubectl argosy")):
        verb = command.split()[2] if command.startswith("kubectl argosy") else ""
        shown = _type(shell, command)
        assert re.search(SHOWN.get(verb, ""), shown), f"{command}:\n{shown}"
        seen.add(verb)
    assert set(SHOWN) <= seen
    assert kube.get(Resource.APPLICATIONS, "shop") is None
    _kept(kube)


def test_the_quick_start_ends_with_its_data_kept(
    shell: pexpect.spawn[str], kube: Kube, place: Place
) -> None:
    """What is deleted as the quick start says leaves its volumes, and an Event that names them."""
    del place
    _type(shell, "kubectl apply -f shop.yaml")
    _type(shell, "kubectl wait --for=condition=Ready argapp/shop --timeout=120s")
    commands = list(typed(section("Quick start")))
    _type(shell, commands[-1])
    assert commands[-1] == "kubectl delete argapp shop"
    assert kube.get(Resource.APPLICATIONS, "shop") is None
    _kept(kube)


def _kept(kube: Kube) -> None:
    """Assert that the claims of the shop are there, each with its volume, and that it was said."""
    claims = kube.list(Resource.CLAIMS, application="shop")
    assert set(claims) == {f"data-shop-db-{each}" for each in range(3)}
    for each in claims.values():
        assert each["status"]["phase"] == "Bound"
        assert "deletionTimestamp" not in each["metadata"]
    told = kube.wait_until(
        "an Event names the claims",
        lambda: [
            each for each in kube.list(Resource.EVENTS).values() if each["reason"] == "ClaimsKept"
        ],
    )
    assert {(each["regarding"]["kind"], each["regarding"]["name"]) for each in told} == {
        ("Application", "shop")
    }
    assert "(data-shop-db-0, data-shop-db-1, data-shop-db-2)" in told[0]["note"]
    # The garbage collector goes on by itself when the application is gone; it must come to its end.
    rest = (Resource.SERVICES, Resource.DISRUPTION_BUDGETS, Resource.REVISIONS)
    kube.wait_until("all but the claims is gone", lambda: not any(kube.list(each) for each in rest))


def _type(shell: pexpect.spawn[str], command: str) -> str:
    """Type a command; say yes to what it asks; return what it showed, if it succeeded."""
    shell.sendline(f'{command}; echo "exit"ed $?')
    shown = ""
    while shell.expect([r"\[y/N\] ", r"exited (\d+)"]) == 0:
        shown += shell.before or ""
        shell.sendline("y")
    shown = terminals.CONTROL.sub("", shown + (shell.before or ""))
    assert isinstance(shell.match, re.Match)
    assert shell.match[1] == "0", f"{command}:\n{shown}"
    shell.expect_exact(PROMPT)
    return shown
