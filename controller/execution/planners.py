"""Which planner answers for which kind: the one registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.api.resources import Resource
from controller.planning import application, fleet, operation, plan, server, serverset

PLANNERS: dict[Resource, Callable[[Any], plan.Plan]] = {
    Resource.APPLICATIONS: application.plan,
    Resource.SERVERSETS: serverset.plan,
    Resource.SERVERS: server.plan,
    Resource.OPERATIONS: operation.plan,
    Resource.FLEETS: fleet.plan,
}
