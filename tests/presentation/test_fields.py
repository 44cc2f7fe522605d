"""Nothing leaves a cluster in a support bundle but what is named, and of that no credential."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api import crds
from controller.api.resources import OURS, PLACES, Resource
from controller.presentation import fields, report
from controller.providers import models
from tests.presentation.test_redaction import JWT, PEM, SPELLINGS

KINDS = (*OURS, *report.LABELLED, Resource.EVENTS, Resource.DEPLOYMENTS)
# What is no name, and so must not be where names are; and what is nowhere else either.
SECRET = "hunter2Hunter2"  # noqa: S105 - what must not be found again
SENTENCE = f"correct horse {SECRET} staple"
# Below these a field has no name of ours: it may hold whatever a person likes.
Path = tuple[str | int, ...]


def sample(wanted: fields.Shape) -> Any:
    """Return a value that has every field of a shape."""
    if isinstance(wanted, str):
        return {fields.WORD: "web", fields.AMOUNT: "1.5Gi"}.get(wanted, "All is well.")
    return {key.replace("*", "x"): sample(each) for key, each in wanted.items()}


def places(value: Any, wanted: fields.Shape, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each place of a sample, and what may stand there: a shape of its own, or a leaf."""
    if isinstance(wanted, str):
        yield path, wanted
        return
    yield path, ""
    for key, below in wanted.items():
        yield from places(value[key.replace("*", "x")], below, (*path, key.replace("*", "x")))


def planted(value: Any, path: Path, what: Any) -> Any:
    """Return the value with something else at a path."""
    if not path:
        return what
    made = copy.deepcopy(value)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = what
    return made


def told(resource: Resource, item: Any) -> str:
    """Return what the bundle has of an object."""
    return json.dumps(fields.choose(resource, item))


def wrapped(secret: str) -> st.SearchStrategy[Any]:
    """Return ways in which somebody may have a secret under a field that nobody knows."""
    leaf = st.just(secret)
    return st.recursive(
        leaf,
        lambda below: st.one_of(
            st.lists(below, min_size=1, max_size=2),
            st.dictionaries(st.sampled_from(("name", "value", "spec", secret)), below, min_size=1),
        ),
        max_leaves=4,
    )


@given(st.data())
def test_a_secret_planted_in_any_field_is_not_in_the_bundle(data: st.DataObject) -> None:
    """Under a field that is not named: whatever it is. In one that is: what is no name, spelled."""
    resource = data.draw(st.sampled_from(KINDS))
    shape = fields.shape(resource)
    whole = sample(shape)
    path, leaf = data.draw(st.sampled_from(list(places(whole, shape))))
    if leaf == fields.TEXT:
        spelled = data.draw(st.sampled_from((*SPELLINGS, "it said " + PEM)))
        item = planted(whole, path, "Failed: " + spelled.format(SECRET))
    elif leaf:
        what = data.draw(st.sampled_from((SENTENCE, PEM, f"{SECRET} ", {"a": SECRET})))
        item = planted(whole, path, data.draw(st.sampled_from((what, [what]))))
    else:
        key = data.draw(st.sampled_from((SECRET + " ", "data", "stringData", "managedFields")))
        item = planted(whole, (*path, key), data.draw(wrapped(SECRET)))
    assert SECRET not in told(resource, item)


@pytest.mark.parametrize("resource", KINDS)
def test_what_a_token_is_by_its_form_is_taken_out_of_names_too(resource: Resource) -> None:
    """A JWT is a word: it goes wherever it stands, in every field of every kind."""
    shape = fields.shape(resource)
    whole = sample(shape)
    for path, leaf in places(whole, shape):
        if leaf:
            assert JWT not in told(resource, planted(whole, path, JWT)), path


@pytest.mark.parametrize("resource", KINDS)
def test_what_helps_stays(resource: Resource) -> None:
    """An object that has all the fields there are is handed on as it is."""
    whole = sample(fields.shape(resource))
    if resource is Resource.DEPLOYMENTS:
        args = whole["spec"]["template"]["spec"]["containers"]
        args["args"] = ["run", "--log-level=info", "--allowed-url=https://x/T0/B0"]
        chosen = fields.choose(resource, whole)["spec"]["template"]["spec"]["containers"]["args"]
        assert chosen == ["run", "--log-level=info", f"--allowed-url={fields.LEFT_OUT}"]
    else:
        assert fields.choose(resource, whole) == whole


def test_what_is_left_out_is_counted() -> None:
    """A helper sees that there is more, and asks for it."""
    pod = {
        "metadata": {
            "name": "a",
            "annotations": {"their/own": SECRET, "b": "c"},
            "managedFields": [],
        },
        "spec": {
            "containers": [
                {"name": "main", "args": [SECRET], "env": [{"name": "P", "value": SECRET}]}
            ]
        },
    }
    assert fields.choose(Resource.PODS, pod) == {
        "metadata": {"name": "a", "annotations": {fields.LEFT_OUT: 2}, fields.LEFT_OUT: 1},
        "spec": {
            "containers": [
                {"name": "main", "env": [{"name": "P", fields.LEFT_OUT: 1}], fields.LEFT_OUT: 1}
            ]
        },
    }


# Fields of ours that may hold what must not leave, and one that is older than revisions.
SECRETIVE = {
    "patch", "requestedBy", "allowedNamespaces", "memory", "openstack", "command", "url", "headers",
    "body", "expect", "parameters", "facts", "annotations", "userData", "keyName", "metadata",
    "path", "active", "console",
    "arguments", "request",
    # The project and the region of a cloud, which stay with its other settings.
    "home",
}  # fmt: skip
OLD = {
    "Server.spec.template", "Server.spec.volumeClaims", "Server.spec.recovery",
    "Server.spec.deletion", "Server.spec.replicas",
}  # fmt: skip


@pytest.mark.parametrize("kind", models.MODELS)
def test_each_field_of_ours_is_named_or_left_out_with_a_reason(kind: str) -> None:
    """Whoever adds a field of text decides whether it may leave a cluster."""
    (resource,) = (each for each in OURS if PLACES[each].kind == kind)
    unnamed = set(missing(crds.schema(models.MODELS[kind]), fields.shape(resource), kind))
    assert {each for each in unnamed - OLD if each.rpartition(".")[2] not in SECRETIVE} == set()


def missing(schema: Mapping[str, Any], wanted: fields.Shape, path: str) -> Iterator[str]:
    """Yield the fields of a schema that a shape does not name."""
    if isinstance(wanted, str):
        return
    for key, each in schema.get("properties", {}).items():
        below = wanted.get(key)
        inner = each
        while inner.get("type") == "array":
            inner = inner["items"]
        if below is None:
            if may_be_text(inner):
                yield f"{path}.{key}"
            continue
        yield from missing(inner, below, f"{path}.{key}")


def may_be_text(schema: Mapping[str, Any]) -> bool:
    """Return whether anything but numbers, instants and words of a list may stand there."""
    if schema.get("type") == "object":
        known = schema.get("properties", {}).values()
        return not known or any(map(may_be_text, known))
    if schema.get("type") == "array":
        return may_be_text(schema["items"])
    if schema.get("x-kubernetes-int-or-string"):
        return False
    return schema.get("type") == "string" and not {"enum", "format"} & schema.keys()
