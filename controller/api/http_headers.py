"""The headers that no step may set: the schema refuses them, and so does whoever sends a request.

Without pydantic, which neither the operator nor most commands need.
"""

from __future__ import annotations

# Headers that say how a connection is used (RFC 9110, section 7.6.1), where a request goes, from
# whom it comes, or that Argosy sets itself.
OWN = (
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-original-url",
    "x-rewrite-url",
)
OWN_PREFIXES = ("proxy-", "x-forwarded-", "x-http-method")
