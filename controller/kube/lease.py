"""Who of several replicas leads: whoever holds a coordination.k8s.io Lease.

The operator's process acquires it before it writes anything, holds it while it lives, and ends
when it is lost. Why not `kubernetes.aio.leaderelection`: it measures spans by the wall clock, gives
a request no deadline, ends when a connection breaks, counts no transitions and cannot release.

The rule that keeps two leaders from writing at once: a leader that cannot renew gives up after
`renew_deadline`, a standby takes over no sooner than `duration` after the last renewal it saw, and
no write lasts longer than the difference. Only spans of the local clock count; the times in the
Lease are for people.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from controller import errors
from controller.api import clock
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from controller.kube import backoff, faults
from controller.kube.reasons import KubeReason
from controller.telemetry import progress

# The Lease by which the replicas of an install elect their leader, and who holds it where they
# share the work: all of them, so that no replica that would lead alone ever acts beside them.
LEADER, TOGETHER = "argosy-leader", "argosy-replicas"
# For how long a Lease is its holder's after each renewal, in seconds.
DURATION = 15.0
# How long a candidate may go without asking for the Lease, or a leader without renewing, before
# something is wrong with the process itself: all waits here are much shorter.
_LATE = 60.0
# A part of the time between giving up and being succeeded: an answer later than this is no use.
_SHARE = 0.8
# How often its own duration a candidate waits for a holder that says nothing: anybody who may write
# the Lease can claim it for a lifetime.
_LONGEST_CLAIM = 10
# The API server takes no more transitions than an int32 holds; a forged count starts anew.
_MOST_TRANSITIONS = 2**31 - 1

# How much later a renewal says it is than the last one, where the clock stands still, in seconds.
_TICK = 0.001

log = structlog.get_logger(__name__)


class LeaseLost(errors.ArgosyError):
    """The Lease is, or soon may be, another's: nothing may be written any more."""

    # The process ends with it.
    policy = errors.LeaseLost.policy


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    resource_version: str


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec = _Spec()


_decoder = msgspec.json.Decoder(_Lease)


class Elector:
    """One candidate; `identity` must differ between any two processes, restarts included.

    `epoch` numbers the leaderships of this Lease, upwards; 0 before the first of this candidate.
    A `shared` identity is that of several processes that lead together: each renews what any of
    them holds, and none leads by another's renewal.
    """

    def __init__(
        self,
        api: kube.Api,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration: float = DURATION,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        shared: bool = False,
        wall_clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        if not retry_period < renew_deadline < duration:
            raise ValueError("must be: retry_period < renew_deadline < duration")
        self.epoch = 0
        self.holder = ""
        # Why the last attempt came to nothing, where nobody else's claim is the reason.
        self.trouble: errors.ArgosyError | None = None
        self._api = api
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._duration = duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._shared = shared
        self._request_seconds = (duration - renew_deadline) * _SHARE
        self._wall_clock = wall_clock
        self._rng = rng or backoff.jitter()
        self._seen: _Lease | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0
        # When the Lease was last asked for, or renewed while it is held.
        self.pulse = progress.Pulse("the Lease")
        # The annotations that each write brings; None takes one off.
        self.says: Callable[[], Mapping[str, str | None]] = dict

    @property
    def leading(self) -> bool:
        """Whether this candidate may still write; to be asked before each write.

        A process that slept through its deadline learns it here before `hold` can tell it.
        """
        if not self.epoch or self.holder != self._identity:
            return False
        return self._now() - self._renewed_at < self._renew_deadline

    async def acquire(self) -> None:
        """Return once this candidate leads; the API server may be away for any time."""
        while not await self.attempt():  # noqa: ASYNC110 - asking is what it waits for
            await asyncio.sleep(self._retry_period * (1 + self._rng.random() / 5))

    async def attempt(self) -> bool:
        """Try once to lead; return whether this candidate does."""
        self.pulse.beat(_LATE)
        before, self.trouble = self.trouble, None
        try:
            leads = await self._try_acquire()
        except errors.ArgosyError as error:
            self.trouble = error
            if str(error) != str(before):
                log.info("lease not acquired", lease=self._name, why=str(error))
            return False
        if leads:
            log.info("lease acquired", lease=self._name, epoch=self.epoch)
        return leads

    async def hold(self) -> None:
        """Renew until the Lease is lost, then raise LeaseLost; never returns."""
        try:
            async with asyncio.timeout_at(self._renewed_at + self._renew_deadline) as deadline:
                while True:
                    await asyncio.sleep(self._retry_period)
                    if await self._try_renew():
                        self.pulse.beat(_LATE)
                        deadline.reschedule(self._renewed_at + self._renew_deadline)
        except TimeoutError as error:
            raise self._lost(f"not renewed for {self._renew_deadline:g} s") from error

    async def release(self) -> None:
        """Let a standby take over at once; to be called when the last write is answered."""
        self.pulse.rest()
        if self.holder != self._identity or self._seen is None:
            return
        self.holder = ""
        try:
            try:
                await self._give_up(self._seen)
            except (faults.Conflict, faults.UnknownOutcome):
                if self._shared:
                    # Somebody else has renewed it, and holds on to it.
                    return
                # A renewal was on its way, or this has arrived after all.
                await self._give_up(await self._read())
        except errors.ArgosyError as error:
            log.info("lease not released", lease=self._name, why=str(error))
        finally:
            self.holder = ""

    async def _give_up(self, seen: _Lease) -> None:
        if seen.spec.holder_identity != self._identity:
            return
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._stamp()}
        await self._write(spec, seen.metadata)

    async def _try_renew(self) -> bool:
        try:
            await self._renew()
        except LeaseLost:
            raise
        except faults.NotFound as error:
            # Whoever deleted it lets others take it at once.
            raise self._lost("deleted by somebody") from error
        except errors.ArgosyError as error:
            log.warning("lease not renewed", lease=self._name, why=str(error))
            return False
        return True

    async def _try_acquire(self) -> bool:
        began = self._now()
        try:
            seen = await self._read()
        except faults.NotFound:
            await self._create(began)
            return True
        spec = seen.spec
        if spec.holder_identity and spec.holder_identity != self._identity:
            patience = float(spec.lease_duration_seconds or self._duration)
            longest = self._duration * _LONGEST_CLAIM
            if began - self._seen_at < min(max(patience, self._duration), longest):
                return False
        if self._shared and spec.holder_identity == self._identity:
            await self._renew_together(seen, began)
            self.epoch = max(1, spec.lease_transitions or 0)
            return True
        epoch = _after(spec)
        taken = {**self._claim(), "leaseTransitions": epoch}
        self._note(await self._write(taken, seen.metadata))
        self._lead(epoch, began)
        return True

    async def _create(self, began: float) -> None:
        epoch = _after(self._seen.spec) if self._seen else 1
        body = {
            "apiVersion": PLACES[Resource.LEASES].api_version,
            "kind": PLACES[Resource.LEASES].kind,
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                "annotations": {name: text for name, text in self.says().items() if text},
            },
            "spec": {**self._claim(), "leaseTransitions": epoch},
        }
        made = self._api.create(Resource.LEASES, self._namespace, body)
        self._note(_decode(await self._bounded(made)))
        self._lead(epoch, began)

    async def _renew(self) -> None:
        """Renew once; raises LeaseLost where the Lease has another holder."""
        began = self._now()
        if self._seen is None:
            raise self._lost("never acquired")
        if self._shared:
            await self._renew_together(self._seen, began)
            return
        try:
            self._note(await self._write({"renewTime": self._stamp()}, self._seen.metadata))
        except (faults.Conflict, faults.UnknownOutcome) as error:
            # Somebody else wrote, or our own last renewal has arrived after all.
            seen = await self._read()
            if seen.spec.holder_identity != self._identity or (
                seen.spec.lease_transitions != self.epoch
            ):
                raise self._lost(f"{seen.spec.holder_identity or 'nobody'} holds it") from error
            self._note(await self._write({"renewTime": self._stamp()}, seen.metadata))
        self._renewed_at = began

    async def _renew_together(self, seen: _Lease, began: float) -> None:
        """Renew what several processes hold: no write of theirs keeps this one from it.

        The answer says whose it was at that moment.
        """
        anyhow = msgspec.structs.replace(seen.metadata, resource_version="")
        self._note(await self._write({"renewTime": self._stamp()}, anyhow))
        if self.holder != self._identity:
            raise self._lost(f"{self.holder or 'nobody'} holds it")
        self._renewed_at = began

    async def _read(self) -> _Lease:
        seen = _decode(
            await self._bounded(self._api.get(Resource.LEASES, self._namespace, self._name))
        )
        self._note(seen)
        return seen

    async def _write(self, spec: dict[str, Any], meta: _Meta) -> _Lease:
        told: dict[str, Any] = {"uid": meta.uid}
        if meta.resource_version:
            told["resourceVersion"] = meta.resource_version
        if says := self.says():
            told["annotations"] = dict(says)
        body = {"metadata": told, "spec": spec}
        written = self._api.patch(Resource.LEASES, self._namespace, self._name, body)
        return _decode(await self._bounded(written))

    async def _bounded(self, request: Any) -> bytes:
        try:
            async with asyncio.timeout(self._request_seconds):
                answer: bytes = await request
                return answer
        except TimeoutError as error:
            message = f"lease {self._name}: no answer for {self._request_seconds:g} s"
            raise faults.UnknownOutcome(message, reason=KubeReason.SILENT) from error

    def _note(self, seen: _Lease) -> None:
        """Remember when, by our own clock, the record was first seen as it is."""
        known = self._seen
        if known is None or known.spec != seen.spec or known.metadata.uid != seen.metadata.uid:
            self._seen_at = self._now()
        self._seen = seen
        self.holder = seen.spec.holder_identity or ""

    def _lead(self, epoch: int, began: float) -> None:
        self.epoch = epoch
        self._renewed_at = began

    def _lost(self, why: str) -> LeaseLost:
        self.holder = "" if self.holder == self._identity else self.holder
        return LeaseLost(
            f"lease {self._namespace}/{self._name}: {why}", reason=KubeReason.LEASE_LOST
        )

    def _claim(self) -> dict[str, Any]:
        stamp = self._stamp()
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": round(self._duration),
            "acquireTime": stamp,
            "renewTime": stamp,
        }

    def _stamp(self) -> str:
        """Return the time, and never the one that is there: others see by it that all is well."""
        stamp, before = clock.precise(self._wall_clock()), self._seen
        if before is not None and stamp == before.spec.renew_time:
            return clock.precise(clock.parse(stamp) + _TICK)
        return stamp

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _after(spec: _Spec) -> int:
    """Return the epoch that follows what a Lease says."""
    return (spec.lease_transitions or 0) % _MOST_TRANSITIONS + 1


def _decode(text: bytes) -> _Lease:
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        message = f"a Lease that is not one: {error}"
        raise faults.UnknownOutcome(message, reason=KubeReason.GARBLED) from error
