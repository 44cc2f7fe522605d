"""An assistant asks over the protocol, and hears what the command line would say."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client

from controller.api.resources import Resource
from controller.assistant import server, shortening
from controller.presentation import answers, documents, references
from controller.presentation.problems import Refusal
from fakes.api_server.kubelet import Kubelet
from fakes.universe import Universe, application, component, operation
from tests.dashboard import stage
from tests.dashboard.built import BROKEN, GOOD, building
from tests.dashboard.test_attacks import hostile

SECRET = "hunter2Hunter2"  # noqa: S105 - must not be found again


# Of an answer, the fields in which no age stands.
SAID = ("object", "ready", "reason", "message", "remedy", "command")


class Listening:
    """The API server, which remembers what is asked of it."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name in {"create", "patch", "replace", "apply", "delete", "exec"}:

            async def write(*given: Any, **options: Any) -> Any:
                if not options.get("dry_run"):
                    self.written.append(name)
                return await getattr(self._api, name)(*given, **options)

            return write
        return getattr(self._api, name)


async def _fill(universe: Universe) -> None:
    await universe.apply(application("shop", component("web", 3), component("db", 2)))
    await universe.apply(application("bank", component("api", 250)))
    await universe.apply(application("mill", component("wheel", 1)))
    await universe.apply(operation("again", "mill", "Restart"))
    await universe.until(lambda: stage.is_ready(universe, "bank"))
    ill = Resource.SERVERS, "shop-web-1"
    await universe.until(lambda: universe.condition(*ill).get("reason") == "ImagePullBackOff")
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "False"
    )


@contextlib.asynccontextmanager
async def _asked() -> AsyncIterator[tuple[Client, Universe, Listening]]:
    async with Universe(kubelet=Kubelet(stage.behave)) as universe:
        await _fill(universe)
        api = stage.cluster(universe)
        listening = Listening(api)
        made: Any = listening
        told = server.made(made, "default", "1.2.3", clock=api.now)
        async with Client(told) as client:
            yield client, universe, listening


async def _ask(client: Client, tool: str, **given: Any) -> Any:
    found = await client.call_tool(tool, given)
    (said,) = found.content
    text: str = said.text  # type: ignore[union-attr]  # every answer is text
    assert not found.is_error, text
    return json.loads(text)


async def _refused(client: Client, tool: str, **given: Any) -> str:
    found = await client.call_tool(tool, given)
    assert found.is_error
    (said,) = found.content
    return str(said.text)  # type: ignore[union-attr]  # every answer is text


async def test_every_tool_says_what_it_does_and_that_it_only_reads() -> None:
    """Each has a description, describes its parameters, and says that it changes nothing."""
    async with _asked() as (client, _, _):
        found = (await client.list_tools()).tools
        assert len(found) == 13
        for each in found:
            assert each.description, each.name
            assert each.annotations is not None
            assert each.annotations.read_only_hint, each.name
            for name, schema in each.input_schema.get("properties", {}).items():
                assert schema.get("description"), (each.name, name)


async def test_applications_in_trouble_are_told_first() -> None:
    """A list names each, whether it is Ready and why; those that need a look lead."""
    async with _asked() as (client, _, _):
        found = await _ask(client, "list_applications")
        names = [each["name"] for each in found["items"]]
        assert (found["total"], names[-1]) == (3, "bank")
        told = {each["name"]: each["ready"] for each in found["items"]}
        assert (told["shop"], told["bank"]) == ("False", "True")


async def test_servers_that_are_well_are_counted_and_not_listed() -> None:
    """250 servers take as little room as three; one that is ill is named."""
    async with _asked() as (client, _, _):
        bank = await _ask(client, "show_application", application="bank")
        (api,) = bank["components"]
        assert (api["servers"], sum(api["states"].values())) == ([], 250)
        shop = await _ask(client, "show_application", application="shop")
        (web,) = (each for each in shop["components"] if each["name"] == "web")
        assert "shop-web-1" in [each["name"] for each in web["servers"]]


async def test_why_says_what_the_command_says() -> None:
    """The answer is the one that `why -o json` prints, down to the cause."""
    async with _asked() as (client, universe, listening):
        told = await _ask(client, "why", kind="application", name="shop")
        meant = references.parse(["application/shop"])
        api: Any = listening
        same = await answers.read(api, meant, "default", universe.server.now())
        expected = json.loads(documents.document(same, "json"))
        assert {key: told[key] for key in SAID} == {key: expected[key] for key in SAID}
        assert "shop-web-1" in json.dumps(told["below"])


async def test_all_questions_are_answered_and_nothing_is_written() -> None:
    """Each tool answers; what reaches the API server is reads, and dry runs for a preview."""
    manifest = json.dumps(application("shop", component("web", 5)))
    async with _asked() as (client, _, listening):
        for tool, given in (
            ("list_revisions", {"application": "mill"}),
            ("compare_revisions", {"application": "mill"}),
            ("list_events", {"application": "mill"}),
            ("list_events", {}),
            ("show_operation", {"name": "again"}),
            ("list_operations", {"application": "mill"}),
            ("list_fleets", {}),
            ("last_lines", {"servers": ["mill-wheel-0"]}),
            ("preview", {"manifest": manifest}),
        ):
            assert await _ask(client, tool, **given) is not None, tool
        assert listening.written == []


async def test_the_line_of_a_build_that_failed_is_told() -> None:
    """In the list, which commit it was; of the Build, its phase and what the compiler said."""
    async with Universe(kubelet=Kubelet(stage.behave)) as universe:
        await building(universe)
        made: Any = Listening(stage.cluster(universe))
        async with Client(server.made(made, "default", "1.2.3", clock=universe.server.now)) as asks:
            listed = await _ask(asks, "list_builds", application="yard")
            told = [(each["name"], each["commit"], each["reason"]) for each in listed["items"]]
            assert told == [("yard-web-b2", BROKEN, "Failed"), ("yard-web-b1", GOOD, "Completed")]
            found = await _ask(asks, "show_build", name="yard-web-b2")
            phases = {each["name"]: each["message"] for each in found["build"]["phases"]}
            assert any("main.c:3: error" in said for said in phases.values())
            assert {each["container"] for each in found["printed"]}
            why = await _ask(asks, "why", kind="build", name="yard-web-b2")
            assert "main.c:3: error" in json.dumps(why)
            assert "none" in await _refused(asks, "show_build", name="none")
        assert made.written == []


async def test_refusals_are_told_in_their_own_words() -> None:
    """Something that is not there, a kind of no sense, a pod of somebody else, no manifest."""
    async with _asked() as (client, _, _):
        assert "does not exist" in await _refused(client, "show_application", application="none")
        assert "node" in await _refused(client, "why", kind="node", name="a")
        assert "none" in await _refused(client, "last_lines", servers=["none"])
        await _refused(client, "last_lines", servers=[f"bank-api-{each}" for each in range(6)])
        assert await _refused(client, "preview", manifest="[")


async def test_no_field_that_others_wrote_steers_a_terminal_in_any_answer() -> None:
    """Every tool tells the hostile texts of every kind, as text, with their controls shown."""
    async with Universe(kubelet=Kubelet(stage.behave)) as universe:
        await hostile(universe)
        api: Any = Listening(stage.cluster(universe))
        told = server.made(api, "default", "1.2.3", clock=universe.server.now)
        said: dict[str, str] = {}
        async with Client(told) as client:
            for tool, given in (
                ("list_applications", {}),
                ("show_application", {"application": "shop"}),
                ("why", {"kind": "server", "name": "shop-web-0"}),
                ("list_revisions", {"application": "shop"}),
                ("compare_revisions", {"application": "shop"}),
                ("list_events", {"application": "shop"}),
                ("last_lines", {"servers": ["shop-web-0"]}),
                ("show_operation", {"name": "again"}),
                ("list_operations", {"application": "shop"}),
                ("list_fleets", {}),
                ("list_builds", {"application": "shop"}),
                ("show_build", {"name": "b1"}),
            ):
                (found,) = (await client.call_tool(tool, given)).content
                said[tool] = found.text  # type: ignore[union-attr]  # every answer is text
    for tool, text in said.items():
        assert not {"\u202e", "\x1b"} & set(text), tool
    told_as_text = [tool for tool, text in said.items() if "gnp.exe" in text]
    assert {"list_applications", "why", "list_events", "list_fleets", "show_build"} <= {
        *told_as_text
    }
    assert api.written == []


def test_an_answer_holds_no_credential_and_no_character_that_steers() -> None:
    """Somebody's message with a token in it, and one that turns text around, is told without."""
    said = shortening.text({"message": f"GET http://x?token={SECRET} \u202etxt.exe \x1b[2J"})
    assert SECRET not in said
    assert not {"\u202e", "\x1b"} & set(said)
    assert json.loads(said)["message"].endswith("\u202etxt.exe \x1b[2J")


def test_an_answer_that_nobody_could_read_is_refused_with_what_to_ask() -> None:
    """Instead of half a document, the refusal says how long it is and what is shorter."""
    with pytest.raises(Refusal, match=r"characters.*one server"):
        shortening.text({"message": "x" * shortening.MOST_CHARACTERS})


def test_a_list_says_how_long_it_is() -> None:
    """Of a thousand, a hundred are listed and a thousand are counted."""
    found = shortening.first(range(1000))
    assert (found.total, found.listed, len(found.items)) == (1000, 100, 100)
