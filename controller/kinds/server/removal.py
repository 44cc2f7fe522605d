"""How a server's instance is taken down to make room for another: bounded, and told.

`rules` and `changing` ask it, for whatever cause. An instance is the last that keeps the data of a
claim which somebody asked to go: so it is left running then, until a person ends it.
"""

from __future__ import annotations

from controller import contract
from controller.api import clock, names, tags
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.contract import Phase
from controller.contract.reasons import ProviderReason
from controller.kinds.server import teardown
from controller.kinds.server.assessment import Situation
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.summary import ServerVerdict
from controller.planning import remedies
from controller.reasons import Vocabulary

# The reasons that are told of an instance that is not heard of, or that does not go.
_AWAY = frozenset({ProviderReason.UNHEARD, Reason.UNREACHABLE, ServerReason.TEARDOWN_BLOCKED})


def remove(situation: Situation, reason: Vocabulary, message: str) -> ServerVerdict | None:
    """Wait or delete, bounded; nothing where it is in nobody's way any more."""
    if (last := _last_to_keep(situation)) is not None:
        return _kept(situation, last, message)
    since = _going_since(situation)
    progress = teardown.next_teardown_step(situation.snapshot, since=since, why=reason)
    if progress.gone:
        return None
    blocked = (progress.blocked,) if progress.blocked else ()
    if not blocked and _is_untimed(situation):
        blocked = (away(situation, since=since),)
    return ServerVerdict(
        reason=reason,
        message=message,
        trouble=bool(blocked),
        blocked=blocked,
        actions=progress.actions,
        wake=progress.wake,
    )


def _last_to_keep(situation: Situation) -> contract.Volume | None:
    """Return a claim with data that goes as soon as the instance does, by no word of Argosy's.

    Whoever forces the instance to go has been told, and decides.
    """
    seen = situation.seen
    if seen.phase not in (Phase.PENDING, Phase.RUNNING):
        return None
    if tags.forces(situation.snapshot.server.metadata, seen.id):
        return None
    return next((each for each in seen.volumes if each.going and each.size), None)


def _kept(situation: Situation, last: contract.Volume, message: str) -> ServerVerdict:
    meta = situation.snapshot.server.metadata
    name = names.claim(last.name, meta.name)
    words = (
        f"{message.removesuffix('.')}: not yet. Somebody deleted the claim {name}, and its data"
        " goes as soon as the instance does."
    )
    blocked = Blocked(
        object=f"{PLACES[Resource.CLAIMS].kind}/{name}",
        reason=ServerReason.DATA_WOULD_GO,
        message=words,
        remedy=remedies.describe(f"pvc/{name}", meta.namespace),
    )
    return ServerVerdict(
        reason=ServerReason.DATA_WOULD_GO, message=words, trouble=True, blocked=(blocked,)
    )


def away(situation: Situation, *, since: float) -> Blocked:
    """Return what is told of an instance that nobody hears of, since that time."""
    hidden, fleet = situation.seen.hidden, situation.snapshot.fleet
    return Blocked(
        object=situation.name,
        reason=why_away(situation),
        message=situation.seen.message or "The server cannot be reached.",
        since=clock.stamp(since),
        remedy=remedies.fleet(fleet) if hidden else remedies.nodes(),
    )


def why_away(situation: Situation) -> Vocabulary:
    """Return whose silence it is: of what would tell of the instance, or of the instance itself."""
    return ProviderReason.UNHEARD if situation.seen.hidden else Reason.UNREACHABLE


def _going_since(situation: Situation) -> float:
    """An instance that still answers is only now asked to go."""
    seen, now = situation.seen, situation.snapshot.now
    if seen.phase not in (Phase.TERMINATING, Phase.UNREACHABLE, Phase.UNKNOWN):
        return now
    return seen.since or (_told_since(situation) if _is_untimed(situation) else 0.0) or now


def _is_untimed(situation: Situation) -> bool:
    """Return whether nobody can say since when an instance is not heard of: its cell is down."""
    return situation.seen.phase is Phase.UNREACHABLE and not situation.seen.since


def _told_since(situation: Situation) -> float:
    """Return since when the status tells that this very instance is away; 0 where it does not.

    Without that its time would begin anew at each plan, and nothing would ever come of onTimeout.
    """
    told = situation.snapshot.server.status
    if told.provider.id != situation.seen.id:
        return 0.0
    times = [
        clock.parse(each.since)
        for each in told.blocked_by
        if each.object == situation.name and each.reason in _AWAY
    ]
    return min(times, default=0.0)
