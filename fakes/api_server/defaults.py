"""What the API server makes of a body before it is stored: defaults filled in, nulls left out.

Of our kinds by the schemas of their CRDs, as structural schemas say: null where a field may not be
null is as if the field were not there, so its default comes; where it may be, it stays. Of the
kinds that are built in, null is the absence of a field wherever it stands.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path
from typing import Any

import yaml

from controller.api import names, nulls
from controller.api.resources import PLACES, Resource

# In C where the machine has it: the schemas are long.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CRDS = Path(__file__).parents[2] / "crds"

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
    """Return `body` as it is stored: with its defaults, and without nulls that say nothing."""
    if resource in CUSTOM:
        return dict(_fill(_trees()[resource], body))
    if resource is not Resource.REVISIONS:  # whose data is anybody's, and kept as it is
        body = nulls.without_nulls(body)
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A schema, as far as it says what becomes of a value that is missing or null."""

    nullable: bool = False
    default: Any = None
    properties: dict[str, _Tree] = dataclasses.field(default_factory=dict)
    # Of the properties, those that have one.
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)
    items: _Tree | None = None
    values: _Tree | None = None


@functools.cache
def _trees() -> dict[Resource, _Tree]:
    return {resource: _tree(schema) for resource, schema in schemas().items()}


def _tree(schema: dict[str, Any]) -> _Tree:
    known = {key: _tree(each) for key, each in schema.get("properties", {}).items()}
    below = {
        name: _tree(schema[key])
        for name, key in (("items", "items"), ("values", "additionalProperties"))
        if isinstance(schema.get(key), dict)
    }
    return _Tree(
        nullable=schema.get("nullable", False),
        default=schema.get("default"),
        properties=known,
        defaults={key: each.default for key, each in known.items() if each.default is not None},
        **below,
    )


def _fill(tree: _Tree, value: Any) -> Any:
    if isinstance(value, list) and tree.items is not None:
        return [_item(tree.items, each) for each in value]
    if not isinstance(value, dict):
        return value
    filled = {}
    for key, each in value.items():
        below = tree.properties.get(key, tree.values)
        if below is None:
            filled[key] = each
        elif each is not None or below.nullable:
            filled[key] = _fill(below, each)
    for key, default in tree.defaults.items():
        if key not in filled:
            filled[key] = _fill(tree.properties[key], copy.deepcopy(default))
    return filled


def _item(tree: _Tree, value: Any) -> Any:
    """An item is left out by nobody: null that may not be is the default, or refused."""
    lacking = value is None and not tree.nullable
    return copy.deepcopy(tree.default) if lacking else _fill(tree, value)
