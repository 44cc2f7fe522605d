"""Revisions that are not to run although the user asks for them: who condemned them, until when.

A mark on a ControllerRevision says so; it outlives the operator. It names its culprit, the
component and revision that failed, because one component's failure may take others back with it.
Called by the Application planner; the operation RollBack marks revisions, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning.plan import Patch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """Why a revision is condemned, and which component's revision is to blame."""

    reason: str
    component: str = ""
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.reason}/{self.component}-{self.revision}" if self.component else self.reason


def read(stored: objects.ControllerRevision) -> Sentence | None:
    """Return the sentence that stands on a revision, or None."""
    text = stored.metadata.annotations.get(names.CONDEMNED_ANNOTATION, "")
    if not text:
        return None
    reason, _, culprit = text.partition("/")
    # Components have no dashes in their names.
    component, _, revision = culprit.partition("-")
    return Sentence(reason=reason, component=component, revision=revision)


def stands(sentence: Sentence, wanted: Mapping[str, str]) -> bool:
    """Return whether the culprit is still asked for; `wanted` is the revision of each component."""
    return not sentence.component or wanted.get(sentence.component) == sentence.revision


def condemn(stored: objects.ControllerRevision, sentence: Sentence) -> Patch:
    """Return the patch that condemns a revision."""
    return _mark(stored, str(sentence), f"{sentence.reason}: the last proven revision is to run")


def pardon(stored: objects.ControllerRevision) -> Patch:
    """Return the patch that lets a revision be tried again."""
    return _mark(stored, None, "it may be tried again")


def _mark(stored: objects.ControllerRevision, value: str | None, reason: str) -> Patch:
    meta = stored.metadata
    return Patch(
        resource=Resource.REVISIONS,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        body={"metadata": {"annotations": {names.CONDEMNED_ANNOTATION: value}}},
        reason=reason,
    )
