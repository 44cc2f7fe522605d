"""What people see, held to golden screens at the widths that terminals have.

GOLDEN_UPDATE=1 writes them anew: read what changed.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import re
from collections.abc import Callable

import pytest
import rich.console

from controller import contract
from controller.api import objects
from controller.api.conditions import Blocked
from controller.api.resources import Resource
from controller.cli.drawing import answer, operation
from controller.cli.drawing import preview as drawn_preview
from controller.cli.drawing import status as status_text
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import plan
from controller.presentation import answers, pictures, preview, references
from controller.presentation.answers import Answer
from controller.presentation.forecast import Effect, Forecast, ForecastStep
from tests.cli import scenes
from tests.cli.scenes import NOW

FOLDER = pathlib.Path(__file__).parent / "golden"
WIDTHS = (80, 120)


def rendered(drawn: rich.console.RenderableType, width: int) -> str:
    """Return what a terminal of that width shows, without colours."""
    console = rich.console.Console(width=width, file=io.StringIO(), no_color=True, emoji=False)
    with console.capture() as captured:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _status() -> rich.console.RenderableType:
    return rich.console.Group(
        status_text.draw(scenes.healthy(), NOW), "", status_text.draw(scenes.troubled(), NOW)
    )


def _wide() -> rich.console.RenderableType:
    return status_text.draw(scenes.troubled(6), NOW, wide=True)


def _top() -> rich.console.RenderableType:
    return status_text.top([scenes.healthy(), scenes.troubled()])


def _follow() -> rich.console.RenderableType:
    failure = objects.FailureRecord(
        server="shop-web-3", step="restart", message="not Ready within 600 seconds"
    )
    found = scenes.operation(
        "restart-web",
        scenes.condition("Succeeded", "Unknown", "Running"),
        total=50,
        succeeded=12,
        running=6,
        failed=1,
        progress="12/50",
        failures=(failure,),
        steps=(
            objects.StepStatus(name="drain", passed=20, running=5),
            objects.StepStatus(name="migrate", passed=12, running=1, failed=1),
        ),
    )
    return operation.draw(pictures.operation(found, NOW), NOW)


WAITS = Blocked(
    object="Server/shop-web-3",
    reason="ImagePullBackOff",
    message=scenes.IMAGE,
    since=scenes.ago(130),
    next_attempt_time=scenes.ago(-20),
    remedy="kubectl argosy retry-now server/shop-web-3 -n prod",
)


def _why() -> rich.console.RenderableType:
    blocked = Blocked(
        object="pods/shop-web-3",
        reason="BackingOff",
        message=scenes.IMAGE,
        since=scenes.ago(130),
        next_attempt_time=scenes.ago(-20),
        remedy="kubectl argosy retry-now server/shop-web-3 -n prod",
    )
    ill = scenes.server("web", 3, scenes.ILL)
    planned = plan.Plan(
        status=objects.ServerStatus(conditions=(scenes.ILL,), blocked_by=(blocked,)),
        wake_after=20,
        notes=("waiting 20 seconds before attempt 3 of 5",),
    )
    meant = references.Reference(resource=Resource.SERVERS, name="shop-web-3")
    seen = ServerSnapshot(
        now=NOW,
        server=ill,
        observation=contract.ABSENT,
        fleet=contract.FleetFacts(name="pods"),
    )
    notes = ("you may not list fleets: fleets other than the built-in one are not seen",)
    found = dataclasses.replace(answers.answer(meant, "prod", seen, planned), notes=notes)
    return answer.draw(found, NOW)


def _why_application() -> rich.console.RenderableType:
    def told(kind: str, name: str, reason: str, message: str, *below: Answer) -> Answer:
        waits = () if below else (WAITS,)
        return Answer(
            object=f"{kind}/{name}",
            namespace="prod",
            ready="False",
            reason=reason,
            message=message,
            meaning="",
            remedy="",
            command="",
            since="",
            waits=waits,
            below=below,
            plan=(),
        )

    ill = told("Server", "shop-web-3", "ImagePullBackOff", scenes.IMAGE)
    web = told("ServerSet", "shop-web", "Progressing", "3 of 4 servers are available.", ill)
    late = told("Server", "shop-db-0", "Starting", "")
    db = told("ServerSet", "shop-db", "Progressing", "0 of 1 servers are available.", late)
    shop = told("Application", "shop", "Progressing", "Under way: db, web.", db, web)
    return answer.draw(shop, NOW)


def _plan() -> rich.console.RenderableType:
    def step(effect: Effect, component: str, *ordinals: int) -> ForecastStep:
        names = tuple(f"shop-{component}-{each}" for each in ordinals)
        return ForecastStep(effect=effect, component=component, servers=names, reason="")

    told = Forecast(
        steps=(
            (step(Effect.CHANGE, "db", 2), step(Effect.CREATE, "web", 10, 11)),
            (step(Effect.CHANGE, "db", 1),),
            (step(Effect.CHANGE, "db", 0),),
            *((step(Effect.REPLACE, "web", each + 1, each),) for each in (10, 8, 6, 4, 2, 0)),
            (step(Effect.DELETE, "cache", 0),),
        ),
        budgets={"db": (1, 3), "web": (2, 12)},
        finished=True,
        message="All 15 servers are available.",
        claims_deleted=("scratch-shop-cache-0",),
        claims_kept=tuple(f"data-shop-cache-{each}" for each in range(8)),
        domains={f"shop-web-{each}": "ab"[each % 2] for each in range(12)},
    )
    before = {"metadata": {"name": "shop"}, "spec": {"components": [{"name": "web", "n": 10}]}}
    after = {
        "metadata": {"name": "shop", "namespace": "prod"},
        "spec": {"components": [{"name": "web", "n": 12}]},
    }
    found = preview.preview(before, after, told, ())
    return rich.console.Group(*drawn_preview.draw(found))


SCREENS: dict[str, Callable[[], rich.console.RenderableType]] = {
    "status": _status,
    "status-wide": _wide,
    "top": _top,
    "follow": _follow,
    "why": _why,
    "why-application": _why_application,
    "plan": _plan,
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SCREENS)
def test_screens_are_as_agreed(name: str, width: int) -> None:
    """A screen shows what its golden file shows, and no line is wider than the terminal."""
    shown = rendered(SCREENS[name](), width)
    path = FOLDER / f"{name}-{width}.txt"
    if os.environ.get("GOLDEN_UPDATE"):
        path.write_text(shown)
    assert path.exists(), f"no golden file {path.name}: run with GOLDEN_UPDATE=1 and read it"
    assert shown == path.read_text()
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_names_of_operations_stay_whole(width: int) -> None:
    """However much there is to tell of an operation, its name can be copied, and its bar seen."""
    running = scenes.condition("Succeeded", "Unknown", "Running")
    counts = {"total": 1000, "succeeded": 120, "running": 60, "failed": 1, "progress": "120/1000"}
    found = scenes.operation("shop-rollback-aabbcc", running, "RollBack", **counts)
    drawn = dataclasses.replace(
        pictures.operation(found, NOW), components=("web", "db", "cache", "frontend")
    )
    shown = rendered(status_text.operations([drawn]), width)
    assert "  shop-rollback-aabbcc  RollBack 4 " in shown
    assert re.search("Running  ━+─", shown)
    assert "120/1000" in shown


def test_a_thousand_servers_fit_on_one_screen() -> None:
    """However many servers there are, the screen stays as short as the trouble is."""
    shown = rendered(status_text.draw(scenes.troubled(1000), NOW), 80)
    assert len(shown.splitlines()) < 25
    assert "996 ready" in shown
    assert "1 failed: web-3" in " ".join(shown.split())
