"""How long texts may be: whatever is written into a status is cut to what the schema takes.

`execution` asks for each status before it is compared and before it is written: whatever a message
quotes, nothing that somebody else wrote can make the API server refuse what Argosy has to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api.bounds import STATUS, Bound
from controller.api.resources import Resource

_CUT = "…"


def cut(text: str, longest: int) -> str:
    """Return `text`, its end replaced by an ellipsis where it is too long."""
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT


def cut_bytes(text: str, longest: int) -> str:
    """Return `text`, cut likewise where it has more than so many bytes in UTF-8."""
    written = text.encode()
    if len(written) <= longest:
        return text
    return written[: longest - len(_CUT.encode())].decode(errors="ignore") + _CUT


def fit(resource: Resource, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status of that resource, or a part of one, within the bounds of its schema."""
    fields = STATUS.get(resource, {})
    return {name: _fit(value, fields.get(name)) for name, value in status.items()}


def _fit(value: Any, bound: Bound | None) -> Any:
    if isinstance(value, str) and isinstance(bound, int):
        return cut(value, bound)
    if isinstance(value, dict) and isinstance(bound, dict):
        return {name: _fit(each, bound.get(name)) for name, each in value.items()}
    if isinstance(value, (list, tuple)) and isinstance(bound, tuple):
        most, inner = bound
        return [_fit(each, inner) for each in value[:most]]
    return value
