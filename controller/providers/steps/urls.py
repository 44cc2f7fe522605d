"""Which URLs the operator may call on a user's behalf.

`http_step` asks it before each request. The operator stands inside the cluster's network, with more
reach than those who write operations: so a URL is compared as what it would do, scheme, host, port
and path, never as text.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib import parse

from controller import errors
from controller.providers.steps.reasons import StepReason

_PORTS = {"http": 80, "https": 443}
# Characters that some servers take for a slash or for a step upwards after the comparison was made.
# Escaped percent signs, which a second reader would read once more, and empty segments too.
_TRICKS = re.compile(r"%2[ef]|%5c|%25|\\|//", re.IGNORECASE)
_BLANKS = re.compile(r"[\x00-\x20\x7f]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UrlTarget:
    """A URL, taken apart and normalised."""

    scheme: str
    host: str
    port: int
    path: str


def parse_target(url: str) -> UrlTarget:
    """Return where `url` leads.

    Raises Stalled, `UrlRefused`, for what has more than one reading: credentials, fragments,
    escaped slashes and dots, blanks.
    """
    if _BLANKS.search(url):
        raise _refuse(url, "has blanks or control characters")
    try:
        parts = parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refuse(url, str(error)) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _refuse(url, "must be http:// or https:// with a host")
    if "@" in parts.netloc or parts.fragment:
        raise _refuse(url, "must have neither credentials nor a fragment")
    path = parts.path or "/"
    # A segment's parameters do not hide what it is: "..;x" is a step upwards to some servers.
    segments = [each.partition(";")[0] for each in path.split("/")]
    if _TRICKS.search(path) or any(each in {".", ".."} for each in segments):
        raise _refuse(url, "must have a plain path")
    return UrlTarget(
        scheme=parts.scheme,
        host=_host(parts.hostname),
        port=_PORTS[parts.scheme] if port is None else port,
        path=path,
    )


def check(url: str, *, own: Sequence[str], allowed: Iterable[UrlTarget]) -> None:
    """Raise Stalled, `UrlRefused`, unless `url` leads to an own address or to an allowed place."""
    target = parse_target(url)
    if target.host in {_host(each) for each in own}:
        return
    if any(_covers(each, target) for each in allowed):
        return
    raise _refuse(
        url,
        "is neither at the server's own address nor among the chart's steps.allowedUrls",
    )


def _covers(allowed: UrlTarget, target: UrlTarget) -> bool:
    same = (allowed.scheme, allowed.host, allowed.port) == (target.scheme, target.host, target.port)
    folder = allowed.path if allowed.path.endswith("/") else f"{allowed.path}/"
    return same and (target.path == allowed.path or target.path.startswith(folder))


def _host(host: str) -> str:
    # One address has many spellings, an IPv4 address in IPv6 among them.
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower().rstrip(".")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _refuse(url: str, why: str) -> errors.Stalled:
    # Without its query and credentials, which may be secret.
    shown = re.sub(r"//[^/@]*@", "//…@", re.split(r"[?#]", url)[0])
    return errors.Stalled(f"the URL {shown} {why}", reason=StepReason.URL_REFUSED)
