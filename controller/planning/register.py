"""A set's servers by ordinal, kept from plan to plan together with what a census found of them.

The ServerSet planner runs at every change of a server, and its sets are large. So a server that is
well is looked at again only once it has changed, or what the set says of its servers has; only the
others are looked at each time, as they may become available by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.api import objects
from controller.planning import ordinals
from controller.planning.census import Census, Count, is_spare
from controller.planning.ownership import owned_by


class Register(Mapping[int, objects.Server]):
    """The servers of one set; a census of them takes as long as it has news."""

    def __init__(self, servers: Mapping[int, objects.Server] | None = None) -> None:
        self._servers = dict(servers or {})
        # Of them, those that are the set's own and stay.
        self._present: dict[int, objects.Server] = {}
        # The basis of the last census: the set's UID and spec.
        self._basis: tuple[str, objects.ServerSetSpec] | None = None
        self._changed: set[int] = set()
        self._unsettled: set[int] = set()

    def __getitem__(self, ordinal: int) -> objects.Server:
        """Return the server of that ordinal."""
        return self._servers[ordinal]

    def __iter__(self) -> Iterator[int]:
        """Yield the ordinals."""
        return iter(self._servers)

    def __len__(self) -> int:
        """Return how many servers there are, on their way out or not."""
        return len(self._servers)

    def put(self, server: objects.Server) -> None:
        """Take in a server that is new, or has changed."""
        self._servers[server.spec.ordinal] = server
        self._changed.add(server.spec.ordinal)

    def remove(self, ordinal: int) -> None:
        """Forget the server of that ordinal."""
        del self._servers[ordinal]
        self._changed.add(ordinal)

    def census(self, server_set: objects.ServerSet, now: float) -> Census:
        """Return what the servers are to the set now; its `servers` are to be read at once."""
        spec, uid = server_set.spec, server_set.metadata.uid
        count, leaving, foreign, spares = Count(spec, now), [], [], 0
        unsettled: set[int] = set()
        end = ordinals.first(spec) + spec.replicas
        for ordinal in self._worth_a_look(uid, spec):
            self._present.pop(ordinal, None)
            server = self._servers.get(ordinal)
            if server is None:
                continue
            if not owned_by(server, server_set):
                foreign.append(ordinal)
            elif server.metadata.deletion_timestamp is not None:
                leaving.append(server)
            else:
                self._present[ordinal] = server
                spare = is_spare(server, end)
                spares += spare
                if count.add(ordinal, server) and not spare:
                    continue
            unsettled.add(ordinal)
        self._changed.clear()
        self._unsettled = unsettled
        well = len(self._present) - len(count.odd)
        return Census(
            desired=spec.replicas,
            first=ordinals.first(spec),
            target=count.target,
            partition=count.partition,
            servers=self._present,
            odd=tuple(count.odd),
            leaving=tuple(leaving),
            foreign=tuple(foreign),
            updated=count.updated + well,
            ready=count.ready + well,
            available=count.available + well,
            counting=count.counting + well,
            failed=count.failed,
            spares=spares,
            soonest=count.soonest,
        )

    def _worth_a_look(self, uid: str, spec: objects.ServerSetSpec) -> list[int]:
        """Return the ordinals that may have become something else since the last census."""
        before, self._basis = self._basis, (uid, spec)
        if before == self._basis:
            return sorted(self._changed | self._unsettled)
        self._present.clear()
        return sorted(self._servers)
