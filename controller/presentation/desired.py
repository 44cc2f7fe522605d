"""An application as it would be once a manifest is applied, as the API server says.

Or as the schema says, for those who may only read. `preview` comes here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
import pydantic

from controller.api import application, names, nesting
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.planning import merge_patch
from controller.presentation import reading
from controller.presentation.problems import Refusal

# The field manager of `kubectl apply --server-side`.
SERVER_SIDE = "kubectl"

_json = msgspec.json.Decoder()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """An application before (None: not at all) and after, and what could not be asked."""

    before: dict[str, Any] | None
    after: dict[str, Any]
    notes: tuple[str, ...] = ()


async def ask(api: kube.Api, namespace: str, manifest: Mapping[str, Any]) -> Desired:
    """Return the application as it is, and as `kubectl apply` would make it.

    Whoever may not apply it is told which right that takes, and gets what the schema alone says.
    """
    name = str(manifest["metadata"].get("name", ""))
    try:
        before = await reading.raw(api, Resource.APPLICATIONS, namespace, name)
    except faults.NotFound:
        before = None
    try:
        after = await _dry_run(api, namespace, manifest, before)
    except faults.Forbidden as error:
        note = (
            "You may not apply this, so neither the schema's rules nor the cluster's policies were"
            f" asked: {error.words}."
        )
        return Desired(before=before, after=_by_schema(before, manifest), notes=(note,))
    return Desired(before=before, after=after)


async def _dry_run(
    api: kube.Api,
    namespace: str,
    manifest: Mapping[str, Any],
    before: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the application as the API server would store it."""
    name = str(manifest["metadata"].get("name", ""))
    if before is None:
        made = await api.create(Resource.APPLICATIONS, namespace, manifest, dry_run=True)
        return nesting.decode(_json, made)
    managers = before["metadata"].get("managedFields") or []
    if any(
        each.get("manager") == SERVER_SIDE and each.get("operation") == "Apply" for each in managers
    ):
        answer = await api.apply(
            Resource.APPLICATIONS,
            namespace,
            name,
            manifest,
            field_manager=SERVER_SIDE,
            force=True,
            dry_run=True,
        )
    else:
        body = three_way(before, manifest)
        answer = await api.patch(Resource.APPLICATIONS, namespace, name, body, dry_run=True)
    return nesting.decode(_json, answer)


def _by_schema(before: dict[str, Any] | None, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the application with the defaults of the schema; raises Refusal for what it is not."""
    patch = three_way(before, manifest) if before is not None else {}
    whole = merge_patch.merge(before, patch) if before is not None else dict(manifest)
    meta = whole["metadata"]
    asked = {each: whole.get(each) for each in ("apiVersion", "kind", "spec")}
    try:
        found = application.Application.model_validate(
            {**asked, "metadata": {"name": meta.get("name")}}
        )
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Refusal(f"{meta.get('name')}: {where}: {first['msg']}") from error
    spec = found.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    generation = meta.get("generation", 0)
    if before is None or spec != before.get("spec"):
        generation += 1
    return {**whole, "metadata": {**meta, "generation": generation}, "spec": spec}


def three_way(before: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch of the spec that client-side `kubectl apply` would send.

    A field that the manifest says is set; one that it said when it was applied last, and says no
    more, goes; a field that others have set stays.
    """
    annotations = before["metadata"].get("annotations") or {}
    applied = annotations.get(names.LAST_APPLIED, "{}")
    last = msgspec.json.decode(applied).get("spec") or {}
    live, wanted = dict(before.get("spec") or {}), dict(manifest.get("spec") or {})
    return {"spec": joined_patch(_removals(last, wanted, live), _additions(live, wanted))}


def joined_patch(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return one merge patch that does what both do."""
    joined = dict(first)
    for key, value in second.items():
        both = isinstance(value, dict) and isinstance(joined.get(key), dict)
        joined[key] = joined_patch(joined[key], value) if both else value
    return joined


def _additions(live: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in wanted.items():
        there = live.get(key) if isinstance(live, dict) else None
        if isinstance(value, dict) and isinstance(there, dict):
            inner = _additions(there, value)
            if inner:
                found[key] = inner
        elif value != there:
            found[key] = value
    return found


def _removals(last: Any, wanted: Any, live: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not isinstance(last, dict) or not isinstance(live, dict):
        return found
    for key, value in last.items():
        if key not in live:
            continue
        if key not in wanted:
            found[key] = None
        elif isinstance(value, dict) and isinstance(wanted[key], dict):
            inner = _removals(value, wanted[key], live[key])
            if inner:
                found[key] = inner
    return found
