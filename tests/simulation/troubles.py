"""Situations by the reason that tells of them: how each comes about, and how a person ends it.

`test_shown_remedies` plays them: it types what is told, and does what the words say. Those that
stand here need no more of a cluster than writes and pods.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Mapping

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import evictions
from fakes.api_server.refusal import refuse
from fakes.forge import COMMIT, Forge
from fakes.universe import Json, component
from tests.simulation import answers
from tests.simulation.test_remedies import SOURCE, WEB, World

Act = Callable[[World], Awaitable[None]]

HOLD = "example.com/hold"
CLAIM: Json = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    "whenDeleted": "Delete",
}
STATEFUL = component("web", 3, volumeClaims=[CLAIM])
OTHER = "b" * 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """How a reason comes about, what a person does once it is shown, and when it is better."""

    make: Act
    mend: Act
    better: Callable[[World], bool] = World.ready
    # What stands for NAME where the object tells no command of its own.
    name: str = "shop"
    # The reason that its condition gives, where the reason itself stands in the message.
    told_as: str = ""
    # What the command shows of the cause, in the words of whoever gave it.
    words: str = ""


def is_gone(world: World) -> bool:
    """Return whether the application is gone."""
    return not world.found()


def tells_no_more(reason: str) -> Callable[[World], bool]:
    """Return what says that the application is Ready and nobody tells of the reason any more."""
    return lambda world: world.ready() and not world.told(reason)


def refused(
    verb: str, resource: Resource, status: int, why: str, words: str, **spec: Json
) -> Story:
    """Return the story of a write that the API server refuses, until whoever refuses lets it."""

    async def make(world: World) -> None:
        error = refuse(status, why, words)
        guard = answers.Answer(world.universe, verb, resource, lambda _: error)
        world.ends.append(guard.over)
        await world.apply(WEB, **spec)

    return Story(make=make, mend=ends)


async def ends(world: World) -> None:
    """End what the story made outside the pods; whoever waits is told to try again."""
    for end in world.ends:
        end()
    mark = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "now"}}}
    if world.found():
        await world.universe.merge(Resource.APPLICATIONS, "shop", mark)


async def _is_kept(world: World, **spec: Json) -> None:
    await world.up(STATEFUL, **spec)
    held = {"metadata": {"finalizers": [HOLD]}}
    await world.universe.merge(Resource.CLAIMS, "data-shop-web-1", held)
    await world.universe.delete(Resource.APPLICATIONS, "shop")


async def _is_lifted(world: World) -> None:
    free: Json = {"metadata": {"finalizers": None}}
    await world.universe.merge(Resource.CLAIMS, "data-shop-web-1", free)


def _has_no_claim(world: World) -> bool:
    return is_gone(world) and not world.universe.names(Resource.CLAIMS)


async def _is_unreachable(world: World) -> None:
    await world.up(STATEFUL)
    node = world.found(Resource.PODS, "shop-web-1")["spec"]["nodeName"]
    world.universe.kubelet.lost.add(node)
    await world.universe.delete(Resource.PODS, "shop-web-1")


async def _is_evicted_by_a_taint(world: World) -> None:
    world.broken, world.fate = {"app:1"}, "Unready"
    await world.apply(STATEFUL)
    universe = world.universe
    await universe.until(
        lambda: world.found(Resource.PODS, "shop-web-1").get("status", {}).get("phase") == "Running"
    )
    await asyncio.sleep(5)
    pod = world.found(Resource.PODS, "shop-web-1")
    mark = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    said = [*pod["status"]["conditions"], mark | {"message": "Taint manager: deleting"}]
    status = {**pod["status"], "conditions": said}
    universe.server.registry.set_status(
        Resource.PODS, ("default", "shop-web-1"), status, actor="taints"
    )
    universe.kubelet.lost.add(pod["spec"]["nodeName"])
    await universe.delete(Resource.PODS, "shop-web-1")


async def _goes_silent(world: World) -> None:
    await world.up(STATEFUL)
    world.universe.kubelet.silence(world.found(Resource.PODS, "shop-web-1")["spec"]["nodeName"])


async def _nodes_return(world: World) -> None:
    for node in list(world.universe.kubelet.lost):
        world.universe.kubelet.return_node(node)
    world.mend()


async def _is_edited_again_and_again(world: World) -> None:
    await world.up(WEB)
    spec = {"containers": [{"name": "main", "image": "evil:1"}]}
    for _ in range(6):
        await world.universe.merge(Resource.PODS, "shop-web-1", {"spec": spec}, style="strategic")
        await world.universe.settle(quiet=40)


async def _says_it_in_the_application(world: World) -> None:
    await world.apply(component("web", 3, image="evil:1"))


async def _has_a_foreign_budget(world: World) -> None:
    await world.up(WEB)
    chosen = {"matchLabels": {names.APPLICATION_LABEL: "shop"}}
    body = {"metadata": {"name": "theirs"}, "spec": {"maxUnavailable": 1, "selector": chosen}}
    registry = world.universe.server.registry
    registry.create(Resource.DISRUPTION_BUDGETS, "default", body, actor="user")


async def _has_its_own_budget(world: World) -> None:
    await world.universe.delete(Resource.DISRUPTION_BUDGETS, "theirs")


async def _may_not_grow(world: World) -> None:
    await world.up(STATEFUL)
    words = (
        'persistentvolumeclaims "data-shop-web-0" is forbidden: only dynamically provisioned pvc'
        " can be resized and the storageclass that provisions the pvc must support resize"
    )
    error = refuse(403, "Forbidden", words)
    guard = answers.Answer(world.universe, "patch", Resource.CLAIMS, lambda _: error)
    world.ends.append(guard.over)
    larger = {**CLAIM, "spec": {**CLAIM["spec"], "resources": {"requests": {"storage": "2Gi"}}}}
    await world.apply(component("web", 3, volumeClaims=[larger]))


def _has_grown(world: World) -> bool:
    claim = world.found(Resource.CLAIMS, "data-shop-web-2")
    return world.ready() and claim["spec"]["resources"]["requests"]["storage"] == "2Gi"


async def _has_no_application(world: World) -> None:
    await world.run("again", "Restart", startDeadlineSeconds=3600)


async def _has_its_application(world: World) -> None:
    await world.apply(WEB)


async def _is_built_before_it_is_there(world: World) -> None:
    Forge(world.universe.server)
    spec = {"application": "shop", "component": "web", "number": 1, "source": SOURCE}
    meta = {"name": "shop-web-b1", "namespace": "default"}
    body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Build", "metadata": meta, "spec": spec}
    await world.universe.apply(body)


async def _has_its_source(world: World) -> None:
    await world.apply(component("web", 1, source=SOURCE))


async def _meets_a_name_of_before(world: World) -> None:
    owner = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Server",
        "name": "shop-web-0",
        "uid": "of-before",
        "controller": True,
    }
    meta = {
        "name": "shop-web-0",
        "namespace": "default",
        "finalizers": [HOLD],
        "ownerReferences": [owner],
    }
    spec = {"containers": [{"name": "main", "image": "x"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    await world.universe.server.create(Resource.PODS, "default", pod)
    await world.apply(component("web", 1))


async def _frees_the_name(world: World) -> None:
    free: Json = {"metadata": {"finalizers": None}}
    await world.universe.merge(Resource.PODS, "shop-web-0", free)


async def _is_orphaned(world: World) -> None:
    await world.up(WEB)
    await world.universe.delete(Resource.APPLICATIONS, "shop", propagation="Orphan")


async def _is_applied_again(world: World) -> None:
    await world.apply(WEB)


async def _loses_its_record(world: World) -> None:
    rollout = {"partition": 2}
    await world.up(component("web", 3))
    (old,) = world.universe.names(Resource.REVISIONS)
    await world.up(component("web", 3, image="app:2", rollout=rollout))
    await world.universe.delete(Resource.REVISIONS, old)


async def _lowers_the_partition(world: World) -> None:
    await world.apply(component("web", 3, image="app:2", rollout={"partition": 0}))


async def _is_mostly_ill(world: World) -> None:
    await world.up(component("web", 10))
    # So that it is no start that went wrong.
    await asyncio.sleep(600)
    for number in range(6):
        world.universe.kubelet.unready("default", f"shop-web-{number}")


async def _is_well_again(world: World) -> None:
    for number in range(6):
        world.universe.kubelet.ready("default", f"shop-web-{number}")


NODES = ("node-0", "node-1", "node-2")


def _cordon(world: World, *, on: bool) -> None:
    for node in NODES:
        evictions.cordon(world.universe.server.registry, world.universe.kubelet, node, on=on)


async def _has_nowhere_to_go(world: World) -> None:
    await world.up(component("web", 3, rollout={"maxUnavailable": 0, "maxSurge": 1}))
    _cordon(world, on=True)


async def _may_stay(world: World) -> None:
    _cordon(world, on=False)


async def _fails_to_build(world: World, *, at: str) -> None:
    forge = Forge(world.universe.server)
    getattr(forge, at).add(COMMIT)
    world.ends.append(functools.partial(forge.push, OTHER))
    source = {**SOURCE, "test": {"command": ["./test"]}}
    await world.apply(component("web", 1, source=source))


async def _gets_a_better_commit(world: World) -> None:
    for end in world.ends:
        end()
    await world.type_in("kubectl argosy build shop -n default")


async def _is_refused_its_pods_end(world: World) -> None:
    await world.up(WEB)
    words = 'admission webhook "keep.example.com" denied the request: not now'
    error = refuse(403, "Forbidden", words)
    guard = answers.Answer(world.universe, "delete", Resource.PODS, lambda _: error)
    world.ends.append(guard.over)
    await world.apply(component("web", 1))


def _is_down_to_one(world: World) -> bool:
    return world.ready() and len(world.universe.names(Resource.PODS)) == 1


async def _is_scaled_by_hand(world: World) -> None:
    await world.up(WEB)
    await world.universe.merge(
        Resource.SERVERSETS, "shop-web", {"spec": {"replicas": 5}}, subresource="scale"
    )


async def _leaves_replicas_out(world: World) -> None:
    part: Json = {**component("web", None)}
    await world.apply({**part, "replicas": 5})


async def _is_never_ready(world: World) -> None:
    world.broken, world.fate = {"app:1"}, "Unready"
    await world.apply(WEB)


async def _probes_pass(world: World) -> None:
    world.mend()


POLICY = (
    "pods \"shop-web-0\" is forbidden: ValidatingAdmissionPolicy 'small' with binding 'small'"
    " denied request: no such pods here"
)

TROUBLES: Mapping[str, Story] = {
    "KeptByOthers": Story(make=_is_kept, mend=_is_lifted, better=_has_no_claim),
    "LeftBehind": Story(
        make=functools.partial(_is_kept, deletion={"timeoutSeconds": 30}),
        mend=_is_lifted,
        better=_has_no_claim,
    ),
    "Unreachable": Story(make=_is_unreachable, mend=_nodes_return),
    "NodeSilent": Story(make=_goes_silent, mend=_nodes_return),
    "DeletionByTaintManager": Story(make=_is_evicted_by_a_taint, mend=_nodes_return),
    "Drifted": Story(
        make=_is_edited_again_and_again, mend=_says_it_in_the_application, name="shop-web-1"
    ),
    "ForeignBudget": Story(
        make=_has_a_foreign_budget,
        mend=_has_its_own_budget,
        better=lambda world: bool(world.found(Resource.DISRUPTION_BUDGETS, "shop-web")),
    ),
    "ClaimCannotGrow": Story(make=_may_not_grow, mend=ends, better=_has_grown),
    "NotFound": Story(
        make=_has_no_application,
        mend=_has_its_application,
        better=lambda world: world.ended("again", "Completed"),
    ),
    "NoSource": Story(make=_is_built_before_it_is_there, mend=_has_its_source),
    "OwnerGone": Story(make=_meets_a_name_of_before, mend=_frees_the_name, name="shop-web-0"),
    "Orphaned": Story(make=_is_orphaned, mend=_is_applied_again),
    "RevisionMissing": Story(
        make=_loses_its_record,
        mend=_lowers_the_partition,
        better=lambda world: world.ready() and not world.says("RevisionMissing"),
    ),
    "RemediationHeld": Story(make=_is_mostly_ill, mend=_is_well_again),
    "ServersMoving": Story(
        make=_has_nowhere_to_go, mend=_may_stay, better=tells_no_more("ServersMoving")
    ),
    "BuildFailed": Story(
        make=functools.partial(_fails_to_build, at="broken"),
        mend=_gets_a_better_commit,
        name="shop-web-b1",
    ),
    "Failed of a Build": Story(
        make=functools.partial(_fails_to_build, at="broken"),
        mend=_gets_a_better_commit,
        name="shop-web-b1",
    ),
    "TestFailed": Story(
        make=functools.partial(_fails_to_build, at="failing"),
        mend=_gets_a_better_commit,
        name="shop-web-b1",
    ),
    "FailedCreate": refused("create", Resource.PODS, 403, "Forbidden", POLICY),
    "Denied": Story(make=_is_refused_its_pods_end, mend=ends, better=_is_down_to_one),
    "FailedDelete": Story(make=_is_refused_its_pods_end, mend=ends, better=_is_down_to_one),
    "ReplicasOverridden": Story(
        make=_is_scaled_by_hand,
        mend=_leaves_replicas_out,
        better=lambda world: world.ready() and len(world.universe.names(Resource.PODS)) == 5,
    ),
    "ContainersNotReady": Story(make=_is_never_ready, mend=_probes_pass, name="shop-web-0"),
}
