"""A plan in words: what would be done, what is waited for, and how the object stands.

Called by `argosy explain` and `kubectl argosy why`, which plan as the operator does and carry
nothing out; the golden tests read the same lines.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from controller import contract
from controller.api.conditions import ConditionType
from controller.api.resources import PLACES
from controller.planning import plan as plans
from controller.planning import words

# The conditions that say how an object stands; the others only colour them.
_MAIN = (ConditionType.READY, ConditionType.SUCCEEDED)


@functools.singledispatch
def phrase(action: object) -> tuple[str, str]:
    """Return what is done, in words that many actions may share, and what it is done to."""
    return type(action).__name__.lower(), getattr(action, "instance", "")


@phrase.register
def _create(action: plans.Create) -> tuple[str, str]:
    kind = PLACES[action.resource].kind
    return f"create {kind}: {action.why}", str(action.body["metadata"]["name"])


@phrase.register
def _patch(action: plans.Patch) -> tuple[str, str]:
    kind = PLACES[action.resource].kind
    what = ", ".join(_leaves(action.body))
    return f"change {what} of {kind}: {action.why}", action.name


@phrase.register
def _delete(action: plans.Delete) -> tuple[str, str]:
    return f"delete {PLACES[action.resource].kind}: {action.why}", action.name


@phrase.register
def _delete_claim(action: plans.DeleteClaim) -> tuple[str, str]:
    return f"delete volume: {action.why}", action.claim.name


@phrase.register
def _hear(action: plans.Hear) -> tuple[str, str]:
    return f"ask what keeps a {PLACES[action.resource].kind}: {action.why}", action.name


@phrase.register
def _call(action: contract.Call) -> tuple[str, str]:
    return f"ask the provider to {action.verb}: {action.why}", action.instance


@phrase.register
def _record_event(action: plans.RecordEvent) -> tuple[str, str]:
    return f"record an Event {action.reason}: {action.message}", ""


def narrate(plan: plans.Plan) -> list[str]:
    """Return the plan as lines for people: notes first, then actions, status and the next look."""
    lines = [note for note in plan.notes if note]
    lines += [f"- {line}" for line in _grouped(plan.actions)]
    if plan.status is not None:
        lines += _status(plan.status)
    if plan.wake_after is not None:
        lines.append(f"looking again in {plan.wake_after:.0f} seconds at the latest")
    return lines


def _grouped(actions: Iterable[plans.Action]) -> Iterator[str]:
    """Yield one line for each kind of action, naming a few of what it is done to."""
    groups: dict[str, list[str]] = {}
    for action in actions:
        what, target = phrase(action)
        groups.setdefault(what, []).append(target)
    for what, targets in groups.items():
        known = [each for each in targets if each]
        if not known:
            yield what
            continue
        yield f"{what}: {words.several(known)}"


def _status(status: plans.Status) -> Iterator[str]:
    others = [
        each.type for each in status.conditions if each.type not in _MAIN and each.status == "True"
    ]
    for each in status.conditions:
        if each.type in _MAIN:
            state = " and ".join([f"{each.type} {each.status}", *others])
            yield f"{state}, {each.reason}: {each.message}"
    for blocked in getattr(status, "blocked_by", ()):
        message = f": {blocked.message}" if blocked.message else "."
        remedy = f" Remedy: {blocked.remedy}" if blocked.remedy else ""
        since = f" since {blocked.since}" if blocked.since else ""
        yield f"blocked by {blocked.object}{since}, {blocked.reason}{message}{remedy}"


def _leaves(body: plans.Manifest) -> list[str]:
    """Return the fields that a patch changes, two levels deep."""
    found = []
    for key, value in body.items():
        if isinstance(value, dict) and key in ("spec", "metadata", "status"):
            found += [f"{key}.{inner}" for inner in value]
        else:
            found.append(key)
    return found
