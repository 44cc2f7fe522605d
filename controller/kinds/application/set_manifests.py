"""The bodies of what the Application planner creates.

Everything carries its labels, its owner and, where it has one, its finalizer from the first
write, so that none of them costs a second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from controller.api import names, objects
from controller.api.choices import Start
from controller.api.resources import Resource
from controller.kinds.revisions.contents import Content
from controller.planning import finalizers, ownership, rendering
from controller.planning.plan import Manifest


def server_set(
    application: objects.Application,
    component: objects.Component,
    content: Content,
    *,
    replicas: int,
    annotations: Mapping[str, str],
    stopped: str = "",
) -> Manifest:
    """Return the ServerSet of a component; `stopped` is what an earlier one remembered."""
    name = names.server_set(application.metadata.name, component.name)
    metadata = ownership.metadata_of(
        Resource.APPLICATIONS,
        application,
        application.metadata.name,
        component.name,
        name,
        asked=component.server_metadata,
    )
    marks = {**metadata.get("annotations", {}), **annotations}
    return {
        **ownership.kind_of(Resource.SERVERSETS),
        "metadata": {
            **metadata,
            "finalizers": finalizers.with_ours(),
            **({"annotations": marks} if marks else {}),
        },
        "spec": {
            "application": application.metadata.name,
            "component": component.name,
            "fleet": application.spec.fleet,
            "replicas": replicas,
            **({"stopped": stopped} if stopped else {}),
            **server_set_spec(application, component, content),
        },
    }


def server_set_spec(
    application: objects.Application, component: objects.Component, content: Content
) -> dict[str, Any]:
    """Return what an application decides of its set's spec at `content`, but for the replicas."""
    return {
        "revision": content.revision,
        "template": content.template,
        "volumeClaims": rendering.full(content.volume_claims),
        "rollout": rendering.full(component.rollout),
        "recovery": rendering.full(component.recovery),
        "deletion": rendering.full(application.spec.deletion),
        **({"spread": rendering.full(component.spread)} if component.spread else {}),
        **({"drift": rendering.full(component.drift)} if component.drift else {}),
        **({"start": component.start} if component.start != Start.PARALLEL else {}),
        **({"ordinals": rendering.full(component.ordinals)} if component.ordinals else {}),
        **(
            {"serverMetadata": msgspec.to_builtins(component.server_metadata)}
            if component.server_metadata
            else {}
        ),
        **({"service": msgspec.to_builtins(component.service)} if component.service else {}),
    }


def controller_revision(
    application: objects.Application,
    component: objects.Component,
    revision: str,
    *,
    data: bytes,
    number: int,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Return the ControllerRevision that keeps a revision of a component."""
    name = names.controller_revision(application.metadata.name, component.name, revision)
    metadata = ownership.metadata_of(
        Resource.APPLICATIONS,
        application,
        application.metadata.name,
        component.name,
        name,
        asked=component.server_metadata,
    )
    metadata["labels"] = {**metadata["labels"], names.REVISION_LABEL: revision}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {
        **ownership.kind_of(Resource.REVISIONS),
        "metadata": metadata,
        "data": objects.Json(data),
        "revision": number,
    }
