"""The rights that the operator must have for steps that run beside servers."""

from __future__ import annotations

from controller.api.permissions import Scope, allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(Resource.JOBS, "create", "delete", why="run job steps"),
    allow(Resource.SECRETS, "get", why="headersFrom of http steps", scope=Scope.SECRETS),
)
