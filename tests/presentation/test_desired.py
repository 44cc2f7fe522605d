"""Whoever may only read gets the same preview and the same reasons, and is told what they lack."""

from __future__ import annotations

import dataclasses

import pytest

from controller.api.resources import Resource
from controller.presentation import answers, inspection, preview
from controller.presentation.problems import Refusal
from controller.presentation.references import Reference
from fakes.api_server import chaos
from fakes.api_server.refusal import refuse
from fakes.universe import Json, Universe, application, component

pytestmark = pytest.mark.looptime

NOW = 1_790_000_000.0


def forbid(universe: Universe, resource: Resource, *verbs: str) -> None:
    """Have the API server refuse these verbs on a kind."""

    def fits(request: chaos.Request) -> bool:
        return request.verb in verbs and request.resource is resource

    what = f'cannot patch resource "{resource}" in API group "argosy.dev"'
    error = refuse(403, "Forbidden", f'{resource}.argosy.dev is forbidden: User "eve" {what}')
    rule = chaos.Rule(matches=fits, verdict=chaos.Verdict(before=error), times=None)
    universe.faults.rules.insert(0, rule)


def changed(how: str) -> Json:
    """Return a manifest that differs from what is there."""
    match how:
        case "image":
            return application("shop", component("web", 3, image="app:2"))
        case "scale":
            return application("shop", component("web", 5))
        case "new":
            return application("other", component("web", 2))
        case _:
            return application("shop", component("web", 3), component("db", 1))


@pytest.mark.parametrize("how", ["image", "scale", "new", "component"])
async def test_a_preview_takes_no_right_to_write(how: str) -> None:
    """What is told to come is the same, and the missing right has its name."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 3)))
        await universe.settle()
        allowed = await preview.read(universe.server, "default", changed(how), NOW)
        forbid(universe, Resource.APPLICATIONS, "create", "patch", "apply")
        found = await preview.read(universe.server, "default", changed(how), NOW)
    assert 'resource "applications" in API group "argosy.dev"' in found.notes[0]
    assert dataclasses.replace(found, notes=allowed.notes) == allowed
    assert found.steps


async def test_what_the_schema_refuses_is_told_where_the_server_is_not_asked() -> None:
    """A field that does not exist is an error for a reader, too, by its path."""
    async with Universe() as universe:
        forbid(universe, Resource.APPLICATIONS, "create", "patch", "apply")
        body = application("shop", component("web", 3, replica=4))
        with pytest.raises(Refusal, match=r"spec.components.0.replica"):
            await preview.read(universe.server, "default", body, NOW)


async def test_a_fleet_that_cannot_be_seen_is_not_said_to_be_missing() -> None:
    """What the operator said stands, and no preview is made up; the right has its name."""
    fleet = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Fleet",
        "metadata": {"name": "gold"},
        "spec": {"provider": "memory"},
    }
    async with Universe() as universe:
        await universe.apply(fleet)
        body = application("shop", component("web", 2), fleet="gold")
        await universe.apply(body)
        await universe.until(
            lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
        )
        forbid(universe, Resource.FLEETS, "list")
        async with inspection.look(universe.server, "default") as look:
            meant = Reference(resource=Resource.APPLICATIONS, name="shop")
            found = answers.walk(look, meant, "default")
            notes = look.notes
        with pytest.raises(Refusal, match="may not list fleets"):
            await preview.read(universe.server, "default", body, NOW)
    assert found is not None
    assert (found.ready, found.reason) == ("True", "Available")
    assert any("you may not list fleets" in each for each in notes)
