"""The parts that every model of the API shares: its base, its bounded types, its rules.

The models in this package are the one source of the CRDs (`crds.py` renders them) and the parser
of manifests at the edges (`providers.models`). Rules beyond JSON schema are said here as CEL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import annotated_types
import pydantic
from pydantic import Field, GetJsonSchemaHandler, JsonValue, alias_generators
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from controller.api import limits

MAX_SERVERS = 20_000
MAX_COMPONENTS = 64
YEAR = 31_536_000
# Lower-case words joined by dashes, as Kubernetes wants names; the first also begins with a letter.
DNS_1035 = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
DNS_1123 = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Extra = dict[str, JsonValue]


class Model(pydantic.BaseModel):
    """A part of a manifest: camelCase on the wire, no unknown fields, no coercion, no mutation."""

    model_config = pydantic.ConfigDict(
        alias_generator=alias_generators.to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        strict=True,
        use_attribute_docstrings=True,
    )


class Written(Model):
    """A part that people write: null is taken for the absence of any field that may be left out.

    Helm renders null for an empty block, and server-side apply sends it; as in a pod, it is kept,
    and says nothing.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema, in which null may stand for what may be left out."""
        described = handler(core)
        for each in handler.resolve_ref_schema(described).get("properties", {}).values():
            ways = each.get("anyOf", ())
            # The API server takes null for no word of a list, even where null is taken.
            if {"type": "null"} in ways and not any("enum" in way for way in ways):
                each["nullable"] = True
        return described


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Extension:
    """Schema keys that an annotated type has beside those of its constraints; lists accumulate."""

    keys: Extra

    def __get_pydantic_json_schema__(
        self, core: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of the annotated type with these keys."""
        described = handler(core)
        for key, value in self.keys.items():
            before = described.get(key, [])
            described[key] = [*before, *value] if isinstance(value, list) else value
        return described


class Matching(annotated_types.GroupedMetadata):
    """A string that matches `pattern`, with a message that tells people what must hold."""

    def __init__(self, pattern: str, message: str, *, longest: int = 63) -> None:
        self.pattern = pattern
        self.message = message
        self.longest = longest

    def __iter__(self) -> Iterator[object]:
        """Yield the constraints, for pydantic."""
        yield from Field(min_length=1, max_length=self.longest, pattern=self.pattern).metadata
        yield must(f"self.matches(r'{self.pattern}')", self.message)


def rule(expression: str, message: str) -> Extra:
    """Return a CEL rule; `message` says what must hold, and is read when it does not."""
    return {"rule": expression, "message": message}


def rules(*each: Extra) -> pydantic.config.JsonDict:
    """Return the schema keys that hold CEL rules of a model."""
    return {"x-kubernetes-validations": list(each)}


def preserved() -> pydantic.config.JsonDict:
    """Return the schema key that lets a model's unknown fields through unread."""
    return {"x-kubernetes-preserve-unknown-fields": True}


def must(expression: str, message: str) -> Extension:
    """Return the annotation of a type with a CEL rule."""
    return Extension(rules(rule(expression, message)))


def keyed(*keys: str) -> Extension:
    """Return the annotation of a list whose items are told apart by `keys`."""
    return Extension({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)})


# Null is taken and kept, and means that the field is absent.
NULLABLE = Extension({"nullable": True})
UNORDERED = Extension({"x-kubernetes-list-type": "set"})
# Server-side apply takes a part with this whole, and its fields have no owners of their own.
WHOLE: pydantic.config.JsonDict = {"x-kubernetes-map-type": "atomic"}
IMMUTABLE = must("self == oldSelf", "immutable: it must stay what it was at creation")


def unchanged(field: str) -> str:
    """Return CEL that an optional `field` is neither added, removed nor changed."""
    return (
        f"has(self.{field}) == has(oldSelf.{field}) && "
        f"(!has(self.{field}) || self.{field} == oldSelf.{field})"
    )


def is_zero(share: str) -> str:
    """Return CEL that a Share is 0, in either way of writing it."""
    return f"({share} == 0 || {share} == '0%')"


Count = Annotated[int, Field(ge=0, le=MAX_SERVERS)]
Seconds = Annotated[int, Field(ge=0, le=YEAR)]
# Ordinals of stopped servers: ranges, of which the last may be open; none, where it is empty.
Stopped = Annotated[
    str,
    Field(
        max_length=limits.LONGEST_STOPPED,
        pattern=r"^([0-9]{1,5}(-[0-9]{0,5})?(,[0-9]{1,5}(-[0-9]{0,5})?)*)?$",
    ),
]
Name = Annotated[
    str,
    Matching(
        DNS_1123, "must be lower-case letters, digits and dashes, and begin and end without a dash"
    ),
]
# A label that only status speaks of: nothing is called by it.
Label = Annotated[
    str,
    Matching(
        "^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$",
        "must be letters, digits and dashes, and begin and end without a dash",
    ),
]
ComponentName = Annotated[
    str,
    Matching(
        DNS_1035,
        "a component's name must be lower-case letters, digits and dashes, begin with a letter, and"
        " not end with a dash",
        longest=40,
    ),
]
# A number of servers, or a share of them.
Share = (
    Annotated[int, Field(ge=0, le=MAX_SERVERS)]
    | Annotated[str, Field(max_length=4, pattern="^(100|[1-9]?[0-9])%$")]
)
ShortText = Annotated[str, Field(max_length=253)]
Text = Annotated[str, Field(max_length=4096)]
Time = Annotated[str, Field(max_length=64), Extension({"format": "date-time"})]
ErrorClass = Annotated[str, Field(max_length=63)]
Tally = Annotated[int, Field(ge=0)]
FreeForm = Annotated[dict[str, JsonValue], Extension(preserved())]
Parameters = Annotated[dict[str, Text], Field(max_length=64)]
