"""Servers whose pods went, and by whom, change by change, until their next pod is ready.

Called by `concentration` and `presence`. The pods tell, not the Servers: evictions are about pods.
"""

from __future__ import annotations

import dataclasses

from proof.history import journal

_Name = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A server whose pod went by this request, certainly once that was answered."""

    server: journal.Change
    by: journal.Change

    @property
    def evicted(self) -> bool:
        """Whether that was an eviction."""
        return is_eviction(self.by)


class Watcher:
    """Sees changes in their order."""

    def __init__(self) -> None:
        self._servers: dict[_Name, journal.Change] = {}
        # The pod of each server that is ready, by UID.
        self._up: dict[_Name, str] = {}
        # The one that went, and the request by which that became known.
        self._lost: dict[_Name, tuple[str, journal.Change]] = {}

    def see(self, change: journal.Change) -> None:
        """Take note of a change."""
        name = change.namespace, change.name
        if is_eviction(change):
            if name in self._up:
                self._lost[name] = self._up.pop(name), change
        elif not change.effective or change.subresource == "binding":
            return
        elif change.resource == "servers":
            if change.effect is journal.Effect.GONE:
                for each in (self._servers, self._up, self._lost):
                    each.pop(name, None)
            else:
                self._servers[name] = change
        elif change.resource == "pods":
            self._see_pod(name, change)

    def _see_pod(self, name: _Name, change: journal.Change) -> None:
        going = change.effect is journal.Effect.GONE or change.terminating
        uid = change.meta.uid
        if going or not change.status.is_true("Ready"):
            if self._up.get(name) == uid:
                del self._up[name]
                if going:
                    self._lost[name] = uid, change
        # One that is being evicted says that it is ready until it begins to go.
        elif name not in self._lost or self._lost[name][0] != uid:
            self._up[name] = uid
            self._lost.pop(name, None)

    def lost(self, now: float) -> list[Loss]:
        """Return those of them that Argosy or an eviction took down."""
        return [each for each in self.away(now) if each.by.ours or each.evicted]

    def away(self, now: float) -> list[Loss]:
        """Return the servers whose pods certainly went by now, and that are not up again.

        Not those that a person deletes or stops.
        """
        return [
            Loss(server=server, by=by)
            for name, (_, by) in self._lost.items()
            if by.answered <= now
            and (server := self._servers.get(name)) is not None
            and not (server.terminating or server.spec.power == "Stopped")
        ]


def is_eviction(change: journal.Change) -> bool:
    """Return whether the change is an eviction that the API server let pass."""
    return (change.resource, change.verb, change.subresource) == (
        "pods",
        "create",
        "eviction",
    ) and change.accepted
