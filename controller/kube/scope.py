"""The part of a resource that one follower keeps in a cache: all, a namespace, or a slot of either.

`informer` has one for each of its followers. By it a follower knows which cached objects are its
own to compare with its lists: several feed one cache, and none may drop what another has told.
"""

from __future__ import annotations

import dataclasses

from controller.api import objects
from controller.kube import slots


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WatchScope:
    """One part of a resource; `by_slot`: of those objects alone that say that they are of `slot`.

    Without a slot these are the objects that say none: those from before there was the label, and
    those whose label somebody took off or made senseless.
    """

    # "" for all of them.
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    by_slot: bool = False
    slot: int | None = None

    @property
    def selector(self) -> str:
        """The label selector of the list and the watch."""
        if not self.by_slot:
            return self.labels
        return ",".join(filter(None, (self.labels, slots.selector(self.slot))))

    @property
    def told(self) -> dict[str, object]:
        """The part, as a log calls it."""
        part: dict[str, object] = {"namespace": self.namespace}
        return part | {"slot": self.slot} if self.by_slot else part

    def holds(self, meta: objects.Meta) -> bool:
        """Return whether an object, as it is known to be, is in this part."""
        if self.namespace not in ("", meta.namespace):
            return False
        return not self.by_slot or slots.labelled(meta.labels) == self.slot
