"""A provider's view of a server, its capabilities, and the facts that planning has of its fleet."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable

from controller.api import objects
from controller.contract.claims import Claim
from controller.contract.display import PLAIN, Display
from controller.reasons import NOTHING, AnyReason


class Capability(enum.StrEnum):
    """An ability of a provider beyond create, observe and delete."""

    DNS = "Dns"  # servers are found by a headless Service of the ServerSet's name
    EVICTIONS = "Evictions"  # servers are evicted, as a PodDisruptionBudget allows
    CLAIMS = "Claims"  # servers may have volume claims of their own
    ADOPT = "Adopt"  # what a StatefulSet left is taken up as it runs
    CHANGE_IN_PLACE = "ChangeInPlace"
    STOP = "Stop"  # a server can be stopped and started without losing what it is
    RESTART = "Restart"  # an instance begins anew without losing what it is
    EXEC = "Exec"
    SNAPSHOT = "Snapshot"
    RESTORE = "Restore"


class Phase(enum.StrEnum):
    """The visible state of a server's substance."""

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
class Volume:
    """One of a server's own claims: its name in the template, what it asks for, what it has.

    `size` is empty where there is no volume yet. One that is `going` was asked to go, and does with
    its data once no instance uses it.
    """

    name: str
    asked: str = ""
    size: str = ""
    going: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The state of one server as its provider sees it at this moment."""

    phase: Phase
    id: str = ""
    zone: str = ""
    addresses: tuple[str, ...] = ()
    revision: str = ""
    incarnation: int = 0
    alternative: int = 0
    # The server was taken up from what ran it before, at a revision that is none of the
    # component's.
    adopted: bool = False
    ready: bool = False
    ready_since: float = 0.0
    # Whoever would tell how it is does not answer: it may well be at work.
    hidden: bool = False
    # The instance was told to go, and nobody is there to confirm that it has.
    abandoned: bool = False
    # An in-place change has been asked for and is not yet seen to be complete.
    changing: bool = False
    # Nor will it be on this instance: only a new one can be what is asked for.
    unchangeable: bool = False
    # Differences, by hand of others, from what was made ("label argosy.dev/component") that can be
    # put right on the instance that is there; sorted.
    drift: tuple[str, ...] = ()
    # Entries of `drift` and `left` that are about what runs, not only about what is written on it.
    altered: tuple[str, ...] = ()
    # Differences that only a new instance undoes.
    lasting: tuple[str, ...] = ()
    # Differences that are always somebody else's to make, such as what an autoscaler resizes.
    resized: tuple[str, ...] = ()
    # Differences that are somebody else's to make, as the component says.
    ignored: tuple[str, ...] = ()
    # Drift that was set again after it was mended `mended` times, and by whom: that is left.
    left: tuple[str, ...] = ()
    left_by: str = ""
    mended: int = 0
    reason: AnyReason = NOTHING
    message: str = ""
    # A command that helps with `reason`, as one can type it, where the provider knows one.
    remedy: str = ""
    # The object that `reason` is about, such as "Fleet/pods", where that is not the server alone:
    # whatever is above the server tells it, too.
    blocker: str = ""
    # Transient or Terminal, for FAILED and for a PENDING that will not get better; Waiting where
    # nothing is wrong with what was asked for.
    error_class: str = ""
    since: float = 0.0
    # How long the instance has to end by what it was made from; None where nothing says.
    grace_seconds: int | None = None
    # Doubles that were made for it and are being deleted, in words of people ("server 7f3e").
    doubles: tuple[str, ...] = ()
    # Doubles that do not go, and why ("server 7f3e: it is locked").
    stuck: tuple[str, ...] = ()
    # Claims that exist.
    volumes: tuple[Volume, ...] = ()

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims that exist, by their names in the template."""
        return tuple(each.name for each in self.volumes)


ABSENT = Observation(phase=Phase.ABSENT)


UNKNOWN = Observation(phase=Phase.UNKNOWN)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why a fleet is not to be called for now, and when that may be over (0: nobody knows).

    With a `namespace` it is not to be called for servers of that namespace alone.
    """

    reason: AnyReason
    message: str
    until: float = 0.0
    namespace: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutageSpan:
    """The latest time in which a fleet's provider did not work: what failed then failed by it.

    The outage began with the calls that told of it, and is over once calls go through again; or
    `lasts`.
    """

    began: float = 0.0
    over: float = 0.0
    lasts: bool = False

    def includes(self, time: float) -> bool:
        """Return whether that time is of the outage."""
        return self.began <= time and (self.lasts or time < self.over)

    def joined(self, other: OutageSpan) -> OutageSpan:
        """Return both as one where they overlap, else the later one."""
        earlier, later = sorted((self, other), key=lambda each: (each.lasts, each.over))
        overlaps = earlier.over >= later.began and earlier.began < earlier.over
        if not overlaps and not earlier.lasts:
            return later
        began = min(earlier.began, later.began)
        return OutageSpan(began=began, over=later.over, lasts=later.lasts)

    def clock(self, since: float, now: float) -> float:
        """Return from when a bound counts that began at `since`: no clock runs in an outage.

        Example: of ten minutes four had passed when an hour's outage began; six are left after it.
        """
        end = now if self.lasts else min(self.over, now)
        return since + max(0.0, end - max(self.began, since))


# Whether an instance of one template can become one of another in place.
CanChange = Callable[[bytes, bytes], bool]


def never(before: bytes, after: bytes) -> bool:
    """Change nothing in place."""
    del before, after
    return False


# Of a namespace, application and component; of all components where that is empty.
Claims = Callable[[str, str, str], Iterable[Claim] | None]


def no_claims(namespace: str, application: str, component: str) -> tuple[Claim, ...]:
    """Know of no claims."""
    del namespace, application, component
    return ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """The facts that planning needs of the fleet that an object names.

    `problem` is a reason (UnknownFleet, FleetNotAllowed) where it cannot be used until a person
    changes something, with a message of whole sentences; what is known of its servers is told all
    the same. `pause` is set where that passes by itself. `outage` is when its
    provider did not work, and `window` how long calls must fail to tell that. `can_change` says
    whether an instance of one template can become one of another in place. `claims` tells the
    volumes that servers of a component have or had, or None while that is not known. `record` is
    the Fleet object on which abandoned instances are recorded, where there is one that may be
    written, and `orphans` are the ids already recorded there. `may_abandon` is false where there is
    no record, and nobody else who would collect what was let go. Where its servers are `in_cluster`
    the API server itself answers the calls; `display` is how people see them.
    """

    name: str
    capabilities: frozenset[Capability] = frozenset()
    problem: AnyReason = NOTHING
    message: str = ""
    pause: Pause | None = None
    outage: OutageSpan = OutageSpan()
    window: float = 0.0
    can_change: CanChange = never
    claims: Claims = no_claims
    record: objects.Fleet | None = None
    may_abandon: bool = True
    orphans: frozenset[str] = frozenset()
    # The parts of it that fail by themselves; none where its Fleet names none.
    domains: tuple[objects.FailureDomain, ...] = ()
    in_cluster: bool = False
    display: Display = PLAIN
