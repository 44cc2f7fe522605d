"""Whether a request was signed by who knows the secret; all are compared in constant time.

GitHub and Gitea sign the body; GitLab, as Standard Webhooks has it, also an id and the time. A
secret that is sent in clear, as GitLab's older token, proves nothing of the body and is not taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from controller.api import tags

# How far a sender's clock may be from ours, either way.
TOLERANCE_SECONDS = 300
PREFIX = "whsec_"


def is_signed(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> bool:
    """Return whether `body` was signed with `key`: by the first signature that there is.

    Without a key nothing was, in the same time.
    """
    signed = _check(headers, body, key or b"nobody knows this", now)
    return signed and bool(key)


def _check(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> bool:
    if (told := headers.get("X-Hub-Signature-256")) is not None:
        return _same(told, "sha256=" + _mac(key, body).hex())
    if (told := headers.get("X-Gitea-Signature")) is not None:
        return _same(told, _mac(key, body).hex())
    if (told := headers.get("webhook-signature")) is not None:
        return _is_standard(headers, told, body, key, now)
    return _same("", _mac(key, body).hex())


def _is_standard(
    headers: Mapping[str, str], told: str, body: bytes, key: bytes, now: float
) -> bool:
    """Return whether one of the signatures told is right, and not of long ago."""
    identity, when = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    # As they came: bytes of a header that are no UTF-8 are half surrogates here.
    content = f"{identity}.{when}.".encode(errors="surrogateescape") + body
    wanted = "v1," + base64.b64encode(_mac(_secret(key), content)).decode()
    # Each is looked at, so that the time tells nothing.
    right = [_same(each, wanted) for each in told.split()]
    seconds = tags.number(when)
    timely = seconds is not None and abs(seconds - now) <= TOLERANCE_SECONDS
    return any(right) and timely


def _secret(key: bytes) -> bytes:
    text = key.decode(errors="replace")
    try:
        if text.startswith(PREFIX):
            return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        pass
    return key


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _same(told: str, wanted: str) -> bool:
    return hmac.compare_digest(told.encode(errors="replace"), wanted.encode())
