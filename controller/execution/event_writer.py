"""Events: what a person would want to know, once for each change."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import structlog

from controller import errors
from controller.api import clock as clocks
from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from controller.planning import plan

_log = structlog.get_logger(__name__)

# How many recent Events are remembered, so that none is repeated.
MEMORY = 4096
# For how long a cause is not told again that came, went, and came back, in seconds.
LATELY = 600.0
LONGEST_NOTE = 1000


class EventWriter:
    """Writes an Event for each new (object, reason, message)."""

    def __init__(self, api: kube.Api, *, reporter: str, clock: Callable[[], float]) -> None:
        self._api = api
        self._reporter = reporter
        self._clock = clock
        self._recent: collections.OrderedDict[tuple[str, str, str], float] = (
            collections.OrderedDict()
        )

    def is_new(self, item: objects.Object, emit: plan.RecordEvent) -> bool:
        """Return whether this was not said of the object lately; remembers that it is now."""
        said = (item.metadata.uid, emit.reason, emit.cause or emit.message)
        now = self._clock()
        before = self._recent.get(said)
        if before is not None and (not emit.cause or now < before + LATELY):
            return False
        self._recent[said] = now
        self._recent.move_to_end(said)
        if len(self._recent) > MEMORY:
            self._recent.popitem(last=False)
        return True

    async def record(
        self, resource: Resource, item: objects.Object, emit: plan.RecordEvent
    ) -> None:
        """Write the Event; one that cannot be written is only logged."""
        body = self._body(resource, item, emit)
        try:
            await self._api.create(Resource.EVENTS, body["metadata"]["namespace"], body)
        except errors.ArgosyError as error:
            _log.debug("event not written", reason=error.reason, error=str(error))

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
                "name": f"{meta.name}.{tail}",
                "namespace": meta.namespace or "default",
            },
            "eventTime": clocks.precise(now),
            "type": "Warning" if emit.warning else "Normal",
            "reason": emit.reason,
            "note": emit.message[:LONGEST_NOTE],
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
