"""What is remembered of a key's calls: every short story of calls is told to its end."""

from __future__ import annotations

import itertools

import pytest

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Verb
from controller.execution.key_state import HELD_SECONDS, NEWS_SECONDS, KeyState
from controller.kube.reasons import KubeReason
from controller.planning.targets import Write

# A call that succeeds, one that fails; reads that do; the calls in flight, of which one has failed,
# that are taken back by a change of mind.
DEEDS = ("writes", "fails", "reads", "fails to read", "fails and is taken back")


def live(record: KeyState, deed: str) -> bool | None:
    """Let a plan's calls be made; return whether the key backs off, None where nobody is asked."""
    # Every plan is made past the gate.
    record.come_through()
    for _ in range(3):
        record.ask(reads="read" in deed)
    assert record.in_flight
    if "fails" in deed:
        record.falter()
    assert not record.answer()
    if "taken back" in deed:
        record.take_back(2)
        return None
    assert not record.answer()
    assert record.answer()
    return record.settle()


@pytest.mark.parametrize("story", [*itertools.product(DEEDS, repeat=4)], ids="; ".join)
def test_a_key_backs_off_for_the_failures_of_its_last_calls_alone(story: tuple[str, ...]) -> None:
    """Only a batch that failed backs off; failures in a row count, whatever was read between them.

    What failed and was taken back says nothing of the calls that are planned in its place.
    """
    record, failures = KeyState(), 0
    for deed in story:
        backs_off = live(record, deed)
        assert not record.in_flight
        if backs_off is None:
            continue
        assert backs_off == ("fails" in deed)
        if backs_off:
            failures += 1
        elif deed == "writes":
            failures = 0
        assert record.failures == failures


def test_what_fails_seldom_and_for_long_is_told() -> None:
    """Six quick failures are news, and so is the second one after half a minute."""
    record, pod = KeyState(), Write(Resource.PODS, "default", "shop-web-0")
    away = errors.Outage("no answer", reason=Reason.UNREACHABLE)
    assert not record.fail(pod, Verb.CREATE, away, 1000.0).told
    assert not record.fail(pod, Verb.CREATE, away, 1000.0 + NEWS_SECONDS - 1).told
    assert record.fail(pod, Verb.CREATE, away, 1000.0 + NEWS_SECONDS).told
    other = errors.Outage("too many requests", reason=KubeReason.TOO_MANY_REQUESTS)
    assert not record.fail(pod, Verb.CREATE, other, 1060.0).told


def test_who_is_held_back_with_its_siblings_says_so_in_time() -> None:
    """The first look comes after half a minute, and from then on every minute."""
    record, pod = KeyState(), Write(Resource.PODS, "default", "shop-web-0")
    lost = errors.UnknownOutcome("no answer", reason=Reason.UNREACHABLE)
    first = record.fail(pod, Verb.CREATE, lost, 1000.0, held=True)
    assert (first.told, first.again) == (False, 1000.0 + NEWS_SECONDS)
    second = record.fail(pod, Verb.CREATE, lost, first.again, held=True)
    assert (second.told, second.again) == (True, first.again + HELD_SECONDS)
