"""The permissions that the operator needs for operations."""

from __future__ import annotations

from controller.api.permissions import allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(
        Resource.OPERATIONS,
        "patch",
        "delete",
        why="carry them out; delete them after their time to live",
    ),
    allow(Resource.OPERATIONS, "patch", subresource="status", why="say how far they are"),
    allow(Resource.OPERATIONS, "update", subresource="finalizers", why="own Jobs"),
    allow(Resource.SERVERSETS, "patch", why="have them remember a Stop, and forget it at a Start"),
)
