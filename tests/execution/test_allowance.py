"""Who shares what may be down waits for each other: for writes of servers, and of evictions."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.execution import allowance
from controller.execution.key_state import KeyState
from controller.kinds.kind import Budget
from controller.kinds.registry import KINDS
from controller.planning import plan, writes
from controller.planning.keys import Key

SET = Key(Resource.SERVERSETS, "default", "web")
WATCHED = (Resource.SERVERS, Resource.DISRUPTION_BUDGETS)


class Watch:
    """A cache that has come to a version."""

    def __init__(self, version: int) -> None:
        self.version = version

    def reached(self, version: int, _namespace: str = "") -> bool:
        """Return whether the cache shows what was written at a version."""
        return self.version >= version


class Cached:
    """Caches that have come to versions of their own."""

    def __init__(self, **versions: int) -> None:
        self.informers = {each: Watch(versions.get(each.value, 0)) for each in Resource}


ITEM = objects.Object(
    metadata=objects.Meta(name="web", namespace="default", uid="u", resource_version="7")
)


def budgets() -> list[Budget[Any]]:
    """Return the budgets of all kinds that take servers down."""
    return [each.budget for each in KINDS if each.budget is not None]


@pytest.mark.parametrize("written", WATCHED)
@pytest.mark.parametrize("seen", [6, 7])
def test_a_write_that_others_count_on_is_waited_for_until_it_is_seen(
    written: Resource, seen: int
) -> None:
    """A set that lets evictions in is waited for as one that takes a server down."""
    record = KeyState()
    record.spends = True
    record.floors[written, "default"] = 7
    caches: Any = Cached(**{written.value: seen})
    allowed = allowance.Allowance(caches, {SET: record})
    for each in budgets():
        shared: Budget[Any] = Budget(spent_on=each.spent_on, shared_with=lambda *_: (SET,))
        assert allowed.is_being_spent(shared, ITEM) is (seen < 7)


@pytest.mark.parametrize("written", WATCHED)
def test_a_patch_of_either_spends_and_one_of_a_status_does_not(written: Resource) -> None:
    """Every kind that takes servers down counts both."""
    for subresource, spent in (("", True), ("status", False)):
        item = writes.Known(resource=written, metadata=ITEM.metadata)
        made = writes.patch(item, {"spec": {}}, why="x", guarded=False, subresource=subresource)
        for each in budgets():
            assert allowance.spends(each, plan.Plan(actions=(made,))) is spent
