"""G9: four operators share a real cluster: killed, frozen, upgraded, nothing is doubled.

These tests have a cluster of their own, whose operators they may do anything to. All of them are
played by operators that watch everything, and by ones that watch their own part alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api import resources
from controller.api.resources import Resource
from controller.kube import members, slots
from devcluster import operator
from proof import history
from tests.e2e import conftest, crews
from tests.e2e.crews import SharingCrew
from tests.e2e.driving import App, Kube, Place, component, condition

pytestmark = pytest.mark.e2e
LONG = crews.LONG

REPLICAS = 4
# How far a new owner's writes may lie behind what an old one had seen.
SLACK = 30.0
NAMES = [f"shop{number}" for number in range(10)]
# What operators write for, and what a test leaves goes for a while.
LAST = (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS)
REST_SECONDS = 30.0
# Where the size proves nothing more.
FEW, SMALL = NAMES[:4], 6


@pytest.fixture(scope="module", params=crews.WATCHES)
def values(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """How they share the work."""
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture(scope="module")
def own_place(tmp_path_factory: pytest.TempPathFactory, values: tuple[str, ...]) -> Iterator[Place]:
    """A cluster with four operators that share the work, and that no other test uses."""
    folder = tmp_path_factory.mktemp("replicas")
    with crews.opened(folder, replicas=REPLICAS, values=values) as place:
        yield place


@pytest.fixture
def crew(own_place: Place, values: tuple[str, ...]) -> Iterator[SharingCrew]:
    """Four living operators, as they are before and after each test."""
    assert own_place.cluster is not None
    made = SharingCrew(own_place, own_place.cluster, values)
    made.revive()
    yield made
    made.revive()


@pytest.fixture
def kube(crew: SharingCrew) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(crew.place, slack=SLACK)


@pytest.fixture
def elsewhere(crew: SharingCrew) -> Iterator[Kube]:
    """Another namespace of that cluster."""
    yield from conftest.namespace_of(crew.place, slack=SLACK)


def restart(kube: Kube, name: str) -> None:
    """Ask for a restart of all of an application's servers."""
    kube.create(
        Resource.OPERATIONS,
        {
            "metadata": {"name": f"restart-{name}", "namespace": kube.namespace},
            "spec": {"application": name, "action": "Restart", "concurrency": 3},
        },
    )


def have_succeeded(kube: Kube) -> bool:
    """Return whether all operations have ended well."""
    found = kube.list(Resource.OPERATIONS).values()
    return all(condition(each, "Succeeded").get("status") == "True" for each in found)


def has_begun(apps: list[App]) -> bool:
    """Return whether a server of these has been made anew."""
    return any(
        server["spec"]["incarnation"] > 1 for app in apps for server in app.servers().values()
    )


def test_a_killed_replicas_part_goes_on_elsewhere(crew: SharingCrew, kube: Kube) -> None:
    """Kill -9 of one of four amid a rollout and restarts: others get its slots, and go on.

    How soon, the simulation says. No server is doubled, no restart is, and every budget is kept:
    the checker says so.
    """
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, NAMES, 20)
    for each in apps[:4]:
        restart(kube, each.name)
    for each in apps[4:]:
        each.set_env("2")
    victim = crew.operators[0]
    left = crew.others(victim)
    kube.wait_until("a restart has begun", lambda: has_begun(apps[:4]))
    victim.kill()
    crew.wait_shared(kube, left)
    for each in apps:
        each.wait_ready()
    kube.wait_until("restarted", lambda: have_succeeded(kube))
    incarnations = {
        server["spec"]["incarnation"] for app in apps[:4] for server in app.servers().values()
    }
    assert incarnations == {2}


@LONG
def test_a_frozen_replica_writes_nothing_when_it_wakes(crew: SharingCrew, kube: Kube) -> None:
    """SIGSTOP for a minute amid a rollout, then SIGCONT: it ends, and has written nothing."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, NAMES, 20)
    for each in apps:
        each.set_env("2")
    victim = crew.operators[1]
    left = crew.others(victim)
    victim.pause()
    try:
        frozen = time.time()
        crew.wait_shared(kube, left)
        for each in apps:
            each.wait_ready()
            each.set_env("3")
        kube.wait_until("a minute", lambda: time.time() - frozen > 60, 90)
    finally:
        victim.resume()
    kube.wait_until("it ends", lambda: not victim.alive)
    for each in apps:
        each.wait_ready()
    woken = frozen + 30
    late = [
        each.object
        for each in kube.history().ours
        if each.agent.endswith(f" {victim.name}") and each.received > woken
    ]
    assert late == []


def test_replicas_that_leave_hand_over(crew: SharingCrew, kube: Kube) -> None:
    """Asked to end, a replica leaves its slots to the others, and gets some back."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, NAMES, 20)
    for each in apps:
        each.set_env("2")
    victim = crew.operators[2]
    left = crew.others(victim)
    victim.terminate()
    crew.wait_shared(kube, left)
    victim.start()
    crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()


@LONG
def test_upgraded_one_by_one_from_one_leader(crew: SharingCrew, kube: Kube) -> None:
    """Replicas that lead alone are replaced by ones that share, amid a rollout, one by one."""
    operators = operator.run(crew.owner, replicas=2)
    apps = [kube.app(component(replicas=10), name=name) for name in NAMES[:4]]
    for each in apps:
        each.apply()
    for each in apps:
        each.wait_ready()
        each.set_env("2")
    for one in operators:
        one.terminate()
        one.asked(*crews.WORDS[crew.values]).start()
    crew.wait_shared(kube, {each.name for each in operators})
    for each in apps:
        each.wait_ready()
    crew.share(replicas=REPLICAS)
    crew.wait_shared(kube)


def test_at_rest_only_heartbeats_are_written(crew: SharingCrew, kube: Kube) -> None:
    """Once all is well, four replicas write nothing for half a minute but their Leases."""
    crew.wait_shared(kube)
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    # What the tests before this one left goes for a while.
    kube.wait_until(
        "what is of others is gone",
        lambda: [len(_everywhere(crew, each)) for each in LAST] == [1, 1, 3],
    )
    since = time.time()

    def rests() -> bool:
        nonlocal since
        if time.time() <= since + REST_SECONDS:
            return False
        latest = _latest(crew)
        if latest <= since:
            return True
        since = latest
        return False

    kube.wait_until("half a minute without a write", rests)


def _everywhere(crew: SharingCrew, resource: Resource) -> list[Any]:
    """Return the objects of a resource in all namespaces."""
    found: list[Any] = crew.place.api.get(resources.path(resource))["items"]
    return found


def _latest(crew: SharingCrew) -> float:
    """Return when operators wrote last, but for Leases."""
    assert crew.place.audit_log is not None
    told: Any = history.check(crew.place.audit_log, rules=()).history
    return max((each.received for each in told.ours), default=0.0)


@LONG
def test_all_die_and_those_that_come_go_on(crew: SharingCrew, kube: Kube) -> None:
    """Kill -9 of all four amid a rollout: nobody handed anything over, and all goes on once."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, FEW, SMALL)
    for each in apps:
        each.set_env("2")
    for one in crew.operators:
        one.kill()
    crew.revive()
    crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()


@LONG
def test_from_four_to_one_to_four_to_one(crew: SharingCrew, kube: Kube) -> None:
    """Replicas go and come one by one amid rollouts; the one that stays has all in between."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, FEW, SMALL)
    stays, *rest = crew.operators
    for turn in range(2):
        for number, one in enumerate(rest):
            for each in apps:
                each.set_env(f"down-{turn}-{number}")
            one.terminate()
        crew.wait_shared(kube, {stays.name})
        if turn == 0:
            for number, one in enumerate(rest):
                for each in apps:
                    each.set_env(f"up-{number}")
                one.start()
            crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()


@LONG
def test_whose_heartbeat_a_person_deletes_ends(crew: SharingCrew, kube: Kube) -> None:
    """Its slots are others' after a while, its next process gets a part; nothing has two owners."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, FEW, SMALL)
    victim = crew.operators[3]
    for each in apps:
        each.set_env("2")
    crew.place.api.delete(f"{crews.LEASES}/{members.heartbeat(victim.name)}")
    kube.wait_until("it ends", lambda: not victim.alive)
    crew.wait_shared(kube, crew.others(victim))
    victim.start()
    crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()


@LONG
@pytest.mark.parametrize("hand", ["delete", "stranger", "other", "nobody"])
def test_a_slots_lease_in_a_persons_hands(crew: SharingCrew, kube: Kube, hand: str) -> None:
    """Deleted, or given to somebody or nobody amid a rollout: the slots rest, and go on."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, FEW, SMALL)
    held = crew.place.api.get(crews.LEASES)["items"]
    holders = {each["metadata"]["name"]: each["spec"].get("holderIdentity") for each in held}
    for each in apps:
        each.set_env("2")
    # Of two applications the slot may be the same.
    for name in sorted({slots.lease(slots.of(kube.namespace, each.name)) for each in apps}):
        others = {one for lease, one in holders.items() if lease in slots.LEASES}
        taker = min(others - {holders[name]})
        if hand == "delete":
            crew.place.api.delete(f"{crews.LEASES}/{name}")
        else:
            holder = {"stranger": "someone", "other": taker, "nobody": ""}[hand]
            crew.place.api.merge(f"{crews.LEASES}/{name}", {"spec": {"holderIdentity": holder}})
    for each in apps:
        each.set_env("3")
    for each in apps:
        each.wait_ready()
    crew.wait_shared(kube)
    assert all(one.alive for one in crew.operators)


def test_replicas_for_some_namespaces_share_them(
    crew: SharingCrew, kube: Kube, elsewhere: Kube
) -> None:
    """With `watchNamespaces` two share, one dies, the other goes on; elsewhere nothing is done."""
    watched = f"watchNamespaces={{{kube.namespace}}}"
    first, second = crew.share(replicas=2, values=[watched])
    crew.wait_shared(kube)
    other = elsewhere.app(component())
    other.apply()
    apps = crews.run_shops(kube, FEW, SMALL)
    for each in apps:
        each.set_env("2")
    first.kill()
    crew.wait_shared(kube, {second.name})
    for each in apps:
        each.wait_ready()
    assert other.status() == {}
    told = second.log.read_text(errors="replace")
    assert "orbidden" not in told, told[-2000:]
    crew.share(replicas=REPLICAS)
    crew.wait_shared(kube)
    other.wait_ready()
