"""Acts from the pages: first what would come of them, then the write, by whoever may."""

from __future__ import annotations

import re
from typing import Any

import pytest

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.dashboard import rights
from controller.kube import api as kube
from controller.kube import faults
from fakes.api_server.storage import Write
from fakes.universe import OURS, Universe, application, component, operation
from tests.dashboard.visitor import Visitor, visited

ADDRESS = re.compile(r'href="(/acts/[^"]+)"')
HIDDEN = re.compile(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">')


async def quiet(universe: Universe) -> None:
    """Make a shop that works and an operation that failed, and let nobody work on them."""
    await universe.apply(application("shop", component("web", 3)))
    await universe.until(lambda: len(universe.names(Resource.PODS)) == 3)
    steps = [{"name": "drain", "exec": {"command": ["a"]}},
             {"name": "migrate", "exec": {"command": ["b"]}}]  # fmt: skip
    await universe.apply(operation("upgrade", "shop", "Steps", steps=steps))
    await universe.process.kill()
    done = {"type": "Succeeded", "status": "False", "reason": "Failed", "message": "web-1 failed"}
    stamp = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
    failure = {"server": "shop-web-1", "step": "migrate", "class": "Failed", "message": "exit 3"}
    status = {
        "conditions": [{**done, **stamp}], "completionTime": "2026-01-01T00:00:00Z", "run": "1",
        "total": 3, "succeeded": 2, "failed": 1, "failures": [failure], "observedGeneration": 1,
    }  # fmt: skip
    await universe.merge(Resource.OPERATIONS, "upgrade", {"status": status}, subresource="status")


def asked_of(universe: Universe) -> list[Write]:
    """Return the writes to what is ours: kubelets go on writing pods."""
    return [each for each in universe.server.writes if each.resource in OURS]


def refuse(universe: Universe, *refused: str) -> None:
    """Let the API server say that the person may not do these: `verb resource`."""

    async def review(verb: str, resource: Resource, namespace: str = "", **_: Any) -> kube.Access:
        said = f"{verb} {resource}" in refused
        return kube.Access(allowed=not said, reason=f"no role of yours in {namespace} says so")

    universe.server.review_access = review  # type: ignore[method-assign]  # a stand-in


async def confirm(visitor: Visitor, address: str) -> tuple[int, str]:
    """Look at what an act would do, and confirm it as the page's form does."""
    status, text, _ = await visitor.get(address)
    assert (status, "Consequences</h2>" in text) == (200, True), text
    return await visitor.post(address.partition("?")[0], {}, **dict(HIDDEN.findall(text)))


ACTS: tuple[tuple[str, str, Resource, str, dict[str, Any]], ...] = (
    ("/acts/pause/default/application/shop", "+paused: true",
     Resource.APPLICATIONS, "shop", {"paused": True}),
    ("/acts/hold/default/server/shop-web-1", "+held: true",
     Resource.SERVERS, "shop-web-1", {"held": True}),
    ("/acts/retry/default/operation/upgrade?from=migrate", "from: migrate",
     Resource.OPERATIONS, "upgrade", {"retry": {"from": "migrate", "id": "2"}}),
)  # fmt: skip


@pytest.mark.parametrize(("address", "shown", "resource", "name", "spec"), ACTS)
async def test_an_act_is_shown_before_it_is_done(
    address: str, shown: str, resource: Resource, name: str, spec: dict[str, Any]
) -> None:
    """Looking writes nothing; confirming writes what was shown, under a name of ours."""
    async with visited(quiet, writes=True) as (visitor, universe):
        before = len(asked_of(universe))
        status, text, _ = await visitor.get(address)
        assert (status, shown in text) == (200, True), text
        assert len(asked_of(universe)) == before
        assert (await confirm(visitor, address))[0] == 303
        (write,) = asked_of(universe)[before:]
        assert (write.resource, write.name, write.cause.actor) == (resource, name, "kubectl-argosy")
        found = universe.get(resource, name)["spec"]
        assert {key: found[key] for key in spec} == spec


async def test_scaling_tells_which_servers_come_in_the_words_of_plan() -> None:
    """The forecast is the planners' own, and a number that is none is refused with a reason."""
    async with visited(quiet, writes=True) as (visitor, universe):
        address = "/acts/scale/default/application/shop?component=web&replicas="
        _, text, _ = await visitor.get(address + "5")
        assert "Servers: 2 to create, 0 to replace, 0 to change in place, 0 to delete." in text
        assert "web: create shop-web-3, shop-web-4" in text
        for wrong in ("-1", "many", "1e9", "99999999999", "0" * 5000, "²"):
            status, text, _ = await visitor.get(address + wrong)
            assert (status, "Consequences</h2>" in text) == (400, False), wrong
        assert (await confirm(visitor, address + "5"))[0] == 303
        (only,) = universe.get(Resource.APPLICATIONS, "shop")["spec"]["components"]
        assert only["replicas"] == 5


async def test_an_operation_is_made_once_however_often_it_is_confirmed() -> None:
    """Its name was decided when it was shown; the page leads to it, and names its servers first."""
    async with visited(quiet, writes=True) as (visitor, universe):
        address = "/acts/restart/default/application/shop?servers=0-1"
        _, text, _ = await visitor.get(address)
        assert "Servers: 2: shop-web-0, shop-web-1." in text
        sent = dict(HIDDEN.findall(text))
        for _ in range(2):
            assert (await visitor.post(address.partition("?")[0], {}, **sent))[0] == 303
        made = [each for each in universe.names(Resource.OPERATIONS) if each != "upgrade"]
        assert made == [sent["called"]]
        spec = universe.get(Resource.OPERATIONS, made[0])["spec"]
        assert (spec["action"], spec["servers"]) == ("Restart", "0-1")
        status, text, _ = await visitor.get(f"/operations/default/{made[0]}?did=restart")
        assert (status, "Restart: it was asked for." in text) == (200, True)


async def test_a_delete_tells_what_goes_and_deletes_that_very_application() -> None:
    """Its servers are named in order; one that has come in its place meanwhile stays."""
    async with visited(quiet, writes=True) as (visitor, universe):
        address = "/acts/delete/default/application/shop"
        _, text, _ = await visitor.get(address)
        assert "web: delete shop-web-0, shop-web-1, shop-web-2" in text
        assert "deletionTimestamp" not in universe.get(Resource.APPLICATIONS, "shop")["metadata"]
        sent = dict(HIDDEN.findall(text))
        status, _ = await visitor.post(address, {}, **{**sent, "seen": "another/1"})
        assert status == 409
        assert "deletionTimestamp" not in universe.get(Resource.APPLICATIONS, "shop")["metadata"]
        assert (await visitor.post(address, {}, **sent))[0] == 303
        gone = ("default", "shop") not in universe.server.objects[Resource.APPLICATIONS]
        assert gone or universe.get(Resource.APPLICATIONS, "shop")["metadata"]["deletionTimestamp"]


async def test_what_has_changed_since_it_was_shown_is_shown_again() -> None:
    """Nobody confirms what they have not seen."""
    async with visited(quiet, writes=True) as (visitor, universe):
        address = "/acts/scale/default/application/shop?component=web&replicas=1"
        _, text, _ = await visitor.get(address)
        sent = dict(HIDDEN.findall(text))
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        status, text = await visitor.post(address.partition("?")[0], {}, **sent)
        assert (status, "was changed since you looked" in text) == (409, True)
        (only,) = universe.get(Resource.APPLICATIONS, "shop")["spec"]["components"]
        assert only["replicas"] == 3
        again = dict(HIDDEN.findall(text))
        assert (await visitor.post(address.partition("?")[0], {}, **again))[0] == 303


async def test_without_writes_nothing_is_offered_and_nothing_is_done() -> None:
    """Not even a dry run is asked for, and a form that somebody made is refused."""
    async with visited(quiet) as (visitor, universe):
        before = len(asked_of(universe))
        mine = "/applications/default/shop"
        server, act = "/why/default/server/shop-web-0", "/operations/default/upgrade"
        for page in (mine, mine + "/revisions", server, act):
            status, text, _ = await visitor.get(page)
            assert (status, ADDRESS.findall(text)) == (200, []), page
        for address, *_ in ACTS:
            status, text, _ = await visitor.get(address)
            assert (status, "--writes" in text) == (403, True)
            assert (await visitor.post(address.partition("?")[0], {}, seen="x"))[0] == 403
        assert len(asked_of(universe)) == before


async def test_only_what_the_person_may_do_is_offered_and_why_the_rest_is_not() -> None:
    """A review decides; what is asked by hand all the same is refused before it is sent."""
    async with visited(quiet, writes=True) as (visitor, universe):
        refuse(universe, "patch applications", "delete applications")
        _, text, _ = await visitor.get("/applications/default/shop")
        offered = ADDRESS.findall(text)
        assert "/acts/restart/default/application/shop" in offered
        assert not any(each.startswith(("/acts/pause/", "/acts/delete/")) for each in offered)
        why = "you may not patch applications in namespace default: no role of yours in default"
        assert f"Not offered: Pause, Scale, Try again now; {why}" in text
        before = len(asked_of(universe))
        status, text, _ = await visitor.get("/acts/pause/default/application/shop")
        assert (status, "Consequences</h2>" in text, why in text) == (400, False, True)
        seen = universe.get(Resource.APPLICATIONS, "shop")["metadata"]
        told = f"{seen['uid']}/{seen['generation']}"
        for address in (
            "/acts/pause/default/application/shop",
            "/acts/delete/default/application/shop",
        ):
            assert (await visitor.post(address, {}, seen=told))[0] == 403
        assert len(asked_of(universe)) == before


async def test_reviews_are_remembered_for_a_moment_and_asked_again_before_a_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Open pages cost no reviews; whoever lost a right meanwhile does nothing with it."""
    monkeypatch.setattr(rights, "REMEMBERED_SECONDS", float("inf"))
    async with visited(quiet, writes=True) as (visitor, universe):
        asked: list[str] = []

        async def review(verb: str, resource: Resource, *_: Any, **__: Any) -> kube.Access:
            asked.append(f"{verb} {resource}")
            return kube.Access(allowed=True)

        universe.server.review_access = review  # type: ignore[method-assign]  # a stand-in
        for _ in range(5):
            await visitor.get("/applications/default/shop")
        assert sorted(asked) == [
            "create operations",
            "delete applications",
            "patch applications",
        ]
        _, text, _ = await visitor.get("/acts/pause/default/application/shop")
        refuse(universe, "patch applications")
        sent = dict(HIDDEN.findall(text))
        assert (await visitor.post("/acts/pause/default/application/shop", {}, **sent))[0] == 403
        assert universe.get(Resource.APPLICATIONS, "shop")["spec"]["paused"] is False


async def test_a_page_is_shown_where_rights_cannot_be_asked_for() -> None:
    """What is offered must not take away what is shown."""
    async with visited(quiet, writes=True) as (visitor, universe):

        async def review(*_: Any, **__: Any) -> kube.Access:
            raise faults.Unreachable("no answer", reason=Reason.UNREACHABLE)

        universe.server.review_access = review  # type: ignore[method-assign]  # a stand-in
        status, text, _ = await visitor.get("/operations/default/upgrade")
        assert (status, ADDRESS.findall(text)) == (200, [])
        assert "whether you may patch operations is not known: no answer" in text


async def test_a_form_of_another_site_is_refused_whatever_it_says() -> None:
    """Without the site's own token nothing is done, even from a browser that sends no Origin."""
    async with visited(quiet, writes=True) as (visitor, universe):
        address = "/acts/pause/default/application/shop"
        _, text, _ = await visitor.get(address)
        sent = dict(HIDDEN.findall(text))
        before = len(asked_of(universe))
        for form in ("", "guess", visitor.running.gate.token, "ü"):
            assert (await visitor.post(address, {}, **{**sent, "form": form}))[0] == 403, form
        for headers in (
            {"Origin": "null"},
            {"Origin": "https://evil.example.com"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example.com"},
        ):
            assert (await visitor.post(address, headers, **sent))[0] == 403, headers
        status, _ = await visitor.post("/preview", {}, form="", manifest="x")
        assert status == 403
        assert len(asked_of(universe)) == before
        assert (await visitor.post(address, {}, **sent))[0] == 303


async def test_acts_that_make_no_sense_are_not_offered_and_say_so() -> None:
    """What is paused is not paused again; an act or a kind that is not there is not found."""
    async with visited(quiet, writes=True) as (visitor, universe):
        await universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"paused": True}})
        status, text, _ = await visitor.get("/acts/pause/default/application/shop")
        assert (status, "already paused" in text) == (409, True)
        status, text, _ = await visitor.get("/acts/cancel/default/operation/upgrade")
        assert (status, "already ended" in text) == (409, True)
        for address, code in (
            ("/acts/explode/default/application/shop", 404),
            ("/acts/pause/default/application/nope", 404),
            ("/acts/pause/default/secret/shop", 400),
            ("/acts/pause/default/fleet/shop", 400),
            ("/acts/scale/default/application/shop?component=nope&replicas=2", 400),
            ("/acts/retry/default/operation/upgrade?from=nope", 400),
        ):
            assert (await visitor.get(address))[0] == code, address
