"""A sample of `make faults`: an operator is killed, stormed, and kept in the dark."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from controller.api import resources
from controller.api.resources import Resource
from devcluster import fixtures
from proof import history
from proof.faults import matrix, mix, rig, scenario

pytestmark = pytest.mark.e2e

CRASHES = 6
DARK_SECONDS = 15.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Rig]:
    """Run a cluster of the tests' own, and one operator behind a proxy."""
    if fixtures.GIVEN in os.environ:
        pytest.skip(f"{fixtures.GIVEN} is set: this breaks what it runs on")
    with rig.running(tmp_path_factory.mktemp("faults"), print) as running:
        yield running


@pytest.fixture(scope="module")
def known(place: rig.Rig) -> matrix.Reference:
    """Live the life without faults."""
    return matrix.reference(place)


def test_a_crash_changes_nothing(place: rig.Rig, known: matrix.Reference) -> None:
    """G2: killed at a sample of its writes, it comes to the same world by equal counts."""
    chosen = matrix.points(known.writes, sample=CRASHES, seed=7)
    outcomes = list(matrix.sweep(place, known, chosen, print))
    assert [each.wrong for each in outcomes] == [()] * CRASHES


def test_a_storm_changes_nothing(place: rig.Rig, known: matrix.Reference) -> None:
    """G3: lost answers, doubled requests, broken watches: the same world, by equal counts."""
    (outcome,) = mix.storms(place, known, 1, print)
    assert outcome.wrong == ()


def test_no_surplus_in_the_dark(place: rig.Rig) -> None:
    """G3: with all watches held back, no server is made twice, and none too many."""
    place.recover()
    api, namespace = place.client, scenario.open_namespace(place.client)
    scenario.create(api, namespace)
    place.hold_watches()
    path = resources.path(Resource.APPLICATIONS, namespace, scenario.APPLICATION)
    pods = resources.path(Resource.PODS, namespace)
    api.delete(f"{pods}/shop-web-0", {"gracePeriodSeconds": 0})
    api.merge(path, {"spec": scenario.application(replicas=6)["spec"]})
    time.sleep(DARK_SECONDS)  # the time is the fault: nothing comes about that one could wait for
    place.release_watches()
    rig.wait("six servers", lambda: len(api.get(pods)["items"]) == 7, scenario.STEP_SECONDS)
    verdict = history.check(
        place.cluster.audit_log,
        namespaces=[namespace],
        expectations=history.Expectations(slack=DARK_SECONDS * 2, faultless=True),
    )
    verdict.require()
    made = history.counts(verdict.history)
    assert sum(made["servers", f"shop-web-{each}", "create"] for each in range(10)) == 6
    api.delete(f"/api/v1/namespaces/{namespace}")
