"""The process: a port for senders, one for probes, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
from pathlib import Path

import structlog
from aiohttp import web

from controller.hooks import keys, receiver
from controller.kube.client import Client
from controller.telemetry import health, logging

_log = structlog.get_logger(__name__)
# How long requests under way may take to be answered at the end.
SHUTDOWN_SECONDS = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HooksOptions:
    """How to run; each is a flag of `argosy hooks`."""

    keys: Path
    port: int = 8090
    health_port: int = 8081
    log_format: str = "json"
    log_level: str = "info"


def run(options: HooksOptions) -> None:
    """Receive until SIGTERM or SIGINT."""
    logging.configure(format=options.log_format, level=options.log_level)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve(options))


async def _serve(options: HooksOptions) -> None:
    own = asyncio.current_task()
    for each in (signal.SIGTERM, signal.SIGINT):
        if own is not None:
            asyncio.get_running_loop().add_signal_handler(each, own.cancel)
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(Client.connect(agent=receiver.FIELD_MANAGER))
        made = receiver.Receiver(api, keys.Keys(folder=options.keys)).application()
        runner = web.AppRunner(
            made, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, handle_signals=False
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, None, options.port).start()
        _log.info("webhooks are received", port=options.port)
        await health.serve(
            health_port=options.health_port,
            metrics_port=0,
            healthy=lambda: "",
            ready=lambda: "",
        )
