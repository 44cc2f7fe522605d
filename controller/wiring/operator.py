"""The operator as a process: everything is put together here, started and stopped.

`argosy run` calls `run`. Standbys keep their caches warm and plan nothing until they
hold the Lease; replicas that share the work hold it together, and each plans its part.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import importlib
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvloop

from controller import contract, errors, parts
from controller.admission.reviewer import FleetAnswer
from controller.api import names, objects
from controller.execution import ownership
from controller.execution.caches import Caches
from controller.execution.engine import Engine
from controller.execution.event_writer import EventWriter
from controller.execution.fleets import Fleets
from controller.execution.labels import Labels
from controller.execution.ownership import SoleLeader
from controller.execution.pool import Pool
from controller.execution.sharing import Sharing
from controller.execution.width import MOST, Width
from controller.execution.writer import Writer
from controller.kinds.server import counts
from controller.kinds.serverset import occupancy, unbounded
from controller.kube import api as kube
from controller.kube import garbage, slots
from controller.kube.client import Client
from controller.kube.installs import Installs
from controller.kube.lease import LEADER, TOGETHER, Elector, LeaseLost
from controller.kube.members import Members, heartbeat
from controller.planning.builders import Builder, Daemon
from controller.providers import registry
from controller.telemetry import health, logging, metrics, tracing
from controller.telemetry.secured import SecureEndpoint
from controller.wiring import scrapes

if TYPE_CHECKING:
    # kopf takes as long to import as most caches to fill, and would be in their way.
    from controller.wiring.handlers import KopfThread

_log = structlog.get_logger(__name__)

# Exit status when the Lease was lost or a part failed: the process must not go on.
FAILED = 1
# How long kopf's thread may keep the engine's waiting.
SWITCH_SECONDS = 0.0005


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run; each is a flag of `argosy run`."""

    identity: str
    lease_namespace: str
    namespaces: tuple[str, ...] = ()
    # Of an operator for some namespaces: it may read Fleets, and the namespaces they are for.
    read_fleets: bool = False
    allowed_urls: tuple[str, ...] = ()
    # Whether a policy writes on each Operation who asked for it.
    requesters_known: bool = False
    # How many servers a namespace may have; 0: any number.
    servers_per_namespace: int = 0
    # The builder of images: see `planning.builders`.
    build_image: str = ""
    build_address: str = ""
    build_client_secret: str = ""
    build_allowed_repositories: tuple[str, ...] = ()
    build_daemons: tuple[Daemon, ...] = ()
    # Of writes that may be under way at once, however far away the API server is.
    most_writes: int = MOST
    # Whether replicas divide the work among them, instead of one of them doing all of it.
    share_work: bool = False
    # Whether each of them watches its own part alone of what there is one a server of.
    watch_slots: bool = False
    health_port: int = 8081
    metrics_port: int = 8080
    # A folder with tls.crt and tls.key: metrics are for whoever may get them then.
    metrics_certificates: str = ""
    # Where users' objects are reviewed before they are stored; 0: nowhere.
    admission_port: int = 0
    # A folder with tls.crt and tls.key.
    admission_certificates: str = ""
    # The collector that traces are sent to, and how many of all, 0 to 1; none: they cost nothing.
    traces_endpoint: str = ""
    traces_ratio: float = 1.0
    log_format: str = "json"
    log_level: str = "info"


class Operator:
    """One replica: caches, the Lease, the engine, its probes."""

    def __init__(
        self,
        options: Options,
        api: Client,
        connect: Callable[[], AbstractAsyncContextManager[kube.Api]] = Client.connect,
        endpoint: SecureEndpoint | None = None,
    ) -> None:
        self._options = options
        self._api = api
        tenant = bool(options.namespaces)
        self.caches = Caches(
            api,
            namespaces=options.namespaces or ("",),
            cluster_scoped=options.read_fleets or not tenant,
            read_only=tenant,
            optional=True,
            by_slot=options.watch_slots,
        )
        self.installs = Installs(
            api,
            f"{options.lease_namespace}/{LEADER}",
            options.namespaces,
            shared=options.share_work,
            wall_clock=time.time,
        )
        # No two processes share it, not even one and its own restart.
        holder = f"{options.identity}_{uuid.uuid4().hex[:12]}"
        shared = options.share_work
        self.elector = Elector(
            api,
            options.lease_namespace,
            LEADER,
            _together(options) if shared else holder,
            shared=shared,
        )
        self._heartbeat = Elector(api, options.lease_namespace, heartbeat(options.identity), holder)
        self.sharing = self._shared(holder) if shared else None
        owner: ownership.Ownership = self.sharing or SoleLeader(
            leading=lambda: self.elector.leading, covers=self.installs.cover
        )
        sharers = self.sharing.sharers if self.sharing else lambda: 1
        self.width = Width(clock=time.monotonic, most=options.most_writes)
        pool = Pool(learnt=self.width, sharers=sharers)
        may_write = ownership.guard(owner)
        acting = api.guarded(may_write, self.width.answered)
        context = contract.Context(
            api=acting, informers=self.caches.informers, clock=time.time, may_write=may_write,
            allowed_urls=options.allowed_urls, namespace=options.lease_namespace, sharers=sharers,
        )  # fmt: skip
        self.fleets = Fleets(
            self.caches, kinds=registry.kinds(), context=context, pool=pool, sharers=sharers,
            since=owner.since,
        )  # fmt: skip
        writer = Writer(acting, may_write=may_write, made=self.caches.learn)
        self.labels = self._labelled(writer) if options.watch_slots else None
        self.engine = Engine(
            caches=self.caches,
            fleets=self.fleets,
            writer=writer,
            pool=pool,
            event_writer=EventWriter(
                acting, reporter=options.identity, clock=time.time, may_write=may_write
            ),
            clock=time.time,
            holder=holder,
            ownership=owner,
            requesters_known=options.requesters_known,
            servers_per_namespace=options.servers_per_namespace,
            builder=Builder(
                image=options.build_image,
                address=options.build_address,
                client_secret=options.build_client_secret,
                allowed_repositories=options.build_allowed_repositories,
                daemons=options.build_daemons,
            ),
        )
        if self.sharing is not None:
            self.sharing.connect(self.engine)
        self.parts = parts.Parts(expected=(LeaseLost,))
        self._connect = connect
        self._endpoint = endpoint
        self._kopf: KopfThread | None = None
        self._settled: asyncio.Task[None]
        # Set when more is to be looked after than before.
        self._gained = asyncio.Event()

    def _shared(self, holder: str) -> Sharing:
        return Sharing(
            caches=self.caches,
            members=Members(self._api, self._options.lease_namespace, holder),
            heartbeat=self._heartbeat,
            guard=self.elector,
            covers=self.installs.cover,
        )

    def _labelled(self, writer: Writer) -> Labels:
        if self.sharing is None:
            raise ValueError("only replicas that share the work have slots to watch")
        owner, covers = self.sharing, self.installs.cover
        return Labels(self.caches, writer, owns=owner.owns, plans=owner.plans, covers=covers)

    async def start(self) -> None:
        """Begin to watch, to serve probes, and to stand for election."""
        metrics.ask_cached_objects(self.caches.cached)
        metrics.ask_servers(self._servers)
        metrics.ask_slots(self._slots)
        metrics.ask_workers(self.engine.calls)
        metrics.ask_width(lambda: {(): float(self.width.now)})
        metrics.ask_watch_silence(self.caches.silences)
        metrics.ask_circuits(self.fleets.circuits)
        metrics.ask_unbounded_evictions(self._unbounded)
        metrics.ask_plan_silence(self._plan_silence)
        metrics.ask_refused_scopes(lambda: {(): float(len(self.refused()))})
        self.parts.start(self._share() if self.sharing else self._lead(), "leader")
        self.parts.start(self._serve(), "probes")
        self._settled = self.parts.start(self._settle(), "admission")

    def ailing(self) -> str:
        """Return why this process should be ended; nothing while all that must go on goes on.

        An API server that is away is no reason: another process would fare no better.
        """
        if self.parts.failure is not None:
            return str(self.parts.failure)
        own = [self.elector.pulse, self.engine.pulse]
        if self.sharing is not None:
            own += [self._heartbeat.pulse, self.sharing.pulse]
        if self.labels is not None:
            own.append(self.labels.pulse)
        pulses = [*own, *self.installs.pulses(), *self.caches.pulses()]
        late = [each for each in pulses if each.late]
        if not late:
            return ""
        why = "; ".join(f"{each.what}: no progress for {each.silence:.0f} s" for each in late)
        _log.error("standing still", why=why)
        return why

    async def stop(self) -> None:
        """Wait to be told; then finish what is in flight, and hand the Lease over at once."""
        await self.parts.stopped.wait()
        await self.engine.stop()
        with contextlib.suppress(Exception):
            await (self.sharing.leave() if self.sharing else self.elector.release())
        # A thread must not be left in the middle of something when the interpreter goes.
        await asyncio.wait([self._settled])
        await self.parts.end()
        await self._api.close()
        _log.info("stopped")

    async def _settle(self) -> None:
        """Let the caches fill, then review what users apply."""
        await self._filled()
        garbage.settle()
        if self._options.admission_port and not self.parts.stopped.is_set():
            await self._admit()
        await self.parts.stopped.wait()

    async def _admit(self) -> None:
        """Have kopf serve the admission webhook, on every replica: it needs no Lease."""
        # Importing kopf takes as long as filling most caches, and would be in their way.
        handlers = await asyncio.to_thread(importlib.import_module, "controller.wiring.handlers")
        from controller.wiring import webhook  # noqa: PLC0415 - it imports kopf

        settings = webhook.WebhookSettings(
            port=self._options.admission_port,
            certificates=Path(self._options.admission_certificates),
        )
        self._kopf = handlers.KopfThread(
            settings,
            connect=self._connect,
            fleet_of=self._fleet_answer,
            room_for=self._room_answer,
        )
        await self._kopf.serve(self.parts.stopped)

    async def _filled(self) -> None:
        """Return once all caches are full, or the operator is to stop before that."""
        waits = [
            asyncio.create_task(self.caches.wait()),
            asyncio.create_task(self.parts.stopped.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def _lead(self) -> None:
        _log.info("standing by", identity=self._options.identity)
        # Lists that are begun with the Lease in hand need no second look when leading.
        leads = await self.elector.attempt()
        if leads:
            await self.installs.attempt()
        since = asyncio.get_running_loop().time()
        self.parts.start(self.caches.run(), "caches")
        if not leads:
            await self.elector.acquire()
            await self.installs.attempt()
            since = asyncio.get_running_loop().time()
        metrics.lead(leading=True)
        self.installs.taken = self._gained.set
        await parts.together(
            {
                "lease": self.elector.hold(),
                "engine": self.engine.lead(since=since),
                "claims": self.installs.run(),
                "survey": self._survey(),
            }
        )

    async def _share(self) -> None:
        """Work beside other replicas, as soon as the caches are full."""
        _log.info("joining", identity=self._options.identity)
        self.parts.start(self.caches.run(), "caches")
        await self.caches.wait()
        assert self.sharing is not None  # noqa: S101 - as `start` says
        await self.sharing.run(self._beside)

    async def _beside(self) -> Mapping[str, parts.Work]:
        """Return what runs beside the engine of a replica that shares the work."""
        await self.installs.attempt()
        metrics.lead(leading=True)
        self.installs.taken = self._gained.set
        beside = {"claims": self.installs.run(), "survey": self._survey()}
        return beside | ({"labels": self.labels.run()} if self.labels else {})

    async def _survey(self) -> None:
        """Have all looked at again whenever another install has let go of something."""
        while True:
            await self._gained.wait()
            self._gained.clear()
            await self.engine.survey()

    async def _serve(self) -> None:
        await health.serve(
            health_port=self._options.health_port,
            metrics_port=self._options.metrics_port,
            healthy=self.ailing,
            ready=self._unready,
            endpoint=self._endpoint,
        )

    def _unready(self) -> str:
        """Return why nobody should be sent here; nothing where all is well."""
        if not self.caches.synced:
            return "the caches are not full yet"
        if self._options.admission_port and not (self._kopf and self._kopf.ready):
            return "the admission webhook does not listen yet"
        if self.elector.leading and self.installs.idle:
            return "nothing is looked after here: " + "; ".join(sorted({*self.refused().values()}))
        return ""

    def refused(self) -> dict[str, str]:
        """Return why what the leader should look after is left alone, by namespace."""
        return self.installs.refused() if self.elector.leading else {}

    def _fleet_answer(self, namespace: str, name: str) -> FleetAnswer:
        """Return what whoever names a fleet should know, as planning sees it."""
        kind = self.fleets.kind(name)
        facts = self.fleets.facts(name, namespace)
        return FleetAnswer(
            problem=facts.message or facts.problem if facts.problem else "",
            dry_runs=kind is not None and kind.dry_runs,
        )

    def _room_answer(self, before: objects.Application | None, after: objects.Application) -> str:
        """Return why the namespace has no room for an application; empty where it has."""
        return occupancy.refusal(self.caches, before, after, self._options.servers_per_namespace)

    def _servers(self) -> dict[tuple[str, ...], float]:
        """Return how many servers there are in each state; of those that this replica plans."""
        mine = self.sharing.owns if self.sharing else None
        return counts.by_state(self.caches, mine)

    def _unbounded(self) -> dict[tuple[str, ...], float]:
        return unbounded.by_reason(self.caches, self.sharing.owns if self.sharing else None)

    def _slots(self) -> dict[tuple[str, ...], float]:
        """Return how many slots of the work this replica has: all of them where it leads alone."""
        alone = slots.SLOTS if self.elector.leading else 0
        return {(): float(self.sharing.owned() if self.sharing else alone)}

    def _plan_silence(self) -> dict[tuple[str, ...], float]:
        silence = self.engine.pulse.silence
        return {} if silence is None else {(): silence}


def _together(options: Options) -> str:
    """Return who holds the Lease: the replicas for these namespaces, and no others beside them."""
    if not options.namespaces:
        return TOGETHER
    return f"{TOGETHER}-{names.digest(','.join(sorted(options.namespaces)))}"


async def _main(options: Options) -> int:
    # Replicas share an account: only their user agents tell an audit log which of them wrote.
    agent = f"argosy/{metadata.version('argosy')} {options.identity}"
    connect = functools.partial(Client.connect, agent=agent)
    try:
        endpoint = scrapes.endpoint(options.metrics_certificates, agent=agent)
    except (OSError, errors.ArgosyError) as error:
        _log.error("metrics cannot be served", folder=options.metrics_certificates, why=str(error))
        return FAILED
    traces = _traces(options)
    operator = Operator(options, connect(), connect, endpoint)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, operator.parts.stopped.set)
    await operator.start()
    await operator.stop()
    if traces is not None:
        await asyncio.to_thread(traces.close)
    return FAILED if operator.parts.failure is not None else 0


def _traces(options: Options) -> tracing.Traces | None:
    """Begin to send traces, where that is asked for."""
    if not options.traces_endpoint:
        return None
    about = {
        "service.instance.id": options.identity,
        "service.version": metadata.version("argosy"),
        "k8s.namespace.name": options.lease_namespace,
    }
    return tracing.to(options.traces_endpoint, ratio=options.traces_ratio, resource=about)


def daemons(texts: Iterable[str]) -> tuple[Daemon, ...]:
    """Return the daemons that are written as JSON; raises ValueError, which says what is wrong."""
    return tuple(map(Daemon.read, texts))


def run(options: Options) -> int:
    """Run one replica until it is told to stop; return the exit status."""
    logging.configure(format=options.log_format, level=options.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    return uvloop.run(_main(options))
