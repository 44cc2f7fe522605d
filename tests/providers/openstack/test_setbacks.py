"""Things that are tried one after the other: what fails of one keeps no other waiting."""

import asyncio

import pytest

from controller import errors
from controller.kube.reasons import KubeReason
from controller.providers.openstack.setbacks import Setbacks

pytestmark = pytest.mark.looptime


async def test_a_lost_lease_ends_the_round_and_is_nobodys_setback() -> None:
    """Whoever leads sees to all of it: nothing more is tried, nothing is put off or told."""
    told: list[str] = []
    tried: list[str] = []

    async def act(identifier: str) -> None:
        tried.append(identifier)
        raise errors.LeaseLost("another leads", reason=KubeReason.LEASE_LOST)

    setbacks = Setbacks(told.append)
    await setbacks.for_each(["a", "b"], act)
    assert tried == ["a"]
    assert setbacks.of("a") is None
    assert setbacks.is_due("a")
    assert told == []


async def test_what_failed_is_due_again_later_and_others_are_tried() -> None:
    """It is told once, and once more when it succeeds."""
    told: list[str] = []
    tried: list[str] = []
    failing = {"a"}

    async def act(identifier: str) -> None:
        tried.append(identifier)
        if identifier in failing:
            raise errors.Waiting("locked", reason=KubeReason.LEASE_LOST)

    setbacks = Setbacks(told.append)
    await setbacks.for_each(["a", "b"], act)
    assert tried == ["a", "b"]
    assert not setbacks.is_due("a")
    assert told == ["a"]
    failing.clear()
    await asyncio.sleep(1)
    await setbacks.for_each(["a"], act)
    assert setbacks.of("a") is None
    assert told == ["a", "a"]
