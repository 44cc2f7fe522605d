"""The rights that several commands need."""

from __future__ import annotations

from controller.cli.app import Right

OURS = "applications, serversets, servers, operations (argosy.dev)"
READ = Right(verbs="get, list", resource=OURS)
FOLLOW = Right(verbs="watch", resource=OURS, why="-w")
PLAN = Right(verbs="list, watch", resource=OURS)
REFINE = Right(
    verbs="list, watch",
    resource="pods, services, persistentvolumeclaims; jobs (batch); controllerrevisions (apps);"
    " poddisruptionbudgets (policy); builds (argosy.dev)",
    why="without them the answer is less exact, and says so",
)
EVERYWHERE = Right(
    verbs="list, watch",
    resource="fleets (argosy.dev); namespaces, nodes",
    why="the same",
    everywhere=True,
)
OPERATOR = Right(
    verbs="list",
    resource="leases (coordination.k8s.io)",
    why="to say whether an operator runs",
    everywhere=True,
)
REVISIONS = Right(verbs="list", resource="controllerrevisions (apps)")
APPLICATION = Right(verbs="get", resource="applications (argosy.dev)")
# An operation made, followed, and cancelled on Ctrl-C.
OPERATE = (
    APPLICATION,
    Right(verbs="create, get", resource="operations (argosy.dev)"),
    Right(verbs="patch", resource="operations (argosy.dev)", why="cancel on Ctrl-C"),
)
# A port of this machine that leads to servers.
FORWARD = (
    Right(verbs="list", resource="pods"),
    Right(verbs="get, create", resource="pods/portforward"),
    APPLICATION,
)
# Whoever declares an application must be allowed to make what it is made of.
MAKE_PODS = Right(verbs="create", resource="pods", why="the same")
MAKE_CLAIMS = Right(
    verbs="create", resource="persistentvolumeclaims", why="the same, where there are volumeClaims"
)
CHANGE_OPERATION = Right(verbs="get, patch", resource="operations (argosy.dev)")


def named(resource: str) -> Right:
    """Return what is needed to find out which of these kinds a name alone means."""
    return Right(verbs="get", resource=resource, why="where a name stands without its kind")
