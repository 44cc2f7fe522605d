"""Statuses that planners return: written where they are news, when their time and their turn come.

The dispatcher hands each plan's status over. `statuses` says what is written of one and how far
apart, and `calls` has it written like anything else that a key asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from controller.api import objects, texts
from controller.api.resources import Resource
from controller.execution import crashes, statuses
from controller.execution.calls import Calls
from controller.execution.key_state import KeyState
from controller.execution.writer import Writer
from controller.kinds.kind import Kind
from controller.kube import faults
from controller.kube.receipts import WriteReceipt
from controller.planning import plan, targets
from controller.planning.keys import Key
from controller.planning.targets import ObjectVerb
from controller.telemetry import metrics

_log = structlog.get_logger(__name__)

# An object as it is by now, and what is planned of it.
Latest = tuple[objects.Object, plan.Plan]
# Has an Event written about an object.
Emit = Callable[[Key, objects.Object, plan.RecordEvent], None]


class StatusWriter:
    """Has statuses written; `latest` says what has become of one that stood in line."""

    def __init__(
        self,
        *,
        writer: Writer,
        calls: Calls,
        clock: Callable[[], float],
        latest: Callable[[Key, KeyState], Latest | None],
        emit: Emit,
        kinds: Mapping[Resource, Kind[Any, Any]],
    ) -> None:
        self._writer = writer
        self._calls = calls
        self._clock = clock
        self._latest = latest
        self._emit = emit
        self._kinds = kinds

    def submit(
        self, key: Key, state: KeyState, item: objects.Object, planned: plan.Plan
    ) -> float | None:
        """Have a plan's status written, if it is news; return when to look again, in seconds."""
        if planned.status is None:
            return None
        failed = state.outcomes.get((targets.ObjectTarget(*key), ObjectVerb.STATUS))
        now, at_once = self._clock(), planned.write_status_now
        if failed is not None and failed.again > now:
            return failed.again - now
        if not statuses.is_news(item, planned.status):
            return None
        acting = state.in_flight and self._kinds[key.resource].sums_up
        first = planned.first_status_can_wait
        held = state.pacer.wait(now, at_once=at_once, acting=acting, first=first)
        if held:
            # The status is worked out when its time comes: this one may be overtaken until then.
            return held
        whole, news = self._kinds[key.resource].puts_status, "what was seen has changed"
        patch = statuses.patch(item, planned.status, whole=whole, why=news)
        if not patch.body:
            return None
        state.pacer.begin(now, at_once=at_once)
        self._calls.make(
            key, state, lambda: self._tell(key, state, item, planned.status, patch), item=item,
            target=targets.ObjectTarget(*key), verb=ObjectVerb.STATUS, places=(key,),
            urgency=planned.urgency,
        )  # fmt: skip
        return None

    async def _tell(
        self, key: Key, state: KeyState, item: objects.Object, status: Any, patch: plan.Patch
    ) -> Sequence[WriteReceipt]:
        """Write the status whose turn has come: as it is by now, where it waited long in line.

        A status that has been overtaken would be one write, and that which overtook it another.
        """
        found = self._latest(key, state)
        if found is not None:
            item, planned = found
            if planned.status is None:
                return ()
            status, whole = planned.status, self._kinds[key.resource].puts_status
            patch = statuses.patch(item, status, whole=whole, why=patch.why)
            if not patch.body:
                return ()
        try:
            written = await self._writer.write(patch)
        except faults.Refused as error:
            return await self._tell_refused(key, state, item, error)
        state.pacer.wrote(self._clock())
        if (first := self._kinds[key.resource].ready_first(item, status)) is not None:
            metrics.ready_first(*first)
        if found is not None:
            # To the next plan what this status says is no news any more.
            for each in planned.actions:
                if isinstance(each, plan.RecordEvent):
                    self._emit(key, item, each)
        return written

    async def _tell_refused(
        self, key: Key, state: KeyState, item: objects.Object, error: faults.Refused
    ) -> Sequence[WriteReceipt]:
        """Write a smaller status, which says that the whole one was refused; try that again later.

        A status that is refused leaves the one of before standing, which may be anything but true.
        """
        metrics.status_refused(key.resource)
        _log.warning("status refused", key=str(key), error=texts.cut(str(error), crashes.LONGEST))
        state.falter()
        told = crashes.refused(item, error, self._clock())
        whole, why = self._kinds[key.resource].puts_status, "the whole status was refused"
        smaller = statuses.patch(item, told, whole=whole, why=why)
        return await self._writer.write(smaller) if smaller.body else ()
