"""Whether schemas survive the way from pydantic to Kubernetes: none refused, none loosened."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import hypothesis
import pydantic
import pytest
from hypothesis import strategies as st
from pydantic import Field

from controller.api import schema, structural

# What the API server refuses in a CRD, wherever it stands.
FORBIDDEN = {"$ref", "$defs", "discriminator", "const", "title", "oneOf", "allOf", "uniqueItems"}

Declaration = tuple[Any, st.SearchStrategy[Any]]
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.booleans(), st.integers(-3, 30), st.text("ab%1", max_size=4), st.just([]), st.just({})
)
SCALARS: list[Declaration] = [
    (bool, st.booleans()),
    (Annotated[int, Field(ge=0, le=9)], st.sampled_from([-1, 0, 1, 8, 9, 10])),
    (Annotated[int, Field(gt=0, lt=9)], st.sampled_from([-1, 0, 1, 8, 9, 10])),
    (Annotated[float, Field(gt=0, le=2)], st.sampled_from([0.0, 0.5, 2.0, 2.5, 1])),
    (Annotated[str, Field(min_length=1, max_length=3)], st.text("ab", max_size=5)),
    (Annotated[str, Field(pattern="^[ab]+$")], st.text("abc", max_size=4)),
    (Literal["x", "y"], st.sampled_from(["x", "y", "z"])),
    (Literal["only"], st.sampled_from(["only", "other"])),
    (schema.Share, st.sampled_from([0, 7, -1, 20_001, "0%", "100%", "101%", "7", "", True])),
    (schema.Name, st.sampled_from(["a", "a-b", "-a", "A", "", "a" * 64])),
]


def _lists(inner: Declaration) -> Declaration:
    annotation, values = inner
    # Types are put together at run time here, which mypy cannot follow.
    kind: Any = list.__class_getitem__(annotation)
    bounded = Annotated[kind, Field(min_length=1, max_length=2)]
    return bounded, st.lists(values, max_size=3)


def _maps(inner: Declaration) -> Declaration:
    annotation, values = inner
    kind: Any = dict.__class_getitem__((str, annotation))
    bounded = Annotated[kind, Field(max_length=2)]
    return bounded, st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def _optional(inner: Declaration) -> Declaration:
    annotation, values = inner
    return annotation | None, values


@st.composite
def _models(draw: st.DrawFn, inner: st.SearchStrategy[Declaration]) -> Declaration:
    """A model with one field of each way of being there: required, optional, defaulted."""
    (first, firsts), (second, seconds) = draw(inner), draw(inner)
    fields: dict[str, Any] = {
        "needed_field": (first, Field(description="Needed.")),
        "spare_field": (second | None, None),
        "count_field": (Annotated[int, Field(ge=0)], 3),
    }
    model = pydantic.create_model("Drawn", __base__=schema.Model, __doc__="Drawn.", **fields)
    values = st.fixed_dictionaries(
        {}, optional={"neededField": firsts, "spareField": seconds, "countField": JUNK}
    )
    return model, values


DECLARATIONS = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(_lists), inner.map(_maps), inner.map(_optional), _models(inner)
    ),
    max_leaves=6,
)


def _converted(annotation: Any) -> structural.Schema:
    document = pydantic.TypeAdapter(annotation).json_schema(by_alias=True)
    return structural.structural(document)


def _faults(each: Any, path: str = "") -> list[str]:
    """Return what the API server would say against a schema in a CRD."""
    faults = [f"{path}: {key}" for key in FORBIDDEN & each.keys()]
    whole = each.get(structural.INT_OR_STRING) is True
    if ("type" in each) == whole or isinstance(each.get("type"), list):
        faults.append(f"{path}: type")
    if "anyOf" in each and not whole:
        faults.append(f"{path}: anyOf")
    exclusive = ("exclusiveMinimum", "exclusiveMaximum")
    faults += [f"{path}: {key}" for key in exclusive if not isinstance(each.get(key, False), bool)]
    if "properties" in each and "additionalProperties" in each:
        faults.append(f"{path}: both kinds of keys")
    inner = dict(each.get("properties", {}))
    inner.update({key: each[key] for key in ("items", "additionalProperties") if key in each})
    return faults + [fault for name in inner for fault in _faults(inner[name], f"{path}.{name}")]


def _accepts(each: structural.Schema, value: Any) -> bool:
    """Return whether the API server would take `value`, with strict field validation."""
    checks: dict[str, Callable[[Any], bool]] = {
        "boolean": lambda v: isinstance(v, bool),
        "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
        "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
        "string": lambda v: isinstance(v, str),
        "array": lambda v: isinstance(v, list),
        "object": lambda v: isinstance(v, dict),
    }
    kinds = [each["type"]] if "type" in each else [one["type"] for one in each["anyOf"]]
    if not any(checks[kind](value) for kind in kinds):
        return False
    if "enum" in each and value not in each["enum"]:
        return False
    if isinstance(value, str):
        return _fits(each, len(value), "Length") and bool(re.search(each.get("pattern", ""), value))
    if isinstance(value, list):
        return _fits(each, len(value), "Items") and all(
            _accepts(each["items"], one) for one in value
        )
    if isinstance(value, dict):
        return _fits(each, len(value), "Properties") and _accepts_keys(each, value)
    return isinstance(value, bool) or _within(each, value)


def _fits(each: structural.Schema, size: int, unit: str) -> bool:
    return bool(each.get(f"min{unit}", 0) <= size <= each.get(f"max{unit}", size))


def _within(each: structural.Schema, value: float) -> bool:
    low, high = each.get("minimum", value), each.get("maximum", value)
    above = value > low if each.get("exclusiveMinimum") else value >= low
    below = value < high if each.get("exclusiveMaximum") else value <= high
    return bool(above and below)


def _accepts_keys(each: structural.Schema, value: dict[str, Any]) -> bool:
    known = each.get("properties", {})
    free = each.get("additionalProperties")
    return set(each.get("required", [])) <= value.keys() and all(
        _accepts(known[key], one) if key in known else free is not None and _accepts(free, one)
        for key, one in value.items()
    )


@hypothesis.given(DECLARATIONS)
@hypothesis.settings(deadline=None, max_examples=150)
def test_every_schema_is_structural(declaration: Declaration) -> None:
    """Whatever can be declared becomes something that the API server takes in a CRD."""
    assert _faults(_converted(declaration[0])) == []


def _agree(annotation: Any, value: Any) -> bool:
    """Return whether model and schema say the same of `value`."""
    model = pydantic.create_model("Root", __base__=schema.Model, value=(annotation, ...))
    try:
        model.model_validate({"value": value})
        taken = True
    except pydantic.ValidationError:
        taken = False
    converted = structural.structural(model.model_json_schema(by_alias=True))
    return _accepts(converted, {"value": value}) == taken


@pytest.mark.parametrize("declaration", SCALARS, ids=[str(n) for n in range(len(SCALARS))])
@hypothesis.given(st.data())
@hypothesis.settings(deadline=None, max_examples=40)
def test_scalar_is_neither_loosened_nor_tightened(
    declaration: Declaration, data: st.DataObject
) -> None:
    """Each kind of value keeps exactly its bounds on the way to Kubernetes."""
    annotation, values = declaration
    assert _agree(annotation, data.draw(st.one_of(values, values, JUNK)))


@hypothesis.given(st.data())
@hypothesis.settings(deadline=None, max_examples=300)
def test_schema_accepts_what_the_model_accepts(data: st.DataObject) -> None:
    """The API server and the command line take the same manifests, and refuse the same."""
    annotation, values = data.draw(DECLARATIONS)
    assert _agree(annotation, data.draw(st.one_of(values, values, JUNK)))


class Tree(schema.Model):
    """A model that contains itself."""

    branches: list[Tree]


class Cat(schema.Model):
    """One of two."""

    kind: Literal["cat"]


class Dog(schema.Model):
    """The other."""

    kind: Literal["dog"]


class Open(schema.Model):
    """Known keys beside free ones that nobody marked."""

    model_config = pydantic.ConfigDict(extra="allow")

    name: str


@pytest.mark.parametrize(
    "annotation",
    [
        Tree,
        Annotated[Cat | Dog, Field(discriminator="kind")],
        Cat | Dog,
        bool | str,
        tuple[int, str],
        Any,
        Open,
        dict[str, Any],
        Literal[1, "a"],
        set[int],
    ],
    ids=str,
)
def test_what_has_no_structural_equal_is_an_error(annotation: Any) -> None:
    """Nothing is lost in silence: what cannot be said fails when the CRDs are generated."""
    with pytest.raises(structural.NotStructuralError):
        _converted(annotation)


def test_rules_of_a_type_and_of_its_use_are_all_kept() -> None:
    """A field that is a checked name and also immutable keeps both rules."""
    converted = _converted(Annotated[schema.Name, schema.IMMUTABLE])
    assert [each["rule"][:12] for each in converted[structural.VALIDATIONS]] == [
        "self.matches",
        "self == oldS",
    ]


def test_what_stands_beside_a_reference_wins() -> None:
    """A field's own description is not lost to that of its type."""

    class Owner(schema.Model):
        """An owner."""

        pet: Cat = Field(description="The owner's pet.")

    assert _converted(Owner)["properties"]["pet"]["description"] == "The owner's pet."


def test_defaults_are_spelled_out_without_nulls() -> None:
    """A default is a whole object, for rules that read it, and has no null, which would be lost."""

    class Inner(schema.Model):
        """Inner."""

        number: int = 1
        nothing: str | None = None

    class Outer(schema.Model):
        """Outer."""

        inner: Inner = Inner()

    converted = _converted(Outer)
    assert converted["properties"]["inner"]["default"] == {"number": 1}
    assert "default" not in converted["properties"]["inner"]["properties"]["nothing"]
