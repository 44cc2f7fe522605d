"""Server groups: what keeps the servers of a component on hosts of their own, or together.

A template names a policy, and the component gets a group of the cloud, which is made before its
first server and deleted after its last; or it names a group that somebody else keeps. Nova knows
groups by their names alone, and lets several have one: of several with our name the first by id
counts, so that operators agree without talking.

`provider` asks for a group before it makes a server, `lister` has those deleted that are empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

import msgspec

from controller import errors
from controller.api import objects
from controller.providers.openstack import machines, refusals, template
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.refusals import decode
from controller.providers.openstack.register import MachineRegister
from controller.providers.openstack.setbacks import Setbacks

CACHE_SECONDS = 60.0
# How long nobody must have asked for a group before it is deleted for being empty.
UNUSED_SECONDS = 60.0
AGAIN_SECONDS = 2.0
# Nova takes two at once for two hosts with room, and puts both on one: only a wish is broken then,
# so it does not put that right as it does for `anti-affinity`.
ONE_BY_ONE = "soft-anti-affinity"
_QUERY = {"limit": "1000"}


class _Group(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    # None where the answer does not tell them: that is no word of an empty group.
    members: tuple[str, ...] | None = None


class _Groups(msgspec.Struct, frozen=True):
    server_groups: tuple[_Group, ...] = ()


class _Made(msgspec.Struct, frozen=True):
    server_group: _Group


@dataclasses.dataclass(slots=True)
class _Known:
    """A group of ours: its id where it was seen lately, and when somebody last asked for it."""

    id: str
    seen: float
    used: float


class Groups:
    """The server groups of one fleet's components."""

    def __init__(self, client: CloudClient, register: MachineRegister) -> None:
        self._client = client
        self._register = register
        self._known: dict[str, _Known] = {}
        self._lock = asyncio.Lock()
        # Until a list has shown that there is none, one of an earlier operator may be there.
        self._any = True
        self._setbacks = Setbacks(lambda _: None)

    async def of(self, server: objects.Server, spec: template.Spec) -> str:
        """Return the id of the group that a server is to be in; empty for none.

        Raises TemplateRefused where one that is named is not there.
        """
        wanted = spec.server_group
        if wanted is None:
            return ""
        async with self._lock:
            if wanted.id:
                return await self._named(wanted.id)
            return await self._own(_name(self._register.fleet, server, wanted.policy), wanted)

    def check_turn(self, group: str, spec: template.Spec) -> None:
        """Raise Waiting while another server of the group is yet to be given a host."""
        wanted = spec.server_group
        if wanted is None or wanted.policy != ONE_BY_ONE:
            return
        for each in self._register.unplaced():
            if each.row.metadata.get(machines.GROUP) == group:
                message = f"{each.name} of the same server group is yet to be given a host"
                raise errors.Waiting(
                    message, reason=CloudReason.ONE_BY_ONE, retry_after=AGAIN_SECONDS
                )

    async def sweep(self) -> None:
        """Delete the groups of this fleet that have no servers and that nobody asks for."""
        if not self._any and not self._known:
            return
        async with self._lock:
            now = asyncio.get_running_loop().time()
            own = [each for each in await self._list() if each.name.startswith(self._prefix)]
            self._any = bool(own)
            unused = dict[str, _Group]()
            for each in own:
                known = self._known.get(each.name)
                # One that was there before us counts as asked for when it was first seen.
                if known is None:
                    self._known[each.name] = _Known(id=each.id, seen=now, used=now)
                elif self._is_empty(each) and now - known.used >= UNUSED_SECONDS:
                    unused[each.id] = each
            self._setbacks.keep(unused)
            await self._setbacks.for_each(unused, lambda one: self._delete(unused[one]))

    def _is_empty(self, group: _Group) -> bool:
        """Return whether a group has no servers, by the cloud's word and by what is known here."""
        known = self._register.machines.values()
        ours = any(each.row.metadata.get(machines.GROUP) == group.id for each in known)
        return group.members == () and not ours

    @property
    def _prefix(self) -> str:
        return f"{machines.fleet_tag(self._register.fleet)}."

    async def _named(self, identifier: str) -> str:
        now = asyncio.get_running_loop().time()
        known = self._known.get(identifier)
        if known is None or now - known.seen >= CACHE_SECONDS:
            if identifier not in {each.id for each in await self._list()}:
                raise template.refused(f"the cloud has no server group {identifier}")
            self._known[identifier] = _Known(id=identifier, seen=now, used=now)
        return identifier

    async def _own(self, name: str, wanted: template.ServerGroup) -> str:
        now = asyncio.get_running_loop().time()
        known = self._known.get(name)
        if known is None or now - known.seen >= CACHE_SECONDS:
            found = [each.id for each in await self._list() if each.name == name]
            identifier = min(found) if found else await self._make(name, wanted.policy)
            known = self._known[name] = _Known(id=identifier, seen=now, used=now)
        known.used = now
        return known.id

    async def _make(self, name: str, policy: str) -> str:
        reply = await self._client.call(
            COMPUTE, "POST", "/os-server-groups", what=f"create the server group {name}",
            body={"server_group": {"name": name, "policy": policy}}, creates=True,
        )  # fmt: skip
        return decode(reply.body, _Made).server_group.id

    async def _list(self) -> tuple[_Group, ...]:
        reply = await self._client.call(
            COMPUTE, "GET", "/os-server-groups", what="list server groups", query=_QUERY
        )
        return decode(reply.body, _Groups).server_groups

    async def _delete(self, group: _Group) -> None:
        with contextlib.suppress(refusals.Missing):
            await self._client.call(
                COMPUTE, "DELETE", f"/os-server-groups/{group.id}",
                what=f"delete the server group {group.name}",
            )  # fmt: skip
        self._known.pop(group.name, None)


def _name(fleet: str, server: objects.Server, policy: str) -> str:
    spec = server.spec
    component = f"{server.metadata.namespace}/{spec.application}/{spec.component}"
    return f"{machines.fleet_tag(fleet)}.{policy}.{component}"
