"""Whoever looks on foresees what comes, whatever servers are made of, and says what is.

The operator alone has a way to some of them: machines in its memory, servers of a cloud.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.presentation import answers, forecast, inspection, onlooking
from controller.presentation.forecast import Effect, Forecast
from controller.presentation.references import Reference
from controller.providers import registry
from fakes.openstack import Fault
from fakes.universe import Json, Universe, application, component
from tests.simulation.answers import blocked
from tests.simulation.test_cloud_volumes import claim
from tests.simulation.test_clouds import SPEC, Country
from tests.simulation.test_outcomes import agree

pytestmark = pytest.mark.looptime
ALWAYS = 10**6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A world with a fleet of one provider, and an application of it."""

    universe: Universe
    fleet: str
    template: Callable[[str], Json] | None = None
    claims: tuple[Json, ...] = ()
    # Whether another image takes no other instance.
    in_place: bool = True

    def body(self, count: int, image: str = "v1") -> Json:
        """Return the application."""
        web = component("web", count, image=image, volumeClaims=list(self.claims))
        if self.template is not None:
            web["template"] = self.template(image)
        return application("shop", web, fleet=self.fleet)

    async def bring_up(self, count: int, image: str = "v1") -> None:
        """Apply it and return once it is Ready, and at rest."""
        await self.universe.apply(self.body(count, image))
        await self.universe.until(self.universe.is_ready, patience=900)
        await self.universe.settle(quiet=60)

    async def foretold(self, count: int, image: str = "v1") -> Forecast:
        """Return what is said to come of it."""
        now = self.universe.get(Resource.APPLICATIONS, "shop")
        wanted = {**now, "spec": self.body(count, image)["spec"]}
        async with inspection.look(self.universe.server, "default") as look:
            return forecast.forecast(
                look.sources,
                msgspec.json.decode(json.dumps(wanted), type=objects.Application),
                self.universe.server.now(),
            )

    def incarnations(self) -> dict[str, int]:
        """Return of each server how often it was made."""
        names = self.universe.names(Resource.SERVERS)
        return {
            each: self.universe.get(Resource.SERVERS, each)["spec"].get("incarnation", 1)
            for each in names
        }


def _of_machines(image: str) -> Json:
    return {"spec": {"image": image}}


def _of_cloud(image: str) -> Json:
    return {"spec": SPEC | {"image": image}}


@contextlib.asynccontextmanager
async def pod() -> AsyncIterator[Place]:
    """Lend a world of pods."""
    async with Universe() as universe:
        yield Place(universe=universe, fleet="pods", claims=(claim(whenScaled="Delete"),))


@contextlib.asynccontextmanager
async def memory() -> AsyncIterator[Place]:
    """Lend a world of machines in memory."""
    async with Universe() as universe:
        meta = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": "attic"}}
        body = meta | {"spec": {"provider": "memory"}}
        await universe.server.create(Resource.FLEETS, "", body)
        yield Place(universe=universe, fleet="attic", template=_of_machines)


@contextlib.asynccontextmanager
async def openstack(**settings: str) -> AsyncIterator[Place]:
    """Lend a world of servers of a cloud."""
    country = Country()
    async with country.universe as universe:
        await country.found(**settings)
        yield Place(
            universe=universe,
            fleet="west",
            template=_of_cloud,
            claims=(claim(whenScaled="Delete"),),
            in_place=settings.get("rebuild") == "WhenPossible",
        )


WORLDS = {
    "pod": pod,
    "memory": memory,
    "openstack": openstack,
    "openstack that rebuilds": lambda: openstack(rebuild="WhenPossible"),
}
every = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)


def test_every_provider_has_a_world() -> None:
    """A provider that comes is looked at from outside, too."""
    assert {each.partition(" ")[0] for each in WORLDS} == set(registry.kinds())


@every
async def test_a_smaller_number_is_foreseen(world: Any) -> None:
    """Which servers go, and which claims with their data, is said before, and comes."""
    async with world() as place:
        await place.bring_up(3)
        told = await place.foretold(1)
        (step,) = [each for moment in told.steps for each in moment]
        assert (step.effect, step.servers) == (Effect.DELETE, ("shop-web-1", "shop-web-2"))
        gone = ("data-shop-web-1", "data-shop-web-2") if place.claims else ()
        assert told.claims_deleted == gone
        await place.bring_up(1)
        assert set(place.incarnations()) == {"shop-web-0"}


@every
async def test_another_image_is_foreseen(world: Any) -> None:
    """Whether servers are replaced or changed in place is said before, and comes."""
    async with world() as place:
        await place.bring_up(2)
        told = await place.foretold(2, "v2")
        effect = Effect.CHANGE if place.in_place else Effect.REPLACE
        steps = [each for moment in told.steps for each in moment]
        assert {each.effect for each in steps} == {effect}
        assert sorted(name for each in steps for name in each.servers) == [
            "shop-web-0", "shop-web-1"
        ]  # fmt: skip
        await place.bring_up(2, "v2")
        assert set(place.incarnations().values()) == {1 if place.in_place else 2}


@every
async def test_whoever_looks_on_says_what_is(world: Any) -> None:
    """At rest, while servers come up, and while they go."""
    async with world() as place:
        await place.universe.apply(place.body(3))
        await place.universe.until(lambda: len(place.incarnations()) == 3)
        await place.universe.settle(quiet=1)
        await agree(place.universe)
        for count, image in ((3, "v1"), (3, "v2"), (1, "v2")):
            await place.bring_up(count, image)
            await agree(place.universe)
            async with inspection.look(place.universe.server, "default") as look:
                for resource, name in (
                    (Resource.APPLICATIONS, "shop"),
                    (Resource.SERVERSETS, "shop-web"),
                    (Resource.SERVERS, "shop-web-0"),
                ):
                    found = answers.walk(look, Reference(resource=resource, name=name), "default")
                    assert found is not None
                    assert (found.ready, found.waits) == ("True", ()), name


def _does_not_arrive(country: Country) -> None:
    fault = Fault(method="*", path="", unsent=True, times=ALWAYS)
    country.cloud.faults.append(fault)


@pytest.mark.parametrize("before", [True, False], ids=["it is opened", "servers are made"])
async def test_a_cloud_that_is_not_heard_is_told(before: bool) -> None:
    """As the operator tells it, although whoever looks on never called the cloud."""
    country = Country()
    async with country.universe as universe:
        if before:
            _does_not_arrive(country)
        await country.found()
        await country.apply(1)
        if not before:
            await country.until(lambda: country.is_ready)
            _does_not_arrive(country)
            await country.apply(12)
        told = functools.partial(blocked, universe, Resource.APPLICATIONS, "shop")
        await country.until(lambda: "Fleet/west" in dict(told()))
        await universe.settle(quiet=5)
        await agree(universe)
        country.cloud.faults.clear()
        await country.until(lambda: country.is_ready, seconds=3600)
        await universe.settle(quiet=60)
        await agree(universe)


async def test_settings_that_cannot_be_read_are_told() -> None:
    """As the operator tells it, and as long as the Fleet has them."""
    country = Country()
    async with country.universe as universe:
        await country.found(probeCIDRs=["nowhere"])
        await country.apply(1)
        await universe.settle(quiet=60)
        assert blocked(universe, Resource.APPLICATIONS, "shop") == [
            ("Fleet/west", "InvalidSettings")
        ]
        await agree(universe)


async def test_credentials_that_are_refused_are_told() -> None:
    """As the operator tells it, and not once the Fleet says that it is well."""
    country = Country()
    country.cloud.credentials = False
    async with country.universe as universe:
        await country.found()
        await country.apply(1)
        await universe.settle(quiet=60)
        told = ("Fleet/west", "CredentialsRefused")
        assert told in blocked(universe, Resource.APPLICATIONS, "shop")
        await agree(universe)


async def test_credentials_of_elsewhere_are_told() -> None:
    """As the operator tells it: until a person changes something nothing is made."""
    country = Country()
    async with country.universe as universe:
        await country.found()
        await country.apply(1)
        await country.until(lambda: country.is_ready)
        country.cloud.enter("project-2")
        await universe.crash()
        await country.apply(2)
        await universe.settle(quiet=120)
        told = universe.condition(Resource.SERVERSETS, "shop-web", "Stalled")
        assert told["status"] == "True"
        assert ("Fleet/west", told["reason"]) in blocked(universe, Resource.SERVERSETS, "shop-web")
        await agree(universe)


async def test_what_would_be_done_for_a_server_of_a_cloud_is_left_open() -> None:
    """Its status stands, with a note: nothing is planned by what is not seen."""
    country = Country()
    async with country.universe as universe:
        await country.found()
        await country.apply(1)
        await country.until(lambda: country.is_ready)
        await universe.settle()
        async with inspection.look(universe.server, "default") as look:
            for meant in (
                Reference(resource=Resource.SERVERS, name="shop-web-0"),
                Reference(resource=Resource.FLEETS, name="west"),
            ):
                found = answers.walk(look, meant, meant.space("default"))
                assert found is not None
                assert (found.ready, found.waits) == ("True", ())
                assert found.plan == (onlooking.NOTE,)
