"""One pass over a set's servers: what each of them is, and how many are what.

The ServerSet planner runs often and its sets are large, so a server that is as it should be costs
a few comparisons and leaves nothing behind; only the others are remembered one by one.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from controller.api import names, objects
from controller.planning import availability, rendering, snapshot
from controller.planning.manifests import owned_by
from controller.planning.plan import soonest

SPARE = "spare"


class Facts(NamedTuple):
    """What is known of one server that is not simply as it should be, and healthy."""

    ordinal: int
    server: objects.Server
    # It says that it is ready, if not yet for minReadySeconds.
    ready: bool
    available: bool
    # Available, and under no task: so it counts to the unavailability budget.
    counts: bool
    failed: bool
    # It was not told to run the target revision.
    stale: bool
    operated: bool
    # The partition keeps it where it is, or a person does.
    kept: bool
    # It was told the target revision, but not exactly what the set says.
    differs: bool

    @property
    def due(self) -> bool:
        """Whether the rollout has yet to tell the server to run the target revision."""
        return self.stale and not self.kept


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """A set's servers, counted. What is being deleted is in `leaving` and in no other count."""

    desired: int
    target: str
    partition: int
    servers: dict[int, objects.Server]
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
        return is_spare(self.servers[ordinal], self.desired)


def is_spare(server: objects.Server, desired: int) -> bool:
    """Return whether a rollout added the server above the `desired` ones.

    A set that has grown since has made it one of its own.
    """
    annotations = server.metadata.annotations
    return (
        bool(annotations)
        and server.spec.ordinal >= desired
        and annotations.get(names.DELETE_FIRST_ANNOTATION) == SPARE
    )


def as_told(spec: objects.ServerSetSpec, server: objects.ServerSpec) -> bool:
    """Return whether the server's spec is what the set says, policies included."""
    return (
        server.revision == spec.revision
        and (server.template is spec.template or rendering.same(server.template, spec.template))
        and server.volume_claims == spec.volume_claims
        and server.recovery == spec.recovery
        and server.deletion == spec.deletion
        and server.min_ready_seconds == spec.rollout.min_ready_seconds
    )


def take(given: snapshot.ServerSetSnapshot) -> Census:
    """Return the census of the set's servers."""
    count = _Count(given)
    leaving: list[objects.Server] = []
    foreign: list[int] = []
    servers: dict[int, objects.Server] = {}
    odd: list[Facts] = []
    uid, desired, spares = given.server_set.metadata.uid, given.server_set.spec.replicas, 0
    for ordinal, server in given.servers.items():
        owners = server.metadata.owner_references
        if not (owners and owners[0].uid == uid and owners[0].controller) and not owned_by(
            server, given.server_set
        ):
            foreign.append(ordinal)
        elif server.metadata.deletion_timestamp is not None:
            leaving.append(server)
        else:
            servers[ordinal] = server
            if ordinal >= desired:
                spares += is_spare(server, desired)
            facts = count.add(ordinal, server)
            if facts is not None:
                odd.append(facts)
    return Census(
        desired=desired,
        target=count.target,
        partition=count.partition,
        servers=servers,
        odd=tuple(sorted(odd)),
        leaving=tuple(leaving),
        foreign=tuple(sorted(foreign)),
        updated=count.updated,
        ready=count.ready,
        available=count.available,
        counting=count.counting,
        failed=count.failed,
        spares=spares,
        soonest=count.soonest,
    )


class _Count:
    """The running counts of one pass."""

    __slots__ = (
        "available",
        "counting",
        "failed",
        "now",
        "operated",
        "partition",
        "ready",
        "soonest",
        "spec",
        "target",
        "updated",
        "waiting",
    )

    def __init__(self, given: snapshot.ServerSetSnapshot) -> None:
        self.now = given.now
        self.operated = given.operated
        self.spec = given.server_set.spec
        self.target = self.spec.revision
        self.partition = self.spec.rollout.partition
        self.waiting = self.spec.rollout.min_ready_seconds
        self.updated = self.ready = self.available = self.counting = self.failed = 0
        self.soonest: float | None = None

    def add(self, ordinal: int, server: objects.Server) -> Facts | None:
        """Count the server; return its facts unless it is as it should be and healthy."""
        told, status = server.spec, server.status
        stale = told.revision != self.target
        if not stale and status.revision == self.target and status.incarnation == told.incarnation:
            self.updated += 1
        lacking = availability.seconds_until_available(server, self.now, self.waiting)
        operated = ordinal in self.operated or (
            told.task is not None and availability.operated(server)
        )
        if lacking <= 0:
            self.ready += 1
            self.available += 1
            if not operated:
                self.counting += 1
                if not stale and as_told(self.spec, told):
                    return None
        elif lacking < availability.FOREVER:
            self.ready += 1
            self.soonest = soonest(self.soonest, lacking)
        failed = lacking >= availability.FOREVER and availability.failed_for_good(server)
        self.failed += failed
        return Facts(
            ordinal=ordinal,
            server=server,
            ready=lacking < availability.FOREVER,
            available=lacking <= 0,
            counts=lacking <= 0 and not operated,
            failed=failed,
            stale=stale,
            operated=operated,
            kept=told.held or ordinal < self.partition,
            differs=not stale and not as_told(self.spec, told),
        )
