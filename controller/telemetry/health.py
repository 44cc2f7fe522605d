"""The probes and the metrics, over HTTP: what Kubernetes and Prometheus ask the operator.

`wiring` serves them from the start, standbys included. Kubelets ask for probes in the plain, and
show nothing; for metrics there is `secured`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from prometheus_client import exposition

from controller.telemetry import metrics, secured

# Returns why the answer is no; nothing where it is yes.
Check = Callable[[], str]

# How long a scrape under way may take to end when the operator stops.
_SHUTDOWN_SECONDS = 1.0
_BACKLOG = 128


async def serve(
    *,
    health_port: int,
    metrics_port: int,
    healthy: Check,
    ready: Check,
    host: str | None = None,
    endpoint: secured.SecureEndpoint | None = None,
    bound: Callable[[int, int], None] | None = None,
) -> None:
    """Answer `/healthz`, `/readyz` and `/metrics` until cancelled.

    Port 0 turns off what is served there; one port may serve both, unless metrics have an
    `endpoint`: then they are for whoever that lets in, over TLS. `bound` is called once with the
    ports, when they listen. A negative port takes any that is free.
    """
    async with contextlib.AsyncExitStack() as stack:
        routes: dict[int, list[web.RouteDef]] = {}
        running: Sequence[Awaitable[None]] = ()
        if health_port:
            routes.setdefault(health_port, []).extend(_probes(healthy, ready))
        if metrics_port and endpoint is None:
            routes.setdefault(metrics_port, []).append(web.get("/metrics", _metrics))
        listening = {
            port: await _listen(stack, host, port, routed) for port, routed in routes.items()
        }
        if metrics_port and endpoint is not None:
            listening[metrics_port], running = await _secure(stack, host, metrics_port, endpoint)
        if bound is not None:
            bound(listening.get(health_port, 0), listening.get(metrics_port, 0))
        # None of these ends: whatever fails is the failure of all that is served.
        await asyncio.gather(asyncio.Event().wait(), *running)


async def _listen(
    stack: contextlib.AsyncExitStack, host: str | None, port: int, routes: list[web.RouteDef]
) -> int:
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handle_signals=False
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, max(port, 0)).start()
    taken: int = runner.addresses[0][1]
    return taken


async def _secure(
    stack: contextlib.AsyncExitStack, host: str | None, port: int, endpoint: secured.SecureEndpoint
) -> tuple[int, Sequence[Awaitable[None]]]:
    # Of both families where the machine has them, as a pod of IPv6 has no other.
    both = host is None and socket.has_dualstack_ipv6()
    made = socket.create_server(
        (host or "", max(port, 0)),
        family=socket.AF_INET6 if both else socket.AF_INET,
        dualstack_ipv6=both,
        backlog=_BACKLOG,
    )
    stack.callback(made.close)
    made.setblocking(False)
    running = await secured.listen(stack, endpoint, "/metrics", _metrics, made)
    return int(made.getsockname()[1]), running


def _probes(healthy: Check, ready: Check) -> list[web.RouteDef]:
    def answer(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(_: web.Request) -> web.Response:
            try:
                why = check()
            except Exception as error:  # noqa: BLE001 - a check that fails is an answer too
                return web.Response(status=500, text=f"{type(error).__name__}\n")
            return web.Response(status=503 if why else 200, text=f"{why or 'ok'}\n")

        return handler

    return [web.get("/healthz", answer(healthy)), web.get("/readyz", answer(ready))]


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(
        body=metrics.render(), headers={"Content-Type": exposition.CONTENT_TYPE_LATEST}
    )
