"""Revisions that are not to run although the user asks for them: who rejected them, until when.

A mark on a ControllerRevision says so; it outlives the operator. The mark names the culprit, the
component and revision that failed, because one component's failure may take others back with it.
Called by the Application planner; the operation RollBack marks revisions, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import names, objects, tags
from controller.planning import writes
from controller.planning.plan import Patch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a revision is rejected, which component's revision is to blame, and what runs instead.

    Without a `fallback` it is the last proven revision.
    """

    reason: str
    component: str = ""
    revision: str = ""
    fallback: str = ""

    def __str__(self) -> str:
        if not self.component:
            return self.reason
        culprit = f"{self.reason}/{self.component}-{self.revision}"
        return f"{culprit}/{self.fallback}" if self.fallback else culprit


def read(stored: objects.ControllerRevision) -> Rejection | None:
    """Return the rejection that stands on a revision, or None."""
    text = tags.rejected(stored.metadata)
    if not text:
        return None
    reason, _, rest = text.partition("/")
    culprit, _, fallback = rest.partition("/")
    # A component may have dashes in its name; a revision, which is a hash, has none.
    component, _, revision = culprit.rpartition("-")
    return Rejection(reason=reason, component=component, revision=revision, fallback=fallback)


def stands(rejected: Rejection, wanted: Mapping[str, str]) -> bool:
    """Return whether the culprit is still asked for; `wanted` is the revision of each component."""
    return not rejected.component or wanted.get(rejected.component) == rejected.revision


def reject(stored: objects.ControllerRevision, rejected: Rejection) -> Patch:
    """Return the patch that rejects a revision; it is no longer one to go back to."""
    instead = f"revision {rejected.fallback}" if rejected.fallback else "the last proven revision"
    return _mark(stored, str(rejected), f"{rejected.reason}: {instead} is to run")


def clear(stored: objects.ControllerRevision) -> Patch:
    """Return the patch that lets a revision be tried again."""
    return _mark(stored, None, "the revision may be tried again")


def _mark(stored: objects.ControllerRevision, value: str | None, why: str) -> Patch:
    meta = stored.metadata
    marks: dict[str, str | None] = {names.REJECTED_ANNOTATION: value}
    if names.CONDEMNED_ANNOTATION in meta.annotations:
        marks[names.CONDEMNED_ANNOTATION] = None
    if value and names.PROVEN_ANNOTATION in meta.annotations:
        marks[names.PROVEN_ANNOTATION] = None
    return writes.patch(
        stored,
        body={"metadata": {"annotations": marks}},
        why=why,
        guarded=False,
    )
