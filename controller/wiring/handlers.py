"""kopf, in a thread of its own: it serves the admission webhook.

kopf watches nothing: the caches have watches of their own, which see the same events for less. See
docs/explanation/dependencies.md.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import kopf
import structlog
import uvloop

from controller.admission import reviewer
from controller.admission.answers import ReviewAnswer
from controller.admission.reviewer import FleetAnswer, Reviewer
from controller.api import names, objects
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.wiring import webhook

_log = structlog.get_logger(__name__)

T = TypeVar("T")
# Opens the client of kopf's loop: a session cannot be shared between loops.
Connect = Callable[[], AbstractAsyncContextManager[kube.Api]]
FleetOf = Callable[[str, str], FleetAnswer]
RoomFor = Callable[[objects.Application | None, objects.Application], str]

AGAIN_SECONDS = 1.0
# How long kopf may take to end; nobody needs to wait for more, for kopf writes nothing.
ENDING_SECONDS = 10.0
UNPROCESSABLE = 422
REVIEWED = (Resource.APPLICATIONS, Resource.OPERATIONS)


class KopfThread:
    """Runs kopf again and again; made and told to stop on the loop of the engine.

    kopf has a thread and a loop of its own. Where its run ends, as it does when a part of it fails,
    it cancels every task of its loop that began after it. `fleet_of` and `room_for` are asked on
    the engine's loop.
    """

    def __init__(
        self,
        settings: webhook.WebhookSettings,
        *,
        connect: Connect,
        fleet_of: FleetOf,
        room_for: RoomFor,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._fleet_of = fleet_of
        self._room_for = room_for
        self._server: webhook.AdmissionServer | None = None
        self._idle = False
        self._ended = asyncio.Event()
        self._home = asyncio.get_running_loop()
        self._stopping = threading.Event()
        # The loop and the flag of the run under way.
        self._lock = threading.Lock()
        self._flag: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        # A daemon, so that kopf keeps no process alive that is to end.
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether reviews are answered, or there is nothing to review yet."""
        server = self._server
        return self._idle or (server is not None and server.listening)

    async def serve(self, stop_flag: asyncio.Event) -> None:
        """Run until the flag says stop."""
        self._thread.start()
        await stop_flag.wait()
        self._stopping.set()
        with self._lock:
            if self._flag is not None:
                loop, flag = self._flag
                loop.call_soon_threadsafe(flag.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), ENDING_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            why = "by itself"
            try:
                # A new loop each time: nothing of an earlier run is left to disturb the next.
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(self._once())
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever kopf ends with, the engine goes on
                why = str(error)
            if not self._stopping.wait(AGAIN_SECONDS):
                _log.warning("kopf ended, and is started again", why=why)
        # The loop may have ended while kopf took its time.
        with contextlib.suppress(RuntimeError):
            self._home.call_soon_threadsafe(self._ended.set)

    async def _once(self) -> None:
        """Run kopf until it ends or is told to."""
        flag = asyncio.Event()
        with self._lock:
            self._flag = asyncio.get_running_loop(), flag
        # Told to stop before there was a flag?
        if self._stopping.is_set():
            flag.set()
        try:
            async with self._connect() as api:
                await self._wait_for_kinds(api)
                self._server = webhook.AdmissionServer(self._settings)
                registry = kopf.OperatorRegistry()
                _register(registry, Reviewer(api, self._ask_fleet, self._ask_room))
                _log_in(registry)
                _configure(registry, self._server)
                await kopf.operator(
                    registry=registry, standalone=True, clusterwide=True, stop_flag=flag
                )
        finally:
            self._server = None
            with self._lock:
                self._flag = None

    async def _wait_for_kinds(self, api: kube.Api) -> None:
        """Return once there are the kinds to review: kopf looks for them once, when it begins."""
        for resource in REVIEWED:
            while not self._stopping.is_set():
                try:
                    await api.list(resource, limit=1)
                    break
                except faults.NotFound:
                    self._idle = True
                    await asyncio.sleep(AGAIN_SECONDS)
        self._idle = False

    async def _ask_fleet(self, namespace: str, name: str) -> FleetAnswer:
        return await self._ask(functools.partial(self._fleet_of, namespace, name))

    async def _ask_room(
        self, before: objects.Application | None, after: objects.Application
    ) -> str:
        return await self._ask(functools.partial(self._room_for, before, after))

    async def _ask(self, question: Callable[[], T]) -> T:
        """Ask on the engine's loop, whose caches and fleets nobody else may touch."""
        asked: concurrent.futures.Future[T] = concurrent.futures.Future()

        def answer() -> None:
            try:
                asked.set_result(question())
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                asked.set_exception(error)

        self._home.call_soon_threadsafe(answer)
        return await asyncio.wrap_future(asked)


def _configure(registry: kopf.OperatorRegistry, server: webhook.AdmissionServer) -> None:
    """Keep kopf to admission: it posts nothing, elects nobody, and manages no configuration."""

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.admission.server = server
        settings.posting.enabled = False
        settings.peering.standalone = True
        settings.scanning.disabled = True
        # Else a run that ends by itself kills the process some minutes later.
        settings.process.ultimate_exiting_timeout = None


def _register(registry: kopf.OperatorRegistry, reviews: Reviewer) -> None:
    """Have each kind that users apply reviewed; the id is the path that the chart names."""
    for resource, review in zip(REVIEWED, (reviews.application, reviews.operation), strict=True):
        kopf.on.validate(
            names.GROUP,
            names.VERSION,
            resource.value,
            id=resource.value,
            operations=["CREATE", "UPDATE"],
            registry=registry,
        )(_handler(review))


def _handler(
    review: Callable[[Any, Any], Awaitable[ReviewAnswer]],
) -> Callable[..., Awaitable[None]]:
    async def validate(
        old: Mapping[str, Any] | None, new: Mapping[str, Any], warnings: list[str], **_: Any
    ) -> None:
        verdict = await review(dict(old) if old else None, dict(new))
        warnings.extend(reviewer.warning_texts(verdict))
        if verdict.errors:
            raise kopf.AdmissionError(reviewer.error_text(verdict), code=UNPROCESSABLE)

    return validate


def _log_in(registry: kopf.OperatorRegistry) -> None:
    """Have kopf log in: by the pod's account, and outside of a cluster by the kubeconfig.

    Unlike the engine's own client kopf looks for the account first, and of a kubeconfig takes
    certificates, tokens and passwords as they stand: no credential plugin (`exec`) is run, no OIDC
    token renewed, no `tokenFile`, `tls-server-name` or `as` heeded. Where that is not enough kopf
    cannot log in, and the webhook of that operator stays away.
    """

    @kopf.on.login(registry=registry)
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        found: kopf.ConnectionInfo | None = kopf.login_with_service_account(**given)
        return found or kopf.login_with_kubeconfig(**given)
