"""Stops and starts servers of one fleet, and begins them anew as their next incarnation.

`provider` asks it. Nova says yes to all of that before its host has tried, and where the host could
not, it leaves the server as it was without a fault. So what was asked for is remembered until it
has come about: who asks for it again has been told yes in vain, and is told so.
"""

from __future__ import annotations

import asyncio
import dataclasses

import msgspec

from controller import errors
from controller.api import objects
from controller.api.choices import Power
from controller.providers.openstack import restarting
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.register import MachineRegister

_STOP = "os-stop"
# The action that is asked for in each state so that a server goes down, or comes up.
_DOWN = {"ACTIVE": _STOP, "ERROR": _STOP}
_UP = {
    "SHUTOFF": "os-start",
    "PAUSED": "unpause",
    "SUSPENDED": "resume",
    "SHELVED": "unshelve",
    "SHELVED_OFFLOADED": "unshelve",
}
# The task that is under way once Nova has said yes to an action.
_TASKS = {
    _STOP: "powering-off",
    "os-start": "powering-on",
    "unpause": "unpausing",
    "resume": "resuming",
    "unshelve": "unshelving",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The action asked of a server, at which generation of its Server; `vain` once that failed."""

    action: str
    generation: int
    vain: str = ""


class Powering:
    """The power of one fleet's servers."""

    def __init__(self, client: CloudClient, register: MachineRegister) -> None:
        self._client = client
        self._register = register
        self._asked: dict[str, _Asked] = {}
        register.on_change.append(self._heard)

    async def bring(self, server: objects.Server, machine: Machine) -> None:
        """Have a server go down or come up, as it is wanted; raises Transient where that failed."""
        ways = _DOWN if server.spec.power == Power.STOPPED else _UP
        action = ways.get(machine.row.status)
        if action is not None:
            await self._ask(server, machine, action)

    async def begin_anew(self, server: objects.Server, machine: Machine) -> None:
        """Stop a server; start it as the next incarnation once it is down.

        Whatever else somebody has done to it comes to its end first: only what runs can be stopped.
        """
        restarting.check(machine)
        status = machine.row.status
        if status == "ACTIVE":
            await restarting.prove(self._client, server, machine)
        if status != "SHUTOFF":
            await self._ask(server, machine, _STOP if status == "ACTIVE" else _UP[status])
            return
        try:
            marked = await restarting.mark(self._client, server, machine)
        except errors.Stalled:
            # Better up as what it was than down.
            await self.bring(server, machine)
            raise
        self._expect(marked)
        await self.bring(server, marked)

    def check(self, machine: Machine) -> None:
        """Raise Transient where what is under way has failed before."""
        known = self._asked.get(machine.id)
        if known is not None and known.vain:
            raise errors.Transient(known.vain, reason=CloudReason.POWER_FAILED)

    async def _ask(self, server: objects.Server, machine: Machine, action: str) -> None:
        asked = _Asked(action=action, generation=server.metadata.generation)
        known = self._asked.get(machine.id)
        if known is not None and dataclasses.replace(known, vain="") == asked:
            words = f"the cloud said yes to {action} of {machine.id}, and left it"
            asked = dataclasses.replace(asked, vain=f"{words} {machine.row.status}")
        await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action",
            what=f"{action} {server.metadata.name}", body={action: None},
        )  # fmt: skip
        self._asked[machine.id] = asked
        row = msgspec.structs.replace(machine.row, task=_TASKS[action])
        self._expect(dataclasses.replace(machine, row=row))
        self.check(machine)

    def _expect(self, machine: Machine) -> None:
        self._register.expect(machine, now=asyncio.get_running_loop().time())

    def _heard(self, before: Machine | None, after: Machine | None) -> None:
        """Hear that something has come about, or can come about no more."""
        known = after or before
        asked = self._asked.get(known.id) if known is not None else None
        if known is None or asked is None:
            return
        goal = "SHUTOFF" if asked.action == _STOP else "ACTIVE"
        if after is None or after.row.status == goal:
            del self._asked[known.id]
