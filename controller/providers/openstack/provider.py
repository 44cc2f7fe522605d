"""Servers of an OpenStack cloud: sees them through the register, makes and deletes them by Nova.

`execution` calls it for the servers of fleets whose provider is `openstack`. Observations come
from the lister's lists; an act is one call, but for a create after one in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

from controller import contract, errors
from controller.api import objects
from controller.api.choices import Power
from controller.api.reasons import Reason
from controller.contract import Phase, incarnations, tasks
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import (
    creation,
    listing,
    machines,
    observation,
    refusals,
    snapshots,
    template,
)
from controller.providers.openstack.changes import Changes
from controller.providers.openstack.claims import CloudClaims
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.creation import Creation
from controller.providers.openstack.floating_ips import FloatingIPs
from controller.providers.openstack.groups import Groups
from controller.providers.openstack.lister import Lister
from controller.providers.openstack.lookups import Lookups
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.powering import Powering
from controller.providers.openstack.probes import Reach
from controller.providers.openstack.readiness import ReadinessProbes
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.register import MachineRegister
from controller.providers.openstack.resizing import Resizing
from controller.providers.openstack.snapshots import Snapshots
from controller.providers.steps.steps import Steps
from controller.reasons import Vocabulary


@dataclasses.dataclass(slots=True, kw_only=True)
class ProviderParts:
    """The parts that a provider of a cloud is put together from."""

    client: CloudClient
    register: MachineRegister
    lister: Lister
    readiness: ReadinessProbes
    reach: Reach
    steps: Steps
    rebuilds: bool
    resizing: Resizing
    groups: Groups
    claims: CloudClaims
    floating: FloatingIPs
    alone_since: contract.AloneSince


class CloudProvider:
    """Makes, sees, changes and deletes servers of one fleet."""

    def __init__(self, parts: ProviderParts) -> None:
        self._client = parts.client
        self._register = parts.register
        self._lister = parts.lister
        self._readiness = parts.readiness
        self._reach = parts.reach
        self._steps = parts.steps
        self._rebuilds = parts.rebuilds
        self._resizing = parts.resizing
        self._groups = parts.groups
        self._claims = parts.claims
        self._floating = parts.floating
        self._lookups = Lookups(parts.client, parts.register.fleet)
        self._changes = Changes(
            parts.client, parts.register, self._lookups, parts.resizing, rebuilds=parts.rebuilds
        )
        self._creation = Creation(parts.client, parts.register, parts.lister, parts.alone_since)
        self._powering = Powering(parts.client, parts.register)
        self._snapshots = Snapshots(parts.client, parts.register)

    def writes(self, server: objects.Server, call: contract.Call) -> tuple[contract.Place, ...]:
        """Return nothing: servers of a cloud are no objects."""
        del server, call
        return ()

    def observe(self, server: objects.Server) -> contract.Observation:
        """Return what the register has of `server`; absent is what is proved to be."""
        seen, stock, meta = self._observe(server), self._claims.stock, server.metadata
        has, key = stock.seen(server), (meta.namespace, meta.name)
        if seen.phase in (Phase.UNKNOWN, Phase.FOREIGN):
            return seen
        doubles = (*self._register.doubles_of(key, seen.id), *stock.doubles_of(key))
        stuck = (*self._register.stuck_of(key, seen.id), *stock.stuck_of(key))
        if not (has or doubles or stuck):
            return seen
        return dataclasses.replace(seen, volumes=has, doubles=doubles, stuck=stuck)

    def _observe(self, server: objects.Server) -> contract.Observation:
        meta = server.metadata
        found = list(self._register.of((meta.namespace, meta.name)))
        own = _chosen([each for each in found if each.uid == meta.uid])
        if own is not None and not own.marked:
            return observation.unmarked(own, server, self._register.fleet)
        if own is not None:
            proof = self._readiness.proof(own)
            seen = observation.observe(own, server, proof, self._client.times)
            if self._register.asks_why(own):
                return observation.unexplained(seen)
            return self._floating.observed(own, self._hindered(own, seen), server)
        if found:
            message = f"the server {found[0].id} in the cloud was made for another {meta.name}"
            return contract.Observation(
                phase=Phase.FOREIGN, reason=Reason.NAME_TAKEN, message=message
            )
        if self._is_absent(server):
            left = self._creation.left(server) or self._floating.left(server)
            return left or contract.ABSENT
        return self._unseen(server)

    def _hindered(self, machine: Machine, seen: contract.Observation) -> contract.Observation:
        """Return what is seen of a server on its way, with why the cloud refuses the next step."""
        error = self._register.refused.get(machine.id)
        on_its_way = seen.changing or seen.phase is Phase.TERMINATING
        if error is None or seen.message or not on_its_way:
            return seen
        reason = error.reason if isinstance(error.reason, Vocabulary) else seen.reason
        return dataclasses.replace(seen, reason=reason, message=refusals.told(error))

    def _is_absent(self, server: objects.Server) -> bool:
        recorded, uid = server.status.provider.id, server.metadata.uid
        return self._register.synced and (
            not recorded
            or self._register.is_gone(recorded)
            or self._register.is_anothers(recorded, uid)
            or recorded in self._register.orphans()
        )

    def _unseen(self, server: objects.Server) -> contract.Observation:
        """Have the instance on record looked for by its id: lists may lack what is there."""
        recorded = server.status.provider.id
        if self._register.synced and self._register.look_for(recorded, machines.whose(server)):
            self._lister.nudge()
        if recorded in self._register.silent:
            return observation.silent(server)
        return contract.UNKNOWN

    def instance(self, server: objects.Meta) -> str | None:
        """Return the id of what there is of a server.

        None before the first list, and while a create in doubt, or of others, may yet make it.
        """
        if not self._register.synced:
            return None
        own = self._own(server)
        if own is None and self._creation.may_make(server):
            return None
        return own.id if own is not None else ""

    def instances(self) -> tuple[contract.Instance, ...] | None:
        """Return all servers of the fleet, those in doubt among them; None while not heard."""
        heard = self._register.synced and self.silence() is None
        return tuple(self._instances()) if heard else None

    def silence(self) -> contract.Silence | None:
        """Return for how long no list of the servers has been answered, and why; None if one is."""
        return self._lister.silence()

    def home(self) -> str:
        """Return the project and the region in which the servers are."""
        return self._client.home

    def _instances(self) -> Iterator[contract.Instance]:
        known = {key: each for key, each in self._register.machines.items() if each.marked}
        for each in known.values():
            yield contract.Instance(
                id=each.id, server=f"{each.namespace}/{each.name}", uid=each.uid,
                phase=observation.phase(each.row),
            )  # fmt: skip
        others = {*self._register.doubts, *self._register.silent, *self._register.machines}
        for identifier in others - known.keys():
            yield contract.Instance(id=identifier, server="", uid="", phase=Phase.UNREACHABLE)

    def can_change(self, before: bytes, after: bytes) -> bool:
        """Image, user data, key by rebuild, the flavor by resize, where the Fleet lets it.

        A change of ports, security groups and floating IPs alone is possible on any server.
        """
        allowed = self._resizing.allowed
        return template.can_change(before, after, rebuilds=self._rebuilds, resizes=allowed)

    def own_addresses(self, server: objects.Server) -> tuple[str, ...]:
        """Return the server's addresses in the Fleet's `probeCIDRs`: tenants choose the rest."""
        own = self._own(server.metadata)
        return self._reach.of(self._register.addresses(own)) if own is not None else ()

    async def create(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Make the server, unless it is there; after a POST in doubt look for what that made."""
        spec = template.read(call.template)
        self._may_create(server)
        ids = await self._lookups.ids(spec, server.metadata.namespace)
        ids = dataclasses.replace(ids, group=await self._groups.of(server, spec))
        self._may_create(server)
        if self._own(server.metadata) is None:
            self._groups.check_turn(ids.group, spec)

            async def body() -> dict[str, Any]:
                given = await self._claims.ensure(server, call, template.zone(spec, call))
                found = dataclasses.replace(ids, volumes=given)
                return template.new(server, call, spec, found, self._register.fleet)

            try:
                await self._creation.make(server, body)
            except refusals.QuotaExceeded as error:
                raise _elsewhere(error, server) from error
            except errors.TemplateRefused:
                await self._claims.check(server, call)
                raise
            finally:
                self._lister.nudge()
        return contract.NOTHING

    def claims(
        self, namespace: str, application: str, component: str = ""
    ) -> tuple[contract.Claim, ...] | None:
        """Return the volumes of a component; None before the first list of them."""
        return self._claims.stock.claims((namespace, application, component))

    async def discard(self, claim: contract.Claim) -> contract.Receipt:
        """Have a volume deleted with its data, if it is of this fleet and no server has it."""
        await self._claims.discard(claim)
        return contract.NOTHING

    def _may_create(self, server: objects.Server) -> None:
        meta = server.metadata
        for each in self._register.of((meta.namespace, meta.name)):
            creation.check(each, server)
        if self._own(server.metadata) is None and not self._is_absent(server):
            # Before the first list, and until what is on record is proved to be gone.
            self._unseen(server)
            message = f"whether the cloud has a server for {meta.name} is not known yet"
            raise errors.Waiting(message, reason=Reason.FLEET_OPENING)

    def _own(self, server: objects.Meta) -> Machine | None:
        """Return the instance of a Server that is ours to touch."""
        found = self._register.of((server.namespace, server.name))
        return _chosen([each for each in found if each.uid == server.uid and each.marked])

    async def change(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Rebuild the server for another template; stop, start or restart it as is asked for."""
        machine = await self._current(server, call.instance)
        if call.template:
            await self._bring(server, call, machine)
        else:
            await self._claims.grow(server, call)
            await self._power(server, machine)
        self._lister.nudge()
        return contract.NOTHING

    async def _bring(self, server: objects.Server, call: contract.Call, machine: Machine) -> None:
        """Bring an instance nearer to the template, to its next incarnation, then to its power."""
        older = machine.incarnation != server.spec.incarnation
        if older and not incarnations.is_restart(server.spec, machine.incarnation):
            message = f"{machine.id} is of another incarnation: it must be replaced"
            raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
        is_old = machine.row.metadata.get(machines.REVISION, "") != server.spec.revision
        is_old = is_old or (machine.row.is_half and not older)
        if observation.is_changing(machine.row) and (is_old or older):
            self._powering.check(machine)
            told = observation.in_hand(machine.row) or f"{machine.id} is changing"
            raise refusals.Busy(told, reason=CloudReason.CHANGING)
        if is_old:
            volumes = await self._claims.given(server, call, machine)
            await self._changes.make(server, call, machine, volumes)
        elif older and server.spec.power == Power.RUNNING:
            await self._powering.begin_anew(server, machine)
        else:
            await self._power(server, machine)

    async def _power(self, server: objects.Server, machine: Machine) -> None:
        """Have an instance go down or come up, unless something else is done to it."""
        if observation.is_changing(machine.row):
            self._powering.check(machine)
        else:
            await self._powering.bring(server, machine)

    async def _current(self, server: objects.Server, instance: str) -> Machine:
        """Return the server as the cloud has it now; raises Waiting where it is another by now."""
        machine = self._own(server.metadata)
        if machine is None or machine.id != instance:
            raise _another(server)
        begun = asyncio.get_running_loop().time()
        row = await listing.server(self._client, instance)
        if row is not None:
            self._register.see(row, begun=begun)
        found = self._register.machines.get(instance, machine)
        if not found.marked:
            raise _another(server)
        if found.row.status == "UNKNOWN":
            raise refusals.Busy(observation.away(instance), reason=ProviderReason.UNHEARD)
        return found

    async def act(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """Run the task's request or Job, take a snapshot, or restore one."""
        facts = await self._steps.run(server, call, self.own_addresses(server))
        if facts is not None:
            return facts
        own, wanted = self._own(server.metadata), call.instance or server.status.provider.id
        if own is None or own.id != wanted:
            raise _another(server)
        boots_from = own.row.metadata.get(machines.BOOTS_FROM)
        if call.task is not None and call.task.action in snapshots.ACTIONS and not boots_from:
            return await self._snapshots.run(own, call.task)
        what = call.task.action if call.task is not None else str(call.verb)
        which = f"that boot from a {boots_from}" if boots_from else "of a cloud"
        message = f"servers {which} know no {what}"
        raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)

    async def resume(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """Follow a Job, a snapshot, a restore or a harmless request; commands leave no trace."""
        facts = await self._steps.resume(server, call, self.own_addresses(server))
        if facts is not None:
            return facts
        if call.task is not None and call.task.action == tasks.EXEC:
            raise errors.UnknownOutcome("the command left no trace", reason=ProviderReason.NO_TRACE)
        return await self.act(server, call)

    async def cancel(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        """End a Job; everything else ended with whoever waited for it."""
        await self._steps.cancel(server, call)
        return {}

    async def delete(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        """Have the server `call.instance` deleted, if it is the one that was made for `server`."""
        if not await self._is_of(call.instance, uid=server.metadata.uid):
            return contract.NOTHING
        if call.grace_seconds == 0:
            await self.erase(call.instance)
        else:
            await self.remove(call.instance)
        return contract.NOTHING

    async def collect(self, instance: str, server: str) -> contract.Receipt:
        """Have an orphan of this fleet deleted by its id."""
        del server  # ids are never used twice
        if await self._is_of(instance):
            await self.remove(instance)
        return contract.NOTHING

    async def _is_of(self, instance: str, uid: str = "") -> bool:
        """Return whether an id is of a server of this fleet, and of that Server if one is given.

        Statuses can be written by people: an id there is no proof of what it names.
        """
        known = self._register.machines.get(instance)
        if known is None and listing.is_id(instance) and not self._register.is_gone(instance):
            begun = asyncio.get_running_loop().time()
            row = await listing.server(self._client, instance)
            if row is not None:
                self._register.see(row, begun=begun)
            known = self._register.machines.get(instance)
        return known is not None and known.marked and (not uid or known.uid == uid)

    async def remove(self, instance: str) -> None:
        """Have a server deleted; one that is gone is forgotten once that is proved."""
        with contextlib.suppress(refusals.Missing):
            async with self._heard(instance):
                await self._client.call(
                    COMPUTE, "DELETE", f"/servers/{instance}", what=f"delete {instance}"
                )
        self._left(instance)

    async def erase(self, instance: str) -> None:
        """Have a server deleted without waiting for anybody, its reclaim time included."""
        try:
            async with self._heard(instance):
                await self._client.call(
                    COMPUTE, "POST", f"/servers/{instance}/action",
                    what=f"delete {instance} by force", body={"forceDelete": None},
                )  # fmt: skip
        except (refusals.Missing, refusals.Busy):
            await self.remove(instance)
        self._left(instance)

    @contextlib.asynccontextmanager
    async def _heard(self, instance: str) -> AsyncIterator[None]:
        """Have a failure told as that of its cell, where that is down: a look at the server tells.

        Nova answers with 500 there, which tells nothing of the cloud: other cells make servers.
        """
        try:
            yield
        except (refusals.CloudUnreachable, refusals.AnswerLost) as error:
            begun, row = asyncio.get_running_loop().time(), None
            with contextlib.suppress(errors.ArgosyError):
                row = await listing.server(self._client, instance)
            if row is None or row.status != "UNKNOWN":
                raise
            self._register.see(row, begun=begun)
            message = observation.away(instance)
            raise refusals.Busy(message, reason=ProviderReason.UNHEARD) from error

    def _left(self, instance: str) -> None:
        self._register.leave(instance, now=asyncio.get_running_loop().time())
        self._lister.nudge()


def _chosen(own: list[Machine]) -> Machine | None:
    """Return the one of a Server's instances that counts: one that stays, and the oldest."""
    if not own:
        return None
    return min(
        own,
        key=lambda each: (
            not each.marked, each.row.going, each.incarnation, not each.listed, each.age,
        ),
    )  # fmt: skip


def _another(server: objects.Server) -> errors.Waiting:
    message = f"the server of {server.metadata.name} in the cloud is another by now"
    return errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED)


def _elsewhere(error: refusals.QuotaExceeded, server: objects.Server) -> errors.Transient:
    """Return the error as one that costs an attempt where there is another way to try."""
    if len(server.spec.recovery.alternatives) < 2:  # noqa: PLR2004 - one is no choice
        return error
    return refusals.QuotaHere(str(error), reason=error.reason, words=error.words)
