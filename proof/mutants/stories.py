"""What happens to an operator in the arena: each story has the trouble that some mistake needs.

`trial` holds each story's audit log to the invariants; a whole operator breaks none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from controller.api.resources import Resource
from controller.kube import api as kube
from fakes.api_server import Behaviour, chaos
from proof.mutants import arena
from proof.mutants.arena import NAMESPACE

Story = Callable[[arena.Stage], Awaitable[None]]
LAG_SECONDS = 120.0
FIRST = 5
QUIET_SECONDS = 600.0
# How long an illness lasts that passes; and longer than a server that fell ill is remembered.
ILLNESS_SECONDS, LONG_SECONDS = 300.0, 2000.0


def component(name: str, replicas: int, image: str = "web:1", **more: Any) -> dict[str, Any]:
    """Return a component of pods with one container."""
    container = {"name": "main", "image": image}
    template = {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    return {"name": name, "replicas": replicas, "template": template, **more}


def shop(*components: dict[str, Any]) -> dict[str, Any]:
    """Return an application's spec."""
    return {"deletion": {"drainSeconds": 90}, "components": list(components)}


async def life(stage: arena.Stage) -> None:
    """Create, scale, update with surge, delete: nothing goes wrong."""
    rollout = {"maxSurge": 1, "maxUnavailable": 0, "inPlace": "Never"}
    db = component("db", 1)
    web = component("web", 3, dependsOn=["db"], rollout=rollout)
    stage.put(Resource.APPLICATIONS, "shop", shop(db, web))
    await stage.ready("shop")
    stage.change(Resource.APPLICATIONS, "shop", shop(db, {**web, "replicas": 5}))
    await stage.ready("shop")
    newer = component("web", 5, "web:2", dependsOn=["db"], rollout=rollout)
    stage.change(Resource.APPLICATIONS, "shop", shop(db, newer))
    await stage.ready("shop")
    stage.change(Resource.APPLICATIONS, "shop", shop(db, {**newer, "replicas": 2}))
    await stage.ready("shop")
    await gone(stage, "shop")


async def quiet(stage: arena.Stage) -> None:
    """Nothing happens for ten minutes, but for watches that break and a person's annotations."""
    stage.put(Resource.APPLICATIONS, "shop", shop(component("db", 1), component("web", 3)))
    await stage.ready("shop")
    await asyncio.sleep(1)
    stage.quiet_since = stage.server.now()
    for number in range(10):
        await asyncio.sleep(QUIET_SECONDS / 10)
        stage.faults.drop_watches()
        note = {"metadata": {"annotations": {"example.com/note": str(number)}}}
        for each in (Resource.SERVERS, Resource.PODS):
            stage.server.registry.patch(each, NAMESPACE, "shop-web-0", note, actor="person")


async def rolling(stage: arena.Stage) -> None:
    """Every server is replaced, two at a time, and then changed in place."""
    rollout = {"maxUnavailable": 2, "inPlace": "Never"}
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 8, rollout=rollout)))
    await stage.ready("shop")
    newer = component("web", 8, "web:2", rollout=rollout)
    stage.change(Resource.APPLICATIONS, "shop", shop(newer))
    await stage.ready("shop")
    newest = component("web", 8, "web:3", rollout={"maxUnavailable": 2})
    stage.change(Resource.APPLICATIONS, "shop", shop(newest))
    await stage.ready("shop")


async def upkeep(stage: arena.Stage) -> None:
    """A person deletes a pod of what an application that goes still needs; then sets go in turn."""
    db = component("db", 2)
    stage.put(Resource.APPLICATIONS, "shop", shop(db, component("web", 2, dependsOn=["db"])))
    await stage.ready("shop")
    stage.slow = 60.0
    stage.remove(Resource.APPLICATIONS, "shop")
    await asyncio.sleep(10)
    stage.remove(Resource.PODS, "shop-db-0", grace_seconds=0)
    await stage.until("no application", lambda: stage.find(Resource.APPLICATIONS, "shop") is None)


async def lag(stage: arena.Stage) -> None:
    """Watches of all that Argosy makes stand still for minutes while servers are made."""
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 3)))
    await stage.ready("shop")
    stage.faults.freeze(Resource.SERVERS, Resource.PODS)
    stage.change(Resource.APPLICATIONS, "shop", shop(component("web", 6)))
    await asyncio.sleep(LAG_SECONDS)
    stage.faults.thaw()
    await stage.ready("shop")
    stage.faults.freeze(Resource.PODS)
    victim = stage.all(Resource.PODS)[0]["metadata"]["name"]
    stage.remove(Resource.PODS, victim, grace_seconds=0)
    await asyncio.sleep(LAG_SECONDS)
    stage.faults.thaw()
    await stage.ready("shop")
    await gone(stage, "shop")


async def loss(stage: arena.Stage) -> None:
    """Answers are lost, requests are refused, watches break, all the time."""
    stage.faults._lost = stage.faults._refused = 0.1  # noqa: SLF001 - calm() ends what this begins
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 8)))
    await stage.ready("shop")
    stage.faults.drop_watches()
    stage.change(Resource.APPLICATIONS, "shop", shop(component("web", 8, "web:2")))
    await stage.ready("shop")
    stage.put(Resource.OPERATIONS, "again", {"application": "shop", "action": "Restart"})
    await ended(stage, "again")
    stage.faults.calm()
    await gone(stage, "shop")


async def cut_short(stage: arena.Stage) -> None:
    """An application is deleted while it comes up, and made again under its name."""
    for _ in range(2):
        stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 30)))
        await stage.until("the first servers", lambda: len(stage.all(Resource.SERVERS)) > FIRST)
        await gone(stage, "shop")
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 2)))
    await stage.ready("shop")
    await gone(stage, "shop")


async def slow_end(stage: arena.Stage) -> None:
    """Pods take a minute to end while their application goes, and somebody deletes a set."""
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 3)))
    await stage.ready("shop")
    stage.slow = 60.0
    stage.remove(Resource.SERVERS, "shop-web-1")
    await asyncio.sleep(5)
    await gone(stage, "shop")


async def shrinking(stage: arena.Stage) -> None:
    """Servers whose claims go with them are scaled away, and take a minute to end."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"name": "data", "spec": spec, "whenScaled": "Delete", "whenDeleted": "Delete"}
    stage.put(Resource.APPLICATIONS, "shop", shop(component("db", 3, volumeClaims=[claim])))
    await stage.ready("shop")
    stage.slow = 60.0
    stage.change(Resource.APPLICATIONS, "shop", shop(component("db", 1, volumeClaims=[claim])))
    await stage.until("one claim", lambda: len(stage.all(Resource.CLAIMS)) == 1)
    await stage.ready("shop")
    await gone(stage, "shop")
    await stage.until("no claim", lambda: not stage.all(Resource.CLAIMS))


async def going_set(stage: arena.Stage) -> None:
    """A set is deleted by hand while it wants more servers than there are."""
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 2)))
    await stage.ready("shop")
    stage.slow = 60.0
    stage.remove(Resource.SERVERSETS, "shop-web")
    await asyncio.sleep(2)
    stage.change(Resource.APPLICATIONS, "shop", shop(component("web", 6)))
    await asyncio.sleep(30)
    stage.slow = 0.0
    await stage.ready("shop")
    await gone(stage, "shop")


async def strangers(stage: arena.Stage) -> None:
    """Names that Argosy needs are taken by what people made."""
    container = {"name": "main", "image": "own:1"}
    stage.put(Resource.PODS, "shop-web-1", {"containers": [container]})
    stage.put(Resource.SERVICES, "lamp-web", {"clusterIP": "None"})
    stage.put(Resource.APPLICATIONS, "lamp", shop(component("web", 1)))
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 2)))
    await stage.until(
        "a stalled application",
        lambda: arena.condition(stage.find(Resource.APPLICATIONS, "shop"), "Stalled") == "True",
    )
    await stage.ready("lamp")
    await asyncio.sleep(LAG_SECONDS)
    stage.remove(Resource.APPLICATIONS, "lamp")
    await gone(stage, "shop")
    if not stage.all(Resource.PODS) or not stage.all(Resource.SERVICES):
        raise AssertionError("what a person made has gone")


async def replaced(stage: arena.Stage) -> None:
    """A pod is deleted and another takes its name while the watch of pods stands still."""
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 2)))
    await stage.ready("shop")
    stage.faults.freeze(Resource.PODS)
    stage.remove(Resource.PODS, "shop-web-1", grace_seconds=0)
    container = {"name": "main", "image": "own:1"}
    stage.put(Resource.PODS, "shop-web-1", {"containers": [container]})
    stage.remove(Resource.APPLICATIONS, "shop")
    await asyncio.sleep(LAG_SECONDS)
    stage.faults.thaw()
    await stage.until("no application", lambda: stage.find(Resource.APPLICATIONS, "shop") is None)
    if stage.find(Resource.PODS, "shop-web-1") is None:
        raise AssertionError("a person's pod has gone")


async def operations(stage: arena.Stage) -> None:
    """Two operations want the same servers; each runs commands; one command fails once."""
    failures = {"shop-web-2": 1}

    async def run(_namespace: str, pod: str, _command: object) -> kube.ExecResult:
        await asyncio.sleep(3)
        failures[pod] = failures.get(pod, 0) - 1
        return kube.ExecResult(exit_code=1 if failures[pod] >= 0 else 0)

    stage.server.on_exec = run
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 4)))
    await stage.ready("shop")
    for name in ("first", "second"):
        stage.put(Resource.OPERATIONS, name, steps())
    for name in ("first", "second"):
        await ended(stage, name)
    await gone(stage, "shop")


async def crashes(stage: arena.Stage) -> None:
    """The operator is killed again and again: while it makes servers, and while commands run."""

    async def run(_namespace: str, _pod: str, _command: object) -> kube.ExecResult:
        await asyncio.sleep(5)
        return kube.ExecResult(exit_code=0)

    stage.server.on_exec = run
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 12)))
    for _ in range(6):
        await asyncio.sleep(0.3)
        await stage.kill()
        stage.start()
    await stage.ready("shop")
    stage.put(Resource.OPERATIONS, "act", steps())
    for _ in range(3):
        await asyncio.sleep(3)
        await stage.kill()
        stage.start()
    await ended(stage, "act")
    await gone(stage, "shop")


async def rush(stage: arena.Stage) -> None:
    """One large application after the other is deleted on a slow server; a small one is made."""
    names = [f"big{number}" for number in range(6)]
    for name in names:
        stage.put(Resource.APPLICATIONS, name, shop(component("web", 100)))
    for name in names:
        await stage.ready(name)
    stage.server.latency = 2.0
    stage.remove(Resource.APPLICATIONS, names[0])
    await asyncio.sleep(5)
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 1)))
    for name in names[1:]:
        await asyncio.sleep(25)
        stage.remove(Resource.APPLICATIONS, name)
    await stage.ready("shop")
    await stage.until(
        "the end of the large ones",
        lambda: all(stage.find(Resource.APPLICATIONS, each) is None for each in names),
    )


async def succession(stage: arena.Stage) -> None:
    """Of two replicas the one that leads is cut off past its Lease, and comes back."""
    await stage.kill()
    first = stage.stand()
    await asyncio.sleep(1)
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 4)))
    # Whoever leads is at work when the other one comes.
    await stage.until("the first servers", lambda: bool(stage.all(Resource.SERVERS)))
    stage.stand()
    await stage.ready("shop")
    stage.change(Resource.APPLICATIONS, "shop", shop(component("web", 40)))
    await stage.until("some more", lambda: len(stage.all(Resource.SERVERS)) > 4 + FIRST)
    first.part()
    stage.faults.drop_watches()
    await stage.ready("shop")
    stage.change(Resource.APPLICATIONS, "shop", shop(component("web", 40, "web:2")))
    await asyncio.sleep(5)
    first.heal()
    await stage.ready("shop")
    # By now whoever was cut off watches again, however long it had backed off.
    await asyncio.sleep(60)
    stage.change(Resource.APPLICATIONS, "shop", shop(component("web", 40, "web:3")))
    await stage.ready("shop")
    await gone(stage, "shop")


async def epidemic(stage: arena.Stage) -> None:
    """Most servers of a set are ill for a while; later half of them, and then two stay so."""
    policy = {"afterSeconds": 60, "maxIll": "40%", "maxHoldSeconds": 600}
    more: dict[str, Any] = {
        "rollout": {"maxUnavailable": 2},
        "recovery": {"remediation": policy},
    }
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 10, **more)))
    await stage.ready("shop")
    await asyncio.sleep(ILLNESS_SECONDS)
    for number in range(6):
        stage.kubelet.unready(NAMESPACE, f"shop-web-{number}")
    await asyncio.sleep(ILLNESS_SECONDS)
    for number in range(6):
        stage.kubelet.ready(NAMESPACE, f"shop-web-{number}")
    await stage.ready("shop")
    for number in (1, 2, 3, 7):
        stage.kubelet.unready(NAMESPACE, f"shop-web-{number}")
    await stage.ready("shop")
    await asyncio.sleep(2 * LONG_SECONDS)
    for number in range(8):
        stage.kubelet.unready(NAMESPACE, f"shop-web-{number}")
    for _ in range(4):
        await asyncio.sleep(LONG_SECONDS)
    await stage.ready("shop")


async def pause(stage: arena.Stage) -> None:
    """A rollout whose servers do not become ready is paused for longer than its deadline is."""
    rollout = {"maxUnavailable": 1, "inPlace": "Never", "progressDeadlineSeconds": 600}
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 3, rollout=rollout)))
    await stage.ready("shop")
    newer = shop(component("web", 3, "web:2", rollout=rollout))
    usual, stage.kubelet.behave = stage.kubelet.behave, lambda _: Behaviour(fate="Unready")
    stage.change(Resource.APPLICATIONS, "shop", newer)
    await asyncio.sleep(ILLNESS_SECONDS / 5)
    stage.change(Resource.APPLICATIONS, "shop", {**newer, "paused": True})
    await asyncio.sleep(LONG_SECONDS)
    stage.change(Resource.APPLICATIONS, "shop", {**newer, "paused": False})
    await asyncio.sleep(ILLNESS_SECONDS / 5)
    stage.kubelet.behave = usual
    for each in stage.all(Resource.PODS):
        stage.kubelet.ready(NAMESPACE, each["metadata"]["name"])
    await stage.ready("shop")


async def domains(stage: arena.Stage) -> None:
    """A rollout, a Restart and an evacuation of servers that go in one domain at a time."""
    zones: list[dict[str, Any]] = [{"name": each} for each in ("a", "b", "c")]
    fleet = {"metadata": {"name": "pods"}, "spec": {"provider": "pod", "failureDomains": zones}}
    stage.server.registry.create(Resource.FLEETS, "", fleet, actor="person")
    rollout = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
    stage.put(Resource.APPLICATIONS, "shop", shop(component("web", 12, rollout=rollout)))
    await stage.ready("shop")
    stage.change(
        Resource.APPLICATIONS, "shop", shop(component("web", 12, "web:2", rollout=rollout))
    )
    stage.put(Resource.OPERATIONS, "again", {"application": "shop", "action": "Restart"})
    await ended(stage, "again")
    await stage.ready("shop")
    zones[0]["state"] = "Evacuating"
    stage.server.registry.patch(
        Resource.FLEETS, "", "pods", {"spec": {"failureDomains": zones}}, actor="person"
    )

    def evacuated() -> bool:
        return not any(each["spec"]["domain"] == "a" for each in stage.all(Resource.SERVERS))

    await stage.until("a is empty", evacuated)
    await stage.ready("shop")


async def outage(stage: arena.Stage) -> None:
    """Nothing that is written to a pod gets through for a while; a fleet bounds what comes then."""
    limits = {"callsPerSecond": 4, "concurrentCalls": 2, "circuit": {"openSeconds": 5}}
    fleet = {"metadata": {"name": "narrow"}, "spec": {"provider": "pod", "limits": limits}}
    stage.server.registry.create(Resource.FLEETS, "", fleet, actor="person")
    app = {**shop(component("web", 60)), "fleet": "narrow"}
    stage.put(Resource.APPLICATIONS, "shop", app)
    await stage.until("the first pods", lambda: len(stage.all(Resource.PODS)) > FIRST)
    away = chaos.Verdict(before=chaos.refused("an outage of pods"))
    stage.faults.on("create", Resource.PODS, verdict=away, times=None)
    await asyncio.sleep(ILLNESS_SECONDS)
    stage.faults.calm()
    await stage.ready("shop")
    await gone(stage, "shop")
    stage.server.registry.delete(Resource.FLEETS, "", "narrow", actor="person")


def steps() -> dict[str, Any]:
    """Return an operation that runs a command in every server."""
    step = {"name": "act", "exec": {"command": ["act"]}, "onUnknown": "Rerun", "timeoutSeconds": 60}
    recovery = {"attempts": 3, "backoff": {"initialSeconds": 1}}
    return {
        "application": "shop",
        "action": "Steps",
        "steps": [step],
        "concurrency": 2,
        "recovery": recovery,
    }


async def ended(stage: arena.Stage, name: str) -> None:
    """Wait until an operation has ended, one way or another."""
    await stage.until(
        f"the end of {name}",
        lambda: (
            arena.condition(stage.find(Resource.OPERATIONS, name), "Succeeded") in ("True", "False")
        ),
    )


async def gone(stage: arena.Stage, name: str) -> None:
    """Delete an application, and wait until it and all that was below it has gone."""
    stage.remove(Resource.APPLICATIONS, name)
    await stage.until(
        f"no {name}",
        lambda: (
            not any(
                stage.all(each)
                for each in (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS)
            )
        ),
    )


STORIES: Mapping[str, Story] = {
    "life": life,
    "quiet": quiet,
    "rolling": rolling,
    "upkeep": upkeep,
    "lag": lag,
    "loss": loss,
    "cut-short": cut_short,
    "slow-end": slow_end,
    "shrinking": shrinking,
    "going-set": going_set,
    "strangers": strangers,
    "replaced": replaced,
    "operations": operations,
    "crashes": crashes,
    "rush": rush,
    "succession": succession,
    "epidemic": epidemic,
    "pause": pause,
    "domains": domains,
    "outage": outage,
}
