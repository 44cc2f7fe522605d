"""Each write that an operation makes is told on it once it fails, and its run goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controller import errors
from controller.api import conditions
from controller.api.resources import Resource
from controller.kinds.operation.kind import OPERATION
from controller.planning import plan
from fakes.instant import InstantCluster
from tests.kinds.failing_writes import (
    FAILURES,
    GUARD,
    REFUSED,
    decide,
    failures,
    see_as_before,
    see_told,
    told,
    with_item,
)
from tests.kinds.operation.stage import Stage
from tests.kinds.rehearsal import Rehearsal, component


def _once_it_writes(cluster: InstantCluster, resource: Resource) -> Any:
    """Return what the operation is planned from when it comes to write such an object."""
    for _ in range(20):
        made = cluster.decide(OPERATION, "go")
        if any(
            isinstance(x, plan.Patch | plan.Delete) and x.resource is resource for x in made.actions
        ):
            return cluster.snapshot(OPERATION, "go")
        list(cluster.carry_out(OPERATION, "go", made))
        cluster.now += 1
    raise AssertionError(f"the operation never writes {resource}")


def _stage(action: str, **spec: Any) -> Stage:
    stage = Stage(2)
    stage.settle()
    stage.change_set(replicas=2)
    stage.submit("go", action, **spec)
    return stage


def new_operation() -> Any:
    """Return an operation that has no finalizer yet."""
    return _once_it_writes(_stage("Restart"), Resource.OPERATIONS)


def operation_with_tasks() -> Any:
    """Return an operation that gives servers their tasks."""
    return _once_it_writes(_stage("Restart"), Resource.SERVERS)


def operation_about_power() -> Any:
    """Return an operation that tells a set which of its servers are stopped."""
    return _once_it_writes(_stage("Stop"), Resource.SERVERSETS)


def operation_that_settles() -> Any:
    """Return a cancelled Stop, of which a set is to remember nothing."""
    stage = _stage("Stop")
    _once_it_writes(stage, Resource.SERVERS)
    stage.change("go", cancelled=True)
    return _once_it_writes(stage, Resource.SERVERSETS)


def operation_that_rolls_back() -> Any:
    """Return a RollBack that is to reject a revision."""
    found = Rehearsal()
    for image in ("web:v1", "web:v2"):
        found.apply("shop", component("web", image, 2))
        found.run()
    found.submit("go", "RollBack")
    return _once_it_writes(found, Resource.REVISIONS)


def _ended() -> Stage:
    stage = _stage("Restart")
    stage.finish("go")
    return stage


def ended_operation() -> Any:
    """Return an operation that is over and has its finalizer still."""
    return _once_it_writes(_ended(), Resource.OPERATIONS)


def expired_operation() -> Any:
    """Return an operation that was over long enough ago to be deleted."""
    stage = _ended()
    stage.step()
    stage.now += 100 * 86400
    return _once_it_writes(stage, Resource.OPERATIONS)


BEGUN = (operation_with_tasks, operation_about_power, operation_that_rolls_back)
WAYS: tuple[Callable[[], Any], ...] = (
    new_operation,
    *BEGUN,
    operation_that_settles,
    ended_operation,
    expired_operation,
)


@pytest.mark.parametrize("kind", FAILURES, ids=str)
@pytest.mark.parametrize("way", WAYS, ids=lambda each: each.__name__)
def test_a_write_that_fails_is_told(way: Callable[[], Any], kind: errors.FailureKind) -> None:
    """In blockedBy, in the words of whoever answered, with one Event, and not anew at each try."""
    see_told(way(), kind, ends=way is operation_that_settles and kind is REFUSED)


@pytest.mark.parametrize("kind", FAILURES, ids=str)
@pytest.mark.parametrize("way", BEGUN, ids=lambda each: each.__name__)
def test_a_run_goes_on_when_its_writes_fail(
    way: Callable[[], Any], kind: errors.FailureKind
) -> None:
    """Nothing ends and no server fails for it; its sentence says so until the write succeeds."""
    snapshot = way()
    first = decide(snapshot)
    found = failures(first, snapshot, kind)
    status: Any = decide(dataclasses.replace(snapshot, outcomes=found)).status
    said = conditions.find(status.conditions, "Succeeded")
    assert said is not None
    assert (said.status, said.reason) == ("Unknown", "Running")
    assert said.message.endswith(
        f"Not every write of the operation has succeeded. {FAILURES[kind]}: no"
    )
    assert (status.failed, status.failures) == (0, ())
    item = msgspec.structs.replace(snapshot.item, status=status)
    after: Any = decide(with_item(snapshot, item)).status
    assert (GUARD, FAILURES[kind]) not in told(after)
    said = conditions.find(after.conditions, "Succeeded")
    assert said is not None
    assert "Not every write" not in said.message


def test_a_stop_that_a_set_is_not_told_of_ends_and_says_so() -> None:
    """A write that is refused for good keeps nobody from an end, and is no secret either."""
    snapshot = operation_that_settles()
    found = failures(decide(snapshot), snapshot, REFUSED)
    status: Any = decide(dataclasses.replace(snapshot, outcomes=found)).status
    said = conditions.find(status.conditions, "Succeeded")
    assert said is not None
    assert (said.status, said.reason) == ("False", "Cancelled")
    assert said.message.endswith("has succeeded. Denied: no")
    assert (GUARD, "Denied") in told(status)


def test_a_run_that_has_ended_says_so_as_before() -> None:
    """A finalizer that cannot be taken off is in blockedBy alone, and no more once it is off."""
    see_as_before(ended_operation())
