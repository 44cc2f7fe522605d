"""Every reason that Argosy gives is in the one list, from which "When things go wrong" is made."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from controller.api import reasons
from controller.providers.pod import observation as pod_observation
from scripts import reference
from tests.docs import pages

CONTROLLER = pages.ROOT / "controller"
KNOWN = {str(each) for each in reasons.Reason}
# What carries a reason that people are told: conditions, `blockedBy`, Events, refusals for good.
TELLING = {
    "AlreadyExists", "Blocked", "Emit", "FleetFacts", "Forbidden", "Observation", "Refused",
    "Stalled", "Trouble", "Verdict", "Word", "summarise",
}  # fmt: skip
FIELDS = {"reason", "problem"}
# Refusals of a step: the operator logs the word, and people are told the sentence.
OF_STEPS = {"HeaderRefused", "SecretMissing", "SnapshotMissing", "UrlRefused"}
# What the simulated fleet invents.
SIMULATED = {"Broken"}
# What ends a program before it has looked at anything.
BEFORE_ALL = {"BadKubeconfig"}


def told() -> Iterator[tuple[str, str]]:
    """Yield each reason that is written out where people are told something, and where."""
    for folder in ("execution", "kube", "planning", "providers"):
        for path in sorted((CONTROLLER / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _name(node.func) in TELLING:
                    yield from ((word, path.name) for word in _words(node))


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _words(call: ast.Call) -> Iterator[str]:
    for given in call.keywords:
        if given.arg in FIELDS:
            for node in ast.walk(given.value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
                    yield node.value


def test_no_reason_is_undocumented() -> None:
    """What is written out as a reason anywhere is in the list."""
    found = set(told())
    assert len(found) > 5, "the search finds nothing"
    unknown = {each for each in found if each[0] not in KNOWN | OF_STEPS | SIMULATED | BEFORE_ALL}
    assert unknown == set()


def test_what_pods_are_stuck_in_is_documented() -> None:
    """Kubernetes' own words that Argosy passes on are in the list, too."""
    assert set(pod_observation._STUCK) <= KNOWN


def test_every_reason_is_used_or_passed_on() -> None:
    """The list has no reason that nothing gives."""
    sources = "".join(
        path.read_text() for path in CONTROLLER.rglob("*.py") if path.name != "reasons.py"
    )
    idle = {
        str(each)
        for each in reasons.Reason
        if f"Reason.{each.name}" not in sources and f'"{each}"' not in sources
    }
    # The words of Kubernetes' scheduler come from the pod's own condition.
    assert idle <= {"SchedulingGated"}


def test_the_page_has_every_reason_once() -> None:
    """Each reason has one line on the page, and what can be typed stands by itself."""
    page = reference.things_that_go_wrong()
    for each in reasons.Reason:
        assert page.count(f"| `{each}` |") == 1
