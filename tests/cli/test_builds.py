"""Builds at the command line: asked for, activated, cancelled, and shown beside revisions."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any, cast

import pytest

from controller.api.resources import Resource
from controller.cli import failures, screen
from controller.cli.session import Session
from controller.kube import client
from controller.planning.builders import Builder
from controller.presentation import answers, inspection, preview, problems, references
from fakes.forge import Forge, digest_of
from fakes.universe import Universe, application, component
from tests.cli import typing_in

pytestmark = pytest.mark.looptime

ONE, TWO = "1" * 40, "2" * 40
SOURCE = {
    "git": {"url": "https://git.example.com/shop.git"},
    "image": "registry.example.com/shop/web",
}
SHOP = application("shop", component("web", 1, source=SOURCE), component("db", 1))


async def typed(universe: Universe, line: str) -> int:
    """Carry out a command as somebody types it."""
    work, target = typing_in.work(f"kubectl argosy {line}")
    api = cast("client.Client", universe.server)
    doing: Any = work(Session(api=api, namespace="default", target=target, server=""))
    return int(await doing)


async def up(universe: Universe) -> Forge:
    """Have the shop run an image of the first commit."""
    forge = Forge(universe.server)
    forge.push(ONE)
    await universe.apply(SHOP)
    await universe.settle()
    return forge


def runs(universe: Universe) -> set[str]:
    """Return the images that servers run."""
    found = universe.server.objects[Resource.PODS]
    return {
        body["spec"]["containers"][0]["image"].rpartition("@")[2]
        for (_, name), body in found.items()
        if name.startswith("shop-web")
    }


async def test_a_build_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what the ref is now, or of the commit that is named; `history` names both."""
    # Where there is room: a narrow terminal folds what is looked for.
    monkeypatch.setattr(screen, "output", lambda: screen.SafeConsole(width=300, markup=False))
    async with Universe() as universe:
        forge = await up(universe)
        forge.push(TWO)
        assert await typed(universe, "build shop") == 0
        await universe.settle(quiet=30)
        assert runs(universe) == {digest_of(TWO)}
        assert await typed(universe, f"build shop --component web --commit {ONE}") == 0
        await universe.settle(quiet=30)
        assert runs(universe) == {digest_of(ONE)}
        capsys.readouterr()
        assert await typed(universe, "history shop --component web") == 0
        told = capsys.readouterr().out
        assert {ONE[:12], TWO[:12], "shop-web-b2", "COMMIT"} <= set(told.split())
        assert digest_of(ONE)[:20] in told.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("build shop --component db", "no source"),
        ("build shop --commit abc", "whole"),
        ("activate build/shop-web-b2", "no image"),
        ("cancel build/shop-web-b1", "ended already"),
    ],
)
async def test_what_cannot_be_is_said(line: str, why: str) -> None:
    """Nothing is written then."""
    async with Universe() as universe:
        forge = await up(universe)
        forge.stands_still = True
        await typed(universe, "build shop")
        await universe.settle()
        before = len(universe.server.writes)
        with pytest.raises((problems.Refusal, problems.UsageError), match=why):
            await typed(universe, line)
        assert len(universe.server.writes) == before


async def test_an_earlier_image_is_activated_and_a_build_cancelled() -> None:
    """The older image runs again; the Build that is under way ends with its Job."""
    async with Universe() as universe:
        forge = await up(universe)
        forge.push(TWO)
        await typed(universe, "build shop")
        await universe.settle(quiet=30)
        assert await typed(universe, "activate shop-web-b1") == 0
        await universe.settle(quiet=30)
        assert runs(universe) == {digest_of(ONE)}
        forge.stands_still = True
        await typed(universe, "build shop")
        await universe.until(lambda: "shop-web-b4" in universe.names(Resource.BUILDS))
        await universe.settle()
        assert await typed(universe, "cancel build/shop-web-b4") == 0
        await universe.settle()
        told = universe.condition(Resource.BUILDS, "shop-web-b4", "Succeeded")
        assert told["reason"] == "Cancelled"


async def test_why_names_the_failing_line() -> None:
    """From the application down: the last words of the build, and the command for the rest."""
    async with Universe() as universe:
        forge = await up(universe)
        forge.broken.add(TWO)
        forge.push(TWO)
        await typed(universe, "build shop")
        await universe.settle(quiet=30)
        async with inspection.look(universe.server, "default") as look:
            meant = references.parse(["application/shop"])
            found = answers.walk(look, meant, "default")
        assert found is not None
        (waited,) = found.waits
        assert (waited.object, waited.reason) == ("Build/shop-web-b2", "Failed")
        assert "main.c:3: error" in waited.message
        assert waited.remedy == "kubectl argosy logs build/shop-web-b2 -n default"
        assert [each.object for each in found.below] == ["Build/shop-web-b2"]


async def test_why_of_a_build_says_what_the_operator_does() -> None:
    """Nobody outside knows how the operator was set up: the status does."""
    async with Universe(builder=Builder()) as universe:
        await up(universe)
        async with inspection.look(universe.server, "default") as look:
            meant = references.parse(["build/shop-web-b1"])
            found = answers.walk(look, meant, "default")
        assert found is not None
        assert found.reason == "BuildsNotSetUp"
    async with Universe() as universe:
        forge = Forge(universe.server)
        forge.stands_still = True
        await universe.apply(SHOP)
        await universe.settle()
        await typed(universe, "build shop")
        await universe.settle()
        async with inspection.look(universe.server, "default") as look:
            meant = references.parse(["build/shop-web-b2"])
            found = answers.walk(look, meant, "default")
        assert found is not None
        assert found.reason == "Waiting"


async def test_a_plan_says_build_first(capsys: pytest.CaptureFixture[str]) -> None:
    """A changed source is built before any server is replaced."""
    async with Universe() as universe:
        await up(universe)
        other = {**SOURCE, "dockerfile": "Other"}
        wanted = application("shop", component("web", 1, source=other), component("db", 1))
        api = cast("client.Client", universe.server)
        found = await preview.read(api, "default", wanted, universe.server.now())
        assert found.builds == ("shop-web-b2",)
        assert found.replaced or found.changed_in_place
        assert found.finished
        await asyncio.sleep(0)
        same = await preview.read(api, "default", SHOP, universe.server.now())
        assert same.builds == ()
        capsys.readouterr()


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("tcp://a:1", "JSON is malformed"),
        ('{"address": "tcp://a:1"}', "missing required field `namespaceLabels`"),
        ('{"address": "tcp://a:1", "namespaceLabels": {}}', "it would be for all of them"),
        ('{"address": "a:1", "namespaceLabels": {"x": "y"}}', "begins with tcp:// or unix://"),
        ('{"address": "tcp://a:1", "labels": {"x": "y"}}', "unknown field `labels`"),
    ],
)
def test_an_operator_is_told_what_is_wrong_with_a_daemon(word: str, wrong: str) -> None:
    """Before it asks any cluster: the option, the word, a right one, and what it lacks."""
    done = subprocess.run(
        [sys.executable, "-m", "controller", "run", f"--build-daemon={word}"],
        env={**os.environ, "COLUMNS": "1000", "NO_COLOR": "1", "KUBECONFIG": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == failures.USAGE
    for told in ("--build-daemon", word, wrong, '"namespaceLabels": {"tenant": "a"}'):
        assert told in done.stderr
    assert "Traceback" not in done.stderr
