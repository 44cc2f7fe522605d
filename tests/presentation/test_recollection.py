"""What is recalled of the operator's calls, from status alone."""

from __future__ import annotations

import pytest

from controller.api import clock, objects
from controller.api.conditions import Blocked
from controller.execution.caches import Caches
from controller.planning import plan
from controller.presentation import recollection
from fakes.api_server import ApiServer

AGAIN = clock.stamp(600.0)
META = objects.Meta(name="one", namespace="prod", generation=1)


@pytest.mark.looptime
async def test_a_kind_that_tells_nothing_of_the_sort_can_be_asked() -> None:
    """A Fleet says nothing of what it waits for, and an object need not have a status at all."""
    caches = Caches(ApiServer())
    fleet = objects.Fleet(metadata=META, status=objects.FleetStatus())
    for item in (fleet, objects.Object(metadata=META)):
        assert recollection.recall(caches, item, plan.Plan()) == ()


def recalled(told: Blocked, attempts: objects.Attempts, *planned: Blocked) -> list[str]:
    """Return the reasons of calls that are recalled of a server whose status tells one thing."""
    status = objects.ServerStatus(observed_generation=1, blocked_by=(told,), attempts=attempts)
    spec = objects.ServerSpec(application="shop", component="web", ordinal=0)
    server = objects.Server(metadata=META, spec=spec, status=status)
    made = plan.Plan(status=objects.ServerStatus(observed_generation=1, blocked_by=planned))
    found = recollection.recall(Caches(ApiServer()), server, made)
    return [str(each.reason) for each in found]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("reason", "again", "found"),
    [
        ("QuotaExceeded", AGAIN, True),
        ("ClaimCannotGrow", AGAIN, True),
        ("InternalError", AGAIN, True),
        ("AWordOfOthers", AGAIN, True),
        # Nothing is tried again.
        ("Paused", None, False),
        # These are tried again, and no call of the object's failed.
        ("CircuitOpen", AGAIN, False),
        ("RemediationHeld", AGAIN, False),
        ("BackingOff", AGAIN, False),
    ],
)
async def test_of_what_a_status_tells_calls_are_recalled(
    reason: str, again: str | None, found: bool
) -> None:
    """In whatever words they were answered, and nothing that a planner finds by itself."""
    told = Blocked(object="Server/one", reason=reason, next_attempt_time=again)
    assert recalled(told, objects.Attempts()) == [reason] * found
    assert recalled(told, objects.Attempts(), told) == []


@pytest.mark.looptime
@pytest.mark.parametrize(("reason", "found"), [("CrashLoopBackOff", False), ("Denied", True)])
async def test_attempts_at_a_server_are_no_calls(reason: str, found: bool) -> None:
    """An instance that failed may be well by now; a write that was refused is refused yet."""
    told = Blocked(object="Server/one", reason=reason, next_attempt_time=AGAIN)
    assert recalled(told, objects.Attempts(count=1, next_attempt_time=AGAIN)) == [reason] * found
