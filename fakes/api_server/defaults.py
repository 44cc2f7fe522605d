"""What the API server fills in: the defaults of our CRDs' schemas, and some of pods."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import yaml

from controller.api import names
from controller.api.resources import PLACES, Resource

# In C where the machine has it: the schemas are long.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CRDS = Path(__file__).parents[2] / "crds"

# Only the parts of a schema below which there is a default.
_Tree = dict[str, Any]

CUSTOM = frozenset(each for each, place in PLACES.items() if place.api_version == names.API_VERSION)
# Kinds whose status is a subresource: a write changes either it or the rest.
WITH_STATUS = CUSTOM | {
    Resource.PODS,
    Resource.JOBS,
    Resource.CLAIMS,
    Resource.SERVICES,
    Resource.NAMESPACES,
    Resource.STATEFULSETS,
    Resource.DEPLOYMENTS,
}


def fill(resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
    """Return `body` with its defaults filled in."""
    if resource in CUSTOM:
        tree = _trees().get(resource)
        return _fill(tree, body) if tree else body
    if resource is Resource.PODS:
        spec = {"terminationGracePeriodSeconds": 30, "restartPolicy": "Always"}
        return {
            **body,
            "spec": {**spec, **body.get("spec", {})},
            "status": body.get("status") or {"phase": "Pending"},
        }
    if resource is Resource.CLAIMS:
        return {**body, "status": body.get("status") or {"phase": "Pending"}}
    if resource is Resource.NAMESPACES:
        return {**body, "status": body.get("status") or {"phase": "Active"}}
    return body


@functools.cache
def schemas() -> dict[Resource, dict[str, Any]]:
    """Return the schemas of our kinds."""
    found: dict[Resource, dict[str, Any]] = {}
    for path in sorted(_CRDS.glob("*.yaml")):
        crd = yaml.load(path.read_text(), _LOADER)  # noqa: S506 - either loader is a safe one
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        found[Resource(crd["spec"]["names"]["plural"])] = schema
    if set(found) != CUSTOM:
        raise AssertionError(f"{_CRDS} has the schemas of {sorted(found)}, not of all our kinds")
    return found


@functools.cache
def _trees() -> dict[Resource, _Tree]:
    return {resource: _prune(schema) or {} for resource, schema in schemas().items()}


def _prune(schema: dict[str, Any]) -> _Tree | None:
    tree: _Tree = {}
    if "default" in schema:
        tree["default"] = schema["default"]
    properties = {key: _prune(each) for key, each in schema.get("properties", {}).items()}
    properties = {key: each for key, each in properties.items() if each}
    if properties:
        tree["properties"] = properties
    for below in ("items", "additionalProperties"):
        found = _prune(schema[below]) if isinstance(schema.get(below), dict) else None
        if found:
            tree[below] = found
    return tree or None


def _fill(tree: _Tree, value: Any) -> Any:
    if isinstance(value, list) and "items" in tree:
        return [_fill(tree["items"], each) for each in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for key, below in tree.get("properties", {}).items():
        if key not in filled and "default" in below:
            filled[key] = copy.deepcopy(below["default"])
        if key in filled:
            filled[key] = _fill(below, filled[key])
    if "additionalProperties" in tree:
        known = tree.get("properties", {})
        below = tree["additionalProperties"]
        filled |= {key: _fill(below, each) for key, each in filled.items() if key not in known}
    return filled
