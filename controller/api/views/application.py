"""An Application, as planning reads it."""

from __future__ import annotations

from controller.api.conditions import Blocked, Conditions
from controller.api.views.meta import NULL, Json, Object, View, share
from controller.api.views.policies import Deletion, Recovery, Rollout, VolumeClaim


class Component(View, frozen=True, kw_only=True):
    name: str
    replicas: int | None = None
    depends_on: tuple[str, ...] = ()
    template: Json = NULL
    volume_claims: tuple[VolumeClaim, ...] = ()
    rollout: Rollout = Rollout()
    recovery: Recovery = Recovery()

    def __post_init__(self) -> None:
        share(self, "template")


class ApplicationSpec(View, frozen=True, kw_only=True):
    fleet: str = "pods"
    paused: bool = False
    revision_history_limit: int = 10
    deletion: Deletion = Deletion()
    components: tuple[Component, ...] = ()


class ComponentStatus(View, frozen=True, kw_only=True, omit_defaults=False):
    name: str
    desired: int = 0
    current: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    failed: int = 0
    revision: str = ""
    proven_revision: str = ""


class PastOperation(View, frozen=True, kw_only=True):
    name: str
    action: str
    request_time: str
    completion_time: str
    result: str
    requested_by: str = ""
    progress: str = ""


class ApplicationStatus(View, frozen=True, kw_only=True, omit_defaults=False):
    observed_generation: int = 0
    conditions: Conditions = ()
    # The components' counts together.
    desired: int = 0
    current: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    failed: int = 0
    components: tuple[ComponentStatus, ...] = ()
    blocked_by: tuple[Blocked, ...] = ()
    last_handled_retry: str = ""
    operations: tuple[PastOperation, ...] = ()


class Application(Object, frozen=True, kw_only=True):
    spec: ApplicationSpec = ApplicationSpec()
    status: ApplicationStatus = ApplicationStatus()
