"""The dispatcher: makes calls of a plan's actions, to the API server and to providers.

The engine asks. `calls` has them made when their turn comes, and keeps account of the answers; the
plan's status is `status_writer`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from controller import contract, errors
from controller.api import objects, resources
from controller.api.resources import Resource
from controller.contract import Place
from controller.execution import ownership, unreadable
from controller.execution.acts import Acts
from controller.execution.calls import Calls
from controller.execution.event_writer import EventWriter
from controller.execution.fleets import Fleets
from controller.execution.key_state import KeyState
from controller.execution.pool import Pool
from controller.execution.status_writer import Latest, StatusWriter
from controller.execution.writer import Writer
from controller.kinds.kind import Kind
from controller.kube import wire
from controller.kube.receipts import WriteReceipt
from controller.planning import outcomes, plan, targets
from controller.planning.keys import Key
from controller.planning.targets import ObjectVerb
from controller.telemetry import metrics

# Writes of one plan that are handed over at once; the rest are planned again after them, so that a
# change of mind never has more than these to take back.
MOST_ACTIONS = 256

_ACTS = frozenset({contract.Verb.ACT, contract.Verb.RESUME})


class Dispatcher:
    """Carries plans out. `settled` is called with each key whose answers are all in."""

    def __init__(
        self,
        *,
        writer: Writer,
        pool: Pool,
        fleets: Fleets,
        acts: Acts,
        event_writer: EventWriter,
        clock: Callable[[], float],
        settled: Callable[[Key, KeyState], None],
        nudge: Callable[[Key], None],
        latest: Callable[[Key, KeyState], Latest | None],
        kinds: Mapping[Resource, Kind[Any, Any]],
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._fleets = fleets
        self._acts = acts
        self._event_writer = event_writer
        self._clock = clock
        self._kinds = kinds
        self._calls = Calls(
            pool=pool, fleets=fleets, clock=clock, settled=settled, nudge=nudge, kinds=kinds
        )
        self._statuses = StatusWriter(
            writer=writer,
            calls=self._calls,
            clock=clock,
            latest=latest,
            emit=self.emit,
            kinds=kinds,
        )

    def execute(
        self, key: Key, state: KeyState, item: objects.Object, planned: plan.Plan
    ) -> float | None:
        """Hand over what was planned and is due; return when to look again, in seconds."""
        now = self._clock()
        failed = outcomes.of(state.outcomes.values())
        actions = planned.actions
        if failed.every:
            actions = failed.due(actions, item, now)
            self._forget(state, item, planned, now)
        if len(actions) > MOST_ACTIONS:
            actions = actions[:MOST_ACTIONS]
            state.plan_again()
        for action in actions:
            self._submit(key, state, item, action, planned.urgency)
        held = self._statuses.submit(key, state, item, planned)
        return plan.soonest(held, failed.wake_after(now))

    def _forget(
        self, state: KeyState, item: objects.Object, planned: plan.Plan, now: float
    ) -> None:
        """Drop outcomes that are due and that nobody asks for any more."""
        wanted = {targets.of(each, item) for each in planned.actions}
        for asked, found in tuple(state.outcomes.items()):
            target, verb = asked
            if found.again > now or asked in wanted or verb in (ObjectVerb.STATUS, ObjectVerb.READ):
                continue
            if isinstance(target, targets.ObjectTarget) or verb is not contract.Verb.CREATE:
                # Of creates the Server planner knows when they are due.
                state.forget(target, verb)
                # The status that was planned just now still speaks of it.
                state.plan_again()

    def finish_act(self, key: Key, state: KeyState, item: objects.Object) -> bool:
        """Write the outcome of a finished act into the server's status; False if none is due.

        An outcome that was refused waits for its next turn, and holds up nothing else of its
        server meanwhile: least of all that the server is torn down.
        """
        found = self._acts.outcome(key)
        if found is None:
            return False
        target = targets.ObjectTarget(*key)
        patch = self._kinds[key.resource].finish_act(item, found, self._clock())
        if patch is None:
            self._acts.forget(key)
            state.forget(target, ObjectVerb.RECORD)
            return False
        failed = state.outcomes.get((target, ObjectVerb.RECORD))
        if failed is not None and failed.again > self._clock():
            return False

        async def write() -> Sequence[WriteReceipt]:
            answer = await self._writer.write(patch)
            self._acts.forget(key)
            return answer

        self._calls.make(
            key, state, write, item=item, target=target, verb=ObjectVerb.RECORD, places=(key,),
            urgency=plan.Urgency.INTERACTIVE,
        )  # fmt: skip
        return True

    def stall(self, key: Key, state: KeyState, odd: wire.Malformed) -> None:
        """Mark an object that cannot even be read: others go on, and its status says why."""
        patch = unreadable.patch(key, odd, self._clock())
        if patch is None:
            state.tell(odd.message)
            return

        async def write() -> Sequence[WriteReceipt]:
            answer = await self._writer.write(patch)
            state.tell(odd.message)
            return answer

        self._calls.make(
            key, state, write, item=None, target=targets.ObjectTarget(*key), verb=ObjectVerb.STATUS,
            places=(), urgency=plan.Urgency.ROUTINE,
        )  # fmt: skip

    def resolve(self, key: Key, state: KeyState, item: objects.Object | None) -> None:
        """Ask for one consistent read where an answer was lost: the caches must reach it."""
        for place in tuple(state.uncertain):
            self._calls.make(
                key,
                state,
                functools.partial(self._read, state, place),
                item=item,
                target=targets.ObjectTarget(*place),
                verb=ObjectVerb.READ,
                places=(),
                urgency=plan.Urgency.INTERACTIVE,
            )

    async def _read(self, state: KeyState, place: Place) -> Sequence[WriteReceipt]:
        found = await self._writer.look(*place)
        state.believe(place)
        return (found,) if found is not None else ()

    def _submit(
        self,
        key: Key,
        state: KeyState,
        item: objects.Object,
        action: plan.Action,
        urgency: plan.Urgency,
    ) -> None:
        if isinstance(action, plan.RecordEvent):
            self.emit(key, item, action)
        elif isinstance(action, contract.Call):
            self._call(key, state, item, action, urgency)
        elif isinstance(action, plan.DeleteOrphan | plan.DeleteClaim):
            self._collect(key, state, item, action)
        else:
            self._write(key, state, item, action, urgency)

    def _write(
        self,
        key: Key,
        state: KeyState,
        item: objects.Object,
        action: plan.Request,
        urgency: plan.Urgency,
    ) -> None:
        asked = targets.of(action, item)
        assert asked is not None  # noqa: S101 - every write is about an object
        target, verb = asked
        assert isinstance(target, targets.ObjectTarget)  # noqa: S101 - as above
        if isinstance(action, plan.Delete):
            urgency = plan.Urgency.TEARDOWN
        self._calls.make(
            key,
            state,
            lambda: self._writer.write(action),
            item=item,
            target=target,
            verb=verb,
            places=((target.resource, target.namespace, target.name),),
            urgency=urgency,
            group=(key, target.resource) if verb is contract.Verb.CREATE else None,
        )

    def _call(
        self,
        key: Key,
        state: KeyState,
        item: objects.Object,
        call: contract.Call,
        urgency: plan.Urgency,
    ) -> None:
        """Ask the server's provider: acts on their own, everything else in the fleet's pool."""
        server = cast("objects.Server", item)  # what has a provider is a server
        fleet, verb = server.spec.fleet, call.verb
        self._fleets.promise(fleet, verb, key.namespace, _action(call))
        if verb in _ACTS:
            told = server.status.task
            self._acts.start(
                key, call, lambda: self._act(server, call),
                attempt=told.attempt if told is not None else 0, trace=state.trace,
            )  # fmt: skip
            return
        if verb is contract.Verb.CANCEL:
            self._acts.cancel(key, call, lambda: self._act(server, call), trace=state.trace)
            return
        provider = self._fleets.provider(fleet)
        if verb is contract.Verb.DELETE:
            urgency = max(urgency, plan.Urgency.INTERACTIVE)
        asked = targets.of(call, item)
        assert asked is not None  # noqa: S101 - acts were seen to above
        target, asked_for = asked
        self._calls.make(
            key,
            state,
            lambda: self._ask(server, call),
            item=item,
            target=target,
            verb=asked_for,
            places=provider.writes(server, call) if provider is not None else (),
            urgency=urgency,
            group=targets.alike(server, call) if asked_for is contract.Verb.CREATE else None,
            pool=self._fleets.pool(fleet),
        )

    async def _act(self, server: objects.Server, call: contract.Call) -> Any:
        """Ask for an act, or for its end, and count the answer as `calls` counts others.

        One that this process stops watching has no answer.
        """
        try:
            done = await self._ask(server, call)
        except errors.ArgosyError as error:
            metrics.called(server.spec.fleet, error.reason)
            raise
        except Exception:
            metrics.called(server.spec.fleet, "error")
            raise
        metrics.called(server.spec.fleet, "ok")
        return done

    async def _ask(self, server: objects.Server, call: contract.Call) -> Any:
        """Have the provider that is the fleet's when the call's turn has come do it."""
        done = await self._fleets.ask(
            server.spec.fleet,
            call.verb,
            lambda provider: getattr(provider, call.verb)(server, call),
            namespace=server.metadata.namespace,
            whose=server.metadata.uid,
            action=_action(call),
        )
        if call.mends:
            metrics.mended(server.spec.fleet, len(call.mends))
        return done

    def _collect(
        self,
        key: Key,
        state: KeyState,
        item: objects.Object,
        action: plan.DeleteOrphan | plan.DeleteClaim,
    ) -> None:
        """Ask a fleet for what is no server's any more to go.

        Where it might be one's yet, the API server is asked before.
        """

        def go(provider: contract.Provider) -> Awaitable[contract.Receipt]:
            if isinstance(action, plan.DeleteClaim):
                return provider.discard(action.claim)
            return provider.collect(action.instance, action.server)

        target, verb = targets.of_what_is_left(action, item), contract.Verb.DELETE
        ask = functools.partial(
            self._fleets.ask, target.fleet, verb, go, namespace=key.namespace, whose=target.name,
        )  # fmt: skip

        async def collect() -> contract.Receipt:
            return contract.NOTHING if await self._writer.is_claimed(action) else await ask()

        self._calls.make(
            key, state, collect, item=item, target=target, verb=verb, places=(),
            urgency=plan.Urgency.ROUTINE, pool=self._fleets.pool(target.fleet),
        )  # fmt: skip

    def emit(self, key: Key, item: objects.Object, action: plan.RecordEvent) -> None:
        """Have an Event written, unless it was lately."""
        resource, about = key.resource, item
        if action.about is not None:
            resource, about = resources.of(type(action.about)), action.about
        event_key = key._replace(resource=Resource.EVENTS)

        def submit(write: Callable[[], Awaitable[None]]) -> None:
            self._pool.submit(event_key, ownership.on_behalf_of(key, write), flow="events")

        self._event_writer.record(resource, about, action, submit)

    async def stop(self) -> None:
        """Ask for nothing any more by itself: no Event is tried again."""
        await self._event_writer.stop()


def _action(call: contract.Call) -> str:
    """Return what an act is called; empty where a call is none."""
    return call.task.action if call.task is not None else ""
