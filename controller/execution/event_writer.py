"""Events: what a person would want to know, once for each change.

One that could not be written is tried again, as its error's policy says: a few times, with longer
and longer waits between, in which it stands in nobody's way. `dispatcher` asks.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import functools
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from controller import errors
from controller.api import clock as clocks
from controller.api import names, objects, texts
from controller.api.resources import PLACES, Resource
from controller.execution import crashes
from controller.kube import api as kube
from controller.kube import faults
from controller.planning import plan
from controller.telemetry import metrics

_log = structlog.get_logger(__name__)

# How many recent Events are remembered, so that none is repeated.
MEMORY = 4096
# For how long a cause is not told again that came, went, and came back, in seconds.
LATELY = 600.0
# The limits of an Event, as the API server counts: bytes of its note and of its reason, characters
# of its name.
LONGEST_NOTE, LONGEST_REASON, LONGEST_NAME = 1024, 128, 253
# How often an Event is tried, and how long the first wait between is, in seconds; each further one
# is so many times longer: 1, 4, 16, 60. An API server that starts anew is back by then.
ATTEMPTS, FIRST_WAIT, LONGER = 5, 1.0, 4.0
# How many may wait to be tried again: in a storm what comes beyond is given up.
MOST_WAITING = 256
# How long after one was given up the same may be asked for again, in seconds: some planners ask at
# each visit.
GIVEN_UP = 60.0

# Has a write go out when its turn comes.
Submit = Callable[[Callable[[], Awaitable[None]]], None]
_Said = tuple[str, str, str]


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class _Unwritten:
    said: _Said
    resource: Resource
    item: objects.Object
    emit: plan.RecordEvent
    submit: Submit
    attempts: int = 0
    # As it is first tried: tried again it is the same Event, of the same name and time.
    body: dict[str, Any] = dataclasses.field(default_factory=dict)


class EventWriter:
    """Writes an Event for each new (object, reason, message)."""

    def __init__(
        self,
        api: kube.Api,
        *,
        reporter: str,
        clock: Callable[[], float],
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._api = api
        self._reporter = reporter
        self._clock = clock
        # Asked before each attempt: the Lease may be lost between two.
        self._may_write = may_write
        # Until when what was said is not said again.
        self._recent: collections.OrderedDict[_Said, float] = collections.OrderedDict()
        self._waiting: dict[_Unwritten, asyncio.Task[None]] = {}
        self._is_stopped = False

    def record(
        self, resource: Resource, item: objects.Object, emit: plan.RecordEvent, submit: Submit
    ) -> None:
        """Have the Event written by `submit`, unless the same was said of the object lately.

        An Event that cannot be written in a few attempts is counted and logged.
        """
        cause = texts.cut_bytes(emit.cause or emit.message, LONGEST_NOTE)
        said = (item.metadata.uid, emit.reason, cause)
        now = self._clock()
        if now < self._recent.get(said, -math.inf):
            return
        self._remember(said, now + LATELY if emit.cause else math.inf)
        told = _Unwritten(said=said, resource=resource, item=item, emit=emit, submit=submit)
        submit(functools.partial(self._write, told))

    async def stop(self) -> None:
        """Try nothing again from now on."""
        self._is_stopped = True
        waiting, self._waiting = self._waiting, {}
        for told, task in waiting.items():
            task.cancel()
            self._lost(told, why="the operator ends")
        await asyncio.gather(*waiting.values(), return_exceptions=True)

    def _remember(self, said: _Said, until: float) -> None:
        self._recent[said] = until
        self._recent.move_to_end(said)
        if len(self._recent) > MEMORY:
            self._recent.popitem(last=False)

    async def _write(self, told: _Unwritten) -> None:
        told.attempts += 1
        told.body = told.body or self._body(told.resource, told.item, told.emit)
        began, result = time.perf_counter(), "error"
        try:
            await self._create(told.body)
            result = "ok"
        except faults.AlreadyExists:
            # Named by what it says, so it is this one: written by another leader, or by the attempt
            # before, whose answer was lost.
            result = "ok"
        except errors.ArgosyError as error:
            result = error.reason
            self._failed(told, error)
        finally:
            metrics.wrote(Resource.EVENTS, result, time.perf_counter() - began)

    async def _create(self, body: dict[str, Any]) -> None:
        if not self._may_write():
            raise faults.lease_lost()
        await self._api.create(Resource.EVENTS, body["metadata"]["namespace"], body)

    def _failed(self, told: _Unwritten, error: errors.ArgosyError) -> None:
        """Try an Event again in a while, or give it up where that is of no use."""
        policy = error.policy
        believed = told.attempts >= policy.believed_after
        kind = policy.kind if believed else errors.FailureKind.FAILED
        passes = kind in (errors.FailureKind.FAILED, errors.FailureKind.UNKNOWN)
        if passes and told.attempts < ATTEMPTS and self._has_room():
            wait = min(FIRST_WAIT * LONGER ** (told.attempts - 1), policy.longest_wait)
            self._waiting[told] = asyncio.get_running_loop().create_task(
                self._try_again(told, max(wait, error.retry_after or 0.0)), name="event again"
            )
            return
        # Somebody may ask for it once more.
        self._remember(told.said, self._clock() + GIVEN_UP)
        # Nobody misses an Event in a namespace that is on its way out, for example.
        quiet = kind is errors.FailureKind.WAITING
        level = errors.Level.DEBUG if quiet else errors.Level.WARNING
        self._lost(told, why=str(error), reason=error.reason, level=level)

    def _has_room(self) -> bool:
        return not self._is_stopped and len(self._waiting) < MOST_WAITING

    async def _try_again(self, told: _Unwritten, wait: float) -> None:
        await asyncio.sleep(wait)
        del self._waiting[told]
        told.submit(functools.partial(self._write, told))

    def _lost(
        self,
        told: _Unwritten,
        *,
        why: str,
        reason: str = "",
        level: errors.Level = errors.Level.WARNING,
    ) -> None:
        """Count and log an Event that nobody will read."""
        metrics.event_lost()
        about = told.item.metadata
        getattr(_log, level)(
            "event not written", object=f"{told.resource}/{about.namespace}/{about.name}",
            says=told.emit.reason, attempts=told.attempts, reason=reason,
            error=texts.cut(why, crashes.LONGEST),
        )  # fmt: skip

    def _body(
        self, resource: Resource, item: objects.Object, emit: plan.RecordEvent
    ) -> dict[str, Any]:
        place = PLACES[resource]
        meta = item.metadata
        now = self._clock()
        # Named by what it says: the same Event written twice, by two leaders, is one.
        tail = names.digest(f"{meta.uid}/{emit.reason}/{emit.message}/{int(now)}")
        return {
            "apiVersion": PLACES[Resource.EVENTS].api_version,
            "kind": "Event",
            "metadata": {
                "name": _named(meta.name, tail),
                "namespace": meta.namespace or "default",
            },
            "eventTime": clocks.precise(now),
            "type": "Warning" if emit.warning else "Normal",
            "reason": texts.cut_bytes(emit.reason, LONGEST_REASON),
            "note": texts.cut_bytes(emit.message, LONGEST_NOTE),
            "action": "Reconcile",
            "reportingController": names.GROUP,
            "reportingInstance": self._reporter,
            "regarding": {
                "apiVersion": place.api_version,
                "kind": place.kind,
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
            },
        }


def _named(name: str, tail: str) -> str:
    """Return the name of an Event about the object `name`: that may be as long as names may be."""
    return f"{name[: LONGEST_NAME - len(tail) - 1].rstrip('.-')}.{tail}"
