"""Whether something is as it is waited for, or cannot come to be.

`wait` looks here again and again.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from controller.api import conditions
from controller.api.conditions import ConditionType
from controller.api.resources import PLACES
from controller.kube import api as kube
from controller.kube import faults
from controller.presentation import reading
from controller.presentation.references import Reference

DELETED = "deleted"


class WaitResult(enum.Enum):
    """How the wait stands."""

    MET = enum.auto()
    PENDING = enum.auto()
    OVER = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The goal of a wait: a condition that has a status, or that the object is gone."""

    kind: str
    status: str = "True"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WaitStanding:
    """How an object stands, against what is waited for."""

    outcome: WaitResult
    message: str


def is_absence(text: str) -> bool:
    """Return whether what is waited for is that the object is gone."""
    return text.lower() == DELETED


def goal(text: str, meant: Reference) -> Goal:
    """Return what TYPE=STATUS says is waited for; nothing is for what is usual of the kind."""
    kind, _, status = (text or PLACES[meant.resource].verdict).partition("=")
    return Goal(kind=kind, status=status or "True")


async def look(api: kube.Api, namespace: str, meant: Reference, wanted: Goal) -> WaitStanding:
    """Return how it stands now; raises NotFound where it is gone and should not be."""
    view: Any = PLACES[meant.resource].view
    try:
        found = await reading.one(api, view, meant.space(namespace), meant.name)
    except faults.NotFound:
        if not is_absence(wanted.kind):
            raise
        return WaitStanding(outcome=WaitResult.MET, message=f"{meant} is gone")
    return standing(found, meant, wanted)


def standing(found: Any, meant: Reference, wanted: Goal) -> WaitStanding:
    """Return how an object that is there stands."""
    told: tuple[conditions.Condition, ...] = found.status.conditions
    pending = WaitStanding(outcome=WaitResult.PENDING, message=f"{meant}: {_in_words(told, meant)}")
    if is_absence(wanted.kind) or found.status.observed_generation < found.metadata.generation:
        return pending
    held = next((each for each in told if each.type.lower() == wanted.kind.lower()), None)
    if held is not None and held.status.lower() == wanted.status.lower():
        said = f"{meant} {held.type}={held.status}: {held.message}"
        return WaitStanding(outcome=WaitResult.MET, message=said)
    if (
        wanted.kind.lower() == ConditionType.SUCCEEDED.lower()
        and held is not None
        and held.status == "False"
    ):
        return WaitStanding(
            outcome=WaitResult.OVER, message=f"{meant}: {held.reason}: {held.message}"
        )
    stalled = conditions.find(told, ConditionType.STALLED)
    if stalled is not None and stalled.status == "True":
        said = f"{meant}: {stalled.reason}: {stalled.message}"
        return WaitStanding(outcome=WaitResult.OVER, message=said)
    return pending


def _in_words(told: tuple[conditions.Condition, ...], meant: Reference) -> str:
    usual = PLACES[meant.resource].verdict
    held = conditions.find(told, usual) or conditions.find(told, ConditionType.READY)
    return f"{held.reason}: {held.message}" if held is not None else "not looked at yet"
