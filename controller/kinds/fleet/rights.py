"""The permissions that the operator needs for fleets, and to know which namespaces they allow."""

from __future__ import annotations

from controller.api.permissions import Scope, allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(
        Resource.NAMESPACES,
        why="know which are going, and which a fleet allows",
        scope=Scope.CLUSTER,
    ),
    read(
        Resource.FLEETS,
        "patch",
        why="know where servers come from; take finished requests off the annotation",
        scope=Scope.FLEETS,
    ),
    allow(
        Resource.FLEETS,
        "patch",
        subresource="status",
        why="count servers, circuits, orphans",
        scope=Scope.FLEETS,
    ),
    read(Resource.FLEETS, why="know where servers come from", scope=Scope.READ_FLEETS),
    read(Resource.NAMESPACES, why="know which a fleet allows", scope=Scope.READ_FLEETS),
)
