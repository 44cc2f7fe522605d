"""A hold has an owner, a reason and an end; at its end rollouts go on by themselves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from controller.api import clock, objects
from controller.api.resources import Resource
from controller.presentation import pictures, requests
from fakes.api_server import Faults
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

HELD = "shop-web-1"


def shop(image: str = "app:1", **spec: Any) -> Json:
    """Return an application of two servers."""
    rollout = {"inPlace": "Never", "maxUnavailable": 1}
    return application("shop", component("web", 2, image=image, rollout=rollout), **spec)


def image_of(universe: Universe, pod: str) -> str:
    """Return the image of a pod; empty where there is none."""
    found = universe.server.objects[Resource.PODS].get(("default", pod))
    return str(found["spec"]["containers"][0]["image"]) if found else ""


async def hold(universe: Universe, seconds: float | None) -> None:
    """Have anna hold a server of an application that is up, and bring another image."""
    await universe.apply(shop())
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
    )
    until = universe.server.now() + seconds if seconds else None
    body = {"spec": requests.hold("anna", "core dump", until)}
    await universe.merge(Resource.SERVERS, HELD, body)
    await universe.settle()
    await universe.apply(shop("app:2"))
    await universe.until(lambda: image_of(universe, "shop-web-0") == "app:2")


async def test_a_hold_ends_by_itself_and_the_rollout_goes_on() -> None:
    """Until then the server is left alone; then it is released, which an Event tells, and rolls."""
    async with Universe(faults=Faults()) as universe:
        await hold(universe, 600)
        await asyncio.sleep(400)
        assert image_of(universe, HELD) == "app:1"
        await universe.until(lambda: image_of(universe, HELD) == "app:2", patience=300)
        spec = universe.get(Resource.SERVERS, HELD)["spec"]
        assert (spec.get("held", False), spec.get("hold")) == (False, None)
        events = universe.server.objects[Resource.EVENTS].values()
        (told,) = [each for each in events if each["reason"] == "HoldEnded"]
        assert "anna" in told["note"]
        assert "core dump" in told["note"]
        assert "has ended: releasing the server" in told["note"]
        await universe.settle()


@pytest.mark.parametrize("until", [None, "2026-02-30T25:00:00Z"], ids=["none", "nonsense"])
async def test_a_hold_without_an_end_lasts_until_it_is_released(until: str | None) -> None:
    """No end, or none that a calendar has: a person has to release it; nothing is written."""
    async with Universe(faults=Faults()) as universe:
        await hold(universe, None)
        await universe.merge(Resource.SERVERS, HELD, {"spec": {"hold": {"until": until}}})
        await universe.settle()
        written = len(universe.server.writes)
        await asyncio.sleep(100_000)
        assert image_of(universe, HELD) == "app:1"
        assert len(universe.server.writes) == written
        await universe.merge(Resource.SERVERS, HELD, {"spec": requests.RELEASE})
        await universe.until(lambda: image_of(universe, HELD) == "app:2")


async def test_a_hold_can_be_prolonged() -> None:
    """The later end counts."""
    async with Universe(faults=Faults()) as universe:
        await hold(universe, 600)
        later = {"hold": {"until": clock.stamp(universe.server.now() + 5000)}}
        await universe.merge(Resource.SERVERS, HELD, {"spec": later})
        await asyncio.sleep(4000)
        assert image_of(universe, HELD) == "app:1"
        await universe.until(lambda: image_of(universe, HELD) == "app:2", patience=1500)


async def test_a_paused_application_keeps_its_holds() -> None:
    """Nothing is changed while it is paused; then the hold that is over ends."""
    async with Universe(faults=Faults()) as universe:
        await hold(universe, 600)
        await universe.apply(shop("app:2", paused=True))
        await universe.settle()
        await asyncio.sleep(4000)
        assert universe.get(Resource.SERVERS, HELD)["spec"]["held"] is True
        await universe.apply(shop("app:2", paused=False))
        await universe.until(lambda: image_of(universe, HELD) == "app:2")


async def test_who_holds_a_server_is_shown() -> None:
    """With the reason and the end, where a person looks at the application."""
    async with Universe(faults=Faults()) as universe:
        await hold(universe, 600)
        body = json.dumps(universe.get(Resource.SERVERS, HELD))
        told = pictures.server(msgspec.json.decode(body, type=objects.Server)).hold
        assert told.startswith(" by anna until 2")
        assert told.endswith("Z: core dump")
