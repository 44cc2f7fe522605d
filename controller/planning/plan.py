"""The answer of a planner: actions, status, when to look again, and why.

`execution` carries plans out, `explain` and `why` narrate them; the planners are the same.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

from controller import contract
from controller.api import objects
from controller.api.resources import Resource
from controller.reasons import AnyReason

Manifest = Mapping[str, Any]


class Urgency(enum.IntEnum):
    """How large a share of the writes it belongs to; never an absolute class.

    Absolute classes starve whatever stands in the lowest; shares cannot.
    """

    ROUTINE = 0
    INTERACTIVE = 1
    TEARDOWN = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """POST `body`; an object of the same name that our owner controls counts as made."""

    resource: Resource
    body: Manifest
    why: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Merge `body` into the object with this `uid`, and only into `resource_version` if given.

    A null in `body` removes; a list replaces. With `replaces` it is not merged: `body` is all that
    there is to be of the subresource.
    """

    resource: Resource
    namespace: str
    name: str
    uid: str
    body: Manifest
    why: str
    resource_version: str = ""
    subresource: str = ""
    replaces: bool = False
    field_manager: str = "argosy"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete the object with this `uid`, and no other that may have taken its name.

    With a `resource_version`, only if it has not changed since.
    """

    resource: Resource
    namespace: str
    name: str
    uid: str
    why: str
    resource_version: str = ""
    grace_seconds: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hear:
    """Ask what the cluster said last of an object that does not get on; nothing is written.

    The answer is an outcome: the latest Warning about it, or else what is said `otherwise`.
    """

    resource: Resource
    namespace: str
    name: str
    uid: str
    otherwise: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """The object, and no other of its name, for which an instance was made."""

    resource: Resource
    namespace: str
    name: str
    uid: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOrphan:
    """Tear down an orphan that its fleet's provider can reach again.

    One that was not given up on purpose has a `claimant`: only if the API server has no such
    object.
    """

    instance: str
    server: str
    why: str
    claimant: Claimant | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeleteClaim:
    """Have the provider of a fleet delete a claim, with its data."""

    claim: contract.Claim
    fleet: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """Record an Event, only for a change that a person would want to know.

    On the planned object; or on what it is `about`, where the planned one is about to go itself.
    """

    reason: AnyReason
    message: str
    warning: bool = False
    # The cause of the Event, where its message has more that changes: one is recorded for each.
    cause: str = ""
    about: objects.Object | None = None


# The requests to the API server.
Request = Create | Patch | Delete | Hear
Action = Request | contract.Call | DeleteOrphan | DeleteClaim | RecordEvent

Status = (
    objects.ApplicationStatus
    | objects.ServerSetStatus
    | objects.ServerStatus
    | objects.OperationStatus
    | objects.BuildStatus
    | objects.FleetStatus
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole answer for one object.

    `actions` are carried out in order of their urgency, and in parallel: none may rely on another
    of the same plan. `status` is what was seen, or None where nothing is worth a write; it is
    written at once if `write_status_now`, else coalesced; `first_status_can_wait` says that it is
    the first of its object and tells of nothing wrong. `wake_after` is in seconds from the
    snapshot's `now`. `notes` say why, one sentence for each count and each wait.
    """

    actions: Sequence[Action] = ()
    status: Status | None = None
    write_status_now: bool = True
    first_status_can_wait: bool = False
    wake_after: float | None = None
    notes: tuple[str, ...] = ()
    urgency: Urgency = Urgency.ROUTINE


def soonest(*delays: float | None) -> float | None:
    """Return the shortest of the delays that are not None, or None."""
    known = [each for each in delays if each is not None]
    return min(known) if known else None
