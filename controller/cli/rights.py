"""The rights that several commands need."""

from __future__ import annotations

from controller.cli.app import CommandRight

OURS = "applications, serversets, servers, operations (argosy.dev)"
READ = CommandRight(verbs="get, list", resource=OURS)
FOLLOW = CommandRight(verbs="watch", resource=OURS, why="-w")
PLAN = CommandRight(verbs="list, watch", resource=OURS)
REFINE = CommandRight(
    verbs="list, watch",
    resource="pods, services, persistentvolumeclaims; jobs (batch); controllerrevisions (apps);"
    " poddisruptionbudgets (policy); builds (argosy.dev)",
    why="without them the answer is less exact, and says so",
)
EVERYWHERE = CommandRight(
    verbs="list, watch",
    resource="fleets (argosy.dev); namespaces, nodes",
    why="the same",
    everywhere=True,
)
OPERATOR = CommandRight(
    verbs="list",
    resource="leases (coordination.k8s.io)",
    why="to say whether an operator runs",
    everywhere=True,
)
REVISIONS = CommandRight(verbs="list", resource="controllerrevisions (apps)")
APPLICATION = CommandRight(verbs="get", resource="applications (argosy.dev)")
# An operation made, followed, and cancelled on Ctrl-C.
OPERATE = (
    APPLICATION,
    CommandRight(verbs="create, get", resource="operations (argosy.dev)"),
    CommandRight(verbs="patch", resource="operations (argosy.dev)", why="cancel on Ctrl-C"),
)
# A port of this machine that leads to servers.
FORWARD = (
    CommandRight(verbs="list", resource="pods"),
    CommandRight(verbs="get, create", resource="pods/portforward"),
    APPLICATION,
)
# Whoever declares an application must be allowed to make what it is made of.
MAKE_PODS = CommandRight(verbs="create", resource="pods", why="the same")
MAKE_CLAIMS = CommandRight(
    verbs="create", resource="persistentvolumeclaims", why="the same, where there are volumeClaims"
)
CHANGE_OPERATION = CommandRight(verbs="get, patch", resource="operations (argosy.dev)")


def named(resource: str) -> CommandRight:
    """Return what is needed to find out which of these kinds a name alone means."""
    return CommandRight(verbs="get", resource=resource, why="where a name stands without its kind")
