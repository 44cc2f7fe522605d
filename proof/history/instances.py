"""Which revision and incarnation a pod is, as a history tells: the labels of Argosy's own on it.

Anybody may edit a label, and that makes no other pod of one. So a pod is what Argosy set last, or
what its labels say now: an answer that was lost leaves a change of Argosy's with whoever writes
next. `readiness` and `status_truth` hold what a Server says to this.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping

from proof.history import journal, pods, salvage

# The checker has names of its own, lest it repeat a mistake of what it judges.
REVISION_LABEL = "argosy.dev/revision"
INCARNATION_LABEL = "argosy.dev/incarnation"
EVER = (float("inf"), float("inf"))


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
    """Return what knows which instances a version of a pod may be: one, or more where it is edited.

    A pod whose creation is not on record is what its first version says. Where a request of
    Argosy's had no answer, it may be what that asked for, until somebody's next answer.
    """
    known: dict[int, tuple[Instance, ...]] = {}
    last: Instance | None = None
    for each, after in itertools.zip_longest(pod.versions, pod.versions[1:]):
        shown = _read(each.meta.labels)
        last = shown if last is None or each.ours else last
        until = EVER if after is None else after.place
        perhaps = [_read(one.asked.metadata.labels) for one in _marking(pod, each.place, until)]
        known[id(each)] = tuple(dict.fromkeys((last, shown, *perhaps)))
    return lambda change: known.get(id(change), ())


def _marking(
    pod: pods.Life, since: tuple[float, float], until: tuple[float, float]
) -> Iterator[journal.Change]:
    """Yield the requests without an answer, sent while a version stood, that were to mark a pod."""
    for each in pod.doubts:
        if since <= each.place < until and REVISION_LABEL in (each.asked.metadata.labels or {}):
            yield each


def _read(labels: Mapping[str, str | None] | None) -> Instance:
    found = labels or {}
    return Instance(
        revision=found.get(REVISION_LABEL) or "",
        incarnation=salvage.number(found.get(INCARNATION_LABEL) or "0"),
    )
