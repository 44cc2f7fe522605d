"""Replicas that share the work: which part of it this one has, how that comes and how it goes.

Another `Ownership` than that of a sole leader. An application is in one slot, and a slot is at any
time one replica's, which `kube.members` keeps by Leases. Made by `wiring` where `--share-work` says
so; the engine asks as it asks a sole leader, and is told what to take up and what to let go.

    taking:  follow the slot → write its Lease → see all that was written before → plan
    giving:  wait for acts → plan no more → await calls in flight → write its Lease → forget it

Where each replica follows all there is, nothing is to be followed first, or forgotten at the end.

This replica may write for a slot while three things are known to have been so a short while ago:
its heartbeat was renewed, it renewed the Lease that keeps out whoever would lead alone, and a list
that is not stale showed the slot's Lease in its name. A replica that cannot know stops writing
before anybody else may begin.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import math
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any

import structlog

from controller import errors, parts
from controller.api import names
from controller.execution.caches import Caches
from controller.execution.counts import KindCounts
from controller.execution.engine import Engine
from controller.kube import assignment, backoff, slots
from controller.kube.lease import Elector
from controller.kube.members import Members, MembersView
from controller.planning.caches import Total
from controller.planning.keys import Key
from controller.telemetry import progress

# How often the Leases are looked at; and for how long what they showed is believed, in seconds. The
# latter and `Members.patience` are as far apart as a write may last.
ROUND_SECONDS, BELIEVED_SECONDS = 2.0, 10.0
# How long a slot that is to move waits for acts, and how often they are looked at, in seconds.
ACTS_SECONDS, ACTS_POLL = 600.0, 0.25
# How often it is looked whether slots are followed that are to be taken, in seconds.
_OPEN_POLL = 0.05
# Slots whose Leases are written, or whose first lists are read, at a time.
_AT_ONCE = 8
# How late a round may be, in seconds, before something is wrong with the process itself.
_LATE = 60.0

_log = structlog.get_logger(__name__)


class Stage(enum.Enum):
    """How far a slot that is this replica's has come."""

    CATCHING_UP = "what was written before is not all seen yet"
    OWNED = "planned and written for"
    LEAVING = "to move, once its acts have ended"
    CLOSING = "planned no more; calls in flight end"


@dataclasses.dataclass(slots=True, eq=False)
class _Held:
    epoch: int
    # When it was taken, by the loop's clock.
    since: float
    stage: Stage = Stage.CATCHING_UP
    # Whether it is to move, and acts keep it from that.
    awaited: bool = False


class Sharing:
    """The share of one of several replicas in the work, while `heartbeat` and `guard` are held.

    `covers` tells of a namespace whether this install looks after it. Call `connect` before `run`.
    """

    def __init__(
        self,
        *,
        caches: Caches,
        members: Members,
        heartbeat: Elector,
        guard: Elector,
        covers: Callable[[str], bool] = lambda _namespace: True,
        rng: random.Random | None = None,
    ) -> None:
        self.pulse = progress.Pulse("the sharing of work")
        self._caches = caches
        self._members = members
        self._heartbeat = heartbeat
        self._guard = guard
        self._covers = covers
        self._rng = rng or backoff.jitter()
        self._engine: Engine
        self._held: dict[int, _Held] = {}
        # Given or lost, but calls of theirs have not all ended: not to be taken again before.
        self._ending: set[int] = set()
        # Handed over, but for the write that says so: the epochs in which that was.
        self._owed: dict[int, int] = {}
        # Takes whose answers were lost.
        self._asked: dict[int, int] = {}
        self._others = 0
        self._confirmed_at: float | None = None
        self._is_leaving = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts = KindCounts(caches, self._seen)
        heartbeat.says = self._counts.annotations

    def connect(self, engine: Engine) -> None:
        """Tell this engine what to take up and what to let go."""
        self._engine = engine

    # --- Questions --------------------------------------------------------------------------------

    @property
    def fresh(self) -> bool:
        """Whether this replica is known not to have been given up by the others."""
        if self._confirmed_at is None or not (self._heartbeat.leading and self._guard.leading):
            return False
        return self._now() - self._confirmed_at < BELIEVED_SECONDS

    def owns(self, key: Key) -> bool:
        """Return whether the key is to be planned here; one that is gone is nobody's to plan."""
        slot = self.slot(key)
        if slot is None:
            return True
        return self.plans(slot) and self._covers(key.namespace)

    def may_write(self, key: Key | None) -> bool:
        """Return whether the key's slot is held, and known to be."""
        if not self.fresh:
            return False
        if key is None:
            return True
        slot = self.slot(key)
        held = self._held.get(slot) if slot is not None else None
        return (
            held is not None and held.stage is not Stage.CATCHING_UP and self._covers(key.namespace)
        )

    def since(self, key: Key) -> float:
        """Return when the key's slot was taken here; its last owner made calls until then."""
        slot = self.slot(key)
        held = self._held.get(slot) if slot is not None else None
        return held.since if held is not None else -math.inf

    def moving(self, key: Key) -> str:
        """Return the Lease of the key's slot while that waits for acts, to be another's then."""
        slot = self.slot(key)
        held = self._held.get(slot) if slot is not None else None
        if slot is None or held is None or held.stage is not Stage.LEAVING or not held.awaited:
            return ""
        return slots.reference(slot)

    def total(self, key: Key) -> Total | None:
        """Return what the key's object counts over all replicas; None: all of it is seen here."""
        return self._counts.total(key)

    def slot(self, key: Key) -> int | None:
        """Return the slot of a key, by its application; None where the object is gone."""
        kind, informer = self._caches.kinds.get(key.resource), self._caches.informers[key.resource]
        odd = informer.malformed.get(key.path)
        if odd is not None and odd.remains is None:
            # A part that one replica has still seen, another may never have: metadata is all.
            return slots.of(key.namespace, _labelled(odd.metadata.labels) or key.name)
        item = informer.objects.get(key.path)
        if item is None or kind is None:
            return None
        return slots.of(key.namespace, kind.application(item))

    def sharers(self) -> int:
        """Return how many replicas share limits, this one among them."""
        return self._others + 1

    def plans(self, slot: int) -> bool:
        """Return whether a slot is planned for here."""
        held = self._held.get(slot)
        return held is not None and held.stage in {Stage.OWNED, Stage.LEAVING}

    def owned(self) -> int:
        """Return how many slots are planned for here, and not only held."""
        return sum(map(self.plans, self._held))

    def _seen(self) -> set[int]:
        """Return the slots of this replica of which all is seen here."""
        return {s for s, each in self._held.items() if each.stage is not Stage.CATCHING_UP}

    # --- Life -------------------------------------------------------------------------------------

    async def run(self, beside: Callable[[], Awaitable[Mapping[str, parts.Work]]]) -> None:
        """Work beside the other replicas until cancelled; raises that a Lease is lost.

        Call once the caches are full. `beside` is called once nobody acts who would do so alone,
        and returns what is to run from then on.
        """
        await self._guard.acquire()
        await parts.together({"lease": self._guard.hold(), "work": self._join(beside)})

    async def _join(self, beside: Callable[[], Awaitable[Mapping[str, parts.Work]]]) -> None:
        await self._heartbeat.acquire()
        # Who left as the last one, and saw no heartbeat of this replica yet, has let go of it.
        await self._guard.acquire()
        await parts.together(
            {
                **await beside(),
                "heartbeat": self._heartbeat.hold(),
                # Nothing is planned for before the caches have caught up with its last owner.
                "engine": self._engine.lead(since=0.0),
                "slots": self._look_on(),
            }
        )

    async def _look_on(self) -> None:
        while True:
            self.pulse.beat(_LATE)
            try:
                await self.turn()
            except errors.ArgosyError as error:
                _log.info("slots not looked at", why=str(error))
            await asyncio.sleep(ROUND_SECONDS * (1 + self._rng.random() / 5))

    async def turn(self) -> None:
        """Look once, and do what that calls for; what takes long goes on in the background."""
        view = await self._members.look()
        self._others = len(view.members) - 1
        self._check(view)
        if self._counts.hear(view.told):
            for key in self._counts.counting():
                self._engine.touch_later(key)
        self._confirmed_at = view.began
        if not self.fresh or self._is_leaving:
            return
        living = {slot: each.holder for slot, each in view.held.items()}
        wanted = assignment.assign(living, view.members)
        me = self._members.identity
        mine = {slot for slot, who in wanted.items() if who == me}
        self._move(mine)
        await self._settle_debts()
        # Nobody else can give what a person's hand has put in this replica's name.
        named = {slot for slot, each in view.held.items() if each.holder == me}
        await self._take(view.free & await self._follow(mine | named))
        await self._members.sweep()

    async def _follow(self, wanted: set[int]) -> set[int]:
        """Follow the slots that are to be this replica's; return those of which all is shown.

        A slot that cannot be listed keeps others from being opened in the same round alone, and in
        later ones nobody waits for it.

        The replica follows on the slots that it has. A slot that it has given is in `wanted` as
        long as the Lease says that it is this replica's: a slot is forgotten after its Lease is
        written, and never before.
        """
        kept = self._held.keys() | self._ending
        for slot in self._caches.slots - kept - wanted:
            await self._caches.close(slot)
        before, until = frozenset(self._caches.slots), self._now() + ROUND_SECONDS
        while True:
            followed = {slot for slot in wanted & self._caches.slots if self._caches.open(slot)}
            # Each is three lists and three connections: all at once, heartbeats would be late.
            opening = len(self._caches.slots - before - followed)
            for slot in sorted(wanted - self._caches.slots):
                if opening >= _AT_ONCE:
                    break
                if self._caches.open(slot):
                    followed.add(slot)
                else:
                    opening += 1
            if wanted - before <= followed or self._now() >= until:
                return followed
            await asyncio.sleep(_OPEN_POLL)

    async def leave(self) -> None:
        """Hand all over; call when nothing is planned any more and no call is in flight.

        Without another replica, whoever comes may lead at once, and alone.
        """
        self._is_leaving = True
        self.pulse.rest()
        await self.end()
        if self.fresh:
            self._owed |= {slot: each.epoch for slot, each in self._held.items()}
            self._held.clear()
            await self._settle_debts()
        await self._heartbeat.release()
        if self._guard.leading and await self._members.is_alone():
            await self._guard.release()

    async def end(self) -> None:
        """Drop what goes on in the background."""
        for each in tuple(self._tasks):
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- Taking -----------------------------------------------------------------------------------

    def _check(self, view: MembersView) -> None:
        """Hold what is held to what a list shows; find what was taken without an answer."""
        me = self._members.identity
        lost, found = set(), {}
        for slot, held in self._held.items():
            shown = view.held.get(slot)
            if shown is None or (shown.holder, shown.epoch) != (me, held.epoch):
                lost.add(slot)
        for slot, epoch in self._asked.items():
            shown = view.held.get(slot)
            if shown is not None and (shown.holder, shown.epoch) == (me, epoch):
                found[slot] = epoch
        self._asked.clear()
        for slot, epoch in tuple(self._owed.items()):
            shown = view.held.get(slot)
            if shown is None or (shown.holder, shown.epoch) != (me, epoch):
                del self._owed[slot]
        if lost:
            _log.warning("slots lost", slots=sorted(lost))
            for slot in lost:
                del self._held[slot]
            self._ending |= lost
            self._start(self._drop(lost), "slots lost")
        if found:
            self._begin(found)

    async def _take(self, free: Iterable[int]) -> None:
        # A slot that is owed is to be given, not to be taken back.
        kept = self._held.keys() | self._ending | self._owed.keys()
        due = [each for each in sorted(free) if each not in kept]
        taken: dict[int, int] = {}

        async def take(slot: int) -> None:
            epoch = self._members.next_epoch(slot)
            try:
                got = await self._members.take(slot)
            except errors.ArgosyError as error:
                self._asked[slot] = epoch
                _log.info("slot not taken", slot=slot, why=str(error))
            else:
                if got:
                    taken[slot] = got

        await _in_batches([take(each) for each in due])
        if taken:
            self._begin(taken)

    def _begin(self, taken: Mapping[int, int]) -> None:
        begun = {slot: _Held(epoch, self._now()) for slot, epoch in taken.items()}
        self._held |= begun
        _log.info("slots taken", slots=sorted(taken))
        self._start(self._catch_up(begun), "slots taken")

    async def _catch_up(self, begun: Mapping[int, _Held]) -> None:
        """Plan for slots once all is seen that their last owners wrote, however long that takes.

        Where slots are followed one by one, each is planned as soon as all of its own is seen.
        """
        await self._engine.catch_up({None})
        if not self._caches.by_slot:
            self._plan(begun)
            return

        async def see(slot: int, held: _Held) -> None:
            await self._engine.catch_up({slot})
            self._plan({slot: held})

        await _in_batches([see(*each) for each in begun.items()], patience=ROUND_SECONDS)

    def _plan(self, seen: Mapping[int, _Held]) -> None:
        ready = {slot for slot, each in seen.items() if self._held.get(slot) is each}
        for slot in ready:
            if self._held[slot].stage is Stage.CATCHING_UP:
                self._held[slot].stage = Stage.OWNED
        self._engine.take_up(lambda key: self.slot(key) in ready)

    # --- Giving -----------------------------------------------------------------------------------

    def _move(self, mine: Collection[int]) -> None:
        """Begin to give what is to be another's; keep what is to stay after all."""
        leaving: dict[int, _Held] = {}
        for slot, held in tuple(self._held.items()):
            if slot in mine and held.stage is Stage.LEAVING:
                held.stage, held.awaited = Stage.OWNED, False
                self._engine.take_up(lambda key, slot=slot: self.slot(key) == slot)  # type: ignore[misc]
            elif slot not in mine and held.stage is Stage.CATCHING_UP:
                # Nothing was planned yet.
                self._owed[slot] = held.epoch
                del self._held[slot]
            elif slot not in mine and held.stage is Stage.OWNED:
                held.stage = Stage.LEAVING
                leaving[slot] = held
        if leaving:
            _log.info("slots to be given", slots=sorted(leaving))
            self._start(self._hand_over(leaving), "slots given")

    async def _hand_over(self, leaving: dict[int, _Held]) -> None:
        """Give slots, each once no act of it is under way, or after the longest wait.

        Meanwhile no new act is asked for, and operations say why.
        """
        until = self._now() + ACTS_SECONDS
        while True:
            leaving = {
                slot: each
                for slot, each in leaving.items()
                if self._held.get(slot) is each and each.stage is Stage.LEAVING
            }
            busy = {self.slot(key) for key in self._engine.acting()}
            late = self._now() >= until
            await self._close({s: each for s, each in leaving.items() if late or s not in busy})
            kept = {slot: each for slot, each in leaving.items() if each.stage is Stage.LEAVING}
            if not kept:
                return
            awaited = {slot for slot, each in kept.items() if not each.awaited}
            for slot in awaited:
                kept[slot].awaited = True
            if awaited:
                self._engine.touch_all(lambda key, found=awaited: self.slot(key) in found)  # type: ignore[misc]
            await asyncio.sleep(ACTS_POLL)

    async def _close(self, closing: Mapping[int, _Held]) -> None:
        if not closing:
            return
        for each in closing.values():
            each.stage = Stage.CLOSING
        await self._engine.let_go(lambda key: self.slot(key) in closing)
        for slot, each in closing.items():
            if self._held.get(slot) is each:
                del self._held[slot]
                self._owed[slot] = each.epoch
        await self._settle_debts()

    async def _settle_debts(self) -> None:
        """Write that what was handed over is free; what is not answered is written again."""

        async def settle(slot: int, epoch: int) -> None:
            try:
                if await self._members.give(slot, epoch) and self._owed.get(slot) == epoch:
                    del self._owed[slot]
            except errors.ArgosyError as error:
                _log.info("slot not given", slot=slot, why=str(error))

        await _in_batches([settle(*each) for each in tuple(self._owed.items())])

    async def _drop(self, lost: Collection[int]) -> None:
        """Forget what was lost; no write of it goes out any more."""
        await self._engine.let_go(lambda key: self.slot(key) in lost)
        self._ending -= set(lost)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a move crashed", what=task.get_name(), exc_info=error)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _labelled(labels: Mapping[str, str]) -> str:
    return labels.get(names.APPLICATION_LABEL, "")


async def _in_batches(
    works: Collection[Coroutine[Any, Any, None]], *, patience: float | None = None
) -> None:
    """Carry all of it out, so many at a time; what takes longer than `patience` counts no more."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(work: Coroutine[Any, Any, None]) -> None:
        async with room:
            task = asyncio.ensure_future(work)
            try:
                await asyncio.wait({task}, timeout=patience)
            except asyncio.CancelledError:
                task.cancel()
                raise
        await task

    await asyncio.gather(*map(one, works))
