"""The dispatcher: hands a plan's actions to the pools and keeps account of their answers.

A key's record counts what is in flight. When the last answer is in, the key is settled: planned
again if something changed meanwhile or failed, else left until a cache says something new.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, cast

import msgspec
import structlog

from controller import contract, errors
from controller.api import conditions, objects, resources, texts
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Place
from controller.execution import crashes, statuses
from controller.execution.acts import Acts
from controller.execution.event_writer import EventWriter
from controller.execution.fleets import Fleets
from controller.execution.key_state import KeyState
from controller.execution.pool import Pool
from controller.execution.writer import Writer
from controller.kinds.kind import Kind
from controller.kube import faults, wire
from controller.kube.receipts import WriteReceipt
from controller.planning import plan
from controller.planning.keys import Key
from controller.planning.refusals import Refusal
from controller.telemetry import metrics

_log = structlog.get_logger(__name__)

# How often in a row something must be forbidden to be believed: an API server that has just started
# forbids everything until it has read its roles. With the backoff between, about ten seconds.
BELIEVED_AFTER = 6
# Writes of one plan that are handed over at once; the rest are planned again after them, so that a
# change of mind never has more than these to take back.
MOST_ACTIONS = 256

_ACTS = frozenset({contract.Verb.ACT, contract.Verb.RESUME})

Answer = Callable[[], Awaitable[Sequence[WriteReceipt]]]


class Dispatcher:
    """Carries plans out. `settled` is called with each key whose answers are all in."""

    def __init__(
        self,
        *,
        writer: Writer,
        pool: Pool,
        fleets: Fleets,
        acts: Acts,
        recorder: EventWriter,
        clock: Callable[[], float],
        settled: Callable[[Key, KeyState], None],
        kinds: Mapping[Resource, Kind[Any, Any]],
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._fleets = fleets
        self._acts = acts
        self._recorder = recorder
        self._clock = clock
        self._settled = settled
        self._kinds = kinds

    def execute(
        self, key: Key, record: KeyState, item: objects.Object, planned: plan.Plan
    ) -> float | None:
        """Hand over what was planned; return when to write a status held back, in seconds."""
        actions = planned.actions
        if len(actions) > MOST_ACTIONS:
            actions = actions[:MOST_ACTIONS]
            record.dirty = True
        for action in actions:
            self._submit(key, record, item, action, planned.urgency)
        return self._submit_status(key, record, item, planned)

    def finish_act(self, key: Key, record: KeyState, item: objects.Object) -> bool:
        """Write the outcome of a finished act into the server's status; False if none waits."""
        found = self._acts.outcome(key)
        if found is None:
            return False
        patch = self._kinds[key.resource].finish_act(item, found, self._clock())
        if patch is None:
            self._acts.forget(key)
            return False

        async def write() -> Sequence[WriteReceipt]:
            answer = await self._writer.write(patch)
            self._acts.forget(key)
            return answer

        self._track(
            key, record, write, item=item, target=f"{key.resource}/{key.name}",
            places=(key,), urgency=plan.Urgency.INTERACTIVE,
        )  # fmt: skip
        return True

    def stall(self, key: Key, record: KeyState, odd: wire.Malformed) -> None:
        """Mark an object that cannot even be read: others go on, and its status says why."""
        meta = odd.metadata
        after = conditions.summarise(
            before=(),
            ready=False,
            reconciling=False,
            stalled=True,
            reason=Reason.MALFORMED,
            message=odd.message,
            generation=meta.generation,
            now=self._clock(),
        )
        patch = plan.Patch(
            resource=key.resource,
            namespace=key.namespace,
            name=key.name,
            uid=meta.uid,
            body={"status": {"conditions": msgspec.to_builtins(after)}},
            subresource="status",
            why=Reason.MALFORMED,
        )

        async def write() -> Sequence[WriteReceipt]:
            answer = await self._writer.write(patch)
            record.told = odd.message
            return answer

        self._track(
            key, record, write, item=None, target=f"{key.resource}/{key.name}",
            places=(), urgency=plan.Urgency.ROUTINE,
        )  # fmt: skip

    def resolve(self, key: Key, record: KeyState, item: objects.Object | None) -> None:
        """Ask for one consistent read where an answer was lost: the caches must reach it."""
        record.reading = True
        for place in tuple(record.uncertain):
            self._track(
                key,
                record,
                functools.partial(self._read, record, place),
                item=item,
                target=f"{key.resource}/{key.name}",
                places=(),
                urgency=plan.Urgency.INTERACTIVE,
            )

    async def _read(self, record: KeyState, place: Place) -> Sequence[WriteReceipt]:
        found = await self._writer.look(*place)
        record.uncertain.discard(place)
        return (found,) if found is not None else ()

    def _submit(
        self,
        key: Key,
        record: KeyState,
        item: objects.Object,
        action: plan.Action,
        urgency: plan.Urgency,
    ) -> None:
        if isinstance(action, plan.RecordEvent):
            self.emit(key, item, action)
        elif isinstance(action, contract.Call):
            self._call(key, record, item, action, urgency)
        elif isinstance(action, plan.RecordOrphan):
            self._fleets.abandon(action, self._clock())
        elif isinstance(action, plan.DeleteOrphan):
            self._collect(key, record, item, action)
        else:
            self._write(key, record, item, action, urgency)

    def _write(
        self,
        key: Key,
        record: KeyState,
        item: objects.Object,
        action: plan.Create | plan.Patch | plan.Delete,
        urgency: plan.Urgency,
    ) -> None:
        if isinstance(action, plan.Create):
            meta = action.body["metadata"]
            namespace, name = str(meta.get("namespace", "")), str(meta["name"])
        else:
            namespace, name = action.namespace, action.name
        if isinstance(action, plan.Delete):
            urgency = plan.Urgency.TEARDOWN
        self._track(
            key,
            record,
            lambda: self._writer.write(action),
            item=item,
            target=f"{action.resource}/{name}",
            places=((action.resource, namespace, name),),
            urgency=urgency,
            creates=isinstance(action, plan.Create),
        )

    def _call(
        self,
        key: Key,
        record: KeyState,
        item: objects.Object,
        call: contract.Call,
        urgency: plan.Urgency,
    ) -> None:
        """Ask the server's provider: acts on their own, everything else in the fleet's pool."""
        server = cast("objects.Server", item)  # what has a provider is a server
        fleet, verb = server.spec.fleet, call.verb
        self._fleets.promise(fleet, verb)
        if verb in _ACTS:
            self._acts.start(key, call, lambda: self._ask(server, call))
            return
        if verb is contract.Verb.CANCEL:
            self._acts.cancel(key, call, lambda: self._ask(server, call))
            return
        provider = self._fleets.provider(fleet)
        if call.verb is contract.Verb.DELETE:
            urgency = max(urgency, plan.Urgency.INTERACTIVE)
        self._track(
            key,
            record,
            lambda: self._ask(server, call),
            item=item,
            target=f"{server.spec.fleet}/{key.name}",
            places=provider.writes(server, call) if provider is not None else (),
            urgency=urgency,
            creates=call.verb is contract.Verb.CREATE,
            pool=self._fleets.pool(server.spec.fleet),
        )

    async def _ask(self, server: objects.Server, call: contract.Call) -> Any:
        """Have the provider that is the fleet's when the call's turn has come do it."""
        return await self._fleets.ask(
            server.spec.fleet,
            call.verb,
            lambda provider: getattr(provider, call.verb)(server, call),
        )

    def _collect(
        self, key: Key, record: KeyState, item: objects.Object, action: plan.DeleteOrphan
    ) -> None:
        self._track(
            key,
            record,
            lambda: self._fleets.ask(
                key.name,
                contract.Verb.DELETE,
                lambda provider: provider.collect(action.instance, action.server),
            ),
            item=item,
            target=f"{key.name}/{action.instance}",
            places=(),
            urgency=plan.Urgency.ROUTINE,
            pool=self._fleets.pool(key.name),
        )

    def emit(self, key: Key, item: objects.Object, action: plan.RecordEvent) -> None:
        """Have an Event written, unless it was lately."""
        resource, about = key.resource, item
        if action.about is not None:
            resource, about = resources.of(type(action.about)), action.about
        if self._recorder.is_new(about, action):
            event_key = key._replace(resource=Resource.EVENTS)
            self._pool.submit(
                event_key,
                lambda: self._recorder.record(resource, about, action),
                flow="events",
            )

    def _submit_status(
        self, key: Key, record: KeyState, item: objects.Object, planned: plan.Plan
    ) -> float | None:
        if planned.status is None:
            return None
        patch = _status_patch(key, item, planned.status, why="what was seen has changed")
        if not patch.body:
            return None
        acting = bool(record.pending) and self._kinds[key.resource].sums_up
        held = record.pacer.wait(self._clock(), at_once=planned.write_status_now, acting=acting)
        if held:
            return held

        async def write() -> Sequence[WriteReceipt]:
            try:
                return await self._writer.write(patch)
            except faults.Refused as error:
                return await self._tell_refused(key, record, item, error)

        self._track(
            key, record, write, item=item, target=f"{key.resource}/{key.name}", places=(key,),
            urgency=planned.urgency,
        )  # fmt: skip
        return None

    async def _tell_refused(
        self, key: Key, record: KeyState, item: objects.Object, error: faults.Refused
    ) -> Sequence[WriteReceipt]:
        """Write a smaller status, which says that the whole one was refused; try that again later.

        What is refused leaves the one of before standing, which may be anything but true.
        """
        metrics.status_refused(key.resource)
        _log.warning("status refused", key=str(key), error=texts.cut(str(error), crashes.LONGEST))
        record.failed = True
        told = crashes.refused(item, error, self._clock())
        smaller = _status_patch(key, item, told, why="the whole status was refused")
        return await self._writer.write(smaller) if smaller.body else ()

    def _track(
        self,
        key: Key,
        record: KeyState,
        ask: Answer,
        *,
        item: objects.Object | None,
        target: str,
        places: tuple[Place, ...],
        urgency: plan.Urgency,
        creates: bool = False,
        pool: Pool | None = None,
    ) -> None:
        """Have the pool ask, and take the answer into the key's record."""

        async def run() -> None:
            began = time.perf_counter()
            result = "error"
            try:
                for written in await ask():
                    record.note(written)
                record.refusals.pop(target, None)
                result = "ok"
            except errors.ArgosyError as error:
                result = error.reason
                self._failed(key, record, error, target, places)
            except Exception as error:  # noqa: BLE001 - a bug in one call must not end the loop
                _log.exception("call crashed", key=str(key), target=target)
                self._failed(
                    key, record, errors.UnknownOutcome(repr(error), reason=Reason.INTERNAL_ERROR),
                    target, places,
                )  # fmt: skip
            finally:
                metrics.wrote(target.partition("/")[0], result, time.perf_counter() - began)
                record.pending -= 1
                if not record.pending:
                    self._settled(key, record)

        record.pending += 1
        (pool or self._pool).submit(
            key, run, flow=self._flow(key, item), urgency=urgency, creates=creates
        )

    def _flow(self, key: Key, item: objects.Object | None) -> Hashable:
        """Return what the pool is fair between; by its own name where an object is not known."""
        kind = self._kinds[key.resource]
        return kind.flow(item) if isinstance(item, kind.view) else key.path

    def _failed(
        self,
        key: Key,
        record: KeyState,
        error: errors.ArgosyError,
        target: str,
        places: tuple[Place, ...],
    ) -> None:
        record.failed = True
        doubtful = isinstance(error, faults.Forbidden) and record.failures < BELIEVED_AFTER
        if isinstance(error, errors.Stalled) and not doubtful:
            _log.info("refused", key=str(key), target=target, reason=error.reason, error=str(error))
            record.refusals[target] = Refusal(
                object=target,
                reason=error.reason,
                message=str(error),
                terminal=True,
                time=self._clock(),
            )
            return
        if isinstance(error, (errors.UnknownOutcome, faults.Conflict, faults.NotFound)):
            # Our picture is in doubt, or was old: the next plan is made from a newer one.
            record.uncertain.update(places)
        if isinstance(error, errors.Transient) and error.retry_after:
            record.not_before = self._clock() + error.retry_after
        level = _log.warning if record.failures > 2 else _log.debug  # noqa: PLR2004 - a repeat
        level("call failed", key=str(key), target=target, reason=error.reason, error=str(error))


def _status_patch(key: Key, item: objects.Object, after: plan.Status, *, why: str) -> plan.Patch:
    before: plan.Status = item.status  # type: ignore[attr-defined]  # planned kinds have one
    difference = statuses.difference(key.resource, before, after)
    return plan.Patch(
        resource=key.resource,
        namespace=key.namespace,
        name=key.name,
        uid=item.metadata.uid,
        resource_version=item.metadata.resource_version,
        body={"status": difference} if difference else {},
        subresource="status",
        why=why,
    )
