"""The outcomes that only the operator met, as status tells them: how its own calls went.

`inspection` plans without having made a call. Given these, it says what the operator says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from controller import errors
from controller.api import clock, conditions, objects, resources
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.contract import Verb
from controller.execution.caches import Caches
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.registry import KINDS
from controller.kube.reasons import KubeReason
from controller.planning import plan
from controller.planning.outcomes import Outcome
from controller.planning.targets import ObjectTarget
from controller.reasons import ForeignReason

# Both end at a time that is told, and no call is tried then.
_SPANS = (Reason.CIRCUIT_OPEN, Reason.REMEDIATION_HELD)
# A reason that a kind says of itself answers no call.
_OF_KINDS = frozenset(str(each) for kind in KINDS for room in kind.reasons for each in room)
# Only writes are answered so: never do a provider's instances look so.
_OF_WRITES = frozenset(
    {*KubeReason, Reason.REFUSED, Reason.FORBIDDEN, Reason.NAME_TAKEN, Reason.OWNER_GONE}
)


def recall(caches: Caches, item: objects.Object, made: plan.Plan) -> tuple[Outcome, ...]:
    """Return how the operator's calls for an object went, as far as its status tells.

    Of each call that failed the status says when it is tried again. Nothing of an earlier spec,
    nothing that the planner finds by itself, as it did for `made`, where it knew of no call; and
    where that changes no status, the one that stands is told anyway. A name that is free by now is
    taken by nobody.
    """
    status: Any = getattr(item, "status", None)
    told: tuple[Blocked, ...] = getattr(status, "blocked_by", ())
    if not told or made.status is None or status.observed_generation != item.metadata.generation:
        return ()
    found = {(each.object, each.reason) for each in getattr(made.status, "blocked_by", ())}
    attempts = getattr(status, "attempts", None) or objects.Attempts()
    missed = (
        each
        for each in told
        if (each.object, each.reason) not in found and _is_of_a_call(each, attempts)
    )
    stalled = conditions.find(status.conditions, ConditionType.STALLED)
    why = stalled.reason if stalled is not None else ""
    return tuple(_outcomes(caches, item, missed, why))


def _is_of_a_call(told: Blocked, attempts: objects.Attempts) -> bool:
    """Return whether something is told since a call failed, and not an attempt at a server.

    A server tells when it is attempted again, too: beside how its calls failed, or its instance.
    """
    if not told.next_attempt_time or told.reason in _OF_KINDS or told.reason in _SPANS:
        return False
    error = attempts.last_error
    if error is not None and told.reason == error.reason:
        return False
    return not attempts.next_attempt_time or told.reason in _OF_WRITES


def moving(item: objects.Object) -> str:
    """Return what says whose an object is, where it passes to another replica by its status."""
    status: Any = getattr(item, "status", None)
    told: tuple[Blocked, ...] = getattr(status, "blocked_by", ())
    return next((each.object for each in told if each.reason == OperationReason.MOVING), "")


def _outcomes(
    caches: Caches, item: objects.Object, told: Iterable[Blocked], stalled: str
) -> Iterator[Outcome]:
    for each in told:
        kind, name = resources.parts(each.object)
        named = next((one for one, place in PLACES.items() if place.kind == kind), None)
        if each.reason == Reason.NAME_TAKEN and _is_free(caches, named, item, name):
            continue
        since, refused = clock.parse(each.since), each.reason == stalled
        yield Outcome(
            target=ObjectTarget(named or resources.of(type(item)), item.metadata.namespace, name),
            verb=Verb.CHANGE if refused else Verb.DELETE,
            kind=errors.FailureKind.REFUSED if refused else errors.FailureKind.FAILED,
            reason=ForeignReason(each.reason),
            message=each.message,
            time=since,
            since=since,
            again=clock.parse(each.next_attempt_time),
            blocker=each.object,
            remedy=each.remedy,
        )


def _is_free(caches: Caches, named: Resource | None, item: objects.Object, name: str) -> bool:
    """Return whether nothing has the name, as far as the caches show all of its kind."""
    watched = caches.informers.get(named) if named is not None else None
    if watched is None or named not in caches.kinds:
        return False
    return watched.seen(item.metadata.namespace, name) is None
