"""The settings of a Fleet's cloud, as the provider reads them."""

from __future__ import annotations

import ipaddress

import msgspec

from controller import errors
from controller.api.choices import InPlace
from controller.api.views.meta import View
from controller.contract.reasons import ProviderReason


class CloudSettings(View, frozen=True, kw_only=True):
    """The content of `spec.openstack`; `settings.OpenstackSettings` is its schema."""

    cloud: str = ""
    rebuild: str = InPlace.NEVER
    resize: str = InPlace.NEVER
    probe_cidrs: tuple[str, ...] = msgspec.field(name="probeCIDRs", default=())

    @property
    def rebuilds(self) -> bool:
        """Whether another image, user data or key changes a server in place."""
        return self.rebuild == InPlace.WHEN_POSSIBLE

    @property
    def resizes(self) -> bool:
        """Whether another flavor does."""
        return self.resize == InPlace.WHEN_POSSIBLE


def read(raw: bytes) -> CloudSettings:
    """Return the settings in `spec.openstack`; raises Stalled where they cannot be understood."""
    try:
        found = msgspec.json.decode(raw or b"null", type=CloudSettings | None)
    except msgspec.DecodeError as error:
        raise _invalid(str(error)) from error
    if found is None or not found.cloud:
        raise _invalid("cloud must name one of clouds.yaml")
    for each in found.probe_cidrs:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError as error:
            raise _invalid(f"probeCIDRs: {error}") from error
    return found


def _invalid(why: str) -> errors.Stalled:
    return errors.Stalled(f"spec.openstack: {why}", reason=ProviderReason.INVALID_SETTINGS)
