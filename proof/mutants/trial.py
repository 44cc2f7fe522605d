"""Tries one mutant: a copy of the code, one mistake in it, its stories played, its history judged.

`python -m proof.mutants` runs all trials, `tests/proof/mutants` those that the code must pass. A
mistake of `mechanisms` is tried by the one test that must notice.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proof import history
from proof.history import process
from proof.mutants import definitions, mechanism

CHECKOUT = Path(__file__).parents[2]
# What the arena needs beside the code that is broken.
NEEDED = ("controller", "crds", "fakes", "proof")
# What its tests need beside.
TESTED = (*NEEDED, "tests", "scripts", "devcluster")
SECONDS = 300
# The exit code of pytest where tests ran, and one failed.
TESTS_FAILED = 1
# How late a write may be where watches stand still for minutes, and where they do not.
SLACK, LAGGING_SLACK = 1.0, 200.0
LAGGING = frozenset({"lag", "replaced", "loss", "crashes"})
# Where nothing but time goes wrong, no request is made twice.
FAULTLESS = frozenset({"life", "quiet", "rolling", "lag", "cut-short", "slow-end", "operations"})
# How long anybody may wait to be looked at, where that is what the story is about.
BOUNDS = {"rush": 60.0}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a story: the invariants it broke, and what kept it from its end."""

    broken: frozenset[str]
    report: str
    failure: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of a mutant; `caught` if its history broke the invariant that it should break."""

    mutant: definitions.Mutant
    outcome: Outcome

    @property
    def caught(self) -> bool:
        """Whether the history checker noticed, by the invariant that was to notice."""
        return self.mutant.caught_by in self.outcome.broken


def attempt(mutant: definitions.Mutant) -> Trial:
    """Play a mutant's story and judge it."""
    with tempfile.TemporaryDirectory(prefix="argosy-mutant-") as folder:
        checkout = Path(folder)
        copy(checkout)
        mutant.apply(checkout)
        return Trial(mutant=mutant, outcome=played(checkout, mutant.story))


def check(mistake: mechanism.Mechanism) -> tuple[bool, str]:
    """Run the test that a mechanism names on a copy without it; return if it fails, and how.

    A test that does not come to its end has not caught anything: it would hold up all others.
    """
    with tempfile.TemporaryDirectory(prefix="argosy-mutant-") as folder:
        checkout = Path(folder)
        copy(checkout, TESTED)
        shutil.copy(CHECKOUT / "pyproject.toml", checkout)
        mistake.apply(checkout)
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", mistake.test]
        try:
            done = subprocess.run(
                argv,
                cwd=checkout,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False, f"not over after {SECONDS} s"
    # Any other code than this one says that no test ran, or that none failed.
    return done.returncode == TESTS_FAILED, done.stdout[-2000:] + done.stderr[-2000:]


def copy(target: Path, folders: Sequence[str] = NEEDED) -> None:
    """Copy the code that the arena needs, or these folders of it."""
    for name in folders:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, target / name, ignore=ignored)


def played(checkout: Path, story: str) -> Outcome:
    """Let the code of a checkout play a story in a process of its own, and judge it here."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "proof.mutants.arena", str(checkout), story]
    try:
        done = subprocess.run(
            argv, cwd=checkout, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(broken=frozenset(), report="", failure=f"not over after {SECONDS} s")
    if done.returncode:
        return Outcome(broken=frozenset(), report="", failure=done.stderr.decode()[-2000:])
    rest = json.loads((checkout / f"{story}.json").read_text())
    return judged(
        (checkout / f"{story}.log").read_bytes().splitlines(),
        story,
        failure=rest["failure"],
        quiet_since=rest["quiet_since"],
        tasks=rest["tasks"],
    )


def judged(
    log: Sequence[bytes],
    story: str,
    *,
    failure: str,
    quiet_since: float | None,
    tasks: Sequence[int],
) -> Outcome:
    """Hold a story's audit log, and how many tasks were left, to the invariants."""
    verdict = history.check(
        log,
        expectations=history.Expectations(
            slack=LAGGING_SLACK if story in LAGGING else SLACK,
            faultless=story in FAULTLESS,
            quiet_since=quiet_since,
            visit_within=BOUNDS.get(story),
        ),
    )
    left = list(process.left_over("tasks", *tasks))
    broken = frozenset(each.invariant for each in (*verdict.violations, *left))
    report = "\n".join([str(verdict), *map(str, left)])
    return Outcome(broken=broken, report=report, failure=failure)
