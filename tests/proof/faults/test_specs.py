"""Specs made from a schema: replayable, of every sort, none that a life waits hours for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from proof.faults import mutations, scenario, specs

APPLICATION = scenario.application()["spec"]


@pytest.fixture(scope="module")
def schema() -> Mapping[str, Any]:
    """The schema of an application's spec."""
    return mutations.schema("Application")


def many(schema: Mapping[str, Any], number: int = 400) -> list[dict[str, Any]]:
    """Return what so many seeds make of the application."""
    return [specs.mutated(random.Random(seed), schema, APPLICATION) for seed in range(number)]


def test_one_seed_one_spec(schema: Mapping[str, Any]) -> None:
    """The same dice give the same spec, and what they were given stays as it was."""
    before = scenario.application()["spec"]
    assert many(schema) == many(schema)
    assert before == APPLICATION


def test_every_field_is_met(schema: Mapping[str, Any]) -> None:
    """Policies that the application does not have, lists in it, the template: all are changed."""
    found = [set(fields(each)) for each in many(schema, 1500)]
    met = set().union(*found)
    for each in ("paused", "order", "recovery", "alternatives", "partition", "whenScaled", "spec"):
        assert each in met


def test_good_and_refused_ones_are_made(schema: Mapping[str, Any]) -> None:
    """Some have a number below its bounds or a word where a number belongs; most do not."""
    odd = [each for each in many(schema) if any(_is_wrong(value) for value in values(each))]
    assert 0.1 < len(odd) / 400 < 0.7


def test_nobody_waits_for_long(schema: Mapping[str, Any]) -> None:
    """Seconds that the schema allows are few; fleets and protection stay as they are."""
    for each in many(schema):
        assert "fleet" not in each
        for name, value in pairs(each):
            if name.endswith("Seconds") and isinstance(value, int) and value < 10**12:
                assert value <= 10
            assert name != "protected"


def _is_wrong(value: object) -> bool:
    return value in (-1, 10**12, 1.5, "101%") and value is not True


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield all fields of a spec, at any depth."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name, each
            yield from pairs(each)
    elif isinstance(value, list):
        for each in value:
            yield from pairs(each)


def fields(value: Any) -> Iterator[str]:
    """Yield the names of all fields."""
    return (name for name, _ in pairs(value))


def values(value: Any) -> Iterator[Any]:
    """Yield the values of all fields that have no fields."""
    return (each for _, each in pairs(value) if not isinstance(each, (dict, list)))
