"""Whether the engine's typed views read what the schema lets people write."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.api import crds, objects
from controller.providers import models

PRESERVED = "x-kubernetes-preserve-unknown-fields"
TYPES = {
    "boolean": msgspec.inspect.BoolType,
    "integer": msgspec.inspect.IntType,
    "string": msgspec.inspect.StrType,
}
Schema = dict[str, Any]


def _faults(view: msgspec.inspect.Type, schema: Schema, path: str) -> list[str]:
    """Return where `view` would misread what `schema` lets through."""
    match view:
        case msgspec.inspect.UnionType():
            inner = [each for each in view.types if not isinstance(each, msgspec.inspect.NoneType)]
            if not schema.get("x-kubernetes-int-or-string"):
                return _faults(inner[0], schema, path)
            fits = len(inner) == 2
        case msgspec.inspect.RawType():
            fits = True
        case msgspec.inspect.StructType():
            return [
                fault for each in view.fields for fault in _field_faults(view, each, schema, path)
            ]
        case msgspec.inspect.VarTupleType():
            return _faults(view.item_type, schema["items"], f"{path}[]")
        case msgspec.inspect.DictType():
            fits = "additionalProperties" in schema or PRESERVED in schema
        case _:
            fits = isinstance(view, TYPES.get(schema.get("type", ""), ()))
    return [] if fits else [f"{path}: {schema.get('type')} read as {type(view).__name__}"]


def _field_faults(
    view: msgspec.inspect.StructType, field: msgspec.inspect.Field, schema: Schema, path: str
) -> list[str]:
    here = f"{path}.{field.encode_name}"
    declared = schema.get("properties", {}).get(field.encode_name)
    if declared is None:
        return [] if schema.get(PRESERVED) else [f"{here}: not in the schema"]
    faults = _faults(field.type, declared, here)
    required = field.encode_name in schema.get("required", ())
    if field.required and not required and "default" not in declared:
        faults.append(f"{here}: read as required, but may be absent")
    written = ".status" in path and view.cls.__struct_config__.omit_defaults
    if required and not field.required and written:
        faults.append(f"{here}: left out when it has its default, but required")
    if isinstance(field.default, str | int) and not required:
        wanted = declared.get("default", type(field.default)())
        if field.default != wanted:
            faults.append(f"{here}: default {field.default!r}, but {wanted!r}")
    return faults


@pytest.mark.parametrize("name", list(models.MODELS))
def test_view_reads_what_the_schema_lets_through(name: str) -> None:
    """Every field that the engine reads or writes exists, with its type and its default."""
    view = msgspec.inspect.type_info(getattr(objects, name))
    assert isinstance(view, msgspec.inspect.StructType)
    schema = crds.schema(models.MODELS[name])
    fields = [each for each in view.fields if each.name != "metadata"]
    assert [fault for each in fields for fault in _field_faults(view, each, schema, name)] == []
