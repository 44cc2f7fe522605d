"""The replicas of one install that share the work, and who of them has which slot, by Leases.

Each replica shows that it lives by a heartbeat, a Lease of its own that `lease.Elector` renews. Who
has a slot is said by the slot's Lease, which is written only when the slot moves. Every few seconds
`execution.sharing` looks here, takes, and gives.

A heartbeat that was not renewed for `patience` is that of a replica that has stopped writing: it
gives up sooner, and never comes back under its identity. So whoever has seen that, by lists that
are not stale, may take its slots; that nobody else has is guarded by the resourceVersion. A slot
that was handed over says so and is free at once, unless a later epoch was seen. Any other change to
its Lease, as where a person wrote another holder or deleted it, counts after `patience` only: by
then its owner has seen that, too. Only spans of the local clock count.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from controller.api import clock, names
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from controller.kube import faults, slots, tallies
from controller.kube.reasons import KubeReason
from controller.kube.tallies import Tally

# On a slot's Lease: the epoch that its last owner has handed over, nothing of it being under way.
GIVEN_ANNOTATION = f"{names.GROUP}/given"
_HEARTBEAT = "argosy-replica-"
# A heartbeat that was silent for so long is swept away, in seconds: its pod is there no more.
_SWEPT_SECONDS = 600.0
_MOST_EPOCHS = 2**31 - 1

T = TypeVar("T")


def heartbeat(replica: str) -> str:
    """Return the name of a replica's own Lease."""
    return f"{_HEARTBEAT}{replica}"


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_transitions: int | None = None


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    uid: str
    resource_version: str
    annotations: dict[str, str] = {}


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec = _Spec()

    @property
    def holder(self) -> str:
        return self.spec.holder_identity or ""

    @property
    def epoch(self) -> int:
        return max(self.spec.lease_transitions or 0, 0)

    @property
    def given(self) -> bool:
        """Whether its last owner has handed the slot over."""
        return not self.holder and self.metadata.annotations.get(GIVEN_ANNOTATION) == str(
            self.epoch
        )

    @property
    def version(self) -> tuple[str, str]:
        return self.metadata.uid, self.metadata.resource_version


class _Leases(msgspec.Struct, frozen=True):
    items: list[_Lease] = []


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Who has a slot, and in which tenure."""

    holder: str
    epoch: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MembersView:
    """The replicas and slots of one list, which was begun at `began` by the loop's clock."""

    began: float
    # The replicas that live, this one among them.
    members: frozenset[str]
    held: Mapping[int, Holding]
    # The slots that may be taken.
    free: frozenset[int]
    # The tallies that the heartbeats of the others that live tell of their slots: each of them,
    # as a copy of one must not stand in its place.
    told: Mapping[str, Tally] = dataclasses.field(default_factory=dict)


class Members:
    """The Leases of replicas and slots in one namespace, as the replica `identity` sees them."""

    def __init__(
        self,
        api: kube.Api,
        namespace: str,
        identity: str,
        *,
        patience: float = 15.0,
        request_seconds: float = 4.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.identity = identity
        self._api = api
        self._namespace = namespace
        self._patience = patience
        self._request_seconds = request_seconds
        self._wall_clock = wall_clock
        # The Leases of the last list, and since when each slot's, or its absence, is as it is.
        self._beats: dict[str, _Lease] = {}
        self._slots: dict[int, _Lease] = {}
        self._since: dict[int, float] = {}
        self._beaten: dict[str, float] = {}
        # When a heartbeat of an identity was last seen to be written.
        self._heard: dict[str, float] = {}
        # The last epoch that was seen of each slot: that of a new Lease is higher.
        self._epochs: dict[int, int] = {}

    async def look(self) -> MembersView:
        """Return who is there and who has what, by a list that is not stale."""
        began = self._now()
        text = await self._bounded(self._api.list(Resource.LEASES, self._namespace))
        answered = self._now()
        found = {each.metadata.name: each for each in _decode(text, _Leases).items}
        beats = {name: each for name, each in found.items() if name.startswith(_HEARTBEAT)}
        for name, each in beats.items():
            before = self._beats.get(name)
            if before is None or before.version != each.version:
                self._heard[each.holder] = self._beaten[name] = answered
        self._beats = beats
        self._beaten = {name: self._beaten[name] for name in beats}
        for name, slot in slots.LEASES.items():
            self._note(slot, found.get(name), answered)
        shown = {each.holder for each in beats.values()} - {""}
        known = shown | {each.holder for each in self._slots.values()}
        self._heard = {each: self._heard.get(each, answered) for each in known}
        alive = {each for each in shown if began - self._heard[each] < self._patience}
        return MembersView(
            began=began,
            members=frozenset(alive | {self.identity}),
            held={
                slot: Holding(holder=each.holder, epoch=each.epoch)
                for slot, each in self._slots.items()
                if each.holder
            },
            free=frozenset(slot for slot in range(slots.SLOTS) if self._is_free(slot, began)),
            told={
                name: told
                for name, each in beats.items()
                if each.holder in alive - {self.identity}
                and (told := tallies.read(each.metadata.annotations)) is not None
            },
        )

    def next_epoch(self, slot: int) -> int:
        """Return the epoch of whoever takes the slot next."""
        return self._epochs.get(slot, 0) % _MOST_EPOCHS + 1

    async def take(self, slot: int) -> int:
        """Write that this replica has the slot; return the epoch, or 0 where another was quicker.

        Raises where that is not known: the next look shows it.
        """
        epoch = self.next_epoch(slot)
        seen = self._slots.get(slot)
        spec = {
            "holderIdentity": self.identity,
            "acquireTime": clock.precise(self._wall_clock()),
            "leaseTransitions": epoch,
        }
        try:
            if seen is None:
                body = {
                    "apiVersion": PLACES[Resource.LEASES].api_version,
                    "kind": PLACES[Resource.LEASES].kind,
                    "metadata": {"name": slots.lease(slot), "namespace": self._namespace},
                    "spec": spec,
                }
                asked = self._api.create(Resource.LEASES, self._namespace, body)
                text = await self._bounded(asked)
            else:
                text = await self._write(seen, spec, given=None)
        except (faults.Conflict, faults.AlreadyExists, faults.NotFound):
            return 0
        self._note(slot, _decode(text, _Lease), self._now())
        return epoch

    async def give(self, slot: int, epoch: int) -> bool:
        """Write that nobody has the slot, nothing of it being under way; True once that is so."""
        seen = self._slots.get(slot)
        if seen is None or seen.holder != self.identity or seen.epoch != epoch:
            return True
        try:
            text = await self._write(seen, {"holderIdentity": ""}, given=str(epoch))
        except (faults.Conflict, faults.NotFound):
            return False
        self._note(slot, _decode(text, _Lease), self._now())
        return True

    async def is_alone(self) -> bool:
        """Return whether no other replica shows a heartbeat, be it an old one."""
        await self.look()
        return not {each.holder for each in self._beats.values()} - {"", self.identity}

    async def sweep(self) -> None:
        """Delete the heartbeat of one replica that is long gone, and no more between two looks."""
        now = self._now()
        gone = (each for each, beaten in self._beaten.items() if now - beaten >= _SWEPT_SECONDS)
        name = next(gone, None)
        if name is None:
            return
        uid, version = self._beats[name].version
        deleted = self._api.delete(
            Resource.LEASES, self._namespace, name, uid=uid, resource_version=version
        )
        # All replicas sweep: somebody was quicker, or its replica is back.
        with contextlib.suppress(faults.Conflict, faults.NotFound):
            await self._bounded(deleted)

    def _is_free(self, slot: int, now: float) -> bool:
        """Return whether nobody can be acting on a slot."""
        seen = self._slots.get(slot)
        # One that is restored from a backup tells of a hand-over that is over.
        if seen is not None and seen.given and seen.epoch == self._epochs[slot]:
            return True
        if now - self._since[slot] < self._patience:
            return False
        if seen is None or seen.holder in ("", self.identity):
            return True
        return now - self._heard[seen.holder] >= self._patience

    def _note(self, slot: int, found: _Lease | None, seen_at: float) -> None:
        before = self._slots.get(slot)
        if slot not in self._since or (before and before.version) != (found and found.version):
            self._since[slot] = seen_at
        if found is None:
            self._slots.pop(slot, None)
            return
        self._slots[slot] = found
        known = self._epochs.get(slot, 0)
        # After the highest there is, they begin anew.
        self._epochs[slot] = found.epoch if known == _MOST_EPOCHS else max(known, found.epoch)

    async def _write(self, seen: _Lease, spec: dict[str, object], *, given: str | None) -> bytes:
        uid, version = seen.version
        body = {
            "metadata": {
                "uid": uid,
                "resourceVersion": version,
                "annotations": {GIVEN_ANNOTATION: given},
            },
            "spec": spec,
        }
        name = seen.metadata.name
        return await self._bounded(self._api.patch(Resource.LEASES, self._namespace, name, body))

    async def _bounded(self, request: Awaitable[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._request_seconds):
                return await request
        except TimeoutError as error:
            message = f"no answer for {self._request_seconds:g} s"
            raise faults.UnknownOutcome(message, reason=KubeReason.SILENT) from error

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _decode(text: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        message = f"a Lease that is not one: {error}"
        raise faults.UnknownOutcome(message, reason=KubeReason.GARBLED) from error
