"""Whole lives of applications, in virtual time, on the engine as it is."""

import asyncio

import pytest

from controller import errors
from controller.api.resources import Resource
from controller.planning.keys import Key
from controller.reasons import ForeignReason
from fakes.api_server import Behaviour, Faults, Kubelet
from fakes.api_server.chaos import Rule, Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime


async def test_an_application_comes_up_and_then_nothing_is_written() -> None:
    """Converged means silent: ten virtual minutes without a write."""
    async with Universe() as universe:
        await universe.apply(
            application("shop", component("db", 2), component("web", 5, dependsOn=["db"]))
        )
        await universe.until(universe.is_ready)
        assert universe.names(Resource.PODS) == [
            "shop-db-0", "shop-db-1", *(f"shop-web-{n}" for n in range(5))
        ]  # fmt: skip
        await universe.settle()
        before = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == before


async def test_a_converged_server_costs_three_writes() -> None:
    """Server, pod, one status; all else does not grow with the servers."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 200)))
        await universe.until(universe.is_ready)
        await universe.settle()
        ours = [w for w in universe.server.writes if w.cause.actor == "argosy"]
        each = [w for w in ours if w.resource in (Resource.SERVERS, Resource.PODS)]
        assert len(each) == 600
        assert len(ours) - len(each) <= 25


async def test_a_small_application_costs_thirteen_writes() -> None:
    """Each server three; of the application and of its set all is told once, when they are up.

    The set's budget for evictions is one of the thirteen.
    """
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        ours = [
            (each.resource, each.cause.subresource)
            for each in universe.server.writes
            if each.cause.actor == "argosy"
        ]
        told = [resource for resource, part in ours if part == "status"]
        assert sorted(told) == ["applications", "servers", "servers", "serversets"]
        assert len(ours) == 13


def telling(universe: Universe) -> dict[Resource, int]:
    """Return how often a status of each kind was written."""
    told = [each.resource for each in universe.server.writes if each.cause.subresource == "status"]
    return {each: told.count(each) for each in (Resource.APPLICATIONS, Resource.SERVERSETS)}


async def test_what_is_told_late_is_told_as_it_is_by_then() -> None:
    """Where the API server is slow, statuses stand in line; what was overtaken is no write.

    Forty applications at once keep it busy for twenty seconds, so each says once that it is under
    way, and each set, too.
    """
    async with Universe() as universe:
        slow = Verdict(there=0.15)
        universe.faults.rules.append(
            Rule(matches=lambda each: each.writes, verdict=slow, times=None)
        )
        bodies = [application(f"shop{number}", component("web", 2)) for number in range(40)]
        await asyncio.gather(*map(universe.apply, bodies))
        await universe.settle()
        assert all(universe.is_ready(f"shop{number}") for number in range(40))
        told = telling(universe)
        assert told[Resource.SERVERSETS] <= 2 * 40
        assert told[Resource.APPLICATIONS] <= 3 * 40


async def test_what_takes_long_to_come_up_says_so() -> None:
    """A new application is silent for three seconds, and no longer."""
    async with Universe(kubelet=Kubelet(lambda _: Behaviour(start_seconds=30.0))) as universe:
        await universe.apply(application("shop", component("web", 2)))
        await asyncio.sleep(2.5)
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "Unknown"
        await asyncio.sleep(1.0)
        assert universe.condition(Resource.APPLICATIONS, "shop")["reason"] == "Progressing"
        assert universe.condition(Resource.SERVERSETS, "shop-web")["reason"] == "Progressing"


async def test_a_new_application_with_something_wrong_says_so_at_once() -> None:
    """What is paused, or wants a fleet that nobody made, is told before a person can ask."""
    async with Universe() as universe:
        await universe.apply(application("lost", component("web", 2), fleet="nowhere"))
        await universe.apply(application("still", component("web", 2), paused=True))
        await asyncio.sleep(1.0)
        for name in ("lost", "still"):
            told = universe.get(Resource.APPLICATIONS, name)["status"]
            assert told["observedGeneration"] == 1, name
        lost = universe.get(Resource.APPLICATIONS, "lost")["status"]
        assert "nowhere" in str(lost["conditions"])
        assert universe.condition(Resource.APPLICATIONS, "still")["reason"] == "Paused"


async def test_a_restart_holds_the_first_status_back_no_longer_than_again_three_seconds() -> None:
    """The next operator knows nothing of how long the last one held back, and tells of it, too."""
    async with Universe(kubelet=Kubelet(lambda _: Behaviour(start_seconds=60.0))) as universe:
        await universe.apply(application("shop", component("web", 2)))
        await asyncio.sleep(2.0)
        await universe.crash()
        await asyncio.sleep(4.0)
        assert universe.condition(Resource.APPLICATIONS, "shop")["reason"] == "Progressing"


async def test_deleting_leaves_nothing_behind() -> None:
    """Reverse order, finalizers lifted last, nothing of ours left."""
    async with Universe() as universe:
        await universe.apply(
            application("shop", component("db", 2), component("web", 5, dependsOn=["db"]))
        )
        await universe.until(universe.is_ready)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        for resource in (
            Resource.SERVERSETS, Resource.SERVERS, Resource.PODS, Resource.SERVICES,
            Resource.REVISIONS,
        ):  # fmt: skip
            assert universe.names(resource) == []


async def test_a_delete_cuts_across_a_create_of_thousands() -> None:
    """G6: the first teardown goes out while creates wait, and no create follows it by much."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 3000)))
        await universe.until(lambda: len(universe.names(Resource.SERVERS)) > 300)
        await universe.delete(Resource.APPLICATIONS, "shop")
        asked = universe.server.now()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        ours = [w for w in universe.server.writes if w.cause.actor == "argosy"]
        late = [w for w in ours if w.time > asked + 0.1 and w.before is None]
        torn = [w for w in ours if w.cause.verb == "delete"]
        assert not [w for w in late if w.resource in (Resource.SERVERS, Resource.PODS)]
        assert min(w.time for w in torn) - asked < 0.1
        assert universe.names(Resource.PODS) == []


async def test_a_new_image_rolls_within_its_budget() -> None:
    """Never fewer than replicas less maxUnavailable are Ready by our own doing."""
    async with Universe() as universe:
        rollout = {"maxUnavailable": 2, "inPlace": "Never"}
        await universe.apply(application("shop", component("web", 10, rollout=rollout)))
        await universe.until(universe.is_ready)
        least = 10

        def rolled() -> bool:
            nonlocal least
            pods = universe.server.objects[Resource.PODS].values()
            ready = sum(
                any(c["type"] == "Ready" and c["status"] == "True"
                    for c in pod.get("status", {}).get("conditions", []))
                and not pod["metadata"].get("deletionTimestamp")
                for pod in pods
            )  # fmt: skip
            least = min(least, ready)
            return universe.is_ready() and all(
                pod["spec"]["containers"][0]["image"] == "app:2" for pod in pods
            )

        await universe.apply(
            application("shop", component("web", 10, image="app:2", rollout=rollout))
        )
        await universe.until(rolled)
        assert least == 8


async def test_an_image_alone_is_changed_in_place() -> None:
    """The pods keep their UIDs, and are Ready again before the rollout ends."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 4)))
        await universe.until(universe.is_ready)
        before = {
            name: universe.get(Resource.PODS, name)["metadata"]["uid"]
            for name in universe.names(Resource.PODS)
        }
        await universe.apply(application("shop", component("web", 4, image="app:2")))
        await universe.until(
            lambda: (
                universe.is_ready()
                and all(
                    universe.get(Resource.PODS, name)["spec"]["containers"][0]["image"] == "app:2"
                    for name in before
                )
            )
        )
        after = {
            name: universe.get(Resource.PODS, name)["metadata"]["uid"]
            for name in universe.names(Resource.PODS)
        }
        assert after == before


async def test_a_killed_pod_comes_back() -> None:
    """Drift is put right: the same name, another pod."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 3)))
        await universe.until(universe.is_ready)
        old = universe.get(Resource.PODS, "shop-web-1")["metadata"]["uid"]
        await universe.delete(Resource.PODS, "shop-web-1")
        await universe.until(
            lambda: (
                "shop-web-1" in universe.names(Resource.PODS)
                and universe.get(Resource.PODS, "shop-web-1")["metadata"]["uid"] != old
                and universe.is_ready()
            )
        )


async def test_lost_answers_double_nothing() -> None:
    """G3: each create's answer is lost once after it took effect; the exact set comes up."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        for resource in (Resource.SERVERS, Resource.PODS, Resource.SERVERSETS):
            faults.on(
                "create",
                resource,
                verdict=Verdict(after=errors.UnknownOutcome("lost", reason=ForeignReason("Lost"))),
                times=3,
            )
        await universe.apply(application("shop", component("web", 8)))
        await universe.until(universe.is_ready)
        assert len(universe.names(Resource.PODS)) == 8
        created = [w.name for w in universe.server.writes
                   if w.resource is Resource.PODS and w.before is None]  # fmt: skip
        assert len(created) == len(set(created)) == 8


FORBIDDEN = (
    'servers "shop-web-0" is forbidden: User "argosy" cannot create resource "servers" in API group'
    ' "argosy.dev" in the namespace "default"'
)


async def test_an_api_server_that_forbids_everything_at_first_is_not_believed() -> None:
    """A young API server has not read its roles yet: seconds later everything is as asked for."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        loop = asyncio.get_running_loop()
        for resource in (Resource.SERVERS, Resource.PODS, Resource.SERVERSETS, Resource.SERVICES):
            refused = Verdict(before=refuse(403, "Forbidden", FORBIDDEN))
            faults.on("create", resource, verdict=refused, times=3)
        began = loop.time()
        await universe.apply(application("shop", component("web", 3)))
        await universe.until(universe.is_ready)
        assert loop.time() - began < 60


async def test_a_permission_that_lacks_is_told() -> None:
    """Forbidden again and again, the set stalls and says what it may not do."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        refused = Verdict(before=refuse(403, "Forbidden", FORBIDDEN))
        faults.on("create", Resource.SERVERS, verdict=refused, times=1000)
        await universe.apply(application("shop", component("web", 1)))
        await universe.until(
            lambda: (
                universe.condition(Resource.APPLICATIONS, "shop", "Stalled").get("reason")
                == "Forbidden"
            )
        )


async def test_a_watch_that_lags_for_minutes_makes_no_surplus() -> None:
    """Where ReplicaSet makes surplus pods, the gate waits: it knows no timeout."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await universe.apply(application("shop", component("web", 5)))
        await universe.until(lambda: len(universe.names(Resource.SERVERSETS)) == 1)
        faults.freeze(Resource.SERVERS, Resource.PODS)
        await universe.until(lambda: len(universe.names(Resource.SERVERS)) > 0, patience=900)

        await asyncio.sleep(600)
        faults.thaw()
        await universe.until(universe.is_ready)
        created = [
            w.name
            for w in universe.server.writes
            if w.resource in (Resource.PODS, Resource.SERVERS) and w.before is None
        ]
        assert len(created) == 10


async def test_what_is_orphaned_stays_while_watches_lag() -> None:
    """The application's watch tells that its sets were let go before theirs do: none is deleted."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await universe.apply(application("shop", component("web", 3)))
        await universe.until(universe.is_ready)
        await universe.settle()
        faults.freeze(Resource.SERVERSETS)
        await universe.delete(Resource.APPLICATIONS, "shop", propagation="Orphan")
        await asyncio.sleep(30)
        faults.thaw()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        assert "deletionTimestamp" not in universe.get(Resource.SERVERSETS, "shop-web")["metadata"]
        assert len(universe.names(Resource.PODS)) == 3


async def test_what_went_with_its_finalizer_is_not_written_to_again() -> None:
    """Its last write is answered with a version that is long seen: the cache must lose it first."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await universe.apply(application("shop", component("web", 3), deletion={"drainSeconds": 0}))
        await universe.until(universe.is_ready)
        slow = Verdict(there=5.0)
        counted = faults.on("patch", Resource.SERVERS, subresource="", verdict=slow, times=1000)
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.PODS))
        faults.freeze(Resource.SERVERS)
        assert len(universe.names(Resource.SERVERS)) == 3
        await universe.until(lambda: not universe.names(Resource.SERVERS))
        for _ in range(20):
            # What belongs to a server changes, so it is looked at.
            universe.process.engine.touch(Key(Resource.SERVERS, "default", "shop-web-1"))
            await asyncio.sleep(5)
        assert counted.times == 1000 - 3
        faults.thaw()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))


@pytest.mark.unjudged(reason="nothing can be told while no API server answers")
@pytest.mark.parametrize("after", [0.2, 2.0])
async def test_an_hour_without_an_api_server_is_survived(after: float) -> None:
    """The same process goes on where it was: soon, and without making anything twice."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        loop = asyncio.get_running_loop()
        process = universe.process
        await universe.apply(
            application("shop", component("db", 2), component("web", 20, dependsOn=["db"]))
        )
        await asyncio.sleep(after)
        faults.crash()
        await asyncio.sleep(3600)
        faults.down = False
        began = loop.time()
        await universe.until(universe.is_ready)
        assert loop.time() - began < 120
        assert universe.process is process
        created = [
            w.name
            for w in universe.server.writes
            if w.resource is Resource.PODS and w.before is None
        ]
        assert len(created) == len(set(created)) == 22


async def test_crashes_at_any_moment_change_nothing_in_the_end() -> None:
    """G2: killed again and again, the operator still makes each pod exactly once."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 40)))
        for _ in range(12):
            await asyncio.sleep(0.03)
            await universe.crash()
        await universe.until(universe.is_ready)
        created = [w.name for w in universe.server.writes
                   if w.resource is Resource.PODS and w.before is None]  # fmt: skip
        assert len(created) == len(set(created)) == 40


async def test_a_restart_reaches_every_server_once_within_its_concurrency() -> None:
    """G5: fifty servers, a quarter at a time: never more than twelve down, each restarted once."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 50)))
        await universe.until(universe.is_ready)
        before = {n: universe.get(Resource.PODS, n)["metadata"]["uid"]
                  for n in universe.names(Resource.PODS)}  # fmt: skip
        most = 0

        def done() -> bool:
            nonlocal most
            up = 0
            for pod in universe.server.objects[Resource.PODS].values():
                said = pod.get("status", {}).get("conditions", [])
                ready = any(c["type"] == "Ready" and c["status"] == "True" for c in said)
                up += ready and not pod["metadata"].get("deletionTimestamp")
            most = max(most, 50 - up)
            found = universe.condition(Resource.OPERATIONS, "again", "Succeeded")
            return found.get("status") == "True"

        await universe.apply(operation("again", "shop", "Restart", concurrency="25%"))
        await universe.until(done)
        after = {n: universe.get(Resource.PODS, n)["metadata"]["uid"]
                 for n in universe.names(Resource.PODS)}  # fmt: skip
        assert most <= 12
        assert all(after[name] != uid for name, uid in before.items())
        created = [w for w in universe.server.writes
                   if w.resource is Resource.PODS and w.before is None]  # fmt: skip
        assert len(created) == 100


async def test_the_last_of_fifty_fails_for_good_and_the_others_are_kept() -> None:
    """G4: budget and policy decide; what works is left alone, and who gives up makes no more."""
    kubelet = Kubelet(
        lambda pod: Behaviour(
            fate="Failed" if pod["metadata"]["name"] == "shop-web-49" else "Ready"
        )
    )
    async with Universe(kubelet=kubelet) as universe:
        backoff = {"initialSeconds": 1, "maxSeconds": 2}
        recovery = {"attempts": 2, "backoff": backoff, "giveUp": True}
        await universe.apply(application("shop", component("web", 50, recovery=recovery)))
        await universe.until(
            lambda: (
                universe.condition(Resource.SERVERS, "shop-web-49", "Stalled").get("status")
                == "True"
            )
        )
        await universe.settle()
        ready = [
            name for name in universe.names(Resource.SERVERS)
            if universe.condition(Resource.SERVERS, name).get("status") == "True"
        ]  # fmt: skip
        assert len(ready) == 49
        assert universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]


async def test_a_rollout_and_a_restart_that_begin_at_once_share_one_allowance() -> None:
    """Neither has seen what the other is about to do; together they still take down two at most."""
    async with Universe() as universe:
        rollout = {"maxUnavailable": 2, "inPlace": "Never"}
        await universe.apply(application("shop", component("web", 6, rollout=rollout)))
        await universe.until(universe.is_ready)
        await universe.settle()
        since = len(universe.server.writes)
        changed = component("web", 6, image="app:2", rollout=rollout)
        await asyncio.gather(
            universe.apply(application("shop", changed)),
            universe.apply(operation("again", "shop", "Restart", concurrency=2)),
        )
        await universe.until(
            lambda: (
                universe.condition(Resource.OPERATIONS, "again", "Succeeded").get("status")
                == "True"
            )
        )
        await universe.until(universe.is_ready)
        down: dict[str, bool] = {}
        most = 0
        for write in universe.server.writes[since:]:
            if write.resource is Resource.SERVERS and write.after is not None:
                spec, status = write.after["spec"], write.after.get("status", {})
                down[write.name] = spec["incarnation"] != status.get("incarnation")
                most = max(most, sum(down.values()))
        assert most == 2
