"""Chance in tests is the same in every run: a test that fails fails again, for everybody."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controller.kube import backoff

ROOT = Path(__file__).parents[2]
DRAWS = r"@(hypothesis\.)?given\(|\bscripts\.(seeds|play)\(|RuleBasedStateMachine"
TEST = """
import hypothesis
from hypothesis import strategies as st
from tests.suite import draws

draws.settle()
{loads}
drawn = []


{seeded}
@hypothesis.settings(max_examples=300)
@hypothesis.given(st.integers(), st.text(), st.floats(), st.binary())
def draw(number, text, fraction, data):
    drawn.append((number, text, fraction, data))


draw()
print(drawn)
"""


def drawn(folder: Path, *, loads: str = "", seeded: str = "", **environment: str) -> str:
    """Return what is drawn in a process of its own, in which other modules are loaded, too."""
    program = folder / "program.py"
    program.write_text(TEST.format(loads=loads, seeded=seeded))
    known = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, program],
        env={**known, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("seeded", ["", "@hypothesis.seed(7)"])
def test_the_same_examples_are_drawn_whatever_is_loaded(tmp_path: Path, seeded: str) -> None:
    """In each run, by each worker, and after each other test: no module's constants are in them."""
    first = drawn(tmp_path, seeded=seeded)
    assert first.count("(") > 100
    loads = "import controller.kinds.registry, pydantic"
    assert drawn(tmp_path, seeded=seeded, loads=loads) == first


def test_other_examples_are_drawn_where_that_is_asked_for(tmp_path: Path) -> None:
    """EXPLORE=1 finds what the usual examples do not, another time something else."""
    assert drawn(tmp_path, EXPLORE="1") != drawn(tmp_path, EXPLORE="1")


def test_the_tier_of_random_lives_explores() -> None:
    """`make test-lives` draws other examples in every file that draws any, and plays more seeds."""
    recipe = (ROOT / "Makefile").read_text().partition("\ntest-lives:")[2].partition("\n\n")[0]
    assert "EXPLORE=1 SIMULATION_SEEDS=" in recipe
    (words,) = re.findall(r"grep -rlE '([^']+)' tests ", recipe)
    texts = {each: each.read_text() for each in (ROOT / "tests").rglob("test_*.py")}
    played = {each for each, text in texts.items() if re.search(words, text, re.MULTILINE)}
    assert {each for each, text in texts.items() if re.search(DRAWS, text)} <= played


DRAWN: list[float] = []


@pytest.mark.parametrize("_again", range(2))
def test_random_begins_at_a_place_of_each_tests_own(_again: int) -> None:
    """Tests draw different numbers; which, follows from their names alone."""
    DRAWN.append(random.random())
    assert len(set(DRAWN)) == len(DRAWN)


def test_random_does_not_know_what_ran_before() -> None:
    """The number is the one of this test's name."""
    assert f"{random.random():.6f}" == "0.727528"


def test_waits_that_spread_load_are_the_same_again() -> None:
    """Whoever seeds `random` decides them: nothing of the operator draws its own seed."""
    random.seed(7)
    first = [backoff.jitter().random() for _ in range(3)]
    random.seed(7)
    assert [backoff.jitter().random() for _ in range(3)] == first
    assert len(set(first)) == 3
    texts = {each: each.read_text() for each in (ROOT / "controller").rglob("*.py")}
    assert [each for each, text in texts.items() if "random.Random()" in text] == []
