"""What `argosy uninstall` asks before it lets go: whether anything would run on unseen."""

from __future__ import annotations

import dataclasses
from typing import cast

import pytest

from controller.api.resources import Resource
from controller.kube.api import Api
from controller.wiring import uninstall
from fakes.api_server import ApiServer


def options(*namespaces: str) -> uninstall.UninstallOptions:
    """Return how to go, of all namespaces or of some."""
    return uninstall.UninstallOptions(
        policy="Release",
        pods="Keep",
        namespace="argosy",
        deployment="argosy",
        namespaces=namespaces,
    )


async def test_servers_outside_the_cluster_are_found_by_the_provider_of_their_fleet() -> None:
    """Any Fleet of pods is inside, whatever its name; one that is gone may have been outside.

    Who may not read Fleets knows of the built-in one alone.
    """
    server = ApiServer()
    for name, provider in (("edge", "pod"), ("metal", "memory"), ("west", "openstack")):
        body = {"metadata": {"name": name}, "spec": {"provider": provider}}
        await server.create(Resource.FLEETS, "", body)
    for name in ("pods", "edge", "metal", "west", "gone"):
        body = {"metadata": {"name": f"on-{name}"}, "spec": {"fleet": name}}
        await server.create(Resource.SERVERS, "default", body)
    api = cast("Api", server)
    outside = [f"default/on-{name}" for name in ("gone", "metal", "west")]
    assert sorted(await uninstall._outside(api, options())) == outside
    unseen = ["default/on-edge", *outside]
    assert sorted(await uninstall._outside(api, options("default"))) == unseen


async def test_a_refusal_says_what_works_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Helm upgrades no release whose uninstall was refused, so the way leads over a rollback."""
    server = ApiServer()
    await server.create(Resource.APPLICATIONS, "default", {"metadata": {"name": "shop"}})
    refusing = dataclasses.replace(options(), policy="Refuse")
    assert await uninstall.run(cast("Api", server), refusing) == 1
    told = capsys.readouterr().out
    assert "default/shop" in told
    assert told.index("helm rollback") < told.index("helm upgrade")
    assert uninstall.LET_GO in told
