"""Where a request comes from: from a page of this site, or from anywhere else.

Pure. Both ways in ask here: `gate` on one person's machine, `lobby` in a cluster.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

LOCAL = ("localhost", "127.0.0.1")


def refusal(
    method: str,
    host: str,
    headers: Mapping[str, str],
    is_ours: Callable[[str], bool],
    *,
    schemes: Sequence[str] = ("http://",),
) -> str:
    """Return why a request is none of a browser's that shows this site; empty if it is.

    A link on another site may lead here: it brings no session, and so it shows nothing.
    """
    if not is_ours(host):
        return "This address is not the one that the dashboard was opened at."
    origin = headers.get("Origin")
    if origin is not None:
        sender = _host(origin, schemes)
        # On this machine every port is a site of its own, and anybody's.
        if not is_ours(sender) or (is_local(sender) and sender != host):
            return "The request comes from another site."
    is_link = method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not is_link:
        return "The request comes from another site."
    return ""


def is_local(host: str) -> bool:
    """Return whether a host is this machine, at whatever port."""
    name, _, port = host.rpartition(":")
    return (name or host) in LOCAL and (not name or port.isdigit())


def form_token(key: str) -> str:
    """Return what the forms of a session carry, and no other site can know."""
    return hmac.new(key.encode(), b"forms", hashlib.sha256).hexdigest()


def is_same(sent: str, own: str) -> bool:
    """Return whether what was sent is our own, in a time that does not tell how much of it is.

    The value that was sent may be no text at all: then it is not.
    """
    return hmac.compare_digest(_bytes(sent), _bytes(own))


def digest(secret: str) -> str:
    """Return what a secret is looked up by: how long that takes tells nothing of the secret."""
    return hashlib.sha256(_bytes(secret)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _host(origin: str, schemes: Sequence[str]) -> str:
    for each in schemes:
        if origin.startswith(each):
            return origin.removeprefix(each)
    return ""
