"""Where API servers send what users apply: kopf's webhook server, with three things of our own.

The server takes reviews as large as objects get, but not many at a time; it reads what is nested
too deep for a decoder; and it says whether it listens. `handlers` gives it to kopf.
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
from controller.hooks import bodies

# Of all reviews that are being answered. One has the object twice, before and after, and etcd takes
# 1.5 MiB of one. Whoever reaches the port may send some, and each takes up to twenty times its size
# once it is read: `[[],[],[]]`.
MOST = 8 * 2**20
# Of text that is no JSON, and of JSON in which something is another kind of value.
_NO_REVIEW = (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError)
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where to listen, and the folder of `tls.crt` and `tls.key`."""

    port: int
    certificates: Path


class AdmissionServer(kopf.WebhookServer):
    """Listens with a certificate that somebody else renews."""

    def __init__(self, settings: WebhookSettings) -> None:
        super().__init__(
            port=settings.port,
            certfile=settings.certificates / "tls.crt",
            pkeyfile=settings.certificates / "tls.key",
        )
        self.listening = False
        self._room = bodies.BodyMemory(MOST)

    async def __call__(self, fn: Any) -> AsyncIterator[kopf.WebhookClientConfig]:
        """Serve for as long as somebody asks for more."""
        try:
            async for config in super().__call__(fn):
                self.listening = True
                yield config
        finally:
            self.listening = False

    # kopf calls it as a static method, and finds it on the instance just as well.
    async def _serve(self, fn: Any, request: web.Request) -> web.Response:  # type: ignore[override]
        try:
            async with self._room.hold(request) as text:
                answer = await fn(
                    read(text),
                    webhook=request.match_info["id"],
                    headers=dict(request.headers),
                    sslpeer={},
                )
                return web.json_response(answer)
        except bodies.TooLargeError as error:
            size = request.content_length or bodies.LARGEST
            raise web.HTTPRequestEntityTooLarge(bodies.LARGEST, size) from error
        except bodies.UnreadableError as error:
            raise web.HTTPBadRequest(text="the body cannot be read") from error
        except TimeoutError as error:
            raise web.HTTPServiceUnavailable(text="too many reviews, or a slow one") from error


def read(text: bytes) -> Any:
    """Return the review in `text`; what is nested too deep is cut, and still too deep to pass."""
    if nesting.is_deeper(text, nesting.READABLE):
        text = nesting.readable(text)
    try:
        review = _decoder.decode(text)
        # kopf remembers an object by its uid until a watch tells that it went, and it watches
        # nothing.
        review["request"]["object"]["metadata"].pop("uid", None)
    except _NO_REVIEW as error:
        raise web.HTTPBadRequest(text=f"no review: {error}") from error
    return review
