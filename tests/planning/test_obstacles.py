"""What keeps kinds from acting: each shared check finds what it is for, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import clock, objects
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


PAUSE = contract.Pause(reason="CircuitOpen", message="Calls fail.", until=NOW + 10)
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
            fleet(problem="UnknownFleet", message="There is no fleet west."),
            obstacles.fleet_problem,
            "UnknownFleet", "There is no fleet west.", "Fleet/west",
        ),
        (
            fleet(problem="UnknownFleet"),
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
    stalled = obstacles.fleet_problem(fleet(problem="UnknownFleet"))
    passing = obstacles.fleet_pause(fleet(pause=PAUSE))
    assert stalled is not None
    assert passing is not None
    assert (stalled.stalled, stalled.passing) == (True, False)
    assert (passing.stalled, passing.passing) == (False, True)
