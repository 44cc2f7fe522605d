"""Servers of a cloud as a provider: the line that the registry has of them."""

from __future__ import annotations

import functools
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from controller import contract
from controller.api import objects
from controller.contract import Capability
from controller.providers.openstack import rights
from controller.providers.openstack.reasons import CloudReason
from controller.providers.steps import rights as step_rights

if TYPE_CHECKING:
    from controller.api import schema
    from controller.providers.openstack.opening import Connect


def kind(connect: Connect | None = None) -> contract.ProviderKind:
    """Return servers of a cloud as the registry lists them; tests bring a cloud of their own."""

    def open_servers(
        context: contract.Context, fleet: objects.Fleet
    ) -> AbstractAsyncContextManager[contract.Provider]:
        # The module takes long to import, and whoever has no fleet of a cloud need not wait.
        from controller.providers.openstack import opening  # noqa: PLC0415

        return opening.open_cloud(context, fleet, connect or opening.log_in)

    return contract.ProviderKind(
        name="openstack",
        makes="servers of an OpenStack cloud",
        capabilities=frozenset(
            {
                Capability.CLAIMS,
                Capability.CHANGE_IN_PLACE,
                Capability.STOP,
                Capability.RESTART,
                Capability.SNAPSHOT,
                Capability.RESTORE,
            }
        ),
        open=open_servers,
        foresees=_foresees,
        settings=_settings,
        reasons=(CloudReason,),
        rights=(*rights.RIGHTS, *step_rights.RIGHTS),
        sees=(objects.Job,),
        display=contract.Display(commands={"Volume": "openstack volume show {name}"}),
    )


def _foresees(fleet: objects.Fleet) -> contract.CanChange:
    from controller.providers.openstack import configuration, template  # noqa: PLC0415 - see above

    found = configuration.read(bytes(fleet.settings))
    return functools.partial(template.can_change, rebuilds=found.rebuilds, resizes=found.resizes)


def _settings() -> type[schema.Model]:
    from controller.providers.openstack.settings import (  # noqa: PLC0415 - see contract
        OpenstackSettings,
    )

    return OpenstackSettings
