"""What users would otherwise pick: a Deployment, or a StatefulSet that starts its pods in parallel.

The controllers are the cluster's own, at the client limits that the arena gives them.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from bench import arena as arenas
from bench import bodies, runs
from bench.watcher import Sight
from controller.api.resources import Resource

FLEET, GUEST, VICTIM = "fleet", "guest", "victim"
SHARE = 10


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One built-in kind of application."""

    name: str
    plural: str
    body: Callable[[str, int], bodies.Object]

    def collection(self, namespace: str) -> str:
        """Return where its objects are in the API."""
        return f"/apis/apps/v1/namespaces/{namespace}/{self.plural}"


DEPLOYMENT = Kind(name="Deployment", plural="deployments", body=bodies.deployment)
STATEFUL_SET = Kind(name="StatefulSet", plural="statefulsets", body=bodies.stateful_set)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What a small application waited behind a large one; None: not within the time given."""

    pod: float | None
    pods: float | None
    delete: float | None


def bring_up(
    arena: arenas.Arena, namespace: str, kind: Kind, count: int, *, named: bool = False
) -> runs.Run:
    """Have the controllers bring up one application; back when all its pods are Ready.

    `named` pods are behind a headless Service, as a StatefulSet's are meant to be.
    """
    with arena.watch(namespace, Resource.PODS) as sight:
        if named:
            services = f"/api/v1/namespaces/{namespace}/services"
            arena.client.create(services, bodies.service(FLEET))
        used, began = arena.usage(), time.monotonic()
        arena.client.create(kind.collection(namespace), kind.body(FLEET, count))
        pods = sight[Resource.PODS].all
        sight.wait(f"{count} pods", lambda: len(pods.ready) >= count, arenas.PATIENCE_SECONDS)
        return runs.Run(
            arm=kind.name,
            servers=count,
            created=pods.created[-1] - began,
            ready=pods.ready[-1] - began,
            cpu=arena.cost(used).seconds,
        )


def behind(
    arena: arenas.Arena, namespace: str, kind: Kind, *, load: int, small: int, seconds: float
) -> tuple[Behind, float]:
    """Let a small application come, and another go, while a large one comes up.

    Also returns the pods that the large one got in a second, once it was under way.
    """
    collection = kind.collection(namespace)
    with arena.watch(namespace, Resource.PODS) as sight:
        track = sight[Resource.PODS]
        arena.client.create(collection, kind.body(VICTIM, small))
        victim, guest, fleet = track.of[VICTIM], track.of[GUEST], track.of[FLEET]
        sight.wait("the victim's pods", lambda: len(victim.ready) >= small, 120)
        arena.client.create(collection, kind.body(FLEET, load))
        sight.wait("a tenth", lambda: len(fleet.created) >= load // SHARE, 120)
        applied = time.monotonic()
        arena.client.create(collection, kind.body(GUEST, small))
        deleted = time.monotonic()
        arena.client.delete(f"{collection}/{VICTIM}", {"propagationPolicy": "Background"})
        _wait(sight, lambda: len(guest.created) >= small and bool(victim.going), seconds)
        elapsed = fleet.created[-1] - fleet.created[0]
        found = Behind(
            pod=_after(guest.created, 0, applied),
            pods=_after(guest.created, small - 1, applied),
            delete=_after(victim.going, 0, deleted),
        )
        return found, len(fleet.created) / elapsed


def _wait(sight: Sight, condition: Callable[[], bool], seconds: float) -> None:
    """Wait, but not for ever: what has not come by then is an answer too."""
    deadline = time.monotonic() + seconds
    sight.wait("an end", lambda: condition() or time.monotonic() > deadline, seconds + 10)


def _after(times: list[float], index: int, since: float) -> float | None:
    return times[index] - since if len(times) > index else None
