"""kopf's handlers: an event of what people write says which key to look at, and nothing more.

Only `on.event`: one object's events are handled in order, so a handler that took its time would
hide that object's delete, and `on.create` or `on.update` would write annotations of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import kopf
import structlog
import uvloop

from controller.api import names
from controller.api.resources import Resource
from controller.planning.keys import Key
from controller.wiring import kopf_session

_log = structlog.get_logger(__name__)

Touch = Callable[[Key], None]

AGAIN_SECONDS = 1.0
# How long kopf may take to end; nobody needs to wait for more, for kopf writes nothing.
ENDING_SECONDS = 10.0
WATCHED = (Resource.APPLICATIONS, Resource.OPERATIONS, Resource.FLEETS)


async def watch(touch: Touch, *, namespaces: Sequence[str], stop_flag: asyncio.Event) -> None:
    """Have every event of what people write touch its key, until the flag says stop.

    kopf has a thread and a loop of its own. Where its run ends, as it does when a watch says
    garbage or a kind goes and comes back, it cancels every task of its loop that began after it.
    """
    kopf_thread = _Thread(touch, namespaces)
    kopf_thread.start()
    await stop_flag.wait()
    kopf_thread.stop()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(kopf_thread.ended.wait(), ENDING_SECONDS)


class _Thread:
    """Runs kopf again and again; made and told to stop on the loop of who is to be touched."""

    def __init__(self, touch: Touch, namespaces: Sequence[str]) -> None:
        self.ended = asyncio.Event()
        self._touch = touch
        self._namespaces = namespaces
        self._home = asyncio.get_running_loop()
        self._stopping = threading.Event()
        # The loop and the flag of the run under way.
        self._lock = threading.Lock()
        self._flag: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        # A daemon, so that kopf keeps no process alive that is to end.
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have the run under way end, and no other begin."""
        self._stopping.set()
        with self._lock:
            if self._flag is not None:
                loop, flag = self._flag
                loop.call_soon_threadsafe(flag.set)

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
        self._tell(self.ended.set)

    async def _once(self) -> None:
        """Run kopf until it ends or is told to."""
        registry = kopf.OperatorRegistry()
        _register(registry, self._look, cluster_scoped=not self._namespaces)
        _log_in(registry)
        _configure(registry)
        flag = asyncio.Event()
        with self._lock:
            self._flag = asyncio.get_running_loop(), flag
        # Told to stop before there was a flag?
        if self._stopping.is_set():
            flag.set()
        try:
            await kopf.operator(
                registry=registry,
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=list(self._namespaces),
                stop_flag=flag,
            )
        finally:
            with self._lock:
                self._flag = None

    def _look(self, key: Key) -> None:
        self._tell(self._touch, key)

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        # The loop may have ended while kopf took its time.
        with contextlib.suppress(RuntimeError):
            self._home.call_soon_threadsafe(function, *arguments)


def _configure(registry: kopf.OperatorRegistry) -> None:
    """Keep kopf to watching: it posts nothing, elects nobody, and owns no finalizer of ours."""

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False
        settings.peering.standalone = True
        # kopf removes the finalizer that it is told is its own wherever it is not needed.
        settings.persistence.finalizer = f"kopf.{names.GROUP}/unused"
        settings.scanning.disabled = True
        settings.watching.connect_timeout = 10
        settings.watching.server_timeout = 600
        # Else a run that ends by itself kills the process some minutes later.
        settings.process.ultimate_exiting_timeout = None


def _register(registry: kopf.OperatorRegistry, touch: Touch, *, cluster_scoped: bool) -> None:
    """Have every event of what people write touch its key."""

    def handler(resource: Resource) -> Callable[..., Awaitable[None]]:
        async def look(name: str, namespace: str | None, **_: Any) -> None:
            # A coroutine, though it awaits nothing: kopf runs plain functions in threads.
            touch(Key(resource, namespace or "", name))

        return look

    for resource in WATCHED:
        if resource is Resource.FLEETS and not cluster_scoped:
            continue
        kopf.on.event(names.GROUP, names.VERSION, resource.value, registry=registry)(
            handler(resource)
        )


def _log_in(registry: kopf.OperatorRegistry) -> None:
    """Have kopf authenticate as the engine's own client does: in the cluster, or by kubeconfig."""

    @kopf.on.login(registry=registry)
    async def login(**given: Any) -> kopf_session.Session | None:
        found: kopf.ConnectionInfo | None = kopf.login_with_service_account(**given)
        found = found or kopf.login_with_kubeconfig(**given)
        return kopf_session.connect(found) if found is not None else None
