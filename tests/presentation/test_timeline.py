"""Operations in time: from the history of an application and from what is there."""

from __future__ import annotations

import pytest

from controller.api import clock, objects
from controller.presentation import timeline
from controller.presentation.timeline import TimelineEntry

NOW = 1_790_001_000.0


def at(second: float) -> str:
    """Return the stamp of so many seconds before now."""
    return clock.stamp(NOW - second)


def shop(*past: objects.PastOperation) -> objects.Application:
    """Return an application that remembers these operations."""
    meta = objects.Meta(name="shop", namespace="default")
    return objects.Application(
        metadata=meta, status=objects.ApplicationStatus(operations=tuple(past))
    )


def over(name: str, asked: float, ended: float) -> objects.PastOperation:
    """Return what is remembered of an operation."""
    return objects.PastOperation(
        name=name, action="Restart", requested_by="ana", request_time=at(asked),
        completion_time=at(ended), result="Completed", progress="3/3",
    )  # fmt: skip


def there(
    name: str, asked: float, *, began: float = -1, ended: float = -1, of: str = "shop"
) -> objects.Operation:
    """Return an operation; a moment that is not before now has not come."""
    return objects.Operation(
        metadata=objects.Meta(name=name, namespace="default", creation_timestamp=at(asked)),
        spec=objects.OperationSpec(application=of, action="Stop"),
        status=objects.OperationStatus(
            start_time=at(began) if began >= 0 else None,
            completion_time=at(ended) if ended >= 0 else None,
        ),
    )


def told(entry: TimelineEntry) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where an entry waited and ran, to the percent."""
    return (
        (round(entry.wait[0]), round(entry.wait[1])),
        (round(entry.run[0]), round(entry.run[1])),
    )


def test_what_is_there_and_what_is_remembered_stand_in_one_line_of_time() -> None:
    """The latest first; an operation that is both is told once, with who asked for it."""
    both = there("both", 800, began=700, ended=600)
    found = timeline.timeline(
        shop(over("old", 1000, 900), over("both", 800, 600)),
        [both, there("runs", 400, began=300), there("waits", 200), there("alien", 1, of="bank")],
        NOW,
    )
    assert [each.name for each in found.entries] == ["waits", "runs", "both", "old"]
    assert [each.who for each in found.entries] == ["", "", "ana", "ana"]
    assert [each.there for each in found.entries] == [True, True, True, False]
    assert [each.well for each in found.entries] == [False, False, False, True]
    assert (found.begin, found.end) == (at(1000), at(0))


@pytest.mark.parametrize(
    ("operation", "wait", "run"),
    [
        (there("a", 1000, began=500, ended=0), (0, 50), (50, 50)),
        (there("a", 1000, began=500), (0, 50), (50, 50)),
        (there("a", 1000), (0, 100), (0, 0)),
        (there("a", 1000, began=1000, ended=500), (0, 0), (0, 50)),
        (there("a", 1000, ended=900), (0, 0), (0, 10)),
    ],
)
def test_a_bar_waits_and_then_runs(
    operation: objects.Operation, wait: tuple[int, int], run: tuple[int, int]
) -> None:
    """In percent of the time that is shown; what has not begun only waits."""
    (entry,) = timeline.timeline(shop(), [operation], NOW).entries
    assert told(entry) == (wait, run)


def test_what_took_no_time_is_seen_and_nothing_leaves_the_picture() -> None:
    """Clocks of others may be ahead: a stamp from the future stands at the edge."""
    shown = timeline.timeline(
        shop(over("old", 1000, 1000)),
        [there("ahead", -500, began=-600), there("backwards", 10, began=20, ended=900)],
        NOW,
    )
    for each in shown.entries:
        for start, width in (each.wait, each.run):
            assert start >= 0
            assert width >= 0
            assert start + width <= timeline.WHOLE
    assert all(each.run[1] or each.wait[1] for each in shown.entries)


def test_an_application_that_nobody_asked_anything_has_an_empty_timeline() -> None:
    """There is no time to show."""
    found = timeline.timeline(shop(), [], NOW)
    assert (found.entries, found.begin) == ((), found.end)
