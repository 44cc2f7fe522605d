"""How the calls went that did not succeed: kept until they do, told in status, tried again in time.

The dispatcher writes them down, and gives every planner those of its object. A planner tells them,
and may decide by them; when each is due again is decided here alone. An outcome ends with the call
that succeeds, with a change of what was asked for, or when nobody asks any more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from controller import contract, errors
from controller.api import clock, conditions, objects, resources
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Verb
from controller.planning import plan, remedies, targets
from controller.planning.targets import AnyVerb, ObjectVerb, Target
from controller.reasons import AnyReason

# A next attempt that is told stands for so long, in seconds, and then for as long as it went on
# already: not each retry is worth a write.
COARSE = 600.0
# A create failed for these as something is there.
_THERE = (Reason.NAME_TAKEN, Reason.OWNER_GONE)
# Writes of a status.
_STATUSES = frozenset({ObjectVerb.STATUS, ObjectVerb.RECORD})
_EVENTS: dict[AnyVerb, Reason] = {
    Verb.CREATE: Reason.FAILED_CREATE,
    Verb.DELETE: Reason.FAILED_DELETE,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the latest of some calls in a row went, in the words of whoever answered."""

    target: Target
    verb: AnyVerb
    kind: errors.FailureKind
    reason: AnyReason
    message: str
    # When it last happened, and when first.
    time: float
    since: float = 0.0
    # How often in a row.
    count: int = 1
    # Not before this time is it tried again.
    again: float = 0.0
    # The object that is in the way, where that is known.
    blocker: str = ""
    costs_attempt: bool = False
    told: bool = True
    event: bool = False
    # The call was not made: it waits for what its siblings were answered.
    waits_with_siblings: bool = False
    # How people see what was asked for, where that is of a fleet.
    display: contract.Display = contract.PLAIN
    # The command that helps, where a status has told it; else it is found by what is in the way.
    remedy: str = ""

    @property
    def refused(self) -> bool:
        """Whether the same would be refused again."""
        return self.kind is errors.FailureKind.REFUSED

    @property
    def in_status(self) -> bool:
        """Whether it is told in status.

        A status that could not be written for a while is no news once it can; nor is a read.
        """
        if self.verb is ObjectVerb.READ:
            return False
        return self.told and (self.verb not in _STATUSES or self.refused)

    @property
    def asked(self) -> str:
        """The thing asked about, as `blockedBy` names it: a machine of a fleet has no object."""
        made = self.display.resource
        if made is None or not isinstance(self.target, targets.ServerTarget):
            return self.target.object
        return resources.thing(made, self.target.name)

    def object(self, item: objects.Object) -> str:
        """Return what is in the way of `item`, as `blockedBy` names it: something that is there.

        Example: a Service that is refused was never made, so its set names itself.
        """
        if self.blocker:
            return self.blocker
        if self.verb is Verb.CREATE and self.reason not in _THERE:
            return self.target.maker or name(item)
        return self.asked

    def blocked(self, item: objects.Object) -> Blocked:
        """Return what to tell of it."""
        thing, meta = self.object(item), item.metadata
        own = self.refused and thing == name(item)
        shown = self.target.shown if thing == self.target.object else thing
        helps = (
            remedies.edit_above(item)
            if own
            else remedies.unblock(shown, meta.namespace, self.message, by=self.display)
        )
        return Blocked(
            object=thing,
            reason=self.reason,
            message=self.message,
            since=clock.stamp(self.since or self.time),
            next_attempt_time=clock.stamp(self.again) if self.again else None,
            remedy=self.remedy or helps,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of one object's calls."""

    every: tuple[Outcome, ...]

    @property
    def told(self) -> tuple[Outcome, ...]:
        """The outcomes worth telling, in the order of what is in the way."""
        if not self.every:
            return ()
        told = (each for each in self.every if each.in_status)
        return tuple(sorted(told, key=lambda each: (_place(each), each.reason, str(each.target))))

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """The outcomes that retrying does not help."""
        return tuple(each for each in self.told if each.refused)

    def has_refused(self, resource: Resource, name: str) -> bool:
        """Return whether a write to that object was refused."""
        return any(
            isinstance(each.target, targets.ObjectTarget)
            and (each.target.resource, each.target.name) == (resource, name)
            for each in self.refused
        )

    def of(self, *verbs: AnyVerb) -> Outcomes:
        """Return the outcomes of some verbs alone."""
        return Outcomes(tuple(each for each in self.every if each.verb in verbs))

    def about(self, action: plan.Action, item: objects.Object) -> Outcomes:
        """Return how that very call, planned for `item`, went before: nothing, or one outcome."""
        asked = targets.of(action, item)
        return Outcomes(tuple(each for each in self.every if (each.target, each.verb) == asked))

    def due(
        self, actions: Iterable[plan.Action], item: objects.Object, now: float
    ) -> tuple[plan.Action, ...]:
        """Return the actions without those whose next attempt is not due."""
        waiting = {(each.target, each.verb) for each in self.every if each.again > now}
        if not waiting:
            return tuple(actions)
        return tuple(each for each in actions if targets.of(each, item) not in waiting)

    def blocked(self, item: objects.Object) -> tuple[Blocked, ...]:
        """Return what to tell, one for each object that is in the way of `item` and each reason."""
        found: dict[tuple[str, str], Blocked] = {}
        for each in self.told:
            told = each.blocked(item)
            found.setdefault((told.object, told.reason), told)
        return tuple(found.values())

    def wake_after(self, now: float) -> float | None:
        """Return when the first of them is due again."""
        if not self.every:
            return None
        return min((each.again - now for each in self.every if each.again > now), default=None)


# Nearly all plans find none, and ask several times.
_NONE = Outcomes(())


def of(found: Iterable[Outcome]) -> Outcomes:
    """Return the outcomes that a snapshot carries."""
    kept = tuple(found)
    return Outcomes(kept) if kept else _NONE


def alone(made: plan.Plan, failed: Outcomes, tell: Callable[[], plan.Plan]) -> plan.Plan:
    """Return a plan whose write goes alone; once a call has failed, with all there is to `tell`.

    While the write succeeds, a status beside it would be one more write, and onto a version that
    is gone with the first. Example: the finalizer of a new Application is one write, and its status
    comes with the next plan. Where a webhook refuses the finalizer no such plan comes: the status
    says so, beside each further try.
    """
    if not failed.told:
        return made
    told = tell()
    return dataclasses.replace(
        told,
        actions=(*made.actions, *told.actions),
        notes=(*made.notes, *told.notes),
        wake_after=plan.soonest(made.wake_after, told.wake_after),
        urgency=max(made.urgency, told.urgency),
    )


def name(item: objects.Object) -> str:
    """Return the object, as `blockedBy` names it."""
    # Views are named as their kinds are.
    return f"{type(item).__name__}/{item.metadata.name}"


def _place(found: Outcome) -> str:
    return found.blocker or found.asked


def news(
    before: Iterable[Blocked], found: Outcomes, item: objects.Object
) -> Iterator[plan.RecordEvent]:
    """Yield a warning for each thing that is in the way and was not told before: once, not a retry.

    Events of creates and deletes have the names that a ReplicaSet gives to its own.
    """
    known = {(each.object, each.reason) for each in before}
    for each in found.every:
        thing = each.object(item)
        if not each.told or not each.event or (thing, each.reason) in known:
            continue
        known.add((thing, each.reason))
        yield plan.RecordEvent(
            reason=_EVENTS.get(each.verb, Reason.FAILED_UPDATE),
            message=f"Failed to {each.verb} {each.target.subject}: {each.message}",
            warning=True,
            cause=f"{thing} {each.reason}",
        )


def steady(before: Iterable[Blocked], after: Sequence[Blocked], now: float) -> tuple[Blocked, ...]:
    """Return `after` with what `before` told of the same: since when, and the next attempt."""
    if not after:
        return ()
    told = {(each.object, each.reason): each for each in before}
    kept = conditions.keep_since(tuple(before), tuple(after))
    return tuple(_steady(told.get((each.object, each.reason)), each, now) for each in kept)


def _steady(before: Blocked | None, after: Blocked, now: float) -> Blocked:
    """Keep the words and the time that stand: a count in a message moves with each retry."""
    if before is None or not before.next_attempt_time or not after.next_attempt_time:
        return after
    due = clock.parse(before.next_attempt_time)
    if now > due + max(COARSE, due - clock.parse(before.since)):
        return after
    return msgspec.structs.replace(
        after, message=before.message, next_attempt_time=before.next_attempt_time
    )
