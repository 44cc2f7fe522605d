"""A component that is built: what it runs, given the image of its source, if there is one yet.

Called by the Application planner, which knows the image from Builds, and by the operation RollBack,
which knows it from the application's status.
"""

from __future__ import annotations

import msgspec

from controller.api import objects, remembered
from controller.kinds.revisions.contents import Content
from controller.planning import builds, rendering


def with_image(component: objects.Component, image: str) -> objects.Component:
    """Return the component with an image in its container's place; without a source as is."""
    if component.source is None:
        return component
    template = _template(bytes(component.template), component.source.container, image)
    return msgspec.structs.replace(component, template=msgspec.Raw(template))


def as_is(component: objects.Component, content: Content) -> objects.Component:
    """Return the component as it already runs: it waits for an image with all that has changed."""
    return msgspec.structs.replace(
        component, template=content.template, volume_claims=content.volume_claims
    )


def as_told(
    component: objects.Component, told: objects.ComponentImage | None, content: Content | None
) -> objects.Component:
    """Return the component as it is to run by what its application was `told` last of its image."""
    source = component.source
    if source is None:
        return component
    if told is not None and told.image and told.built_from == builds.source_key(source):
        return with_image(component, told.image)
    return as_is(component, content) if content is not None else component


@remembered.by_content(256)
def _template(template: bytes, container: str, image: str) -> bytes:
    body = msgspec.json.decode(template)
    listed = (body.get("spec") or {}).get("containers") or []
    meant = [each for each in listed if container in {"", each.get("name")}]
    for each in meant[:1]:
        each["image"] = image
    return rendering.canonical(body)
