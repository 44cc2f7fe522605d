"""The state of each of a set's servers, and how many are in which.

Sets are large, and mostly well: a server that is as it should be, and healthy, is a number here,
and only the others are told one by one. `register` takes the census.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import NamedTuple

from controller.api import names, objects, tags
from controller.planning import availability, ordinals
from controller.planning.plan import soonest

SPARE = "spare"


class Facts(NamedTuple):
    """The facts of one server that is not simply as it should be, and healthy."""

    ordinal: int
    server: objects.Server
    # The server says that it is ready, if not yet for minReadySeconds.
    ready: bool
    available: bool
    # Available, and under no task: so it counts to the unavailability budget.
    counts: bool
    failed: bool
    # The server was not told to run the target revision.
    stale: bool
    operated: bool
    # The partition keeps it where it is, or a person does.
    kept: bool

    @property
    def due(self) -> bool:
        """Whether the rollout has yet to tell the server to run the target revision."""
        return self.stale and not self.kept


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """A set's servers, counted. One that is being deleted is in `leaving` and in no other count."""

    desired: int
    # The lowest ordinal that servers are to have.
    first: int
    target: str
    partition: int
    servers: Mapping[int, objects.Server]
    odd: tuple[Facts, ...]
    leaving: tuple[objects.Server, ...]
    # Ordinals whose Server belongs to somebody else.
    foreign: tuple[int, ...]
    updated: int
    ready: int
    available: int
    # Available and under no task.
    counting: int
    failed: int
    # Added by a rollout above those that are desired.
    spares: int
    # Seconds until the next ready server will have been so for minReadySeconds.
    soonest: float | None

    @property
    def end(self) -> int:
        """The ordinal above the highest that a server is to have, but for spare ones."""
        return self.first + self.desired

    @property
    def below(self) -> frozenset[int]:
        """The ordinals of servers below the lowest; one that a person holds stays there."""
        if not self.first:
            return frozenset()
        servers = self.servers.items()
        return frozenset(each for each, one in servers if each < self.first and not one.spec.held)

    @property
    def present(self) -> int:
        """How many servers there are."""
        return len(self.servers)

    @property
    def due(self) -> tuple[Facts, ...]:
        """The servers that the rollout has yet to tell to run the target revision."""
        return tuple(each for each in self.odd if each.due)

    @property
    def beyond_partition(self) -> int:
        """How many servers the partition lets run the target revision."""
        if not self.partition:
            return self.present
        return sum(1 for ordinal in self.servers if ordinal >= self.partition)

    def is_spare(self, ordinal: int) -> bool:
        """Return whether a rollout added the server above those that are desired."""
        return is_spare(self.servers[ordinal], self.end)


def is_spare(server: objects.Server, end: int) -> bool:
    """Return whether a rollout added the server above the desired ones, which are below `end`.

    A set that has grown since has made it one of its own.
    """
    return server.spec.ordinal >= end and tags.delete_first(server.metadata) == SPARE


def lost_labels(server: objects.Server) -> dict[str, str]:
    """Return the server's labels that somebody took off or changed."""
    told, meta = server.spec, server.metadata
    return names.missing_or_changed(
        meta.labels, names.labels(told.application, told.component, meta.name)
    )


class Count:
    """The running counts of one pass over the servers that are not simply well."""

    __slots__ = (
        "available",
        "counting",
        "failed",
        "now",
        "odd",
        "partition",
        "ready",
        "soonest",
        "target",
        "updated",
        "waiting",
    )

    def __init__(self, spec: objects.ServerSetSpec, now: float) -> None:
        self.now = now
        self.target = spec.revision
        # One that keeps all servers keeps the spare ones that stand in for them, too.
        partition = spec.rollout.partition
        whole = 0 < spec.replicas <= partition
        self.partition = sys.maxsize if whole else ordinals.free_from(spec)
        self.waiting = spec.rollout.min_ready_seconds
        self.updated = self.ready = self.available = self.counting = self.failed = 0
        self.soonest: float | None = None
        self.odd: list[Facts] = []

    def add(self, ordinal: int, server: objects.Server) -> bool:
        """Count the server, or return True, uncounted, if it is well: as it should be, and healthy.

        One that is well stays so until it changes, or what the set says of its servers.
        """
        told, status = server.spec, server.status
        stale = told.revision != self.target
        lacking = availability.seconds_until_available(server, self.now, self.waiting)
        operated = told.task is not None and availability.operated(server)
        unlabelled = not stale and bool(lost_labels(server))
        if lacking <= 0 and not (operated or stale or unlabelled or status.blocked_by):
            return True
        if not stale and status.revision == self.target and status.incarnation == told.incarnation:
            self.updated += 1
        if lacking <= 0:
            self.ready += 1
            self.available += 1
            self.counting += not operated
        elif lacking < availability.FOREVER:
            self.ready += 1
            self.soonest = soonest(self.soonest, lacking)
        failed = lacking >= availability.FOREVER and availability.failed_for_good(server)
        self.failed += failed
        self.odd.append(
            Facts(
                ordinal=ordinal,
                server=server,
                ready=lacking < availability.FOREVER,
                available=lacking <= 0,
                counts=lacking <= 0 and not operated,
                failed=failed,
                stale=stale,
                operated=operated,
                kept=told.held or ordinal < self.partition,
            )
        )
        return False
