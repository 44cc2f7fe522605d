"""Specs that nobody thought of, made from a CRD's own schema: good ones, odd ones, refused ones.

`mutations` has them applied. Pure: the same dice give the same specs.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Spec = dict[str, Any]
Schema = Mapping[str, Any]
Path = tuple[str | int, ...]

# How often a value is one that the schema does not allow, and how often a field is dropped.
REFUSED, DROPPED = 0.25, 0.1
# A life must not wait for what a person would wait for.
LONGEST_SECONDS, MOST_SERVERS = 2, 4
# Of such a fleet nobody knows whether it made something, so deletes would wait for ever; and a
# person who protects an application wants its delete to be refused.
LEFT_ALONE = frozenset({"fleet", "protected", "retry"})
NAMES = ("web", "db", "x", "other9")
PERCENTS = ("0%", "50%", "100%")
WRONG: Sequence[Any] = (None, -1, 10**12, 1.5, "", "\u00e4!", "x" * 300, "101%", [], {}, [{}], True)


def mutated(chance: random.Random, schema: Schema, spec: Spec) -> Spec:
    """Return the spec with one to three of its fields, there or not, changed by the schema."""
    found = copy.deepcopy(spec)
    for _ in range(chance.randint(1, 3)):
        _change(chance, schema, found)
    return found


def generated(chance: random.Random, schema: Schema, name: str = "") -> Any:
    """Return a value that the schema allows, but for its cross-field rules."""
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return chance.choice((0, 1, MOST_SERVERS, *PERCENTS))
    make = _MAKERS.get(schema.get("type", "object"), _object)
    return make(chance, schema, name)


def _boolean(chance: random.Random, _schema: Schema, _name: str) -> bool:
    return chance.choice((True, False))


def _string(chance: random.Random, _schema: Schema, _name: str) -> str:
    return chance.choice(NAMES)


def _array(chance: random.Random, schema: Schema, name: str) -> list[Any]:
    some = range(chance.randint(schema.get("minItems", 0), 2))
    return [generated(chance, schema["items"], name) for _ in some]


def _number(chance: random.Random, schema: Schema, name: str) -> int:
    low = int(schema.get("minimum", 0))
    high = min(
        int(schema.get("maximum", 100)),
        low + (LONGEST_SECONDS if name.endswith("Seconds") else MOST_SERVERS),
    )
    return chance.randint(low, max(low, high))


def _object(chance: random.Random, schema: Schema, _name: str) -> Spec:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    needed = schema.get("required", ())
    return {
        name: generated(chance, each, name)
        for name, each in properties.items()
        if name in needed or (name not in LEFT_ALONE and chance.random() < 1 / 3)
    }


_MAKERS: Mapping[str, Callable[[random.Random, Schema, str], Any]] = {
    "boolean": _boolean,
    "integer": _number,
    "string": _string,
    "array": _array,
    "object": _object,
}


def _change(chance: random.Random, schema: Schema, spec: Spec) -> None:
    """Walk down from the root, at each step into any field that the schema knows, and change it."""
    parent: Any = spec
    part: Schema = schema
    while True:
        key, below = _step(chance, part, parent)
        if key is None:
            return
        there = key in parent if isinstance(parent, dict) else True
        deeper = there and isinstance(parent[key], (dict, list)) and parent[key]
        if deeper and _steps(below, parent[key]) and chance.random() < 0.9:  # noqa: PLR2004 - mostly
            parent, part = parent[key], below
            continue
        draw = chance.random()
        if draw < DROPPED and there:
            del parent[key]
        elif draw < DROPPED + REFUSED:
            parent[key] = chance.choice(WRONG)
        else:
            parent[key] = generated(chance, below, str(key))
        return


def _step(chance: random.Random, schema: Schema, parent: Any) -> tuple[Any, Schema]:
    """Choose a field of an object, or an item of a list."""
    keys = _steps(schema, parent)
    if not keys:
        return None, {}
    key = chance.choice(keys)
    return key, schema["items"] if isinstance(parent, list) else schema["properties"][key]


def _steps(schema: Schema, parent: Any) -> list[Any]:
    if isinstance(parent, list):
        return list(range(len(parent))) if "items" in schema else []
    if isinstance(parent, dict):
        return sorted(set(schema.get("properties", {})) - LEFT_ALONE)
    return []
