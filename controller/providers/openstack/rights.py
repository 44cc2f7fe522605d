"""The rights that the operator must have where servers are made of a cloud's."""

from __future__ import annotations

from typing import Final

from controller.api.permissions import Scope, allow
from controller.api.resources import Resource

# The Secret with clouds.yaml, in the operator's own namespace.
SECRET: Final = "argosy-clouds"  # noqa: S105 - the name of a Secret, not one

RIGHTS = (
    allow(
        Resource.SECRETS,
        "get",
        "list",
        "watch",
        why="the credentials of clouds, and no other Secret",
        scope=Scope.CLOUDS,
        names=(SECRET,),
    ),
)
