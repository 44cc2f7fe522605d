"""The bodies of what the Application and ServerSet planners create.

Everything carries its labels, its owner and, where it has one, its finalizer from the first write,
so that none of them costs a second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.planning import rendering
from controller.planning.contents import Content
from controller.planning.plan import Manifest


def owner_reference(resource: Resource, owner: objects.Object) -> dict[str, Any]:
    """Return the reference that makes `owner` the controller, waited for by a foreground delete."""
    return {
        "apiVersion": PLACES[resource].api_version,
        "kind": PLACES[resource].kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(child: objects.Object, owner: objects.Object) -> bool:
    """Return whether `owner`, this very object and none of its name before, controls `child`."""
    uid = owner.metadata.uid
    return any(each.controller and each.uid == uid for each in child.metadata.owner_references)


def server_set(
    application: objects.Application,
    component: objects.Component,
    content: Content,
    *,
    replicas: int,
    annotations: Mapping[str, str],
) -> Manifest:
    """Return the ServerSet of a component."""
    name = names.server_set(application.metadata.name, component.name)
    metadata = _metadata(
        Resource.APPLICATIONS, application, application.metadata.name, component.name, name
    )
    return {
        **_kind(Resource.SERVERSETS),
        "metadata": {
            **metadata,
            "finalizers": [names.FINALIZER],
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": {
            "application": application.metadata.name,
            "component": component.name,
            "fleet": application.spec.fleet,
            "replicas": replicas,
            **server_set_spec(application, component, content),
        },
    }


def server_set_spec(
    application: objects.Application, component: objects.Component, content: Content
) -> dict[str, Any]:
    """Return what an application decides of its set's spec at `content`, but for the replicas."""
    recovery = rendering.full(component.recovery)
    recovery["alternatives"] = rendering.full(content.alternatives)
    return {
        "revision": content.revision,
        "template": content.template,
        "volumeClaims": rendering.full(content.volume_claims),
        "rollout": rendering.full(component.rollout),
        "recovery": recovery,
        "deletion": rendering.full(application.spec.deletion),
    }


def controller_revision(
    application: objects.Application,
    component: str,
    revision: str,
    *,
    data: bytes,
    number: int,
) -> Manifest:
    """Return the ControllerRevision that keeps a revision of a component."""
    name = names.controller_revision(application.metadata.name, component, revision)
    metadata = _metadata(
        Resource.APPLICATIONS, application, application.metadata.name, component, name
    )
    metadata["labels"] = {**metadata["labels"], names.REVISION_LABEL: revision}
    return {
        **_kind(Resource.REVISIONS),
        "metadata": metadata,
        "data": objects.Json(data),
        "revision": number,
    }


def service(server_set: objects.ServerSet) -> Manifest:
    """Return the headless Service that gives a set's servers their names in DNS.

    Addresses are published before servers are ready: members of a cluster must find each other to
    become so.
    """
    spec = server_set.spec
    name = names.server_set(spec.application, spec.component)
    return {
        **_kind(Resource.SERVICES),
        "metadata": _metadata(
            Resource.SERVERSETS, server_set, spec.application, spec.component, name
        ),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {
                names.APPLICATION_LABEL: spec.application,
                names.COMPONENT_LABEL: spec.component,
            },
        },
    }


class Servers:
    """Makes the bodies of a set's new servers, rendering what they share only once."""

    def __init__(self, server_set: objects.ServerSet) -> None:
        """Render what is the same for all servers of `server_set`."""
        self._set = server_set
        self._owners = [owner_reference(Resource.SERVERSETS, server_set)]
        self._deletion = rendering.full(server_set.spec.deletion)
        self._specs: dict[str, dict[str, Any]] = {}

    def body(
        self, ordinal: int, content: Content, annotations: Mapping[str, str] | None = None
    ) -> Manifest:
        """Return the server of that ordinal at `content`."""
        spec = self._set.spec
        name = names.server(spec.application, spec.component, ordinal)
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self._set.metadata.namespace,
            "labels": names.labels(spec.application, spec.component, name),
            "finalizers": [names.FINALIZER],
            "ownerReferences": self._owners,
        }
        if annotations:
            metadata["annotations"] = dict(annotations)
        return {
            **_kind(Resource.SERVERS),
            "metadata": metadata,
            "spec": {**self._spec(content), "ordinal": ordinal},
        }

    def _spec(self, content: Content) -> dict[str, Any]:
        if content.revision not in self._specs:
            spec = self._set.spec
            recovery = rendering.full(spec.recovery)
            recovery["alternatives"] = rendering.full(content.alternatives)
            self._specs[content.revision] = {
                "application": spec.application,
                "component": spec.component,
                "fleet": spec.fleet,
                "incarnation": 1,
                "revision": content.revision,
                "template": content.template,
                "volumeClaims": rendering.full(content.volume_claims),
                "recovery": recovery,
                "deletion": self._deletion,
                "minReadySeconds": spec.rollout.min_ready_seconds,
            }
        return self._specs[content.revision]


def _kind(resource: Resource) -> dict[str, str]:
    place = PLACES[resource]
    return {"apiVersion": place.api_version, "kind": place.kind}


def _metadata(
    resource: Resource, owner: objects.Object, application: str, component: str, name: str
) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": names.labels(application, component),
        "ownerReferences": [owner_reference(resource, owner)],
    }
