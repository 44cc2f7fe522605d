"""What `plan` and `delete` foretell of claims is what then becomes of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.presentation import forecast, inspection
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

GONE = "2026-01-01T00:00:00Z"


def claim(name: str, **policy: str) -> dict[str, Any]:
    """Return a volume claim of a component."""
    return {"name": name, "spec": {"resources": {"requests": {"storage": "1Gi"}}}, **policy}


def claims(universe: Universe) -> set[str]:
    """Return the names of the claims that are there."""
    return set(universe.names(Resource.CLAIMS))


async def foretold(
    universe: Universe, body: dict[str, Any] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which claims are said to go and to stay, if `body` is applied; None: if all goes."""
    now = universe.get(Resource.APPLICATIONS, "shop")
    if body is None:
        wanted = {**now, "metadata": {**now["metadata"], "deletionTimestamp": GONE}}
    else:
        wanted = {**now, "spec": body["spec"]}
    async with inspection.look(universe.server, "default") as look:
        told = forecast.forecast(
            look.sources,
            msgspec.json.decode(json.dumps(wanted), type=objects.Application),
            universe.server.now(),
        )
    return told.claims_deleted, told.claims_kept


async def until_settled(universe: Universe) -> None:
    """Let everything come to rest."""
    await universe.settle()


async def test_a_delete_names_the_claims_that_go_and_those_that_stay() -> None:
    """Each by its name, in the order of ordinals, as they are when the application is gone."""
    parts = claim("data"), claim("cache", whenDeleted="Delete")
    async with Universe() as universe:
        await universe.apply(application("shop", component("db", 11, volumeClaims=list(parts))))
        await until_settled(universe)
        goes, stays = await foretold(universe)
        assert goes == tuple(f"cache-shop-db-{each}" for each in range(11))
        assert stays == tuple(f"data-shop-db-{each}" for each in range(11))
        assert claims(universe) == {*goes, *stays}
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await until_settled(universe)
        assert claims(universe) == set(stays)
        regarded = [
            (each["regarding"]["kind"], each["regarding"]["name"], each["reason"])
            for each in universe.server.objects[Resource.EVENTS].values()
            if each["reason"].startswith("Claims")
        ]
        assert sorted(regarded) == [
            ("Application", "shop", "ClaimsDeleted"),
            ("Application", "shop", "ClaimsKept"),
        ]


async def test_scaling_down_names_the_claims_of_the_servers_that_go() -> None:
    """Those of servers that stay are not mentioned, nor those that were left behind before."""
    parts = [claim("data"), claim("cache", whenScaled="Delete")]
    async with Universe() as universe:
        await universe.apply(application("shop", component("db", 4, volumeClaims=parts)))
        await until_settled(universe)
        await universe.apply(application("shop", component("db", 3, volumeClaims=parts)))
        await until_settled(universe)
        less = application("shop", component("db", 2, volumeClaims=parts))
        assert await foretold(universe, less) == (("cache-shop-db-2",), ("data-shop-db-2",))
        await universe.apply(less)
        await until_settled(universe)
        kept = {f"data-shop-db-{each}" for each in range(4)}
        assert claims(universe) == {*kept, "cache-shop-db-0", "cache-shop-db-1"}


async def test_a_rename_names_the_claims_that_are_left_behind() -> None:
    """Those of the component of old stay, as is foretold, but where both policies let them go."""
    cache = claim("cache", whenScaled="Delete", whenDeleted="Delete")
    parts = [claim("data", whenDeleted="Delete"), cache]
    async with Universe() as universe:
        await universe.apply(application("shop", component("db", 2, volumeClaims=parts)))
        await until_settled(universe)
        renamed = application("shop", component("store", 2, volumeClaims=parts))
        goes, stays = await foretold(universe, renamed)
        assert goes == ("cache-shop-db-0", "cache-shop-db-1")
        assert stays == ("data-shop-db-0", "data-shop-db-1")
        await universe.apply(renamed)
        await until_settled(universe)
        new = {f"{name}-shop-store-{each}" for name in ("data", "cache") for each in range(2)}
        assert claims(universe) == {*stays, *new}
