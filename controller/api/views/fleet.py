"""A Fleet, as planning reads it."""

from __future__ import annotations

import msgspec

from controller.api import remembered
from controller.api.views.fleet_parts import FleetSpec, FleetStatus
from controller.api.views.meta import NULL, Json, Meta, Object, share


class Fleet(Object, frozen=True, kw_only=True):
    """A Fleet; of its spec, the settings of its provider are kept as they were written."""

    written: Json = msgspec.field(name="spec", default=msgspec.Raw(b"{}"))
    status: FleetStatus = FleetStatus()

    def __post_init__(self) -> None:
        share(self, "written")
        # A spec that does not fit is found where objects are decoded, and told as with any other.
        _read(bytes(self.written))

    @property
    def spec(self) -> FleetSpec:
        """The part of the spec that every fleet has, whatever its provider."""
        return _read(bytes(self.written))

    @property
    def settings(self) -> Json:
        """The part of the spec for its provider alone; null where there is none."""
        return _fields(bytes(self.written)).get(self.spec.provider, NULL)


@remembered.by_content(256)
def _read(written: bytes) -> FleetSpec:
    return msgspec.json.decode(written, type=FleetSpec)


@remembered.by_content(256)
def _fields(written: bytes) -> dict[str, Json]:
    return msgspec.json.decode(written, type=dict[str, Json])


def fleet(metadata: Meta, spec: FleetSpec, settings: Json = NULL) -> Fleet:
    """Return a Fleet that nobody wrote."""
    fields = msgspec.to_builtins(spec) | {spec.provider: settings}
    return Fleet(metadata=metadata, written=msgspec.Raw(msgspec.json.encode(fields)))
