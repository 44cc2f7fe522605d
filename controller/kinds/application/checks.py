"""Why nothing may be made or changed for an application, whatever its components need.

Asked by the Application planner before it decides anything, and told by its summary.
"""

from __future__ import annotations

from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.planning import obstacles
from controller.planning.obstacles import Check, Obstacle


def find(snapshot: ApplicationSnapshot) -> Obstacle | None:
    """Return what keeps the application from making or changing anything, if something does."""
    return obstacles.first(snapshot, CHECKS)


# The first that finds something is told.
CHECKS: tuple[Check[ApplicationSnapshot], ...] = (
    # The namespace takes everything with it: nothing below matters any more.
    obstacles.namespace,
    # Somebody wants it to rest, well or not.
    obstacles.resting,
    # The application's fleet is missing or not allowed: no component can come to what is asked for.
    obstacles.fleet_problem,
)
