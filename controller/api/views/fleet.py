"""A Fleet, as planning reads it."""

from __future__ import annotations

import functools

import msgspec

from controller.api.conditions import Conditions
from controller.api.views.meta import NULL, Json, Meta, Object, View, share


class LabelSelector(View, frozen=True, kw_only=True):
    match_labels: dict[str, str] = {}


class CircuitLimits(View, frozen=True, kw_only=True, gc=False):
    failure_percent: int = 50
    minimum_calls: int = 20
    window_seconds: int = 60
    open_seconds: int = 30


class FleetLimits(View, frozen=True, kw_only=True, gc=False):
    concurrent_calls: int | None = None
    calls_per_second: int | None = None
    circuit: CircuitLimits = CircuitLimits()


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


class FleetStatus(View, frozen=True, kw_only=True, omit_defaults=False):
    observed_generation: int = 0
    conditions: Conditions = ()
    servers: int = 0
    circuit: str = "Closed"
    orphans: tuple[Orphan, ...] = ()


class Fleet(Object, frozen=True, kw_only=True):
    """A Fleet; of its spec, the settings of its provider are kept as they were written."""

    written: Json = msgspec.field(name="spec", default=msgspec.Raw(b"{}"))
    status: FleetStatus = FleetStatus()

    def __post_init__(self) -> None:
        share(self, "written")
        # What does not fit is found where objects are decoded, and told as with any other.
        _read(bytes(self.written))

    @property
    def spec(self) -> FleetSpec:
        """What the fleet is to be, whatever its provider."""
        return _read(bytes(self.written))

    @property
    def settings(self) -> Json:
        """What the spec says for its provider alone; null where it says nothing."""
        return _fields(bytes(self.written)).get(self.spec.provider, NULL)


@functools.lru_cache(maxsize=256)
def _read(written: bytes) -> FleetSpec:
    return msgspec.json.decode(written, type=FleetSpec)


@functools.lru_cache(maxsize=256)
def _fields(written: bytes) -> dict[str, Json]:
    return msgspec.json.decode(written, type=dict[str, Json])


def fleet(metadata: Meta, spec: FleetSpec, settings: Json = NULL) -> Fleet:
    """Return a Fleet that nobody wrote."""
    fields = msgspec.to_builtins(spec) | {spec.provider: settings}
    return Fleet(metadata=metadata, written=msgspec.Raw(msgspec.json.encode(fields)))
