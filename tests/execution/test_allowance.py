"""Who shares what may be down waits for each other: for writes of servers, and of evictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any

import pytest

from controller.api import objects
from controller.api.conditions import Condition
from controller.api.resources import Resource
from controller.execution import allowance
from controller.execution.key_state import KeyState
from controller.kinds.kind import SharedBudget
from controller.kinds.registry import KINDS
from controller.kinds.serverset.kind import SERVER_SET
from controller.planning import plan, writes
from controller.planning.caches import Index
from controller.planning.keys import Key

SET = Key(Resource.SERVERSETS, "default", "web")
WATCHED = (Resource.SERVERS, Resource.DISRUPTION_BUDGETS)


class Watch:
    """A cache that has come to a version."""

    def __init__(self, version: int) -> None:
        self.version = version

    def reached(self, version: int, _namespace: str, _slot: int | None) -> bool:
        """Return whether the cache shows what was written at a version."""
        return self.version >= version


class Cached:
    """Caches that have come to versions of their own."""

    def __init__(self, **versions: int) -> None:
        self.informers = {each: Watch(versions.get(each.value, 0)) for each in Resource}


ITEM = objects.Object(
    metadata=objects.Meta(name="web", namespace="default", uid="u", resource_version="7")
)


def budgets() -> list[SharedBudget[Any]]:
    """Return the budgets of all kinds that take servers down."""
    return [each.budget for each in KINDS if each.budget is not None]


@pytest.mark.parametrize("written", WATCHED)
@pytest.mark.parametrize("seen", [6, 7])
def test_a_write_that_others_count_on_is_waited_for_until_it_is_seen(
    written: Resource, seen: int
) -> None:
    """A set that lets evictions in is waited for as one that takes a server down."""
    state = KeyState()
    state.spends = True
    state.floors[written, "default", None] = 7
    caches: Any = Cached(**{written.value: seen})
    allowed = allowance.Allowance(caches, {SET: state})
    for each in budgets():
        shared: SharedBudget[Any] = SharedBudget(
            spent_on=each.spent_on, shared_with=lambda *_: (SET,)
        )
        assert allowed.is_being_spent(shared, ITEM) is (seen < 7)


@pytest.mark.parametrize("written", WATCHED)
def test_a_patch_of_either_spends_and_one_of_a_status_does_not(written: Resource) -> None:
    """Every kind that takes servers down counts both."""
    for subresource, spent in (("", True), ("status", False)):
        item = writes.HasMetadata(resource=written, metadata=ITEM.metadata)
        made = writes.patch(item, {"spec": {}}, why="x", guarded=False, subresource=subresource)
        for each in budgets():
            assert allowance.spends(each, plan.Plan(actions=(made,))) is spent


@dataclasses.dataclass(frozen=True)
class Held:
    """Caches that hold these operations and nothing else."""

    operations: tuple[objects.Operation, ...]

    def by(self, index: Index[Any], place: Hashable) -> dict[Any, Any]:
        """Return what an index has at a place."""
        return {
            (each.metadata.namespace, each.metadata.name): each
            for each in self.operations
            if index.view is objects.Operation and index.key(each) == place
        }


def operation(name: str, succeeded: str = "Unknown", *targets: str) -> objects.Operation:
    """Return an operation on the set's application that stands so."""
    return objects.Operation(
        metadata=objects.Meta(name=name, namespace="default", uid=name, resource_version="1"),
        spec=objects.OperationSpec(application="shop", action="Restart"),
        status=objects.OperationStatus(
            conditions=(Condition(type="Succeeded", status=succeeded, reason="Told"),),
            targets=targets,
        ),
    )


def test_a_set_looks_at_none_of_the_operations_that_are_over() -> None:
    """A thousand that people did not delete cost its rollout nothing; one that works is asked."""
    over = [operation(f"over-{number}", "True", "web/0-2") for number in range(1000)]
    failed = operation("failed", "False", "web/0-2")
    caches: Any = Held((*over, failed, operation("waits"), operation("works", "Unknown", "web/0")))
    server_set = objects.ServerSet(
        metadata=objects.Meta(name="shop-web", namespace="default", uid="u", resource_version="1"),
        spec=objects.ServerSetSpec(application="shop", component="web"),
    )
    budget = SERVER_SET.budget
    assert budget is not None
    assert list(budget.shared_with(caches, server_set)) == [
        Key(Resource.OPERATIONS, "default", "works")
    ]
