"""A component has left its revision when its set and its servers say so of the present spec."""

from __future__ import annotations

import types
from typing import Any

import pytest

from controller.api import conditions, objects
from controller.kinds.operation import rollback

LEFT, TARGET = "bad", "proven"


def component_rollback(
    *, generation: int, ready: str = "True", revision: str = TARGET
) -> rollback.ComponentRollback:
    """Return a component whose set, at generation 2, says Ready of some generation."""
    said = conditions.Condition(
        type="Ready", status=ready, reason="Available", message="", observed_generation=generation
    )
    found = objects.ServerSet(
        metadata=objects.Meta(name="shop-web", namespace="d", uid="s1", generation=2),
        spec=objects.ServerSetSpec(application="shop", component="web", revision=revision),
        status=objects.ServerSetStatus(conditions=(said,)),
    )
    return rollback.ComponentRollback(
        component="web",
        revision=LEFT,
        wanted=LEFT,
        server_set=found,
        record=None,
        rejected=None,
        fallback=None,
    )


@pytest.mark.parametrize(
    ("found", "arrived"),
    [
        (component_rollback(generation=2), True),
        (component_rollback(generation=1), False),
        (component_rollback(generation=2, ready="False"), False),
        (component_rollback(generation=2, revision=LEFT), False),
    ],
    ids=["arrived", "of an older spec", "not ready", "has not left"],
)
def test_a_set_is_believed_of_its_present_spec_alone(
    found: rollback.ComponentRollback, *, arrived: bool
) -> None:
    """Ready of an older spec is Ready of the revision that is to be left."""
    snapshot: Any = types.SimpleNamespace(servers={})
    assert rollback._arrived(snapshot, found) is arrived
