"""The rights of the receiver of webhooks; the chart's policy narrows them to one annotation."""

from __future__ import annotations

from controller.api.permissions import Scope, allow
from controller.api.resources import Resource

RIGHTS = (
    allow(
        Resource.APPLICATIONS,
        "patch",
        why="ask for a build by the annotation argosy.dev/build-requested",
        scope=Scope.HOOKS,
    ),
)
