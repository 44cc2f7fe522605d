"""A Server, as planning reads it."""

from __future__ import annotations

import msgspec

from controller.api import nesting
from controller.api.conditions import Blocked, Conditions
from controller.api.views.meta import NULL, Json, Object, View, share
from controller.api.views.policies import Deletion, Recovery, VolumeClaim


class Task(View, frozen=True, kw_only=True):
    """What a server is asked to do; see the task protocol."""

    id: str
    operation: str
    run: str = ""
    step: str = ""
    action: str = ""
    # Everything the act needs, resolved when the task was given: an operation may be gone by then.
    parameters: Json = NULL
    cancel: bool = False

    def __post_init__(self) -> None:
        share(self, "parameters", most=nesting.WRAPPED)


class ServerSpec(View, frozen=True, kw_only=True):
    """What a server should be.

    On the wire are references. What they refer to, from `template` to `min_ready_seconds`, is
    filled in when a snapshot is gathered: see `kinds.revisions.references`. Servers of 0.1 carry a
    copy of it.
    """

    application: str
    component: str
    ordinal: int
    fleet: str = "pods"
    incarnation: int = 1
    revision: str = ""
    template: Json = NULL
    volume_claims: tuple[VolumeClaim, ...] = ()
    recovery: Recovery = Recovery()
    deletion: Deletion = Deletion()
    min_ready_seconds: int = 0
    power: str = "Running"
    held: bool = False
    task: Task | None = None

    def __post_init__(self) -> None:
        share(self, "template")


class ProviderStatus(View, frozen=True, kw_only=True, gc=False):
    id: str = ""
    zone: str = ""
    addresses: tuple[str, ...] = ()


class LastError(View, frozen=True, kw_only=True, gc=False):
    """The latest failure. `class` is Transient, Terminal or Unknown."""

    class_: str = msgspec.field(name="class", default="")
    message: str = ""
    time: str | None = None


class Attempts(View, frozen=True, kw_only=True):
    """What making the server took: of `revision` and `incarnation`, the latest of them failed."""

    count: int = 0
    alternative: int = 0
    last_error: LastError | None = None
    next_attempt_time: str | None = None
    revision: str = ""
    incarnation: int = 0
    # The provider's id of the instance that failed last, so that it is counted once.
    instance: str = ""


class TaskStatus(View, frozen=True, kw_only=True):
    """How the task went: state is Pending, Started, Succeeded, Failed, Cancelled or Unknown."""

    id: str
    attempt: int = 0
    state: str = "Pending"
    message: str = ""
    error_class: str = ""
    # The operator process that began it, so that a successor knows that it did not.
    claimed_by: str = ""
    start_time: str | None = None
    end_time: str | None = None


class Checkpoint(View, frozen=True, kw_only=True, gc=False):
    """A step passed, or failed in a run: what another incarnation passed does not count."""

    operation: str
    run: str
    step: str
    incarnation: int
    failed: bool = False


class ServerStatus(View, frozen=True, kw_only=True):
    observed_generation: int = 0
    conditions: Conditions = ()
    provider: ProviderStatus = ProviderStatus()
    revision: str = ""
    incarnation: int = 0
    power: str = ""
    attempts: Attempts = Attempts()
    task: TaskStatus | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    blocked_by: tuple[Blocked, ...] = ()
    last_handled_retry: str = ""


class Server(Object, frozen=True, kw_only=True):
    spec: ServerSpec
    status: ServerStatus = ServerStatus()
