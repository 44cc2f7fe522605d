"""Gives servers another flavor where they are: Nova moves them, and asks whether that may stay.

`changes` begins a resize as part of a change; `lister` confirms what it sees to have come about,
whichever operator began it. A cloud without room for the new flavor says yes, and then leaves the
server as it was without a fault: so a resize is over when the flavor differs, and not before.
"""

from __future__ import annotations

import contextlib

from controller import errors
from controller.api import objects
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import machines, progress, refusals, template
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.register import MachineRegister


class Resizing:
    """Resizes servers of one fleet."""

    def __init__(self, client: CloudClient, register: MachineRegister, *, allowed: bool) -> None:
        self.allowed = allowed
        self._client = client
        self._register = register
        # Which flavor each was last asked to have, and at which generation of its Server.
        self._asked: dict[str, tuple[str, int]] = {}

    async def begin(self, server: objects.Server, machine: Machine, ids: template.Ids) -> None:
        """Have the server resized; raises Transient where that came to nothing the last time."""
        asked = (ids.flavor, server.metadata.generation)
        if self._asked.pop(machine.id, None) == asked:
            message = f"the cloud has left {machine.id} as it was: no host has room for the flavor"
            raise errors.Transient(message, reason=ProviderReason.NO_CAPACITY)
        marks = {machines.RESIZING: ids.flavor_name}
        machine = await progress.begin(self._client, self._register, server, machine, marks)
        await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action",
            what=f"resize {server.metadata.name}", body={"resize": {"flavorRef": ids.flavor}},
        )  # fmt: skip
        self._asked[machine.id] = asked
        progress.expect(self._register, machine, task="resize_prep")

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
