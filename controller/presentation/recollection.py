"""What only the operator met, as it stands in status: how its own calls went.

`inspection` plans without having made a call. Given these, it says what the operator says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller import errors
from controller.api import clock, conditions, objects, resources
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.contract import Verb
from controller.execution.caches import Caches
from controller.kinds.operation.reasons import OperationReason
from controller.kube.reasons import KubeReason
from controller.planning.outcomes import Outcome
from controller.planning.targets import ObjectTarget
from controller.reasons import Vocabulary

# By the words that stand in status.
OF_CALLS: Mapping[str, Vocabulary] = {
    str(each): each
    for each in {
        *KubeReason,
        Reason.REFUSED,
        Reason.FORBIDDEN,
        Reason.NAME_TAKEN,
        Reason.OWNER_GONE,
    }
}


def recall(caches: Caches, item: objects.Object) -> tuple[Outcome, ...]:
    """Return how the operator's calls for an object went, as far as its status tells.

    Nothing of an earlier spec, and nothing that the planner finds in the status by itself. A name
    that is free by now is taken by nobody.
    """
    status: Any = getattr(item, "status", None)
    if not getattr(status, "blocked_by", ()):
        return ()
    if status.observed_generation != item.metadata.generation:
        return ()
    attempts = getattr(status, "attempts", None)
    error = attempts.last_error if attempts is not None else None
    known = error.reason if error is not None else ""
    found = (each for each in status.blocked_by if each.reason in OF_CALLS and each.reason != known)
    stalled = conditions.find(status.conditions, ConditionType.STALLED)
    why = stalled.reason if stalled is not None else ""
    return tuple(_outcomes(caches, item, found, why))


def moving(item: objects.Object) -> str:
    """Return what says whose an object is, where it passes to another replica by its status."""
    status: Any = getattr(item, "status", None)
    told: tuple[Blocked, ...] = getattr(status, "blocked_by", ())
    return next((each.object for each in told if each.reason == OperationReason.MOVING), "")


def _outcomes(
    caches: Caches, item: objects.Object, told: Iterator[Blocked], stalled: str
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
            reason=OF_CALLS[each.reason],
            message=each.message,
            time=since,
            since=since,
            again=clock.parse(each.next_attempt_time),
            blocker=each.object,
        )


def _is_free(caches: Caches, named: Resource | None, item: objects.Object, name: str) -> bool:
    """Return whether nothing has the name, as far as the caches show all of its kind."""
    watched = caches.informers.get(named) if named is not None else None
    if watched is None or named not in caches.kinds:
        return False
    return watched.seen(item.metadata.namespace, name) is None
