"""Whoever connects to servers over the operator's own network, and which addresses it may call.

`readiness` probes with it, as many servers at once as have places, `provider` asks which addresses
of a server others may call.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Protocol

import aiohttp

from controller.providers.openstack import template
from controller.providers.steps import answers

PROBE_SECONDS = 5.0
# At how many of its addresses a server is asked at once: one that has a hundred takes no more
# connections than others.
ADDRESSES = 4


class Prober(Protocol):
    """Whoever connects to servers."""

    async def tcp(self, address: str, port: int) -> bool:
        """Return whether something listens there."""

    async def http(self, address: str, port: int, path: str) -> bool:
        """Return whether a GET is answered with a status below 400."""

    async def close(self) -> None:
        """Let go of all connections."""


class NetworkProbes:
    """Probes over the network that the operator is in; no redirect is followed."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            # Places bound probes; waiting for a connection would take of a probe's time.
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            response_class=answers.BoundedAnswer,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def tcp(self, address: str, port: int) -> bool:
        """Return whether something listens there."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                _, writer = await asyncio.open_connection(address, port)
        except (TimeoutError, OSError):
            return False
        writer.close()
        return True

    async def http(self, address: str, port: int, path: str) -> bool:
        """Return whether a GET is answered with a status below 400."""
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._session.get(
                f"http://{host}:{port}{path}", allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS),
            ) as answer:  # fmt: skip
                return answer.status < 400  # noqa: PLR2004 - what is no error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return False

    async def close(self) -> None:
        """Let go of all connections."""
        await self._session.close()


class Reach:
    """The addresses that may be called: those in the Fleet's `probeCIDRs` alone."""

    def __init__(self, cidrs: Sequence[str]) -> None:
        self._nets = tuple(ipaddress.ip_network(each, strict=False) for each in cidrs)

    def of(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """Return those of the addresses that may be called."""
        return tuple(each for each in addresses if self._has(each))

    def _has(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        asked = mapped or found
        return any(asked.version == net.version and asked in net for net in self._nets)


async def is_reached(prober: Prober, wanted: template.Readiness, addresses: Sequence[str]) -> bool:
    """Return whether a server answers at one of its addresses; the first that does counts."""
    for start in range(0, len(addresses), ADDRESSES):
        some = addresses[start : start + ADDRESSES]
        asked = [asyncio.create_task(_answers(prober, wanted, each)) for each in some]
        try:
            for answer in asyncio.as_completed(asked):
                if await answer:
                    return True
        finally:
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
    return False


async def _answers(prober: Prober, wanted: template.Readiness, address: str) -> bool:
    if wanted.tcp is not None:
        return await prober.tcp(address, wanted.tcp.port)
    if wanted.http is not None:
        return await prober.http(address, wanted.http.port, wanted.http.path)
    return False
