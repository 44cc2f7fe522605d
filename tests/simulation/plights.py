"""More situations by reason: those that need more of a cluster than writes and pods.

Fleets that are away, nodes without room, an operator that was set up otherwise. As those of
`troubles`, `test_shown_remedies` plays them; each says in which words its command shows the cause.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from controller import errors
from controller.api import clock
from controller.api.resources import Resource
from controller.kinds.application.kind import APPLICATION
from controller.kinds.operation import open_operations
from controller.kube import api as kube
from controller.planning.builders import Builder
from controller.providers.openstack.reasons import CloudReason
from fakes.api_server import Behaviour
from fakes.api_server.refusal import refuse
from fakes.forge import Forge
from fakes.universe import BUILDER, Json, component, with_kind
from tests.simulation import answers, clouded
from tests.simulation.test_remedies import SOURCE, WEB, World
from tests.simulation.troubles import Act, Story, ends
from tests.simulation.zoned import ZONES

ONE = component("web", 1)


async def _fleet(world: World, **spec: Any) -> None:
    body = {
        "apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": "metal"},
        "spec": {"provider": "memory", **spec},
    }  # fmt: skip
    await world.universe.server.create(Resource.FLEETS, "", body)


async def _set_fleet(world: World, **spec: Any) -> None:
    await world.universe.server.patch(
        Resource.FLEETS, "", "metal", {"spec": spec}, field_manager="admin"
    )


async def _starts_otherwise(world: World, **given: Any) -> None:
    """Start another operator in the place of this one, with other values of the chart."""
    for name, value in given.items():
        setattr(world.universe, name, value)
    await world.universe.crash()


def answered(verb: str, resource: Resource, error: errors.ArgosyError, **more: Any) -> Act:
    """Return what has the API server answer some writes with an error until `ends`."""

    async def begin(world: World) -> None:
        guard = answers.Answer(world.universe, verb, resource, lambda _: error, **more)
        world.ends.append(guard.over)

    return begin


async def _nothing(world: World) -> None:
    """Do nothing: that passes by itself."""


# Fleets.


async def _is_away(world: World) -> None:
    await _fleet(world)
    await world.up(WEB, fleet="metal")
    machines = world.universe.machines

    def out(verb: str, *, after: bool) -> None:
        if not after:
            raise errors.Outage(
                f"{verb}: the cloud does not answer", reason=CloudReason.CLOUD_UNREACHABLE
            )

    well, machines.interfere = machines.interfere, out
    world.ends.append(lambda: setattr(machines, "interfere", well))
    await world.apply(component("web", 30), fleet="metal")


async def _is_back(world: World) -> None:
    for each in world.ends:
        each()


async def _may_not_be_used(world: World) -> None:
    await _fleet(world, allowedNamespaces={"matchLabels": {"team": "a"}})
    await world.apply(WEB, fleet="metal")


async def _is_labelled(world: World) -> None:
    labels = {"metadata": {"labels": {"team": "a"}}}
    await world.universe.merge(Resource.NAMESPACES, "default", labels)


async def _is_set_up_wrongly(world: World) -> None:
    await clouded.found(world)
    wrong = {"openstack": {"cloud": "test", "probeCIDRs": ["everywhere"]}}
    await world.universe.server.patch(Resource.FLEETS, "", "west", {"spec": wrong})
    await clouded.apply(world, 1)


async def _is_set_up_rightly(world: World) -> None:
    right = {"openstack": {"probeCIDRs": ["10.0.0.0/8"]}}
    await world.universe.server.patch(Resource.FLEETS, "", "west", {"spec": right})


def _domains(state: str) -> list[Json]:
    return [{"name": each, "weight": 1, "state": state} for each in ZONES]


async def _has_zones(world: World, part: Json, state: str = "Active") -> None:
    world.universe.machines.zones = ZONES
    await _fleet(world, failureDomains=_domains(state))
    await world.apply(part, fleet="metal")


async def _is_closed(world: World) -> None:
    await _has_zones(world, component("web", 3, spread={}), "Cordoned")


async def _is_open(world: World) -> None:
    await _set_fleet(world, failureDomains=_domains("Active"))


async def _is_full(world: World) -> None:
    machines = world.universe.machines
    roomy, machines.settings = machines.settings, machines.settings.__class__(full_zones=("b",))
    world.ends.append(lambda: setattr(machines, "settings", roomy))
    await _has_zones(world, component("web", 3, spread={"require": True}))


CAREFUL: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
PATIENT: Json = {"remediation": {"afterSeconds": 100_000, "maxHoldSeconds": 100_000}}


async def _has_a_sick_domain(world: World) -> None:
    part = component("web", 9, spread={}, rollout=CAREFUL, recovery=PATIENT)
    await _has_zones(world, part)
    await world.universe.until(world.ready)
    await world.universe.settle()
    machines = world.universe.machines
    sick = next(each for each in machines.machines if each.zone == "c").key
    machines.silence(sick)
    world.ends.append(lambda: machines.silence(sick, silent=False))
    await world.universe.settle()
    newer = component("web", 9, image="app:2", spread={}, rollout=CAREFUL, recovery=PATIENT)
    await world.apply(newer, fleet="metal")


# Pods and their nodes.


def _sized(cpu: str, count: int = 3) -> Json:
    part = component("web", count)
    (main,) = part["template"]["spec"]["containers"]
    main["resources"] = {"requests": {"cpu": cpu}}
    return part


def _asks_for(cpu: str) -> Callable[[World], bool]:
    def better(world: World) -> bool:
        asked = [
            world.found(Resource.PODS, each)["spec"]["containers"][0]["resources"]["requests"]
            for each in world.universe.names(Resource.PODS)
        ]
        return world.ready() and asked == [{"cpu": cpu}] * 3

    return better


async def _may_not_have_more(world: World) -> None:
    told = ["Deferred"]
    world.universe.kubelet.behave = lambda _: Behaviour(
        resize=told[0], message="Node said Deferred"
    )
    world.ends.append(lambda: told.__setitem__(0, ""))
    await world.up(_sized("100m"))
    await world.apply(_sized("200m"))


async def _has_room(world: World) -> None:
    for each in world.ends:
        each()
    for name in world.universe.names(Resource.PODS):
        world.universe.kubelet.resize("default", name)


async def _crashes(world: World, *, reason: str) -> None:
    left = [1000]
    world.universe.kubelet.behave = lambda _: Behaviour(
        ends=left[0], end_reason=reason, start_seconds=0.2, message="no more memory"
    )
    world.ends.append(lambda: left.__setitem__(0, 0))
    await world.apply(WEB)


async def _crashes_no_more(world: World) -> None:
    for each in world.ends:
        each()


UNRESPONSIVE = "Node node-1 which was running pod shop-web-1 is unresponsive"


async def _loses_its_node(world: World) -> None:
    await world.up(WEB)
    pod = world.found(Resource.PODS, "shop-web-1")
    world.universe.kubelet.lost.add(pod["spec"]["nodeName"])
    world.universe.kubelet.fail("default", "shop-web-1", reason="NodeLost", message=UNRESPONSIVE)


async def _node_returns(world: World) -> None:
    for each in list(world.universe.kubelet.lost):
        world.universe.kubelet.return_node(each)


SHUT = 'the status of pod readiness gate "target-health.elbv2.k8s.aws/web" is not "True", but False'


async def _waits_for_a_gate(world: World) -> None:
    await world.up(WEB)
    status = world.found(Resource.PODS, "shop-web-1")["status"]
    kept = [each for each in status["conditions"] if each["type"] != "Ready"]
    told = {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"}
    ready = {"type": "ContainersReady", "status": "True"}
    status = {**status, "conditions": [*kept, ready, told | {"message": SHUT}]}
    key = ("default", "shop-web-1")
    world.universe.server.registry.set_status(Resource.PODS, key, status, actor="kubelet")


async def _gate_opens(world: World) -> None:
    world.universe.kubelet.ready("default", "shop-web-1")


async def _has_an_eviction_on_record(world: World) -> None:
    rollout = {"maxUnavailable": 1, "inPlace": "Never"}
    await world.up(component("web", 3, rollout=rollout))
    record = {"disruptedPods": {"shop-web-2": clock.stamp(world.universe.server.now())}}
    registry = world.universe.server.registry
    registry.set_status(
        Resource.DISRUPTION_BUDGETS, ("default", "shop-web"), record, actor="disruption"
    )
    await world.apply(component("web", 3, image="app:2", rollout=rollout))


# Answers of the API server.

NO_ACCOUNT = (
    'pods "shop-web-0" is forbidden: error looking up service account default/robot: serviceaccount'
    ' "robot" not found'
)
NO_RIGHT = (
    'servers.argosy.dev is forbidden: User "system:serviceaccount:argosy:operator" cannot create'
    ' resource "servers" in API group "argosy.dev" in the namespace "default"'
)


async def _has_no_account(world: World) -> None:
    await answered("create", Resource.PODS, refuse(403, "Forbidden", NO_ACCOUNT))(world)
    await world.apply(WEB)


async def _has_no_right(world: World) -> None:
    await answered("create", Resource.SERVERS, refuse(403, "Forbidden", NO_RIGHT))(world)
    await world.apply(WEB)


async def _has_no_budget(world: World) -> None:
    words = "poddisruptionbudgets.policy is forbidden: exceeded quota: few"
    error = refuse(403, "Forbidden", words)
    await answered("create", Resource.DISRUPTION_BUDGETS, error)(world)
    await world.up(WEB)


def _has_a_budget(world: World) -> bool:
    return bool(world.found(Resource.DISRUPTION_BUDGETS, "shop-web"))


async def _is_not_valid(world: World) -> None:
    error = refuse(422, "Invalid", "spec.odd: Invalid value: must be even")
    await answered("create", Resource.SERVICES, error)(world)
    await world.apply(WEB)


async def _has_its_status_refused(world: World) -> None:
    await world.up(WEB)
    error = refuse(422, "Invalid", "status.lastHandledRetry: Too long: may not be more than 9")
    asked = [0]

    def refused(_: object) -> errors.ArgosyError | None:
        # The next one is smaller: it tells of this.
        asked[0] += 1
        return error if asked[0] % 2 else None

    guard = answers.Answer(
        world.universe, "patch", Resource.APPLICATIONS, refused, subresource="status"
    )
    world.ends.append(guard.over)
    await world.apply(component("web", 4))


# The operator itself.


async def _has_no_builder(world: World) -> None:
    await _starts_otherwise(world, builder=Builder())
    Forge(world.universe.server)
    await world.apply(component("web", 1, source=SOURCE))


async def _has_a_builder(world: World) -> None:
    await _starts_otherwise(world, builder=BUILDER)


async def _may_not_push_there(world: World) -> None:
    allowed = ("registry.example.com/$(NAMESPACE)",)
    builder = dataclasses.replace(BUILDER, allowed_repositories=allowed)
    await _starts_otherwise(world, builder=builder)
    Forge(world.universe.server)
    await world.apply(component("web", 1, source=SOURCE))


async def _may_push_here(world: World) -> None:
    source = {**SOURCE, "image": "registry.example.com/default/web"}
    await world.apply(component("web", 1, source=source))


async def _is_building(world: World) -> None:
    forge = Forge(world.universe.server)
    forge.stands_still = True
    world.ends.append(forge.finish)
    await world.apply(component("web", 1, source=SOURCE))


async def _gets_no_pod(world: World) -> None:
    forge = Forge(world.universe.server)
    waits = {"name": "resolve", "state": {"waiting": {"reason": "ContainerCreating"}}}
    forge.stuck["resolve"] = {"containerStatuses": [waits]}
    world.ends += [forge.stuck.clear, forge.finish]
    await world.apply(component("web", 1, source=SOURCE))


async def _is_broken(world: World) -> None:
    broken: set[str] = {"shop"}

    def plan(found: Any) -> Any:
        if found.application.metadata.name in broken:
            raise ZeroDivisionError("a bug")
        return APPLICATION.plan(found)

    await world.up(WEB)
    kinds = with_kind(dataclasses.replace(APPLICATION, plan=plan))
    await _starts_otherwise(world, kinds=kinds)
    world.ends.append(broken.clear)
    await world.apply(component("web", 4))


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


async def _is_too_deep(world: World) -> None:
    await world.up(WEB)
    part = component("web", 3)
    part["template"]["spec"]["odd"] = _deep(300)
    await world.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"components": [part]}})


async def _is_put_right(world: World) -> None:
    await world.universe.merge(Resource.APPLICATIONS, "shop", {"spec": {"components": [WEB]}})


async def _is_full_up(world: World) -> None:
    await _starts_otherwise(world, servers_per_namespace=2)
    await world.apply(WEB)


async def _asks_for_two(world: World) -> None:
    await world.apply(component("web", 2))


async def _loses_servers(world: World) -> None:
    await world.up(WEB)
    owner: Json = {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "strange", "uid": "of-nobody",
        "controller": True,
    }  # fmt: skip
    taken = {"metadata": {"ownerReferences": [owner]}}
    await world.universe.merge(Resource.SERVERS, "shop-web-1", taken)
    await world.universe.settle()
    await world.universe.delete(Resource.APPLICATIONS, "shop")
    await world.universe.until(lambda: not world.found())


async def _is_applied_again(world: World) -> None:
    free: Json = {"metadata": {"ownerReferences": []}}
    await world.universe.merge(Resource.SERVERS, "shop-web-1", free)
    await world.apply(WEB)


# Operations.


async def _is_one_too_many(world: World) -> None:
    await world.up(ONE)
    for number in range(open_operations.MOST_OPEN):
        await world.run(f"waits-{number:03}", "Restart", paused=True)
    await world.universe.settle()
    await world.run("again", "Restart")


async def _cancels_one(world: World) -> None:
    for line in ("cancel operation/waits-000", "retry operation/again"):
        await world.type_in(f"kubectl argosy {line} -n default")


STEP: Json = {"exec": {"command": ["do"]}}
STEPS: list[Json] = [{"name": "one", **STEP, "compensate": STEP}, {"name": "two", **STEP}]


async def _is_undone(world: World) -> None:
    ran: list[object] = []

    async def run(*asked: object) -> kube.ExecResult:
        # The second one fails, and the first one is undone.
        ran.append(asked)
        return kube.ExecResult(exit_code=int(len(ran) == 2))

    await world.up(ONE)
    world.universe.server.on_exec = run
    rule = {"attempts": 1}
    await world.run("again", "Steps", steps=STEPS, onFailure="Revert", recovery=rule)


async def _is_started_anew(world: World) -> None:
    await world.run("anew", "Steps", steps=STEPS)


PLIGHTS: Mapping[str, Story] = {
    "CircuitOpen": Story(make=_is_away, mend=_is_back, name="metal", words="does not answer"),
    "FleetNotAllowed": Story(make=_may_not_be_used, mend=_is_labelled, words="allowedNamespaces"),
    "InvalidSettings": Story(
        make=_is_set_up_wrongly, mend=_is_set_up_rightly, name="west", words="everywhere"
    ),
    "DomainClosed": Story(make=_is_closed, mend=_is_open, name="metal", words="Cordoned"),
    "NoCapacity": Story(make=_is_full, mend=_is_back, words="metal"),
    "DomainSick": Story(
        make=_has_a_sick_domain, mend=_is_back, name="shop-web", words="failure domain c"
    ),
    "Deferred": Story(
        make=_may_not_have_more,
        mend=_has_room,
        better=_asks_for("200m"),
        name="shop-web-0",
        words="Node said Deferred",
    ),
    "Error": Story(
        make=functools.partial(_crashes, reason="Error"), mend=_crashes_no_more, name="shop-web-0"
    ),
    "OOMKilled": Story(make=functools.partial(_crashes, reason="OOMKilled"), mend=_crashes_no_more),
    "NodeLost": Story(make=_loses_its_node, mend=_node_returns),
    "ReadinessGatesNotReady": Story(
        make=_waits_for_a_gate, mend=_gate_opens, name="shop-web-1", words="target-health"
    ),
    "EvictionOnRecord": Story(make=_has_an_eviction_on_record, mend=_nothing, words="shop-web-2"),
    "ServiceAccountMissing": Story(make=_has_no_account, mend=ends),
    "Forbidden": Story(make=_has_no_right, mend=ends, words="no"),
    "BudgetNotWritten": Story(
        make=_has_no_budget,
        mend=ends,
        better=_has_a_budget,
        name="shop-web",
        words="exceeded quota: few",
    ),
    "Refused": Story(make=_is_not_valid, mend=ends),
    "StatusRefused": Story(make=_has_its_status_refused, mend=ends),
    "BuildsNotSetUp": Story(make=_has_no_builder, mend=_has_a_builder, words="was given no daemon"),
    "RepositoryNotAllowed": Story(
        make=_may_not_push_there, mend=_may_push_here, words="registry.example.com/shop/web"
    ),
    "WaitingForImage": Story(
        make=_is_building, mend=_is_back, name="shop-web-b1", words="Resolving"
    ),
    "NotStarted": Story(make=_gets_no_pod, mend=_is_back, words="ContainerCreating"),
    "InternalError": Story(make=_is_broken, mend=_is_back, words="argosy-report"),
    "Malformed": Story(make=_is_too_deep, mend=_is_put_right, words="odd"),
    "NamespaceFull": Story(make=_is_full_up, mend=_asks_for_two, words="shop"),
    "ServersLeft": Story(
        make=_loses_servers, mend=_is_applied_again, name="shop-web-1", words="of-nobody"
    ),
    "TooManyOperations": Story(
        make=_is_one_too_many,
        mend=_cancels_one,
        better=lambda w: w.ended("again", "Completed"),
        told_as="Failed",
        words="waits-000",
    ),
    "Reverted": Story(
        make=_is_undone,
        mend=_is_started_anew,
        better=lambda w: w.ended("anew", "Completed"),
        name="again",
        words="1 server of web failed",
    ),
}
