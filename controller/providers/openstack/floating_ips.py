"""Floating IPs: addresses outside that lead to ports of servers, made and deleted with these.

A server's metadata say which of its networks is to have one, and where it comes from; a floating
IP's description says for which server it was made. So both are known to whoever comes next, and a
loop compares them: what lacks is made, what a port has let go of is given back to it, and what no
server has any more is deleted. Neutron gives a port one floating IP at most, so two operators that
both make one do not both succeed.

`provider` asks what a server has, and what it has left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator

import structlog

from controller import contract, errors
from controller.api import conditions, objects
from controller.api.conditions import ConditionType
from controller.contract import Phase
from controller.providers.openstack import addresses, machines, observation, ports, refusals
from controller.providers.openstack.addresses import Owned
from controller.providers.openstack.client import CloudClient
from controller.providers.openstack.creation import DOUBT_SECONDS, in_doubt
from controller.providers.openstack.machines import Machine, Whose
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.register import MachineRegister
from controller.providers.openstack.setbacks import Setbacks

_log = structlog.get_logger(__name__)

FASTEST, SLOWEST = 1.0, 60.0
# In templates.
_FIELD = b"floatingIPFrom"


class FloatingIPs:
    """The floating IPs of one fleet's servers."""

    def __init__(
        self, client: CloudClient, register: MachineRegister, *, changed: contract.Changed
    ) -> None:
        self._client = client
        self._register = register
        self._changed = changed
        # Whether they were ever listed: until then nobody knows what a server has.
        self.synced = False
        # Why the latest list of them failed, and whether that means that the cloud has none.
        self._failure: errors.ArgosyError | None = None
        self._none = False
        self._owned: dict[str, Owned] = {}
        self._by_instance: dict[str, dict[str, Owned]] = {}
        self._by_server: dict[str, dict[str, Owned]] = {}
        # Why a server's floating IP could not be made, by its instance.
        self._trouble: dict[str, errors.ArgosyError] = {}
        # When a POST without an answer ended, by the Server's UID: that may have made one.
        self._doubts: dict[str, float] = {}
        # Servers that are gone and wait for their floating IPs to be so, by UID.
        self._waiting: dict[str, Whose] = {}
        # Since when those wait, by the operator's clock, and what does not go by the cloud's word.
        self._since: dict[str, float] = {}
        self._setbacks = Setbacks(self._stays)
        self._nudge = asyncio.Event()
        self._pause = FASTEST

    # --- What is seen -----------------------------------------------------------------------------

    def observed(
        self, machine: Machine, seen: contract.Observation, server: objects.Server
    ) -> contract.Observation:
        """Return what is seen of a server with the addresses that lead to it.

        A server is not ready before it has all that its template asks for.
        """
        if not machines.outside(machine.row) and machine.id not in self._by_instance:
            return seen
        if not self.synced:
            return self._unheard(machine, seen, server)
        seen = dataclasses.replace(seen, addresses=self._register.addresses(machine))
        if seen.phase is not Phase.RUNNING or not any(self._lacking(machine)):
            return seen
        error = self._trouble.get(machine.id)
        if error is None:
            reason, message = CloudReason.FLOATING_IP_PENDING, "a floating IP is being made"
            return dataclasses.replace(seen, ready=False, reason=reason, message=message)
        message = f"a floating IP could not be made: {refusals.told(error)}"
        return dataclasses.replace(seen, ready=False, reason=_reason(error), message=message)

    def _unheard(
        self, machine: Machine, seen: contract.Observation, server: objects.Server
    ) -> contract.Observation:
        """Return what is seen of a server while nobody can tell which floating IPs it has.

        One that was ready stays so with the addresses that it had: a list that fails takes none
        away. Any other is not ready, and says why.
        """
        if self._failure is None:
            return dataclasses.replace(contract.UNKNOWN, id=seen.id)
        told = server.status
        if told.provider.id == machine.id and conditions.is_true(
            told.conditions, ConditionType.READY
        ):
            both = {*seen.addresses, *told.provider.addresses}
            return dataclasses.replace(seen, addresses=tuple(sorted(both)))
        if seen.phase is not Phase.RUNNING:
            return seen
        message = f"whether it has its floating IPs is not known: {refusals.told(self._failure)}"
        reason = _reason(self._failure)
        return dataclasses.replace(seen, ready=False, reason=reason, message=message)

    def left(self, server: objects.Server) -> contract.Observation | None:
        """Return what is seen of a server that is gone, and has left floating IPs behind.

        Where one of them does not go, it says which and why, and for how long it has been so.
        """
        if not self.synced:
            return self._left_unheard(server)
        uid = server.metadata.uid
        if not self._leaves(uid):
            self._waiting.pop(uid, None)
            self._since.pop(uid, None)
            return None
        self._waiting[uid] = machines.whose(server)
        since = self._since.setdefault(uid, self._client.times.now())
        seen = contract.Observation(
            phase=Phase.TERMINATING, id=server.status.provider.id, since=since,
            reason=CloudReason.FLOATING_IP_PENDING,
            message="the server's floating IPs are being deleted",
        )  # fmt: skip
        stuck = next(self._stuck(uid), None)
        if stuck is None:
            return seen
        owned, error = stuck
        return dataclasses.replace(
            seen, reason=CloudReason.FLOATING_IP_REFUSED,
            message=f"the floating IP {owned.row.address} is not deleted: {refusals.told(error)}",
            remedy=f"openstack floating ip show {owned.row.id}",
        )  # fmt: skip

    def _stuck(self, uid: str) -> Iterator[tuple[Owned, errors.ArgosyError]]:
        """Yield what a Server has left and does not go, in a stable order, and why."""
        for _, owned in sorted(self._by_server.get(uid, {}).items()):
            error = self._setbacks.of(owned.row.id)
            if error is not None and not self._register.is_anothers(owned.instance, uid):
                yield owned, error

    def _left_unheard(self, server: objects.Server) -> contract.Observation | None:
        """Return what is seen of a server that is gone, while nobody can tell what it has left.

        Whoever asks for no floating IP has left none, and in a cloud without them nobody has. One
        that stays is made anew meanwhile: what an instance before has left goes once it is seen.
        """
        if self._failure is None:
            return contract.UNKNOWN
        stays = server.metadata.deletion_timestamp is None
        if self._none or stays or not _asks(server):
            return None
        self._waiting[server.metadata.uid] = machines.whose(server)
        message = f"whether it has left floating IPs is not known: {refusals.told(self._failure)}"
        return contract.Observation(
            phase=Phase.TERMINATING, id=server.status.provider.id,
            reason=_reason(self._failure), message=message,
        )  # fmt: skip

    def heard(self, before: Machine | None, after: Machine | None) -> None:
        """Hear of a server that is seen, or gone: it may lack one, or have left one."""
        known = after or before
        if known is None:
            return
        if after is None:
            self._trouble.pop(known.id, None)
        left = after is None and known.id in self._by_instance
        if left or (after is not None and not after.row.going and self._is_due(after)):
            self._pause = FASTEST
            self._nudge.set()

    # --- What is done -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Look for ever: often while something lacks, seldom while nothing does."""
        while True:
            wait = SLOWEST if self.synced and not self._moving else self._pause
            self._pause = min(self._pause * 2, SLOWEST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._nudge.wait()
            self._nudge.clear()
            try:
                await self.look()
            except errors.ArgosyError as error:
                _log.warning("floating IPs not seen", reason=error.reason, error=str(error))

    async def look(self) -> None:
        """List the floating IPs of the fleet, and make, give back and delete what is due."""
        if self.synced and not (self._owned or self._doubts or self._wanting()):
            return
        try:
            await self._list()
        except (refusals.NoService, refusals.Missing) as error:
            # Without Neutron, or in one without routers, there are none. The cloud is asked on,
            # for a service that has just begun may say so, too.
            self._none = True
            self._fail(error)
            return
        except errors.ArgosyError as error:
            self._none = False
            self._fail(error)
            raise
        self._failure = None
        self._sync()
        await self._make_all()
        spare = [each.row.id for each in self._owned.values() if self._is_spare(each)]
        self._setbacks.keep(spare)
        await self._setbacks.for_each(spare, self._delete)

    def _fail(self, error: errors.ArgosyError) -> None:
        """Take in why they cannot be listed: whoever lacks one, as far as is known, is told."""
        before, self._failure = self._failure, error
        if before is None or refusals.told(before) != refusals.told(error):
            for whose in self._waiting.values():
                self._changed(whose.namespace, whose.name)
        for each in self._wanting():
            if not self.synced or self._is_due(each):
                self._tell(each, error)

    def _sync(self) -> None:
        """Take in that they were listed: whoever waited for that is looked at again."""
        if self.synced:
            return
        self.synced = True
        for uid in list(self._waiting):
            self._hear(uid)
        for each in self._wanting():
            self._changed(*each.key)

    @property
    def _moving(self) -> bool:
        spare = any(self._is_spare(each) for each in self._owned.values())
        return spare or bool(self._doubts) or any(map(self._is_due, self._wanting()))

    def _wanting(self) -> list[Machine]:
        """Return the servers whose template asks for a floating IP."""
        known = (each for each in self._register.machines.values() if each.marked)
        return [each for each in known if machines.outside(each.row)]

    def _is_due(self, machine: Machine) -> bool:
        """Return whether a server has a port, and lacks a floating IP or has one too many."""
        if machine.row.going or observation.phase(machine.row) not in _WITH_PORTS:
            return False
        own = self._by_instance.get(machine.id, {}).values()
        return any(self._lacking(machine)) or any(map(self._is_spare, own))

    def _lacking(self, machine: Machine) -> Iterator[tuple[str, str, Owned | None]]:
        """Yield the networks of a server that lack one, where it comes from, and one to attach."""
        for network, outside in machines.outside(machine.row).items():
            best = next(iter(self._of(machine.id, network, outside)), None)
            if best is None or best.row.port is None:
                yield network, outside, best

    def _of(self, instance: str, network: str, outside: str) -> list[Owned]:
        """Return what a server has for one of its networks; the first is the one that stays."""
        own = self._by_instance.get(instance, {}).values()
        found = [each for each in own if (each.network, each.row.outside) == (network, outside)]
        return sorted(found, key=lambda each: each.rank)

    def _is_spare(self, owned: Owned) -> bool:
        """Return whether a floating IP is one that no server is to have."""
        machine = self._register.machines.get(owned.instance)
        if machine is None:
            # The server of the address is gone, or not seen: then it is looked for.
            return True
        if machine.row.going or not machine.marked:
            return False
        outside = machines.outside(machine.row).get(owned.network)
        alike = self._of(owned.instance, owned.network, owned.row.outside)
        return outside != owned.row.outside or alike[0] != owned

    async def _make_all(self) -> None:
        """Make what servers lack; a quota that is used up ends the round for all of them."""
        due = [each for each in self._wanting() if self._is_due(each)]
        full: errors.ArgosyError | None = None
        for machine in due:
            try:
                if full is not None:
                    raise full
                for network, outside, known in self._lacking(machine):
                    await self._attach(machine, network, outside, known)
            except (refusals.QuotaExceeded, refusals.CloudUnreachable) as error:
                full = error
                self._tell(machine, error)
            except errors.ArgosyError as error:
                self._tell(machine, error)
            else:
                self._tell(machine, None)

    def _tell(self, machine: Machine, error: errors.ArgosyError | None) -> None:
        before = self._trouble.pop(machine.id, None)
        if error is not None:
            self._trouble[machine.id] = error
        if error is None or before is None or refusals.told(before) != refusals.told(error):
            self._changed(*machine.key)

    async def _attach(
        self, machine: Machine, network: str, outside: str, known: Owned | None
    ) -> None:
        found = await ports.of(self._client, machine.id, network)
        if not found:
            message = f"{machine.name} has no port in the network {network} yet"
            raise errors.Waiting(message, reason=CloudReason.FLOATING_IP_PENDING)
        port = found[0].id
        if known is not None:
            self._put(await addresses.give_back(self._client, known, machine.name, port))
            return
        with in_doubt(self._doubts, machine.uid):
            fleet = self._register.fleet
            owned = await addresses.make(
                self._client, fleet, machine, network, outside=outside, port=port
            )
        if owned is not None:
            self._put(owned)

    async def _delete(self, identifier: str) -> None:
        owned = self._owned.get(identifier)
        if owned is None:
            return
        known = owned.instance in self._register.machines
        if not known and not self._register.is_gone(owned.instance):
            self._look_for(owned)
            return
        with contextlib.suppress(refusals.Missing):
            await addresses.delete(self._client, owned)
        self._drop(owned)

    def _look_for(self, owned: Owned) -> None:
        """Have an instance looked for by its id, and told to a Server that waits for its end."""
        whose = self._waiting.get(owned.server)
        if whose is not None:
            self._register.look_for(owned.instance, whose)
        else:
            self._register.doubt(owned.instance)

    # --- What is known ----------------------------------------------------------------------------

    async def _list(self) -> None:
        found = await addresses.listed(self._client, self._register.fleet)
        there = {each.row.id: each for each in found.found}
        for each in [each for each in self._owned.values() if each.row.id not in there]:
            self._drop(each)
        for each in there.values():
            self._put(each)
        for uid, at in list(self._doubts.items()):
            if found.begun >= at + DOUBT_SECONDS:
                del self._doubts[uid]
                self._hear(uid)

    def _put(self, owned: Owned) -> None:
        before = self._owned.get(owned.row.id)
        if before == owned:
            return
        if before is not None:
            self._unlist(before)
        self._owned[owned.row.id] = owned
        self._by_instance.setdefault(owned.instance, {})[owned.row.id] = owned
        self._by_server.setdefault(owned.server, {})[owned.row.id] = owned
        self._seen(owned.instance)
        if before is not None:
            # Somebody may have described it as another server's.
            if before.instance != owned.instance:
                self._seen(before.instance)
            self._hear(before.server)

    def _stays(self, identifier: str) -> None:
        """Tell the Server that waits for a floating IP whether, and why, that does not go."""
        owned = self._owned.get(identifier)
        whose = self._waiting.get(owned.server) if owned is not None else None
        if whose is not None:
            self._changed(whose.namespace, whose.name)

    def _drop(self, owned: Owned) -> None:
        del self._owned[owned.row.id]
        self._setbacks.forget(owned.row.id)
        self._unlist(owned)
        self._seen(owned.instance)
        self._hear(owned.server)

    def _unlist(self, owned: Owned) -> None:
        for index, key in ((self._by_instance, owned.instance), (self._by_server, owned.server)):
            del index[key][owned.row.id]
            if not index[key]:
                del index[key]

    def _seen(self, instance: str) -> None:
        own = self._by_instance.get(instance, {}).values()
        self._register.lead(instance, (each.row.address for each in own if each.row.port))
        machine = self._register.machines.get(instance)
        if machine is not None:
            self._changed(*machine.key)

    def _hear(self, uid: str) -> None:
        """Tell a Server that waits for its floating IPs to be gone."""
        if uid in self._waiting and not self._leaves(uid):
            whose = self._waiting.pop(uid)
            self._since.pop(uid, None)
            self._changed(whose.namespace, whose.name)

    def _leaves(self, uid: str) -> bool:
        """Return whether a Server that is gone has floating IPs yet that are to go, or may have.

        One whose instance is known to be another Server's, or was let go of, stays with that.
        """
        own, left = self._by_server.get(uid, {}).values(), self._register.orphans()
        going = any(
            each.instance not in left and not self._register.is_anothers(each.instance, uid)
            for each in own
        )
        return uid in self._doubts or going


_WITH_PORTS = frozenset({Phase.RUNNING, Phase.STOPPED})


def _asks(server: objects.Server) -> bool:
    """Return whether a server may have a floating IP, in whichever of its ways it was made."""
    ways = [each.patch for each in server.spec.recovery.alternatives]
    return any(_FIELD in bytes(each) for each in (server.spec.template, *ways))


def _reason(error: errors.ArgosyError) -> CloudReason:
    # A port that somebody gave another one by hand is as it is: the server is between no states.
    if isinstance(error.reason, CloudReason) and error.reason is not CloudReason.CHANGING:
        return error.reason
    return CloudReason.FLOATING_IP_REFUSED
