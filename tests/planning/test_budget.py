"""Rounding, availability, and the one budget that all planners share."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.api import clock, objects
from controller.planning import amounts, availability, budget

NOW = 1_700_000_000.0


def server(**status: Any) -> objects.Server:
    """Return a server at revision a, incarnation 1, that has been ready for 30 seconds."""
    ready = {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": clock.stamp(NOW - 30),
        "observedGeneration": 1,
    }
    spec = {"application": "shop", "component": "web", "ordinal": 0, "revision": "a"}
    told = {"revision": "a", "incarnation": 1, "power": "Running", "conditions": [ready], **status}
    body = {"metadata": {"name": "shop-web-0", "generation": 1}, "spec": spec, "status": told}
    return msgspec.json.decode(msgspec.json.encode(body), type=objects.Server)


@pytest.mark.parametrize(
    ("amount", "whole", "down", "up", "at_least_one"),
    [
        (3, 10, 3, 3, 3),
        (0, 10, 0, 0, 1),
        ("25%", 10, 2, 3, 2),
        ("10%", 5, 0, 1, 1),
        ("100%", 7, 7, 7, 7),
        ("0%", 7, 0, 0, 1),
        ("25%", 0, 0, 0, 1),
    ],
)
def test_percentages_round_as_documented(
    amount: int | str, whole: int, down: int, up: int, at_least_one: int
) -> None:
    """Down for what may be lost, up for what may be added, and at least 1 for concurrency."""
    assert amounts.down(amount, whole) == down
    assert amounts.up(amount, whole) == up
    assert amounts.at_least_one(amount, whole) == at_least_one


@pytest.mark.parametrize(
    ("unavailable", "surge", "desired", "limit"),
    [
        ("25%", 0, 10, 2),
        ("10%", 0, 5, 1),
        ("10%", "10%", 5, 0),
        (0, 1, 5, 0),
        (3, 0, 2, 3),
        ("10%", 0, 0, 1),
    ],
)
def test_the_limit_lets_something_be_replaced(
    unavailable: int | str, surge: int | str, desired: int, limit: int
) -> None:
    """MaxUnavailable is rounded down, but is 1 where both it and maxSurge come to 0."""
    rollout = objects.Rollout(max_unavailable=unavailable, max_surge=surge)
    assert budget.limit(desired, rollout) == limit


@pytest.mark.parametrize(
    ("status", "min_ready", "lacking"),
    [
        ({}, 0, 0.0),
        ({}, 30, 0.0),
        ({}, 45, 15.0),
        ({"revision": "b"}, 0, availability.FOREVER),
        ({"incarnation": 0}, 0, availability.FOREVER),
        ({"power": "Stopped"}, 0, availability.FOREVER),
        ({"conditions": []}, 0, availability.FOREVER),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, 0, availability.FOREVER),
        ({"conditions": [{"type": "Ready", "status": "Unknown"}]}, 0, availability.FOREVER),
    ],
)
def test_a_server_is_available_when_it_runs_what_it_was_told(
    status: dict[str, Any], min_ready: int, lacking: float
) -> None:
    """Revision, incarnation and power as in the spec, Ready, for minReadySeconds."""
    assert availability.seconds_until_available(server(**status), NOW, min_ready) == lacking


def test_a_raised_generation_alone_takes_no_server_out() -> None:
    """A policy or a hold raises the generation of every server: none is less available for that."""
    raised = server()
    raised = msgspec.structs.replace(
        raised, metadata=msgspec.structs.replace(raised.metadata, generation=2)
    )
    assert availability.seconds_until_available(raised, NOW, 0) == 0


@pytest.mark.parametrize(
    ("result", "operated"),
    [
        (None, True),
        (objects.TaskStatus(id="t", state="Started"), True),
        (objects.TaskStatus(id="t", state="Unknown"), True),
        (objects.TaskStatus(id="t", state="Succeeded"), False),
        (objects.TaskStatus(id="t", state="Cancelled"), False),
        (objects.TaskStatus(id="earlier", state="Succeeded"), True),
    ],
)
def test_a_server_is_operated_until_its_own_task_ends(
    result: objects.TaskStatus | None, *, operated: bool
) -> None:
    """Only the end of the very task that the spec names lets go of the server."""
    found = server()
    found = msgspec.structs.replace(
        found,
        spec=msgspec.structs.replace(found.spec, task=objects.Task(id="t", operation="o")),
        status=msgspec.structs.replace(found.status, task=result),
    )
    assert availability.operated(found) is operated
    rollout = objects.Rollout(max_unavailable=1)
    shared = budget.of([found, server()], desired=2, rollout=rollout, now=NOW)
    assert shared.unavailable == int(operated)
    assert shared.allowance == 1 - int(operated)


def test_missing_servers_are_unavailable_and_spare_ones_help() -> None:
    """The budget counts against the desired number, whichever servers are available."""
    rollout = objects.Rollout(max_unavailable=1)
    missing = budget.of([server()], desired=3, rollout=rollout, now=NOW)
    assert (missing.unavailable, missing.allowance) == (2, 0)
    spare = budget.of([server()] * 4, desired=3, rollout=rollout, now=NOW)
    assert (spare.unavailable, spare.allowance) == (0, 2)
