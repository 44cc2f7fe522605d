"""What both proxies, that of an API server and that of a cloud, do with a connection."""

from __future__ import annotations

import asyncio

from aiohttp import web

# Of one connection only, or wrong once the body has passed through us.
NOT_FORWARDED = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te"}
    | {"accept-encoding", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"}
)


def kept(headers: object) -> dict[str, str]:
    """Return the headers that may pass."""
    found: dict[str, str] = dict(headers)  # type: ignore[call-overload]  # a multidict
    return {name: value for name, value in found.items() if name.lower() not in NOT_FORWARDED}


def cut(request: web.Request) -> web.StreamResponse:
    """End the caller's connection without an answer; what was sent before still arrives."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=web.HTTPBadGateway.status_code)


def abort(transport: asyncio.BaseTransport) -> None:
    """End a connection at once."""
    if isinstance(transport, asyncio.Transport):
        transport.abort()
    else:
        transport.close()
