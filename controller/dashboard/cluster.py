"""The process of a dashboard in a cluster: for many people, each with rights of their own.

The command `serve-dashboard` calls `run`; the chart has a Deployment that runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pathlib
import ssl
import time
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from controller.dashboard import site
from controller.dashboard.board import Board
from controller.dashboard.lobby import Connected, Lobby, Shared
from controller.dashboard.rendering import Renderer
from controller.kube import api as kube
from controller.kube import certificates
from controller.presentation import applications
from controller.presentation.applications import Chosen
from controller.presentation.problems import Refusal

SHUTDOWN_SECONDS = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """The cluster to show, and where; `connect` returns the API server for somebody's token."""

    connect: Callable[[str], Connected]
    cluster: str
    hosts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    address: str = "0.0.0.0"  # noqa: S104 - a pod's own; its Service and policy say who reaches it
    port: int = 8443
    writes: bool = False
    # A folder with tls.crt and tls.key; none serves plain HTTP.
    certificates: pathlib.Path | None = None


@contextlib.asynccontextmanager
async def run(
    api: kube.Api, settings: ClusterSettings, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[int]:
    """Lend a dashboard that is up, by its port.

    Raises Forbidden where its own account may not follow applications, and Refusal where there is
    no certificate though one was asked for.
    """
    tls = _tls(settings.certificates)
    chosen = Chosen(namespace="", among=settings.namespaces)
    async with applications.follow(api, chosen) as followed:
        board = Board(followed, clock)
        # Before anybody waits for it.
        board.all()
        lobby = Lobby(
            Shared(
                followed=followed,
                board=board,
                renderer=Renderer(
                    cluster=settings.cluster, namespace="", typed=_typed, form_token=str
                ),
                clock=clock,
                connect=settings.connect,
                hosts=settings.hosts,
                writes=settings.writes,
            )
        )
        runner = web.AppRunner(
            site.application(lobby),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
            handler_cancellation=True,
        )
        await runner.setup()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(runner.cleanup)
            serving = web.TCPSite(runner, settings.address, settings.port, ssl_context=tls)
            await serving.start()
            tasks = [asyncio.create_task(lobby.run())]
            if tls is not None and settings.certificates is not None:
                tasks.append(asyncio.create_task(certificates.renew(tls, settings.certificates)))
            stack.push_async_callback(_ended, tasks)
            (address, *_) = runner.addresses
            yield int(address[1])


def _typed(words: str, namespace: str) -> str:
    """Return a command of ours as whoever reads it types it in their own terminal."""
    return f"kubectl argosy {words}" + (f" -n {namespace}" if namespace else "")


def _tls(folder: pathlib.Path | None) -> ssl.SSLContext | None:
    if folder is None:
        return None
    try:
        return certificates.served(folder)
    except OSError as error:
        raise Refusal(f"{folder} must have tls.crt and tls.key: {error}") from error


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
