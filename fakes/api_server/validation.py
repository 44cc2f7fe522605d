"""What the API server refuses of our kinds: texts and lists that are too long, or too short."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from controller.api.resources import Resource
from fakes.api_server import defaults, refusal

BOUNDS = ("minLength", "maxLength", "maxItems")
# Of a schema, only what leads to a bound.
_Bounds = dict[str, Any]


def check(resource: Resource, body: dict[str, Any]) -> None:
    """Raise Refused where a text or a list of `body` has another length than its schema takes."""
    bounds = _bounds().get(resource)
    faults = list(_faults(bounds, body, "")) if bounds else []
    if faults:
        raise refusal.invalid(resource, body["metadata"]["name"], ", ".join(faults))


@functools.cache
def _bounds() -> dict[Resource, _Bounds]:
    return {resource: _prune(schema) or {} for resource, schema in defaults.schemas().items()}


def _prune(schema: dict[str, Any]) -> _Bounds | None:
    bounds: _Bounds = {
        key: schema[key] for key in ("minLength", "maxLength", "maxItems") if key in schema
    }
    fields = {key: _prune(each) for key, each in schema.get("properties", {}).items()}
    fields = {key: each for key, each in fields.items() if each}
    if fields:
        bounds["properties"] = fields
    items = _prune(schema["items"]) if "items" in schema else None
    if items:
        bounds["items"] = items
    return bounds or None


def _faults(bounds: _Bounds, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, str) and len(value) > bounds.get("maxLength", len(value)):
        yield f"{path}: Too long: may not be more than {bounds['maxLength']} bytes"
    elif isinstance(value, str) and len(value) < bounds.get("minLength", 0):
        yield f"{path}: should be at least {bounds['minLength']} chars long"
    elif isinstance(value, list):
        if len(value) > bounds.get("maxItems", len(value)):
            yield f"{path}: Too many: must have at most {bounds['maxItems']} items"
        for number, each in enumerate(value if "items" in bounds else ()):
            yield from _faults(bounds["items"], each, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, inner in bounds.get("properties", {}).items():
            if key in value:
                yield from _faults(inner, value[key], f"{path}.{key}".lstrip("."))
