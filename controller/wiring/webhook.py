"""Where API servers send what users apply: kopf's webhook server, with three things of our own.

It takes reviews as large as objects get, it reads what is nested too deep for a decoder, and it
says whether it listens. `handlers` gives it to kopf.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kopf
import msgspec
from aiohttp import web

from controller.api import nesting

# A review has the object twice, before and after; etcd takes 1.5 MiB of one.
LONGEST = 4 * 2**20
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to listen, and the folder of `tls.crt` and `tls.key`."""

    port: int
    certificates: Path


class Server(kopf.WebhookServer):
    """Listens with a certificate that somebody else renews."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            port=settings.port,
            certfile=settings.certificates / "tls.crt",
            pkeyfile=settings.certificates / "tls.key",
        )
        self.listening = False

    async def __call__(self, fn: Any) -> AsyncIterator[kopf.WebhookClientConfig]:
        """Serve for as long as somebody asks for more."""
        try:
            async for config in super().__call__(fn):
                self.listening = True
                yield config
        finally:
            self.listening = False

    @staticmethod
    async def _serve(fn: Any, request: web.Request) -> web.Response:
        text = await request.clone(client_max_size=LONGEST).read()
        review = read(text)
        answer = await fn(
            review,
            webhook=request.match_info["id"],
            headers=dict(request.headers),
            sslpeer={},
        )
        return web.json_response(answer)


def read(text: bytes) -> Any:
    """Return the review in `text`; what is nested too deep is cut, and still too deep to pass."""
    if nesting.is_deeper(text, nesting.READABLE):
        text = nesting.readable(text)
    try:
        review = _decoder.decode(text)
        meta = review["request"]["object"]["metadata"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise web.HTTPBadRequest(text=f"no review: {error}") from error
    # kopf remembers an object by its uid until a watch tells that it went, and it watches nothing.
    meta.pop("uid", None)
    return review
