"""What one namespace does is not felt by another: its server comes as on an idle cluster.

Calls take as long as on a busy API server, so what a place in line costs is seen. Planning takes no
virtual time: how that is shared, `tests/execution/test_queue` asks.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controller import errors
from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet, chaos
from fakes.api_server.chaos import Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

TENANT = "tenant"
LATENCY = 0.05
LOOKS = 4
# Time to Ready beside the others ÷ idle. 3 is promised; where calls cost no more than else, and a
# small one's own find a place at once, there is far less.
WORST = 1.5
WEBHOOK = 'failed calling webhook "never.example.com": context deadline exceeded'


def theirs(body: Json) -> Json:
    """Return a manifest that is the tenant's."""
    body["metadata"]["namespace"] = TENANT
    return body


@dataclasses.dataclass(frozen=True, slots=True)
class Hung:
    """A webhook that never answers for the pods of one namespace."""

    error: errors.ArgosyError

    def matches(self, request: chaos.Request) -> bool:
        """Return whether the request waits for the webhook."""
        pods = request.verb == "create" and request.resource is Resource.PODS
        return pods and request.namespace == TENANT


async def operations_wait(universe: Universe) -> None:
    """300 operations on 90 servers, three of which are at work."""
    for crew in range(3):
        await universe.apply(theirs(application(f"crew{crew}", component("web", 30))))
    await universe.settle()
    for crew in range(3):
        for number in range(100):
            steps = [{"name": f"s{number}", "action": "Restart"}]
            body = operation(
                f"op{crew}-{number:03}", f"crew{crew}", "Steps", steps=steps, concurrency=1
            )
            await universe.apply(theirs(body))


async def webhook_hangs(universe: Universe) -> None:
    """60 servers, whose pods each take 4.5 s to be refused."""
    hung = Hung(refuse(500, "InternalError", WEBHOOK))
    verdict = Verdict(there=4.5, before=hung.error)
    universe.faults.rules.append(chaos.Rule(matches=hung.matches, verdict=verdict, times=None))
    await universe.apply(theirs(application("hung", component("web", 60))))
    await asyncio.sleep(2)


async def many_applications(universe: Universe) -> None:
    """200 applications at once."""
    await asyncio.gather(
        *(
            universe.apply(theirs(application(f"app{number}", component("web", 2))))
            for number in range(200)
        )
    )


async def many_creates(universe: Universe) -> None:
    """One application whose creates are far more than what is looked at takes."""
    await universe.apply(theirs(application("large", component("web", 600))))
    await asyncio.sleep(1)


async def came(universe: Universe, name: str) -> float:
    """Return how long an application of one server takes until it says Ready."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await universe.apply(application(name, component("web", 1)))
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, name).get("status") == "True"
    )
    return loop.time() - began


@pytest.mark.parametrize("load", [operations_wait, webhook_hangs, many_applications, many_creates])
async def test_a_server_comes_as_fast_beside_another_tenant(
    load: Callable[[Universe], Awaitable[None]],
) -> None:
    """Each time it is looked at, and not only on average."""
    quick = Kubelet(lambda _: Behaviour(schedule_seconds=0.01, start_seconds=0.02))
    async with Universe(kubelet=quick) as universe:
        home = {"metadata": {"name": TENANT}, "status": {"phase": "Active"}}
        universe.server.registry.create(Resource.NAMESPACES, "", home, actor="user")
        universe.server.latency = LATENCY
        idle = max([await came(universe, f"idle{each}") for each in range(LOOKS)])
        await load(universe)
        beside = [await came(universe, f"beside{each}") for each in range(LOOKS)]
        assert max(beside) <= WORST * idle, (idle, beside)
