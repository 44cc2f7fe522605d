"""Which of a component's revisions are on record: servers refer to no other.

A ControllerRevision is made together with the set that wants it, by another planner. So a server
that names it is made, or brought to it, only once it is seen. Called by the ServerSet planner.
"""

from __future__ import annotations

from controller.api import names, objects
from controller.kinds.revisions import contents
from controller.kinds.serverset.snapshot import ServerSetSnapshot


class Records:
    """The ControllerRevisions of one set's component, by revision."""

    def __init__(self, snapshot: ServerSetSnapshot) -> None:
        """Look at what is seen of them at this moment."""
        self._spec = snapshot.server_set.spec
        self._stored = {each.metadata.name: each for each in snapshot.revisions}

    @property
    def has_target(self) -> bool:
        """Whether the revision that servers should run is on record."""
        return self.find(self._spec.revision) is not None

    @property
    def awaited(self) -> str:
        """The name of the record of the revision that servers should run."""
        return self._name(self._spec.revision)

    def find(self, revision: str) -> objects.ControllerRevision | None:
        """Return the record of a revision, if there is one that stays."""
        found = self._stored.get(self._name(revision))
        if found is None or found.metadata.deletion_timestamp is not None:
            return None
        return found

    def content(self, revision: str) -> contents.Content | None:
        """Return what a revision consists of, as it is on record."""
        return contents.on_record(self.find(revision), revision, self._spec.volume_claims)

    def _name(self, revision: str) -> str:
        return names.controller_revision(self._spec.application, self._spec.component, revision)
