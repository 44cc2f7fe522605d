"""Whether the engine's typed views read what the schema lets people write."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.api import crds, objects
from controller.kinds import registry
from controller.kinds.kind import Kind
from controller.providers import models
from scripts import views

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
    if declared.get("nullable") and not _takes_null(field.type):
        faults.append(f"{here}: may be null, which cannot be read")
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


def _takes_null(read: msgspec.inspect.Type) -> bool:
    if isinstance(read, msgspec.inspect.UnionType):
        return any(isinstance(each, msgspec.inspect.NoneType) for each in read.types)
    return isinstance(read, msgspec.inspect.RawType)


@pytest.mark.parametrize("name", list(models.MODELS))
def test_view_reads_what_the_schema_lets_through(name: str) -> None:
    """Every field that the engine reads or writes exists, with its type and its default."""
    view = msgspec.inspect.type_info(getattr(objects, name))
    assert isinstance(view, msgspec.inspect.StructType)
    schema = crds.schema(models.MODELS[name])
    fields = [each for each in view.fields if each.name != "metadata"]
    assert [fault for each in fields for fault in _field_faults(view, each, schema, name)] == []


def test_every_exception_of_the_generator_is_of_a_field_that_is_there() -> None:
    """What the tables say of memory and of planning, they say of models that are rendered."""
    rendered = {each for _, found in views.MODULES.values() for each in found}
    fields = {*views.UNREAD, *views.WRAPPED, *views.EMPTY, *views.TELLING, *views.READ_AS}
    assert {*views.LIGHT, *views.WHOLE, *views.CALLED, *(model for model, _ in fields)} <= rendered
    assert [(model, name) for model, name in fields if name not in model.model_fields] == []


def test_a_view_is_written_from_its_model() -> None:
    """Types, defaults, names on the wire and what is kept as bytes follow the model."""
    written = views.render()["operation.py"]
    assert 'from_step: str = msgspec.field(name="from", default="")' in written
    assert "concurrency: int | str | None = None" in written
    assert 'share(self, "exec", "http", "job", "compensate")' in written


def test_what_there_are_thousands_of_stays_light() -> None:
    """The garbage collector passes by what the table says, and what is written whole is whole."""
    for model in views.LIGHT | views.WHOLE:
        made = getattr(objects, views.CALLED.get(model, model.__name__)).__struct_config__
        assert made.gc is (model not in views.LIGHT), model
        assert made.omit_defaults is (model not in views.WHOLE), model


def test_null_is_read_as_the_absence_of_what_may_be_left_out() -> None:
    """An empty block, as Helm renders it, leaves planning nothing to tell apart from none."""
    plain = b'{"name":"web","recovery":{}}'
    empty = (
        b'{"name":"web","replicas":null,"dependsOn":null,"volumeClaims":null,'
        b'"recovery":{"alternatives":null}}'
    )
    first, second = (msgspec.json.decode(each, type=objects.Component) for each in (plain, empty))
    assert first == second
    assert second.depends_on == ()
    assert b"null" not in msgspec.json.encode(second.recovery)


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        ('{"replicas":4,"components":[{"name":"a"}]}', [4]),
        ('{"replicas":0,"components":[{"name":"a"}]}', [0]),
        ('{"replicas":4,"components":[{"name":"a","replicas":2}]}', [2]),
        ('{"replicas":4,"components":[{"name":"a"},{"name":"b"}]}', [None, None]),
        ('{"replicas":null,"components":[{"name":"a"}]}', [None]),
    ],
)
def test_the_only_component_has_the_number_of_its_application(
    spec: str, numbers: list[int | None]
) -> None:
    """Whoever plans reads it of the component, and nobody else's number is another's."""
    read = msgspec.json.decode(spec, type=objects.ApplicationSpec)
    assert [each.replicas for each in read.components] == numbers


@pytest.mark.parametrize(
    "kind", [each for each in registry.KINDS if each.puts_status], ids=lambda each: each.resource
)
def test_a_status_that_is_put_has_every_field_in_its_view(kind: Kind[Any, Any]) -> None:
    """What a view left out would be lost with the first write of a whole status."""
    schema = crds.schema(models.MODELS[kind.view.__name__])["properties"]["status"]
    status = next(each for each in msgspec.structs.fields(kind.view) if each.name == "status")
    assert _lost(msgspec.inspect.type_info(status.type), schema, "status") == []


def _lost(view: msgspec.inspect.Type, schema: Schema, path: str) -> list[str]:
    """Return the fields of a schema that a view would not keep."""
    if isinstance(view, msgspec.inspect.UnionType):
        inner = [each for each in view.types if not isinstance(each, msgspec.inspect.NoneType)]
        return _lost(inner[0], schema, path)
    if isinstance(view, msgspec.inspect.VarTupleType):
        return _lost(view.item_type, schema["items"], f"{path}[]")
    if not isinstance(view, msgspec.inspect.StructType):
        return []
    known = {each.encode_name: each.type for each in view.fields}
    found = [f"{path}.{name}" for name in schema["properties"] if name not in known]
    for name, below in schema["properties"].items():
        if name in known:
            found += _lost(known[name], below, f"{path}.{name}")
    return found
