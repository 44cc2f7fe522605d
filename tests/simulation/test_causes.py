"""What is wrong is told of the application, in the words of whoever said it, down to the object.

Twelve usual failures, and some less so: `kubectl get application`, its Ready condition, its
blockedBy and `kubectl argosy why` all name the same cause.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from controller.api.resources import Resource
from controller.presentation import answers, inspection
from controller.presentation.answers import Answer
from controller.presentation.references import Reference
from fakes.api_server import Behaviour, Faults, Kubelet
from fakes.api_server.refusal import refuse
from fakes.universe import Json, Universe, application, component
from tests.cli import typing_in
from tests.simulation.answers import Answer as Reply
from tests.simulation.answers import quota

pytestmark = pytest.mark.looptime

POD, SERVER = "shop-web-0", "Server/shop-web-0"
CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
NO_CPU = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available."
UNBOUND = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
NO_CLASS = 'running PreFilter plugin "VolumeBinding": storageclass.storage.k8s.io "no" not found'
GATED = "Scheduling is blocked due to non-empty scheduling gates"
PULL = 'Back-off pulling image "app:1": ErrImagePull: pull access denied'
CRASH = f"back-off 5m0s restarting failed container=main pod={POD}_default"
SHUT = 'the status of pod readiness gate "target-health.elbv2.k8s.aws/web" is not "True", but False'
UNREADY = "containers with unready status: [main]"
REJECTED = (
    "Pod was rejected: Node didn't have enough resource: cpu, requested: 4, used: 1, capacity: 2"
)
EVICTING = "Taint manager: deleting due to NoExecute taint"
DENIED = 'admission webhook "deny.example.com" denied the request: no pods on Fridays'


async def _nothing(universe: Universe) -> None:
    del universe


async def _few(universe: Universe) -> None:
    quota(universe, 0)


async def _denied(universe: Universe) -> None:
    Reply(universe, "create", Resource.PODS, lambda _: refuse(400, "Invalid", DENIED))


async def _taken(universe: Universe) -> None:
    body: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "labels": {"of": "somebody"}},
        "spec": {"containers": [{"name": "main", "image": "theirs:1"}]},
    }
    await universe.server.create(Resource.PODS, "default", body)


async def _lost(universe: Universe) -> None:
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
    )
    pod = universe.get(Resource.PODS, POD)
    universe.kubelet.lost.add(pod["spec"]["nodeName"])
    said = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    conditions = [*pod["status"]["conditions"], said | {"message": EVICTING}]
    status = {**pod["status"], "conditions": conditions}
    universe.server.registry.set_status(Resource.PODS, ("default", POD), status, actor="taints")
    await universe.delete(Resource.PODS, POD)


async def _waits_for_a_gate(universe: Universe) -> None:
    """Its containers are well, and whoever routes to it does not say that it does."""
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
    )
    status = universe.get(Resource.PODS, POD)["status"]
    told = {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"}
    kept = [each for each in status["conditions"] if each["type"] != "Ready"]
    ready = {"type": "ContainersReady", "status": "True"}
    status = {**status, "conditions": [*kept, ready, told | {"message": SHUT}]}
    universe.server.registry.set_status(Resource.PODS, ("default", POD), status, actor="kubelet")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """How it comes about, and what is to be told of it."""

    reason: str
    words: str
    object: str = SERVER
    fate: Behaviour = dataclasses.field(default_factory=Behaviour)
    before: Callable[[Universe], Awaitable[None]] = _nothing
    after: Callable[[Universe], Awaitable[None]] = _nothing
    spec: Json = dataclasses.field(default_factory=dict)
    claims: bool = False


def pod_of(fate: str, message: str) -> Behaviour:
    """Return the behaviour of a pod that comes to that."""
    return Behaviour(fate=fate, message=message)


FAILURES = {
    "image": Failure(reason="ImagePullBackOff", words=PULL, fate=pod_of("ImagePullBackOff", PULL)),
    "crash": Failure(
        reason="CrashLoopBackOff", words=CRASH, fate=pod_of("CrashLoopBackOff", CRASH)
    ),
    "probe": Failure(reason="ContainersNotReady", words=UNREADY, fate=Behaviour(fate="Unready")),
    "readiness gate": Failure(reason="ReadinessGatesNotReady", words=SHUT, after=_waits_for_a_gate),
    "quota": Failure(
        reason="QuotaExceeded", words="exceeded quota: two", object="ResourceQuota/two", before=_few
    ),
    "webhook": Failure(
        reason="FailureBudgetSpent", words=DENIED, object="Webhook/deny.example.com", before=_denied
    ),
    "room": Failure(
        reason="Unschedulable",
        words=NO_CPU,
        object="Fleet/pods",
        fate=pod_of("Unschedulable", NO_CPU),
    ),
    "gate": Failure(reason="SchedulingGated", words=GATED, fate=pod_of("SchedulingGated", GATED)),
    "claim": Failure(
        reason="Unschedulable",
        words=UNBOUND,
        object="PersistentVolumeClaim/data-shop-web-0",
        fate=pod_of("Unschedulable", UNBOUND),
        claims=True,
    ),
    "name": Failure(
        reason="FailureBudgetSpent", words=f"pods/{POD} exists and is not", before=_taken
    ),
    "rejected": Failure(reason="OutOfcpu", words=REJECTED, fate=pod_of("OutOfcpu", REJECTED)),
    "node": Failure(reason="Unreachable", words=EVICTING, after=_lost, claims=True),
    "class": Failure(
        reason="SchedulerError",
        words=NO_CLASS,
        object="PersistentVolumeClaim/data-shop-web-0",
        fate=pod_of("SchedulerError", NO_CLASS),
        claims=True,
    ),
    "room beside a claim": Failure(
        reason="Unschedulable",
        words=NO_CPU,
        object="Fleet/pods",
        fate=pod_of("Unschedulable", NO_CPU),
        claims=True,
    ),
    "secret": Failure(
        reason="CreateContainerConfigError",
        words='secret "keys" not found',
        fate=pod_of("CreateContainerConfigError", 'secret "keys" not found'),
    ),
    "fleet": Failure(reason="UnknownFleet", words="bad", object="Fleet/bad", spec={"fleet": "bad"}),
}


def steps(found: Answer) -> list[str]:
    """Return the commands that the end of each branch names."""
    if found.below:
        return [step for each in found.below for step in steps(each)]
    return [each.remedy for each in found.waits if each.remedy] or [found.command]


@pytest.mark.parametrize("case", sorted(FAILURES))
async def test_the_cause_is_told_of_the_application(case: str) -> None:
    """Ready's reason and words, what blockedBy names, and `why` with a step that can be typed."""
    failure = FAILURES[case]
    universe = Universe(faults=Faults(), kubelet=Kubelet(lambda _: failure.fate))
    more: Json = {"volumeClaims": [CLAIM]} if failure.claims else {}
    async with universe:
        await failure.before(universe)
        await universe.apply(application("shop", component("web", 2, **more), **failure.spec))
        await failure.after(universe)
        await asyncio.sleep(300)
        status = universe.get(Resource.APPLICATIONS, "shop")["status"]
        ready = universe.condition(Resource.APPLICATIONS, "shop")
        async with inspection.look(universe.server, "default") as look:
            meant = Reference(resource=Resource.APPLICATIONS, name="shop")
            found = answers.walk(look, meant, "default")
    assert ready["status"] == "False"
    assert (ready["reason"], failure.words in ready["message"]) == (failure.reason, True)
    told = [each for each in status["blockedBy"] if each["object"] == failure.object]
    assert any(failure.words in each["message"] for each in told)
    assert all(each["remedy"] for each in told)
    assert found is not None
    assert any(
        failure.words in text
        for each in answers.every(found)
        for text in (each.message, *(waited.message for waited in each.waits))
    )
    named = {each.object for each in answers.every(found)}
    named |= {waited.object for each in answers.every(found) for waited in each.waits}
    assert failure.object in named
    typed = [each for each in steps(found) if each]
    assert typed
    for line in typed:
        assert "NAME" not in line
        if line.startswith("kubectl argosy"):
            typing_in.parsed(line)
        else:
            assert line.split()[:2][0] == "kubectl"
