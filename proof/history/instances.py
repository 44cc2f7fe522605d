"""Which revision and incarnation a pod is, as a history tells: the labels of Argosy's own on it.

Anybody may edit a label, and that makes no other pod of one. So a pod is what Argosy set last, or
what its labels say now: an answer that was lost leaves a change of Argosy's with whoever writes
next. `readiness` and `status_truth` hold what a Server says to this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from proof.history import journal, pods, salvage

# The checker has names of its own, lest it repeat a mistake of what it judges.
REVISION_LABEL = "argosy.dev/revision"
INCARNATION_LABEL = "argosy.dev/incarnation"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Which of all the pods that a server has in its life."""

    revision: str = ""
    incarnation: int = 0

    def __str__(self) -> str:
        return f"revision {self.revision or 'unknown'}, incarnation {self.incarnation}"


def asked(server: journal.Change) -> Instance:
    """Return the instance that a Server is to have."""
    return Instance(revision=server.spec.revision, incarnation=server.spec.incarnation)


def told(server: journal.Change) -> Instance:
    """Return the instance of which a Server speaks."""
    return Instance(revision=server.status.revision, incarnation=server.status.incarnation)


def made(pod: pods.Life) -> Callable[[journal.Change], tuple[Instance, ...]]:
    """Return what knows which instances a version of a pod may be: one, or two where it is edited.

    A pod whose creation is not on record is what its first version says.
    """
    known: dict[int, tuple[Instance, ...]] = {}
    last: Instance | None = None
    for each in pod.versions:
        shown = _shown(each)
        last = shown if last is None or each.ours else last
        known[id(each)] = (last,) if last == shown else (last, shown)
    return lambda change: known.get(id(change), ())


def _shown(pod: journal.Change) -> Instance:
    labels = pod.meta.labels or {}
    return Instance(
        revision=labels.get(REVISION_LABEL, ""),
        incarnation=salvage.number(labels.get(INCARNATION_LABEL, "0")),
    )
