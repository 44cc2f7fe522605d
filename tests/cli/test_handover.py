"""`import` and `export` as they are typed: what is printed, and how the command ends."""

from __future__ import annotations

from typing import Any, cast

import pytest
import yaml

from controller.api.resources import Resource
from controller.cli.commands.import_ import KINDS
from controller.cli.session import Session
from controller.handover.imports import IMPORTS
from controller.kube import client
from controller.presentation.problems import UsageError
from fakes.universe import Universe
from tests.cli import typing_in
from tests.simulation import stateful
from tests.simulation.stateful import NAME

pytestmark = pytest.mark.looptime

IN = f"import statefulset/{NAME}"


async def typed(universe: Universe, line: str) -> int:
    """Do what `line` says, and return with what the command exits."""
    work, target = typing_in.work(f"kubectl argosy {line}")
    api = cast("client.Client", universe.server)
    return await work(Session(api=api, namespace="default", target=target, server=""))


async def test_a_dry_run_prints_a_manifest_that_kubectl_reads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All else is a comment in it: what is in the way, for which the command exits with 1."""
    async with Universe() as universe:
        await stateful.begin(universe)
        capsys.readouterr()  # what the operator said until then
        assert await typed(universe, IN) == 0
        said = capsys.readouterr().out
        assert yaml.safe_load(said)["kind"] == "Application"
        assert "# in the way" not in said
        scaler: dict[str, Any] = {
            "metadata": {"name": "busy", "namespace": "default"},
            "spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": NAME}, "maxReplicas": 9},
        }
        await universe.server.create(Resource.AUTOSCALERS, "default", scaler)
        capsys.readouterr()
        assert await typed(universe, IN) == 1
        said = capsys.readouterr().out
        told = (
            "# in the way: HorizontalPodAutoscaler/busy scales statefulset/shop-db:"
            " have that autoscaler scale the successor with --retarget-hpa"
        )
        assert told in said.splitlines()
        assert yaml.safe_load(said)["kind"] == "Application"
        assert not universe.names(Resource.APPLICATIONS)


async def test_each_step_is_printed_as_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """In, out again, and once more where there is nothing left to do."""
    async with Universe() as universe:
        await stateful.begin(universe)
        assert await typed(universe, f"{IN} --no-dry-run") == 0
        assert capsys.readouterr().out.splitlines()[-5:] == [
            "application/shop is written, paused",
            f"statefulset/{NAME} lets go of its pods, which run on",
            "application/shop takes the pods up",
            "3 of 3 pods run on as they were",
            f"statefulset/{NAME} is application/shop now",
        ]
        assert await typed(universe, f"{IN} --no-dry-run") == 0
        already = f"statefulset/{NAME} is application/shop already"
        assert capsys.readouterr().out.splitlines() == [already]
        assert await typed(universe, "export shop") == 0
        (shown,) = yaml.safe_load(capsys.readouterr().out)["items"]
        assert (shown["kind"], shown["metadata"]["name"]) == ("StatefulSet", NAME)
        assert await typed(universe, "export shop --no-dry-run") == 0
        assert capsys.readouterr().out.splitlines()[-3:] == [
            f"statefulset/{NAME} is made, and waits for the pods",
            "application/shop let go of its servers, which run on",
            f"statefulset/{NAME} has its pods: 3 of 3 run on as they were",
        ]


def test_every_workload_that_may_come_in_can_be_typed() -> None:
    """Under each of its names, and none that the room does not have."""
    assert set(KINDS.values()) == set(IMPORTS)


@pytest.mark.parametrize("word", ["shop-db", "statefulset/", "daemonset/shop-db"])
async def test_what_no_import_is_of_is_refused(word: str) -> None:
    """Before anything is asked of the cluster."""
    async with Universe() as universe:
        with pytest.raises(UsageError, match="name statefulset/NAME or deployment/NAME"):
            await typed(universe, f"import {word}")
