"""The dashboard's process: on this machine alone, for whoever started it, until it is interrupted.

The command `dashboard` calls `serve`; `cluster` is the process of a dashboard for many.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import html
import pathlib
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator

from aiohttp import web

from controller.dashboard import site
from controller.dashboard.alone import Alone
from controller.dashboard.board import Board
from controller.dashboard.gate import TokenGate
from controller.dashboard.pages import Pages
from controller.dashboard.rendering import Renderer
from controller.dashboard.rights import Rights
from controller.presentation import applications, reading
from controller.presentation.applications import Chosen
from controller.presentation.problems import Refusal

# Has the browser show an address.
Show = Callable[[str], contextlib.AbstractAsyncContextManager[None]]
ADDRESS = "127.0.0.1"
SHUTDOWN_SECONDS = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """The cluster shown, and how: `typed` returns a command of ours for a namespace, to copy."""

    namespace: str
    cluster: str
    typed: Callable[[str, str], str]
    port: int = 0
    writes: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A dashboard that is up; its address lets in once."""

    url: str
    gate: TokenGate

    @property
    def address(self) -> str:
        """Where it is opened; browsers send nothing of what stands behind the #."""
        return f"{self.url}/#token={self.gate.token}"


@contextlib.asynccontextmanager
async def run(
    api: reading.Cluster, settings: DashboardSettings, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Running]:
    """Lend a dashboard that is up.

    Raises Refusal where its port is taken, Forbidden where applications may not be read.
    """
    with _bound(settings.port) as bound:
        port = int(bound.getsockname()[1])
        gate = TokenGate(port=port)
        async with applications.follow(api, Chosen(namespace=settings.namespace)) as followed:
            board = Board(followed, clock)
            # Before anybody waits for it.
            board.all()
            pages = Pages(
                api=api,
                followed=followed,
                board=board,
                renderer=Renderer(
                    cluster=settings.cluster,
                    namespace=settings.namespace,
                    typed=settings.typed,
                    form_token=gate.form_token,
                ),
                clock=clock,
                namespace=settings.namespace,
                rights=Rights(api, clock) if settings.writes else None,
            )
            runner = web.AppRunner(
                site.application(Alone(gate, pages)),
                access_log=None,
                handle_signals=False,
                shutdown_timeout=SHUTDOWN_SECONDS,
                handler_cancellation=True,
            )
            await runner.setup()
            try:
                await web.SockSite(runner, bound).start()
                yield Running(url=f"http://{ADDRESS}:{port}", gate=gate)
            finally:
                await runner.cleanup()


async def serve(running: Running, show: Show | None) -> None:
    """Stay until interrupted; the browser shows the dashboard where that is wanted."""
    if show is None:
        await asyncio.Event().wait()
        return
    with _doorway(running.address) as page:
        async with show(page.as_uri()):
            await asyncio.Event().wait()


@contextlib.contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """Lend a socket that listens to this machine alone; raises Refusal where the port is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((ADDRESS, port))
        except OSError as error:
            message = f"port {port} cannot be used: {error.strerror}; --port 0 takes a free one"
            raise Refusal(message) from error
        yield bound


@contextlib.contextmanager
def _doorway(address: str) -> Iterator[pathlib.Path]:
    """Lend a page that leads to the address.

    On the browser's command line everybody on the machine could read the token.
    """
    with tempfile.TemporaryDirectory(prefix="argosy-dashboard-") as folder:
        page = pathlib.Path(folder) / "open.html"
        page.touch(mode=0o600)
        target = html.escape(address, quote=True)
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><title>Argosy</title>'
            f'<meta http-equiv="refresh" content="0;url={target}">'
            f'<a href="{target}">Open the dashboard</a>'
        )
        yield page
