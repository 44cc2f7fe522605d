"""What is left of a plan for an application that is only observed."""

from __future__ import annotations

import types

import pytest

from controller import contract
from controller.api import objects
from controller.api.resources import Resource
from controller.kinds.serverset.reasons import ServerSetReason
from controller.planning import management
from controller.planning.plan import Create, Delete, DeleteClaim, Patch, Plan, RecordEvent

OWN = (
    Create(resource=Resource.SERVERS, body={}, why=""),
    Patch(resource=Resource.SERVERSETS, namespace="n", name="a", uid="u", body={}, why=""),
    Delete(resource=Resource.SERVERS, namespace="n", name="a", uid="u", why=""),
)
OTHERS = (
    Create(resource=Resource.SERVICES, body={}, why=""),
    Create(resource=Resource.REVISIONS, body={}, why=""),
    Patch(resource=Resource.DISRUPTION_BUDGETS, namespace="n", name="a", uid="u", body={}, why=""),
    Delete(resource=Resource.CLAIMS, namespace="n", name="a", uid="u", why=""),
    RecordEvent(reason=ServerSetReason.MOVING, message="Moving."),
    contract.Call(verb=contract.Verb.CREATE, why=""),
    DeleteClaim(
        claim=contract.Claim(id="i", name="c", server="s", component="w"), fleet="", why=""
    ),
)
MADE = Plan(actions=(*OWN, *OTHERS), notes=("a note",), wake_after=3.0)


def snapshot(*, going: bool = False, management: str = "Full") -> object:
    """Return what a planner is given, as far as the gate looks at it."""
    meta = objects.Meta(name="shop", deletion_timestamp="2026-01-01T00:00:00Z" if going else None)
    application = objects.Application(
        metadata=meta, spec=objects.ApplicationSpec(management=management)
    )
    return types.SimpleNamespace(application=application)


def test_only_argosys_own_kinds_are_written_for_what_is_observed() -> None:
    """No pod, claim, Service, record or Event; the rest of the plan stands."""
    left = management.restrict(MADE, snapshot(management="Observe"))
    assert left.actions == OWN
    assert (left.notes, left.wake_after) == (MADE.notes, MADE.wake_after)


@pytest.mark.parametrize(
    "given",
    [
        snapshot(),
        snapshot(management="Observe", going=True),
        types.SimpleNamespace(application=None),
    ],
    ids=["managed", "going", "without an application"],
)
def test_whatever_else_is_planned_is_carried_out(given: object) -> None:
    """So is the teardown of an application that is deleted, whatever it says of its management."""
    assert management.restrict(MADE, given) is MADE
