"""The same faults by other ways: what somebody tries who knows the manifests of `test_cases`.

The number in a test's name is the case whose kind of fault it is. `docs/explanation/cases.md`
lists these beside the cases, and whatever tests of the same kind stand elsewhere.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from controller import errors
from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Behaviour, chaos, evictions
from fakes.api_server.refusal import refuse
from tests.simulation.answers import Answer, blocked
from tests.simulation.test_cases import Case

pytestmark = pytest.mark.looptime
Json = dict[str, Any]


def graces(case: Case) -> dict[str, int]:
    """Return the longest time to end that each pod on its way out was given, by UID."""
    found: dict[str, int] = {}
    for each in case.server.writes:
        if each.resource is Resource.PODS and each.after is not None:
            meta = each.after["metadata"]
            if (grace := meta.get("deletionGracePeriodSeconds")) is not None:
                found[meta["uid"]] = max(grace, found.get(meta["uid"], 0))
    return found


# ---- 05: somebody else's disruption budget, and a drain


BUDGETS: list[Json] = [
    {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    {"maxUnavailable": "26%", "selector": {"matchLabels": {"app": "web"}}},
    {"maxUnavailable": 1, "selector": {"matchLabels": {names.APPLICATION_LABEL: "pdb"}}},
]


@pytest.mark.parametrize("spec", BUDGETS, ids=lambda each: "-".join(map(str, each.values()))[:24])
async def test_case_05_a_budget_that_comes_in_the_middle_of_a_drain(spec: Json) -> None:
    """Two over one pod refuse every eviction: ours gives way at once, and the drain ends."""
    async with Case("05-pdb-max-unavailable") as case:
        await case.come_up()
        drain = asyncio.create_task(evictions.drain(case.server.registry, case.kubelet, "node-0"))
        # Between two tries of the drain, which are five seconds apart.
        await asyncio.sleep(2)
        body = {"metadata": {"name": "theirs"}, "spec": spec}
        case.server.registry.create(Resource.DISRUPTION_BUDGETS, "default", body, actor="user")
        await asyncio.wait_for(drain, 300)
        await case.until(case.ready)
        assert case.names(Resource.DISRUPTION_BUDGETS) == ["theirs"]
        await case.rest()


async def test_case_05_one_budget_over_two_components() -> None:
    """Both components' own budgets give way to it; a drain of each node ends."""
    async with Case("05-pdb-max-unavailable") as case:
        other = copy.deepcopy(case.component())
        case.application["spec"]["components"].append({**other, "name": "api"})
        await case.come_up()
        assert len(case.names(Resource.DISRUPTION_BUDGETS)) == 2
        body = {
            "metadata": {"name": "both"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }
        case.server.registry.create(Resource.DISRUPTION_BUDGETS, "default", body, actor="user")
        await case.settle()
        assert case.names(Resource.DISRUPTION_BUDGETS) == ["both"]
        for node in range(3):
            name = f"node-{node}"
            await asyncio.wait_for(evictions.drain(case.server.registry, case.kubelet, name), 600)
            await case.until(case.ready)
            evictions.cordon(case.server.registry, case.kubelet, name, on=False)


# ---- 07: how long a server has to end


async def test_case_07_a_pod_has_the_time_that_it_was_made_with() -> None:
    """The template says less by now: who runs with 120 seconds keeps them, in every way out."""
    async with Case("07-grace") as case:
        part = case.component()
        part["replicas"] = 3
        part["rollout"] = {"maxUnavailable": 1, "inPlace": "Never"}
        await case.come_up()
        case.kubelet.behave = lambda _: Behaviour(stop_seconds=5)
        slow = {name: uid for name, uid in case.uids().items() if "slow" in name}
        part["template"]["spec"]["terminationGracePeriodSeconds"] = 3
        await case.bring()
        await case.until(case.ready, patience=900)
        told = graces(case)
        assert {told[uid] for uid in slow.values()} == {120}


@pytest.mark.parametrize("way", ["scaled", "restarted", "removed", "deleted by hand"])
async def test_case_07_whoever_ends_a_server_gives_it_its_time(way: str) -> None:
    """By scaling, an operation, a component that is dropped, or a Server that is deleted."""
    async with Case("07-grace") as case:
        case.component()["replicas"] = 2
        await case.come_up()
        case.kubelet.behave = lambda _: Behaviour(stop_seconds=5)
        name = "grace-slow-1"
        uid = case.uids()[name]
        if way == "scaled":
            case.component()["replicas"] = 1
            await case.bring()
        elif way == "removed":
            del case.application["spec"]["components"][0]
            await case.bring()
        elif way == "restarted":
            await case.apply({
                "apiVersion": "argosy.dev/v1alpha1", "kind": "Operation",
                "metadata": {"name": "again", "namespace": "default"},
                "spec": {"application": case.name, "action": "Restart"},
            })  # fmt: skip
        else:
            await case.delete(Resource.SERVERS, name)
        await case.until(lambda: case.uids().get(name) != uid, patience=300)
        assert graces(case)[uid] == 120


# ---- 08: whose labels a pod has


async def test_case_08_a_template_that_claims_argosys_own_labels() -> None:
    """Those are Argosy's: each pod is known as what it is, and nothing is fought over."""
    async with Case("08-labels") as case:
        labels = case.component()["template"]["metadata"]["labels"]
        labels |= {
            names.APPLICATION_LABEL: "other",
            names.COMPONENT_LABEL: "db",
            names.SERVER_LABEL: "labels-web-1",
            "statefulset.kubernetes.io/pod-name": "mine",
            "apps.kubernetes.io/pod-index": "77",
        }
        await case.come_up()
        for each in case.names(Resource.PODS):
            found = case.get(Resource.PODS, each)["metadata"]["labels"]
            assert found[names.APPLICATION_LABEL] == "labels"
            assert found[names.COMPONENT_LABEL] == "web"
            assert found[names.SERVER_LABEL] == each
            assert found["app.kubernetes.io/name"] == "api"
            assert found["statefulset.kubernetes.io/pod-name"] == "mine"
        await case.rest()
        await case.delete(Resource.APPLICATIONS, case.name)
        await case.until(lambda: not case.names(Resource.PODS))


async def test_case_08_a_label_that_the_template_drops_and_another_that_it_takes() -> None:
    """A Service that selects by them loses no pod but one at a time, and then finds all again."""
    async with Case("08-labels") as case:
        part = case.component()
        part["replicas"] = 4
        part["rollout"] = {"maxUnavailable": 1}
        await case.come_up()
        labels = part["template"]["metadata"]["labels"]
        labels["app.kubernetes.io/component"] = "door"
        del labels["app.kubernetes.io/managed-by"]
        selector = case.brought("Service")["spec"]["selector"]

        async def roll() -> None:
            await case.bring()
            await case.until(case.ready, patience=300)

        assert await case.least_up(roll()) >= 3
        for each in case.names(Resource.PODS):
            found = case.get(Resource.PODS, each)["metadata"]["labels"]
            assert selector.items() <= found.items()
            assert found["app.kubernetes.io/component"] == "door"
            # Dropped by the template: the usual one is back.
            assert found["app.kubernetes.io/managed-by"] == "argosy"
        await case.rest()


async def test_case_08_a_label_that_comes_off_by_hand() -> None:
    """Who takes a pod out of its Service to look at it keeps it out until the next release.

    Labels of the template are anybody's once the pod is made: nobody fights, and no pod goes.
    """
    async with Case("08-labels") as case:
        await case.come_up()
        before = case.uids()
        off = {"metadata": {"labels": {"app.kubernetes.io/name": None}}}
        await case.merge(Resource.PODS, "labels-web-0", off)
        await case.rest()
        assert case.uids() == before
        assert case.ready()
        case.image("example.com/web:2")
        await case.come_up()
        for each in case.names(Resource.PODS):
            found = case.get(Resource.PODS, each)["metadata"]["labels"]
            assert found["app.kubernetes.io/name"] == "api"


# ---- 10: claims that grow


@pytest.mark.parametrize("order", [("grow", "image"), ("image", "grow"), ("both",)], ids="-".join)
async def test_case_10_a_claim_grows_beside_a_rollout(order: tuple[str, ...]) -> None:
    """In whatever order: each claim is the same and asks for more, each pod is replaced once."""
    async with Case("10-claim-grows") as case:
        part = case.component()
        part["rollout"] = {"inPlace": "Never", "maxUnavailable": 1}
        await case.come_up()
        claims, since = case.uids(Resource.CLAIMS), len(case.server.writes)
        request = part["volumeClaims"][0]["spec"]["resources"]["requests"]
        for each in order:
            if each != "image":
                request["storage"] = "3Gi"
            if each != "grow":
                part["template"]["spec"]["containers"][0]["image"] = "example.com/db:2"
            await case.bring()
            await asyncio.sleep(0.5)
        await case.until(case.ready, patience=300)
        await case.settle()
        assert case.uids(Resource.CLAIMS) == claims
        for name in claims:
            spec = case.get(Resource.CLAIMS, name)["spec"]
            assert spec["resources"]["requests"]["storage"] == "3Gi"
        made = [
            each.name
            for each in case.server.writes[since:]
            if each.resource is Resource.PODS and each.before is None
        ]
        assert sorted(made) == ["grow-db-0", "grow-db-1"]
        await case.rest()


# ---- 20: a node that does not answer


@pytest.mark.parametrize("taken", ["node-0 node-1", "node-0 node-1 node-2"])
async def test_case_20_several_nodes_at_once(taken: str) -> None:
    """Whoever was there runs elsewhere as soon as there is an elsewhere; no failure is counted."""
    async with Case("20-node-lost") as case:
        await case.come_up()
        lost = set(taken.split())
        before = case.uids()
        gone = {n for n in before if case.get(Resource.PODS, n)["spec"]["nodeName"] in lost}
        case.kubelet.lost |= lost
        for node in sorted(lost):
            evictions.cordon(case.server.registry, case.kubelet, node)
        for each in gone:
            await case.delete(Resource.PODS, each)
        await asyncio.sleep(120)
        if len(lost) == 3:
            assert not case.ready()
            evictions.cordon(case.server.registry, case.kubelet, "node-1", on=False)
            case.kubelet.return_node("node-1")
            for name in case.names(Resource.PODS):
                if not case.get(Resource.PODS, name)["spec"].get("nodeName"):
                    case.kubelet.place("default", name)
        await case.until(case.ready, patience=300)
        after = case.uids()
        assert all(after[each] != before[each] for each in gone)
        assert all(not case.attempts(each).get("count") for each in case.servers())


async def test_case_20_a_node_dies_under_a_rollout() -> None:
    """It ends, with the new release everywhere, although the old pod there is never confirmed."""
    async with Case("20-node-lost") as case:
        case.component()["rollout"] = {"maxUnavailable": 1, "inPlace": "Never"}
        await case.come_up()
        node = case.get(Resource.PODS, "lost-web-0")["spec"]["nodeName"]
        case.image("example.com/web:2")
        await case.bring()
        await asyncio.sleep(1.5)
        case.kubelet.lost.add(node)
        evictions.cordon(case.server.registry, case.kubelet, node)
        for name in case.names(Resource.PODS):
            pod = case.get(Resource.PODS, name)
            if pod["spec"].get("nodeName") == node and "deletionTimestamp" not in pod["metadata"]:
                await case.delete(Resource.PODS, name)
        await case.until(case.ready, patience=900)
        pods = [case.get(Resource.PODS, each) for each in case.names(Resource.PODS)]
        assert {each["spec"]["containers"][0]["image"] for each in pods} == {"example.com/web:2"}
        assert node not in {each["spec"]["nodeName"] for each in pods}


# ---- 24: servers that somebody holds


async def test_case_24_more_are_held_than_may_stay() -> None:
    """Of four, three are held and one is to stay: it is one of those.

    No hold keeps the others from going, as somebody asked for one.
    """
    async with Case("24-held") as case:
        await case.come_up()
        held = [f"held-web-{each}" for each in (0, 2, 3)]
        for each in held:
            await case.merge(Resource.SERVERS, each, {"spec": {"held": True}})
        before = case.uids()
        case.component()["replicas"] = 1
        await case.bring()
        await case.until(lambda: len(case.names(Resource.PODS)) == 1, patience=300)
        await case.settle()
        assert case.uids() == {"held-web-0": before["held-web-0"]}
        await case.rest()


async def test_case_24_a_hold_that_comes_with_the_scaling() -> None:
    """Held and scaled in one breath, and held beside a mark to go first: the held one stays."""
    async with Case("24-held") as case:
        await case.come_up()
        before = case.uids()
        case.component()["replicas"] = 1
        mark = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: "true"}}}
        await case.merge(Resource.SERVERS, "held-web-3", mark)
        await case.merge(Resource.SERVERS, "held-web-3", {"spec": {"held": True}})
        await case.bring()
        await case.until(lambda: len(case.names(Resource.PODS)) == 1, patience=120)
        await case.settle()
        assert case.uids() == {"held-web-3": before["held-web-3"]}


async def test_case_24_a_held_server_keeps_its_release_and_its_pod() -> None:
    """A rollout and a restart of everything pass it by, and scaling still takes it last."""
    async with Case("24-held") as case:
        await case.come_up()
        await case.merge(Resource.SERVERS, "held-web-3", {"spec": {"held": True}})
        before = case.uids()["held-web-3"]
        case.image("example.com/game:2")
        await case.bring()
        await case.settle(quiet=60)
        case.component()["replicas"] = 2
        await case.bring()
        await case.until(lambda: len(case.names(Resource.PODS)) == 2, patience=120)
        await case.settle()
        assert case.uids()["held-web-3"] == before


# ---- 28: many are ill when a release comes


@pytest.mark.parametrize("limit", [1, "50%", "100%"])
async def test_case_28_servers_with_data_come_one_at_a_time(limit: int | str) -> None:
    """Whatever the limit says, of those that are ill no two are replaced at once.

    A quorum that is about to catch up could be lost for good.
    """
    async with Case("28-some-not-ready") as case:
        part = case.component()
        part["rollout"]["maxUnavailable"] = limit
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        part["volumeClaims"] = [{"name": "data", "spec": claim}]
        await case.bring()
        await case.until(lambda: case.up() == 4, patience=60)
        await asyncio.sleep(5)
        ill = {f"ill-web-{each}" for each in range(4)}
        since = len(case.server.writes)
        case.image("example.com/web:2")
        await case.bring()
        await case.until(case.ready, patience=1800)
        on_its_way: set[str] = set()
        most = 0
        for each in case.server.writes[since:]:
            if each.resource is Resource.PODS and each.name in ill:
                new = each.after is not None and "web:2" in str(each.after["spec"]["containers"])
                if each.after is None or "deletionTimestamp" in each.after["metadata"]:
                    on_its_way.add(each.name)
                elif new and each.after is not None and evictions.is_up(each.after):
                    on_its_way.discard(each.name)
                most = max(most, len(on_its_way))
        assert most == 1


async def test_case_28_the_new_release_does_not_come_up_either() -> None:
    """The ill are tried at once, and of the well no more than the limit is lost to it."""
    async with Case("28-some-not-ready") as case:
        await case.bring()
        await case.until(lambda: case.up() == 4, patience=60)
        case.component()["template"]["spec"]["containers"][0]["image"] = "example.com/web:bad"
        good = case.kubelet.behave
        case.kubelet.behave = lambda pod: (
            Behaviour(fate="CrashLoopBackOff") if "bad" in str(pod["spec"]) else good(pod)
        )
        await case.bring()
        await asyncio.sleep(1800)
        assert case.up() >= 4 - 2
        case.kubelet.behave = lambda _: Behaviour()
        case.image("example.com/web:3")
        await case.come_up()


# ---- 38: a mistake that the pod's own schema tells


class Misspelt(Case):
    """A cluster where nobody looks at applications as they are applied."""

    misspelt: frozenset[str] = frozenset()


def _refuse_typos(case: Misspelt) -> Answer:
    """Answer as strict decoding does where a pod has a misspelt field."""
    words = (
        "Pod in version v1 cannot be handled as a Pod: strict decoding error: unknown field"
        ' "spec.containers[0].ressources"'
    )

    def error(asked: chaos.Request) -> errors.ArgosyError | None:
        return refuse(400, "BadRequest", words) if asked.name in case.misspelt else None

    return Answer(case, "create", Resource.PODS, error)


async def test_case_38_a_mistake_that_comes_with_an_update() -> None:
    """Of servers that run, no more than the limit is lost to it, and the words are told."""
    async with Misspelt("28-some-not-ready") as case:
        case.component()["template"].pop("metadata")
        await case.come_up()
        case.misspelt = frozenset(case.servers())
        _refuse_typos(case)
        template = case.component()["template"]
        template["spec"]["containers"][0] |= {"image": "example.com/web:2", "ressources": {}}
        await case.bring()
        await asyncio.sleep(1800)
        assert case.up() >= 8 - 2
        told = str(case.get(Resource.APPLICATIONS, case.name)["status"]["blockedBy"])
        assert "ressources" in told
        case.misspelt = frozenset()
        del template["spec"]["containers"][0]["ressources"]
        await case.come_up()


async def test_case_38_a_mistake_in_one_component_alone() -> None:
    """The others come up; the one that depends on it waits for it, by name."""
    async with Misspelt("28-some-not-ready") as case:
        part = case.component()
        part["template"].pop("metadata")
        part["replicas"] = 2
        parts = case.application["spec"]["components"]
        parts.append({**copy.deepcopy(part), "name": "db"})
        parts.append({**copy.deepcopy(part), "name": "api", "dependsOn": ["web"]})
        case.misspelt = frozenset({"ill-web-0", "ill-web-1"})
        guard = _refuse_typos(case)
        await case.bring()
        await asyncio.sleep(120)
        assert case.names(Resource.PODS) == ["ill-db-0", "ill-db-1"]
        told = blocked(case, Resource.APPLICATIONS, case.name)
        assert ("ServerSet/ill-web", "WaitingForDependency") in told
        guard.over()
        await case.come_up()


# ---- 42: words that look like a missing right


RBAC_LIKE = (
    'User "bob" cannot create resource "pods" in API group "" in the namespace "default"',
    'pods is forbidden: User "system:serviceaccount:argosy:argosy" cannot create resource "pods"',
    "RBAC: clusterrole.rbac.authorization.k8s.io not found; you cannot do this",
)


@pytest.mark.parametrize("said", RBAC_LIKE)
@pytest.mark.parametrize("by", ["policy", "webhook"])
async def test_case_42_a_refusal_that_quotes_a_missing_right(by: str, said: str) -> None:
    """Whoever writes a policy or a webhook chooses the words: no right is told to be missing."""
    words = {
        "policy": "pods \"cannot-web-0\" is forbidden: ValidatingAdmissionPolicy 'latest' with"
        f" binding 'latest' denied request: {said}",
        "webhook": f'admission webhook "pods.example.com" denied the request: {said}',
    }[by]
    async with Case("42-policy-cannot") as case:
        guard = Answer(case, "create", Resource.PODS, lambda _: refuse(403, "Forbidden", words))
        await case.bring()
        await case.until(lambda: bool(case.in_the_way()), patience=30)
        await case.settle()
        for each in case.servers():
            told = case.attempts(each)["lastError"]
            assert told["reason"] not in ("Forbidden", "PermissionMissing"), told
            assert said[:40] in told["message"]
            remedies = [
                x.get("remedy", "") for x in case.get(Resource.SERVERS, each)["status"]["blockedBy"]
            ]
            assert "rbac" not in str(remedies).lower()
            assert "auth can-i" not in str(remedies)
        guard.over()
        await case.until(case.ready, patience=900)


# ---- 43: scaled by hand against the application


@pytest.mark.parametrize("way", ["more", "spec", "twice"])
async def test_case_43_scaled_by_hand_in_other_ways(way: str) -> None:
    """To more, past the subresource, or again and again: no server and no claim is touched."""
    async with Case("43-scale-by-hand") as case:
        await case.come_up()
        pods, claims = case.uids(), case.uids(Resource.CLAIMS)
        numbers = {"more": [9], "spec": [0], "twice": [0, 5, 0, 1]}[way]
        how = {} if way == "spec" else {"subresource": "scale"}
        for number in numbers:
            body = {"spec": {"replicas": number}}
            await case.merge(Resource.SERVERSETS, "oops-db", body, **how)
            if way != "twice":
                await case.settle()
        await case.until(lambda: case.get(Resource.SERVERSETS, "oops-db")["spec"]["replicas"] == 3)
        await case.settle(quiet=60)
        assert (case.uids(), case.uids(Resource.CLAIMS)) == (pods, claims)
        assert case.ready()


async def test_case_43_scaled_by_hand_while_nobody_looks() -> None:
    """The operator is away when it happens: the next one agrees first, too."""
    async with Case("43-scale-by-hand") as case:
        await case.come_up()
        pods, claims = case.uids(), case.uids(Resource.CLAIMS)
        await case.process.kill()
        body = {"spec": {"replicas": 0}}
        await case.merge(Resource.SERVERSETS, "oops-db", body, subresource="scale")
        case.start()
        await case.until(lambda: case.get(Resource.SERVERSETS, "oops-db")["spec"]["replicas"] == 3)
        await case.settle(quiet=60)
        assert (case.uids(), case.uids(Resource.CLAIMS)) == (pods, claims)


@pytest.mark.parametrize("management", ["paused", "Observe"])
async def test_case_43_scaled_by_hand_while_the_application_rests(management: str) -> None:
    """Neither does anybody then, nor once it is taken up again."""
    async with Case("43-scale-by-hand") as case:
        await case.come_up()
        pods, claims = case.uids(), case.uids(Resource.CLAIMS)
        rest: Json = {"paused": True} if management == "paused" else {"management": "Observe"}
        case.application["spec"] |= rest
        await case.bring()
        await case.settle()
        body = {"spec": {"replicas": 0}}
        await case.merge(Resource.SERVERSETS, "oops-db", body, subresource="scale")
        await case.settle(quiet=60)
        assert (case.uids(), case.uids(Resource.CLAIMS)) == (pods, claims)
        case.application["spec"] |= {"paused": False, "management": "Full"}
        await case.bring()
        await case.until(case.ready, patience=120)
        await case.settle(quiet=60)
        assert (case.uids(), case.uids(Resource.CLAIMS)) == (pods, claims)
        assert case.get(Resource.SERVERSETS, "oops-db")["spec"]["replicas"] == 3


# ---- 45: a quota that is not counted yet


@pytest.mark.parametrize("resource", [Resource.SERVICES, Resource.CLAIMS, Resource.PODS], ids=str)
async def test_case_45_whatever_the_quota_does_not_know_yet(resource: Resource) -> None:
    """Services and claims of a new namespace are as little refused for good as pods are."""
    async with Case("10-claim-grows") as case:
        begun = case.server.now()
        words = f'{resource} "x" is forbidden: status unknown for quota: q, resources: {resource}'

        def error(_: chaos.Request) -> errors.ArgosyError | None:
            return refuse(403, "Forbidden", words) if case.server.now() < begun + 20 else None

        Answer(case, "create", resource, error)
        await case.bring()
        await case.until(case.ready, patience=60)
        await case.settle(quiet=60)
        assert case.in_the_way() == []
        assert all(not case.attempts(each).get("count") for each in case.servers())
        assert case.names(Resource.SERVICES) == ["grow-db"]
