"""The pacer of statuses: the first one, those of what is acted on, and those of what moves."""

import msgspec
import pytest

from controller.api import conditions, objects, texts
from controller.api.resources import Resource
from controller.execution import statuses
from controller.execution.statuses import FIRST_INTERVAL, FIRST_SECONDS, MOMENT, Pacer
from controller.planning import verdict

NOW = 1_000.0


def told(reason: str, **known: bool) -> conditions.Conditions:
    """Return the conditions of a status that gives this reason."""
    flags = {"ready": False, "reconciling": False, "stalled": False} | known
    return conditions.summarise(
        before=(), reason=reason, message="So it is.", generation=1, now=NOW, **flags
    )


COMING_UP = objects.ServerSetStatus(
    observed_generation=1, conditions=told("Progressing", reconciling=True)
)
NEW = objects.ServerSetStatus()


def test_the_first_status_waits_three_seconds_in_all() -> None:
    """Each look at a new object is told how much is left; what comes meanwhile changes nothing."""
    pacer = Pacer()
    assert pacer.wait(NOW, at_once=True, first=True) == FIRST_SECONDS
    assert pacer.wait(NOW + 1, at_once=True, acting=True, first=True) == FIRST_SECONDS - 1
    assert not pacer.is_blank()
    assert pacer.wait(NOW + FIRST_SECONDS, at_once=True, first=True) == 0.0


def test_a_first_status_that_has_more_to_tell_goes_out_at_once() -> None:
    """What was held back while all was well is told the moment something is not, or all is up."""
    pacer = Pacer()
    assert pacer.wait(NOW, at_once=True, first=True)
    assert pacer.wait(NOW + 1, at_once=True) == 0.0
    assert pacer.is_blank()


def test_later_statuses_are_spaced_as_ever() -> None:
    """Nothing of the first wait is left for counts that move, or for what is acted on."""
    pacer = Pacer()
    pacer.wait(NOW, at_once=False, first=True)
    assert pacer.wait(NOW + FIRST_SECONDS, at_once=False, first=True) == 0.0
    pacer.begin(NOW + FIRST_SECONDS, at_once=False)
    later = NOW + FIRST_SECONDS + FIRST_INTERVAL / 2
    assert pacer.wait(later, at_once=False) == FIRST_INTERVAL / 2
    assert pacer.wait(later, at_once=True, acting=True) == pytest.approx(MOMENT)


def test_what_is_not_written_spaces_nothing() -> None:
    """A status that turns out to be no news, cut as it is, holds the next one back by nothing."""
    pacer = Pacer()
    assert pacer.wait(NOW, at_once=False) == 0.0
    assert pacer.is_blank()
    assert pacer.wait(NOW, at_once=False) == 0.0
    pacer.begin(NOW, at_once=False)
    assert pacer.wait(NOW, at_once=False) == FIRST_INTERVAL
    assert pacer.wait(NOW, at_once=True) == 0.0


def test_only_what_comes_up_in_good_health_can_wait() -> None:
    """Stalled, blocked, failed, paused and ready ones are told; so is what was told of before."""
    blocked = (conditions.Blocked(object="Fleet/x", reason="FleetNotFound", message="No."),)
    assert verdict.first_can_wait(NEW, COMING_UP)
    for status in (
        msgspec.structs.replace(COMING_UP, blocked_by=blocked),
        msgspec.structs.replace(COMING_UP, failed=1),
        msgspec.structs.replace(COMING_UP, conditions=told("Bad", stalled=True)),
        msgspec.structs.replace(COMING_UP, conditions=told("Paused")),
        msgspec.structs.replace(COMING_UP, conditions=told("Ready", ready=True)),
    ):
        assert not verdict.first_can_wait(NEW, status), status
    assert not verdict.first_can_wait(COMING_UP, COMING_UP)


def test_what_is_written_of_a_status_fits_its_schema() -> None:
    """Whoever made the status: what is too long for the API server is cut where it is written."""
    before = objects.ServerStatus()
    ended = objects.TaskStatus(id="act", attempt=1, state="Failed", message="no " * 20_000)
    told = statuses.change(
        Resource.SERVERS, before, msgspec.structs.replace(before, task=ended), whole=False
    )
    whole = statuses.change(
        Resource.SERVERS, before, msgspec.structs.replace(before, task=ended), whole=True
    )
    for each in (told, whole):
        assert each == texts.fit(Resource.SERVERS, each)
        assert each["task"]["message"].endswith("…")
