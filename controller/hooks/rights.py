"""What the receiver of webhooks may do; the chart's policy narrows it to the one annotation."""

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
