"""What a fleet says of itself, and what becomes of orphans."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import clock, objects
from controller.api.views.meta import Meta
from controller.kinds.fleet import planner
from controller.kinds.fleet.snapshot import FleetSnapshot
from controller.planning import plan

NOW = 1.7e9
ORPHAN = objects.Orphan(id="i1", server="d/shop-web-0")


def decide(status: objects.FleetStatus | None = None, **more: Any) -> plan.Plan:
    """Return the plan for a fleet of which that is known."""
    found = objects.Fleet(
        metadata=Meta(name="cloud", uid="f", generation=1, resource_version="7"),
        status=status or objects.FleetStatus(),
    )
    given = {"servers": 3, "known_provider": True, **more}
    return planner.plan(FleetSnapshot(now=NOW, fleet=found, **given))


def told(answer: plan.Plan) -> objects.FleetStatus:
    """Return the status that is to be written."""
    assert isinstance(answer.status, objects.FleetStatus)
    return answer.status


@pytest.mark.parametrize(
    ("more", "ready", "extra"),
    [
        ({}, "True", []),
        ({"circuit": "Open"}, "False", ["Reconciling"]),
        ({"known_provider": False}, "False", ["Stalled"]),
    ],
)
def test_a_fleet_says_whether_it_can_be_used(
    more: dict[str, Any], ready: str, extra: list[str]
) -> None:
    """Ready, or why not; and nothing is written when nothing changed."""
    status = told(decide(**more))
    found = {each.type: each.status for each in status.conditions}
    assert found == {"Ready": ready, **dict.fromkeys(extra, "True")}
    assert decide(status, **more).status is None


@pytest.mark.parametrize(
    ("circuit", "trial"),
    [("Closed", None), ("HalfOpen", None), ("Open", clock.stamp(NOW + 30))],
)
def test_a_fleet_says_when_an_open_circuit_is_tried(circuit: str, trial: str | None) -> None:
    """And in whose words it opened; once it is being tried, or closed, no time is told."""
    status = told(decide(circuit=circuit, circuit_until=NOW + 30, circuit_words="disk full"))
    assert status.next_trial_time == trial
    ready = status.conditions[0].message or ""
    assert ("disk full" in ready) is (circuit != "Closed")


def test_an_orphan_is_on_record_until_it_is_gone() -> None:
    """It stays while it cannot be reached, is torn down when it can, and is then forgotten.

    It is taken out of the very record that was read: another may be added at the same time.
    """
    recorded = told(decide(objects.FleetStatus(orphans=(ORPHAN,))))
    assert recorded.orphans == (ORPHAN,)
    assert decide(recorded).actions == ()
    back = decide(recorded, returned=frozenset({"i1"}))
    assert back.actions == (
        plan.DeleteOrphan(instance="i1", server="d/shop-web-0", why="Returned"),
    )
    gone = decide(recorded, gone=frozenset({"i1"}))
    (write,) = gone.actions
    assert isinstance(write, plan.Patch)
    assert (write.body, write.resource_version) == ({"status": {"orphans": ()}}, "7")
    assert gone.status is None


def test_counts_may_be_told_later_and_the_rest_at_once() -> None:
    """A fleet of thousands is not written for each server."""
    status = told(decide(servers=3))
    assert not decide(status, servers=4).write_status_now
    assert decide(status, servers=4, circuit="Open").write_status_now


def test_whether_there_are_any_is_told_at_once() -> None:
    """A fleet that has servers cannot be deleted, and one that has none any more can."""
    assert decide(told(decide(servers=0)), servers=1).write_status_now
    assert decide(told(decide(servers=1)), servers=0).write_status_now


def test_a_fleet_counts_the_namespaces_that_are_held_by_themselves() -> None:
    """It is available all the same, and names none: who may read it need not know them."""
    said = [told(decide(held=number)).conditions[0] for number in (0, 1, 2)]
    assert {each.status for each in said} == {"True"}
    assert [each.message for each in said] == [
        "Servers can be made.",
        "Servers can be made, but in 1 namespace no write is answered in time.",
        "Servers can be made, but in 2 namespaces no write is answered in time.",
    ]
