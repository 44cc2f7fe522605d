"""How an instance comes to another revision in place, and what becomes of one that cannot.

`rules` asks it: whether the instance may change at all, what to ask of the provider, and how a
change that is under way stands. Where a change is refused, or can never be completed, of that very
instance, a new one is made: so the rollout's budget, which the server counts against already, holds
for that as well. Not of a server that is held: it is waited for, and told.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api.choices import Power
from controller.api.conditions import Blocked
from controller.contract import Phase, incarnations
from controller.contract.reasons import ProviderReason
from controller.kinds.server import attempts, removal
from controller.kinds.server.assessment import Situation
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.summary import ServerVerdict
from controller.planning import outcomes


def changed(situation: Situation) -> ServerVerdict | None:
    """The instance is at another revision: it is asked to become this one."""
    if situation.seen.revision == situation.spec.revision:
        return None
    if (refused := _refusal(situation)) is not None and not situation.spec.held:
        message = f"Replacing what cannot change in place: {refused.message}."
        return removal.remove(situation, ServerReason.REPLACING, message)
    message = f"Changing in place to revision {situation.spec.revision}."
    return ServerVerdict(
        reason=ServerReason.CHANGING, message=message, actions=(call(situation, "Change"),)
    )


def renewed(situation: Situation) -> ServerVerdict | None:
    """The instance is of the incarnation before: it is asked to begin anew as the next one."""
    if situation.seen.incarnation == situation.spec.incarnation:
        return None
    message = f"Restarting the instance as incarnation {situation.spec.incarnation}."
    return in_other_hands(situation) or ServerVerdict(
        reason=ServerReason.CHANGING, message=message, actions=asks(situation, "Restart")
    )


def begins_anew(situation: Situation) -> bool:
    """Return whether the instance may come to the server's incarnation without being replaced."""
    seen, spec = situation.seen, situation.spec
    able = contract.Capability.RESTART in situation.snapshot.fleet.capabilities
    return (
        able
        and incarnations.is_restart(spec, seen.incarnation)
        and seen.revision == spec.revision
        and seen.phase in (Phase.RUNNING, Phase.STOPPED)
        and _refusal(situation) is None
    )


def awaits_word(situation: Situation) -> bool:
    """Return whether what cannot be reached is waited for, and not replaced.

    Nobody asked for another instance: it was to begin anew, or to change in place, and can do so
    once it is heard of again. Or it cannot say as which incarnation it is there: it may be just
    what is wanted.
    """
    seen, spec, fleet = situation.seen, situation.spec, situation.snapshot.fleet
    if seen.phase is not Phase.UNREACHABLE or not seen.incarnation:
        return seen.phase is Phase.UNREACHABLE
    if seen.incarnation != spec.incarnation:
        able = contract.Capability.RESTART in fleet.capabilities
        return able and incarnations.is_restart(spec, seen.incarnation)
    return seen.hidden


def _refusal(situation: Situation) -> outcomes.Outcome | None:
    """Return how it was answered that this very instance cannot change."""
    found = outcomes.of(situation.snapshot.outcomes).of(contract.Verb.CHANGE).refused
    return next((each for each in found if each.reason == ProviderReason.CANNOT_CHANGE), None)


def under_way(situation: Situation) -> ServerVerdict | None:
    """The instance becomes the revision: waited for, told where that takes others' doing."""
    seen = situation.seen
    if not seen.changing:
        return None
    if seen.unchangeable and not situation.spec.held:
        message = f"Replacing what cannot change in place: {seen.message}."
        return removal.remove(situation, ServerReason.REPLACING, message)
    usual = "The change in place is not complete yet."
    if not seen.message or not seen.reason:
        return ServerVerdict(reason=ServerReason.CHANGING, message=usual)
    blocked = Blocked(
        object=situation.name, reason=seen.reason, message=seen.message, remedy=seen.remedy
    )
    return ServerVerdict(
        reason=seen.reason,
        message=f"{usual} {seen.message[:1].upper()}{seen.message[1:]}.",
        trouble=True,
        blocked=(blocked,),
    )


def in_other_hands(situation: Situation) -> ServerVerdict | None:
    """Whoever else is at the instance comes first: told, and waited for."""
    verdict = under_way(situation)
    return verdict if verdict is not None and verdict.trouble else None


def is_able(situation: Situation) -> bool:
    """Return whether instances of the fleet change in place, and this one is up.

    Or down, where what is down keeps what it has.
    """
    able, phase = situation.snapshot.fleet.capabilities, situation.seen.phase
    up = phase in (Phase.RUNNING, Phase.PENDING)
    kept = phase is Phase.STOPPED and contract.Capability.STOP in able
    return contract.Capability.CHANGE_IN_PLACE in able and (up or kept)


def asks(situation: Situation, why: str) -> tuple[contract.Call, ...]:
    """Return what is asked for so that the instance stops, starts or begins anew.

    Nothing while something is under way, unless that has failed before: then it is asked about
    until it has come about, as what nobody asks about is not told any more.
    """
    failed = outcomes.of(situation.snapshot.outcomes).of(contract.Verb.CHANGE).told
    if situation.seen.changing and not failed:
        return ()
    asked = call(situation, why)
    bare = dataclasses.replace(asked, template=b"", volume_claims=())
    return (bare if _needs_no_template(situation) else asked,)


def _needs_no_template(situation: Situation) -> bool:
    """Return whether the power alone is to be another: the instance stays what it is.

    Without a record of its revision it stays so also where it is at another one: it can go down,
    and cannot become anything.
    """
    seen, spec = situation.seen, situation.spec
    if (seen.revision, seen.incarnation) == (spec.revision, spec.incarnation):
        return True
    return spec.power == Power.STOPPED and not situation.snapshot.recorded


def call(situation: Situation, why: str) -> contract.Call:
    """Return what is asked of the provider to bring the instance to the server's template."""
    template = attempts.template(situation.snapshot.server, situation.seen.alternative)
    return contract.Call(
        verb=contract.Verb.CHANGE,
        why=why,
        template=template,
        volume_claims=situation.spec.volume_claims,
        alternative=situation.seen.alternative,
        instance=situation.seen.id,
    )
