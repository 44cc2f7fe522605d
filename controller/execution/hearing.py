"""The cluster's last word on an object that does not get on: its latest Warning.

Called by the writer, for objects of which neither a status nor an answer says why: a Job that gets
no pod, a pod that its node does not start. The Warning is read of one object, when its planner
asks, and kept as an outcome: told, and asked again in time.
"""

from __future__ import annotations

import contextlib
from typing import NoReturn

import msgspec

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.planning import plan
from controller.reasons import ForeignReason

# Anybody in the namespace may write Events about anything: so many are read.
MOST = 100


class _Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    reason: str = ""
    note: str = ""
    event_time: str | None = None
    deprecated_last_timestamp: str | None = None

    @property
    def when(self) -> str:
        """When it happened last, as far as it says."""
        return self.deprecated_last_timestamp or self.event_time or ""


class _Events(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[_Event, ...] = ()


async def hear(api: kube.Api, asked: plan.Hear) -> NoReturn:
    """Raise Warned: with the latest Warning about the object, or with what its planner knows."""
    found: tuple[_Event, ...] = ()
    # Where that is not allowed, its planner's own words must do.
    with contextlib.suppress(faults.Forbidden):
        answer = await api.list(
            Resource.EVENTS,
            asked.namespace,
            field_selector=f"regarding.uid={asked.uid},type=Warning",
            limit=MOST,
        )
        found = msgspec.json.decode(answer, type=_Events).items
    latest = max(found, key=lambda each: each.when, default=None)
    thing = f"{PLACES[asked.resource].kind}/{asked.name}"
    if latest is None or not latest.note:
        raise errors.Warned(asked.otherwise, reason=Reason.NOT_STARTED, blocker=thing)
    raise errors.Warned(
        latest.note, reason=ForeignReason(latest.reason) or Reason.NOT_STARTED, blocker=thing
    )
