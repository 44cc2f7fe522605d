"""What is followed is drawn piece by piece, and is the same as what is read anew."""

from __future__ import annotations

import random
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.presentation import applications
from controller.presentation.applications import Chosen
from fakes.universe import Universe, application, component

ROUNDS, STEPS = 12, 8


def server(owner: str, part: str, number: int) -> dict[str, Any]:
    """Return a server that a person made."""
    labels = {"argosy.dev/application": owner, "argosy.dev/component": part}
    meta = {"name": f"{owner}-{part}-{number}", "namespace": "default", "labels": labels}
    spec = {"application": owner, "component": part, "ordinal": number, "revision": "r"}
    body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Server"}
    return {**body, "metadata": meta, "spec": spec}


async def change(universe: Universe, dice: random.Random) -> None:
    """Create, change or delete one server of two applications, or an application."""
    owner, part = dice.choice(["shop", "bank"]), dice.choice(["web", "db"])
    body = server(owner, part, dice.randrange(5))
    key = "default", body["metadata"]["name"]
    if dice.random() < 0.1:
        if ("default", owner) in universe.server.objects[Resource.APPLICATIONS]:
            await universe.delete(Resource.APPLICATIONS, owner)
        else:
            await universe.apply(application(owner, component("web", 2), component("db", 2)))
    elif key not in universe.server.objects.get(Resource.SERVERS, {}):
        universe.server.registry.create(Resource.SERVERS, "default", body)
    elif dice.random() < 0.5:
        await universe.merge(Resource.SERVERS, key[1], {"spec": {"held": dice.random() < 0.5}})
    else:
        await universe.delete(Resource.SERVERS, key[1])


@pytest.mark.parametrize("seed", range(4))
async def test_pictures_that_are_followed_are_those_that_are_read(seed: int) -> None:
    """After any changes: servers that came, changed, went and came back."""
    dice = random.Random(seed)
    chosen = Chosen(namespace="default")
    async with Universe() as universe:
        await universe.process.kill()
        for owner in ("shop", "bank"):
            await universe.apply(application(owner, component("web", 2), component("db", 2)))
        async with applications.follow(universe.server, chosen) as followed:
            for _ in range(ROUNDS):
                for _ in range(dice.randrange(STEPS)):
                    await change(universe, dice)
                now = universe.server.now()
                read = await applications.read(universe.server, chosen, now)
                await universe.until(
                    lambda read=read, now=now: followed.pictures(now) == read  # type: ignore[misc]  # mypy infers no default of a lambda
                )
                for each in read:
                    assert followed.one("default", each.name, now) == each


async def test_what_is_gone_is_kept_no_longer() -> None:
    """Neither pictures nor names of servers stay of applications that came and went."""
    async with Universe() as universe:
        await universe.process.kill()
        async with applications.follow(universe.server, Chosen(namespace="")) as followed:
            for number in range(3):
                name = f"app-{number}"
                await universe.apply(application(name, component("web", 2)))
                body = server(name, "web", 0)
                universe.server.registry.create(Resource.SERVERS, "default", body)
                await universe.until(lambda name=name: bool(_shown(followed, name)))  # type: ignore[misc]  # as above
                await universe.delete(Resource.SERVERS, f"{name}-web-0")
                await universe.delete(Resource.APPLICATIONS, name)
            await universe.until(lambda: not followed.keys())
            assert not followed._drawn
            assert not followed._undrawn


def _shown(followed: applications.Followed, name: str) -> bool:
    found = followed.one("default", name, 0.0)
    return found is not None and any(each.servers for each in found.components)
