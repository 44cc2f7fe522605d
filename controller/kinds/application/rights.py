"""The permissions that the operator needs for applications."""

from __future__ import annotations

from controller.api.permissions import allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(
        Resource.APPLICATIONS,
        "patch",
        why="read what users declare; add and lift the finalizer",
    ),
    allow(Resource.APPLICATIONS, "patch", subresource="status", why="say what was observed"),
    allow(
        Resource.APPLICATIONS,
        "update",
        subresource="finalizers",
        why="own ServerSets, blocking their owner",
    ),
    read(Resource.REVISIONS, "create", "patch", "delete", why="the revision history"),
)
