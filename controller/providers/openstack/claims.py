"""Gives servers the volumes that they claim: made once, found again, and never taken from anybody.

Cinder's POST is not idempotent and names are not unique. So a volume is known by its metadata, what
there is for a server is listed before anything is made, and after a POST without an answer, or
where one was seen before, no single list proves that there is none. Of several for one claim that
counts which a server has had, and then the oldest; the others go, if nobody can have written there.

`provider` asks it before each server that is made, and for what a set lets go.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import msgspec
import structlog

from controller import contract, errors
from controller.api import objects
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import machines, refusals, volumes
from controller.providers.openstack.client import VOLUME, CloudClient
from controller.providers.openstack.creation import DOUBT_SECONDS, in_doubt
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.refusals import decode
from controller.providers.openstack.register import MachineRegister
from controller.providers.openstack.stock import Stock
from controller.providers.openstack.volumes import CloudVolume

_log = structlog.get_logger(__name__)

# How soon a server looks again that waits for its volumes.
AGAIN_SECONDS = 1.0
FASTEST, SLOWEST = 1.0, 15.0
REST_SECONDS = 60.0
# A list may take this share of the time at most, and that one while something moves.
REST_SHARE, MOVING_SHARE = 20, 4
ZONES_SECONDS = 600.0
# Of how many volumes at most a look asks that its list lacks.
PROOFS = 50
_Ref = tuple[tuple[str, str], str]


class _Zone(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="zoneName", default="")


class _Zones(msgspec.Struct, frozen=True):
    found: tuple[_Zone, ...] = msgspec.field(name="availabilityZoneInfo", default=())


class CloudClaims:
    """The volumes of one fleet's servers."""

    def __init__(self, client: CloudClient, register: MachineRegister, stock: Stock) -> None:
        self._client = client
        self._register = register
        self.stock = stock
        # Since when it is doubtful whether there is a volume that no list shows.
        self._doubts: dict[_Ref, float] = {}
        # The volumes that POSTs have made and no list has shown yet, by id.
        self._made: dict[_Ref, str] = {}
        self._zones: tuple[float, frozenset[str]] = (-ZONES_SECONDS, frozenset())
        self._nudge = asyncio.Event()
        self._pause = FASTEST
        # How long the latest list took.
        self._took = 0.0

    # --- Seeing -----------------------------------------------------------------------------------

    async def look(self) -> None:
        """List all volumes of the fleet, and delete doubles that nobody has ever had."""
        try:
            found = await volumes.listed(self._client, {volumes.FLEET: self.stock.fleet})
        except refusals.NoService:
            # Where there is nobody who makes volumes there are none. The cloud is asked on: a
            # service that is looked after is out of the catalogue as well.
            self.stock.none = True
            return
        except errors.ArgosyError:
            self.stock.none = False
            raise
        self._took = asyncio.get_running_loop().time() - found.begun
        self._see_all(found)
        lacking = self.stock.lacking((each.id for each in found.rows), begun=found.begun)
        self.stock.sync()
        await self._prove(lacking)
        doubles = self.stock.doubles()
        self.stock.setbacks.keep(each.id for each in doubles)
        await self._delete_doubles(doubles)

    async def run(self) -> None:
        """Look for ever: often while something moves, seldom while nothing does."""
        # Whoever waits for a list that failed as the fleet was opened waits for the next one.
        failures = 0 if self.stock.synced or self.stock.none else 1
        while True:
            await self._rest(failures)
            try:
                await self.look()
                failures = 0
            except errors.ArgosyError as error:
                failures += 1
                _log.warning("volumes not seen", reason=error.reason, error=str(error))

    def _see_all(self, found: volumes.ListedVolumes) -> None:
        """Take in what a list shows: what was made is found by its marks from then on."""
        for row in found.rows:
            self.stock.see(row, begun=found.begun)
            ref = row.key, row.claim
            if self._made.get(ref) == row.id:
                del self._made[ref]

    async def _prove(self, lacking: Iterable[CloudVolume]) -> None:
        """Forget what a list lacks, once the cloud says of it by its id that there is none.

        A list may lack what is there, and a server without its volume would be replaced. A
        volume that was asked to go has gone.
        """
        proofs = 0
        for each in lacking:
            if each.going:
                self.stock.forget(each.id)
            elif proofs < PROOFS:
                proofs += 1
                with contextlib.suppress(errors.ArgosyError):
                    await self._see_one(each.id)

    async def _see_one(self, identifier: str) -> CloudVolume | None:
        """Return a volume as the cloud has it now; None where it is no more, or no more ours."""
        begun = asyncio.get_running_loop().time()
        found = await volumes.look(self._client, identifier)
        if found is None or found.metadata.get(volumes.FLEET) != self.stock.fleet:
            self.stock.forget(identifier)
            return None
        self.stock.see(found, begun=begun)
        return found

    def nudge(self) -> None:
        """Have volumes looked at soon: something was set going."""
        self._pause = FASTEST
        self._nudge.set()

    def released(self, before: Machine | None, after: Machine | None) -> None:
        """Hear of a server that is gone: what it had can be had again soon."""
        if after is None and before is not None and any(self.stock.of(before.key)):
            self.nudge()

    async def _rest(self, failures: int) -> None:
        if failures:
            await asyncio.sleep(min(2.0 ** (failures - 1), REST_SECONDS))
            return
        least = max(FASTEST, MOVING_SHARE * self._took)
        wait = max(REST_SECONDS, REST_SHARE * self._took)
        if self.stock.moving:
            wait = max(self._pause, least)
            self._pause = min(self._pause * 2, SLOWEST)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._nudge.wait()
                await asyncio.sleep(least)
        self._nudge.clear()

    # --- What a server gets -----------------------------------------------------------------------

    async def ensure(
        self, server: objects.Server, call: contract.Call, zone: str
    ) -> dict[str, str]:
        """Return the ids of the server's volumes by their claims, once all of them can be had.

        Raises Waiting until then; VolumeRefused where one cannot be had as it is.
        """
        if not call.volume_claims:
            return {}
        begun = await self._list_own(server)
        ready: dict[str, str] = {}
        waits: errors.ArgosyError | None = None
        for each in call.volume_claims:
            try:
                ready[each.name] = (await self._one(server, each, zone, begun)).id
            except errors.Waiting as error:
                waits = waits or error
        if waits is not None:
            self.nudge()
            raise waits
        return ready

    async def _list_own(self, server: objects.Server) -> float:
        """Have all volumes of a server listed; return when that was begun."""
        key = server.metadata.namespace, server.metadata.name
        mine = {volumes.FLEET: self.stock.fleet, volumes.SERVER: f"{key[0]}/{key[1]}"}
        found = await volumes.listed(self._client, mine)
        self._see_all(found)
        lacking = self.stock.lacking((each.id for each in found.rows), begun=found.begun, key=key)
        await self._prove(lacking)
        return found.begun

    async def _one(
        self, server: objects.Server, claim: objects.VolumeClaim, zone: str, begun: float
    ) -> CloudVolume:
        key = server.metadata.namespace, server.metadata.name
        found = self.stock.of_claim(key, claim.name)
        there = [each for each in found if not each.going]
        if not there:
            if found:
                raise _waiting(found[0], "is being deleted")
            if not await self._is_made(server, claim):
                await self._make(server, claim, zone, begun)
        else:
            self._doubts.pop((key, claim.name), None)
        first, *others = self.stock.of_claim(key, claim.name)
        await self._delete_doubles(each for each in others if each.is_spare)
        await self._check(first)
        if first.metadata.get(volumes.STATE) != volumes.USED:
            await self._mark(first, server)
        return first

    async def check(self, server: objects.Server, call: contract.Call) -> None:
        """Raise Waiting where a server was refused that has volumes which it can no more have."""
        if not call.volume_claims:
            return
        await self._list_own(server)
        key = server.metadata.namespace, server.metadata.name
        for each in call.volume_claims:
            found = self.stock.chosen(key, each.name)
            if found is not None:
                await self._check(found)

    async def given(
        self, server: objects.Server, call: contract.Call, machine: Machine
    ) -> dict[str, str]:
        """Return the ids of the volumes that a server has; raises where it lacks one.

        A claim that is new comes with a new server, and the old one goes for that. So it must be
        certain that the server has no volume for it: raises Waiting before all were listed, and
        VolumeRefused where the server has one of which nobody knows what it is for.
        """
        name = server.metadata.name
        if not call.volume_claims:
            return {}
        if not self.stock.synced:
            message = f"which volumes {name} has is not known yet"
            raise errors.Waiting(
                message, reason=CloudReason.VOLUME_PENDING, retry_after=AGAIN_SECONDS
            )
        if self._lacks(server, call):
            await self._list_own(server)
        if lacking := self._lacks(server, call):
            await self._check_unknown(server, machine, lacking)
            message = f"{name} has no volume for the claim {lacking}"
            raise errors.Stalled(message, reason=ProviderReason.CANNOT_CHANGE)
        key = server.metadata.namespace, name
        found = ((each.name, self.stock.chosen(key, each.name)) for each in call.volume_claims)
        return {claim: volume.id for claim, volume in found if volume is not None}

    def _lacks(self, server: objects.Server, call: contract.Call) -> str:
        """Return the first claim that a server has no volume for; empty for none."""
        key = server.metadata.namespace, server.metadata.name
        names = (each.name for each in call.volume_claims)
        return next((each for each in names if self.stock.chosen(key, each) is None), "")

    async def _check_unknown(self, server: objects.Server, machine: Machine, claim: str) -> None:
        """Raise where a server has a volume that bears the marks of none of its claims.

        Somebody may have taken them off, or put on others: it may be the very claim's.
        """
        boots_so = machines.BOOTS_FROM in machine.row.metadata
        known = {each.id for each in self.stock.of(machine.key) if each.claim}
        attached = await volumes.attached(self._client, machine.id, root=boots_so)
        unknown = [each for each in attached if each not in known]
        if unknown:
            raise refusals.VolumeRefused(
                f"{server.metadata.name} has no volume for the claim {claim}, but the volume"
                f" {unknown[0]}, which bears no marks of {machine.name}: give it these, or have the"
                " server replaced",
                reason=CloudReason.VOLUME_REFUSED, blocker=f"Volume/{unknown[0]}",
            )  # fmt: skip

    async def _check(self, volume: CloudVolume) -> None:
        """Raise what keeps a volume from a server that has none yet."""
        if volume.status == volumes.AVAILABLE:
            return
        if volume.broken and volume.is_spare:
            await self._delete(volume)
            message = f"the cloud failed to make the volume {volume.name} ({volume.id})"
            raise errors.Transient(
                message, reason=CloudReason.VOLUME_REFUSED, blocker=f"Volume/{volume.name}"
            )
        if volume.status == volumes.IN_USE and volume.holder not in self._register.machines:
            raise _refused(volume, f"is in use by the server {volume.holder or 'of somebody'}")
        if volume.moving or volume.status == volumes.IN_USE:
            raise _waiting(volume, f"is {volume.status}")
        raise _refused(volume, f"is in the state {volume.status}")

    async def _is_made(self, server: objects.Server, claim: objects.VolumeClaim) -> bool:
        """Return whether an earlier call has made a volume that lists do not show, and take it in.

        Raises VolumeRefused where the cloud tells it without its marks: nobody would find it by
        these, and the next attempt would make another one.
        """
        ref = (server.metadata.namespace, server.metadata.name), claim.name
        identifier = self._made.get(ref)
        if identifier is None:
            return False
        begun = asyncio.get_running_loop().time()
        found = await volumes.look(self._client, identifier)
        if found is None:
            del self._made[ref]
            return False
        self._check_marks(found, ref)
        self.stock.see(found, begun=begun)
        return True

    def _check_marks(self, volume: CloudVolume, ref: _Ref) -> None:
        """Raise VolumeRefused where a volume that was made is told without its marks."""
        told = volume.metadata.get(volumes.FLEET), volume.key, volume.claim
        if told != (self.stock.fleet, *ref):
            (_, name), claim = ref
            raise refusals.VolumeRefused(
                f"the cloud made the volume {volume.id} for the claim {claim} of {name}, and tells"
                " of it without the metadata that it was made with",
                reason=CloudReason.VOLUME_REFUSED, blocker=f"Volume/{volume.id}",
            )  # fmt: skip

    async def _make(
        self, server: objects.Server, claim: objects.VolumeClaim, zone: str, begun: float
    ) -> None:
        """Make a volume, unless there may be one yet that the list, begun then, does not show."""
        ref = (server.metadata.namespace, server.metadata.name), claim.name
        if any(each.name == claim.name for each in server.status.claims):
            self._doubts.setdefault(ref, begun)
        doubt = self._doubts.get(ref)
        if doubt is not None and begun < doubt + DOUBT_SECONDS:
            message = f"whether there is a volume for the claim {claim.name} is not known yet"
            raise errors.Waiting(
                message, reason=CloudReason.VOLUME_PENDING, retry_after=AGAIN_SECONDS
            )
        asked = volumes.body(server, claim, self.stock.fleet, await self._zone(zone))
        self._doubts.pop(ref, None)
        with in_doubt(self._doubts, ref):
            reply = await self._client.call(
                VOLUME, "POST", "/volumes", what=f"make a volume for {server.metadata.name}",
                body=asked, creates=True,
            )  # fmt: skip
            made = decode(reply.body, volumes.One).volume
        self._made[ref] = made.id
        self._check_marks(made, ref)
        self.stock.expect(made, now=asyncio.get_running_loop().time())

    async def _zone(self, wanted: str) -> str:
        """Return the zone of a new volume: the server's, where Cinder knows one of that name."""
        if not wanted:
            return ""
        now = asyncio.get_running_loop().time()
        if now - self._zones[0] >= ZONES_SECONDS:
            reply = await self._client.call(
                VOLUME, "GET", "/os-availability-zone", what="list zones of volumes"
            )
            known = decode(reply.body, _Zones).found
            self._zones = now, frozenset(each.name for each in known)
        return wanted if wanted in self._zones[1] else ""

    async def _mark(self, volume: CloudVolume, server: objects.Server) -> None:
        """Have it known that a server may write to a volume from now on."""
        spec = server.spec
        given = {
            volumes.STATE: volumes.USED,
            volumes.COMPONENT: f"{spec.application}/{spec.component}",
        }
        await self._client.call(
            VOLUME, "POST", f"/volumes/{volume.id}/metadata",
            what=f"mark the volume {volume.name}", body={"metadata": given},
        )  # fmt: skip
        self._expect(volume, metadata=volume.metadata | given)

    # --- What becomes of them ---------------------------------------------------------------------

    async def grow(self, server: objects.Server, call: contract.Call) -> None:
        """Have volumes become as large as is wanted; what they have they keep."""
        key = server.metadata.namespace, server.metadata.name
        for claim in call.volume_claims:
            found, size = self.stock.chosen(key, claim.name), volumes.gigabytes(claim)
            if found is None or found.size >= size or found.moving:
                continue
            try:
                await self._client.call(
                    VOLUME, "POST", f"/volumes/{found.id}/action",
                    what=f"extend the volume {found.name}", body={"os-extend": {"new_size": size}},
                )  # fmt: skip
            except (errors.TemplateRefused, refusals.Busy, refusals.Missing) as error:
                raise _refused(found, f"cannot grow: {error.words}") from error
            self._expect(found, grows_to=size, status=volumes.EXTENDING)

    async def discard(self, claim: contract.Claim) -> None:
        """Delete a volume with its data, if it is what was told of it and no server has it."""
        found = await self._see_one(claim.id)
        if found is None or volumes.whose(volumes.told(found)) != volumes.whose(claim):
            # Somebody has given it another meaning since: it is theirs.
            return
        if found.attachments or found.status == volumes.IN_USE:
            self.nudge()
            raise _waiting(found, f"is still attached to the server {found.holder}".rstrip())
        if not found.going:
            await self._delete(found)

    async def _delete_doubles(self, doubles: Iterable[CloudVolume]) -> None:
        """Delete what is there a second time for a claim.

        A volume that does not go, as somebody took a snapshot of it, is told and tried on: it keeps
        neither another nor the server waiting.
        """
        await self.stock.setbacks.for_each([each.id for each in doubles], self._delete_double)

    async def _delete_double(self, identifier: str) -> None:
        found = self.stock.row(identifier)
        if found is None or not found.is_spare:
            return
        await self._delete(found)
        if self.stock.row(identifier) is not None:
            self.stock.twice.add(identifier)
        _log.warning("double volume removed", claim=found.name, id=identifier)

    async def _delete(self, volume: CloudVolume) -> None:
        try:
            await self._client.call(
                VOLUME, "DELETE", f"/volumes/{volume.id}", what=f"delete the volume {volume.name}"
            )
        except refusals.Missing:
            self.stock.forget(volume.id)
            return
        except (errors.TemplateRefused, refusals.Busy) as error:
            raise _refused(volume, f"cannot be deleted: {error.words}") from error
        self._expect(volume, status=volumes.DELETING)

    def _expect(self, volume: CloudVolume, *, grows_to: int = 0, **changes: object) -> None:
        row = msgspec.structs.replace(volume, **changes)
        now = asyncio.get_running_loop().time()
        self.stock.expect(row, now=now, grows_to=grows_to)
        self.nudge()


def _waiting(volume: CloudVolume, state: str) -> errors.Waiting:
    return errors.Waiting(
        f"the volume {volume.name} ({volume.id}) {state}", reason=CloudReason.VOLUME_PENDING,
        blocker=f"Volume/{volume.name}", retry_after=AGAIN_SECONDS,
    )  # fmt: skip


def _refused(volume: CloudVolume, state: str) -> refusals.VolumeRefused:
    return refusals.VolumeRefused(
        f"the volume {volume.name} ({volume.id}) {state}", reason=CloudReason.VOLUME_REFUSED,
        blocker=f"Volume/{volume.name}",
    )  # fmt: skip
