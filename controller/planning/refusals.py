"""What was refused for good is not tried again before something changes, but is told.

Called by the Application and ServerSet planners. A refusal stands until the object's spec changes,
a person says to retry, or its time is over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import clock
from controller.api.conditions import Blocked
from controller.api.resources import PLACES, Resource
from controller.planning import plan, remedies

LIFE_SECONDS = 600.0


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


@dataclasses.dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals of one object's writes that stand."""

    standing: tuple[Refusal, ...]

    @property
    def first(self) -> Refusal | None:
        """The refusal to tell first: the oldest name."""
        return min(self.standing, key=lambda each: each.object, default=None)

    def has(self, resource: Resource, name: str) -> bool:
        """Return whether a write to that object was refused."""
        target = f"{resource}/{name}"
        return any(each.object == target for each in self.standing)

    def allowed(self, actions: Iterable[plan.Action]) -> tuple[plan.Action, ...]:
        """Return the actions without the writes that would be refused again; deletes always go."""
        if not self.standing:
            return tuple(actions)
        refused = {each.object for each in self.standing}
        return tuple(each for each in actions if _target(each) not in refused)

    def blocked(self, namespace: str, now: float) -> tuple[Blocked, ...]:
        """Return what to tell of each refusal."""
        return tuple(
            _blocked(each, namespace, now)
            for each in sorted(self.standing, key=lambda each: each.object)
        )

    def wake_after(self, now: float) -> float | None:
        """Return when the first refusal's time is over."""
        return min(
            (max(1.0, each.time + LIFE_SECONDS - now) for each in self.standing), default=None
        )


def of(refusals: Iterable[Refusal]) -> Refusals:
    """Return those of the refusals that retrying cannot help."""
    return Refusals(tuple(each for each in refusals if each.terminal))


def _target(action: plan.Action) -> str:
    if isinstance(action, plan.Create):
        return f"{action.resource}/{action.body['metadata']['name']}"
    if isinstance(action, plan.Patch):
        return f"{action.resource}/{action.name}"
    return ""


def _blocked(refusal: Refusal, namespace: str, now: float) -> Blocked:
    resource, _, name = refusal.object.partition("/")
    kind = PLACES[Resource(resource)].kind if resource in set(Resource) else resource
    return Blocked(
        object=f"{kind}/{name}",
        reason=refusal.reason,
        message=refusal.message,
        since=clock.stamp(refusal.time or now),
        next_attempt_time=clock.stamp(refusal.time + LIFE_SECONDS),
        remedy=remedies.show(resource, name, namespace),
    )
