"""Who may read the metrics: whoever's token the API server lets get `/metrics`.

The API server is asked with that very token, so the operator needs no right for it. `secured` asks
here before each scrape. Anybody who reaches the port may send tokens, as many as they like: answers
are remembered for a short time, by a keyed digest, and a flood of wrong tokens costs no more than
the allowances below, out of which nobody who was let in before has to be served.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from controller import errors
from controller.telemetry.allowances import AddressAllowance, Allowances

_log = structlog.get_logger(__name__)
_K = TypeVar("_K")
_V = TypeVar("_V")

# How long a yes may outlive the right itself, and how long a no is remembered.
YES_SECONDS, NO_SECONDS = 60.0, 10.0
# Tokens that were let in: their answers are renewed whatever others send.
MOST_KNOWN = 64
MOST_REFUSED = 1000
# A longer text is no token: an API server takes headers of a few kilobytes.
MOST_TOKEN = 8000
# Questions about unknown tokens: so many at once, and then so many a second, of one address and of
# all together.
ADDRESS_BURST, ADDRESS_RATE = 5.0, 1.0
ALL_BURST, ALL_RATE = 20.0, 10.0
_BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*) *")
_NONE = "Show a bearer token of the API server: Authorization: Bearer TOKEN."
_UNKNOWN = "The API server does not take this token."
_RIGHTLESS = (
    "This token has no right to get /metrics: bind a ClusterRole with that nonResourceURL to"
    " its account, such as the chart's argosy-metrics-reader."
)
_UNASKED = "The API server cannot be asked about this token"
_BUSY = "Too many unknown tokens are being shown: try again in a second."


class UnknownTokenError(Exception):
    """The API server does not take a token."""


# Returns whether whoever has a token may get /metrics; raises UnknownTokenError where the API
# server does not take it, and ArgosyError where there is no answer.
Ask = Callable[[str], Awaitable[bool]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeRefusal:
    """Why a scrape is refused, as an HTTP answer."""

    status: int
    text: str


class Scrapers:
    """Decides on each scrape."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        # Nobody who reads this memory's keys learns a token, or can tell which one is known.
        self._salt = secrets.token_bytes(32)
        # When the last yes was asked for, the one that was used last at the end.
        self._known: collections.OrderedDict[bytes, float] = collections.OrderedDict()
        self._refused: collections.OrderedDict[bytes, tuple[float, ScrapeRefusal]]
        self._refused = collections.OrderedDict()
        self._asking: dict[bytes, asyncio.Task[ScrapeRefusal | None]] = {}
        self._everybody = AddressAllowance(ALL_BURST, ALL_RATE, clock())
        self._addresses = Allowances(ADDRESS_BURST, ADDRESS_RATE)

    async def refusal(self, authorization: str, address: str) -> ScrapeRefusal | None:
        """Return why a scrape with this header is refused; nothing where it is allowed."""
        found = _BEARER.fullmatch(authorization) if len(authorization) <= MOST_TOKEN else None
        if found is None:
            return ScrapeRefusal(status=401, text=_NONE)
        key = hashlib.blake2b(found[1].encode(), key=self._salt, digest_size=32).digest()
        now = self._clock()
        if key in self._known:
            self._known.move_to_end(key)
            if now - self._known[key] < YES_SECONDS:
                return None
        elif key in self._refused and now - self._refused[key][0] < NO_SECONDS:
            return self._refused[key][1]
        elif key not in self._asking and not self._afforded(address, now):
            return ScrapeRefusal(status=429, text=_BUSY)
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._answer(key, found[1]))
        # Whoever else shows the same token waits for the same answer, and a caller who goes away
        # takes it from nobody.
        return await asyncio.shield(self._asking[key])

    async def _answer(self, key: bytes, token: str) -> ScrapeRefusal | None:
        # From before the question: a yes never outlives its right for longer than it says.
        asked = self._clock()
        try:
            said = None if await self._ask(token) else ScrapeRefusal(status=403, text=_RIGHTLESS)
        except UnknownTokenError:
            said = ScrapeRefusal(status=401, text=_UNKNOWN)
        except errors.ArgosyError as error:
            return ScrapeRefusal(status=503, text=f"{_UNASKED}: {error.reason}.")
        except Exception as error:  # noqa: BLE001 - such as an answer that is none
            # Nothing but the class: nobody knows which texts are in it.
            _log.warning("a review failed", error=type(error).__name__)
            return ScrapeRefusal(status=503, text=f"{_UNASKED}.")
        finally:
            del self._asking[key]
        if said is None:
            self._refused.pop(key, None)
            _keep(self._known, key, asked, MOST_KNOWN)
        else:
            self._known.pop(key, None)
            _keep(self._refused, key, (asked, said), MOST_REFUSED)
        return said

    def _afforded(self, address: str, now: float) -> bool:
        """Return whether one more question about an unknown token may be asked, and count it."""
        # Of one address first: what it may not ask is not taken from all others.
        return self._addresses.take(address, now) and self._everybody.take(now)


def _keep(kept: collections.OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
