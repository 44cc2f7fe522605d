"""Operators die, freeze and come back, and the API server does: the end is always the same.

These tests have a cluster of their own, whose operators they may do anything to.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client, operator
from tests.e2e import conftest, crews, driving, nodes
from tests.e2e.driving import App, Kube, Place, component

pytestmark = pytest.mark.e2e

LEASE = f"{crews.LEASES}/argosy-leader"
# How far a new operator's writes may lie behind what an old one had seen.
SLACK = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class Crew(crews.Crew):
    """The operators of a cluster, and who of them leads."""

    def lease(self) -> dict[str, Any]:
        """Return what the Lease says."""
        spec: dict[str, Any] = self.place.api.get(LEASE)["spec"]
        return spec

    def leader(self) -> operator.Operator | None:
        """Return the living operator that holds the Lease."""
        holder = self.lease().get("holderIdentity") or ""
        return next(
            (each for each in self.operators if each.alive and holder.startswith(f"{each.name}_")),
            None,
        )

    def wait_for_leader(self, kube: Kube) -> operator.Operator:
        """Wait until somebody leads."""
        return kube.wait_until("somebody leads", self.leader)  # type: ignore[return-value]  # not None

    def strike(self) -> None:
        """Kill who leads and start it again.

        The Lease is cleared, as the dead cannot: else each blow would cost its whole duration.
        """
        leader = self.leader()
        if leader is not None:
            leader.kill()
            self.place.api.merge(LEASE, {"spec": {"holderIdentity": ""}})
        self.revive()


@pytest.fixture(scope="module")
def own_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster with two operators that no other test uses."""
    with crews.opened(tmp_path_factory.mktemp("crashes"), replicas=2) as place:
        yield place


@pytest.fixture
def crew(own_place: Place) -> Iterator[Crew]:
    """Two living operators, as they are before and after each test."""
    assert own_place.cluster is not None
    made = Crew(own_place, own_place.cluster)
    made.revive()
    yield made
    made.revive()


@pytest.fixture
def kube(crew: Crew) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(crew.place, slack=SLACK)


@pytest.fixture
def calm_kube(crew: Crew) -> Iterator[Kube]:
    """Another namespace, for the same life without crashes."""
    yield from conftest.namespace_of(crew.place, slack=SLACK)


class Killer:
    """Kills who leads at moments that a seed decides, until it is told to stop."""

    def __init__(self, crew: Crew, seed: int, blows: int) -> None:
        self._crew = crew
        self._chance = random.Random(seed)
        self._blows = blows
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._rage)
        self.struck = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _rage(self) -> None:
        while self.struck < self._blows:
            # Mostly soon after the last one, so that a new leader, too, is met at its first writes.
            if self._enough.wait(self._chance.choice([0.1, 0.3, 0.6, 1.0, 2.0, 4.0])):
                return
            self._crew.strike()
            self.struck += 1


World = dict[str, dict[str, object]]


def _world(app: App) -> World:
    """Return what the application consists of, but for what differs from run to run."""
    kube = app.kube
    return {
        resource.value: {
            name: _essence(resource, each)
            for name, each in kube.list(resource, application=app.name).items()
        }
        for resource in driving.MADE
    }


def _essence(resource: Resource, item: driving.Object) -> object:
    # The scheduler adds labels of its own, which say where a pod came to be.
    labels = {
        key: value
        for key, value in item["metadata"].get("labels", {}).items()
        if key.startswith(("argosy.dev/", "app.kubernetes.io/"))
    }
    # The part of the work that it is of follows from its namespace, which is another's.
    labels.pop(names.BUCKET_LABEL, None)
    if resource is Resource.PODS:
        # Whose turn it was when decides how often a pod was made: not what it is.
        labels.pop("argosy.dev/incarnation", None)
        return labels, item["spec"]["containers"][0]["image"], driving.is_ready(item)
    if resource is Resource.SERVERSETS:
        return labels, item["spec"], driving.is_ready(item)
    if resource is Resource.SERVERS:
        spec = {key: value for key, value in item["spec"].items() if key != "incarnation"}
        return labels, spec, driving.is_ready(item)
    return labels


def _live(kube: Kube) -> Iterator[World]:
    """Live a life: created, scaled, updated, deleted; yield the world after each."""
    volume = {
        "name": "data",
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "whenDeleted": "Delete",
    }
    app = kube.app(
        component("db", volumeClaims=[volume]),
        component("web", replicas=12, dependsOn=["db"], rollout={"maxUnavailable": 4}),
    )
    app.apply()
    app.wait_ready()
    yield _world(app)
    app.component()["replicas"] = 20
    app.apply()
    app.wait_ready()
    yield _world(app)
    app.component()["replicas"] = 8
    app.set_env("2")
    app.wait_ready()
    kube.wait_until("the rest is gone", lambda: len(app.pods()) == len(app.servers()) == 8)
    yield _world(app)
    app.delete()
    app.wait_gone()
    yield _world(app)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_operators_killed_at_random_moments_reach_the_same_end(
    crew: Crew, kube: Kube, calm_kube: Kube, seed: int
) -> None:
    """Kill -9 through create, scale, update and delete changes nothing of what comes of them."""
    calm = list(_live(calm_kube))
    with Killer(crew, seed, blows=12) as killer:
        wild = list(_live(kube))
    for phase, (here, there) in enumerate(zip(wild, calm, strict=True)):
        for resource in driving.MADE:
            assert here[resource] == there[resource], f"{resource} in phase {phase}"
    assert killer.struck


def _later(crew: Crew, before: dict[str, Any]) -> Callable[[], bool]:
    return lambda: (
        crew.leader() is not None and crew.lease()["holderIdentity"] != before["holderIdentity"]
    )


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_standby_takes_over_after_the_leases_time(crew: Crew, kube: Kube) -> None:
    """The leader killed, a standby leads once the Lease has run out, not before, and carries on.

    How soon it does is held in virtual time: `tests/kube/test_lease.py`.
    """
    app = kube.app(component(replicas=6, hooks={"delay": "1s"}))
    app.apply()
    leader = crew.wait_for_leader(kube)
    kube.wait_until("it has begun", app.servers)
    leader.kill()
    before = crew.lease()
    kube.wait_until("the standby leads", _later(crew, before))
    after = crew.lease()
    taken = _moment(after["acquireTime"]) - _moment(before["renewTime"])
    duration = dt.timedelta(seconds=before["leaseDurationSeconds"])
    assert taken >= duration
    app.wait_ready()


def test_clean_stop_hands_over_at_once(crew: Crew, kube: Kube) -> None:
    """A leader that is told to stop lets go of the Lease: nobody waits until it runs out.

    How soon a Lease is taken that nobody has is held in virtual time: `tests/kube/test_lease.py`.
    """
    app = kube.app(component(replicas=30, hooks={"delay": "1s"}))
    app.apply()
    leader = crew.wait_for_leader(kube)
    kube.wait_until("it has begun", app.servers)
    before = crew.lease()
    leader.terminate()
    # Free, or another's already.
    assert crew.lease()["holderIdentity"] != before["holderIdentity"]
    kube.wait_until("the standby leads", _later(crew, before))
    app.wait_ready()
    assert "Traceback" not in leader.log.read_text()


def test_leader_that_was_frozen_writes_nothing_when_it_wakes(crew: Crew, kube: Kube) -> None:
    """Its Lease ran out while it could not notice; another leads, and the old one gives way."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    leader = crew.wait_for_leader(kube)
    before = crew.lease()
    leader.pause()
    try:
        app.set_env("2")
        kube.wait_until("the standby leads", _later(crew, before))
        app.wait_ready()
    finally:
        leader.resume()
    app.set_env("3")
    app.wait_ready()
    # It has noticed: dead, to be started again by the kubelet, or a standby.
    later = crew.wait_for_leader(kube)
    assert later.name != leader.name


def test_delete_while_no_operator_runs_is_carried_out_later(crew: Crew, kube: Kube) -> None:
    """The finalizer keeps everything in place until somebody is there to take it down in order."""
    app = kube.app(component("db"), component("web", dependsOn=["db"]))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    for each in crew.operators:
        each.terminate()
    app.delete()
    found = app.found()
    assert found is not None
    assert found["metadata"]["deletionTimestamp"]
    assert driving.uids(app.pods()) == before
    crew.revive()
    app.wait_gone()


def test_whatever_happened_while_no_operator_ran_is_put_right(crew: Crew, kube: Kube) -> None:
    """Specs changed, pods and servers deleted, applications made: all is seen to afterwards."""
    app = kube.app(component(replicas=4))
    app.apply()
    app.wait_ready()
    for each in crew.operators:
        each.kill()
    kube.delete(Resource.PODS, "shop-web-0")
    kube.annotate(Resource.PODS, "shop-web-1", outcome="fail")
    kube.delete(Resource.SERVERS, "shop-web-2")
    app.component()["replicas"] = 5
    app.apply()
    late = kube.app(component(), name="late")
    late.apply()
    crew.revive()
    for made in (app, late):
        made.wait_ready()
        assert set(made.pods()) == made.pod_names()
    kube.wait_until(
        "all pods are well",
        lambda: all(map(driving.is_ready, app.pods().values())) and len(app.pods()) == 5,
    )


def test_restart_of_the_api_server_is_survived(crew: Crew, kube: Kube) -> None:
    """Watches break in the middle of a rollout; it goes on, and no server is made twice."""
    app = kube.app(component(replicas=10, rollout={"maxUnavailable": 2, "inPlace": "Never"}))
    app.apply()
    app.wait_ready()
    app.set_image("app:2")
    kube.wait_until("it is under way", lambda: (app.counts().get("updated") or 0) > 0)
    crew.owner.restart_apiserver()
    crew.revive()
    app.wait_ready()
    assert driving.running(app.pods().values()) == {"app:2"}
    assert len(app.pods()) == 10
    app.delete()
    app.wait_gone()


def _crd(resource: Resource) -> str:
    place = resources.PLACES[resource]
    name = f"{resource.value}.{place.api_version.partition('/')[0]}"
    return f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"


def _exists(crew: Crew, path: str) -> bool:
    try:
        crew.place.api.get(path)
    except client.ApiError as error:
        # A kind that was just defined is first unknown, then has no storage yet.
        if error.status in {client.NOT_FOUND, client.TOO_MANY, client.UNAVAILABLE}:
            return False
        raise
    return True


def _define_again(crew: Crew, kube: Kube, resource: Resource) -> None:
    """Delete a CRD, with all objects of that kind; apply it again once every watch has ended."""
    path = _crd(resource)
    before = crew.place.api.get(path)
    told = {each.name: len(each.log.read_bytes()) for each in crew.operators}

    def missed() -> bool:
        # The API server ends watches of a kind that is gone after a while.
        logs = [each.log.read_bytes()[told[each.name] :] for each in crew.operators]
        return all(_has_missed(log, resource) for log in logs)

    crew.place.api.delete(path)
    kube.wait_until(f"{resource} is gone", lambda: not _exists(crew, path))
    kube.wait_until(f"{resource} is missed", missed)
    kept = ("name", "labels", "annotations")
    meta = {key: before["metadata"][key] for key in kept if key in before["metadata"]}
    body = {key: before[key] for key in ("apiVersion", "kind", "spec")}
    crew.place.api.create(path.rpartition("/")[0], {**body, "metadata": meta})
    kube.wait_until(
        f"{resource} is back", lambda: _exists(crew, resources.path(resource, kube.namespace))
    )


def _has_missed(log: bytes, resource: Resource) -> bool:
    """Return whether a watch of the kind has ended since it is gone."""
    # The last line may be on its way.
    whole = [json.loads(line) for line in log.split(b"\n")[:-1] if line.startswith(b"{")]
    wanted = {"event": "watch interrupted", "resource": resource, "reason": "NotFound"}
    return any(wanted.items() <= each.items() for each in whole)


@pytest.mark.parametrize(
    "resource", [Resource.OPERATIONS, Resource.SERVERSETS, Resource.APPLICATIONS]
)
def test_kind_that_goes_and_comes_back_stops_no_leader(
    crew: Crew, kube: Kube, resource: Resource
) -> None:
    """A leader that took over outlives a CRD that is deleted and applied again, and goes on."""
    before = crew.lease()
    crew.wait_for_leader(kube).kill()
    # The other one, which has stood by for long, and not the one that is started again.
    crew.place.api.merge(LEASE, {"spec": {"holderIdentity": ""}})
    kube.wait_until("another leads", _later(crew, before))
    leader = crew.wait_for_leader(kube)
    crew.revive()
    first = kube.app(component(), name="first")
    first.apply()
    first.wait_ready()
    _define_again(crew, kube, resource)
    after = kube.app(component(), name="after")
    after.apply()
    after.wait_ready()
    assert leader.alive
    holder = crew.lease()["holderIdentity"]
    assert holder.startswith(f"{leader.name}_")
    after.set_image("app:2")
    after.wait_ready()
    assert driving.running(after.pods().values()) == {"app:2"}
    after.delete()
    after.wait_gone()


def test_an_evacuation_goes_on_after_its_leader_was_killed(crew: Crew, kube: Kube) -> None:
    """Who leads is killed while a zone is emptied: the rest moves, within the budget, and once."""
    rollout = {"maxUnavailable": 1, "maxSurge": 0}
    with nodes.zoned(crew.place, kube, 6, 3) as (label, every):
        one = component(
            replicas=9, rollout=rollout, spread={"require": True}, hooks={"delay": "1s"}
        )
        app = kube.app(one, fleet=label)
        nodes.settle_on(app, label)
        zone = nodes.zone(label, 0)
        there = {name for name, each in app.servers().items() if each["spec"]["domain"] == zone}
        assert len(there) == 3
        fleet = resources.path(Resource.FLEETS, name=label)
        emptied = nodes.domains(label, 3, evacuating=0)
        crew.place.api.merge(fleet, {"spec": {"failureDomains": emptied}})

        def moved() -> set[str]:
            return {name for name, each in app.servers().items() if each["spec"]["incarnation"] > 1}

        kube.wait_until("the first one moves", moved)
        crew.strike()
        kube.wait_until("all have moved", lambda: moved() == there and app.ready())
        assert {each["spec"]["incarnation"] for each in app.servers().values()} == {1, 2}
        left = {each["spec"]["nodeName"] for each in app.pods().values()}
        assert left.isdisjoint(every[::3])
