"""A ServerSet, as planning reads it."""

from __future__ import annotations

from controller.api.conditions import Blocked, Conditions
from controller.api.views.meta import NULL, Json, Object, View, share
from controller.api.views.policies import Deletion, Recovery, Rollout, VolumeClaim


class ServerSetSpec(View, frozen=True, kw_only=True):
    application: str
    component: str
    fleet: str = "pods"
    replicas: int = 1
    revision: str = ""
    template: Json = NULL
    volume_claims: tuple[VolumeClaim, ...] = ()
    rollout: Rollout = Rollout()
    recovery: Recovery = Recovery()
    deletion: Deletion = Deletion()

    def __post_init__(self) -> None:
        share(self, "template")


class ServerSetStatus(View, frozen=True, kw_only=True, omit_defaults=False):
    observed_generation: int = 0
    conditions: Conditions = ()
    # `replicas` repeats `current` under the name that the scale subresource and autoscalers expect.
    replicas: int = 0
    desired: int = 0
    current: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    failed: int = 0
    selector: str = ""
    # The target revision that `rolloutSince` and the progress clock speak of.
    revision: str = ""
    proven_revision: str = ""
    # When the rollout to `revision` last moved: the progress deadline counts from here.
    last_progress_time: str | None = None
    deadline_missed: bool = False
    budget_spent: bool = False
    blocked_by: tuple[Blocked, ...] = ()
    last_handled_retry: str = ""


class ServerSet(Object, frozen=True, kw_only=True):
    spec: ServerSetSpec
    status: ServerSetStatus = ServerSetStatus()
