"""What a server is made from: for pods a pod template, of which only the keyed lists are known.

Everything else passes through unread. The lists of containers are known by name, because an
untyped list would lose its other items under server-side apply. What is known may be null, as in a
pod: Helm renders that for an empty block, and server-side apply sends it.
"""

from __future__ import annotations

from typing import Annotated

import pydantic
from pydantic import Field

from controller.api import schema
from controller.api.schema import FreeForm

OPEN = pydantic.ConfigDict(extra="allow", json_schema_extra=schema.preserved())


class Container(schema.Model):
    """One container, as in a pod."""

    model_config = OPEN

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """The container's name."""


Containers = Annotated[list[Container], Field(max_length=64), schema.keyed("name"), schema.NULLABLE]


class TemplateSpec(schema.Model):
    """The spec of each server: for pods a pod spec."""

    model_config = OPEN

    containers: Containers | None = None
    """The containers of a pod."""
    init_containers: Containers | None = None
    """The containers that run before those of a pod."""


class Template(schema.Model):
    """The template that each server is made from: for pods a pod template."""

    model_config = OPEN

    metadata: Annotated[FreeForm, schema.NULLABLE] | None = None
    """Labels and annotations for each server."""
    spec: Annotated[TemplateSpec, schema.NULLABLE] | None = None
    """The spec of each server: for pods a pod spec."""
