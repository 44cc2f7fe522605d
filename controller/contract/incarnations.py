"""How a server is told to come to its next incarnation: the one place that raises it.

A new instance takes the place of the old one, or the instance that is there begins anew. Rollouts,
operations, remediation and moves ask it; the Server planner finds the way that its fleet knows.
"""

from __future__ import annotations

from controller.api import objects


def raised(server: objects.Server, *, restart: bool = False) -> dict[str, object]:
    """Return what is to be another in the server's spec: it is made anew, or restarted.

    A server that has yet to come to the incarnation of before is made anew whatever is asked: a
    restart of the instance that is there would pass over why that one had to go. A restart is said
    of the very incarnation: whoever raises that one alone, later and by hand, asks for a new
    instance.
    """
    spec = server.spec
    after = spec.incarnation + 1
    kept = restart and server.status.incarnation == spec.incarnation
    return {"incarnation": after, "restartAs": after} if kept else {"incarnation": after}


def is_restart(spec: objects.ServerSpec, incarnation: int) -> bool:
    """Return whether an instance of this incarnation may begin anew as what the spec asks for."""
    return spec.restart_as == spec.incarnation and incarnation == spec.incarnation - 1
