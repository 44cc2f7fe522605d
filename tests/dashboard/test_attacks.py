"""Whoever may write something, or sits on another page or in another namespace, gains nothing."""

from __future__ import annotations

import asyncio
import html
import html.parser
import json
import re
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import yaml

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.dashboard.pages import Pages
from controller.kube import faults
from controller.presentation import forecast, manifests
from fakes.api_server.storage import Cause
from fakes.universe import Universe, application, component, operation
from tests.dashboard.stage import HOSTILE
from tests.dashboard.visitor import Visitor, visited

PAGES = (
    "/",
    "/applications/default/shop",
    "/applications/default/shop/revisions",
    "/applications/default/shop/timeline",
    "/applications/default/shop/events",
    "/applications/default/shop/logs?server=shop-web-0",
    "/operations/default/again",
    "/builds/default/b1",
    "/why/default/application/shop",
    "/why/default/server/shop-web-0",
    "/why/default/operation/again",
    "/fleets",
    "/preview?application=default/shop",
    "/acts/pause/default/application/shop",
    "/acts/restart/default/application/shop",
    "/acts/delete/default/application/shop",
    "/acts/hold/default/server/shop-web-0",
    "/acts/cancel/default/operation/again",
)
# What names things and dates them is held to a pattern by the API server; all else may be anything.
KEPT = frozenset({
    "apiVersion", "kind", "name", "namespace", "uid", "resourceVersion", "creationTimestamp",
    "application", "component", "components", "status", "type", "lastTransitionTime", "action",
    "requestTime", "completionTime", "startTime", "endTime", "time", "lastProgressTime", "since",
    "eventTime",
    "ownerReferences", "regarding", "power", "fleet", "provider", "path",
    "maxUnavailable", "maxSurge", "concurrency", "failureBudget",
})  # fmt: skip
WITH_TEXTS_OF_OTHERS = (
    Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.OPERATIONS,
    Resource.FLEETS, Resource.REVISIONS, Resource.EVENTS, Resource.BUILDS,
)  # fmt: skip


async def hostile(universe: Universe) -> None:
    """Write what does harm into every field that is not held to a pattern."""
    server = universe.server
    await universe.apply(application("shop", component("web", 2)))
    await universe.until(lambda: len(universe.names(Resource.PODS)) == 2)
    await universe.apply(
        operation("again", "shop", "Steps", steps=[{"name": "one", "exec": {"command": ["x"]}}])
    )
    await universe.process.kill()
    regarding = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Application", "name": "shop"}
    event = {"metadata": {"name": "e", "namespace": "default"}, "regarding": regarding,
             "reason": "x", "note": "x", "type": "Warning"}  # fmt: skip
    server.registry.create(Resource.EVENTS, "default", event)
    domains = [{"name": "north", "state": "x"}]
    spec = {"provider": "pods", "failureDomains": domains}
    fleet = {"metadata": {"name": "cloud"}, "spec": spec}
    server.registry.create(Resource.FLEETS, "", fleet)
    build = {"metadata": {"name": "b1", "namespace": "default"}, "spec": {
        "application": "shop", "component": "web", "number": 1,
        "source": {"git": {"url": "https://git.example.com/x"}, "image": "registry.example.com/x"},
    }}  # fmt: skip
    server.registry.create(Resource.BUILDS, "default", build)
    told: dict[str, Any] = {
        "Application": {"operations": [{
            "name": "old", "action": "x", "requestedBy": "x", "result": "x", "progress": "x",
            "requestTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z"}]},
        "Operation": {
            "failures": [{"server": "x", "step": "x", "class": "x", "message": "x"}],
            "retries": [{"id": "x", "from": "x"}], "progress": "x"},
        "Server": {"provider": {"zone": "x", "addresses": ["x"], "id": "x"}},
        "Build": {"commit": "x", "image": "x", "phases": [{
            "name": "x", "startTime": "2026-01-01T00:00:00Z", "attempts": 1, "lastError": {
                "class": "x", "reason": "x", "message": "x", "time": "2026-01-01T00:00:00Z"}}]},
        "Fleet": {"circuit": "x", "nextTrialTime": "x", "orphans": [
            {"id": "x", "server": "x", "namespace": "x", "reason": "x"}]},
    }  # fmt: skip
    wait = {"object": "Pod/x", "reason": "x", "message": "x", "remedy": "x"}
    for resource in WITH_TEXTS_OF_OTHERS:
        for key, body in list(server.objects.get(resource, {}).items()):
            status = {**body.get("status", {}), **told.get(body["kind"], {}), "blockedBy": [wait]}
            status["conditions"] = [
                {"type": kind, "status": "False", "reason": "x", "message": "x",
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}
                for kind in ("Ready", "Succeeded")
            ]  # fmt: skip
            meta = {**body["metadata"], "annotations": {"note": "x", HOSTILE: "x"}}
            written = poisoned({**body, "metadata": meta, "status": status})
            server.storage.commit(resource, key, written, Cause(verb="update", actor="mallory"))

    async def logs(*_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        yield HOSTILE.encode()
        yield b"\xff\xfe" + HOSTILE.encode()

    server.logs = logs  # type: ignore[method-assign]  # a stand-in


def poisoned(value: Any, key: str = "") -> Any:
    """Return a document in which every text that is not held to a pattern is hostile."""
    if (key in KEPT and isinstance(value, str)) or key == "ownerReferences":
        return value
    if isinstance(value, dict):
        keep = {each for each in value if each.startswith("argosy.dev/")}
        return {
            name: each if name in keep else poisoned(each, name) for name, each in value.items()
        }
    if isinstance(value, list):
        return [poisoned(each, key) for each in value]
    return HOSTILE if isinstance(value, str) else value


class Ids(html.parser.HTMLParser):
    """The ids of a page, and which of them are parts that a script puts anew."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an id."""
        del tag
        self.found += [str(value) for key, value in attrs if key == "id"]


class Harm(html.parser.HTMLParser):
    """What a browser would do beyond showing text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what runs, loads from elsewhere, or styles itself."""
        said = dict(attrs)
        runs = [key for key in said if key.startswith("on") or key == "style"]
        leads = str(said.get("src") or said.get("href") or said.get("action") or "/")
        if tag in ("img", "iframe", "object", "base") or runs:
            self.found.append(f"{tag} {said}")
        if tag in ("meta", "link") and (said.get("http-equiv") or said.get("rel") == "preconnect"):
            self.found.append(f"{tag} {said}")
        if tag == "script" and not str(said.get("src", "")).startswith("/static/"):
            self.found.append(f"{tag} {said}")
        if not leads.startswith(("/", "#", "?")) or leads.startswith("//"):
            self.found.append(f"{tag} {said}")


def harm(text: str) -> list[str]:
    """Return what of a page a browser would take for more than text."""
    parser = Harm()
    parser.feed(text)
    return parser.found + [sign for sign in ("\u202e", "\x1b") if sign in text]


@pytest.mark.parametrize("bad", [HOSTILE, "<p onclick=x>", "<a href='javascript:x'>", "\u202e",
                                 "<form action=//evil.example.com>", "<b style=x>",
                                 "<meta http-equiv=refresh content=0>"])  # fmt: skip
def test_harm_would_be_found(bad: str) -> None:
    """The search below sees each way in which a text is more than that, and no other page."""
    assert harm(f"<p>{bad}</p>")
    assert not harm(f'<p title="{html.escape("<b onclick=x>")}"><a href="/x">x</a></p>')


async def test_no_field_of_any_object_is_more_than_text() -> None:
    """Every text that somebody else can write is hostile, and every page shows it as it is."""
    async with visited(hostile, writes=True) as (visitor, _):
        for path in PAGES:
            _, text, _ = await visitor.get(path)
            assert harm(text) == [], path
            if not path.startswith("/acts/"):
                # Else nothing is proved: what is not shown does no harm.
                assert "&lt;script&gt;document.title" in text, path


# What is on the pages beside components and applications.
FIXED = ("head", "acts", "operations", "waits", "components", "behind", "list", "main", "said")


async def squatters(universe: Universe) -> None:
    """Name components as the parts of a page are called, and applications alike in two places."""
    await universe.apply(application("shop", *(component(each, 1) for each in FIXED)))
    await universe.apply(application("public-shop", component("web", 1)))
    other = application("shop", component("web", 1))
    other["metadata"]["namespace"] = "default-public"
    universe.server.registry.create(
        Resource.NAMESPACES, "", {"metadata": {"name": "default-public"}}
    )
    await universe.apply(other)
    await universe.apply(operation("again", "shop", "Restart"))


async def test_no_name_takes_the_place_of_another_part_of_the_page() -> None:
    """A component called head is not shown where an application's own verdict stands."""
    async with visited(squatters, writes=True) as (visitor, _):
        for path in ("/", "/applications/default/shop", "/operations/default/again"):
            status, text, _ = await visitor.get(path)
            parser = Ids()
            parser.feed(text)
            assert status == 200
            assert len(parser.found) > 5
            assert sorted(set(parser.found)) == sorted(parser.found), path


PATIENCE_SECONDS = 180.0
SHOP = yaml.safe_dump(application("shop", component("web", 5)))


@pytest.mark.parametrize("slow", [(forecast, "forecast"), (manifests, "read")])
async def test_whoever_asks_for_a_long_preview_waits_alone(
    slow: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand servers, one after the other, keep nobody else's page waiting."""
    plain, begun, seen = getattr(*slow), threading.Event(), threading.Event()
    told: list[bool] = []

    def thinks(*given: Any) -> Any:
        begun.set()
        told.append(seen.wait(PATIENCE_SECONDS))
        return plain(*given)

    monkeypatch.setattr(*slow, thinks)
    async with visited() as (visitor, _):
        asked = asyncio.create_task(visitor.post("/preview", {}, manifest=SHOP))
        assert await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
        assert (await visitor.get("/"))[0] == 200
        seen.set()
        status, text = await asked
        assert (status, "5 to create" in text or "2 to create" in text, told) == (200, True, [True])


async def test_no_diff_makes_a_page_heavy() -> None:
    """However long somebody's manifest is, and however long its lines are."""
    long = application("shop", component("web", 3))
    given = {f"k{number}": "x" * 10 for number in range(5000)} | {"long": "y" * 100_000}
    long["metadata"]["annotations"] = {}
    long["spec"]["components"][0]["template"]["metadata"] = {"annotations": given}
    async with visited() as (visitor, _):
        status, text = await visitor.post("/preview", {}, manifest=yaml.safe_dump(long))
        shown = text[text.index("</textarea>") :]
        assert (status, "more lines are not shown" in shown) == (200, True)
        assert len(shown) < 200 * 1024


async def test_no_part_of_an_address_is_more_than_text() -> None:
    """What a link says that somebody sends is shown as text, or not at all."""
    sent = "%3Cscript%3Edocument.title=1%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E"
    async with visited(writes=True) as (visitor, _):
        mine = "/applications/default/shop"
        for path in (
            f"/?q={sent}&namespace={sent}&state={sent}&label={sent}",
            f"{mine}?state={sent}&zone={sent}&page={sent}",
            f"{mine}?component={sent}", f"{mine}?did={sent}", f"{mine}/revisions?compare={sent}",
            f"{mine}/logs?server={sent}", f"/applications/{sent}/{sent}", f"/operations/x/{sent}",
            f"/why/default/{sent}/x", f"/why/{sent}/server/{sent}", f"/preview?application={sent}",
            f"/acts/{sent}/default/application/shop", f"/acts/pause/{sent}/application/{sent}",
            f"/acts/scale/default/application/shop?component={sent}&replicas={sent}",
            f"/acts/restart/default/application/shop?servers={sent}&concurrency={sent}",
            f"/acts/rollback/default/application/shop?to={sent}", f"/static/{sent}", f"/{sent}",
        ):  # fmt: skip
            _, text, _ = await visitor.get(path)
            assert harm(text) == [], path
        status, text = await visitor.post("/preview", {}, manifest=HOSTILE)
        assert (status, harm(text)) == (400, [])


async def test_no_secret_of_the_site_is_logged_or_leaves_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token, session and form token: not in the terminal, not in an address, not to other sites."""
    async with visited(writes=True) as (visitor, _):
        gate = visitor.running.gate
        (cookie,) = visitor.client.cookie_jar
        secrets = (gate.token, cookie.value, gate.form_token())

        def crash(*_: object) -> None:
            raise RuntimeError("a fault of the page")

        await visitor.get(f"/?token={gate.token}")
        monkeypatch.setattr(Pages, "applications", crash)
        for path in ("/", f"/?token={gate.token}", "/applications/default/shop", "/nope"):
            _, text, headers = await visitor.get(path)
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cache-Control"] == "no-store"
            assert not any(each in str(headers) for each in secrets)
            assert not any(each in text for each in secrets[:2] if each not in path)
        _, text, _ = await visitor.get("/acts/pause/default/application/shop")
        addresses = re.findall(r'(?:href|action|src)="([^"]*)"', text)
        assert len(addresses) > 5
        assert not any(secret in each for each in addresses for secret in secrets)
    printed = capsys.readouterr()
    assert not any(each in printed.out + printed.err for each in secrets)


OTHER = "kube-public"


async def two_tenants(universe: Universe) -> None:
    """Make a shop of ours, and a vault of somebody else's that we may not see."""
    await universe.apply(application("shop", component("web", 1)))
    vault = application("vault", component("gold", 7))
    vault["metadata"]["namespace"] = OTHER
    await universe.apply(vault)
    await universe.until(lambda: len(universe.names(Resource.PODS)) == 8)
    await universe.process.kill()
    for verb in ("get", "list", "patch", "create", "delete"):
        plain = getattr(universe.server, verb)

        async def kept(resource: Resource, namespace: str = "", *given: Any,
                       _plain: Any = plain, **more: Any) -> bytes:  # fmt: skip
            if namespace != "default":
                raise faults.Forbidden(f"no {resource} for you here", reason=Reason.FORBIDDEN)
            answer: bytes = await _plain(resource, namespace, *given, **more)
            return answer

        setattr(universe.server, verb, kept)


async def test_nothing_of_another_tenant_is_told() -> None:
    """Neither names nor counts, and no difference between what is there and what is not."""
    async with visited(two_tenants, writes=True, namespace="default") as (visitor, _):
        for path in PAGES[:6]:
            _, text, _ = await visitor.get(path)
            for secret in ("vault", "gold", OTHER):
                assert secret not in text, path
        assert "1 of 1 application." in (await visitor.get("/"))[1]
        for path in (
            f"/applications/{OTHER}/NAME", f"/applications/{OTHER}/NAME/timeline",
            f"/applications/{OTHER}/NAME/logs", f"/operations/{OTHER}/NAME",
            f"/why/{OTHER}/application/NAME", f"/why/{OTHER}/server/NAME-gold-0",
            f"/acts/pause/{OTHER}/application/NAME", f"/preview?application={OTHER}/NAME",
        ):  # fmt: skip
            there = await _answer(visitor, path, "vault")
            absent = await _answer(visitor, path, "empty")
            assert there == absent, path
            assert there[0] in (403, 404)


async def _answer(visitor: Visitor, path: str, name: str) -> tuple[int, str]:
    status, text, _ = await visitor.get(path.replace("NAME", name))
    return status, json.dumps(text).replace(name, "NAME")
