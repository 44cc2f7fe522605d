"""How a server's instance is taken down to make room for another: bounded, and told.

`rules` and `changing` ask it, for whatever cause. An instance is the last that keeps the data of a
claim which somebody asked to go: so it is left running then, until a person ends it.
"""

from __future__ import annotations

from controller import contract
from controller.api import names, tags
from controller.api.conditions import Blocked
from controller.api.resources import PLACES, Resource
from controller.contract import Phase
from controller.kinds.server import teardown
from controller.kinds.server.assessment import Situation
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.summary import Verdict
from controller.planning import remedies


def remove(situation: Situation, reason: str, message: str) -> Verdict | None:
    """Wait or delete, bounded; nothing where it is in nobody's way any more."""
    if (last := _last_to_keep(situation)) is not None:
        return _kept(situation, last, message)
    progress = teardown.next_teardown_step(
        situation.snapshot, since=_going_since(situation), why=reason
    )
    if progress.gone:
        return None
    blocked = (progress.blocked,) if progress.blocked else ()
    return Verdict(
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


def _kept(situation: Situation, last: contract.Volume, message: str) -> Verdict:
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
    return Verdict(
        reason=ServerReason.DATA_WOULD_GO, message=words, trouble=True, blocked=(blocked,)
    )


def _going_since(situation: Situation) -> float:
    """An instance that still answers is only now asked to go."""
    stuck = (Phase.TERMINATING, Phase.UNREACHABLE, Phase.UNKNOWN)
    return (
        situation.seen.since
        if situation.seen.phase in stuck and situation.seen.since
        else situation.snapshot.now
    )
