"""Which planner answers for which kind: the one registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.api.resources import Resource
from controller.kinds import application, operation, server, serverset
from controller.kinds.fleet import planner
from controller.planning import plan

PLANNERS: dict[Resource, Callable[[Any], plan.Plan]] = {
    Resource.APPLICATIONS: application.plan,
    Resource.SERVERSETS: serverset.plan,
    Resource.SERVERS: server.plan,
    Resource.OPERATIONS: operation.plan,
    Resource.FLEETS: planner.plan,
}
