"""The parts that make a model a kind: its metadata, and how Kubernetes serves and prints it."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import Field

from controller.api import names, schema
from controller.api.schema import ShortText, Text

READY = "status.conditions[?(@.type=='Ready')].status"
REASON = "status.conditions[?(@.type=='Ready')].reason"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that `kubectl get` prints; those of priority 1 only with `-o wide`."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How Kubernetes serves a kind."""

    plural: str
    short_name: str
    columns: tuple[Column, ...]
    scope: Literal["Namespaced", "Cluster"] = "Namespaced"
    selectable: tuple[str, ...] = ()
    # Where the scale subresource finds the wanted and the current number, and the selector if any.
    scale: tuple[str, ...] | None = None
    # The only paths at which the schema fills in defaults; None: wherever a model has one.
    defaults: tuple[str, ...] | None = None

    @property
    def crd(self) -> str:
        """The name of the CustomResourceDefinition."""
        return f"{self.plural}.{names.GROUP}"


class Metadata(schema.Model):
    """Standard object metadata, of which only what people write is read."""

    model_config = pydantic.ConfigDict(extra="allow")

    name: Annotated[str, Field(max_length=63)] | None = None
    """The object's name."""
    generate_name: ShortText | None = None
    """The beginning of a name that the API server completes."""
    namespace: ShortText | None = None
    """The object's namespace."""
    labels: dict[str, Text] | None = None
    """Labels."""
    annotations: dict[str, str] | None = None
    """Annotations."""


class Manifest(schema.Model):
    """The base of the kinds."""

    definition: ClassVar[Definition]

    api_version: Literal["argosy.dev/v1alpha1"]
    """The version of the schema that the manifest follows."""
    kind: str
    """The kind of the object."""
    metadata: Metadata
    """Standard object metadata."""


def columns(*own: Column) -> tuple[Column, ...]:
    """Return READY and REASON, then a kind's `own` columns, then AGE."""
    return (
        Column(name="Ready", path=READY, description="Whether the object is as it should be."),
        Column(name="Reason", path=REASON, description="Why it is, or is not."),
        *own,
        Column(
            name="Age",
            path="metadata.creationTimestamp",
            description="How long the object has existed.",
            type="date",
        ),
    )


def count_columns() -> tuple[Column, ...]:
    """Return the columns that count servers."""

    def count(name: str, field: str, description: str, priority: int = 0) -> Column:
        return Column(
            name=name,
            path=f"status.{field}",
            description=description,
            type="integer",
            priority=priority,
        )

    return (
        count("Desired", "desired", "How many servers there should be."),
        count("Current", "current", "How many servers there are."),
        count("Available", "available", "How many have been ready for minReadySeconds."),
        count("Up-to-date", "updated", "How many run the target revision."),
        count("Failed", "failed", "How many failed for good.", priority=1),
    )
