"""Whether what is written into a status always fits the schema."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.api import crds, kinds, texts
from controller.api.resources import Resource

Schema = dict[str, Any]


def overlong(schema: Schema) -> Any:
    """Return a value that is beyond every bound of a schema."""
    if "items" in schema:
        return [overlong(schema["items"])] * (schema["maxItems"] + 1)
    if "properties" in schema:
        return {name: overlong(each) for name, each in schema["properties"].items()}
    if schema.get("type") == "string" and "enum" not in schema:
        return "é" * (schema["maxLength"] + 1)
    return schema.get("default", 0)


def faults(schema: Schema, value: Any, path: str) -> list[str]:
    """Return where a value is beyond a bound of its schema."""
    if isinstance(value, list):
        inner = [fault for each in value for fault in faults(schema["items"], each, f"{path}[]")]
        return inner + ([path] if len(value) > schema["maxItems"] else [])
    if isinstance(value, dict):
        known = schema["properties"]
        return [fault for name, each in value.items() for fault in faults(known[name], each, name)]
    long = isinstance(value, str) and len(value) > schema.get("maxLength", len(value))
    return [path] if long else []


def test_whatever_is_too_long_in_a_status_is_cut_to_fit() -> None:
    """No text and no list of any kind's status can be longer than the API server takes."""
    for kind in kinds.KINDS.values():
        schema = crds.schema(kind)["properties"]["status"]
        status = overlong(schema)
        assert faults(schema, status, "status")
        fitting = texts.fit(Resource(kind.definition.plural), status)
        assert faults(schema, fitting, "status") == []
        assert fitting.keys() == status.keys()


@given(st.text(), st.integers(1, 100))
def test_a_text_that_fits_is_left_alone(text: str, longest: int) -> None:
    """Only what is too long is cut, and shows that something is missing."""
    cut = texts.cut(text, longest)
    assert len(cut) <= longest
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))
