"""Render a JSON Schema a kind, for editors that complete and check manifests while one types.

`generate.py` writes them. They say what the CRDs say, in the dialect that yaml-language-server
reads; the rules that span fields are CEL, which it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from controller.api import crds
from controller.providers import models

DIALECT = "http://json-schema.org/draft-07/schema#"
KEPT = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"


def render() -> dict[str, str]:
    """Return the schemas by file name, as catalogues of CRDs name them."""
    return {
        f"{kind.lower()}_v1alpha1.json": json.dumps(schema(kind), indent=2) + "\n"
        for kind in models.MODELS
    }


def schema(kind: str) -> dict[str, Any]:
    """Return the schema of one kind; a misspelt field does not fit it."""
    model = models.MODELS[kind]
    whole = _plain(crds.schema(model))
    whole["properties"]["apiVersion"] = {"const": "argosy.dev/v1alpha1"}
    whole["properties"]["kind"] = {"const": kind}
    whole["properties"]["metadata"] = {
        "type": "object",
        "description": "Name, namespace, labels, annotations.",
    }
    whole["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return {"$schema": DIALECT, "title": kind, **whole}


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a structural schema without what Kubernetes adds to JSON Schema."""
    plain = {key: value for key, value in given.items() if not key.startswith("x-kubernetes-")}
    if given.get(INT_OR_STRING):
        plain.pop("anyOf", None)
        plain["type"] = ["integer", "string"]
    if "properties" in given:
        plain["properties"] = {name: _plain(each) for name, each in given["properties"].items()}
        if not given.get(KEPT) and "additionalProperties" not in given:
            plain["additionalProperties"] = False
    if isinstance(given.get("items"), Mapping):
        plain["items"] = _plain(given["items"])
    if isinstance(given.get("additionalProperties"), Mapping):
        plain["additionalProperties"] = _plain(given["additionalProperties"])
    return plain
