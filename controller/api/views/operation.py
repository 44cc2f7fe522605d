"""An Operation, as planning reads it."""

from __future__ import annotations

import msgspec

from controller.api.conditions import Blocked, Conditions
from controller.api.views.meta import NULL, Json, Object, View, share
from controller.api.views.policies import Backoff


class Step(View, frozen=True, kw_only=True):
    name: str
    scope: str = "Server"
    timeout_seconds: int = 600
    on_unknown: str = "Fail"
    # Exactly one of these says what is done.
    action: str = ""
    exec: Json = NULL
    http: Json = NULL
    job: Json = NULL
    # An exec, http or job in the same form, run on revert.
    compensate: Json = NULL

    def __post_init__(self) -> None:
        share(self, "exec", "http", "job", "compensate")


class OperationRecovery(View, frozen=True, kw_only=True):
    attempts: int = 3
    backoff: Backoff = Backoff()


class Retry(View, frozen=True, kw_only=True):
    id: str
    # `from` is a keyword: the step to start again at.
    from_step: str = msgspec.field(name="from", default="")
    parameters: dict[str, str] = {}


class OperationSpec(View, frozen=True, kw_only=True):
    application: str
    action: str
    components: tuple[str, ...] = ()
    servers: str = ""
    steps: tuple[Step, ...] = ()
    parameters: dict[str, str] = {}
    # None: the component's own unavailability budget.
    concurrency: int | str | None = None
    failure_budget: int | str = "10%"
    order: str = "Ascending"
    recovery: OperationRecovery = OperationRecovery()
    on_failure: str = "Halt"
    start_deadline_seconds: int = 600
    timeout_seconds: int = 3600
    cancel_grace_seconds: int = 30
    ttl_seconds_after_finished: int = 86400
    paused: bool = False
    cancelled: bool = False
    retry: Retry | None = None


class StepStatus(View, frozen=True, kw_only=True, omit_defaults=False, gc=False):
    name: str
    passed: int = 0
    running: int = 0
    failed: int = 0


class Retried(View, frozen=True, kw_only=True, gc=False):
    """A retry that has begun: its id is the run's, `from` the step it started again at."""

    id: str
    from_step: str = msgspec.field(name="from", default="")


class FailureRecord(View, frozen=True, kw_only=True, gc=False):
    server: str
    step: str = ""
    class_: str = msgspec.field(name="class", default="")
    message: str = ""
    attempts: int = 0


class OperationStatus(View, frozen=True, kw_only=True, omit_defaults=False):
    observed_generation: int = 0
    conditions: Conditions = ()
    run: str = ""
    progress: str = ""
    total: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    steps: tuple[StepStatus, ...] = ()
    failures: tuple[FailureRecord, ...] = ()
    # The parameters of the retry that the run began with; None for a run that no retry began.
    parameters: dict[str, str] | None = None
    # The servers that the run was given when it started, "component/ordinals" in order.
    targets: tuple[str, ...] = ()
    # For RollBack: the revisions that it leaves, "component/revision" in order.
    leaving: tuple[str, ...] = ()
    retries: tuple[Retried, ...] = ()
    start_time: str | None = None
    # Since when it is paused, and for how long it was before: deadlines do not count that time.
    pause_time: str | None = None
    paused_seconds: int = 0
    cancel_time: str | None = None
    completion_time: str | None = None
    last_progress_time: str | None = None
    blocked_by: tuple[Blocked, ...] = ()


class Operation(Object, frozen=True, kw_only=True):
    spec: OperationSpec
    status: OperationStatus = OperationStatus()
