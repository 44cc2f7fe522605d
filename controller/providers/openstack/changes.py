"""Brings servers to another revision where they are: their ports, their flavor, then all the rest.

`provider` asks it whenever a server is at another revision than its Server, or was left half way to
one. Each time it is brought nearer: what takes Nova a while is asked for, and seen to have come
about before the next is. The revision is told last.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from controller import contract, errors
from controller.api import objects
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import machines, ports, progress, resizing, template
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.lookups import Lookups
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.readiness import carried
from controller.providers.openstack.register import MachineRegister
from controller.providers.openstack.resizing import Resizing

# In place of what tells its security groups: some ports of the server may have others by now.
UNDER_WAY = "changing"


class Changes:
    """Changes servers of one fleet in place."""

    def __init__(
        self,
        client: CloudClient,
        register: MachineRegister,
        lookups: Lookups,
        resizing: Resizing,
        *,
        rebuilds: bool,
    ) -> None:
        self._client = client
        self._register = register
        self._lookups = lookups
        self._resizing = resizing
        self._rebuilds = rebuilds

    async def make(
        self,
        server: objects.Server,
        call: contract.Call,
        machine: Machine,
        volumes: Mapping[str, str],
    ) -> None:
        """Bring a server nearer to its Server's revision; raises Stalled where that cannot be.

        A change that is refused by its template alone is refused before anything is begun.
        `volumes` are those of the server's claims, by their names.
        """
        spec = template.read(call.template)
        same = machine.row.metadata.get(machines.CONTENTS) == template.contents(spec)
        if not same and (not self._rebuilds or spec.boot_volume is not None):
            message = f"{machine.id} must be replaced: it is not to be rebuilt"
            raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
        links = await self._lookups.links(spec)
        flavor = await self._another_flavor(machine, spec)
        machine = await self._secure(server, machine, spec, links)
        if flavor is not None:
            await self._resizing.begin(server, machine, flavor)
        elif same:
            await self._tell(server, call, machine, links)
        else:
            await self._rebuild(server, call, machine, volumes)

    async def _another_flavor(self, machine: Machine, spec: template.Spec) -> template.Ids | None:
        """Return what a template names if the server is to have another flavor; else None."""
        marks = machine.row.metadata
        # Releases of before have put no flavor on record: where none is changed it is right.
        named = marks.get(machines.FLAVOR, "" if self._resizing.allowed else spec.flavor)
        begun = machine.row.is_half and machines.RESIZING in marks
        if named == spec.flavor and not begun:
            return None
        ids = await self._lookups.ids(spec, machine.namespace)
        if not resizing.is_wanted(machine, ids):
            return None
        if not self._resizing.allowed:
            message = f"{machine.id} must be replaced: it is not to be resized"
            raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
        return ids

    async def _secure(
        self, server: objects.Server, machine: Machine, spec: template.Spec, links: template.Links
    ) -> Machine:
        """Have the server's ports have the template's security groups; return it as noted then."""
        if machine.row.metadata.get(machines.SECURITY) == template.security(spec):
            return machine
        groups = links.security_groups or (await self._lookups.default_group(),)
        marks = {machines.SECURITY: UNDER_WAY}
        machine = await progress.begin(self._client, self._register, server, machine, marks)
        await ports.secure(self._client, machine.id, groups)
        return machine

    async def _tell(
        self, server: objects.Server, call: contract.Call, machine: Machine, links: template.Links
    ) -> None:
        """Have a server that is as it should be say so."""
        given = template.metadata(server, call, template.read(call.template), links)
        given |= carried(machine, given, now=self._client.times.now())
        await self._client.call(
            COMPUTE, "PUT", f"/servers/{machine.id}/metadata",
            what=f"change {server.metadata.name}", body={"metadata": given},
        )  # fmt: skip
        progress.expect(self._register, machine, metadata=given)

    async def _rebuild(
        self,
        server: objects.Server,
        call: contract.Call,
        machine: Machine,
        volumes: Mapping[str, str],
    ) -> None:
        spec = template.read(call.template)
        ids = dataclasses.replace(await self._lookups.ids(spec, machine.namespace), volumes=volumes)
        body: Mapping[str, Any] = template.rebuilt(server, call, spec, ids)
        await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action",
            what=f"rebuild {server.metadata.name}", body=body,
        )  # fmt: skip
        given = body["rebuild"]["metadata"]
        progress.expect(self._register, machine, status="REBUILD", metadata=given)
