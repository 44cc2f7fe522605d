"""Whether the CRDs are what the models say, and what Kubernetes users may expect of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import application, crds, manifest, names, operation, server, serverset
from controller.api.resources import OURS, PLACES
from controller.providers import models

ROOT = Path(__file__).parents[2]
# Beyond this, `kubectl apply` cannot write its annotation.
LIMIT_BYTES = 262_144
KINDS = pytest.mark.parametrize("kind", list(models.MODELS.values()), ids=list(models.MODELS))
Schema = dict[str, Any]


def _walk(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from _walk(each, f"{path}.{name}")
    for name, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if name in schema:
            yield from _walk(schema[name], f"{path}{mark}")


def _parts(kind: Any) -> list[tuple[str, Schema]]:
    schema = crds.schema(kind)["properties"]
    return [*_walk(schema["spec"], "spec"), *_walk(schema["status"], "status")]


def test_files_are_what_the_models_say() -> None:
    """`crds/` is fresh: whoever changed a model ran `argosy crds`."""
    there = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    assert there == crds.render(models.MODELS)


def test_files_can_be_applied_by_any_client() -> None:
    """Each CRD fits into the annotation of a client-side apply, with room for the next year."""
    for name, text in crds.render(models.MODELS).items():
        assert len(text.encode()) < LIMIT_BYTES / 2, name


@KINDS
def test_every_field_has_a_description(kind: Any) -> None:
    """`kubectl explain` has an answer for every field that somebody can write or read."""
    silent = [
        path
        for path, each in _parts(kind)
        if not path.endswith(("[]", "{}")) and not each.get("description")
    ]
    assert silent == []


@KINDS
def test_everything_written_is_bounded(kind: Any) -> None:
    """No string, list, map or number that a user writes is without limits."""
    unbounded = []
    for path, each in _parts(kind):
        if each.get("x-kubernetes-preserve-unknown-fields"):
            continue
        wanted = {
            "string": [] if "enum" in each else ["maxLength"],
            "array": ["maxItems"],
            "integer": ["minimum", "maximum"] if path.startswith("spec") else ["minimum"],
            "object": ["maxProperties"] if "additionalProperties" in each else [],
        }
        missing = [key for key in wanted.get(each.get("type", ""), []) if key not in each]
        unbounded += [f"{path} {key}" for key in missing]
        if each.get("x-kubernetes-int-or-string"):
            unbounded += [path for key in ("minimum", "maximum", "pattern") if key not in each]
    assert unbounded == []


@KINDS
def test_every_list_of_objects_says_how_it_merges(kind: Any) -> None:
    """Server-side apply merges lists that users write by their keys; others are in status only."""
    for path, each in _parts(kind):
        if each.get("type") != "array" or each["items"]["type"] != "object":
            continue
        keyed = each.get("x-kubernetes-list-type") == "map"
        assert keyed or path.startswith("status"), path
        if keyed:
            fields = each["items"]["properties"]
            given = {key for key, field in fields.items() if "default" in field}
            known = given.union(each["items"]["required"])
            assert set(each["x-kubernetes-list-map-keys"]) <= known, path


@KINDS
def test_every_rule_says_what_must_hold(kind: Any) -> None:
    """Who is refused by a rule reads what to do about it."""
    schema = crds.schema(kind)
    rules = list(schema.get("x-kubernetes-validations", []))
    for _, each in _parts(kind):
        rules += each.get("x-kubernetes-validations", [])
    assert [each["rule"] for each in rules if "must" not in each["message"]] == []


@KINDS
def test_durations_are_whole_seconds(kind: Any) -> None:
    """A field that ends in Seconds is an integer, so nobody wonders about units."""
    for path, each in _parts(kind):
        if path.endswith("Seconds"):
            assert each["type"] == "integer", path


@KINDS
def test_new_objects_never_look_current(kind: Any) -> None:
    """The default status says that nobody has looked: Ready is Unknown, of no generation.

    A server has none, as nobody waits for one that has not been looked at, and there are many.
    """
    status = crds.schema(kind)["properties"]["status"]
    if kind is server.Server:
        assert "default" not in status
        return
    default = status["default"]
    assert default["observedGeneration"] == 0
    ready = default["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "Unknown", "Pending")
    assert ready["observedGeneration"] == 0


@KINDS
def test_served_as_people_expect(kind: Any) -> None:
    """Names, category, subresources and columns are those of the documentation."""
    crd = crds.definition(kind)
    assert crd["metadata"]["name"] == f"{kind.definition.plural}.{names.GROUP}"
    assert crd["spec"]["names"]["categories"] == ["argosy"]
    assert crd["spec"]["names"]["shortNames"][0].startswith("arg")
    version = crd["spec"]["versions"][0]
    assert version["subresources"]["status"] == {}
    assert version["additionalPrinterColumns"][-1]["name"] == "Age"
    assert len(version["selectableFields"]) <= 8


@KINDS
def test_columns_and_selectors_name_fields_that_exist(kind: Any) -> None:
    """No column is always empty, and no selector always misses, because of a slip in its path."""
    paths = {path for path, _ in _parts(kind)} | {"metadata.creationTimestamp"}
    asked = [each.path.replace("[0]", "").split("[?")[0] for each in kind.definition.columns]
    asked += [*kind.definition.selectable, *(kind.definition.scale or ())]
    if kind is models.MODELS["Server"]:
        asked.remove("status.replicas")  # how many there are of the one nobody reads: served as 0
    assert [each for each in asked if each not in paths] == []


def test_short_names_are_distinct() -> None:
    """No two kinds answer to one name."""
    short = [kind.definition.short_name for kind in models.MODELS.values()]
    assert sorted(short) == ["argapp", "argbuild", "argfleet", "argop", "argset", "argsrv"]


def test_the_command_line_knows_a_kind_by_the_short_name_that_the_cluster_does() -> None:
    """What `kubectl get` takes for a kind, every command of ours takes; no two kinds share one."""
    by_kind = {PLACES[each].kind: PLACES[each].short_names for each in OURS}
    served = {name: (kind.definition.short_name,) for name, kind in models.MODELS.items()}
    assert {name: short[:1] for name, short in by_kind.items()} == served
    words = [word for short in by_kind.values() for word in short]
    assert len(words) == len(set(words))


def _documents() -> list[Any]:
    paths = sorted((ROOT / "examples").glob("*.yaml"))
    return [
        pytest.param(document, id=f"{path.stem}-{number}")
        for path in paths
        for number, document in enumerate(yaml.safe_load_all(path.read_text()))
    ]


def _defaulted(value: Any, schema: Schema) -> Any:
    """Return `value` with the defaults that the API server would put in."""
    if isinstance(value, list) and "items" in schema:
        return [_defaulted(each, schema["items"]) for each in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, each in schema.get("properties", {}).items():
        if name not in filled and "default" in each:
            filled[name] = copy.deepcopy(each["default"])
        if name in filled:
            filled[name] = _defaulted(filled[name], each)
    return filled


@pytest.mark.parametrize("document", _documents())
def test_models_fill_in_what_the_api_server_would(document: dict[str, Any]) -> None:
    """A manifest planned offline is planned with the defaults that it will have in the cluster."""
    parsed = models.parse(document)
    filled = parsed.model_dump(mode="json", by_alias=True, exclude_none=True)
    wanted = _defaulted(document, crds.schema(type(parsed)))
    assert filled == wanted


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"kind": "Deployment"}, "kind must be one of Application"),
        ({"spec": {}}, "spec.components"),
        ({"spec": {"components": []}}, "spec.components"),
        ({"spec": {"components": [{"name": "Web", "template": {}}]}}, "spec.components.0.name"),
        ({"spec": {"pause": True, "components": []}}, "spec.pause"),
        ({"apiVersion": "argosy.dev/v2"}, "apiVersion"),
    ],
)
def test_bad_manifest_is_refused_offline(change: dict[str, Any], where: str) -> None:
    """A mistake in a file is found without a cluster, and the message names the place."""
    document = {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {"components": [{"name": "web", "template": {}}]},
    }
    models.parse(document)
    with pytest.raises(ValueError, match=where.replace(".", r"\.")):
        models.parse({**document, **change})


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (server.Server, ("application", "component", "ordinal", "fleet")),
        (serverset.ServerSet, ("application", "component", "fleet")),
        (application.Application, ("fleet",)),
    ],
)
def test_what_an_object_is_and_where_it_comes_from_is_fixed(
    kind: type[manifest.Manifest], fields: tuple[str, ...]
) -> None:
    """No hand turns a server, or a set of them, into another's: nothing would put that right."""
    properties = crds.schema(kind)["properties"]["spec"]["properties"]
    for each in fields:
        rules = [one["rule"] for one in properties[each]["x-kubernetes-validations"]]
        assert "self == oldSelf" in rules, each


def test_who_wrote_what_of_a_server_is_kept_of_the_whole() -> None:
    """There are many servers and one writer: an owner of each field would double what is stored."""
    properties = crds.schema(server.Server)["properties"]
    assert {properties[each]["x-kubernetes-map-type"] for each in ("spec", "status")} == {"atomic"}


def test_all_of_an_operation_but_three_fields_is_fixed() -> None:
    """A field that is added is immutable, too, and a rule copes with its being left out."""
    properties = crds.schema(operation.Operation)["properties"]["spec"]["properties"]
    assert set(operation.FIXED_FIELDS) == properties.keys() - {"paused", "cancelled", "retry"}
    rules = crds.schema(operation.Operation)["properties"]["spec"]["x-kubernetes-validations"]
    for each in operation.FIXED_FIELDS:
        (told,) = (one for one in rules if one["message"].startswith(f"{each} is immutable"))
        assert f"has(self.{each})" in told["rule"]
