"""What keeps kinds from acting: each shared check finds what it is for, and nothing else."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import controller
from controller import contract
from controller.api import clock, objects
from controller.api.reasons import Reason
from controller.planning import obstacles

NOW = 1_700_000_000.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """As much of a snapshot as the shared checks ask for."""

    now: float = NOW
    application: objects.Application | None = None
    namespace_terminating: bool = False
    fleet: contract.FleetFacts = dataclasses.field(
        default_factory=lambda: contract.FleetFacts(name="west")
    )


def application(*, going: bool = False, **spec: Any) -> objects.Application:
    """Return an application of no components."""
    meta = objects.Meta(name="shop", namespace="d")
    if going:
        meta = msgspec.structs.replace(meta, deletion_timestamp=clock.stamp(NOW))
    return objects.Application(metadata=meta, spec=objects.ApplicationSpec(**spec))


def fleet(**found: Any) -> Situation:
    """Return a situation whose fleet is in some trouble."""
    return Situation(fleet=contract.FleetFacts(name="west", **found))


PAUSE = contract.Pause(reason=Reason.CIRCUIT_OPEN, message="Calls fail.", until=NOW + 10)
CHECKS = (
    obstacles.namespace,
    obstacles.application_deleting,
    obstacles.resting,
    obstacles.fleet_problem,
    obstacles.fleet_pause,
)


@pytest.mark.parametrize(
    ("situation", "check", "reason", "message", "thing"),
    [
        (
            Situation(namespace_terminating=True),
            obstacles.namespace,
            "NamespaceTerminating", "The namespace is being deleted.", None,
        ),
        (
            Situation(application=application(going=True)),
            obstacles.application_deleting,
            "Deleting", "The application is being deleted.", None,
        ),
        (
            Situation(application=application(paused=True)),
            obstacles.resting,
            "Paused", "The application is paused.", "Application/shop",
        ),
        (
            Situation(application=application(management="Observe")),
            obstacles.resting,
            "Observed", "The application is only observed (spec.management: Observe).",
            "Application/shop",
        ),
        (
            fleet(problem=Reason.UNKNOWN_FLEET, message="There is no fleet west."),
            obstacles.fleet_problem,
            "UnknownFleet", "There is no fleet west.", "Fleet/west",
        ),
        (
            fleet(problem=Reason.UNKNOWN_FLEET),
            obstacles.fleet_problem,
            "UnknownFleet", "The fleet west cannot be used.", "Fleet/west",
        ),
        (
            fleet(pause=PAUSE),
            obstacles.fleet_pause,
            "CircuitOpen", "Calls fail.", "Fleet/west",
        ),
    ],
)  # fmt: skip
def test_a_shared_check_finds_what_it_is_for_and_no_other_does(
    situation: Situation,
    check: obstacles.Check[Situation],
    reason: str,
    message: str,
    thing: str | None,
) -> None:
    """Each names what is in the way, in words that are never empty, and since when."""
    found = check(situation)
    assert found is not None
    assert (found.reason, found.message) == (reason, message)
    told = [(each.object, each.reason, each.message, each.since) for each in found.blocked]
    assert told == ([(thing, reason, message, clock.stamp(NOW))] if thing else [])
    assert [each for each in CHECKS if each(situation) is not None] == [check]


def test_nothing_is_in_the_way_of_what_is_well() -> None:
    """An application at work on a fleet that can be used."""
    assert obstacles.first(Situation(application=application()), CHECKS) is None


def test_the_first_that_finds_something_is_told() -> None:
    """The order of a kind's list decides which of several obstacles people read."""
    both = Situation(namespace_terminating=True, application=application(paused=True))
    for checks, reason in ((CHECKS, "NamespaceTerminating"), (CHECKS[::-1], "Paused")):
        found = obstacles.first(both, checks)
        assert found is not None
        assert found.reason == reason


def test_only_a_person_ends_what_is_stalled() -> None:
    """A fleet that cannot be used is stalled, one that is not called for now passes by itself."""
    stalled = obstacles.fleet_problem(fleet(problem=Reason.UNKNOWN_FLEET))
    passing = obstacles.fleet_pause(fleet(pause=PAUSE))
    assert stalled is not None
    assert passing is not None
    assert (stalled.stalled, stalled.passing) == (True, False)
    assert (passing.stalled, passing.passing) == (False, True)


def test_all_that_find_something_are_told_where_each_counts() -> None:
    """What holds back calls hides nothing of what holds back all changes; in their order."""
    both = Situation(
        application=application(paused=True), fleet=contract.FleetFacts(name="west", pause=PAUSE)
    )
    found = obstacles.every(both, CHECKS)
    assert [each.reason for each in found] == ["Paused", "CircuitOpen"]
    assert obstacles.every(Situation(application=application()), CHECKS) == ()


def test_an_application_that_is_gone_ends_what_it_was_for() -> None:
    """Nobody is left to say what should be; one on its way out is another obstacle."""
    gone = obstacles.application_gone(Situation())
    assert gone is not None
    assert (gone.reason, gone.message, gone.ends) == ("Deleting", "The application is gone.", True)
    assert obstacles.application_gone(Situation(application=application(going=True))) is None


KINDS = Path(controller.__file__).parent / "kinds"
# What only the facts of the fleet tell, and no obstacle.
ASKED = {"server/restraint.py": ["snapshot.fleet.pause"]}


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield the modules of kinds."""
    for path in sorted(KINDS.rglob("*.py")):
        yield path.relative_to(KINDS).as_posix(), ast.parse(path.read_text())


def test_no_kind_asks_a_fleet_itself_what_is_wrong_with_it() -> None:
    """Whether a fleet can be used is one decision, which planner and summary read alike."""
    found = {
        place: [
            ast.unparse(node).removeprefix("situation.")
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr in ("problem", "pause")
            and ast.unparse(node.value).endswith("fleet")
        ]
        for place, tree in trees()
    }
    assert {place: asked for place, asked in found.items() if asked} == ASKED


def test_each_kind_lists_its_checks_where_the_others_do() -> None:
    """Who looks for why a kind does nothing opens one file, of the same name for each kind."""
    found = {
        place
        for place, tree in trees()
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and "Check[" in ast.unparse(node.annotation)
    }
    assert len(found) >= 5
    assert {place for place in found if not place.endswith("/checks.py")} == set()
