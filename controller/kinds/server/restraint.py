"""The part of the rules' verdict on a server that is held back, and how that is told.

Called by `rules` with every verdict, so that no rule has to ask for itself whether it may act.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller import contract
from controller.kinds.server.assessment import Situation
from controller.kinds.server.summary import ServerVerdict
from controller.planning import plan
from controller.planning.obstacles import Obstacle

# How long after its time a server that waits for its fleet looks again by itself.
FORGOTTEN_SECONDS = 60.0


def restrain(situation: Situation, verdict: ServerVerdict) -> ServerVerdict:
    """Take out of a verdict what must not be done now; a server that is not ready is told why.

    A rest that somebody asked for holds all changes back; a fleet that is not called for a while,
    only calls. One that cannot be used at all has a rule: the first.
    """
    for found in situation.rests:
        if found.passing:
            verdict = _await_fleet(situation, verdict, found)
        elif found.asked:
            verdict = _keep_still(verdict, found)
    return verdict


def _keep_still(verdict: ServerVerdict, found: Obstacle) -> ServerVerdict:
    """Plan and report, and change nothing."""
    if not verdict.actions:
        return verdict
    if verdict.ready:
        return dataclasses.replace(verdict, actions=())
    blocked = tuple(
        msgspec.structs.replace(each, message=f"{each.message} {verdict.message}")
        for each in found.blocked
    )
    return dataclasses.replace(verdict, actions=(), reason=found.reason, blocked=blocked)


def _await_fleet(situation: Situation, verdict: ServerVerdict, found: Obstacle) -> ServerVerdict:
    """Hold back what a fleet that is not to be called could not do; what is made would be lost."""
    pause = situation.snapshot.fleet.pause
    calls = any(isinstance(each, contract.Call) for each in verdict.actions)
    if pause is None or not calls:
        return verdict
    # The fleet itself wakes those whose turn it is; this is for one that it has forgotten.
    left = max(pause.until - situation.snapshot.now, 0.0)
    wake = left + FORGOTTEN_SECONDS if pause.until else None
    held = dataclasses.replace(verdict, actions=(), wake=plan.soonest(verdict.wake, wake))
    if verdict.ready:
        return held
    return dataclasses.replace(
        held, reason=found.reason, message=found.message, trouble=True, blocked=found.blocked
    )
