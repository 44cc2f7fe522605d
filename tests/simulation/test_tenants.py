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
from controller.api import objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults
from controller.kube.api import ExecResult
from controller.planning.circuit import CircuitState
from controller.providers.steps.http_step import HttpStep
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


@dataclasses.dataclass(slots=True)
class Away:
    """Writes of pods do not get through, until it is over."""

    over: bool = False

    def matches(self, request: chaos.Request) -> bool:
        """Return whether the request is such a write."""
        writes = request.verb in ("create", "delete", "patch")
        return writes and request.resource is Resource.PODS and not self.over


def away(universe: Universe) -> Away:
    """Have an outage begin that only what makes servers meets."""
    outage = Away()
    error = faults.Unreachable("pods: no connection", reason=Reason.UNREACHABLE)
    verdict = Verdict(there=0.1, before=error)
    universe.faults.rules.append(chaos.Rule(matches=outage.matches, verdict=verdict, times=None))
    return outage


def home(universe: Universe) -> None:
    """Make the tenant's namespace."""
    body = {"metadata": {"name": TENANT}, "status": {"phase": "Active"}}
    universe.server.registry.create(Resource.NAMESPACES, "", body, actor="user")


def command(**more: Any) -> list[Json]:
    """Return the steps of an operation that runs one command in each server."""
    return [{"name": "s", "exec": {"command": ["x"], **more}, "scope": "Server"}]


def state(universe: Universe, fleet: str = "pods") -> CircuitState:
    """Return how the circuit of a fleet stands."""
    return universe.process.fleets.circuit(fleet).state


def is_gone(universe: Universe, name: str) -> bool:
    """Return whether an application is no more."""
    return name not in universe.names(Resource.APPLICATIONS)


async def test_commands_that_hang_and_are_cancelled_keep_nobody_waiting() -> None:
    """Sixty of another namespace end in vain, each of another server: nobody else feels it."""
    async with Universe() as universe:
        home(universe)
        for name in ("a", "b"):
            await universe.apply(theirs(application(name, component("web", 30))))
        await universe.bring_up(application("shop", component("web", 3)))
        await universe.settle()

        async def run(_namespace: str, _pod: str, _command: object) -> ExecResult:
            await asyncio.sleep(10**6)
            return ExecResult(exit_code=0)

        universe.server.on_exec = run
        steps = command(detached=True)
        for name in ("a", "b"):
            await universe.apply(
                theirs(operation(name, name, "Steps", steps=steps, concurrency=30,
                                 cancelGraceSeconds=30))
            )  # fmt: skip
        await asyncio.sleep(20)
        for name in ("a", "b"):
            ended = {"spec": {"cancelled": True}}
            await universe.server.patch(Resource.OPERATIONS, TENANT, name, ended)
            await asyncio.sleep(60)
            assert state(universe) is CircuitState.CLOSED
        await universe.delete(Resource.APPLICATIONS, "shop")
        assert await came(universe, "late") < 10
        await universe.until(lambda: is_gone(universe, "shop"), patience=30)


async def test_a_long_command_is_not_all_that_is_tried_after_an_outage() -> None:
    """Thirty of 50 minutes wait for their turn: a create and a delete of others find theirs."""
    async with Universe() as universe:
        home(universe)
        await universe.apply(theirs(application("a", component("web", 30))))
        await universe.bring_up(application("shop", component("web", 3)))
        await universe.settle()
        await asyncio.sleep(100)
        begun = list[str]()

        async def run(_namespace: str, pod: str, _command: object) -> ExecResult:
            begun.append(pod)
            await asyncio.sleep(3000)
            return ExecResult(exit_code=0)

        universe.server.on_exec, universe.server.latency = run, LATENCY
        outage = away(universe)
        steps = [{**command()[0], "timeoutSeconds": 3600}]
        await universe.apply(
            theirs(operation("op", "a", "Steps", steps=steps, concurrency=30, timeoutSeconds=7200))
        )
        await universe.until(lambda: state(universe) is CircuitState.OPEN)
        outage.over = True
        await universe.until(lambda: bool(begun))
        await asyncio.sleep(1)
        await universe.delete(Resource.APPLICATIONS, "shop")
        assert await came(universe, "late") < 30
        await universe.until(lambda: is_gone(universe, "shop"), patience=30)
        await universe.until(lambda: len(begun) == 30)
        await universe.until(lambda: state(universe) is CircuitState.CLOSED)


async def test_long_commands_alone_close_a_circuit_and_open_it() -> None:
    """Nothing else is asked for: an outage has their clock stand still, and they are through it."""
    async with Universe() as universe:
        home(universe)
        await universe.apply(theirs(application("a", component("web", 30))))
        await universe.settle()
        outage = away(universe)

        async def run(_namespace: str, _pod: str, _command: object) -> ExecResult:
            await asyncio.sleep(60)
            return ExecResult(exit_code=0)

        universe.server.on_exec = run
        await universe.apply(
            theirs(operation("op", "a", "Steps", steps=command(), concurrency=30,
                             timeoutSeconds=300, recovery={"attempts": 1}))
        )  # fmt: skip
        await asyncio.sleep(3600)
        assert state(universe) is not CircuitState.CLOSED
        outage.over = True

        def told() -> str:
            body = universe.server.objects[Resource.OPERATIONS][TENANT, "op"]
            found = body["status"]["conditions"]
            return str(next(each["reason"] for each in found if each["type"] == "Succeeded"))

        await universe.until(lambda: told() == "Completed")
        await universe.until(lambda: state(universe) is CircuitState.CLOSED)


async def test_requests_of_another_namespace_hide_no_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever these go they get through: a rollout of others waits, and is not taken back."""
    sent = list[str]()

    async def send(_: HttpStep, server: objects.Server, *_more: object) -> dict[str, str]:
        await asyncio.sleep(2)
        sent.append(server.metadata.name)
        return {"status": "200"}

    def refuse_all(verb: str, *, after: bool) -> None:
        if not after:
            raise errors.Outage(f"{verb}: no answer", reason=Reason.UNREACHABLE)

    monkeypatch.setattr(HttpStep, "run", send)
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 300, "onDeadline": "RollBack"}
    async with Universe() as universe:
        home(universe)
        fleet = {"metadata": {"name": "metal"}, "spec": {"provider": "memory"}}
        await universe.server.create(Resource.FLEETS, "", fleet)
        await universe.apply(theirs(application("other", component("web", 40), fleet="metal")))
        before = component("web", 6, rollout=rollout)
        await universe.bring_up(application("shop", before, fleet="metal"))
        await universe.settle()
        well = universe.machines.interfere
        universe.machines.interfere = refuse_all
        steps = [
            {"name": f"s{number}", "http": {"url": "http://x/"}, "scope": "Server"}
            for number in range(8)
        ]
        await universe.apply(
            theirs(operation("op", "other", "Steps", steps=steps, concurrency=1,
                             timeoutSeconds=7200))
        )  # fmt: skip
        changed = component("web", 6, image="app:2", rollout=rollout)
        await universe.apply(application("shop", changed, fleet="metal"))
        await asyncio.sleep(1800)
        assert sent
        assert state(universe, "metal") is not CircuitState.CLOSED
        universe.machines.interfere = well
        await universe.until(lambda: universe.is_ready("shop"))
        assert {each.revision for each in universe.machines.machines} >= {
            universe.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"]
        }
        assert universe.condition(Resource.APPLICATIONS, "shop")["reason"] == "Available"
