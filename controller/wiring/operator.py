"""The operator as a process: everything is put together here, started and stopped.

`argosy run` calls `run`. Standbys keep their caches warm and plan nothing until they
hold the Lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import importlib
import signal
import time
import uuid
from collections.abc import Coroutine
from importlib import metadata
from typing import Any

import structlog
import uvloop

from controller.api.resources import Resource
from controller.execution.engine import Engine
from controller.execution.fleets import Fleets
from controller.execution.keys import Key
from controller.execution.pool import Pool
from controller.execution.recorder import Recorder
from controller.execution.world import World
from controller.execution.writer import Writer
from controller.kube.client import Client
from controller.kube.lease import Elector, LeaseLost
from controller.providers import registry
from controller.telemetry import health, logging, metrics

_log = structlog.get_logger(__name__)

# Exit status when the Lease was lost or a part failed: the process must not go on.
FAILED = 1
LEASE = "argosy-leader"
# Caches hold hundreds of thousands of objects, hardly any of them in a cycle: look less often.
COLLECTIONS = (50_000, 20, 20)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run; each is a flag of `argosy run`."""

    identity: str
    lease_namespace: str
    namespaces: tuple[str, ...] = ()
    # Of an operator for some namespaces: it may read Fleets, and the namespaces they are for.
    read_fleets: bool = False
    allowed_urls: tuple[str, ...] = ()
    health_port: int = 8081
    metrics_port: int = 8080
    log_format: str = "json"
    log_level: str = "info"


class Operator:
    """One replica: caches, the Lease, the engine, its probes."""

    def __init__(self, options: Options, api: Client) -> None:
        self._options = options
        self._api = api
        tenant = bool(options.namespaces)
        self.world = World(
            api,
            namespaces=options.namespaces or ("",),
            cluster_scoped=options.read_fleets or not tenant,
            read_only=frozenset({Resource.FLEETS}) if tenant else frozenset(),
        )
        pool = Pool()
        acting = api.guarded(lambda: self.elector.leading)
        providers = registry.build(
            api=acting,
            pods=self.world.pods,
            claims=self.world.claims,
            jobs=self.world.jobs,
            allowed_urls=options.allowed_urls,
        )
        self.fleets = Fleets(self.world, pods=providers.pods, factories=providers.others, pool=pool)
        # No two processes share it, not even one and its own restart.
        holder = f"{options.identity}_{uuid.uuid4().hex[:12]}"
        self.elector = Elector(api, options.lease_namespace, LEASE, holder)
        self.engine = Engine(
            world=self.world,
            fleets=self.fleets,
            writer=Writer(acting, may_write=lambda: self.elector.leading),
            pool=pool,
            recorder=Recorder(acting, reporter=options.identity, clock=time.time),
            clock=time.time,
            holder=holder,
        )
        self.failure: BaseException | None = None
        self.stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def look(self, key: Key) -> None:
        """Have `key` planned: what kopf's handlers call."""
        self.engine.touch(key)

    async def start(self) -> None:
        """Begin to watch, to serve probes, and to stand for election."""
        metrics.ask_cached_objects(self.world.cached)
        metrics.ask_servers(self.world.servers_by_state)
        metrics.ask_workers(self.engine.calls)
        self._spawn(self._lead(), "leader")
        self._spawn(self._serve(), "probes")

    async def filled(self) -> None:
        """Return once all caches are full, or the operator is to stop before that."""
        waits = [
            asyncio.create_task(self.world.wait()),
            asyncio.create_task(self.stopped.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        # What was read stays: no collection need ever look at it again.
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)

    async def stop(self) -> None:
        """Wait to be told; then finish what is in flight, and hand the Lease over at once."""
        await self.stopped.wait()
        await self.engine.stop()
        with contextlib.suppress(Exception):
            await self.elector.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._api.close()
        _log.info("stopped")

    async def _lead(self) -> None:
        _log.info("standing by", identity=self._options.identity)
        # Lists that are begun with the Lease in hand need no second look when leading.
        leads = await self.elector.attempt()
        since = asyncio.get_running_loop().time()
        self._spawn(self.world.run(), "caches")
        if not leads:
            await self.elector.acquire()
            since = asyncio.get_running_loop().time()
        metrics.lead(leading=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.elector.hold())
                group.create_task(self.engine.lead(since=since))
        except* LeaseLost as lost:
            raise lost.exceptions[0] from None

    async def _serve(self) -> None:
        await health.serve(
            health_port=self._options.health_port,
            metrics_port=self._options.metrics_port,
            healthy=lambda: self.failure is None,
            ready=lambda: self.world.synced,
        )

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # That the Lease is lost is foreseen; a traceback would say nothing more.
            trace = None if isinstance(error, LeaseLost) else error
            _log.error(
                "a part failed: stopping", part=task.get_name(), why=str(error), exc_info=trace
            )
            self.failure = self.failure or error
            self.stopped.set()


async def _main(options: Options) -> int:
    # Replicas share an account: only their user agents tell an audit log which of them wrote.
    api = Client.connect(agent=f"argosy/{metadata.version('argosy')} {options.identity}")
    operator = Operator(options, api)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, operator.stopped.set)
    await operator.start()
    ending = asyncio.create_task(operator.stop())
    try:
        # Importing kopf takes as long as filling most caches, and would be in their way.
        await operator.filled()
        await asyncio.to_thread(importlib.import_module, "controller.wiring.handlers")
        from controller.wiring import handlers  # noqa: PLC0415 - see above

        await handlers.watch(
            operator.look, namespaces=options.namespaces, stop_flag=operator.stopped
        )
    finally:
        operator.stopped.set()
        await ending
    return FAILED if operator.failure is not None else 0


def run(options: Options) -> int:
    """Run one replica until it is told to stop; return the exit status."""
    logging.configure(format=options.log_format, level=options.log_level)
    return uvloop.run(_main(options))
