"""Gives servers another flavor where they are: Nova moves them, and asks whether that may stay.

`provider` begins a resize as part of a change; `lister` confirms what it sees to have come about,
whichever operator began it. A cloud without room for the new flavor says yes, and then leaves the
server as it was without a fault: so a resize is over when the flavor differs, and not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

import msgspec

from controller import errors
from controller.api import objects
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import machines, refusals, template
from controller.providers.openstack.client import COMPUTE, Client
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.register import Register


class Resizing:
    """Resizes servers of one fleet."""

    def __init__(self, client: Client, register: Register, *, allowed: bool) -> None:
        self.allowed = allowed
        self._client = client
        self._register = register
        # Which flavor each was last asked to have.
        self._asked: dict[str, str] = {}

    async def begin(self, server: objects.Server, machine: Machine, ids: template.Ids) -> None:
        """Have the server resized; raises Transient where that came to nothing the last time."""
        if self._asked.pop(machine.id, "") == ids.flavor:
            message = f"the cloud has left {machine.id} as it was: no host has room for the flavor"
            raise errors.Transient(message, reason=ProviderReason.NO_CAPACITY)
        name = server.metadata.name
        mark = {machines.RESIZING: ids.flavor}
        await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/metadata",
            what=f"mark {name}", body={"metadata": mark},
        )  # fmt: skip
        await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action",
            what=f"resize {name}", body={"resize": {"flavorRef": ids.flavor}},
        )  # fmt: skip
        self._asked[machine.id] = ids.flavor
        row = msgspec.structs.replace(
            machine.row, task="resize_prep", metadata={**machine.row.metadata, **mark}
        )
        now = asyncio.get_running_loop().time()
        self._register.expect(dataclasses.replace(machine, row=row), now=now)

    async def confirm(self, identifier: str) -> None:
        """Let a server keep its new flavor; somebody else may have said so by now.

        Nova answers 400 while it carries out what was said, and shows the old state meanwhile.
        """
        with contextlib.suppress(refusals.Missing, refusals.Busy, errors.TemplateRefused):
            await self._client.call(
                COMPUTE, "POST", f"/servers/{identifier}/action",
                what=f"confirm the resize of {identifier}", body={"confirmResize": None},
            )  # fmt: skip


def is_wanted(machine: Machine, ids: template.Ids) -> bool:
    """Return whether a server has another flavor than its template names."""
    return machine.row.flavor.name not in {"", ids.flavor_name}
