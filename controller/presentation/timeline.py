"""The operations of an application in time: who asked for what, and when each began and ended.

Pure. An operation that is there tells more than one that only the application's history has left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import clock, conditions, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason

# An operation that is over in no time is still seen.
LEAST_PERCENT = 0.5
WHOLE = 100.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One operation; moments are stamps, empty where they are not known or have not come.

    `who` is known of what has ended, as the operator then writes down whom it believes. In percent
    of the whole time, `wait` and `run` are where the operation waited and ran, and for how long.
    """

    name: str
    action: str
    who: str
    asked: str
    began: str
    ended: str
    result: str
    progress: str
    there: bool
    wait: tuple[float, float] = (0.0, 0.0)
    run: tuple[float, float] = (0.0, 0.0)

    @property
    def well(self) -> bool:
        """Whether it came to a good end."""
        return self.result == Reason.COMPLETED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The operations, the latest first, and the time from the first of them until now."""

    entries: tuple[TimelineEntry, ...]
    begin: str
    end: str


def timeline(
    application: objects.Application, operations: Iterable[objects.Operation], now: float
) -> Timeline:
    """Return the timeline of an application; of the operations its own alone are looked at."""
    meta = application.metadata
    past = {(each.name, each.request_time): each for each in application.status.operations}
    found: dict[tuple[str, str], TimelineEntry] = {key: _past(each) for key, each in past.items()}
    for each in operations:
        mine = each.spec.application == meta.name and each.metadata.namespace == meta.namespace
        if mine:
            key = each.metadata.name, each.metadata.creation_timestamp or ""
            found[key] = _present(each, past.get(key))
    ordered = sorted(found.values(), key=lambda each: (each.asked, each.name), reverse=True)
    begin = min((clock.parse(each.asked) for each in ordered if each.asked), default=now)
    return Timeline(
        entries=tuple(_placed(each, begin, now) for each in ordered),
        begin=clock.stamp(begin),
        end=clock.stamp(now),
    )


def _past(found: objects.PastOperation) -> TimelineEntry:
    return TimelineEntry(
        name=found.name,
        action=found.action,
        who=found.requested_by,
        asked=found.request_time,
        began="",
        ended=found.completion_time,
        result=found.result,
        progress=found.progress,
        there=False,
    )


def _present(found: objects.Operation, past: objects.PastOperation | None) -> TimelineEntry:
    status = found.status
    verdict = conditions.find(status.conditions, ConditionType.SUCCEEDED)
    return TimelineEntry(
        name=found.metadata.name,
        action=found.spec.action,
        who=past.requested_by if past is not None else "",
        asked=found.metadata.creation_timestamp or "",
        began=status.start_time or "",
        ended=status.completion_time or "",
        result=verdict.reason if verdict else Reason.WAITING,
        progress=status.progress,
        there=True,
    )


def _placed(found: TimelineEntry, begin: float, now: float) -> TimelineEntry:
    """Return an entry that knows where it stands between the beginning and now."""
    asked = clock.parse(found.asked) if found.asked else begin
    ended = clock.parse(found.ended) if found.ended else now
    # Of what has long ended only its whole time is known.
    began = clock.parse(found.began) if found.began else (asked if found.ended else now)
    length = max(now - begin, 1.0)

    def place(start: float, stop: float) -> tuple[float, float]:
        at = min(max((start - begin) / length * WHOLE, 0.0), WHOLE - LEAST_PERCENT)
        wide = (stop - start) / length * WHOLE
        return at, min(max(wide, LEAST_PERCENT), WHOLE - at)

    waited = began > asked or not (found.began or found.ended)
    return dataclasses.replace(
        found,
        wait=place(asked, began) if waited else (0.0, 0.0),
        run=place(began, ended) if found.began or found.ended else (0.0, 0.0),
    )
