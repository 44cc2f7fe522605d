"""Screens to walk through: what is shown, by keyboard alone, and what steers no terminal."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from controller.api.resources import Resource
from controller.cli.browsing import page
from controller.cli.browsing.detail import Detail
from controller.cli.browsing.program import Browser
from controller.presentation import applications
from controller.presentation.applications import Chosen
from fakes.api_server.kubelet import Kubelet
from fakes.universe import Universe, application, component, operation
from tests.dashboard import stage

SIZE = (140, 40)
PATIENCE = 1200
CONTROLS = {"\x1b", "\x07", "\u202e"}


async def _fill(universe: Universe) -> None:
    await universe.apply(application("shop", component("web", 3)))
    await universe.apply(application("bank", component("api", 2)))
    await universe.until(lambda: stage.is_ready(universe, "bank"))
    ill = Resource.SERVERS, "shop-web-1"
    await universe.until(lambda: universe.condition(*ill).get("reason") == "ImagePullBackOff")


@contextlib.asynccontextmanager
async def _browsing() -> AsyncIterator[tuple[Browser, Pilot[None], Universe]]:
    async with Universe(kubelet=Kubelet(stage.behave)) as universe:
        await _fill(universe)
        api = stage.cluster(universe)
        async with applications.follow(api, Chosen(namespace="")) as followed:
            program = Browser(api, followed, cluster="production", clock=api.now)
            async with program.run_test(size=SIZE) as pilot:
                await pilot.pause()
                yield program, pilot, universe


async def _until(pilot: Pilot[None], seen: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        if seen():
            return
        await pilot.pause(0.05)
    raise AssertionError("the screen never showed what was waited for")


def _rows(program: Browser) -> list[list[str]]:
    table: DataTable[Any] = program.screen.query_one(DataTable)
    return [[str(cell) for cell in table.get_row_at(each)] for each in range(table.row_count)]


def _drawn(program: Browser, name: str) -> str:
    """Return what a part of the screen shows, as it is drawn."""
    part = program.screen.query_one(f"#{name}", Static)
    lines = (part.render_line(each) for each in range(part.size.height))
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def _versions(universe: Universe) -> dict[Any, str]:
    return {
        (resource, *key): body["metadata"]["resourceVersion"]
        for resource, found in universe.server.objects.items()
        for key, body in found.items()
    }


async def test_applications_in_trouble_come_first_and_lead_to_the_cause() -> None:
    """From the list into the application, from its ill server to the words of the kubelet."""
    async with _browsing() as (program, pilot, _):
        await _until(pilot, lambda: [each[1] for each in _rows(program)] == ["shop", "bank"])
        await pilot.press("enter")
        await _until(pilot, lambda: "shop-web-1" in [each[0] for each in _rows(program)])
        assert _rows(program)[0][0] == "shop-web-1"
        await pilot.press("enter")
        await _until(pilot, lambda: "ImagePullBackOff" in _drawn(program, "answer"))
        await pilot.press("escape", "escape")
        await _until(pilot, lambda: {each[1] for each in _rows(program)} == {"shop", "bank"})


async def test_a_change_is_shown_by_itself_and_the_cursor_stays() -> None:
    """A third application comes into the list; the one that was chosen is still chosen."""
    async with _browsing() as (program, pilot, universe):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await pilot.press("down")
        table: DataTable[Any] = program.screen.query_one(DataTable)
        await _until(pilot, lambda: table.cursor_row == 1)
        await universe.apply(application("alarm", component("bell", 1)))
        await _until(pilot, lambda: len(_rows(program)) == 3)
        chosen = table.get_row_at(table.cursor_row)
        assert str(chosen[1]) == "bank"


async def test_a_search_keeps_what_matches_until_it_is_ended() -> None:
    """A slash, a part of a name, Enter; Escape shows all again."""
    async with _browsing() as (program, pilot, _):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await pilot.press("slash", *"ban", "enter")
        await _until(pilot, lambda: [each[1] for each in _rows(program)] == ["bank"])
        await pilot.press("escape")
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await _until(pilot, lambda: not program.screen.query_one(Input).display)


async def test_a_search_keeps_those_with_a_label() -> None:
    """Beside a part of a name; half of a label shows none, and is no fault."""
    async with _browsing() as (program, pilot, universe):
        mark = {"metadata": {"labels": {"team": "shop"}}}
        await universe.merge(Resource.APPLICATIONS, "shop", mark)
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await pilot.press("slash", *"team=sho")
        await _until(pilot, lambda: _rows(program) == [])
        await pilot.press("p")
        await _until(pilot, lambda: [each[1] for each in _rows(program)] == ["shop"])
        await pilot.press("space", *"ban")
        await _until(pilot, lambda: _rows(program) == [])
        await pilot.press("escape", "slash", *"team!=shop")
        await _until(pilot, lambda: [each[1] for each in _rows(program)] == ["bank"])


async def test_many_servers_are_counted_by_failure_domain() -> None:
    """Above the list, which would otherwise be all that there is to see of them."""
    async with _browsing() as (program, pilot, universe):
        await universe.apply(application("fleet", component("web", 210)))
        await universe.until(lambda: stage.is_ready(universe, "fleet"))
        await _until(pilot, lambda: len(_rows(program)) == 3)
        await pilot.press("slash", *"fleet", "enter", "enter")
        await _until(pilot, lambda: isinstance(program.screen, Detail) and program.screen.ready)

        def counted() -> int:
            told = _drawn(program, "headline")
            return sum(map(int, re.findall(r"^    \S+: (\d+) ready", told, re.MULTILINE)))

        await _until(pilot, lambda: counted() == 210)
        await pilot.pause()


async def test_operations_are_shown_with_how_far_they_are() -> None:
    """Who asked for what, how it ended, and the steps of the one that the cursor is on."""
    async with _browsing() as (program, pilot, universe):
        await universe.apply(operation("again", "bank", "Restart"))
        end = Resource.OPERATIONS, "again", "Succeeded"
        await universe.until(lambda: universe.condition(*end).get("status") == "True")
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await pilot.press("slash", *"bank", "enter", "enter", "o")
        await _until(pilot, lambda: "again" in [each[0] for each in _rows(program)])
        (row,) = _rows(program)
        assert row[1] == "Restart"
        await _until(pilot, lambda: "again" in _drawn(program, "steps"))
        await pilot.press("w")
        await _until(pilot, lambda: "Operation/again" in _drawn(program, "answer"))


async def test_what_is_gone_is_said_to_be_gone() -> None:
    """An application that is deleted while somebody looks at it leaves no old servers behind."""
    async with _browsing() as (program, pilot, universe):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await pilot.press("slash", *"bank", "enter", "enter")
        await _until(pilot, lambda: "bank-api-0" in [each[0] for each in _rows(program)])
        await universe.delete(Resource.APPLICATIONS, "bank")
        await _until(pilot, lambda: "is gone" in _drawn(program, "headline"))
        assert _rows(program) == []


async def test_text_of_others_steers_no_terminal() -> None:
    """Controls and signs that turn text around are shown, and do nothing; markup stays text."""
    async with _browsing() as (program, pilot, universe):
        await universe.process.kill()
        found = universe.server.objects[Resource.APPLICATIONS]["default", "shop"]
        hostile = "\x1b[2J\x1b]0;taken\x07 \u202egnp.exe [red]x[/red] [@click=app.quit]y[/]"
        await universe.server.patch(
            Resource.APPLICATIONS,
            "default",
            "shop",
            {
                "status": {
                    "conditions": [
                        {**each, "message": hostile} for each in found["status"]["conditions"]
                    ]
                }
            },
            subresource="status",
        )
        await _until(pilot, lambda: "[red]x[/red]" in str(_rows(program)))
        assert not CONTROLS & set(str(_rows(program)))
        await pilot.press("enter")
        await _until(pilot, lambda: "[red]x[/red]" in _drawn(program, "headline"))
        assert not CONTROLS & set(_drawn(program, "headline"))


async def test_a_change_while_a_screen_is_being_made_is_no_fault() -> None:
    """A screen that was asked for a moment ago has no table yet, and is filled when it has."""
    async with _browsing() as (program, pilot, _):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        opened = Detail("default", "bank")
        program.push_screen(opened)
        program._shown = (-1, 0.0)
        program.glance()
        assert not opened.ready
        await _until(pilot, lambda: opened.ready and len(_rows(program)) == 2)


async def test_a_long_list_says_how_many_more_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what is listed a line counts the rest, opens nothing, and keeps the cursor."""
    monkeypatch.setattr(page, "MOST_ROWS", 1)
    async with _browsing() as (program, pilot, _):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        assert _rows(program)[1][0] == "… 1 more"
        first = program.screen
        await pilot.press("down")
        table = first.query_one(DataTable)
        await _until(pilot, lambda: table.cursor_row == 1)
        page.refill(table, range(2), str, lambda _: ["shop"] * len(table.columns))
        assert table.cursor_row == 1
        await pilot.press("enter", "w")
        await pilot.pause()
        assert program.screen is first


async def test_the_command_that_helps_is_copied() -> None:
    """Of the walk, the one nearest to the cause; whoever has none to copy is told so."""
    async with _browsing() as (program, pilot, _):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await pilot.press("slash", *"shop", "enter", "enter")
        await _until(pilot, lambda: "shop-web-1" in [each[0] for each in _rows(program)])
        await pilot.press("w")
        await _until(pilot, lambda: "→ kubectl" in _drawn(program, "answer"))
        await pilot.press("y")
        await _until(pilot, lambda: program.clipboard.startswith("kubectl "))
        assert program.clipboard in _drawn(program, "answer").replace("\n", " ")


async def test_nothing_is_written() -> None:
    """Every key of every screen leaves the cluster as it was."""
    async with _browsing() as (program, pilot, universe):
        await _until(pilot, lambda: len(_rows(program)) == 2)
        await universe.process.kill()
        before = _versions(universe)
        for key in ("down", "enter", "w", "y", "r", "escape", "a", "escape", "o", "w", "escape"):
            await pilot.press(key)
            await pilot.pause()
        assert _versions(universe) == before


async def test_a_page_that_is_being_closed_is_left_alone() -> None:
    """News that come as its parts are gone and it is not end nothing."""
    async with _browsing() as (program, _, _):
        shown = program.screen
        await shown.query("*").remove()
        program._shown = (-1, 0.0)
        program.glance()
        assert program.screen is shown
        assert program.return_code in (0, None)
