"""How long an operation still takes is told by what it took so far, or one of its kind before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import rich.console

from controller.api import clock, objects
from controller.api.resources import Resource
from controller.cli.drawing import operation as drawing
from controller.planning.keys import Key
from controller.presentation import answers, estimates, inspection, pictures
from controller.presentation.answers import Answer
from fakes.universe import Universe, application, component

NOW = 1_790_000_000.0


def operation(
    name: str = "restart-web", action: str = "Restart", age: float = 60.0, **status: Any
) -> objects.Operation:
    """Return an operation on fifty servers that started a while ago."""
    return objects.Operation(
        metadata=objects.Meta(name=name, namespace="default"),
        spec=objects.OperationSpec(application="shop", action=action, components=("web",)),
        status=objects.OperationStatus(
            **{"start_time": clock.stamp(NOW - age), "total": 50, **status}
        ),
    )


def test_what_is_left_goes_on_at_the_pace_so_far() -> None:
    """Ten of fifty took a minute: the rest takes four; what failed is done, too."""
    assert estimates.left(operation(succeeded=9, failed=1), (), NOW) == (
        240,
        "as 10 of 50 servers took 60s",
    )
    assert pictures.operation(operation(succeeded=9, failed=1), NOW).left_seconds == 240


def test_time_spent_paused_is_no_pace() -> None:
    """Half of a minute was spent paused: ten took the other half."""
    found = estimates.left(operation(succeeded=10, paused_seconds=30), (), NOW)
    assert found is not None
    assert found[0] == 120


def test_the_first_servers_are_told_by_one_of_its_kind() -> None:
    """Before any is done the last one that did the same tells, by server; others do not."""
    before = [
        operation("last", age=900, succeeded=25, total=25, completion_time=clock.stamp(NOW - 800)),
        operation("older", age=9000, succeeded=50, completion_time=clock.stamp(NOW - 8990)),
        operation("stop", "Stop", age=700, succeeded=50, completion_time=clock.stamp(NOW - 690)),
        operation("ill", age=600, succeeded=1, failed=49, completion_time=clock.stamp(NOW - 599)),
    ]
    said = "as last took 100s for 25 servers"
    assert estimates.left(operation(), before, NOW) == (140, said)
    assert estimates.left(operation(age=500), before, NOW) == (0, said)


def test_an_application_of_that_name_elsewhere_tells_nothing() -> None:
    """Another namespace's shop is another application: its operations are no measure of this."""
    whole: dict[str, Any] = {"succeeded": 50, "completion_time": clock.stamp(NOW - 800)}
    other = operation("last", age=900, **whole)
    assert pictures.operation(operation(), NOW, [other]).left_seconds is not None
    meta = msgspec.structs.replace(other.metadata, namespace="elsewhere")
    stranger = msgspec.structs.replace(other, metadata=meta)
    assert pictures.operation(operation(), NOW, [stranger]).left_seconds is None


@pytest.mark.parametrize(
    "status",
    [
        {"start_time": None},
        {"pause_time": clock.stamp(NOW)},
        {"completion_time": clock.stamp(NOW), "succeeded": 10},
        {"succeeded": 50},
        {},
    ],
    ids=["not begun", "paused", "over", "all done", "nothing known"],
)
def test_nothing_is_made_up(status: dict[str, Any]) -> None:
    """Where nothing says how long it takes, nothing is told."""
    assert estimates.left(operation(**status), (), NOW) is None


@pytest.mark.looptime
async def test_how_long_it_takes_is_told_by_why_and_beside_its_bar() -> None:
    """Of an operation on its way that has done some: in the plan of `why`, and on its screen."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 4)))
        await universe.until(universe.is_ready)
        spec = {"application": "shop", "action": "Restart", "concurrency": 1}
        body = {"kind": "Operation", "metadata": {"name": "again"}, "spec": spec}
        await universe.server.create(Resource.OPERATIONS, "default", body)
        await universe.until(lambda: done(universe) >= 1)
        key = Key(Resource.OPERATIONS, "default", "again")
        async with inspection.look(universe.server, "default") as look:
            seen, planned = look.plan(key, now=universe.server.now() + 60)
            (said,) = answers.left(look, seen)
            assert planned is not None
    assert said.startswith("about ")
    assert "of 4 servers took" in said
    console = rich.console.Console(width=100)
    with console.capture() as screen:
        shown = pictures.operation(operation(succeeded=10), NOW)
        console.print(drawing.draw(shown, NOW))
    assert "about 4m left" in screen.get()


def done(universe: Universe) -> int:
    """Return on how many servers the operation has finished."""
    found: int = universe.get(Resource.OPERATIONS, "again").get("status", {}).get("succeeded", 0)
    return found


def test_the_fields_of_why_stay() -> None:
    """Programs read `-o json`: fields may be added, and none may go or be called otherwise."""
    assert set(Answer.__dataclass_fields__) >= {
        "object",
        "namespace",
        "ready",
        "reason",
        "message",
        "meaning",
        "remedy",
        "command",
        "since",
        "waits",
        "below",
        "plan",
        "domain",
        "operator",
        "printed",
        "replica",
        "notes",
    }
