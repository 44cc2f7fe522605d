"""What people ask for, as bodies: what is written, and what is refused before that."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import objects
from controller.api.choices import Action
from controller.api.conditions import Condition
from controller.presentation import problems, requests

SHOP = objects.Application(
    metadata=objects.Meta(name="shop", namespace="prod"),
    spec=objects.ApplicationSpec(components=(objects.Component(name="web"),)),
)


def ended(reason: str, *retries: str, cancelled: bool = False) -> objects.Operation:
    """Return an operation with one step that has ended, retried before under these ids."""
    return objects.Operation(
        metadata=objects.Meta(name="upgrade", namespace="prod"),
        spec=objects.OperationSpec(
            application="shop",
            action="Steps",
            steps=(objects.Step(name="migrate"),),
            cancelled=cancelled,
        ),
        status=objects.OperationStatus(
            completion_time="2026-01-01T00:00:00Z",
            conditions=(Condition(type="Succeeded", status="False", reason=reason),),
            retries=tuple(objects.Retried(id=each) for each in retries),
        ),
    )


def test_an_operation_says_what_was_said_and_leaves_the_rest_to_the_schema() -> None:
    """Nothing that was left out is written; the name tells application and action."""
    spec = {"components": ["web"], "servers": "", "concurrency": None, "timeoutSeconds": 60}
    made = requests.operation(SHOP, Action.RESTART, spec)
    assert made["spec"] == {
        "application": "shop",
        "action": "Restart",
        "components": ["web"],
        "timeoutSeconds": 60,
    }
    assert made["metadata"]["name"].startswith("shop-restart-")
    with pytest.raises(problems.UsageError, match="no component 'db', but web"):
        requests.operation(SHOP, Action.RESTART, {"components": ["db"]})


def test_a_retry_has_an_id_that_no_run_had() -> None:
    """So it is taken for a new one, whatever ids were used before; a cancel is taken back."""
    assert requests.retry(ended("Failed"), "", {})["retry"]["id"] == "2"
    again = requests.retry(ended("Cancelled", "2", "3", cancelled=True), "migrate", {"a": "b"})
    assert again == {
        "retry": {"id": "4", "from": "migrate", "parameters": {"a": "b"}},
        "cancelled": False,
    }


def test_what_cannot_be_retried_or_cancelled_is_refused() -> None:
    """With how it has ended, or which steps there are."""
    with pytest.raises(problems.Refusal, match="ended as Completed, which leaves nothing"):
        requests.retry(ended("Completed"), "", {})
    with pytest.raises(problems.UsageError, match="no step 'nope', but migrate"):
        requests.retry(ended("Failed"), "nope", {})
    with pytest.raises(problems.Refusal, match="has ended already: Failed"):
        requests.cancel(ended("Failed"))


@pytest.mark.parametrize(
    ("components", "named", "before"),
    [
        ([{"name": "web", "replicas": 2}], "", 2),
        ([{"name": "web", "replicas": 2}, {"name": "db", "replicas": 1}], "db", 1),
        ([{"name": "web"}], "web", None),
    ],
)
def test_replicas_are_set_where_they_are_owned(
    components: list[dict[str, Any]], named: str, before: int | None
) -> None:
    """In the list that was read, of which no other component changes; or in the set alone."""
    read = {
        "metadata": {"name": "shop", "resourceVersion": "7"},
        "spec": {"components": components},
    }
    found = requests.scale(read, named, 5)
    assert found.before == before
    if before is None:
        assert found.body == {"spec": {"replicas": 5}}
        return
    assert found.body["metadata"] == {"resourceVersion": "7"}
    changed = {each["name"]: each["replicas"] for each in found.body["spec"]["components"]}
    kept = {each["name"]: each["replicas"] for each in components}
    assert changed == {**kept, found.component: 5}


def test_an_application_that_has_a_number_is_scaled_itself() -> None:
    """The number of its only component stands in the application: there it is changed."""
    read = {
        "metadata": {"name": "shop", "resourceVersion": "7"},
        "spec": {"replicas": 2, "components": [{"name": "web"}]},
    }
    found = requests.scale(read, "", 5)
    assert (found.component, found.before) == ("web", 2)
    assert found.body == {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 5}}


def test_which_component_is_scaled_is_not_guessed() -> None:
    """Where there are several one must be named, and be there."""
    read = {"metadata": {"name": "shop"}, "spec": {"components": [{"name": "a"}, {"name": "b"}]}}
    with pytest.raises(problems.UsageError, match="has several: name one with -c: a, b"):
        requests.scale(read, "", 5)
    with pytest.raises(problems.UsageError, match="has no component 'c', but a, b"):
        requests.scale(read, "c", 5)
