"""Operations in end-to-end tests: submitted as people do, watched, and looked at in hindsight."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

from controller.api.resources import Resource
from proof import history
from proof.history import pods as pod_history
from tests.e2e import driving, hindsight
from tests.e2e.driving import HOOK, App, Kube

TERMINAL = ("True", "False")


class Op:
    """An Operation that was submitted, and what it says of itself."""

    def __init__(self, kube: Kube, name: str) -> None:
        self.kube = kube
        self.name = name

    def found(self) -> dict[str, Any]:
        """Return the operation as the API server has it, or nothing."""
        return self.kube.get(Resource.OPERATIONS, self.name) or {}

    def status(self) -> dict[str, Any]:
        """Return what it says of itself."""
        told: dict[str, Any] = self.found().get("status", {})
        return told

    def end(self) -> dict[str, Any]:
        """Return the condition that tells its end, or what it is at."""
        return driving.condition(self.found(), "Succeeded")

    def reason(self) -> str:
        """Return why it is where it is."""
        return str(self.end().get("reason", ""))

    def blocked_by(self) -> dict[str, str]:
        """Return for what it waits, and why."""
        return {each["object"]: each["reason"] for each in self.status().get("blockedBy", [])}

    def edit(self, **spec: Any) -> None:
        """Change its spec as a person would."""
        self.kube.patch(Resource.OPERATIONS, self.name, {"spec": spec})

    def wait_for(self, reason: str, seconds: float = driving.PATIENCE_SECONDS) -> None:
        """Wait until it gives this reason."""
        self.kube.wait_until(
            f"{self.name} says {reason}", lambda: self.reason() == reason or self._lost(), seconds
        )
        assert self.reason() == reason, self.status()

    def wait_end(self, reason: str, seconds: float = driving.PATIENCE_SECONDS) -> None:
        """Wait until it has ended; it must be for this reason."""
        self.kube.wait_until(
            f"{self.name} has ended", lambda: self.end().get("status") in TERMINAL, seconds
        )
        assert self.reason() == reason, self.status()

    def _lost(self) -> bool:
        return self.end().get("status") in TERMINAL


def submit(kube: Kube, name: str, action: str, **spec: Any) -> Op:
    """Create an operation on the application as a person would."""
    body = {"metadata": {"name": name}, "spec": {"application": "shop", "action": action, **spec}}
    kube.create(Resource.OPERATIONS, body)
    return Op(kube, name)


def pod(number: int) -> str:
    """Return the name of a server, which is also that of its pod."""
    return f"shop-web-{number}"


def incarnations(app: App) -> list[int]:
    """Return how often each server was made, by ordinal."""
    found = sorted(app.servers().values(), key=lambda each: int(each["spec"]["ordinal"]))
    return [each["spec"]["incarnation"] for each in found]


def job(name: str, outcome: str = "ready") -> dict[str, Any]:
    """Return a step that is a Job; its pod tells which step it is of."""
    marks = {HOOK + "outcome": outcome, "step": name}
    spec = {"containers": [{"name": "main", "image": "job:1"}]}
    return {"name": name, "job": {"template": {"metadata": {"annotations": marks}, "spec": spec}}}


def jobs(kube: Kube) -> collections.Counter[tuple[str, str]]:
    """Return how many Jobs there are, by server and step."""
    return collections.Counter(
        (
            each["metadata"]["labels"]["argosy.dev/server"],
            each["spec"]["template"]["metadata"]["annotations"]["step"],
        )
        for each in kube.list(Resource.JOBS).values()
    )


def life_of(kube: Kube, resource: str, name: str) -> pod_history.Life:
    """Return all that became of the only object of a name."""
    (life,) = (
        each
        for each in kube.history().lives.values()
        if (each.resource, each.name) == (resource, name)
    )
    return life


def made(kube: Kube) -> list[pod_history.Life]:
    """Return the pods that were made, but for those that kwok took for their predecessors."""
    return hindsight.made(kube.history())


def births(kube: Kube) -> collections.Counter[str]:
    """Return how many pods each server had."""
    return collections.Counter(each.name for each in made(kube))


def taken_down(of: history.History) -> Iterator[set[str]]:
    """Yield, after each change, the servers that Argosy took down and that are not ready again."""
    down: dict[str, str] = {}
    for each in of.changes:
        if each.resource != "pods" or not each.effective:
            continue
        if each.verb == "delete":
            if each.ours:
                down[each.name] = each.meta.uid
        elif each.status.is_true("Ready") and down.get(each.name) not in (None, each.meta.uid):
            del down[each.name]
        yield set(down)
