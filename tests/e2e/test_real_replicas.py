"""G9 on a real node: a slot moves between replicas, but not under a command that runs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from controller.api.resources import Resource
from controller.kube import assignment, slots
from devcluster import operator
from tests.e2e import conftest, crews, stations
from tests.e2e.crews import SharingCrew
from tests.e2e.driving import App, Kube, Place
from tests.e2e.operating import Op
from tests.e2e.stations import Station
from tests.e2e.test_why import typed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

# Leaves a line, waits until it may go on, leaves another.
WAITS = "echo begun >>/tmp/log; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo done >>/tmp/log"


@pytest.fixture(scope="module", params=crews.WATCHES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A cluster whose only node is real, and two operators that share the work."""
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("shared"), conftest.REAL_NODE) as one:
        stations.build(one, tmp_path_factory.mktemp("station"))
        operator.run(one, replicas=2, values=request.param)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def crew(place: Place) -> SharingCrew:
    """The two operators."""
    assert place.cluster is not None
    return SharingCrew(place, place.cluster)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(place, slack=30.0)


def leaving(crew: SharingCrew, kube: Kube) -> str:
    """Return a name for an application whose slot the only replica gives once another comes."""
    found = crew.place.api.get(crews.LEASES)["items"]
    (holder,) = {
        each["spec"]["holderIdentity"] for each in found if each["metadata"]["name"] in slots.LEASES
    }
    kept = assignment.assign(dict.fromkeys(range(slots.SLOTS), holder), {holder, "another"})
    names = (f"shop{number}" for number in itertools.count())
    return next(each for each in names if kept[slots.of(kube.namespace, each)] != holder)


def act(kube: Kube, app: App, name: str) -> Op:
    """Have a command run in the application's only server, once at most."""
    step = {"name": "act", "exec": {"command": ["sh", "-c", WAITS]}, "timeoutSeconds": 500}
    spec = {"application": app.name, "action": "Steps", "steps": [step]}
    body = {"metadata": {"name": name}, "spec": {**spec, "recovery": {"attempts": 1}}}
    kube.create(Resource.OPERATIONS, body)
    return Op(kube, name)


def test_a_slot_moves_once_the_command_in_it_has_ended(crew: SharingCrew, kube: Kube) -> None:
    """A newcomer gets all else at once; the command runs on, once, and the next one is its own.

    Meanwhile the operation says what it waits for, and `why` names the replica, before and after.
    """
    assert crew.place.cluster is not None
    config = crew.place.cluster.kubeconfig
    first, second = crew.operators
    crew.wait_shared(kube)
    second.terminate()
    crew.wait_shared(kube, {first.name})
    app = kube.app(stations.component(1), name=leaving(crew, kube), deletion={"drainSeconds": 1})
    app.apply()
    app.wait_ready()
    slot = slots.of(kube.namespace, app.name)
    asked = f"application/{app.name}"
    assert f"Replica {first.name} looks after this object" in typed(kube, config, "why", asked)
    runs, waits = act(kube, app, "runs"), f"{app.name}-web-0"
    kube.wait_until("it has begun", lambda: Station(kube, waits).lines() == ["begun"])
    second.start()
    runs.wait_for("Moving")
    assert runs.blocked_by() == {f"Lease/{slots.lease(slot)}": "Moving"}
    kube.wait_until("the newcomer has its part but for that", lambda: _has(crew, second.name) >= 31)
    assert crew.owners()[slot] == first.name
    assert Station(kube, waits).lines() == ["begun"]
    Station(kube, waits).touch("go")
    runs.wait_end("Completed")
    crew.wait_shared(kube)
    assert crew.owners()[slot] == second.name
    assert Station(kube, waits).lines() == ["begun", "done"]
    assert f"Replica {second.name} looks after this object" in typed(kube, config, "why", asked)
    act(kube, app, "again").wait_end("Completed")
    assert Station(kube, waits).lines() == ["begun", "done"] * 2


def _has(crew: SharingCrew, name: str) -> int:
    return list(crew.owners().values()).count(name)
