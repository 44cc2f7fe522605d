"""`import` and `export` on a cluster, by who may only look, beside a hold and a pod set aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.api.resources import Resource
from tests.e2e import terminals
from tests.e2e.driving import Kube, Place
from tests.e2e.terminals import Terminal, kube, place, terminal
from tests.e2e.test_adopted_sets import NAME, SET, are_ready, kept

__all__ = ["kube", "place", "terminal"]

pytestmark = pytest.mark.e2e

IN = ("import", f"statefulset/{NAME}")
OUT = ("export", "shop")
POD = f"{NAME}-1"


def test_a_viewer_is_shown_both_ways(
    terminal: Terminal, kube: Kube, place: Place, tmp_path: Path
) -> None:
    """With the role `view`: manifest, losses, and the rights that it takes; nothing is touched."""
    _begin(kube)
    before = kept(kube)
    viewer = terminals.viewer(place, kube, tmp_path, "viewer")
    shown = viewer.run(*IN)
    assert "adopt:" in shown
    assert "you may not create applications, patch applications, delete statefulsets" in shown
    assert "nothing was touched" in viewer.run(*IN, "--no-dry-run", code=1)
    assert kube.get(Resource.APPLICATIONS, "shop") is None
    terminal.run(*IN, "--no-dry-run")
    shown = viewer.run(*OUT)
    assert "kind: StatefulSet" in shown
    assert "create statefulsets" in shown.rpartition("# note: you may not")[2]
    assert "nothing was touched" in viewer.run(*OUT, "--no-dry-run", code=1)
    assert kept(kube) == before


def test_an_export_beside_a_hold_asks_and_then_restarts_nothing(
    terminal: Terminal, kube: Kube
) -> None:
    """Who holds the server is not overruled in silence; with consent the same pods run on."""
    _begin(kube)
    before = kept(kube)
    terminal.run(*IN, "--no-dry-run")
    terminal.run("hold", f"server/{POD}", "--reason", "looking", "--for", "1h")
    assert f"# lost: {POD}: held" in terminal.run(*OUT)
    refused = terminal.run(*OUT, "--no-dry-run", code=1)
    assert "--accept-losses. Nothing was touched" in refused
    assert not kube.list(Resource.STATEFULSETS)
    said = terminal.run(*OUT, "--no-dry-run", "--accept-losses")
    assert "3 of 3 run on as they were" in said
    assert kept(kube) == before


def test_a_pod_that_somebody_set_aside_is_in_the_way(terminal: Terminal, kube: Kube) -> None:
    """Its label was changed by hand: neither way goes on over that, and then both do."""
    _begin(kube)
    before = kept(kube)
    _label(kube, "quarantine")
    kube.wait_until("its set let go of it", lambda: not _owners(kube))
    assert "the label app is quarantine, not db" in terminal.run(*IN, code=1)
    assert POD in terminal.run(*IN, "--no-dry-run", code=1)
    assert kube.get(Resource.APPLICATIONS, "shop") is None
    _label(kube, "db")
    kube.wait_until("its set has it again", lambda: _owners(kube))
    terminal.run(*IN, "--no-dry-run")
    _label(kube, "quarantine")
    assert f"{POD} would belong to nobody" in terminal.run(*OUT, "--no-dry-run", code=1)
    assert not kube.list(Resource.STATEFULSETS)
    _label(kube, "db")
    assert "3 of 3 run on as they were" in terminal.run(*OUT, "--no-dry-run")
    assert kept(kube) == before


def _begin(kube: Kube) -> None:
    kube.create(Resource.STATEFULSETS, SET)
    kube.wait_until("the pods are ready", lambda: are_ready(kube))


def _label(kube: Kube, value: str) -> None:
    kube.patch(Resource.PODS, POD, {"metadata": {"labels": {"app": value}}})


def _owners(kube: Kube) -> list[object]:
    return list((kube.get(Resource.PODS, POD) or {})["metadata"].get("ownerReferences", ()))
