"""Labels and annotations that people have Argosy put on what it makes for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.api import names, schema

_NOT_OURS = schema.must(
    f"self.all(k, !k.startsWith('{names.GROUP}/'))",
    f"keys must not begin with {names.GROUP}/: these are Argosy's own",
)
Labels = Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32), _NOT_OURS]
Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32), _NOT_OURS
]


class Metadata(schema.Written):
    """Labels and annotations, for whatever else in the cluster goes by them."""

    labels: Labels | None = None
    """Labels, beside those by which Argosy knows what it made. Keys must not begin with
    argosy.dev/."""
    annotations: Annotations | None = None
    """Annotations. Keys must not begin with argosy.dev/."""
