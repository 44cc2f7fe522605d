"""Where a component can go back to: the revisions that once ran in good health.

The set's status names the last one that did. Each earlier one bears a mark on its
ControllerRevision, written when the component leaves it: so a component that is never changed costs
no write. A rejected revision loses its mark, and has to prove itself anew. Called by the
Application planner, and by the operation RollBack.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from controller.api import names, objects
from controller.kinds.revisions import contents, rejection
from controller.planning import writes
from controller.planning.plan import Patch


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRevisions:
    """The stored revisions of one component, and the last one that its set found good."""

    stored: tuple[objects.ControllerRevision, ...]
    last_proven: str

    @property
    def proven(self) -> tuple[objects.ControllerRevision, ...]:
        """The revisions that the component can go back to, the last one first, then the newest."""
        good = [each for each in self.stored if self._is_good(each)]
        return tuple(
            sorted(
                good,
                key=lambda each: (
                    revision_of(each) != self.last_proven,
                    -each.revision,
                    each.metadata.name,
                ),
            )
        )

    def find(self, revision: str) -> objects.ControllerRevision | None:
        """Return the record of a revision, while it is kept."""
        return next((each for each in self.stored if revision_of(each) == revision), None)

    def choose(
        self, leaving: Collection[str], *, older_than: str = "", named: str = ""
    ) -> objects.ControllerRevision | None:
        """Return the proven revision to go to: the one `named`, else the first in line.

        `named` is a revision's hash or its number, as `argosy history` shows them. Who steps back
        and back again comes ever further: no further try leads to one newer than `older_than`.
        """
        able = [each for each in self.proven if revision_of(each) not in leaving]
        bound = self.find(older_than) if not named else None
        if named:
            able = [each for each in able if _is_called(each, named)]
        elif bound is not None:
            able = [each for each in able if each.revision < bound.revision]
        # Somebody may have written anything into a record: then there is nothing to go back to.
        return next((each for each in able if contents.is_readable(each)), None)

    def _is_good(self, stored: objects.ControllerRevision) -> bool:
        if rejection.read(stored) is not None:
            return False
        return is_marked(stored) or revision_of(stored) == self.last_proven


def past(
    stored: Iterable[objects.ControllerRevision], component: str, last_proven: str
) -> ProvenRevisions:
    """Return what is known of a component's earlier revisions."""
    own = (each for each in stored if each.metadata.labels.get(names.COMPONENT_LABEL) == component)
    return ProvenRevisions(stored=tuple(own), last_proven=last_proven)


def revision_of(stored: objects.ControllerRevision) -> str:
    """Return the revision that a ControllerRevision keeps."""
    return stored.metadata.labels.get(names.REVISION_LABEL, "")


def is_marked(stored: objects.ControllerRevision) -> bool:
    """Return whether it is on record that the revision ran in good health."""
    return names.PROVEN_ANNOTATION in stored.metadata.annotations


def mark(stored: objects.ControllerRevision) -> Patch:
    """Return the patch that puts on record that the revision ran in good health."""
    return writes.patch(
        stored,
        body={"metadata": {"annotations": {names.PROVEN_ANNOTATION: "true"}}},
        why="all its servers ran in good health, so the component can go back to it",
        guarded=False,
    )


def _is_called(stored: objects.ControllerRevision, name: str) -> bool:
    return name in (revision_of(stored), str(stored.revision))
