"""Writes of planners that fail: what a plan asks for, how that went, and what is to be told of it.

Tests of each kind ask, for every way through its planner on which it writes alone.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from controller import errors
from controller.api import resources
from controller.api.reasons import Reason
from controller.kinds import registry
from controller.kube.reasons import KubeReason
from controller.planning import plan, targets
from controller.planning.outcomes import Outcome
from controller.planning.targets import ObjectVerb
from tests.kinds import failing

GUARD = "Webhook/guard.example.com"
REFUSED, FAILED = errors.FailureKind.REFUSED, errors.FailureKind.FAILED
# What a guard answers: for good, or for a while.
FAILURES = {REFUSED: KubeReason.DENIED, FAILED: KubeReason.WEBHOOK_FAILED}
WRITES = plan.Create | plan.Patch | plan.Delete | plan.DeleteClaim | plan.DeleteOrphan
WARNINGS = {Reason.FAILED_CREATE, Reason.FAILED_UPDATE, Reason.FAILED_DELETE}


def decide(snapshot: Any) -> plan.Plan:
    """Return what the kind's planner makes of it."""
    return registry.of(resources.of(type(snapshot.item))).plan(snapshot)


def asked(made: plan.Plan, snapshot: Any) -> set[tuple[targets.Target, targets.AnyVerb]]:
    """Return what the plan writes, or has a fleet delete."""
    written = [x for x in made.actions if isinstance(x, WRITES)]
    return {found for each in written if (found := targets.of(each, snapshot.item)) is not None}


def failures(
    made: plan.Plan, snapshot: Any, kind: errors.FailureKind, **more: Any
) -> tuple[Outcome, ...]:
    """Return how all that a plan writes went, which did not succeed."""
    given: dict[str, Any] = {"blocker": GUARD, "event": True, "time": snapshot.now, **more}
    return tuple(
        failing.outcome(target, FAILURES[kind], verb=verb, kind=kind, **given)
        for target, verb in sorted(asked(made, snapshot), key=str)
    )


def with_item(snapshot: Any, item: Any, **more: Any) -> Any:
    """Return the snapshot with the object as it is by now."""
    fields = dataclasses.fields(snapshot)
    name = next(each.name for each in fields if getattr(snapshot, each.name) is snapshot.item)
    return dataclasses.replace(snapshot, **{name: item, **more})


def told(status: Any) -> set[tuple[str, str]]:
    """Return what a status says is in the way, and why."""
    return {(each.object, each.reason) for each in status.blocked_by}


def warnings(made: plan.Plan) -> list[plan.RecordEvent]:
    """Return the Events of writes that fail."""
    events = (each for each in made.actions if isinstance(each, plan.RecordEvent))
    return [each for each in events if each.reason in WARNINGS]


def is_told(snapshot: Any, made: plan.Plan, kind: errors.FailureKind) -> bool:
    """Return whether the failure is told: a status that fails for a while is no news once it is."""
    verbs = {verb for _, verb in asked(made, snapshot)}
    return kind is REFUSED or verbs != {ObjectVerb.STATUS}


def see_told(snapshot: Any, kind: errors.FailureKind, *, ends: bool = False) -> None:
    """See that writes which fail are told, with one Event, and in the same status ever after.

    They are asked for on, unless the object can come to its end without them.
    """
    first = decide(snapshot)
    assert asked(first, snapshot)
    found = failures(first, snapshot, kind)
    second = decide(dataclasses.replace(snapshot, outcomes=found))
    if not is_told(snapshot, first, kind):
        assert second.status is None
        return
    assert second.status is not None
    assert (GUARD, FAILURES[kind]) in told(second.status)
    assert ends or asked(second, snapshot) == asked(first, snapshot)
    (event,) = warnings(second)
    assert event.message.endswith(": no")
    item = msgspec.structs.replace(snapshot.item, status=second.status)
    now = snapshot.now + 2
    again = failures(first, snapshot, kind, count=2, since=snapshot.now, time=now)
    third = decide(with_item(snapshot, item, now=now, outcomes=again))
    assert third.status in (None, second.status)
    assert not warnings(third)


def see_as_before(snapshot: Any) -> None:
    """See that nothing else is said of an end whose finalizer cannot be taken off for a while."""
    found = failures(decide(snapshot), snapshot, REFUSED)
    status: Any = decide(dataclasses.replace(snapshot, outcomes=found)).status
    assert status.conditions == snapshot.item.status.conditions
    meta = msgspec.structs.replace(snapshot.item.metadata, finalizers=())
    item = msgspec.structs.replace(snapshot.item, metadata=meta, status=status)
    after: Any = decide(with_item(snapshot, item)).status
    assert after == snapshot.item.status
