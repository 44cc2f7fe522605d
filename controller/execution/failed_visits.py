"""The way on where a visit of an object failed, or where the object cannot be read.

The engine asks, wherever it guards one object's trouble from the others. `crashes` says how that is
told on the object; what is being deleted is taken down all the same, by its metadata alone; and the
object is visited again later.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from controller.api import objects
from controller.api.resources import Resource
from controller.execution import crashes
from controller.execution.caches import Caches
from controller.execution.dispatcher import Dispatcher
from controller.execution.key_state import KeyState
from controller.execution.queue import Queue
from controller.planning import bare_teardown, keys, plan
from controller.planning.caches import Sources
from controller.planning.keys import Key
from controller.telemetry import metrics

# How often what is being deleted and cannot be read is visited, in seconds.
BURY_AGAIN = 30.0

_log = structlog.get_logger(__name__)


class FailedVisits:
    """Tells of visits that failed, and has their objects visited again."""

    def __init__(
        self,
        *,
        caches: Caches,
        sources: Sources,
        queue: Queue,
        dispatcher: Dispatcher,
        clock: Callable[[], float],
    ) -> None:
        self._kinds = caches.kinds
        self._informers = caches.informers
        self._sources = sources
        self._queue = queue
        self._dispatcher = dispatcher
        self._clock = clock

    def crashed(self, key: Key, state: KeyState, error: Exception) -> None:
        """Say on the object that its visit failed, which is our bug, and visit it again later."""
        metrics.failed(key.resource)
        state.mend()
        if state.crash(repr(error)):
            _log.error("planning failed", key=str(key), exc_info=error)
        self._queue.add(key, delay=state.rest())
        try:
            item = self._informers[key.resource].objects.get(key.path)
            if item is not None:
                told = self._apologise(key, state, item, error)
                self._dispatcher.execute(key, state, item, told)
        except Exception:  # noqa: BLE001 - what cannot be told must not stop the others either
            _log.exception("crash not told", key=str(key))

    def missed(self, resource: Resource, item: objects.Object, error: Exception) -> None:
        """Say that a change was not passed on to all whom it concerns, and visit it again."""
        key = keys.of(resource, item)
        metrics.failed(resource)
        if resource in self._kinds:
            self._dispatcher.emit(key, item, crashes.event(error))
            self._queue.add(key)
        elif (above := crashes.above(self._kinds, item.metadata)) is not None:
            self._queue.add(above)

    def bury(self, key: Key, state: KeyState, meta: objects.Meta) -> None:
        """Take down what is being deleted and cannot be read."""
        found = self._informers[key.resource].objects.get(key.path)
        item = found or self._kinds[key.resource].remains(self._sources, meta)
        planned = plan.Plan(actions=self._bare_teardown(key, meta), urgency=plan.Urgency.TEARDOWN)
        self._dispatcher.execute(key, state, item, planned)
        # An object below this one may be unreadable, too, and then its going wakes nobody.
        self._queue.add(key, delay=BURY_AGAIN)

    def _apologise(
        self, key: Key, state: KeyState, item: objects.Object, error: Exception
    ) -> plan.Plan:
        """Return the plan that tells, and that still lets go of what is being deleted.

        An error that reads otherwise each time is paced.
        """
        return plan.Plan(
            actions=self._bare_teardown(key, item.metadata),
            status=crashes.status(item, error, self._clock()),
            write_status_now=state.crashes == 1,
            urgency=plan.Urgency.TEARDOWN,
        )

    def _bare_teardown(self, key: Key, meta: objects.Meta) -> tuple[plan.Action, ...]:
        """Return what takes down an object that cannot be planned, from metadata alone."""
        if not bare_teardown.is_due(meta):
            return ()
        return self._kinds[key.resource].bare_teardown(self._sources, meta)
