"""What must not leave a cluster, taken out of what is handed to others: `report` comes here."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "(redacted)"

# Fields whose values may hold what must not leave: of env, of http steps, of people's own.
_SECRET_FIELDS = frozenset(
    {"value", "headers", "body", "parameters", "stringData", "command", "args", "managedFields"}
)
_SECRET_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"  # noqa: S105 - a name
_SECRET_TEXT = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|token|secret|api[-_]?key))\s*[=:]\s*|bearer\s+)\S+"
)
_SECRET_URL = re.compile(r"(\w+://)[^/\s:@]+:[^/\s@]+@")


def redact(value: Any) -> Any:
    """Return an object without what may be secret; what is there is still told to be there."""
    if isinstance(value, dict):
        return {key: _field(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [redact(each) for each in value]
    return value


def scrub(text: str) -> str:
    """Return text without what looks like a credential."""
    return _SECRET_URL.sub(rf"\1{REDACTED}@", _SECRET_TEXT.sub(rf"\1{REDACTED}", text))


def _field(key: str, value: Any) -> Any:
    if key not in _SECRET_FIELDS and key != _SECRET_ANNOTATION:
        return redact(value)
    if isinstance(value, dict):
        return dict.fromkeys(value, REDACTED)
    return (
        [REDACTED] * len(value) if isinstance(value, list) and key != "managedFields" else REDACTED
    )
