"""A name without its kind: which object it means."""

from __future__ import annotations

from typing import Any, cast

import pytest

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.presentation import problems, references


class Named:
    """An API server that has some objects, and hides whole kinds from whoever asks."""

    def __init__(self, *there: tuple[Resource, str], hidden: tuple[Resource, ...] = ()) -> None:
        self._there = there
        self._hidden = hidden

    async def get(self, resource: Resource, namespace: str, name: str) -> bytes:
        """Return the object, if it is there and may be seen."""
        assert namespace == ("" if resource is Resource.FLEETS else "prod")
        if resource in self._hidden:
            raise faults.Forbidden(f"no {resource}", reason=Reason.FORBIDDEN)
        if (resource, name) not in self._there:
            raise faults.NotFound(f"no {name}", reason=Reason.NOT_FOUND)
        return b"{}"


async def found(api: Named, *given: str, **options: Any) -> str:
    """Return what is meant, as KIND/NAME."""
    allowed = options.pop("allowed", ())
    return str(await references.find(cast("kube.Api", api), "prod", given, *allowed, **options))


APP, SERVER = (Resource.APPLICATIONS, "shop"), (Resource.SERVERS, "shop-web-0")
FLEET = (Resource.FLEETS, "metal")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (("shop",), "application/shop"),
        (("shop-web-0",), "server/shop-web-0"),
        (("metal",), "fleet/metal"),
        (("server", "other"), "server/other"),
        (("serverset/other",), "serverset/other"),
    ],
)
async def test_a_name_alone_means_what_is_there(given: tuple[str, ...], meant: str) -> None:
    """Whatever kind it is of; with its kind it is taken at its word."""
    assert await found(Named(APP, SERVER, FLEET), *given) == meant


async def test_a_name_that_two_kinds_have_is_not_guessed_at() -> None:
    """Both are named, for one of them to be chosen."""
    api = Named(APP, (Resource.OPERATIONS, "shop"))
    with pytest.raises(problems.UsageError, match="application/shop or operation/shop"):
        await found(api, "shop")
    assert await found(api, "shop", allowed=(Resource.OPERATIONS, Resource.SERVERS)) == (
        "operation/shop"
    )


async def test_a_name_that_nothing_has_is_told() -> None:
    """So is where it was looked for; a wait for its absence goes on with the first kind."""
    with pytest.raises(faults.NotFound, match="nothing is named 'shp' in namespace prod"):
        await found(Named(APP), "shp")
    assert await found(Named(APP), "shp", gone=True) == "application/shp"


async def test_what_may_not_be_read_is_passed_over() -> None:
    """Where nothing may be read the first kind is meant, so that the missing right is told."""
    hidden = (Resource.FLEETS, Resource.OPERATIONS)
    assert await found(Named(SERVER, hidden=hidden), "shop-web-0") == "server/shop-web-0"
    assert await found(Named(hidden=tuple(Resource)), "shop") == "application/shop"
