"""The same faults by other ways, of the public manifests and of what is brought again.

The number in a test's name is the manifest whose kind of fault it is: see `test_case_variants`.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Behaviour, evictions
from tests.simulation.answers import blocked
from tests.simulation.test_cases import Case

pytestmark = pytest.mark.looptime
Json = dict[str, Any]


# ---- 14, 58: let go of, and brought again


async def test_case_14_fewer_are_wanted_than_were_let_go_of() -> None:
    """Those that are wanted are the same; the others go as in any scaling, and their data stays."""
    async with Case("43-scale-by-hand") as case:
        part = case.component()
        del part["volumeClaims"][0]["whenScaled"]
        await case.come_up()
        pods, claims = case.uids(), case.uids(Resource.CLAIMS)
        await case.delete(Resource.APPLICATIONS, case.name, propagation="Orphan")
        await case.until(lambda: not case.names(Resource.APPLICATIONS))
        part["replicas"] = 1
        await case.bring()
        await case.until(case.ready, patience=120)
        await case.until(lambda: len(case.names(Resource.PODS)) == 1, patience=120)
        await case.settle()
        assert case.uids() == {"oops-db-0": pods["oops-db-0"]}
        assert case.uids(Resource.CLAIMS) == claims
        assert blocked(case, Resource.APPLICATIONS, case.name) == []


async def test_case_14_another_release_is_brought_after_it_was_let_go_of() -> None:
    """It is a rollout like any: one at a time, and never a second pod of a name."""
    async with Case("43-scale-by-hand") as case:
        await case.come_up()
        claims = case.uids(Resource.CLAIMS)
        await case.delete(Resource.APPLICATIONS, case.name, propagation="Orphan")
        await case.until(lambda: not case.names(Resource.APPLICATIONS))
        case.image("example.com/db:2")

        async def again() -> None:
            await case.bring()
            await case.until(case.ready, patience=300)

        assert await case.least_up(again()) >= 2
        assert case.uids(Resource.CLAIMS) == claims
        pods = [case.get(Resource.PODS, each) for each in case.names(Resource.PODS)]
        assert {each["spec"]["containers"][0]["image"] for each in pods} == {"example.com/db:2"}


async def test_case_58_let_go_of_twice_and_by_halves() -> None:
    """Orphaned in the middle of coming up, twice: what runs by then is taken up as it is."""
    async with Case("43-scale-by-hand") as case:
        for pause in (0.4, 1.3):
            await case.bring()
            await asyncio.sleep(pause)
            await case.delete(Resource.APPLICATIONS, case.name, propagation="Orphan")
            await case.until(lambda: not case.names(Resource.APPLICATIONS))
        before = case.uids()
        await case.bring()
        await case.until(case.ready, patience=120)
        await case.settle()
        assert before.items() <= case.uids().items()
        assert len(case.names(Resource.PODS)) == 3
        assert blocked(case, Resource.APPLICATIONS, case.name) == []
        await case.rest()


# ---- 53: each clones from the one before


async def test_case_53_one_in_the_middle_comes_back_with_its_data_gone() -> None:
    """It starts once the one before it is available; those after it, which run, are left alone."""
    async with Case("10-claim-grows") as case:
        part = case.component()
        part |= {"start": "Ordered", "replicas": 4}
        await case.come_up()
        before = case.uids()
        case.kubelet.fail("default", "grow-db-0", reason="Error")
        await case.delete(Resource.SERVERS, "grow-db-1")
        await case.delete(Resource.CLAIMS, "data-grow-db-1")
        order: list[str] = []
        seen = dict(before)

        def note(*_: Any) -> None:
            for name, uid in case.uids().items():
                if seen.get(name) != uid:
                    seen[name] = uid
                    first = case.get(Resource.PODS, "grow-db-0") if "grow-db-0" in seen else {}
                    order.append(f"{name} {bool(first) and evictions.is_up(first)}")

        case.server.registry.storage.listeners.append(note)
        await case.until(lambda: case.ready() and len(order) == 2, patience=300)
        assert order == ["grow-db-0 False", "grow-db-1 True"]
        after = case.uids()
        assert [each for each in before if after[each] == before[each]] == [
            "grow-db-2", "grow-db-3",
        ]  # fmt: skip


async def test_case_53_scaled_up_while_the_last_one_is_ill() -> None:
    """Nobody clones from a server that is not available: the next ones wait, and are not made."""
    async with Case("10-claim-grows") as case:
        part = case.component()
        part |= {"start": "Ordered", "replicas": 2}
        await case.come_up()
        case.kubelet.unready("default", "grow-db-1")
        await case.settle()
        part["replicas"] = 4
        await case.bring()
        await asyncio.sleep(60)
        assert case.names(Resource.PODS) == ["grow-db-0", "grow-db-1"]
        case.kubelet.ready("default", "grow-db-1")
        await case.until(case.ready, patience=120)
        assert len(case.names(Resource.PODS)) == 4


# ---- 54: a database that names its volume itself


async def test_case_54_a_volume_of_the_templates_that_is_called_as_the_claim() -> None:
    """The claim's is the one that counts, whatever the template says of it, and it is one."""
    async with Case("10-claim-grows") as case:
        spec = case.component()["template"]["spec"]
        spec["volumes"] = [
            {"name": "data", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "other", "emptyDir": {}},
        ]
        await case.come_up()
        for name in case.names(Resource.PODS):
            volumes = case.get(Resource.PODS, name)["spec"]["volumes"]
            (mine,) = [each for each in volumes if each["name"] == "data"]
            assert mine == {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
            assert {"name": "other", "emptyDir": {}} in volumes
        await case.rest()


async def test_case_54_sixty_seconds_are_kept_where_a_drain_evicts() -> None:
    """An eviction, too, gives a pod the time of its template: nobody shortens it afterwards."""
    async with Case("07-grace") as case:
        await case.come_up()
        case.kubelet.behave = lambda _: Behaviour(stop_seconds=60)
        uid = case.uids()["grace-slow-0"]
        node = case.get(Resource.PODS, "grace-slow-0")["spec"]["nodeName"]
        evictions.cordon(case.server.registry, case.kubelet, node)
        evictions.evict(case.server.registry, "default", "grace-slow-0")
        await case.until(lambda: case.uids().get("grace-slow-0") not in (None, uid), patience=300)
        asked = [
            each.after["metadata"].get("deletionGracePeriodSeconds")
            for each in case.server.writes
            if each.resource is Resource.PODS
            and each.after is not None
            and each.after["metadata"]["uid"] == uid
        ]
        assert {each for each in asked if each is not None} == {120}


# ---- 55: what Helm renders for an empty block


BLANKS: list[tuple[tuple[Any, ...], Any]] = [
    (("template", "metadata"), {}),
    (("template", "metadata", "labels"), None),
    (("template", "metadata", "labels"), {}),
    (("template", "metadata", "annotations"), None),
    (("template", "metadata", "annotations"), {}),
    (("template", "spec", "nodeSelector"), None),
    (("template", "spec", "tolerations"), None),
    (("template", "spec", "tolerations"), []),
    (("template", "spec", "containers", 0, "env"), []),
    (("volumeClaims", 0, "spec", "selector"), None),
    (("volumeClaims", 0, "metadata"), None),
    (("service",), None),
    (("dependsOn",), None),
    (("dependsOn",), []),
]


@pytest.mark.parametrize(
    ("path", "blank"), BLANKS, ids=[".".join(map(str, each[0])) + f"={each[1]}" for each in BLANKS]
)
@pytest.mark.parametrize("in_place", ["WhenPossible", "Never"])
async def test_case_55_an_empty_block_that_comes_and_goes_restarts_nobody(
    path: tuple[Any, ...], blank: Any, in_place: str
) -> None:
    """Beside what runs it is no news: no pod is another, and all is Ready."""
    async with Case("10-claim-grows") as case:
        case.component()["rollout"] = {"inPlace": in_place}
        plain = copy.deepcopy(case.component())
        await case.come_up()
        before = case.uids()
        place: Any = case.component()
        for key in path[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[path[-1]] = blank
        for part in (case.component(), plain):
            case.application["spec"]["components"] = [part]
            await case.bring()
            await case.until(case.ready)
            await case.settle()
            assert case.uids() == before
            assert blocked(case, Resource.APPLICATIONS, case.name) == []
        await case.rest()


async def test_case_55_an_empty_object_that_says_something_is_news() -> None:
    """A selector that is empty means every pod, and one that is absent none: another pod it is."""
    async with Case("10-claim-grows") as case:
        spec = case.component()["template"]["spec"]
        spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        spec["topologySpreadConstraints"] = [spread]
        await case.come_up()
        before = case.uids()
        spec["topologySpreadConstraints"] = [{**spread, "labelSelector": {}}]
        await case.come_up()
        assert not set(before.values()) & set(case.uids().values())


# ---- 56, 57: names with dashes, and what is asked of claims


@pytest.mark.parametrize("part", ["a-0", "db-1", "0", "x-data"])
async def test_case_56_a_components_name_that_looks_like_a_servers(part: str) -> None:
    """Scaled and scaled back, its claims are its own: of others with such names none goes."""
    async with Case("43-scale-by-hand") as case:
        other = copy.deepcopy(case.component())
        case.application["spec"]["components"].append({**other, "name": part})
        await case.come_up()
        claims = case.uids(Resource.CLAIMS)
        assert len(claims) == 6
        case.component(1)["replicas"] = 1
        await case.bring()
        await case.until(case.ready, patience=120)
        await case.until(lambda: len(case.names(Resource.CLAIMS)) == 4, patience=120)
        assert set(claims) - set(case.names(Resource.CLAIMS)) == {
            f"data-oops-{part}-1", f"data-oops-{part}-2",
        }  # fmt: skip
        assert {each: claims[each] for each in case.names(Resource.CLAIMS)} == case.uids(
            Resource.CLAIMS
        )
        await case.rest()


async def test_case_57_claims_whose_metadata_says_that_they_are_somebody_elses() -> None:
    """Labels of Argosy's own are its own: each claim is its server's, and goes with that alone."""
    async with Case("43-scale-by-hand") as case:
        case.component()["volumeClaims"][0]["metadata"] = {
            "labels": {
                names.SERVER_LABEL: "oops-db-0",
                names.COMPONENT_LABEL: "web",
                "app.kubernetes.io/managed-by": "Helm",
            }
        }
        await case.come_up()
        case.component()["replicas"] = 2
        await case.bring()
        await case.until(lambda: len(case.names(Resource.CLAIMS)) == 2, patience=120)
        await case.settle()
        for each in case.names(Resource.CLAIMS):
            labels = case.get(Resource.CLAIMS, each)["metadata"]["labels"]
            assert labels[names.SERVER_LABEL] == each.removeprefix("data-")
        assert case.names(Resource.CLAIMS) == ["data-oops-db-0", "data-oops-db-1"]


# ---- 59: game servers


def _most_down(case: Case, since: int, before: Iterable[str]) -> int:
    """Return how many of these pods were down at once at any write since then."""
    down = dict.fromkeys(before, False)
    most = 0
    for each in itertools.islice(case.server.writes, since, None):
        if each.resource is Resource.PODS and each.name in down:
            down[each.name] = each.after is None or not evictions.is_up(each.after)
            most = max(most, sum(down.values()))
    return most


def images(case: Case) -> dict[str, int]:
    """Return the number of the release that each pod runs."""
    pods = ((each, case.get(Resource.PODS, each)) for each in case.names(Resource.PODS))
    return {
        name: int(pod["spec"]["containers"][0]["image"].rpartition(":")[2]) for name, pod in pods
    }


async def test_case_59_sessions_that_are_held_outlive_rollout_and_scaling_until_they_end() -> None:
    """What the fleet of a game calls Allocated: held by its session, for as long as that lasts."""
    async with Case("24-held") as case:
        part = case.component()
        part["rollout"] = {"maxSurge": "25%", "maxUnavailable": "25%"}
        await case.come_up()
        before = case.uids()
        for each in ("held-web-1", "held-web-2"):
            await case.merge(Resource.SERVERS, each, {"spec": {"held": True}})
        since = len(case.server.writes)
        case.component()["template"]["spec"]["containers"][0]["image"] = "example.com/game:2"
        await case.bring()
        await case.settle(quiet=120)
        assert _most_down(case, since, before) <= 1
        assert {each: case.uids()[each] for each in ("held-web-1", "held-web-2")} == {
            each: before[each] for each in ("held-web-1", "held-web-2")
        }
        # The first session ends: its server, and no other, comes to the new release.
        assert images(case) == {"held-web-0": 2, "held-web-1": 1, "held-web-2": 1, "held-web-3": 2}
        await case.merge(Resource.SERVERS, "held-web-1", {"spec": {"held": False}})
        await case.until(lambda: images(case)["held-web-1"] == 2, patience=300)
        await case.settle()
        assert images(case)["held-web-2"] == 1
        assert case.uids()["held-web-2"] == before["held-web-2"]


async def test_case_59_everything_is_held_and_the_application_goes() -> None:
    """A hold is no finalizer: whoever deletes the application ends the sessions."""
    async with Case("24-held") as case:
        await case.come_up()
        for each in case.servers():
            await case.merge(Resource.SERVERS, each, {"spec": {"held": True}})
        await case.delete(Resource.APPLICATIONS, case.name)
        await case.until(lambda: not case.names(Resource.APPLICATIONS), patience=120)
        assert not case.names(Resource.PODS)


# ---- 60: groups of a leader and a worker


def _group(case: Case) -> None:
    """Have the components be leaders and workers, of whom each waits for its leader."""
    case.application["spec"]["components"] = [
        {**copy.deepcopy(case.component(0)), "name": "leader"},
        {**copy.deepcopy(case.component(0)), "name": "worker", "dependsOn": ["leader"]},
    ]


async def test_case_60_the_workers_find_no_gpu() -> None:
    """Leaders run; what the scheduler says of the workers is told; it is no failure, and ends."""
    async with Case("34-late-node") as case:
        _group(case)
        case.kubelet.behave = lambda pod: Behaviour(
            fate="Unschedulable" if "worker" in pod["metadata"]["name"] else "Ready",
            message="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        )
        await case.bring()
        await asyncio.sleep(500)
        told = case.get(Resource.APPLICATIONS, case.name)["status"]["blockedBy"]
        assert "nvidia.com/gpu" in str(told)
        assert all(not case.attempts(each).get("count") for each in case.names(Resource.SERVERS))
        assert not case.condition(Resource.APPLICATIONS, case.name, "Stalled")
        case.kubelet.behave = lambda _: Behaviour()
        for name in case.names(Resource.PODS):
            if "worker" in name:
                case.kubelet.place("default", name)
        await case.until(case.ready, patience=60)


async def test_case_60_a_release_of_both_comes_to_the_leaders_first() -> None:
    """No worker is of a release that its leaders are not of yet."""
    async with Case("34-late-node") as case:
        _group(case)
        await case.come_up()
        for number in (0, 1):
            case.component(number)["template"]["spec"]["containers"][0]["image"] = "m:2"
        since = len(case.server.writes)
        await case.bring()
        await case.until(case.ready, patience=300)
        now: dict[str, str] = {}
        for each in case.server.writes[:]:
            if each.resource is not Resource.PODS:
                continue
            if each.after is None:
                now.pop(each.name, None)
            else:
                now[each.name] = each.after["spec"]["containers"][0]["image"]
            leaders = {now[name] for name in now if "leader" in name}
            workers = {now[name] for name in now if "worker" in name}
            assert "m:2" not in workers or leaders == {"m:2"}
        assert len(case.server.writes) > since
