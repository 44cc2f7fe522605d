"""Props for tests of the Server planner: a server as a test needs it, and what is decided of it."""

from __future__ import annotations

from typing import Any

import msgspec

from controller import contract
from controller.api import clock, names, objects
from controller.api.views.meta import Meta
from controller.contract import Capability, Observation, Phase
from controller.kinds import server
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import plan
from controller.providers import registry
from controller.providers.pod.changes import can_become

NOW = 1_700_000_000.0
RUNNING = Observation(
    phase=Phase.RUNNING,
    id="i1",
    zone="az1",
    addresses=("10.0.0.1",),
    revision="r1",
    incarnation=1,
    ready=True,
    ready_since=NOW - 100,
    since=NOW - 110,
)
POD = registry.kinds()["pod"]
PODS = contract.FleetFacts(
    name="pods",
    capabilities=frozenset({Capability.CHANGE_IN_PLACE}),
    can_change=can_become,
    in_cluster=POD.in_cluster,
    display=POD.display,
)
APPLICATION = objects.Application(metadata=Meta(name="shop", namespace="d", uid="app"))


def make(
    *,
    status: objects.ServerStatus | None = None,
    age: float = 1.0,
    generation: int = 1,
    meta: dict[str, Any] | None = None,
    **spec: Any,
) -> objects.Server:
    """Return a server as tests need it."""
    return objects.Server(
        metadata=Meta(
            **{
                "name": "shop-web-0",
                "namespace": "d",
                "uid": "u1",
                "resource_version": "7",
                "generation": generation,
                "creation_timestamp": clock.stamp(NOW - age),
                "finalizers": (names.FINALIZER,),
                **(meta or {}),
            }
        ),
        spec=objects.ServerSpec(
            **{
                "application": "shop",
                "component": "web",
                "ordinal": 0,
                "revision": "r1",
                "template": msgspec.Raw(b'{"zone":"any","keep":1}'),
                **spec,
            }
        ),
        status=status or objects.ServerStatus(),
    )


def decide(
    found: objects.Server,
    seen: Observation,
    *,
    now: float = NOW,
    fleet: contract.FleetFacts = PODS,
    **more: Any,
) -> plan.Plan:
    """Return the plan for a server of which `seen` is seen."""
    given = {"application": APPLICATION, "holder": "me", **more}
    look = ServerSnapshot(now=now, server=found, observation=seen, fleet=fleet, **given)
    return server.plan(look)


def verbs(answer: plan.Plan) -> list[str]:
    """Return what the provider is asked, in order."""
    return [each.verb.value for each in answer.actions if isinstance(each, contract.Call)]


def told(answer: plan.Plan) -> objects.ServerStatus:
    """Return the status that is to be written."""
    assert isinstance(answer.status, objects.ServerStatus)
    return answer.status


def running() -> objects.ServerStatus:
    """Return the status of a server that has come up."""
    return told(decide(make(), RUNNING))


def ready(status: objects.ServerStatus) -> tuple[str, str]:
    """Return the Ready condition's status and reason."""
    found = next(each for each in status.conditions if each.type == "Ready")
    return found.status, found.reason


def stalled(status: objects.ServerStatus) -> bool:
    """Return whether the status says that nothing can be done without a person."""
    return any(each.type == "Stalled" and each.status == "True" for each in status.conditions)
