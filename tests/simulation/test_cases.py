"""Manifests that people brought, each with what went wrong with it once and what is right.

`cases/` has one file for each, as it was brought; a file without a play here fails. What a cluster
has beside Argosy in such a file (quotas, webhooks, policies, autoscalers) the play acts itself.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import errors
from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet, chaos, evictions
from fakes.api_server.refusal import refuse
from fakes.api_server.storage import Cause
from fakes.universe import Universe
from tests.simulation.answers import WEBHOOK, Answer, blocked, quota

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

CASES = Path(__file__).parent / "cases"
# How a kubelet's words begin where it does not take a pod.
REJECTED = "Pod was rejected: Node didn't have enough resource: cpu"
OUTCOME = "kwok.argosy.dev/outcome"
ONLY = "kwok.argosy.dev/only"
FATES = {"fail": "Failed", "unready": "CrashLoopBackOff", "": "Ready"}


class Case(Universe):
    """A cluster to which the objects of one file are brought."""

    def __init__(self, name: str) -> None:
        super().__init__(kubelet=Kubelet(self.behave))
        every = yaml.safe_load_all((CASES / f"{name}.yaml").read_text())
        self.documents: list[Json] = [each for each in every if each]
        self.application: Json = copy.deepcopy(self.brought("Application"))
        self.application["metadata"]["namespace"] = "default"
        self.name = str(self.application["metadata"]["name"])

    def behave(self, pod: Json) -> Behaviour:
        """Give a pod the outcome that its annotations say."""
        said = pod["metadata"].get("annotations", {})
        only = said.get(ONLY, "").split(",")
        meant = only == [""] or pod["metadata"]["name"] in only
        return Behaviour(fate=FATES[said.get(OUTCOME, "") if meant else ""])

    def brought(self, kind: str) -> Json:
        """Return the first object of that kind in the file."""
        return next(each for each in self.documents if each["kind"] == kind)

    def component(self, number: int = 0) -> Json:
        """Return a component of the application, to be changed."""
        part: Json = self.application["spec"]["components"][number]
        return part

    def image(self, to: str) -> None:
        """Have the first component run another image, and come up with it as others do."""
        template = self.component()["template"]
        template["spec"]["containers"][0]["image"] = to
        template.get("metadata", {}).get("annotations", {}).pop(OUTCOME, None)

    async def bring(self) -> None:
        """Apply the application as it is by now."""
        await self.apply(self.application)

    def ready(self) -> bool:
        """Return whether the application says Ready of what it was last given."""
        body = self.get(Resource.APPLICATIONS, self.name)
        said = self.condition(Resource.APPLICATIONS, self.name)
        seen = body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"]
        return seen and said.get("status") == "True"

    async def come_up(self, *, patience: float = 120) -> None:
        """Apply, and wait until all is Ready and quiet."""
        await self.bring()
        await self.until(self.ready, patience=patience)
        await self.settle()

    async def rest(self) -> None:
        """Hold that nothing is written any more."""
        await self.settle(quiet=60)
        before = len(self.server.writes)
        await asyncio.sleep(1800)
        assert len(self.server.writes) == before

    def servers(self) -> list[str]:
        """Return the names of the servers of the first component."""
        prefix = f"{self.name}-{self.component()['name']}-"
        return [each for each in self.names(Resource.SERVERS) if each.startswith(prefix)]

    def uids(self, resource: Resource = Resource.PODS) -> dict[str, str]:
        """Return the UIDs of what there is."""
        return {each: self.get(resource, each)["metadata"]["uid"] for each in self.names(resource)}

    def up(self) -> int:
        """Return how many pods are Ready and stay."""
        pods = (self.get(Resource.PODS, each) for each in self.names(Resource.PODS))
        return sum(map(evictions.is_up, pods))

    def attempts(self, server: str) -> Json:
        """Return the attempts that are counted for a server."""
        return dict(self.get(Resource.SERVERS, server)["status"].get("attempts", {}))

    def in_the_way(self) -> list[tuple[str, str]]:
        """Return what the application says is in its way."""
        return blocked(self, Resource.APPLICATIONS, self.name)

    def reasons(self) -> list[str]:
        """Return why servers of the first component are not Ready, of those that are not."""
        said = [self.condition(Resource.SERVERS, each) for each in self.servers()]
        return [each["reason"] for each in said if each["status"] != "True"]

    async def least_up(self, work: Awaitable[None], *, prefix: str = "") -> int:
        """Return how few pods were up at any write meanwhile."""
        since = len(self.server.writes)
        await work
        pods: dict[str, bool] = {}
        least = []
        for number, each in enumerate(self.server.writes):
            if each.resource is Resource.PODS and each.name.startswith(prefix):
                pods[each.name] = each.after is not None and evictions.is_up(each.after)
            if number >= since:
                least.append(sum(pods.values()))
        return min(least)


async def quota_is_raised(case: Case) -> None:
    """Two of four come; the quota is named; raised, all come, and no attempt was spent."""
    _, raise_to = quota(case, 2)
    await case.bring()
    told = ("ResourceQuota/two", "QuotaExceeded")
    await case.until(lambda: told in case.in_the_way(), patience=10)
    await asyncio.sleep(1800)
    assert len(case.names(Resource.PODS)) == 2
    assert all(not case.attempts(each).get("count") for each in case.servers())
    raise_to(9)
    await case.until(case.ready, patience=90)


async def webhook_comes_back(case: Case) -> None:
    """The webhook is named in its own words, for as long as it is down and no longer."""
    guard = Answer(case, "create", Resource.PODS, lambda _: refuse(500, "InternalError", WEBHOOK))
    await case.bring()
    told = ("Webhook/gone.example.com", "WebhookFailed")
    await case.until(lambda: told in case.in_the_way(), patience=30)
    await asyncio.sleep(1800)
    assert all(not case.attempts(each).get("count") for each in case.servers())
    guard.over()
    await case.until(case.ready, patience=150)
    assert case.in_the_way() == []


async def bad_image_is_taken_back(case: Case) -> None:
    """One server is lost to it, whether the old image is put back or a good one is tried."""
    await case.come_up()
    for better in ("example.com/web:1", "example.com/web:3"):
        good = case.kubelet.behave
        case.kubelet.behave = _pulls_none("bad")
        case.image("example.com/web:bad")
        await case.bring()
        await case.until(lambda: case.up() == 3, patience=30)
        await asyncio.sleep(300)
        assert case.up() == 3
        told = [case.get(Resource.SERVERS, each)["status"] for each in case.servers()]
        assert sum("ImagePullBackOff" in json.dumps(each.get("blockedBy")) for each in told) == 1
        case.image(better)
        await case.bring()
        await case.until(case.ready, patience=120)
        case.kubelet.behave = good
        pods = [case.get(Resource.PODS, each) for each in case.names(Resource.PODS)]
        assert {each["spec"]["containers"][0]["image"] for each in pods} == {better}


def _pulls_none(tag: str) -> Callable[[Json], Behaviour]:
    def behave(pod: Json) -> Behaviour:
        bad = tag in pod["spec"]["containers"][0]["image"]
        return Behaviour(fate="ImagePullBackOff" if bad else "Ready")

    return behave


async def next_release_is_good(case: Case) -> None:
    """A first release that never comes up is no reason to keep the next one out."""
    await case.bring()
    await asyncio.sleep(1200)
    assert not case.ready()
    assert case.in_the_way()
    case.image("example.com/web:2")
    await case.come_up()
    await case.rest()


async def peoples_budgets_let_drains_end(case: Case) -> None:
    """With either of them a drain of a node ends, and one server at most is down for it."""
    budgets = [each for each in case.documents if each["kind"] == "PodDisruptionBudget"]
    for each in budgets:
        made = case.server.registry.create(
            Resource.DISRUPTION_BUDGETS, "default", each, actor="user"
        )
        name = made["metadata"]["name"]
        await case.come_up()
        assert case.names(Resource.DISRUPTION_BUDGETS) == [name]
        for node in range(3):
            await asyncio.wait_for(
                evictions.drain(case.server.registry, case.kubelet, f"node-{node}"), 300
            )
            await case.until(case.ready)
            evictions.cordon(case.server.registry, case.kubelet, f"node-{node}", on=False)
        await case.delete(Resource.DISRUPTION_BUDGETS, name)


async def grace_is_the_templates(case: Case) -> None:
    """Neither is killed before its template says so, nor kept for longer."""
    await case.come_up()
    wanted = {"grace-slow-0": 120, "grace-quick-0": 1}
    for name in wanted:
        remake = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "1"}}}
        await case.merge(Resource.SERVERS, name, remake)
    case.kubelet.behave = lambda _: Behaviour(stop_seconds=3600)
    await case.delete(Resource.APPLICATIONS, case.name)
    seen: dict[str, int] = {}

    def all_told() -> bool:
        for each in case.server.writes:
            if each.resource is Resource.PODS and each.after is not None:
                grace = each.after["metadata"].get("deletionGracePeriodSeconds")
                if grace is not None:
                    seen.setdefault(each.name, grace)
        return seen.keys() == wanted.keys()

    await case.until(all_told)
    assert seen == wanted
    began = case.server.now()
    await case.until(lambda: not case.names(Resource.APPLICATIONS), patience=300)
    assert 119 <= case.server.now() - began < 160


async def labels_are_the_templates(case: Case) -> None:
    """The Service of the file selects the pods, whatever its labels are called."""
    await case.come_up()
    selector = case.brought("Service")["spec"]["selector"]
    given = case.component()["template"]["metadata"]["labels"]
    for each in case.names(Resource.PODS):
        labels = case.get(Resource.PODS, each)["metadata"]["labels"]
        assert selector.items() <= labels.items()
        assert given.items() <= labels.items()
    await case.rest()


async def a_service_of_the_name_is_left(case: Case) -> None:
    """The chart's Service stays as it was, its name is told of, and all servers run."""
    theirs = copy.deepcopy(case.brought("Service"))
    theirs["metadata"]["namespace"] = "default"
    await case.apply(theirs)
    before = case.get(Resource.SERVICES, "svc-web")
    await case.bring()
    await case.until(lambda: case.up() == 2, patience=60)
    await case.settle()
    assert case.get(Resource.SERVICES, "svc-web") == before
    assert ("Service/svc-web", "NameTaken") in case.in_the_way()
    await case.rest()


async def claims_grow_and_never_shrink(case: Case) -> None:
    """2Gi are asked of the claims that there are; 1Gi again takes nothing away; no pod restarts."""
    await case.come_up()
    pods, claims = case.uids(), case.uids(Resource.CLAIMS)
    request = case.component()["volumeClaims"][0]["spec"]["resources"]["requests"]
    for asked in ("2Gi", "1Gi"):
        request["storage"] = asked
        await case.bring()
        await case.settle()
        assert (case.uids(), case.uids(Resource.CLAIMS)) == (pods, claims)
        for each in claims:
            spec = case.get(Resource.CLAIMS, each)["spec"]
            assert spec["resources"]["requests"]["storage"] == "2Gi"
    await case.rest()


async def a_stamp_is_no_drift(case: Case) -> None:
    """What a policy stamps on every pod is not fought: Ready, and nothing is written at rest."""
    create, patch = case.server.create, case.server.patch
    stamp = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "platform"}}}

    async def stamped(resource: Resource, namespace: str, body: Any, **options: Any) -> bytes:
        if resource is Resource.PODS:
            made = body if isinstance(body, dict) else json.loads(body)
            made["metadata"]["labels"] |= stamp["metadata"]["labels"]
            body = json.dumps(made).encode()
        return await create(resource, namespace, body, **options)

    async def patched(resource: Resource, *where: Any, **options: Any) -> bytes:
        answer = await patch(resource, *where, **options)
        if resource is Resource.PODS:
            options |= {"style": "merge", "subresource": ""}
            answer = await patch(resource, where[0], where[1], stamp, **options)
        return answer

    setattr(case.server, "create", stamped)  # noqa: B010 - mypy lets no method be assigned
    setattr(case.server, "patch", patched)  # noqa: B010 - the same
    await case.come_up()
    for each in case.names(Resource.PODS):
        labels = case.get(Resource.PODS, each)["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "platform"
    said = case.condition(Resource.SERVERS, case.servers()[0])
    assert said["message"] == "Running and ready."
    await case.rest()


async def what_ended_comes_back(case: Case) -> None:
    """Evicted, ended, lost with its node: again and again, and each time it is made anew."""
    await case.come_up()
    for _ in range(8):
        for name, reason in (
            ("ended-web-0", "Evicted"),
            ("ended-web-1", "Shutdown"),
            ("ended-web-2", "NodeLost"),
        ):
            case.kubelet.fail("default", name, reason=reason)
        await _succeed(case, "ended-web-3")
        before = case.uids()
        await case.until(functools.partial(_renewed, case, before), patience=700)
    for each in ("ended-web-0", "ended-web-1"):
        assert not case.attempts(each).get("exhausted")
        assert not case.attempts(each).get("count")
    await case.settle()
    assert case.in_the_way() == []


def _renewed(case: Case, before: dict[str, str]) -> bool:
    """Return whether all is Ready and made of other pods."""
    return case.ready() and not set(before.values()) & set(case.uids().values())


async def _succeed(case: Case, name: str) -> None:
    """End a pod's containers with success."""
    pod = case.get(Resource.PODS, name)
    case.server.registry.set_status(
        Resource.PODS, ("default", name), {**pod["status"], "phase": "Succeeded"}, actor="kubelet"
    )


async def a_dead_node_is_left(case: Case) -> None:
    """The servers of a node that does not answer run elsewhere, soon; the others are left alone."""
    await case.come_up()
    node = case.get(Resource.PODS, case.servers()[0])["spec"]["nodeName"]
    before = case.uids()
    lost = [n for n in before if case.get(Resource.PODS, n)["spec"]["nodeName"] == node]
    case.kubelet.lost.add(node)
    evictions.cordon(case.server.registry, case.kubelet, node)
    for each in lost:
        await case.delete(Resource.PODS, each)
    await case.until(
        lambda: case.ready() and all(case.uids().get(each) != before[each] for each in lost),
        patience=300,
    )
    after = case.uids()
    assert {each for each in before if after[each] != before[each]} == set(lost)


async def rejections_cost_nothing(case: Case) -> None:
    """As many rejections as there are: none is an attempt, and with room it comes by itself."""
    full = {"now": True}

    def reject() -> None:
        for name in case.names(Resource.PODS):
            pod = case.get(Resource.PODS, name)
            if (
                full["now"]
                and pod["spec"].get("nodeName")
                and pod["status"].get("phase") != "Failed"
            ):
                case.kubelet.fail("default", name, reason=next(reasons), message=REJECTED)

    every = ("OutOfcpu", "OutOfexample.com/gpu", "NodeAffinity", "TaintToleration", "NodePorts")
    reasons = itertools.cycle((*every, "PodOSNotSupported", "SysctlForbidden"))
    case.kubelet.behave = lambda _: Behaviour(start_seconds=2.0)
    await case.bring()
    for _ in range(1200):
        reject()
        await asyncio.sleep(1)
    assert not case.ready()
    for each in case.servers():
        assert case.attempts(each).get("waits", 0) > 5
        assert not case.attempts(each).get("count"), each
        assert not case.attempts(each).get("exhausted"), each
    made = sum(
        1
        for each in case.server.writes
        if each.resource is Resource.PODS and each.cause == Cause(verb="create", actor="argosy")
    )
    assert made < 3 * 1200 / 30, "it is not made as fast as it is rejected"
    full["now"] = False
    await case.until(case.ready, patience=120)


async def the_autoscaler_decides(case: Case) -> None:
    """The number that an autoscaler gives is kept when the application is applied again."""
    await case.bring()
    await case.until(lambda: bool(case.names(Resource.SERVERSETS)), patience=10)
    least = case.brought("HorizontalPodAutoscaler")["spec"]["minReplicas"]
    scale = {"spec": {"replicas": least}}
    await case.merge(Resource.SERVERSETS, "auto-web", scale, subresource="scale")
    await case.until(lambda: case.up() == least, patience=60)
    case.image("example.com/web:2")
    await case.come_up()
    assert case.up() == least
    assert case.get(Resource.SERVERSETS, "auto-web")["spec"]["replicas"] == least
    await case.rest()


async def held_servers_go_last(case: Case) -> None:
    """Two of four go, and those where games run are not among them."""
    await case.come_up()
    for each in ("held-web-2", "held-web-3"):
        await case.merge(Resource.SERVERS, each, {"spec": {"held": True}})
    before = case.uids()
    case.component()["replicas"] = 2
    await case.bring()
    await case.until(lambda: len(case.names(Resource.PODS)) == 2, patience=120)
    await case.settle()
    kept = {each: before[each] for each in ("held-web-2", "held-web-3")}
    assert case.uids() == kept


async def a_surge_is_taken_back(case: Case) -> None:
    """The one server runs throughout; when the old revision is back, no spare one is left."""
    await case.come_up()
    before = case.uids()
    good = case.kubelet.behave
    case.kubelet.behave = _pulls_none("bad")
    case.image("example.com/web:bad")

    async def there_and_back() -> None:
        await case.bring()
        await case.until(lambda: len(case.names(Resource.PODS)) == 2, patience=60)
        await asyncio.sleep(200)
        case.image("example.com/web:1")
        await case.bring()
        await case.until(lambda: case.ready() and case.uids() == before, patience=120)

    assert await case.least_up(there_and_back()) == 1
    case.kubelet.behave = good
    await case.rest()


async def the_ill_are_not_replaced_at_once(case: Case) -> None:
    """With data they come one at a time; without, the well keep to the limit."""
    await case.bring()
    await case.until(lambda: case.up() == 4, patience=60)
    await asyncio.sleep(5)
    case.image("example.com/web:2")

    async def roll() -> None:
        await case.bring()
        await case.until(case.ready, patience=1200)

    well = [f"ill-web-{each}" for each in range(4, 8)]
    before = case.uids()
    since = len(case.server.writes)
    await roll()
    assert all(case.uids()[each] != before[each] for each in before)
    down = dict.fromkeys(well, False)
    for each in case.server.writes[since:]:
        if each.resource is Resource.PODS and each.name in down:
            down[each.name] = each.after is None or not evictions.is_up(each.after)
            assert sum(down.values()) <= 2


async def waiting_is_not_failing(case: Case) -> None:
    """For seven minutes no node has what is asked for: that is told, and costs nothing."""
    case.kubelet.behave = lambda pod: Behaviour(
        fate="Unschedulable" if "gpu" in pod["metadata"]["name"] else "Ready"
    )
    await case.bring()
    await asyncio.sleep(420)
    assert all(not case.attempts(each).get("count") for each in case.servers())
    gpu = case.get(Resource.SERVERSETS, "late-gpu")["status"]
    assert not gpu.get("failed")
    assert not case.condition(Resource.APPLICATIONS, case.name, "Stalled")
    assert {"Unschedulable"} == set(case.reasons())
    assert not [each for each in case.names(Resource.PODS) if each.startswith("late-web")]
    case.kubelet.behave = lambda _: Behaviour()
    for name in case.names(Resource.PODS):
        case.kubelet.place("default", name)
    await case.until(case.ready, patience=60)
    assert case.up() == 4


async def typos_are_told(case: Case) -> None:
    """What strict validation says of the pod is told in its words, and a mended file comes up."""
    words = (
        "Pod in version v1 cannot be handled as a Pod: strict decoding error: unknown field"
        ' "spec.containers[0].ressources"'
    )

    def error(_: chaos.Request) -> errors.ArgosyError:
        return refuse(400, "BadRequest", words)

    guard = Answer(case, "create", Resource.PODS, error)
    await case.bring()
    await case.until(lambda: bool(case.in_the_way()), patience=30)
    told = json.dumps(case.get(Resource.APPLICATIONS, case.name)["status"]["blockedBy"])
    assert "ressources" in told or "annotations" in told
    assert not case.names(Resource.PODS)
    guard.over()
    template = case.component()["template"]
    template["metadata"] = {"annotations": {"prometheus.io/port": "8080"}}
    del template["spec"]["containers"][0]["ressources"]
    await case.come_up()


async def a_policy_is_told_as_one(case: Case) -> None:
    """A sentence with `cannot` in it is the policy's, and no right that Argosy lacks."""
    words = (
        "pods \"cannot-web-0\" is forbidden: ValidatingAdmissionPolicy 'latest' with binding"
        " 'latest' denied request: images cannot be latest"
    )

    def error(_: chaos.Request) -> errors.ArgosyError | None:
        template = case.component()["template"]
        latest = template["spec"]["containers"][0]["image"].endswith(":latest")
        return refuse(403, "Forbidden", words) if latest else None

    Answer(case, "create", Resource.PODS, error)
    await case.bring()
    await case.until(lambda: bool(case.in_the_way()), patience=30)
    await case.settle()
    for each in case.servers():
        told = case.attempts(each)["lastError"]
        assert "images cannot be latest" in told["message"]
        assert told["reason"] not in ("Forbidden", "PermissionMissing"), told
        assert "rbac" not in json.dumps(case.get(Resource.SERVERS, each)["status"]).lower()
    case.image("example.com/web:1")
    await case.come_up()


async def nothing_goes_before_both_agree(case: Case) -> None:
    """Scaled to none by hand: no server and no claim goes, and the application's number is back."""
    await case.come_up()
    pods, claims = case.uids(), case.uids(Resource.CLAIMS)
    for _ in range(3):
        scale = {"spec": {"replicas": 0}}
        await case.merge(Resource.SERVERSETS, "oops-db", scale, subresource="scale")
        await case.settle()
        assert case.get(Resource.SERVERSETS, "oops-db")["spec"]["replicas"] == 3
        assert (case.uids(), case.uids(Resource.CLAIMS)) == (pods, claims)
    await case.until(case.ready)


async def a_quota_that_is_not_counted_yet(case: Case) -> None:
    """In the first seconds of a namespace its quota knows no usage: nothing fails for that."""
    begun = case.server.now()
    words = 'pods "x" is forbidden: status unknown for quota: q, resources: pods'

    def error(_: chaos.Request) -> errors.ArgosyError | None:
        return refuse(403, "Forbidden", words) if case.server.now() < begun + 4 else None

    Answer(case, "create", Resource.PODS, error)
    await case.bring()
    await case.until(case.ready, patience=15)
    assert case.in_the_way() == []
    assert all(not case.attempts(each).get("count") for each in case.servers())


Play = Callable[[Case], Awaitable[None]]
PLAYS: dict[str, Play] = {
    "01-quota": quota_is_raised,
    "02-webhook-down": webhook_comes_back,
    "03-bad-image": bad_image_is_taken_back,
    "04-never-ready": next_release_is_good,
    "05-pdb-max-unavailable": peoples_budgets_let_drains_end,
    "07-grace": grace_is_the_templates,
    "08-labels": labels_are_the_templates,
    "09-service-name": a_service_of_the_name_is_left,
    "10-claim-grows": claims_grow_and_never_shrink,
    "15-label-policy": a_stamp_is_no_drift,
    "18-ended": what_ended_comes_back,
    "20-node-lost": a_dead_node_is_left,
    "21-rejected": rejections_cost_nothing,
    "22-autoscaled": the_autoscaler_decides,
    "24-held": held_servers_go_last,
    "27-surge-back": a_surge_is_taken_back,
    "28-some-not-ready": the_ill_are_not_replaced_at_once,
    "34-late-node": waiting_is_not_failing,
    "38-typo": typos_are_told,
    "42-policy-cannot": a_policy_is_told_as_one,
    "43-scale-by-hand": nothing_goes_before_both_agree,
    "45-quota-with-namespace": a_quota_that_is_not_counted_yet,
}


def test_every_file_has_a_play() -> None:
    """No manifest lies about unused, and none that is played is missing."""
    assert sorted(PLAYS) == sorted(each.stem for each in CASES.glob("*.yaml"))


@pytest.mark.parametrize("name", sorted(PLAYS))
async def test_case(name: str) -> None:
    """The manifest, brought as it is, ends as it should; its play says how."""
    async with Case(name) as case:
        await PLAYS[name](case)
