"""Operations whose operator is killed at its writes, or hears and says everything wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from devcluster import fixtures
from proof.faults import crash, random_faults, rig
from tests.e2e import conftest
from tests.e2e.driving import Kube, Place, component
from tests.e2e.operating import births, incarnations, job, jobs, pod, submit

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long(
        reason="random lives of clusters; the simulation plays the same, and test_crashes some"
    ),
]

# An operator that dies or is kept in the dark writes what it had planned long before.
SLACK = 60.0
PATIENCE_SECONDS = 240.0
SERVERS = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Rig]:
    """Run a cluster of the tests' own, and one operator behind a proxy."""
    if fixtures.GIVEN in os.environ:
        pytest.skip(f"{fixtures.GIVEN} is set: this breaks what it runs on")
    with rig.running(tmp_path_factory.mktemp("faults"), print) as running:
        yield running


@pytest.fixture
def kube(place: rig.Rig) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere, once all is calm."""
    for made in conftest.namespace_of(Place(api=place.client, cluster=place.cluster), slack=SLACK):
        yield made
        place.recover()


def operate(kube: Kube) -> None:
    """Run a Job for each server and restart it; hold what came of it against the exact numbers."""
    app = kube.app(component(replicas=SERVERS))
    app.apply()
    app.wait_ready(PATIENCE_SECONDS)
    steps = [job("prepare"), {"name": "again", "action": "Restart"}]
    one = submit(kube, "go", "Steps", steps=steps, concurrency=2, failureBudget=0)
    one.wait_end("Completed", PATIENCE_SECONDS)
    app.wait_ready(PATIENCE_SECONDS)
    told = one.status()
    assert (told["progress"], told["failed"]) == (f"{SERVERS}/{SERVERS}", 0)
    assert incarnations(app) == [2] * SERVERS
    assert jobs(kube) == {(pod(each), "prepare"): 1 for each in range(SERVERS)}
    assert births(kube) == {pod(each): 2 for each in range(SERVERS)}
    for server in app.servers().values():
        passed = [(each["step"], each["incarnation"]) for each in server["status"]["checkpoints"]]
        assert passed == [("prepare", 2), ("again", 2)]


@pytest.mark.parametrize(
    ("key", "moment"),
    [
        ("patch operations/go/status#0", crash.Moment.AFTER_COMMIT),
        ("patch servers/shop-web-0#0", crash.Moment.AFTER_COMMIT),
        ("patch servers/shop-web-0/status#0", crash.Moment.AFTER_COMMIT),
        ("patch servers/shop-web-0/status#0", crash.Moment.AFTER_RESPONSE),
        ("patch servers/shop-web-1/status#1", crash.Moment.BEFORE_SEND),
        ("delete pods/shop-web-0#0", crash.Moment.AFTER_COMMIT),
        ("create pods/shop-web-1#1", crash.Moment.BEFORE_SEND),
    ],
    ids=["begun", "given", "claimed", "claim answered", "ended", "taken down", "made anew"],
)
def test_g2_operation_resumes_whenever_its_operator_is_killed(
    place: rig.Rig, kube: Kube, key: str, moment: crash.Moment
) -> None:
    """Killed before a write, after it, or after its answer: nothing is doubled, nothing lost."""
    planned = place.crash_at(key, moment)
    operate(kube)
    assert planned.struck


@pytest.mark.parametrize("seed", [1, 2])
def test_g3_operation_in_a_storm_acts_once(place: rig.Rig, kube: Kube, seed: int) -> None:
    """Lost answers, doubled requests, broken and late watches: the same exact numbers."""
    place.suffer(f"storm {seed}", random_faults.Faults(seed=seed, rates=random_faults.STORM))
    operate(kube)
