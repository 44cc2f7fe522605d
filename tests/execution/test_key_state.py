"""What is remembered of a key's calls: every short story of calls is told to its end."""

from __future__ import annotations

import itertools

import pytest

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Verb
from controller.execution.key_state import NEWS_SECONDS, SIBLINGS_SECONDS, KeyState
from controller.kube.reasons import KubeReason
from controller.planning.targets import ObjectTarget

# A call that succeeds, one that fails; reads that do; the calls in flight, of which one has failed,
# that are taken back by a change of mind.
EVENTS = ("writes", "fails", "reads", "fails to read", "fails and is taken back")


def live(state: KeyState, event: str) -> bool | None:
    """Let a plan's calls be made; return whether the key backs off, None where nobody is asked."""
    # Every plan is made past the gate.
    state.come_through()
    for _ in range(3):
        state.ask(reads="read" in event)
    assert state.in_flight
    if "fails" in event:
        state.falter()
    assert not state.answer()
    if "taken back" in event:
        state.take_back(2)
        return None
    assert not state.answer()
    assert state.answer()
    return state.settle()


@pytest.mark.parametrize("story", [*itertools.product(EVENTS, repeat=4)], ids="; ".join)
def test_a_key_backs_off_for_the_failures_of_its_last_calls_alone(story: tuple[str, ...]) -> None:
    """Only a batch that failed backs off; failures in a row count, whatever was read between them.

    What failed and was taken back says nothing of the calls that are planned in its place.
    """
    state, failures = KeyState(), 0
    for event in story:
        backs_off = live(state, event)
        assert not state.in_flight
        if backs_off is None:
            continue
        assert backs_off == ("fails" in event)
        if backs_off:
            failures += 1
        elif event == "writes":
            failures = 0
        assert state.failures == failures


def test_what_fails_seldom_and_for_long_is_told() -> None:
    """Six quick failures are news, and so is the second one after half a minute."""
    state, pod = KeyState(), ObjectTarget(Resource.PODS, "default", "shop-web-0")
    away = errors.Outage("no answer", reason=Reason.UNREACHABLE)
    assert not state.fail(pod, Verb.CREATE, away, 1000.0).told
    assert not state.fail(pod, Verb.CREATE, away, 1000.0 + NEWS_SECONDS - 1).told
    assert state.fail(pod, Verb.CREATE, away, 1000.0 + NEWS_SECONDS).told
    other = errors.Outage("too many requests", reason=KubeReason.TOO_MANY_REQUESTS)
    assert not state.fail(pod, Verb.CREATE, other, 1060.0).told


def test_who_is_held_back_with_its_siblings_says_so_in_time() -> None:
    """The first look comes after half a minute, and from then on every minute."""
    state, pod = KeyState(), ObjectTarget(Resource.PODS, "default", "shop-web-0")
    lost = errors.UnknownOutcome("no answer", reason=Reason.UNREACHABLE)
    first = state.fail(pod, Verb.CREATE, lost, 1000.0, waits_with_siblings=True)
    assert (first.told, first.again) == (False, 1000.0 + NEWS_SECONDS)
    second = state.fail(pod, Verb.CREATE, lost, first.again, waits_with_siblings=True)
    assert (second.told, second.again) == (True, first.again + SIBLINGS_SECONDS)
