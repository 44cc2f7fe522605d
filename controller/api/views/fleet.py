"""A Fleet, as planning reads it."""

from __future__ import annotations

from controller.api.conditions import Conditions
from controller.api.views.meta import NULL, Json, Object, View, share


class LabelSelector(View, frozen=True, kw_only=True):
    match_labels: dict[str, str] = {}


class FleetLimits(View, frozen=True, kw_only=True, gc=False):
    concurrent_calls: int = 8
    calls_per_second: int = 50


class FailureDomain(View, frozen=True, kw_only=True, gc=False):
    name: str


class Orphan(View, frozen=True, kw_only=True, gc=False):
    """A server let go because it could not be reached; collected when it returns."""

    id: str
    server: str = ""
    since: str | None = None


class FleetSpec(View, frozen=True, kw_only=True):
    provider: str = "pod"
    allowed_namespaces: LabelSelector | None = None
    limits: FleetLimits = FleetLimits()
    failure_domains: tuple[FailureDomain, ...] = ()
    memory: Json = NULL

    def __post_init__(self) -> None:
        share(self, "memory")


class FleetStatus(View, frozen=True, kw_only=True, omit_defaults=False):
    observed_generation: int = 0
    conditions: Conditions = ()
    servers: int = 0
    circuit: str = "Closed"
    orphans: tuple[Orphan, ...] = ()


class Fleet(Object, frozen=True, kw_only=True):
    spec: FleetSpec = FleetSpec()
    status: FleetStatus = FleetStatus()
