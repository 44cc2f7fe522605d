"""The bodies of the Builds that the Application planner creates."""

from __future__ import annotations

from typing import Any

from controller.api import names, nulls, objects, tags
from controller.api.resources import Resource
from controller.planning import finalizers, ownership, rendering
from controller.planning.plan import Manifest


def owner(application: objects.Application) -> dict[str, Any]:
    """Return the reference by which an application controls its Builds."""
    return ownership.owner_reference(Resource.APPLICATIONS, application)


def build(
    application: objects.Application,
    component: str,
    source: objects.Source,
    *,
    number: int,
    request: tags.BuildRequest,
    only_if_changed: bool,
) -> Manifest:
    """Return a Build of a component's source; its finalizer is on it before it has any Job."""
    name = names.build(application.metadata.name, component, number)
    metadata = ownership.metadata_of(
        Resource.APPLICATIONS, application, application.metadata.name, component, name
    )
    return {
        **ownership.kind_of(Resource.BUILDS),
        "metadata": {**metadata, "finalizers": finalizers.with_ours()},
        "spec": {
            "application": application.metadata.name,
            "component": component,
            "number": number,
            "source": nulls.without_nulls(rendering.full(source)),
            **({"request": request.value} if request.value else {}),
            **({"commit": request.commit} if request.commit else {}),
            **({"onlyIfChanged": True} if only_if_changed else {}),
        },
    }
