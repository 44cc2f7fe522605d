"""What the verbs mean: preconditions, generations, finalizers, graceful deletion, subresources.

Synchronous: `server` puts faults and time around it, `controllers` and `kubelet` call it directly.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from typing import Any

import msgspec

from controller.api import clock
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from fakes.api_server import defaults, merge, refusal, validation
from fakes.api_server.storage import Cause, Json, Key, Storage

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
DEFAULT_GRACE = 30

# A main write keeps these of the object's metadata, whatever it says.
_KEPT = (
    "uid",
    "name",
    "namespace",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
)
# What may be changed of a running pod's spec; ephemeral containers by a subresource that is left
# out here. Resources change by `resize` alone.
_POD_MUTABLE = (
    "activeDeadlineSeconds",
    "ephemeralContainers",
    "terminationGracePeriodSeconds",
    "tolerations",
)
_CONTAINER_MUTABLE = {"image": "", "resources": {}}


class Registry:
    """The objects of a cluster, and what may be done to them."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._serial = itertools.count(1)
        # After which the disruption controller looks whether an evicted pod has gone.
        self.disruption_seconds = 0.3

    def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Return an object, or None."""
        return self.storage.objects[resource].get((_scope(resource, namespace), name))

    def need(self, resource: Resource, namespace: str, name: str) -> Json:
        """Return an object; raises NotFound."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise refusal.not_found(resource, name)
        return found

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: Json,
        *,
        actor: str = "argosy",
        dry_run: bool = False,
    ) -> Json:
        """Make an object."""
        namespace = _scope(resource, namespace)
        meta = dict(body.get("metadata") or {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{next(self._serial):05x}"
        name = meta.get("name", "")
        if not name:
            raise refusal.invalid(resource, name, "metadata.name: name or generateName is required")
        self._admit(resource, namespace, name)
        if self.find(resource, namespace, name) is not None:
            raise refusal.refuse(409, "AlreadyExists", f'{resource} "{name}" already exists')
        number = next(self._serial)
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"):
            meta.pop(key, None)
        meta |= {
            "uid": f"{number:08x}-0000-4000-8000-{number:012x}",
            "creationTimestamp": clock.stamp(self.storage.now()),
            "generation": 1,
        }
        if namespace:
            meta["namespace"] = namespace
        place = PLACES[resource]
        made: Json = {"apiVersion": place.api_version, "kind": place.kind}
        made |= {**body, "metadata": meta}
        if resource in defaults.WITH_STATUS:
            made.pop("status", None)
        made = defaults.fill(resource, made)
        validation.check(resource, made)
        if dry_run:
            return made
        cause = Cause(verb="create", actor=actor, body=body)
        return self.storage.commit(resource, (namespace, name), made, cause)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json,
        *,
        subresource: str = "",
        style: kube.PatchStyle = "merge",
        actor: str = "argosy",
        dry_run: bool = False,
    ) -> Json:
        """Merge `body` into an object; one that loses its last finalizer on its way out is gone."""
        old = self.need(resource, namespace, name)
        wanted = body.get("metadata") or {}
        cause = Cause(
            verb="patch",
            actor=actor,
            subresource=subresource,
            uid=wanted.get("uid", ""),
            resource_version=wanted.get("resourceVersion", ""),
            body=body,
        )
        _check(resource, old, uid=cause.uid, resource_version=cause.resource_version)
        merged = (merge.strategic if style == "strategic" else merge.json_merge)(old, body)
        new = _compose(resource, old, merged, subresource)
        return self._change(resource, old, new, cause, dry_run=dry_run)

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json,
        *,
        subresource: str = "",
        actor: str = "argosy",
    ) -> Json:
        """Put `body` in the place of an object, or in that of a subresource."""
        old = self.need(resource, namespace, name)
        wanted = body.get("metadata") or {}
        cause = Cause(
            verb="update",
            actor=actor,
            subresource=subresource,
            uid=wanted.get("uid", ""),
            resource_version=wanted.get("resourceVersion", ""),
            body=body,
        )
        if not cause.resource_version:
            raise refusal.invalid(resource, name, "metadata.resourceVersion: must be specified")
        _check(resource, old, uid=cause.uid, resource_version=cause.resource_version)
        return self._change(resource, old, _compose(resource, old, body, subresource), cause)

    def _change(
        self, resource: Resource, old: Json, new: Json, cause: Cause, *, dry_run: bool = False
    ) -> Json:
        """Admit and store what is to stand in the place of `old`."""
        new = defaults.fill(resource, new)
        validation.check(resource, new)
        _check_update(resource, old, new)
        if _substance(old) != _substance(new):
            generation = old["metadata"].get("generation", 0) + 1
            new["metadata"] = {**new["metadata"], "generation": generation}
        if new == old or dry_run:
            return new
        key = (_scope(resource, old["metadata"].get("namespace", "")), old["metadata"]["name"])
        if _is_over(new["metadata"]):
            self.storage.commit(resource, key, None, cause)
            # As a real one answers: with the version before the delete.
            return new
        return self.storage.commit(resource, key, new, cause)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
        actor: str = "argosy",
        dry_run: bool = False,
    ) -> Json:
        """Begin to delete an object; it is gone at once where nothing holds it."""
        old = self.need(resource, namespace, name)
        _check(resource, old, uid=uid, resource_version=resource_version)
        if dry_run:
            return old
        cause = Cause(
            verb="delete",
            actor=actor,
            uid=uid,
            resource_version=resource_version,
            body={"propagationPolicy": propagation, "gracePeriodSeconds": grace_seconds},
        )
        key = (_scope(resource, namespace), name)
        meta = dict(old["metadata"])
        finalizers = list(meta.get("finalizers", ()))
        extra = {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(propagation)
        if extra and extra not in finalizers and "deletionTimestamp" not in meta:
            finalizers.append(extra)
        grace = _grace(resource, old, grace_seconds)
        if not finalizers and grace == 0:
            self.storage.commit(resource, key, None, cause)
            return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        before = meta.get("deletionGracePeriodSeconds")
        if "deletionTimestamp" in meta and (before is None or before <= grace):
            return old
        meta["deletionTimestamp"] = clock.stamp(self.storage.now() + grace)
        if resource is Resource.PODS:
            meta["deletionGracePeriodSeconds"] = grace
        meta["generation"] = meta.get("generation", 0) + 1
        if finalizers:
            meta["finalizers"] = finalizers
        return self.storage.commit(resource, key, {**old, "metadata": meta}, cause)

    def set_status(
        self, resource: Resource, key: Key, status: Json, *, actor: str, verb: str = "patch"
    ) -> Json:
        """Write a whole status, as a controller of the cluster does."""
        old = self.storage.objects[resource][key]
        if old.get("status") == status:
            return old
        cause = Cause(verb=verb, actor=actor, subresource="status", body={"status": status})
        return self.storage.commit(resource, key, {**old, "status": status}, cause)

    def _admit(self, resource: Resource, namespace: str, name: str) -> None:
        if not namespace:
            return
        home = self.find(Resource.NAMESPACES, "", namespace)
        if home is None:
            raise refusal.not_found(Resource.NAMESPACES, namespace)
        if "deletionTimestamp" in home["metadata"]:
            raise refusal.namespace_terminating(resource, name, namespace)


# The terms of a label selector, between commas that are in no parentheses; and one about a set.
_TERM = re.compile(r"(?:[^,(]|\([^)]*\))+")
_SET = re.compile(r"(?P<key>\S+)\s+(?P<how>in|notin)\s*\((?P<values>[^)]*)\)")


@dataclasses.dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: equality, sets, presence and absence; and fields, by equality."""

    text: str
    # Such as "spec.unschedulable=true" or "metadata.name=x,type=Warning".
    field: str = ""

    def matches(self, body: Json) -> bool:
        """Return whether the labels of `body`, and the field, fit."""
        labels = body["metadata"].get("labels") or {}
        if not all(_fits(each, labels) for each in _terms(self.text)):
            return False
        return all(_has(each.strip(), body) for each in self.field.split(",") if each.strip())


def decode(body: kube.Body) -> Json:
    """Return the JSON in `body`, as a copy of its own."""
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    decoded: Json = msgspec.json.decode(text)
    return decoded


def _has(term: str, body: Json) -> bool:
    path, _, wanted = term.partition("=")
    found: Any = body
    for key in path.split("."):
        found = (found or {}).get(key)
    if wanted in {"true", "false"}:
        return bool(found) == (wanted == "true")
    return bool(found == wanted)


@functools.lru_cache(maxsize=1024)
def _terms(text: str) -> tuple[str | _Among, ...]:
    """Return the terms of a selector, all of which must fit."""
    parts = (each.strip() for each in _TERM.findall(text))
    return tuple(_among(each) or each for each in parts if each)


@dataclasses.dataclass(frozen=True, slots=True)
class _Among:
    """A term such as `key in (a,b)`, or `key notin (a,b)`, which no value at all fits, too."""

    key: str
    values: frozenset[str]
    inside: bool


def _among(term: str) -> _Among | None:
    found = _SET.fullmatch(term)
    if found is None:
        return None
    values = frozenset(each.strip() for each in found["values"].split(","))
    return _Among(found["key"], values, found["how"] == "in")


def _fits(term: str | _Among, labels: dict[str, str]) -> bool:
    if isinstance(term, _Among):
        return (labels.get(term.key) in term.values) is term.inside
    if "!=" in term:
        key, _, value = term.partition("!=")
        return labels.get(key) != value
    if "=" in term:
        key, _, value = term.replace("==", "=").partition("=")
        return labels.get(key) == value
    return (term[1:] not in labels) if term.startswith("!") else (term in labels)


def _scope(resource: Resource, namespace: str) -> str:
    return namespace if PLACES[resource].namespaced else ""


def _check(resource: Resource, old: Json, *, uid: str, resource_version: str) -> None:
    meta = old["metadata"]
    if uid and uid != meta["uid"]:
        raise refusal.conflict(resource, meta["name"], f"the UID is {meta['uid']}, not {uid}")
    if resource_version and resource_version != meta["resourceVersion"]:
        raise refusal.conflict(resource, meta["name"], "the object has been modified")


def _compose(resource: Resource, old: Json, merged: Json, subresource: str) -> Json:
    """Return the object that a write makes of `old`, out of the part that it may change."""
    if subresource == "status":
        return {**old, "status": merged.get("status", {})}
    if subresource == "resize":
        return {**old, "spec": _resized(old["spec"], merged["spec"])}
    meta = {key: value for key, value in merged["metadata"].items() if key not in _KEPT}
    meta |= {key: old["metadata"][key] for key in _KEPT if key in old["metadata"]}
    if not meta.get("finalizers", True):
        del meta["finalizers"]
    new = {**merged, "metadata": meta}
    if resource in defaults.WITH_STATUS:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def _check_update(resource: Resource, old: Json, new: Json) -> None:
    name = old["metadata"]["name"]
    if "deletionTimestamp" in old["metadata"]:
        before = set(old["metadata"].get("finalizers", ()))
        if set(new["metadata"].get("finalizers", ())) - before:
            raise refusal.invalid(
                resource, name, "metadata.finalizers: the object is being deleted"
            )
    if resource is Resource.PODS and _fixed(old["spec"]) != _fixed(new["spec"]):
        raise refusal.invalid(resource, name, "spec: pod updates may not change other fields")


def _resized(old: Json, merged: Json) -> Json:
    """Return a pod's spec with the resources of another: all else of that is not looked at."""
    given = {
        (group, each["name"]): each.get("resources", {})
        for group in ("containers", "initContainers")
        for each in merged.get(group, ())
    }
    return {
        **old,
        **{
            group: [
                {**each, "resources": given.get((group, each["name"]), {})} for each in old[group]
            ]
            for group in ("containers", "initContainers")
            if group in old
        },
    }


def _fixed(spec: Json) -> Json:
    """Return what of a pod's spec cannot change."""
    fixed = {key: value for key, value in spec.items() if key not in _POD_MUTABLE}
    for group in ("containers", "initContainers"):
        if group in fixed:
            fixed[group] = [{**each, **_CONTAINER_MUTABLE} for each in fixed[group]]
    return fixed


def _substance(body: Json) -> Json:
    return {key: value for key, value in body.items() if key not in ("metadata", "status")}


def _grace(resource: Resource, old: Json, asked: int | None) -> int:
    """Return how long a pod that runs is given to end; all else, and other pods, nothing."""
    if resource is not Resource.PODS or not old["spec"].get("nodeName"):
        return 0
    if old["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    own: int = old["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
    return own if asked is None else asked


def _is_over(meta: dict[str, Any]) -> bool:
    """Return whether an object is on its way out and nothing holds it any more."""
    if "deletionTimestamp" not in meta or meta.get("finalizers"):
        return False
    return not meta.get("deletionGracePeriodSeconds")
