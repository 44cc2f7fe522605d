"""The permissions that the operator needs for sets."""

from __future__ import annotations

from controller.api.permissions import Scope, allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(Resource.SERVERSETS, "create", "patch", "delete", why="keep one for each component"),
    allow(Resource.SERVERSETS, "override", why="pass the policies of another install, too"),
    allow(Resource.SERVERSETS, "patch", subresource="status", why="say what was observed"),
    allow(
        Resource.SERVERSETS, "update", subresource="finalizers", why="own Servers and the Service"
    ),
    read(
        Resource.DISRUPTION_BUDGETS,
        "create",
        "patch",
        "delete",
        why="have evictions keep to the budget of each component",
    ),
    *(
        allow(
            Resource.NODES,
            "list",
            "watch",
            why="know which take no new pods, so that servers move before a drain evicts them",
            scope=scope,
        )
        for scope in (Scope.CLUSTER, Scope.READ_FLEETS)
    ),
    allow(
        Resource.EVICTION_REQUESTS,
        "list",
        "watch",
        why="move the servers whose eviction is asked for, where the cluster has such requests",
    ),
    read(
        Resource.SERVICES,
        "create",
        "patch",
        "delete",
        why="a Service for each component, made anew where its type changes",
    ),
)
