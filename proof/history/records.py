"""What one line of an audit log holds, as far as the invariants read it.

`journal` decodes lines into these. One spec and one status fit all kinds: fields that a kind lacks
keep their defaults, so a history of a hundred thousand lines stays small.
"""

from __future__ import annotations

import datetime as dt

import msgspec

NOTHING = msgspec.Raw(b"null")


class Record(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The base: camelCase on the wire, unknown fields skipped."""


class User(Record, frozen=True, kw_only=True, gc=False):
    """Who asked."""

    username: str = ""


class Reference(Record, frozen=True, kw_only=True, gc=False):
    """What a request was about."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Answer(Record, frozen=True, kw_only=True, gc=False):
    """How a request ended."""

    code: int = 0
    reason: str = ""


class Line(Record, frozen=True, kw_only=True):
    """One audit event."""

    stage: str = ""
    audit_id: str = msgspec.field(name="auditID", default="")
    verb: str = ""
    user: User = User()
    user_agent: str = ""
    request_uri: str = msgspec.field(name="requestURI", default="")
    object_ref: Reference = Reference()
    response_status: Answer = Answer()
    request_object: msgspec.Raw = NOTHING
    response_object: msgspec.Raw = NOTHING
    request_received_timestamp: dt.datetime | None = None
    stage_timestamp: dt.datetime | None = None


class Owner(Record, frozen=True, kw_only=True, gc=False):
    """An owner reference."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Meta(Record, frozen=True, kw_only=True):
    """An object's metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[Owner, ...] = ()


class Details(Record, frozen=True, kw_only=True, gc=False):
    """What a Status is about."""

    uid: str = ""


class Body(Record, frozen=True, kw_only=True):
    """Any answer: an object, a Status, or a list."""

    kind: str = ""
    metadata: Meta = Meta()
    spec: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING
    details: Details | None = None
    items: tuple[Body, ...] | None = None


class Task(Record, frozen=True, kw_only=True, gc=False):
    """What a server was asked to do."""

    id: str = ""
    operation: str = ""
    action: str = ""


class TaskState(Record, frozen=True, kw_only=True, gc=False):
    """How that went."""

    id: str = ""
    attempt: int = 0
    state: str = ""


class Checkpoint(Record, frozen=True, kw_only=True, gc=False):
    """A step that a server passed."""

    operation: str = ""
    run: str = ""
    step: str = ""
    incarnation: int = 0


class Rollout(Record, frozen=True, kw_only=True, gc=False):
    """The part of a rollout policy that bounds how many servers there are, and are down."""

    strategy: str = "RollingUpdate"
    max_surge: int | str = 0
    max_unavailable: int | str = "10%"
    progress_deadline_seconds: int = 600
    one_domain_at_a_time: bool = False
    evictions: str = "Budget"


class Remediation(Record, frozen=True, kw_only=True, gc=False):
    """The policy for servers that were ready and are ill."""

    after_seconds: int = 300
    max_ill: int | str = "40%"
    max_hold_seconds: int = 1800
    per: str = "Domain"


class Recovery(Record, frozen=True, kw_only=True, gc=False):
    """The part of a recovery policy that is about ill servers."""

    remediation: Remediation = Remediation()


class Deletion(Record, frozen=True, kw_only=True, gc=False):
    """The part of a deletion policy that lets a finalizer go early."""

    on_timeout: str = "Wait"


class Limits(Record, frozen=True, kw_only=True, gc=False):
    """How many calls a Fleet allows to its provider."""

    concurrent_calls: int | None = None
    calls_per_second: int | None = None


class Drift(Record, frozen=True, kw_only=True):
    """The fields of pods that a component leaves to others."""

    ignore: tuple[str, ...] = ()


class Container(Record, frozen=True, kw_only=True, gc=False):
    """A container of a pod."""

    name: str = ""
    image: str = ""


class Spec(Record, frozen=True, kw_only=True):
    """The fields of all specs that the invariants read."""

    application: str = ""
    component: str = ""
    ordinal: int = -1
    fleet: str = "pods"
    domain: str = ""
    incarnation: int = 0
    revision: str = ""
    power: str = "Running"
    paused: bool = False
    action: str = ""
    components: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    start_deadline_seconds: int = 600
    timeout_seconds: int = 3600
    replicas: int | None = None
    # Of a PodDisruptionBudget: how many pods evictions must leave.
    min_available: int | str | None = None
    # None: the component's own budget.
    concurrency: int | str | None = None
    # Of a Fleet.
    limits: Limits = Limits()
    rollout: Rollout = Rollout()
    recovery: Recovery = Recovery()
    deletion: Deletion = Deletion()
    drift: Drift | None = None
    held: bool = False
    task: Task | None = None
    holder_identity: str = ""


class Condition(Record, frozen=True, kw_only=True, gc=False):
    """One condition."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    observed_generation: int = 0
    last_transition_time: str | None = None


class Blocked(Record, frozen=True, kw_only=True, gc=False):
    """What an object waits for."""

    object: str = ""
    reason: str = ""
    remedy: str = ""


class LastError(Record, frozen=True, kw_only=True, gc=False):
    """How the last attempt to make a server failed."""

    kind: str = msgspec.field(name="class", default="")


class Attempts(Record, frozen=True, kw_only=True, gc=False):
    """The failed attempts to make a server."""

    count: int = 0
    exhausted: bool = False
    last_error: LastError | None = None


class Instance(Record, frozen=True, kw_only=True, gc=False):
    """Where the instance of a server is."""

    zone: str = ""


class Status(Record, frozen=True, kw_only=True):
    """The fields of all statuses that the invariants read."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    blocked_by: tuple[Blocked, ...] = ()
    # Of a Fleet.
    circuit: str = ""
    attempts: Attempts = Attempts()
    phase: str = ""
    run: str = ""
    revision: str = ""
    proven_revision: str = ""
    budget_spent: bool = False
    power: str = ""
    provider: Instance | None = None
    incarnation: int = 0
    start_time: str | None = None
    ready: int = 0
    total: int = 0
    targets: tuple[str, ...] = ()
    task: TaskState | None = None
    checkpoints: tuple[Checkpoint, ...] = ()

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type, if there is one."""
        return next((each for each in self.conditions if each.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Return whether the condition of a type is there and True."""
        found = self.condition(kind)
        return found is not None and found.status == "True"


class Identity(Record, frozen=True, kw_only=True, gc=False):
    """What a request says of the object that it means."""

    uid: str = ""
    resource_version: str = ""


class Named(Record, frozen=True, kw_only=True):
    """What a request says of the object that it means, and whose that is to be, and which one."""

    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str | None] | None = None
    owner_references: tuple[Owner, ...] = ()


class Asked(Record, frozen=True, kw_only=True):
    """The body of a request, as far as it names one object and no other."""

    metadata: Named = Named()
    preconditions: Identity = Identity()
    # Nothing is on record of the body.
    unread: bool = False


class Operation(Record, frozen=True, kw_only=True, gc=False):
    """One operation of a JSON patch."""

    op: str = ""
    path: str = ""
    value: msgspec.Raw = NOTHING
