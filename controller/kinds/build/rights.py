"""The permissions that the operator needs for Builds. None reads a Secret: Jobs mount them."""

from __future__ import annotations

from controller.api.permissions import allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(
        Resource.BUILDS,
        "create",
        "patch",
        "delete",
        why="make them for changed sources, take them up, forget old ones",
    ),
    allow(Resource.BUILDS, "patch", subresource="status", why="say how far they are"),
    allow(Resource.BUILDS, "update", subresource="finalizers", why="own Jobs"),
    read(Resource.JOBS, "create", "delete", why="build and test images"),
    allow(Resource.EVENTS, "list", why="tell what keeps a Job of theirs from starting"),
)
