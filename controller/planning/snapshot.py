"""What planners are given: everything they may know, gathered at one moment, frozen.

`execution.gather` builds these from caches and provider observations; tests build them by hand.
Times are seconds since the epoch.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

from controller.api import objects
from controller.planning.register import Register


class Capability(enum.StrEnum):
    """What a provider can do beyond create, observe and delete."""

    DNS = "Dns"  # servers are found by a headless Service of the ServerSet's name
    CLAIMS = "Claims"  # servers may have volume claims of their own
    CHANGE_IN_PLACE = "ChangeInPlace"
    STOP = "Stop"  # a server can be stopped and started without losing what it is
    EXEC = "Exec"
    SNAPSHOT = "Snapshot"
    RESTORE = "Restore"


class Phase(enum.StrEnum):
    """What is seen of a server's substance."""

    UNKNOWN = "Unknown"  # not observed yet: nothing may be concluded
    ABSENT = "Absent"
    PENDING = "Pending"
    RUNNING = "Running"
    STOPPED = "Stopped"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    UNREACHABLE = "Unreachable"
    FOREIGN = "Foreign"  # the name is taken by something that is not this server's


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a provider sees of one server at this moment."""

    phase: Phase
    id: str = ""
    zone: str = ""
    addresses: tuple[str, ...] = ()
    revision: str = ""
    incarnation: int = 0
    alternative: int = 0
    ready: bool = False
    ready_since: float = 0.0
    # An in-place change has been asked for and is not yet seen to be complete.
    changing: bool = False
    # What differs, by hand of others, from what was made ("label argosy.dev/component"); sorted.
    drift: tuple[str, ...] = ()
    reason: str = ""
    message: str = ""
    # Transient or Terminal, for FAILED and for a PENDING that will not get better.
    error_class: str = ""
    since: float = 0.0
    # How long the instance has to end by what it was made from; None where nothing says.
    grace_seconds: int | None = None
    # Claims that exist, by template name; `claims_terminating` among them are on their way out.
    claims: tuple[str, ...] = ()


ABSENT = Observation(phase=Phase.ABSENT)
UNKNOWN = Observation(phase=Phase.UNKNOWN)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """What planning needs of the fleet that an object names.

    `problem` is a reason (UnknownFleet, FleetNotAllowed) where it cannot be used, with a message.
    `keeps_orphans` tells whether there is a Fleet object to record abandoned instances on, and
    `orphans` are the ids already recorded there. `may_abandon` is false where there is no record,
    and nobody else who would collect what was let go.
    """

    name: str
    capabilities: frozenset[Capability] = frozenset()
    problem: str = ""
    message: str = ""
    keeps_orphans: bool = False
    may_abandon: bool = True
    orphans: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A write that the API server or a provider refused, kept until what was planned changes.

    `object` is "pods/shop-web-3"; `reason` a documented constant (NameTaken, TemplateRefused, …).
    """

    object: str
    reason: str
    message: str
    terminal: bool
    time: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSnapshot:
    """An application and all that is one step below it."""

    now: float
    application: objects.Application
    fleet: FleetFacts
    sets: Mapping[str, objects.ServerSet]  # by component; also those no longer in the spec
    revisions: tuple[objects.ControllerRevision, ...] = ()
    operations: tuple[objects.Operation, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    namespace_terminating: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerSetSnapshot:
    """A ServerSet, its servers by ordinal, and what its application says."""

    now: float
    server_set: objects.ServerSet
    servers: Register
    fleet: FleetFacts
    # None where the application is gone (an orphaned or broken set).
    application: objects.Application | None = None
    service: objects.Service | None = None
    claims: tuple[objects.Claim, ...] = ()
    # The application's; what a server below the partition comes back with.
    revisions: tuple[objects.ControllerRevision, ...] = ()
    # Since when this process has been watching: time in which nobody did is no missed deadline.
    watching_since: float = 0.0
    refusals: tuple[Refusal, ...] = ()
    namespace_terminating: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerSnapshot:
    """A server, what its provider sees of it, and what its application says."""

    now: float
    server: objects.Server
    observation: Observation
    fleet: FleetFacts
    application: objects.Application | None = None
    refusals: tuple[Refusal, ...] = ()
    # The id of a task that this process is carrying out, until its result is seen in the cache;
    # empty after a crash.
    acting: str = ""
    # This process and no other, not even its own successor: who claims a task. Empty: nobody may.
    holder: str = ""
    # Whether the headless Service of its set is there, by which others find it.
    published: bool = True
    namespace_terminating: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OperationSnapshot:
    """An operation, the servers of its application, and the operations beside it."""

    now: float
    operation: objects.Operation
    application: objects.Application | None
    fleet: FleetFacts
    sets: Mapping[str, objects.ServerSet]
    servers: Mapping[tuple[str, int], objects.Server]  # by component and ordinal
    others: tuple[objects.Operation, ...] = ()
    # The ControllerRevisions of the application: RollBack condemns one of them.
    revisions: tuple[objects.ControllerRevision, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    namespace_terminating: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetSnapshot:
    """A fleet, and how many servers name it.

    `orphans` were abandoned and may not be recorded yet; `returned` and `gone` are the ids of
    recorded ones that the provider can reach again, or knows to exist no more.
    """

    now: float
    fleet: objects.Fleet
    servers: int
    known_provider: bool
    orphans: tuple[objects.Orphan, ...] = ()
    circuit: str = "Closed"
    returned: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
