"""The policies that people write on applications, as planning reads them."""

from __future__ import annotations

from controller.api.views.meta import NULL, Json, View, share


class Deletion(View, frozen=True, kw_only=True):
    protected: bool = False
    order: str = "Reverse"
    drain_seconds: int | None = None
    timeout_seconds: int = 600
    on_timeout: str = "Wait"


class Rollout(View, frozen=True, kw_only=True):
    strategy: str = "RollingUpdate"
    max_unavailable: int | str = "10%"
    max_surge: int | str = 0
    partition: int = 0
    in_place: str = "WhenPossible"
    min_ready_seconds: int = 0
    progress_deadline_seconds: int = 600
    on_deadline: str = "Halt"


class Backoff(View, frozen=True, kw_only=True):
    initial_seconds: int = 1
    factor: int = 2
    max_seconds: int = 60
    jitter_percent: int = 20


class Alternative(View, frozen=True, kw_only=True):
    name: str
    patch: Json = NULL

    def __post_init__(self) -> None:
        share(self, "patch")


class Recovery(View, frozen=True, kw_only=True):
    attempts: int = 5
    backoff: Backoff = Backoff()
    alternatives: tuple[Alternative, ...] = ()
    failure_budget: int | str = "10%"
    on_budget_spent: str = "Halt"


class VolumeClaim(View, frozen=True, kw_only=True):
    name: str
    spec: Json = NULL
    when_scaled: str = "Retain"
    when_deleted: str = "Retain"

    def __post_init__(self) -> None:
        share(self, "spec")
