"""Ratio 20: one server of another namespace beside a tenant that keeps everybody busy.

From its apply until its application is Ready ÷ the same while nothing else happens, beside four
loads: operations that wait, a webhook that never answers, many applications, many creates.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import arena as arenas
from bench import bodies, etcd
from bench.arms import argosy
from bench.stage import Stage
from bench.watcher import Sight
from controller.api import resources
from controller.api.resources import Resource

# Small applications that are looked at in each place, one after the other.
LOOKS = 5
WRITES = 10
# Applications with servers of their own, and the operations on each; one may have no more open.
CREWS, CREW, OPERATIONS = 3, 30, 100
# Servers of the tenant whose webhook never answers, and how long each of its calls takes to fail.
HOOKED, HOOK_SECONDS = 60, 5
APPLICATIONS, EACH = 200, 2
# So many creates keep an operator busy for long enough to be looked beside.
CREATES = 10_000
SETTLED_SECONDS = 2.0
WATCHED = argosy.WATCHED

Load = Callable[[Stage, str], contextlib.AbstractContextManager[Callable[[], bool]]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How long after its apply an application of one server came so far, in seconds."""

    server: float  # its Server was created
    pod: float  # its pod was created
    up: float  # its pod was Ready
    told: float  # it said Ready itself
    # A pod that somebody else makes at the same time, until it was Ready: what the cluster takes.
    bare: float


def run(stage: Stage) -> None:
    """Look at a guest idle, then beside each of the loads, each in a namespace of its own."""
    _ = stage.status
    loads: dict[str, Load] = {"20a": _waiting, "20b": _hooked, "20c": _many, "20d": _large}
    for _number in stage.rounds(stage.sizes.peers):
        for key, load in loads.items():
            if stage.wants(key):
                _compare(stage, key, load)


def _compare(stage: Stage, key: str, load: Load) -> None:
    arena = stage.timed
    with arena.namespace() as guest, arena.operated(), arena.watch(guest, *WATCHED) as sight:
        _look(arena, sight, guest, "warm")
        idle = [_look(arena, sight, guest, f"idle{each}") for each in range(LOOKS)]
        write = arena.write_seconds(guest, WRITES)
        tenant = arena.make_namespace()
        try:
            with load(stage, tenant) as busy:
                beside = _beside(arena, sight, guest, busy)
                # What the same load costs somebody who has nothing to do with Argosy.
                slower = arena.write_seconds(guest, WRITES, "slower") / write
        finally:
            arena.operator.terminate()
            # Once: what controllers still put into a namespace of so many Services, is left there.
            etcd.wipe(arena.cluster, tenant)
    before = statistics.median(each.told for each in idle)
    meanwhile = statistics.median(each.told for each in beside)
    stage.book.add(key, meanwhile / before, note=f"{len(beside)} looks")
    stage.book.tell(f"{key}: one write of a plain client, beside ÷ idle", slower)
    bare = [statistics.median(each.bare for each in looks) for looks in (beside, idle)]
    stage.book.tell(f"{key}: a bare pod of a plain client, beside ÷ idle", bare[0] / bare[1])
    for name, looks in (("idle", idle), ("beside", beside)):
        for field in dataclasses.fields(Look):
            value = statistics.median(getattr(each, field.name) for each in looks)
            stage.book.tell(f"{key}: {name}, {field.name}, s", value)


def _beside(arena: arenas.Arena, sight: Sight, guest: str, busy: Callable[[], bool]) -> list[Look]:
    """Look at guests that come while the tenant keeps everybody busy; at one at least."""
    found = [_look(arena, sight, guest, "guest0")]
    while busy() and len(found) < LOOKS:
        found.append(_look(arena, sight, guest, f"guest{len(found)}"))
    return found


def _look(arena: arenas.Arena, sight: Sight, namespace: str, name: str) -> Look:
    """Return how long an application of one server takes until it says Ready."""
    other = f"bare{name}"
    well = sight[Resource.PODS].well
    began = time.monotonic()
    argosy.apply(arena, namespace, name, 1)
    asked = time.monotonic()
    arena.hand.do(arena.hand.client.create(Resource.PODS, namespace, bodies.pod(other)))
    argosy.wait_ready(sight, name, 1)
    sight.wait("the bare pod", lambda: other in well, arenas.PATIENCE_SECONDS)
    pods = sight[Resource.PODS].of[name]
    return Look(
        server=sight[Resource.SERVERS].of[name].created[0] - began,
        pod=pods.created[0] - began,
        up=pods.ready[0] - began,
        told=sight[Resource.APPLICATIONS].of[name].ready[0] - began,
        bare=well[other] - asked,
    )


@contextlib.contextmanager
def _waiting(stage: Stage, tenant: str) -> Iterator[Callable[[], bool]]:
    """Have operations wait while servers restart one after the other."""
    arena, client = stage.timed, stage.timed.hand.client
    crews = [f"crew{number}" for number in range(CREWS)]
    with arena.watch(tenant, Resource.APPLICATIONS, Resource.OPERATIONS) as sight:
        for name in crews:
            argosy.apply(arena, tenant, name, CREW)
        ready = [sight[Resource.APPLICATIONS].of[name] for name in crews]
        sight.wait("the crews", lambda: all(each.ready for each in ready), arenas.PATIENCE_SECONDS)
        for number in range(OPERATIONS):
            for name in crews:
                body = bodies.restart(f"{name}-{number:03}", name, step=f"s{number}")
                arena.hand.do(client.create(Resource.OPERATIONS, tenant, body))
        # Until all have been told that they wait: then they only wait.
        path = resources.path(Resource.OPERATIONS, tenant)
        arena.until("waiting", lambda: _told(arena.client.get(path)), arenas.PATIENCE_SECONDS)
        yield lambda: True


def _told(listed: dict[str, Any]) -> bool:
    return all(each.get("status", {}).get("conditions") for each in listed["items"])


@contextlib.contextmanager
def _hooked(stage: Stage, tenant: str) -> Iterator[Callable[[], bool]]:
    """Have an admission webhook of the tenant's take every pod and never answer."""
    with _silence() as port:
        name = f"never-{tenant}"
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        stage.timed.client.create(path, bodies.webhook(name, tenant, port, HOOK_SECONDS))
        try:
            time.sleep(SETTLED_SECONDS)  # until the API server has heard of it
            argosy.apply(stage.timed, tenant, argosy.APPLICATION, HOOKED)
            time.sleep(SETTLED_SECONDS)  # until its calls have taken all the places they get
            yield lambda: True
        finally:
            stage.timed.client.delete(f"{path}/{name}")


@contextlib.contextmanager
def _many(stage: Stage, tenant: str) -> Iterator[Callable[[], bool]]:
    """Have many applications of the tenant come at once."""
    arena = stage.timed
    with arena.watch(tenant, Resource.APPLICATIONS) as sight:
        for number in range(APPLICATIONS):
            argosy.apply(arena, tenant, f"app{number}", EACH)
        yield lambda: len(sight[Resource.APPLICATIONS].all.ready) < APPLICATIONS


@contextlib.contextmanager
def _large(stage: Stage, tenant: str) -> Iterator[Callable[[], bool]]:
    """Have one application of many servers come up."""
    arena, count = stage.timed, min(CREATES, stage.sizes.large)
    with arena.watch(tenant, Resource.PODS) as sight:
        argosy.apply(arena, tenant, argosy.APPLICATION, count)
        pods = sight[Resource.PODS].all
        sight.wait("the first", lambda: len(pods.created) > count // 50, arenas.PATIENCE_SECONDS)
        yield lambda: len(pods.created) < count


@contextlib.contextmanager
def _silence() -> Iterator[int]:
    """Listen on a local port, take every connection, and never say anything; return the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        taken: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        thread = threading.Thread(target=take, name="silence", daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in taken:
            each.close()
