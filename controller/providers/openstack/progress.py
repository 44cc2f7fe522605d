"""The record of a change in place that is not whole: in the metadata of the server itself.

A change takes several calls, and its revision is told with the last one. Whoever looks after the
server next, another plan or another operator, would otherwise take one that was changed half way
for one that was not changed at all. `changes` and `resizing` note here what they begin.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping

import msgspec

from controller.api import objects
from controller.providers.openstack import machines
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.register import MachineRegister


async def begin(
    client: CloudClient,
    register: MachineRegister,
    server: objects.Server,
    machine: Machine,
    marks: Mapping[str, str],
) -> Machine:
    """Note that a server is being changed, and by `marks` in what; return it so.

    The metadata of the whole change, which are written last, have none of that.
    """
    given = {machines.CHANGING: server.spec.revision, **marks}
    own = machine.row.metadata
    if given.items() <= own.items():
        return machine
    await client.call(
        COMPUTE, "POST", f"/servers/{machine.id}/metadata",
        what=f"mark {server.metadata.name}", body={"metadata": given},
    )  # fmt: skip
    return expect(register, machine, metadata={**own, **given})


def expect(register: MachineRegister, machine: Machine, **changes: object) -> Machine:
    """Take in what a call of ours has changed, before a list shows it; return it so."""
    row = msgspec.structs.replace(machine.row, **changes)
    changed = dataclasses.replace(machine, row=row)
    register.expect(changed, now=asyncio.get_running_loop().time())
    return changed
