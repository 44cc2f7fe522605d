"""Whether a wait is over: met, not yet, or never to be."""

from __future__ import annotations

import pytest

from controller.api import objects
from controller.api.conditions import Condition
from controller.api.resources import Resource
from controller.presentation import waiting
from controller.presentation.references import Reference
from controller.presentation.waiting import WaitResult

MEANT = Reference(resource=Resource.OPERATIONS, name="upgrade")


def operation(*conditions: Condition, seen: int = 1) -> objects.Operation:
    """Return an operation at generation 1, of which the operator has seen so much."""
    return objects.Operation(
        metadata=objects.Meta(name="upgrade", namespace="prod", generation=1),
        spec=objects.OperationSpec(application="shop", action="Restart"),
        status=objects.OperationStatus(observed_generation=seen, conditions=conditions),
    )


GOOD = Condition(type="Succeeded", status="True", reason="Completed", message="Done.")
BAD = Condition(type="Succeeded", status="False", reason="Failed", message="1 server failed.")
GOING = Condition(type="Succeeded", status="Unknown", reason="Running", message="At it.")
STALLED = Condition(type="Stalled", status="True", reason="UnknownFleet", message="No fleet.")


@pytest.mark.parametrize(
    ("wanted", "found", "outcome", "message"),
    [
        ("", operation(GOOD), WaitResult.MET, "Succeeded=True: Done."),
        ("", operation(GOOD, seen=0), WaitResult.PENDING, "Completed: Done."),
        ("", operation(GOING), WaitResult.PENDING, "Running: At it."),
        ("", operation(), WaitResult.PENDING, "not looked at yet"),
        ("", operation(BAD), WaitResult.OVER, "Failed: 1 server failed."),
        ("succeeded=false", operation(BAD), WaitResult.MET, "Succeeded=False: 1 server failed."),
        ("Ready", operation(GOING, STALLED), WaitResult.OVER, "UnknownFleet: No fleet."),
        ("Stalled", operation(GOING, STALLED), WaitResult.MET, "Stalled=True: No fleet."),
        ("deleted", operation(BAD, STALLED), WaitResult.PENDING, "Failed: 1 server failed."),
    ],
)
def test_a_wait_ends_with_what_was_asked_for_or_once_it_cannot_be(
    wanted: str, found: objects.Operation, outcome: WaitResult, message: str
) -> None:
    """What the operator has not seen yet is no answer; what stalls will not become ready."""
    standing = waiting.standing(found, MEANT, waiting.goal(wanted, MEANT))
    assert standing.outcome is outcome
    assert standing.message.startswith("operation/upgrade")
    assert standing.message.endswith(message)
