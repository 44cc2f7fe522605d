"""The permissions that the operator needs for servers; those for instances are the provider's."""

from __future__ import annotations

from controller.api.permissions import allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(
        Resource.SERVERS,
        "create",
        "patch",
        "delete",
        why="keep one for each ordinal; hand out tasks",
    ),
    allow(Resource.SERVERS, "override", why="pass the policies of another install, too"),
    allow(
        Resource.SERVERS,
        "patch",
        "update",
        subresource="status",
        why="say what was observed; claim tasks",
    ),
    allow(Resource.SERVERS, "update", subresource="finalizers", why="own pods and claims"),
)
