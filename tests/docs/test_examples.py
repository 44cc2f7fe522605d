"""The examples and the fragments in pages fit what editors are told, and what the chart takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from controller.providers import models
from tests.docs import pages

SCHEMAS = pages.ROOT / "docs" / "reference" / "schemas"
CHART = pages.ROOT / "charts" / "argosy"
MODELINE = "# yaml-language-server: $schema=../docs/reference/schemas/"


def schema(kind: str) -> dict[str, Any]:
    """Return what editors are told of a kind."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{kind.lower()}_v1alpha1.json").read_text())
    return found


def fits(part: Any, whole: dict[str, Any]) -> bool:
    """Whether a part of a manifest has nothing that the whole would not take."""
    wanted = {key: value for key, value in whole.items() if key != "required"}
    return bool(jsonschema.Draft7Validator(wanted).is_valid(part))


def parts() -> Iterator[dict[str, Any]]:
    """Yield the schemas of what a page may show a part of."""
    application, operation = schema("Application"), schema("Operation")
    spec = application["properties"]["spec"]
    component = spec["properties"]["components"]["items"]
    yield from (application, operation, schema("Fleet"), spec, component)
    yield operation["properties"]["spec"]
    yield operation["properties"]["spec"]["properties"]["steps"]["items"]
    values = json.loads((CHART / "values.schema.json").read_text())
    yield values


@pytest.mark.parametrize("path", pages.EXAMPLES, ids=lambda path: path.name)
def test_examples_fit(path: Path) -> None:
    """Each example is one that the models take, and fits the schema that its first line names."""
    text = path.read_text()
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        models.parse(document)
        jsonschema.Draft7Validator(schema(document["kind"])).validate(document)
    first = text.splitlines()[0]
    assert first == f"{MODELINE}{documents[0]['kind'].lower()}_v1alpha1.json"


@pytest.mark.parametrize("kind", models.MODELS)
def test_schemas_find_what_is_misspelt(kind: str) -> None:
    """A schema is itself valid, and takes no field that its kind does not have."""
    told = schema(kind)
    jsonschema.Draft7Validator.check_schema(told)
    manifest = {"apiVersion": "argosy.dev/v1alpha1", "kind": kind, "metadata": {}, "spec": {}}
    errors = list(jsonschema.Draft7Validator(told).iter_errors({**manifest, "sepc": {}}))
    assert any("sepc" in each.message for each in errors)
    assert told["properties"]["spec"]["description"]


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: str(path.relative_to(pages.ROOT)))
def test_fragments_fit(path: Path) -> None:
    """Each part of a manifest that a page shows fits somewhere in one, or in the chart's values."""
    known = list(parts())
    for fragment in pages.fragments(path.read_text()):
        assert any(fits(fragment, each) for each in known), fragment


def test_a_wrong_fragment_is_found() -> None:
    """The test above could fail."""
    known = list(parts())
    assert any(fits({"rollout": {"partition": 8}}, each) for each in known)
    for wrong in ({"rollout": {"partitions": 8}}, {"rollout": {"onDeadline": "Revert"}}):
        assert not any(fits(wrong, each) for each in known)
