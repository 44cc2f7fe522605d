"""kopf's handlers: an event of what people write says which key to look at, and nothing more.

Only `on.event`: one object's events are handled in order, so a handler that took its time would
hide that object's delete, and `on.create` or `on.update` would write annotations of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import kopf
import structlog

from controller.api import names
from controller.api.resources import Resource
from controller.execution.keys import Key

_log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0
WATCHED = (Resource.APPLICATIONS, Resource.OPERATIONS, Resource.FLEETS)


async def watch(
    touch: Callable[[Key], None], *, namespaces: Sequence[str], stop_flag: asyncio.Event
) -> None:
    """Have every event of what people write touch its key, until the flag or a signal says stop.

    Where kopf ends by itself, as it does over a watch that says garbage, it is started again.
    A signal sets the flag.
    """
    while not stop_flag.is_set():
        registry = kopf.OperatorRegistry()
        _register(registry, touch, cluster_scoped=not namespaces)
        _log_in(registry)
        _configure(registry, stop_flag)
        try:
            await kopf.operator(
                registry=registry,
                standalone=True,
                clusterwide=not namespaces,
                namespaces=list(namespaces),
                stop_flag=stop_flag,
            )
        except Exception as error:  # noqa: BLE001 - whatever kopf ends with, the engine goes on
            _log.warning("kopf ended, and is started again", why=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop_flag.wait(), AGAIN_SECONDS)
        else:
            stop_flag.set()


def _configure(registry: kopf.OperatorRegistry, stop_flag: asyncio.Event) -> None:
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
        # kopf has taken the signals to itself, and takes its time to end: who else waits for them
        # must know at once.
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop_flag.set)


def _register(
    registry: kopf.OperatorRegistry, touch: Callable[[Key], None], *, cluster_scoped: bool
) -> None:
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
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        found: kopf.ConnectionInfo | None = kopf.login_with_service_account(**given)
        return found or kopf.login_with_kubeconfig(**given)
