"""What a fleet says of itself, and what becomes of orphans."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import clock, names, objects
from controller.api.resources import Resource
from controller.api.views.meta import Meta
from controller.contract import Phase
from controller.kinds.fleet import planner, summary
from controller.kinds.fleet.snapshot import FleetFailure, FleetSnapshot
from controller.planning import outcomes, plan, targets, unclaimed
from controller.planning.unclaimed import Sighting
from controller.providers.openstack.reasons import CloudReason

NOW = 1.7e9
ORPHAN = objects.Orphan(id="i1", server="d/shop-web-0")


def decide(
    status: objects.FleetStatus | None = None, *, collect: str = "", **more: Any
) -> plan.Plan:
    """Return the plan for a fleet of which that is known, and whose annotation says that."""
    marks = {names.COLLECT_ANNOTATION: collect} if collect else {}
    found = objects.Fleet(
        metadata=Meta(name="cloud", uid="f", generation=1, resource_version="7", annotations=marks),
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


def test_where_its_servers_are_stays_as_it_was_told_first() -> None:
    """Neither a provider that is being opened nor one that finds itself elsewhere changes it."""
    assert told(decide()).home is None
    status = told(decide(home="project a in region one"))
    assert status.home == "project a in region one"
    assert decide(status, home="").status is None
    assert decide(status, home="project b in region one").status is None


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


@pytest.mark.parametrize(("before", "seen", "most"), [(5, 0, 5), (5, 3, 5), (5, 8, 8), (0, 1, 1)])
def test_a_count_does_not_fall_while_not_all_are_counted(before: int, seen: int, most: int) -> None:
    """Parts of the work pass between replicas: a fleet that is in use must not seem unused."""
    status = msgspec.structs.replace(told(decide(servers=0)), servers=before)
    after = decide(status, servers=seen, all_counted=False).status or status
    assert isinstance(after, objects.FleetStatus)
    assert after.servers == most
    exact = decide(status, servers=seen).status or status
    assert isinstance(exact, objects.FleetStatus)
    assert exact.servers == seen


def test_a_fleet_counts_the_namespaces_that_are_held_by_themselves() -> None:
    """It is available all the same, and names none: who may read it need not know them."""
    said = [told(decide(held=number)).conditions[0] for number in (0, 1, 2)]
    assert {each.status for each in said} == {"True"}
    assert [each.message for each in said] == [
        "Servers can be made.",
        "Servers can be made, but in 1 namespace no write is answered in time.",
        "Servers can be made, but in 2 namespaces no write is answered in time.",
    ]


def unheard(seconds: float, *, stalled: bool = False) -> dict[str, Any]:
    """Return what is known of a fleet outside of which nothing is heard for so long."""
    words = "the service compute cannot be reached"
    silence = FleetFailure(reason=CloudReason.CLOUD_UNREACHABLE, message=words, stalled=stalled)
    return {"outside": True, "silence": silence, "silent_for": seconds}


@pytest.mark.parametrize(("stalled", "extra"), [(False, "Reconciling"), (True, "Stalled")])
def test_a_fleet_that_is_not_heard_says_so_after_a_minute(*, stalled: bool, extra: str) -> None:
    """No call need fail for that; once the servers are heard again the fleet is Ready."""
    brief = told(decide(**unheard(summary.SILENT_FOR - 1, stalled=stalled)))
    assert {each.type: each.status for each in brief.conditions} == {"Ready": "True"}
    answer = decide(brief, **unheard(summary.SILENT_FOR, stalled=stalled))
    status = told(answer)
    found = {each.type: each.status for each in status.conditions}
    assert found == {"Ready": "False", extra: "True"}
    assert {each.reason for each in status.conditions} == {"CloudUnreachable"}
    assert status.conditions[0].message == (
        "Nothing is heard of the fleet's servers: the service compute cannot be reached."
        " Servers are told as they were last seen."
    )
    assert answer.write_status_now
    # Nothing is written for that it lasts.
    assert decide(status, **unheard(summary.SILENT_FOR * 9, stalled=stalled)).status is None
    assert told(decide(status, outside=True)).conditions[0].reason == "Available"


@pytest.mark.parametrize(
    ("seconds", "wake"),
    [(5.0, 55.0), (59.9, 1.0), (60.0, planner.LISTEN), (9999.0, planner.LISTEN)],
)
def test_a_fleet_that_is_not_heard_is_looked_at_when_that_is_to_be_told(
    seconds: float, wake: float
) -> None:
    """And often from then on: no cache tells that its servers are heard again."""
    assert decide(**unheard(seconds)).wake_after == wake


def sighting(
    name: str = "i1",
    ago: float = unclaimed.TELL_AFTER,
    phase: Phase = Phase.RUNNING,
    uid: str = "u",
) -> Sighting:
    """Return an instance whose Server has been gone for so many seconds."""
    server = f"d/{name}" if uid else ""
    instance = contract.Instance(id=name, server=server, uid=uid, phase=phase)
    return Sighting(instance=instance, since=NOW - ago)


def seen(*found: Sighting) -> dict[str, Any]:
    """Return what is known of a fleet outside the cluster."""
    return {"outside": True, "unclaimed": {each.instance.id: each for each in found}}


TOLD = objects.Unclaimed(id="i1", server="d/i1", since=clock.stamp(NOW - unclaimed.TELL_AFTER))
LISTED = objects.FleetStatus(unclaimed=(TOLD,))


@pytest.mark.parametrize(
    ("before", "known", "listed"),
    [
        ((), seen(sighting()), ["i1"]),
        ((), seen(sighting(ago=unclaimed.TELL_AFTER - 1)), []),
        ((), seen(sighting(phase=Phase.TERMINATING)), []),
        ((), seen(sighting(phase=Phase.UNREACHABLE)), []),
        ((), seen(sighting(uid="")), []),
        ((), {"outside": True, "unclaimed": None}, []),
        ((TOLD,), {"outside": True, "unclaimed": None}, ["i1"]),
        ((TOLD,), seen(sighting(ago=1)), ["i1"]),
        ((TOLD,), seen(sighting(phase=Phase.UNREACHABLE, uid="")), ["i1"]),
        ((TOLD,), seen(sighting(phase=Phase.TERMINATING)), ["i1"]),
        ((TOLD,), seen(), []),
    ],
    ids=[
        "due", "not yet", "going", "not heard", "in doubt", "nothing known", "told, nothing known",
        "told, counted anew", "told, in doubt", "told, going", "told, gone or claimed",
    ],
)  # fmt: skip
def test_what_has_no_server_is_told_after_a_while(
    before: tuple[objects.Unclaimed, ...], known: dict[str, Any], listed: list[str]
) -> None:
    """What is told stays told until it is gone or claimed, and nothing is deleted by itself."""
    answer = decide(objects.FleetStatus(unclaimed=before), **known)
    status = told(answer)
    assert [each.id for each in status.unclaimed] == listed
    ready = status.conditions[0]
    assert (ready.status, ready.reason) == ("True", "Unclaimed" if listed else "Available")
    news = [each.reason for each in answer.actions if isinstance(each, plan.RecordEvent)]
    assert news == (["Unclaimed"] if len(listed) > len(before) else [])
    assert not [each for each in answer.actions if isinstance(each, plan.DeleteOrphan)]
    assert decide(status, **known).status is None


def test_what_was_abandoned_is_not_told_as_lost() -> None:
    """It is on record as an orphan, and goes by itself when it returns."""
    found = seen(sighting())
    assert told(decide(objects.FleetStatus(orphans=(ORPHAN,)), **found)).unclaimed == ()


def test_a_list_of_what_has_no_server_is_bounded_and_stable() -> None:
    """What is told stays in it; the others have their turn as these go."""
    many = [sighting(f"a{number:03}") for number in range(150)]
    status = told(decide(LISTED, **seen(sighting(), *many)))
    assert len(status.unclaimed) == unclaimed.MOST
    assert TOLD in status.unclaimed
    assert [each.id for each in status.unclaimed] == sorted(each.id for each in status.unclaimed)
    assert "100 instances have no Server" in status.conditions[0].message


def test_a_fleet_outside_is_looked_at_now_and_then() -> None:
    """No cache tells of what lost its Server; what the cluster collects by itself needs no look."""
    assert decide(**seen()).wake_after == planner.WATCH
    assert decide(outside=True).wake_after == planner.WATCH
    assert decide(**seen(sighting(ago=1))).wake_after == planner.LOOK_AGAIN
    assert decide().wake_after is None


@pytest.mark.parametrize(
    ("collect", "known", "deleted"),
    [
        ("i1", seen(sighting()), ["i1"]),
        ("i2, i1", seen(sighting(), sighting("i2", ago=1)), ["i1"]),
        ("i2", seen(sighting(), sighting("i2", ago=1)), []),
        ("", seen(sighting()), []),
        ("i1", seen(sighting(phase=Phase.TERMINATING)), []),
        ("i1", seen(sighting(phase=Phase.UNREACHABLE)), []),
        ("i1", {"outside": True, "unclaimed": None}, []),
    ],
    ids=["named", "one of two", "not told yet", "nobody asked", "going", "not heard", "unknown"],
)
def test_only_what_is_told_and_named_is_collected(
    collect: str, known: dict[str, Any], deleted: list[str]
) -> None:
    """By its id, with the UID of the Server that must not be there."""
    answer = decide(LISTED, collect=collect, **known)
    assert [each for each in answer.actions if isinstance(each, plan.DeleteOrphan)] == [
        plan.DeleteOrphan(
            instance=each,
            server=f"d/{each}",
            claimant=plan.Claimant(resource=Resource.SERVERS, namespace="d", name=each, uid="u"),
            why="Unclaimed",
        )
        for each in deleted
    ]
    assert not [each for each in answer.actions if isinstance(each, plan.Patch)]


@pytest.mark.parametrize(("collect", "left"), [("i1", None), ("i1,i2", "i2"), ("i2,i9", "i2")])
def test_a_wish_to_collect_is_good_for_once(collect: str, left: str | None) -> None:
    """What is gone, claimed or somebody else's is taken off it, by a write that stands alone."""
    answer = decide(LISTED, collect=collect, **seen(sighting("i2")))
    (write,) = answer.actions
    assert isinstance(write, plan.Patch)
    assert write.body == {"metadata": {"annotations": {names.COLLECT_ANNOTATION: left}}}
    assert (write.resource_version, write.subresource, answer.status) == ("7", "", None)


def test_a_collect_that_is_refused_is_told_once_and_until_it_is_over() -> None:
    """In status by its instance, with one Event; the next attempt makes no second one."""
    refused = outcomes.Outcome(
        target=targets.InstanceTarget("cloud", "i1"), verb=contract.Verb.DELETE,
        kind=errors.FailureKind.REFUSED,
        reason=CloudReason.LOCKED, message="i1 is locked", time=NOW, again=NOW + 60, event=True,
    )  # fmt: skip

    def events(answer: plan.Plan) -> list[str]:
        found = [each for each in answer.actions if isinstance(each, plan.RecordEvent)]
        return [each.reason for each in found if each.warning]

    before = told(decide(LISTED, **seen(sighting())))
    answer = decide(before, collect="i1", outcomes=(refused,), **seen(sighting()))
    status = told(answer)
    (blocked,) = status.blocked_by
    assert (blocked.object, blocked.message) == ("Instance/i1", "i1 is locked")
    assert (events(answer), answer.write_status_now) == (["FailedDelete"], True)
    again = decide(status, collect="i1", outcomes=(refused,), **seen(sighting()))
    assert (events(again), again.status) == ([], None)
    assert told(decide(status, **seen(sighting()))).blocked_by == ()


def test_of_many_collects_that_are_refused_ten_are_named() -> None:
    """A status stays small, however many instances a cloud will not delete."""
    refused = tuple(
        outcomes.Outcome(
            target=targets.InstanceTarget("cloud", f"i{number:02}"), verb=contract.Verb.DELETE,
            kind=errors.FailureKind.REFUSED, reason=CloudReason.LOCKED, message="locked", time=NOW,
        )
        for number in range(12)
    )  # fmt: skip
    blocked = told(decide(LISTED, outcomes=refused, **seen(sighting()))).blocked_by
    assert len({each.object for each in blocked}) == len(blocked) == 10


def test_a_plan_names_what_is_unclaimed() -> None:
    """`why` shows the notes of a plan: the first are named, the others are counted."""
    many = tuple(
        objects.Unclaimed(id=f"i{number}", server=f"d/web-{number}", since="2026-01-01T00:00:00Z")
        for number in range(unclaimed.MOST_NARRATED + 2)
    )
    notes = decide(objects.FleetStatus(unclaimed=many)).notes
    said = "Unclaimed: i0 of d/web-0, whose Server is gone since 2026-01-01T00:00:00Z."
    assert (notes[1], notes[-1], len(notes)) == (said, "Unclaimed: 2 more.", 12)
    assert decide().notes == ("3 servers, 0 orphans.",)
