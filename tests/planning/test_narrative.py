"""Plans in words."""

from __future__ import annotations

from controller.api import conditions, objects
from controller.api.resources import Resource
from controller.planning import narrative, plan


def delete(ordinal: int) -> plan.Delete:
    """Return the delete of a server."""
    name = f"shop-web-{ordinal}"
    return plan.Delete(
        resource=Resource.SERVERS, namespace="default", name=name, uid="u", why="it is too many"
    )


def test_like_actions_share_a_line() -> None:
    """Thousands of actions of one kind are one line that names the first few."""
    (line,) = narrative.narrate(plan.Plan(actions=[delete(each) for each in range(1000)]))
    assert line == (
        "- delete Server: it is too many: shop-web-0, shop-web-1, shop-web-2, shop-web-3,"
        " shop-web-4 and 995 more"
    )


def test_notes_status_and_the_next_look_are_told() -> None:
    """First why, then how the object stands, what blocks it with its remedy, and when it looks."""
    blocked = conditions.Blocked(
        object="Server/shop-web-3", reason="AttemptsExhausted", message="no image", remedy="look"
    )
    ready = conditions.Condition(type="Ready", status="False", reason="Scaling", message="1 of 2.")
    moving = conditions.Condition(type="Reconciling", status="True")
    made = plan.Plan(
        notes=("one is missing",),
        status=objects.ServerSetStatus(conditions=(ready, moving), blocked_by=(blocked,)),
        wake_after=30.0,
    )
    assert narrative.narrate(made) == [
        "one is missing",
        "Ready False and Reconciling, Scaling: 1 of 2.",
        "blocked by Server/shop-web-3, AttemptsExhausted: no image Remedy: look",
        "looking again in 30 seconds at the latest",
    ]
