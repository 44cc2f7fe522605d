"""The rights that the operator must have where servers are made of pods."""

from __future__ import annotations

from controller.api.permissions import allow, read
from controller.api.resources import Resource

RIGHTS = (
    read(Resource.PODS, "create", "patch", "delete", why="what servers of pod fleets are made of"),
    allow(
        Resource.PODS,
        "patch",
        subresource="resize",
        why="change requests and limits of a pod that runs on",
    ),
    allow(
        Resource.PODS,
        "create",
        "get",
        subresource="exec",
        why="run exec steps; over a websocket it is a get",
    ),
    read(Resource.CLAIMS, "create", "patch", "delete", why="each server's own claims"),
)
