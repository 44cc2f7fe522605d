"""The floor: a plain parallel client that writes what is wanted, eight at a time, and no more.

`python -m bench.arms.plain` is a process of its own, as the operator is, with the operator's own
HTTP client and manifests: what differs is only that it does not watch, plan, or remember. It
connects, says `ready`, waits for a line, does one job, and says when it began and ended.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import msgspec
import uvloop

from bench import arena as arenas
from bench import bodies, runs
from bench.arms import argosy
from controller.api import objects
from controller.api.resources import PLACES, Resource
from controller.kinds.application import set_manifests
from controller.kinds.revisions import contents
from controller.kinds.serverset import service_manifest
from controller.kinds.serverset.server_manifests import ServerManifests
from controller.kube import api as kube
from controller.kube.client import Client
from controller.providers.pod import manifest as pod_manifest

WIDTH = 8
JOBS = ("servers", "pods", "named", "replace")
SERVICE = "floor"

Job = Callable[[int], Awaitable[None]]


# --- Seen from outside ----------------------------------------------------------------------------


def bring_up(arena: arenas.Arena, name: str, count: int, status: Any = None) -> runs.Run:
    """Have it write bare pods, or with a status all that Argosy writes, and see them Ready."""
    with arena.namespace() as namespace:
        return bring_up_in(
            arena,
            namespace,
            name,
            count,
            job="pods" if status is None else "servers",
            status=status,
        )


def bring_up_in(
    arena: arenas.Arena,
    namespace: str,
    name: str,
    count: int,
    *,
    job: str,
    status: Any = None,
    size: int = 0,
) -> runs.Run:
    """Have it do one of its jobs in a namespace, and see all pods Ready.

    `named` is bare pods behind a headless Service, as servers are; their template has `size` bytes.
    """
    # As many watches to serve as beside Argosy, which writes the same.
    watched = argosy.WATCHED if job == "servers" else (Resource.PODS,)
    with (
        Plain(arena.cluster.kubeconfig, namespace, job, count, status=status, size=size) as client,
        arena.watch(namespace, *watched) as sight,
    ):
        used = arena.usage()
        began, ended = client.go()
        pods = sight[Resource.PODS].all
        sight.wait(f"{count} pods", lambda: len(pods.ready) >= count, arenas.PATIENCE_SECONDS)
        return runs.Run(
            arm=name,
            servers=count,
            created=pods.created[-1] - began,
            ready=pods.ready[-1] - began,
            written=ended - began,
            cpu=arena.cost(used).seconds,
        )


class Plain:
    """The client's process, connected and waiting for `go`."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        job: str,
        count: int,
        *,
        status: Any = None,
        version: str = "",
        size: int = 0,
    ) -> None:
        command = [sys.executable, "-m", "bench.arms.plain", "--kubeconfig", str(kubeconfig)]
        command += ["--namespace", namespace, "--count", str(count), job]
        command += ["--version", version, "--size", str(size)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(json.dumps(status))
        self._hear()  # it is ready

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self) -> tuple[float, float]:
        """Have it do its job; return when that began and when its last write was answered."""
        self._say("go")
        began, ended = json.loads(self._hear())
        return float(began), float(ended)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the plain client ended early; what it said stands above")
        return line


# --- Inside ---------------------------------------------------------------------------------------


async def _in_parallel(job: Job, count: int) -> None:
    """Do the job for each number, eight at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await job(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(WIDTH):
            group.create_task(work())


async def _servers(client: kube.Api, namespace: str, status: Any) -> Job:
    """Return a job that writes what Argosy writes for one server: Server, pod, status.

    What owns them is there, and so is their Service, as each pod of one has others write for it.
    """
    application = await _application(client, namespace)
    component = application.spec.components[0]
    content = contents.of_component(component)
    body = set_manifests.server_set(application, component, content, replicas=0, annotations={})
    answer = await client.create(Resource.SERVERSETS, namespace, body)
    server_set = msgspec.json.decode(answer, type=objects.ServerSet)
    await client.create(Resource.SERVICES, namespace, service_manifest.body(server_set))
    made = ServerManifests(server_set)
    decode = msgspec.json.Decoder(objects.Server).decode

    async def write(number: int) -> None:
        server = decode(
            await client.create(Resource.SERVERS, namespace, made.body(number, content.revision))
        )
        manifest = pod_manifest.pod(server, bytes(content.template), 0)
        await client.create(Resource.PODS, namespace, manifest)
        name = server.metadata.name
        place = PLACES[Resource.SERVERS]
        whole = {
            "apiVersion": place.api_version,
            "kind": place.kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": server.metadata.uid,
                "resourceVersion": server.metadata.resource_version,
            },
            "status": status,
        }
        await client.replace(Resource.SERVERS, namespace, name, whole, subresource="status")

    return write


async def _application(client: kube.Api, namespace: str) -> objects.Application:
    answer = await client.create(Resource.APPLICATIONS, namespace, bodies.application("floor", 0))
    return msgspec.json.decode(answer, type=objects.Application)


async def _named(client: kube.Api, namespace: str, size: int) -> Job:
    """Return a job that writes one bare pod behind the Service that is there by then."""
    await client.create(Resource.SERVICES, namespace, bodies.service(SERVICE))
    return _pods(client, namespace, size, SERVICE)


def _pods(client: kube.Api, namespace: str, size: int = 0, behind: str = "") -> Job:
    """Return a job that writes one bare pod."""

    async def write(number: int) -> None:
        body = bodies.pod(f"floor-{number}", size=size, behind=behind)
        await client.create(Resource.PODS, namespace, body)

    return write


async def _replace(client: kube.Api, namespace: str, count: int, version: str) -> None:
    """Delete all pods of `pods`, and make each anew as soon as it is gone."""
    listed = msgspec.json.decode(await client.list(Resource.PODS, namespace))
    waiting: collections.deque[Awaitable[bytes]] = collections.deque()
    for item in listed["items"]:
        uid, name = item["metadata"]["uid"], item["metadata"]["name"]
        waiting.append(client.delete(Resource.PODS, namespace, name, uid=uid))
    arrived = asyncio.Semaphore(len(waiting))

    async def follow() -> None:
        since = listed["metadata"]["resourceVersion"]
        gone = 0
        async for line in client.watch(Resource.PODS, namespace, resource_version=since):
            if line.startswith(b'{"type":"DELETED"'):
                name = msgspec.json.decode(line)["object"]["metadata"]["name"]
                body = bodies.pod(name, version)
                # What is gone comes first: it is down.
                waiting.appendleft(client.create(Resource.PODS, namespace, body))
                arrived.release()
                gone += 1
                if gone == count:
                    return

    left = iter(range(2 * count))

    async def work() -> None:
        for _ in left:
            await arrived.acquire()
            await waiting.popleft()

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        for _ in range(WIDTH):
            group.create_task(work())


async def _main(options: argparse.Namespace) -> None:
    status = json.loads(await asyncio.to_thread(sys.stdin.readline))
    async with Client.connect(kubeconfig=str(options.kubeconfig)) as client:
        job = await _job(client, options, status)
        # Its connections are open before the clock starts, as an operator's are.
        await asyncio.gather(*(client.raw("/version") for _ in range(WIDTH)))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began = time.monotonic()
        await job()
        print(json.dumps([began, time.monotonic()]), flush=True)


async def _job(
    client: Client, options: argparse.Namespace, status: Any
) -> Callable[[], Awaitable[None]]:
    namespace, count = options.namespace, options.count
    if options.job == "replace":
        return lambda: _replace(client, namespace, count, options.version)
    if options.job == "pods":
        one = _pods(client, namespace, options.size)
    elif options.job == "named":
        one = await _named(client, namespace, options.size)
    else:
        one = await _servers(client, namespace, status)
    return lambda: _in_parallel(one, count)


def main() -> None:
    """Do one job when told to."""
    parser = argparse.ArgumentParser(prog="python -m bench.arms.plain", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--version", default="", help="of the pods that replace others")
    parser.add_argument("--size", type=int, default=0, help="bytes of the template of bare pods")
    parser.add_argument("job", choices=JOBS)
    uvloop.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
