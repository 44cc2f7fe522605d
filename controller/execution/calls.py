"""Calls: each is handed to a pool, and its answer is taken into the state of its key.

A key's state counts what is in flight. When the last answer is in, the key is settled: planned
again if something changed meanwhile or failed, else left until a cache says something new. An
answer that is no success is written down as an outcome, of which the next plan is told; what its
error's policy says is all that decides what is done about it. The dispatcher says what is called.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any

import structlog

from controller import errors
from controller.api import objects, texts
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Place
from controller.execution import crashes, ownership
from controller.execution.fleets import Fleets
from controller.execution.key_state import KeyState
from controller.execution.pool import Pool
from controller.execution.slow_start import SlowStart
from controller.kinds.kind import Kind
from controller.kube.receipts import WriteReceipt
from controller.planning import plan, targets
from controller.planning.keys import Key
from controller.planning.targets import AnyVerb, ObjectVerb, Target
from controller.reasons import Vocabulary
from controller.telemetry import metrics, tracing

_log = structlog.get_logger(__name__)

# How often in a row a call must fail to be logged as one that repeats.
REPEATED = 3
# How a status is said to have gone that was no news any more when its turn came: nothing was sent.
OVERTAKEN = "overtaken"
# A word that others chose, which is no label of a metric: there is no end of these.
OTHER = "other"
_READS = frozenset({ObjectVerb.READ, ObjectVerb.START})

Ask = Callable[[], Awaitable[Sequence[WriteReceipt]]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One call: for which key, about what, and what it may write; with whom it starts slowly."""

    key: Key
    state: KeyState
    target: Target
    verb: AnyVerb
    places: tuple[Place, ...]
    group: Hashable


class Calls:
    """Makes calls and keeps account; `settled` is told of each key whose answers are all in."""

    def __init__(
        self,
        *,
        pool: Pool,
        fleets: Fleets,
        clock: Callable[[], float],
        settled: Callable[[Key, KeyState], None],
        nudge: Callable[[Key], None],
        kinds: Mapping[Resource, Kind[Any, Any]],
    ) -> None:
        self._pool = pool
        self._fleets = fleets
        self._clock = clock
        self._settled = settled
        self._kinds = kinds
        self._slow_start = SlowStart(nudge=nudge)

    def make(
        self,
        key: Key,
        state: KeyState,
        ask: Ask,
        *,
        item: objects.Object | None,
        target: Target,
        verb: AnyVerb,
        places: tuple[Place, ...],
        urgency: plan.Urgency,
        group: Hashable = None,
        pool: Pool | None = None,
    ) -> None:
        """Have the pool ask, and take the answer into the key's state.

        A call of a `group` starts slowly once others of the group have failed.
        """
        asked = _Asked(key=key, state=state, target=target, verb=verb, places=places, group=group)

        async def run() -> None:
            ownership.act_for(key)
            try:
                if group and state.take_renewal():
                    self._slow_start.release(group, state.epoch)
                if (cause := self._held_by(asked)) is not None:
                    self._failed(asked, cause, waits_with_siblings=True)
                else:
                    self._answered(asked, await self._try(asked, ask))
            finally:
                if state.answer():
                    self._settled(key, state)

        # A bug in what the kind says comes before the call is counted: nobody would answer that.
        flow = self._flow(key, item)
        state.ask(reads=verb is ObjectVerb.READ)
        (pool or self._pool).submit(key, run, flow=flow, urgency=urgency, creates=group is not None)

    def _held_by(self, asked: _Asked) -> errors.ArgosyError | None:
        """Return what the siblings of a create met, where it must wait with them."""
        if not asked.group:
            return None
        target, near = asked.target, asked.key.namespace
        trial = isinstance(target, targets.ServerTarget) and self._fleets.tries(target.fleet, near)
        return self._slow_start.begin(asked.group, asked.target, asked.key, trial=trial)

    def _flow(self, key: Key, item: objects.Object | None) -> Hashable:
        """Return what the pool is fair between; by its own name where an object is not known."""
        kind = self._kinds[key.resource]
        return kind.flow(item) if isinstance(item, kind.view) else key.path

    async def _try(self, asked: _Asked, ask: Ask) -> errors.ArgosyError | None:
        """Make the call; return how it failed, if it did. A bug in one call ends no loop."""
        began, result, written = time.perf_counter(), "error", tuple[WriteReceipt, ...]()
        try:
            written = tuple(await ask())
            for each in written:
                asked.state.note(each)
        except errors.ArgosyError as error:
            result = error.reason if isinstance(error.reason, Vocabulary) else OTHER
            return error
        except Exception as error:  # noqa: BLE001 - as the docstring says
            _log.exception("call crashed", key=str(asked.key), target=str(asked.target))
            return errors.Crashed(repr(error), reason=Reason.INTERNAL_ERROR)
        else:
            overtaken = asked.verb is ObjectVerb.STATUS and not written
            result = OVERTAKEN if overtaken else "ok"
        finally:
            took, label = time.perf_counter() - began, asked.target.label
            _count(asked, result, took)
            tracing.called(asked.state.trace, f"{asked.verb} {label}", result, took, asked.key[1:])
        return None

    def _answered(self, asked: _Asked, error: errors.ArgosyError | None) -> None:
        if error is None:
            asked.state.forget(asked.target, asked.verb)
            if asked.group:
                self._slow_start.succeeded(asked.group, asked.target)
            return
        if asked.group:
            self._slow_start.failed(asked.group, asked.target, asked.key, error)
        self._failed(asked, error)

    def _failed(
        self, asked: _Asked, error: errors.ArgosyError, *, waits_with_siblings: bool = False
    ) -> None:
        """Write down what happened, and do what the error's policy says."""
        state, policy = asked.state, error.policy
        if policy.local and asked.key.namespace:
            # The object that was to be written may not be there, so it is not what is in the way.
            error.blocker = error.blocker or f"Namespace/{asked.key.namespace}"
        fleet = asked.target.fleet if isinstance(asked.target, targets.FleetTarget) else ""
        found = state.fail(
            asked.target, asked.verb, error, self._clock(),
            waits_with_siblings=waits_with_siblings, display=self._fleets.display(fleet),
        )  # fmt: skip
        # A failure that is told is told at once, and all else of the key goes on: only the call
        # itself waits.
        quiet = not found.told or asked.verb in (ObjectVerb.STATUS, ObjectVerb.READ)
        if waits_with_siblings or not quiet:
            state.plan_again()
        if waits_with_siblings:
            return
        if quiet:
            state.falter()
        if policy.doubts_caches:
            # Our picture is in doubt, or was old: the next plan is made from a newer one.
            state.doubt(asked.places)
        if error.retry_after:
            state.defer(self._clock() + error.retry_after)
        getattr(_log, policy.repeated if found.count >= REPEATED else policy.level)(
            "call failed", key=str(asked.key), target=str(asked.target), verb=asked.verb,
            kind=found.kind, reason=error.reason, error=texts.cut(str(error), crashes.LONGEST),
            count=found.count,
        )  # fmt: skip


def _count(asked: _Asked, result: str, took: float) -> None:
    """Count a write as one of its resource, and a provider's call as one to its fleet.

    A read is neither, be it of the object or of what was said of it, nor is a status that turned
    out to be no news when its turn came.
    """
    if isinstance(asked.target, targets.FleetTarget):
        metrics.called(asked.target.fleet, result, took)
    elif asked.verb not in _READS and result != OVERTAKEN:
        metrics.wrote(asked.target.resource, result, took)
