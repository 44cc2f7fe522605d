"""How a server's instance is taken down to make room for another: bounded, and told.

`rules` and `changing` ask it, for whatever cause.
"""

from __future__ import annotations

from controller.contract import Phase
from controller.kinds.server import teardown
from controller.kinds.server.assessment import Situation
from controller.kinds.server.summary import Verdict


def remove(situation: Situation, reason: str, message: str) -> Verdict | None:
    """Wait or delete, bounded; nothing where it is in nobody's way any more."""
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


def _going_since(situation: Situation) -> float:
    """An instance that still answers is only now asked to go."""
    stuck = (Phase.TERMINATING, Phase.UNREACHABLE, Phase.UNKNOWN)
    return (
        situation.seen.since
        if situation.seen.phase in stuck and situation.seen.since
        else situation.snapshot.now
    )
