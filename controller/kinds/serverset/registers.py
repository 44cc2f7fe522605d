"""The register of each set's servers, kept up to date by their cache.

`gather` hands them to the ServerSet planner, so that a change of one server costs one look.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from controller.api import objects
from controller.planning import relations
from controller.planning.caches import Caches
from controller.planning.register import Register


class Registers:
    """One register for each set that was asked for, by the set's UID."""

    follows: ClassVar[type[objects.Object]] = objects.Server

    def __init__(self, owned: Callable[[str], Mapping[Any, objects.Server]]) -> None:
        """Know by `owned` which servers the object of a UID controls."""
        self._owned = owned
        self._kept: dict[str, Register] = {}

    @classmethod
    def over(cls, caches: Caches) -> Self:
        """Return registers of the sets in these caches."""
        return cls(functools.partial(caches.by, relations.SERVERS_BY_OWNER))

    def of(self, uid: str) -> Register:
        """Return the register of the set of that UID: to be read at once."""
        kept = self._kept.get(uid)
        if kept is not None:
            return kept
        found = self._owned(uid)
        made = Register({each.spec.ordinal: each for each in found.values()})
        # Two of one ordinal, which only a person can have made, are sorted out anew each time.
        if made and len(made) == len(found):
            self._kept[uid] = made
        return made

    def change(self, old: objects.Server | None, new: objects.Server | None) -> None:
        """Take in what became of a server: nothing, until a register is kept."""
        if not self._kept:
            return
        before, after = _place(old), _place(new)
        if old is not None and before != after:
            self._leave(*before, old)
        if new is not None:
            self._enter(*after, new)

    def _enter(self, uid: str, ordinal: int, server: objects.Server) -> None:
        register = self._kept.get(uid)
        if register is None:
            return
        there = register.get(ordinal)
        if there is not None and there.metadata.name != server.metadata.name:
            del self._kept[uid]
        else:
            register.put(server)

    def _leave(self, uid: str, ordinal: int, server: objects.Server) -> None:
        register = self._kept.get(uid)
        there = register.get(ordinal) if register is not None else None
        if register is None or there is None or there.metadata.name != server.metadata.name:
            return
        register.remove(ordinal)
        if not register:
            del self._kept[uid]


def _place(server: objects.Server | None) -> tuple[str, int]:
    owner = server.metadata.controller if server is not None else None
    return (owner.uid if owner else "", server.spec.ordinal if server is not None else -1)
