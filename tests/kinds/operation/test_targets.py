"""The targets of an operation are servers, and nothing else, whatever the operation does."""

from __future__ import annotations

import typing

import pytest

from controller.api import objects
from controller.api.operation import OperationSpec
from controller.api.resources import Resource
from controller.kinds.operation import targets
from fakes.instant import NAMESPACE
from tests.kinds.operation.stage import Stage
from tests.kinds.rehearsal import Rehearsal, component

# Which acts need something said of them.
NEEDS: dict[str, dict[str, object]] = {
    "Steps": {"steps": [{"name": "say", "exec": {"command": ["true"]}}]},
    "Restore": {"parameters": {"snapshot": "photo"}},
}
ON_SERVERS = sorted(
    {*typing.get_args(OperationSpec.model_fields["action"].annotation)} - {"RollBack"}
)


@pytest.mark.parametrize("action", ON_SERVERS)
def test_each_act_on_servers_records_them_alone(action: str) -> None:
    """Each entry is a component and its ordinals, and reads back as it was written."""
    stage = Stage(4)
    stage.settle()
    stage.submit("go", action, servers="1-3", **NEEDS.get(action, {}))
    stage.until(lambda: bool(stage.status("go").start_time), limit=60)
    status = stage.status("go")
    assert status.targets == ("web/1-3",)
    assert targets.record(targets.recall(status.targets)) == status.targets
    assert status.leaving == ()


def rolled_back() -> Rehearsal:
    """Return a rehearsal in which a RollBack has begun, with its second revision to leave."""
    rehearsal = Rehearsal()
    for image in ("web:v1", "web:v2"):
        rehearsal.apply("shop", component("web", image, 4))
        rehearsal.run()
    rehearsal.submit("back", "RollBack")
    rehearsal.run_for(2)
    return rehearsal


def test_a_rollback_records_what_it_leaves_and_no_targets() -> None:
    """Revisions stand under a name of their own, from the beginning to the end."""
    rehearsal = rolled_back()
    (entry,) = rehearsal.get(objects.Operation, "back").status.leaving
    name, _, revision = entry.partition("/")
    assert name == "web"
    assert revision in {each.spec.revision for each in rehearsal.servers("shop-web").values()}
    while rehearsal.tick():
        assert rehearsal.get(objects.Operation, "back").status.targets == ()
    status = rehearsal.get(objects.Operation, "back").status
    assert (status.targets, status.leaving) == ((), (entry,))
    assert set(rehearsal.images("shop-web").values()) == {"web:v1"}


def test_a_rollback_that_an_earlier_release_began_goes_on() -> None:
    """Its revisions are under the old name: it leaves them all the same, and comes to its end."""
    rehearsal = rolled_back()
    before = rehearsal.get(objects.Operation, "back").status
    older = {"leaving": None, "targets": list(before.leaving)}
    rehearsal.registry.patch(
        Resource.OPERATIONS, NAMESPACE, "back", {"status": older}, subresource="status"
    )
    assert rehearsal.get(objects.Operation, "back").status.targets == before.leaving
    rehearsal.run()
    assert rehearsal.condition(objects.Operation, "back", "Succeeded") == ("True", "Completed")
    assert set(rehearsal.images("shop-web").values()) == {"web:v1"}
