"""Why nothing of a server may be made or changed, or not now: lists of small checks.

Asked once by the Server planner. Whoever goes above takes the server with it: the first check that
finds something answers. A server at rest is held back: each check holds something else back, so
all that find something are heeded; see `restraint`. A hold is none of them, as a server that is
held is kept up.
"""

from __future__ import annotations

from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import obstacles
from controller.planning.obstacles import Check, Obstacle


def going(snapshot: ServerSnapshot) -> Obstacle | None:
    """Return what takes the server with it, if something does."""
    return obstacles.first(snapshot, GOING)


def rests(snapshot: ServerSnapshot) -> tuple[Obstacle, ...]:
    """Return all that holds back what the server would do next; what runs, runs on."""
    return obstacles.every(snapshot, RESTS)


def is_without_fleet(snapshot: ServerSnapshot) -> bool:
    """Return whether its fleet is missing or not allowed: nobody may ever tell of an instance."""
    return obstacles.fleet_problem(snapshot) is not None


def is_away(snapshot: ServerSnapshot) -> bool:
    """Return whether its fleet is not to be called for now, which passes by itself."""
    return obstacles.fleet_pause(snapshot) is not None


# All that is above the server, from the widest down: the first takes the others with it, too.
GOING: tuple[Check[ServerSnapshot], ...] = (
    # All at once, and nobody takes turns.
    obstacles.namespace,
    # Nobody says any more what it should be.
    obstacles.application_gone,
    # The server's turn comes once its set has been taken down.
    obstacles.application_deleting,
)

# First what would be done in vain, and then what would be done against a person's will: where both
# hold a call back, whoever wakes the application should know before that its fleet is away.
RESTS: tuple[Check[ServerSnapshot], ...] = (
    # The server's fleet is no fleet for it: an instance that runs is left to run.
    obstacles.fleet_problem,
    # The server's fleet is not to be called for now: calls wait, and what needs none is done.
    obstacles.fleet_pause,
    # Somebody wants the application to rest: nothing is changed, with or without a call.
    obstacles.resting,
)
