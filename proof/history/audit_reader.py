"""Writes audit logs by hand, as an API server would: for tests of whatever reads them.

It keeps resourceVersions, UIDs, generations, finalizers and deletionTimestamps as the API server
does, and answers final deletes as sparingly.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

OPERATOR = "system:serviceaccount:argosy:argosy"
PERSON = "devcluster:admin"
FINALIZER = "argosy.dev/finalizer"
START = 1_700_000_000.0
TOOK = 0.01  # seconds from a request to its answer

Object = dict[str, Any]

_KINDS = {
    "applications": "Application",
    "serversets": "ServerSet",
    "servers": "Server",
    "operations": "Operation",
    "pods": "Pod",
    "services": "Service",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "fleets": "Fleet",
}


class AuditLog:
    """One API server's log. Objects are its own: change them through its verbs alone."""

    def __init__(self, namespace: str = "shop") -> None:
        self.namespace = namespace
        self.lines: list[bytes] = []
        self.now = START
        self._version = 100
        self._uids = 0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def create(
        self,
        resource: str,
        name: str,
        *,
        owner: Object | None = None,
        spec: Object | None = None,
        status: Object | None = None,
        labels: dict[str, str] | None = None,
        finalizers: Sequence[str] = (),
        by: str = OPERATOR,
        agent: str = "argosy",
        took: float = TOOK,
    ) -> Object:
        """Create an object and return it."""
        self._uids += 1
        body: Object = {
            "kind": _KINDS[resource],
            "resource": resource,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "uid": f"uid-{self._uids}",
                "generation": 1,
                "labels": labels or {},
                "finalizers": list(finalizers),
                "ownerReferences": [_reference(owner)] if owner else [],
            },
            "spec": spec or {},
            "status": status or {},
        }
        self._stamp(body)
        self._log("create", body, 201, by=by, agent=agent, took=took)
        return body

    def patch(
        self,
        target: Object,
        *,
        spec: Object | None = None,
        status: Object | None = None,
        annotations: dict[str, str] | None = None,
        labels: Mapping[str, str | None] | None = None,
        finalizers: Sequence[str] | None = None,
        owner: Object | None = None,
        guarded: bool = False,
        by: str = OPERATOR,
        agent: str = "argosy",
        unidentified: bool = False,
        subresource: str = "",
        took: float = TOOK,
        partly: bool = False,
    ) -> None:
        """Merge a change into an object; the last finalizer's end is a going object's end.

        `partly` is for who asks for the answer's metadata alone.
        """
        metadata = target["metadata"]
        before = copy.deepcopy(target)
        if spec and any(target["spec"].get(key) != value for key, value in spec.items()):
            target["spec"] |= spec
            metadata["generation"] += 1
        target["status"] |= status or {}
        if annotations:
            metadata["annotations"] = {**metadata.get("annotations", {}), **annotations}
        if labels:
            merged = {**metadata["labels"], **labels}
            metadata["labels"] = {key: text for key, text in merged.items() if text is not None}
        if finalizers is not None:
            metadata["finalizers"] = list(finalizers)
        if owner is not None:
            metadata["ownerReferences"] = [_reference(owner)]
        version = metadata.get("resourceVersion", "")
        gone = metadata.get("deletionTimestamp") and not metadata["finalizers"]
        if not gone and target != before:
            self._stamp(target)
        request: Object = {"metadata": {} if unidentified else {"uid": metadata["uid"]}}
        if guarded:
            request["metadata"]["resourceVersion"] = version
        if labels:
            request["metadata"]["labels"] = dict(labels)
        subresource = subresource or ("status" if status else "")
        answer = {"kind": "PartialObjectMetadata", "metadata": metadata} if partly else None
        self._log(
            "patch",
            target,
            200,
            by=by,
            agent=agent,
            request=request,
            answer=answer,
            sub=subresource,
            took=took,
        )

    def delete(
        self,
        target: Object,
        *,
        by: str = OPERATOR,
        unidentified: bool = False,
        took: float = TOOK,
    ) -> None:
        """Delete an object: at once if nothing holds it, else it begins to go."""
        metadata = target["metadata"]
        request = {} if unidentified else {"preconditions": {"uid": metadata["uid"]}}
        if not metadata["finalizers"]:
            details = {"uid": metadata["uid"]}
            answer = {"kind": "Status", "status": "Success", "details": details}
            self._log("delete", target, 200, by=by, request=request, answer=answer, took=took)
            return
        if "deletionTimestamp" not in metadata:
            metadata["deletionTimestamp"] = moment(self.now)
            metadata["deletionGracePeriodSeconds"] = 0
            self._stamp(target)
        self._log("delete", target, 200, by=by, request=request, took=took)

    def sweep(self, targets: Sequence[Object], *, by: str = PERSON) -> None:
        """Delete a collection at once, which answers with its objects as they were before."""
        items = [{key: each[key] for key in each if key != "resource"} for each in targets]
        whole: Object = {
            "resource": targets[0]["resource"],
            "metadata": {"name": "", "namespace": self.namespace},
        }
        self._log("deletecollection", whole, 200, by=by, answer={"kind": "List", "items": items})

    def refuse(
        self,
        verb: str,
        target: Object,
        code: int,
        *,
        by: str = OPERATOR,
        unread: bool = False,
        labels: Mapping[str, str] | None = None,
        owner: Object | None = None,
    ) -> None:
        """Write down a request that was refused, or refused before its body was read.

        `labels` and `owner` are what it asked for.
        """
        metadata: Object = {"uid": target["metadata"]["uid"]}
        if labels:
            metadata["labels"] = dict(labels)
        if owner is not None:
            metadata["ownerReferences"] = [_reference(owner)]
        request = None if unread else {"metadata": metadata}
        answer = {"kind": "Status", "status": "Failure", "code": code}
        self._log(verb, target, code, by=by, request=request, answer=answer)

    def evict(self, pod: Object, *, by: str = PERSON) -> None:
        """Have a pod evicted: when it begins to go, is in no answer."""
        answer = {"kind": "Status", "status": "Success"}
        self._log("create", pod, 201, by=by, sub="eviction", answer=answer)

    def run(self, pod: Object, *, by: str = OPERATOR) -> None:
        """Run a command in a pod."""
        self._log("create", pod, 101, by=by, sub="exec", answer={})

    def lease(
        self,
        agent: str,
        *,
        name: str = "argosy-leader",
        holder: str = "",
        epoch: int = 0,
        by: str = OPERATOR,
    ) -> None:
        """Renew or take a Lease; who holds it is told where a `holder` is given."""
        target = _lease(name)
        told = {**target, "spec": {"holderIdentity": holder, "leaseTransitions": epoch}}
        self._log("update", target, 200, by=by, agent=agent, answer=told if holder else {})

    def unlease(self, name: str, *, by: str) -> None:
        """Delete a Lease."""
        answer = {"kind": "Status", "status": "Success"}
        self._log("delete", _lease(name), 200, by=by, answer=answer)

    def _stamp(self, target: Object) -> None:
        self._version += 1
        target["metadata"]["resourceVersion"] = str(self._version)

    def _log(
        self,
        verb: str,
        target: Object,
        code: int,
        *,
        by: str,
        agent: str = "argosy",
        request: Object | None = None,
        answer: Object | None = None,
        sub: str = "",
        took: float = TOOK,
    ) -> None:
        received, self.now = self.now, self.now + took
        metadata = target["metadata"]
        shown = {key: value for key, value in target.items() if key != "resource"}
        event: Object = {
            "kind": "Event",
            "stage": "ResponseComplete",
            "auditID": str(len(self.lines)),
            "verb": verb,
            "user": {"username": by},
            "userAgent": agent,
            "requestURI": "/",
            "objectRef": {
                "resource": target["resource"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "subresource": sub,
            },
            "responseStatus": {"code": code},
            "requestReceivedTimestamp": moment(received),
            "stageTimestamp": moment(self.now),
        }
        if request is not None:
            event["requestObject"] = request
        if answer != {}:
            event["responseObject"] = shown if answer is None else answer
        self.lines.append(json.dumps(event).encode())


def _lease(name: str) -> Object:
    metadata = {"name": name, "namespace": "argosy", "uid": name}
    return {"kind": "Lease", "resource": "leases", "metadata": metadata}


def _reference(owner: Object) -> Object:
    metadata = owner["metadata"]
    known = {"kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**known, "controller": True}


def moment(seconds: float) -> str:
    """Return a moment as an API server writes it."""
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
