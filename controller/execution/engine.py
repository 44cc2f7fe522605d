"""The engine: the one loop that gathers, plans, executes and writes status.

Started by `wiring`, made to lead once this replica holds the Lease. A visit never awaits between
gather and plan, so a plan sees one moment; what it wants done goes to the dispatcher.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection
from typing import Any

import structlog

from controller.api import objects
from controller.api.resources import Resource
from controller.execution import allowance, crashes, unreadable
from controller.execution.acts import Acts
from controller.execution.caches import Caches
from controller.execution.dispatcher import Dispatcher
from controller.execution.event_writer import EventWriter
from controller.execution.failed_visits import FailedVisits
from controller.execution.fleets import Fleets
from controller.execution.gate import Gate
from controller.execution.key_state import KeyState
from controller.execution.ownership import Ownership, SoleLeader
from controller.execution.pool import Pool
from controller.execution.queue import Queue
from controller.execution.router import Router
from controller.execution.writer import Writer
from controller.kinds.kind import Kind
from controller.kube.wire import Malformed
from controller.planning import keys, management, plan
from controller.planning.builders import Builder
from controller.planning.caches import Moment, Sources
from controller.planning.keys import Key
from controller.telemetry import logging, metrics, progress, tracing

_log = structlog.get_logger(__name__)

# How long planning may keep the loop to itself, in seconds, and in visits (virtual time stands
# still while planning).
SLICE, MOST_VISITS = 0.004, 64
# A key that looks at many objects is planned again after they change at most this often: per object
# that a plan looks at, within bounds.
SECONDS_PER_OBJECT, SHORTEST_PAUSE, LONGEST_PAUSE = 50e-6, 0.02, 1.0
# How often it is looked whether the calls of keys have ended that are let go, in seconds.
LET_GO_POLL = 0.01
# How often the engine turns when there is nothing to do, and how late a turn may be, in seconds.
TURN, LATE = 10.0, 60.0


class Engine:
    """Converges what `caches` show to what people asked for."""

    def __init__(
        self,
        *,
        caches: Caches,
        fleets: Fleets,
        writer: Writer,
        pool: Pool,
        event_writer: EventWriter,
        clock: Callable[[], float],
        holder: str,
        ownership: Ownership | None = None,
        requesters_known: bool = False,
        servers_per_namespace: int = 0,
        builder: Builder = Builder(),  # noqa: B008 - frozen
    ) -> None:
        self._ownership = ownership or SoleLeader()
        self._caches = caches
        self._kinds = caches.kinds
        self._fleets = fleets
        self._pool = pool
        self._clock = clock
        self._queue = Queue()
        self._states: dict[Key, KeyState] = {}
        self._allowance = allowance.Allowance(caches, self._states)
        self._informers = caches.informers
        self._gate = Gate(caches.informers, wake=self._queue.add)
        self._acts = Acts(finished=functools.partial(self.touch, urgent=True))
        self._sources = Sources(
            caches=caches,
            fleets=fleets,
            requesters_known=requesters_known,
            servers_per_namespace=servers_per_namespace,
            builder=builder,
        )
        self._holder = holder
        # Since when this process has been watching, by the clock.
        self._since = 0.0
        self._dispatcher = Dispatcher(
            writer=writer,
            pool=pool,
            fleets=fleets,
            acts=self._acts,
            event_writer=event_writer,
            clock=clock,
            settled=self._settle,
            nudge=self._nudge,
            latest=self._latest,
            kinds=caches.kinds,
        )
        self._failed_visits = FailedVisits(
            caches=caches,
            sources=self._sources,
            queue=self._queue,
            dispatcher=self._dispatcher,
            clock=clock,
        )
        self._leading = False
        # When the engine last turned to its queue; it begins with the lead.
        self.pulse = progress.Pulse("the engine")
        self._subscribe()

    def _subscribe(self) -> None:
        """Hear of every change, of how far each cache has come, and of what went wrong there."""
        Router(self._caches, self).connect()
        self._fleets.subscribe(self.touch, self._nudge)
        for resource, informer in self._informers.items():
            informer.on_advance(functools.partial(self._gate.advance, resource))
            informer.on_crash(functools.partial(self._missed, resource))
        for resource in self._caches.planned:
            self._informers[resource].on_malformed(functools.partial(self._misread, resource))

    @property
    def _pools(self) -> tuple[Pool, ...]:
        """The API server's pool, and those of fleets that have one of their own."""
        return self._pool, *self._fleets.pools()

    # --- Calls of the router ----------------------------------------------------------------------

    def touch(self, key: Key, *, urgent: bool = False) -> None:
        """Have `key` planned as soon as its writes in flight are answered and seen."""
        if not self._leading:
            return
        state = self._states.get(key)
        if state is not None and state.in_flight:
            state.plan_again()
        else:
            self._queue.add(key, urgent=urgent)

    def touch_later(self, key: Key) -> None:
        """Have `key` planned soon: at most as often as its size allows."""
        if not self._leading:
            return
        state = self._states.get(key)
        if state is None:
            self._queue.add(key)
        elif state.in_flight:
            state.plan_again()
        else:
            self._queue.add(key, delay=self._rest(state))

    def withdraw(self, key: Key) -> None:
        """Take back what of `key` has not started, and have it planned again."""
        if not self._leading:
            return
        state = self._states.get(key)
        if state is not None and state.in_flight:
            self._take_back(key, state)
        self.touch(key, urgent=True)

    # --- Life -------------------------------------------------------------------------------------

    async def lead(self, *, since: float | None = None) -> None:
        """Plan and act until cancelled; call when the Lease is held, `since` this loop time.

        An earlier leader's writes may not be in the caches yet, so each cache that was not listed
        since is first compared with one consistent list.
        """
        since = asyncio.get_running_loop().time() if since is None else since
        # How long catching up takes is up to the API server.
        self.pulse.beat()
        for informer in self._informers.values():
            await informer.catch_up(since)
        await self._fleets.start()
        self._leading = True
        # Deadlines do not count the time in which nobody led.
        self._since = self._clock()
        self.touch_all()
        _log.info("leading", objects=len(self._queue))
        try:
            await self._serve()
        finally:
            self._leading = False

    async def survey(self) -> None:
        """Look at everything, as a new leader does: more of it is this process's to plan by now.

        Somebody else may have written to it until a moment ago.
        """
        await self.catch_up()
        self.take_up(lambda _: True)

    async def catch_up(self, slots: Collection[int | None] | None = None) -> None:
        """Return once the caches show all that was written before this call, of slots or of all."""
        since = asyncio.get_running_loop().time()
        for informer in self._informers.values():
            await informer.catch_up(since, slots)

    def take_up(self, belongs: Callable[[Key], bool]) -> None:
        """Look at all keys that belong to what this process plans from now on."""
        self._since = self._clock()
        self.touch_all(belongs)

    async def let_go(self, belongs: Callable[[Key], bool]) -> None:
        """Take back, await and forget what is under way of keys that are planned here no more."""
        due = {key: state for key, state in self._states.items() if belongs(key)}
        for key, state in due.items():
            self._take_back(key, state)
        while any(each.in_flight for each in due.values()):  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(LET_GO_POLL)
        for key in filter(belongs, self._acts.keys()):
            self._acts.leave(key)
        for key in due:
            self._drop(key)

    def acting(self) -> list[Key]:
        """Return the keys that an act is under way for."""
        return self._acts.keys()

    async def stop(self) -> None:
        """Let calls in flight finish and drop the rest; acts under way are left to be found."""
        self._leading = False
        self.pulse.rest()
        await self._dispatcher.stop()
        for pool in self._pools:
            await pool.drain()
        await self._acts.abandon()
        await self._fleets.stop()

    def calls(self) -> dict[tuple[str, ...], float]:
        """Return how many calls are under way, by their kind."""
        writes = sum(pool.running() for pool in self._pools)
        return {("write",): writes, ("act",): self._acts.count()}

    def idle(self) -> bool:
        """Return whether nothing is planned, written, acted on, or waits for a cache."""
        return (
            not self._queue
            and all(pool.idle() for pool in self._pools)
            and not self._gate
            and not self._acts.count()
        )

    def touch_all(self, belongs: Callable[[Key], bool] = lambda _: True) -> None:
        """Have all keys planned that belong to it."""
        for resource in self._caches.planned:
            watched = self._informers[resource]
            for namespace, name in watched.objects:
                if belongs(key := Key(resource, namespace, name)):
                    self.touch(key)
            for odd in watched.malformed.values():
                self._misread(resource, odd)

    def _misread(self, resource: Resource, odd: Malformed) -> None:
        """Have what does not fit its view looked at, and what waits above for it to go."""
        meta = odd.metadata
        self.touch(Key(resource, meta.namespace, meta.name))
        if odd.remains is None and meta.deletion_timestamp:
            above = crashes.above(self._kinds, meta)
            if above is not None:
                self.touch(above)

    def _missed(self, resource: Resource, item: objects.Object, error: Exception) -> None:
        """Have it seen to that a change was not passed on, where its object is planned here."""
        if self._leading and (
            resource not in self._kinds or self._ownership.owns(keys.of(resource, item))
        ):
            self._failed_visits.missed(resource, item, error)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.pulse.beat(TURN + LATE)
            await self._queue.filled(TURN)
            until = loop.time() + SLICE
            for _ in range(MOST_VISITS):
                key = self._queue.pop()
                if key is None:
                    break
                began = loop.time()
                self._visit(key)
                now = loop.time()
                self._queue.charge(now - began)
                if now > until:
                    break
            metrics.queued(len(self._queue), self._pool.depth())
            await asyncio.sleep(0)

    # --- One visit --------------------------------------------------------------------------------

    def _visit(self, key: Key) -> None:
        """Visit one object. Whatever fails here is that object's trouble alone."""
        if not self._ownership.owns(key):
            # Another install or replica has it; all is looked at when it comes back.
            return
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = KeyState()
        try:
            self._visit_in_state(key, state)
        except Exception as error:  # noqa: BLE001 - one odd object must not stop the others
            self._failed_visits.crashed(key, state, error)

    def _visit_in_state(self, key: Key, state: KeyState) -> None:
        if state.in_flight:
            state.plan_again()
            return
        if not self._gate.passes(key, state):
            return
        informer = self._informers[key.resource]
        item, odd = informer.objects.get(key.path), informer.malformed.get(key.path)
        if state.uncertain:
            state.plan_again()  # the read is made to be planned from, even if it tells no news
            self._dispatcher.resolve(key, state, item)
        elif odd is not None and odd.remains is None and odd.metadata.deletion_timestamp:
            self._failed_visits.bury(key, state, odd.metadata)
        elif item is None:
            self._stall(key, state)
        else:
            state.plan_anew()
            if not self._dispatcher.finish_act(key, state, item):
                self._reconcile(key, state, item)

    def _stall(self, key: Key, state: KeyState) -> None:
        """Forget an object that is gone; one of which nothing could be read is told so itself."""
        odd = self._informers[key.resource].malformed.get(key.path)
        if odd is None:
            self._forget(key)
        elif state.told != odd.message:
            self._dispatcher.stall(key, state, odd)

    def _reconcile(self, key: Key, state: KeyState, item: objects.Object) -> None:
        """Plan, hand over what was planned, and arrange for the next visit."""
        planned = self._measured(key, state, item)
        budget = self._kinds[key.resource].budget
        spends = budget is not None and allowance.spends(budget, planned)
        if spends and budget is not None and self._allowance.is_being_spent(budget, item):
            self._queue.add(key, delay=allowance.AGAIN)
            return
        state.spend(spends=spends)
        held = self._dispatcher.execute(key, state, item, planned)
        wake = plan.soonest(planned.wake_after, held)
        if wake is not None:
            self._queue.add(key, delay=max(wake, 0.001))
        state.recover()
        if state.in_flight:
            return
        state.succeed()
        if state.dirty:
            self._queue.add(key)
        elif state.is_blank():
            # Ten thousand servers at rest need no memory of their last visit.
            del self._states[key]

    def _latest(self, key: Key, state: KeyState) -> tuple[objects.Object, plan.Plan] | None:
        """Plan anew what has changed while its status stood in line; None where nothing has.

        Nor where something else of the key is under way, or its own writes may not be seen yet:
        what was planned then stands. Only the status is taken of the plan, and the Events that go
        with it: the key is visited once the write is answered, as it would have been.
        """
        if not state.dirty or state.pending > 1 or state.floors or state.gone:
            return None
        item = self._informers[key.resource].objects.get(key.path)
        if item is None or state.uncertain or self._acts.outcome(key) is not None:
            return None
        try:
            return item, self._measured(key, state, item)
        except Exception:  # noqa: BLE001 - the visit that follows says so on the object
            return None

    def _measured(self, key: Key, state: KeyState, item: objects.Object) -> plan.Plan:
        about = (*key, item.metadata.generation)
        logging.visit(*about)
        with metrics.reconcile(key.resource), tracing.reconcile(*about) as trace:
            state.follow(trace)
            return self._plan(key, state, item)

    def _plan(self, key: Key, state: KeyState, item: objects.Object) -> plan.Plan:
        kind, now = self._kinds[key.resource], self._clock()
        if not self._caches.plans(kind.view):
            return plan.Plan()
        if (told := unreadable.plan_for(self._informers[key.resource], key, now)) is not None:
            return told
        state.begin(asyncio.get_running_loop().time())
        retry = kind.retry(self._sources.caches, item)
        moment = Moment(
            now=now,
            outcomes=state.remembered(now, (item.metadata.generation, retry)),
            acting=self._acts.running(key),
            concluded=self._acts.outcome(key) is not None,
            left=self._acts.left(key),
            holder=self._holder,
            watching_since=self._since,
            moving=self._ownership.moving(key),
            total=self._ownership.total(key),
        )
        snapshot = kind.gather(self._sources, item, moment)
        state.space(_pause(kind, snapshot))
        return management.restrict(kind.plan(snapshot), snapshot)

    def _settle(self, key: Key, state: KeyState) -> None:
        """All answers are in: plan again if that is called for, else wait for the caches."""
        try:
            backs_off = state.settle()
        except Exception as error:  # noqa: BLE001 - a call ended it, which nobody awaits
            self._failed_visits.crashed(key, state, error)
            return
        if backs_off:
            self._queue.add(key, delay=state.backoff(self._clock()))
        elif state.dirty or state.uncertain:
            self._queue.add(key)

    def _take_back(self, key: Key, state: KeyState) -> None:
        """Count out the calls of `key` that have not started."""
        taken = sum(pool.withdraw(key) for pool in self._pools)
        try:
            state.take_back(taken)
        except Exception as error:  # noqa: BLE001 - no watch and no hand-over may end over one key
            self._failed_visits.crashed(key, state, error)

    def _nudge(self, key: Key) -> None:
        """Let what waits for its siblings' sake, or for its fleet's, be tried now."""
        if (state := self._states.get(key)) is not None:
            state.hasten()
        self.touch_later(key)

    def _forget(self, key: Key) -> None:
        """Forget an object that is gone."""
        self._drop(key)
        self._acts.gone(key)

    def _drop(self, key: Key) -> None:
        self._states.pop(key, None)
        self._queue.discard(key)

    def _rest(self, state: KeyState) -> float:
        due = state.planned_at + state.pause - asyncio.get_running_loop().time()
        return max(due, 0.0)


def _pause(kind: Kind[Any, Any], snapshot: object) -> float:
    """Return the shortest time between two plans that only follow what is below the key."""
    if kind.weight is None:
        return 0.0
    return min(max(kind.weight(snapshot) * SECONDS_PER_OBJECT, SHORTEST_PAUSE), LONGEST_PAUSE)
