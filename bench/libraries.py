"""What the libraries cost that this operator could use: figures of the page on dependencies.

`python -m bench.libraries` starts a cluster, and does the same work by each library in a process of
its own: import it, hold a watch of 1,000 applications while they change, and make calls. CPU is the
process's own, memory is what it has more than Python itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import yaml

from bench import interrupts
from devcluster import client, cluster, controlplane, processes

GROUP, VERSION, NAMESPACE = "argosy.dev", "v1alpha1", "default"
COLLECTION = f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/applications"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PLURALS = ("applications", "operations", "fleets")
APPLICATIONS, EVENTS, CALLS, LINES = 1_000, 2_000, 500, 20_000
PATIENCE_SECONDS = 120
IMPORTS = (
    "controller.kube.client",
    "pydantic",
    "structlog",
    "prometheus_client",
    "yaml",
    "jinja2",
    "keystoneauth1.session",
    "rich.console",
    "typer",
    "kopf",
    "kubernetes.aio.config",
    "kubernetes.aio.client",
    "kubernetes.aio.leaderelection.leaderelection",
)
MIB = 1024 * 1024


@interrupts.orderly()
def main() -> int:
    """Measure, and print the figures as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("child", nargs="?", choices=ways(), help="one measurement, in a process")
    options = parser.parse_args()
    if options.child:
        name = options.child.removesuffix(ON_UVLOOP)
        if name != options.child:
            import uvloop  # noqa: PLC0415 - its cost is measured

            uvloop.run(CHILDREN[name](Meter()))
            return 0
        asyncio.run(CHILDREN[name](Meter()))
        return 0
    for name in IMPORTS:
        seconds, memory = imported(name)
        print(f"import {name:45} {seconds:5.2f} s  {memory:5.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        one = cluster.Cluster(Path(folder))
        try:
            one.start(controlplane.Settings(nodes=0))
            fill(one.client)
            for child in ways():
                print(f"{child:32} {measured(one, child)}")
        finally:
            one.stop()
    return 0


def imported(name: str) -> tuple[float, float]:
    """Return how long a module takes to be imported, the best of five, and the memory it takes."""
    code = (
        "import resource, time\n"
        "def size(): return int(open('/proc/self/statm').read().split()[1])"
        " * resource.getpagesize()\n"
        "before, began = size(), time.perf_counter()\n"
        f"import {name}\n"
        "print(time.perf_counter() - began, size() - before)\n"
    )
    found = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        for _ in range(5)
    ]
    pairs = [tuple(map(float, each.stdout.split())) for each in found]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs) / MIB


def application(number: int) -> dict[str, Any]:
    """Return an application with a template of half a kilobyte."""
    template = {"spec": {"containers": [{"name": "main", "image": "app", "args": ["x" * 512]}]}}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Application",
        "metadata": {"name": f"app-{number}"},
        "spec": {"components": [{"name": "web", "replicas": 0, "template": template}]},
    }


def fill(api: client.Client) -> None:
    """Make the kinds and the applications; nobody acts on them."""
    for path in sorted((Path(__file__).parents[1] / "crds").glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        api.apply(f"{CRDS}/{definition['metadata']['name']}", definition)

    def known() -> bool:
        try:
            api.create(f"{COLLECTION}?dryRun=All", application(0))
        except client.ApiError:
            return False
        return True

    if not processes.wait_until(known, PATIENCE_SECONDS):
        raise TimeoutError("the API server does not know the kinds")
    for number in range(APPLICATIONS):
        api.create(COLLECTION, application(number))


def measured(one: cluster.Cluster, child: str) -> str:
    """Return what one way costs; applications change while it watches, if it does."""
    argv = [sys.executable, "-m", "bench.libraries", child]
    environment = {**os.environ, "KUBECONFIG": str(one.kubeconfig)}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            if line != "watching\n":
                return line.strip()
            for number in range(EVENTS):
                mark = {"metadata": {"annotations": {"bench": f"{child}-{number}"}}}
                one.client.merge(f"{COLLECTION}/app-{number % APPLICATIONS}", mark)
    return "ended without a figure"


class Meter:
    """CPU and memory of this process since it was made."""

    def __init__(self) -> None:
        self._size = _size()
        self._cpu = time.process_time()

    def restart(self) -> float:
        """Return the CPU seconds since the last time."""
        now = time.process_time()
        spent, self._cpu = now - self._cpu, now
        return spent

    def memory(self) -> float:
        """Return the memory taken, in MiB."""
        return (_size() - self._size) / MIB


def _size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _print(**figures: float) -> None:
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}), flush=True)


async def _watch(meter: Meter, start: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
    """Let `start` watch and call for each event; say what that cost."""
    seen, loop = 0, asyncio.get_running_loop()
    quiet, over = loop.create_future(), loop.create_future()

    def note() -> None:
        nonlocal seen
        seen += 1
        if seen == APPLICATIONS:
            quiet.set_result(None)
        if seen == APPLICATIONS + EVENTS:
            over.set_result(None)

    watching = asyncio.ensure_future(start(note))
    await asyncio.wait_for(quiet, PATIENCE_SECONDS)
    listed, memory = meter.restart(), meter.memory()
    print("watching", flush=True)
    await asyncio.wait_for(over, PATIENCE_SECONDS)
    _print(
        list_ms_each=1000 * listed / APPLICATIONS,
        event_ms=1000 * meter.restart() / EVENTS,
        memory_mib=memory,
    )
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def watch_by_caches(meter: Meter) -> None:
    """Watch the three kinds that users write as the operator does."""
    from controller.api.resources import Resource  # noqa: PLC0415 - its cost is measured
    from controller.kube import client as kube  # noqa: PLC0415 - as above
    from controller.kube import informer  # noqa: PLC0415 - as above

    async def start(note: Callable[[], None]) -> None:
        async with kube.Client.connect() as api:
            caches = [informer.Informer[Any](api, Resource(each)) for each in PLURALS]
            for each in caches:
                each.subscribe(lambda _old, _new: note())
            await asyncio.gather(*(each.run() for each in caches))

    await _watch(meter, start)


async def watch_by_kopf(meter: Meter) -> None:
    """Watch the same kinds by handlers of kopf's that do nothing."""
    import kopf  # noqa: PLC0415 - its cost is measured

    async def start(note: Callable[[], None]) -> None:
        registry = kopf.OperatorRegistry()

        async def handler(**_: Any) -> None:
            note()

        for each in PLURALS:
            kopf.on.event(GROUP, VERSION, each, registry=registry)(handler)

        @kopf.on.startup(registry=registry)
        async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
            settings.posting.enabled = False
            settings.scanning.disabled = True

        @kopf.on.login(registry=registry)
        def login(**given: Any) -> kopf.ConnectionInfo | None:
            found: kopf.ConnectionInfo | None = kopf.login_with_kubeconfig(**given)
            return found

        await kopf.operator(registry=registry, standalone=True, clusterwide=True)

    await _watch(meter, start)


Call = Callable[[], Awaitable[object]]


async def _call(
    meter: Meter, opened: contextlib.AbstractAsyncContextManager[tuple[Call, Call]]
) -> None:
    """Say what reading one application and listing all of them costs."""
    async with opened as (get, list_all):
        await get()
        meter.restart()
        for _ in range(CALLS):
            await get()
        one = meter.restart() / CALLS
        for _ in range(5):
            await list_all()
        _print(get_ms=1000 * one, list_ms=1000 * meter.restart() / 5, memory_mib=meter.memory())


async def call_by_client(meter: Meter) -> None:
    """Make calls as the operator does, and decode what it reads."""
    import msgspec  # noqa: PLC0415 - its cost is measured

    from controller.api import objects  # noqa: PLC0415 - as above
    from controller.api.resources import Resource  # noqa: PLC0415 - as above
    from controller.kube import client as kube  # noqa: PLC0415 - as above

    one = msgspec.json.Decoder(objects.Application)
    listed = msgspec.defstruct("Listed", [("items", list[objects.Application])])
    many = msgspec.json.Decoder(listed)

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Call, Call]]:
        async with kube.Client.connect() as api:

            async def get() -> object:
                return one.decode(await api.get(Resource.APPLICATIONS, NAMESPACE, "app-1"))

            async def list_all() -> object:
                return many.decode(await api.list(Resource.APPLICATIONS, NAMESPACE))

            yield get, list_all

    await _call(meter, opened())


async def call_by_kubernetes(meter: Meter) -> None:
    """Make the same calls by `kubernetes.aio`, which hands out dictionaries."""
    from kubernetes.aio import client as typed  # noqa: PLC0415 - its cost is measured
    from kubernetes.aio import config  # noqa: PLC0415 - as above

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Call, Call]]:
        untyped: Any = config
        await untyped.load_kube_config()
        async with typed.ApiClient() as session:
            api = typed.CustomObjectsApi(session)
            place = (GROUP, VERSION, NAMESPACE, "applications")

            async def get() -> object:
                found: object = await api.get_namespaced_custom_object(*place, "app-1")
                return found

            async def list_all() -> object:
                found: object = await api.list_namespaced_custom_object(*place)
                return found

            yield get, list_all

    await _call(meter, opened())


async def _read(meter: Meter, read: Callable[[bytes], object]) -> None:
    """Say what reading an application costs, and keeping it."""
    texts = [json.dumps(application(number)).encode() for number in range(APPLICATIONS)]
    read(texts[0])
    base = meter.memory()
    meter.restart()
    kept = [read(each) for each in texts]
    _print(
        read_ms=1000 * meter.restart() / len(kept),
        kept_kib=1024 * (meter.memory() - base) / len(kept),
    )


async def read_by_models(meter: Meter) -> None:
    """Read applications as manifests are read: every field checked, every fault named."""
    from controller.api.application import Application  # noqa: PLC0415 - its cost is measured

    await _read(meter, Application.model_validate_json)


async def read_by_views(meter: Meter) -> None:
    """Read applications as watches are read: what planning needs, typed, and no more."""
    import msgspec  # noqa: PLC0415 - its cost is measured

    from controller.api import objects  # noqa: PLC0415 - as above

    await _read(meter, msgspec.json.Decoder(objects.Application).decode)


async def _log(meter: Meter, loud: Callable[[int], object], quiet: Callable[[int], object]) -> None:
    """Say what a line costs, and one below the level."""
    loud(0)
    figures = []
    for say in (loud, quiet):
        meter.restart()
        for number in range(LINES):
            say(number)
        figures.append(1_000_000 * meter.restart() / LINES)
    _print(line_us=figures[0], below_level_us=figures[1], memory_mib=meter.memory())


async def log_by_structlog(meter: Meter) -> None:
    """Write lines as the operator does: JSON, secrets blanked, with the visit that they are of."""
    import structlog  # noqa: PLC0415 - its cost is measured

    from controller.telemetry import logging  # noqa: PLC0415 - as above

    with open(os.devnull, "w") as nowhere:  # noqa: PTH123, ASYNC230 - a stream of text
        logging.configure(stream=nowhere)
        log = structlog.get_logger("bench")
        await _log(
            meter,
            lambda n: log.info("call failed", key="servers/default/shop-web-0", count=n),
            lambda n: log.debug("call failed", key="servers/default/shop-web-0", count=n),
        )


async def log_by_logging(meter: Meter) -> None:
    """Write lines by the standard library: text, nothing blanked, nothing bound."""
    import logging  # noqa: PLC0415 - its cost is measured

    with open(os.devnull, "w") as nowhere:  # noqa: PTH123, ASYNC230 - a stream of text
        logging.basicConfig(stream=nowhere, level=logging.INFO, format="%(asctime)s %(message)s")
        log = logging.getLogger("bench")
        await _log(
            meter,
            lambda n: log.info("call failed: %s, %d", "servers/default/shop-web-0", n),
            lambda n: log.debug("call failed: %s, %d", "servers/default/shop-web-0", n),
        )


CHILDREN: dict[str, Callable[[Meter], Coroutine[Any, Any, None]]] = {
    "watch by our caches": watch_by_caches,
    "watch by kopf": watch_by_kopf,
    "calls by our client": call_by_client,
    "calls by kubernetes.aio": call_by_kubernetes,
    "reads by pydantic": read_by_models,
    "reads by views": read_by_views,
    "lines by structlog": log_by_structlog,
    "lines by logging": log_by_logging,
}

# Of these the loop has a part, so they are measured on the operator's own, too.
ON_UVLOOP = ", on uvloop"
LOOPING = ("watch by our caches", "calls by our client")


def ways() -> tuple[str, ...]:
    """Return what is measured, by name."""
    return (*CHILDREN, *(f"{each}{ON_UVLOOP}" for each in LOOPING))


if __name__ == "__main__":
    sys.exit(main())
