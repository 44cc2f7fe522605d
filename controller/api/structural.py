"""From pydantic's JSON schema to a Kubernetes structural schema; `crds.py` calls it.

pydantic writes references, unions with null, constants and numeric exclusive bounds, which the API
server refuses. A form that has an equal in structural schemas is rewritten; one that has none is an
error at generation, never a silent loss.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from controller.api import nulls

Schema = dict[str, Any]

REFERENCE = "#/$defs/"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
VALIDATIONS = "x-kubernetes-validations"
INT_OR_STRING = "x-kubernetes-int-or-string"

# Keys that mean the same on both sides, and hold no schemas.
KEPT = frozenset(
    {
        "description", "enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
        "minLength", "minProperties", "minimum", "multipleOf", "nullable", "pattern", "required",
        "type", PRESERVE, VALIDATIONS, "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
    }
)  # fmt: skip
# Keys that only help readers of the original.
DROPPED = frozenset({"title", "examples", "deprecated", "readOnly", "writeOnly"})
# Formats that the API server checks; others would be promises that nobody keeps.
FORMATS = frozenset({"date-time", "date", "duration", "int32", "int64", "ipv4", "ipv6", "uri"})
SCALARS = {bool: "boolean", int: "integer", float: "number", str: "string"}


class NotStructuralError(ValueError):
    """The schema says something that no structural schema can say."""


def structural(document: Mapping[str, Any]) -> Schema:
    """Return the structural schema that accepts what `document`, with its `$defs`, accepts.

    Raises NotStructuralError where there is none: unions but of a type with null and of integers
    with strings, recursion, tuples, and maps with both known and free keys that are not preserved.
    """
    return _convert(document, document.get("$defs", {}), ())


def _convert(schema: Mapping[str, Any], defs: Mapping[str, Any], path: tuple[str, ...]) -> Schema:
    schema, path = _resolve(schema, defs, path)
    if "anyOf" in schema:
        return _union(schema, defs, path)
    result: Schema = {}
    for key, value in schema.items():
        if key in KEPT:
            result[key] = value
        elif key in CONVERSIONS:
            CONVERSIONS[key](result, value, schema, lambda each: _convert(each, defs, path))
        elif key not in DROPPED:
            raise NotStructuralError(f"{_where(path)}: {key!r} has no structural equal")
    _infer_type(result, path)
    if result["type"] == "object":
        _check_keys(result, path)
    if "description" in result:
        result["description"] = " ".join(inspect.cleandoc(result["description"]).split())
    return result


def _resolve(
    schema: Mapping[str, Any], defs: Mapping[str, Any], path: tuple[str, ...]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Put what `$ref` and a lone `allOf` point at in their place; what stands beside them wins."""
    while "$ref" in schema or "allOf" in schema:
        beside = {key: schema[key] for key in schema if key not in ("$ref", "allOf")}
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(REFERENCE)
            if name in path:
                raise NotStructuralError(f"{_where(path)}: {name} contains itself")
            target, path = defs[name], (*path, name)
        elif len(schema["allOf"]) == 1:
            target = schema["allOf"][0]
        else:
            raise NotStructuralError(f"{_where(path)}: 'allOf' of several has no structural equal")
        schema = _merge(target, beside)
    return schema, path


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Schema:
    merged = {**below, **above}
    if VALIDATIONS in below and VALIDATIONS in above:
        merged[VALIDATIONS] = [*below[VALIDATIONS], *above[VALIDATIONS]]
    return merged


def _union(schema: Mapping[str, Any], defs: Mapping[str, Any], path: tuple[str, ...]) -> Schema:
    """Return the one branch beside null, or an integer-or-string; there are no other unions."""
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    branches = [each for each in schema["anyOf"] if each.get("type") != "null"]
    if len(branches) == 1:
        return _convert(_merge(branches[0], beside), defs, path)
    flat = [_convert(each, defs, path) for each in branches]
    kinds = sorted(str(each.get("type")) for each in flat)
    if kinds != ["integer", "string"]:
        raise NotStructuralError(f"{_where(path)}: a union of {kinds} has no structural equal")
    # Bounds speak of integers only and patterns of strings only, so both can stand side by side.
    result = _convert({"type": "object", **beside}, defs, path)
    del result["type"]
    for each in flat:
        result = _merge(result, {key: each[key] for key in each if key not in ("type", "format")})
        if "enum" in each:
            raise NotStructuralError(f"{_where(path)}: an enum in a union has no structural equal")
    return {**result, "anyOf": [{"type": "integer"}, {"type": "string"}], INT_OR_STRING: True}


Inner = Callable[[Mapping[str, Any]], Schema]


def _default(result: Schema, value: Any, _schema: Mapping[str, Any], _inner: Inner) -> None:
    if value is not None:
        result["default"] = nulls.without_nulls(value)


def _properties(result: Schema, value: Any, _schema: Mapping[str, Any], inner: Inner) -> None:
    # The API server leaves an empty list of them out, and serves another schema than was written.
    if value:
        result["properties"] = {name: inner(each) for name, each in value.items()}


def _items(result: Schema, value: Any, _schema: Mapping[str, Any], inner: Inner) -> None:
    if not isinstance(value, dict):
        raise NotStructuralError("'items' that allow or forbid everything have no structural equal")
    result["items"] = inner(value)


def _additional(result: Schema, value: Any, schema: Mapping[str, Any], inner: Inner) -> None:
    # Closed objects need no word: the API server prunes, or refuses, what is not in properties.
    if value is False or schema.get(PRESERVE):
        return
    if value is True:
        raise NotStructuralError(f"free keys must be marked with {PRESERVE}")
    result["additionalProperties"] = inner(value)


def _constant(result: Schema, value: Any, _schema: Mapping[str, Any], _inner: Inner) -> None:
    result["enum"] = [value]


def _format(result: Schema, value: Any, _schema: Mapping[str, Any], _inner: Inner) -> None:
    if value in FORMATS:
        result["format"] = value


def _above(result: Schema, value: Any, schema: Mapping[str, Any], _inner: Inner) -> None:
    if value >= schema.get("minimum", value):
        result.update(minimum=value, exclusiveMinimum=True)


def _below(result: Schema, value: Any, schema: Mapping[str, Any], _inner: Inner) -> None:
    if value <= schema.get("maximum", value):
        result.update(maximum=value, exclusiveMaximum=True)


def _unique(_result: Schema, value: Any, schema: Mapping[str, Any], _inner: Inner) -> None:
    if value and schema.get("x-kubernetes-list-type") != "set":
        raise NotStructuralError("a list of unique items must have x-kubernetes-list-type: set")


def _nothing(_result: Schema, _value: Any, _schema: Mapping[str, Any], _inner: Inner) -> None:
    """Pass over what `_convert` has no need of."""


CONVERSIONS: dict[str, Callable[[Schema, Any, Mapping[str, Any], Inner], None]] = {
    "$defs": _nothing,
    "additionalProperties": _additional,
    "const": _constant,
    "default": _default,
    "exclusiveMaximum": _below,
    "exclusiveMinimum": _above,
    "format": _format,
    "items": _items,
    "properties": _properties,
    "uniqueItems": _unique,
}


def _infer_type(result: Schema, path: tuple[str, ...]) -> None:
    if "type" in result:
        return
    types = {SCALARS.get(type(each)) for each in result.get("enum", [])}
    kind = next(iter(types), None)
    if len(types) != 1 or kind is None:
        raise NotStructuralError(f"{_where(path)}: a value of any type has no structural equal")
    result["type"] = kind


def _check_keys(result: Schema, path: tuple[str, ...]) -> None:
    if "properties" in result and "additionalProperties" in result:
        raise NotStructuralError(f"{_where(path)}: known and free keys have no structural equal")


def _where(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the schema"
