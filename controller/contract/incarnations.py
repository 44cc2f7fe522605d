"""How a server is told to come to its next incarnation: the one place that raises it.

A new instance takes the place of the old one, or the instance that is there begins anew. Rollouts,
operations, remediation and moves ask it; the Server planner finds the way that its fleet knows.
"""

from __future__ import annotations

from controller.api import objects

REPLACE, RESTART = "Replace", "Restart"


def raised(server: objects.Server, *, restart: bool = False) -> dict[str, object]:
    """Return what is to be another in the server's spec: it is made anew, or restarted.

    What has yet to come to the incarnation of before is made anew whatever is asked: a restart of
    the instance that is there would pass over why that one had to go.
    """
    spec = server.spec
    kept = restart and server.status.incarnation == spec.incarnation
    change: dict[str, object] = {"incarnation": spec.incarnation + 1}
    if kept:
        change["renewal"] = RESTART
    elif spec.renewal == RESTART:
        change["renewal"] = REPLACE
    return change


def is_restart(spec: objects.ServerSpec, incarnation: int) -> bool:
    """Return whether an instance of this incarnation may begin anew as what the spec asks for."""
    return spec.renewal == RESTART and incarnation == spec.incarnation - 1
