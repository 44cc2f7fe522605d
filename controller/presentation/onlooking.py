"""Fleets for whoever looks on: what only the operator sees of them is left open, and not denied.

The operator alone has a way to the servers of some providers. The fields that can change in place
are known there all the same, and of how a fleet stands the status of what waits for it tells.
`inspection` comes here.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from controller import contract
from controller.api import clock, conditions, objects, resources
from controller.api.conditions import Blocked, ConditionType
from controller.api.resources import Resource
from controller.execution import fleets
from controller.planning.caches import Fleets
from controller.providers import registry
from controller.reasons import ForeignReason

NOTE = "The operator alone sees the servers of this fleet, so what would be done next is not known."


class _Unseen(contract.AlwaysHeard):
    """A provider for as much as can be known without a way to its servers; never called."""

    def __init__(self, can_change: contract.CanChange, *, claims: bool) -> None:
        self.can_change = can_change
        self._claims = None if claims else ()

    def observe(self, _server: objects.Server) -> contract.Observation:
        """Return that nothing is known."""
        return contract.UNKNOWN

    def instance(self, _server: objects.Meta) -> None:
        """Return that nothing is known."""

    def instances(self) -> None:
        """Return that nothing is known."""

    def claims(
        self, _namespace: str, _application: str, _component: str = ""
    ) -> tuple[contract.Claim, ...] | None:
        """Return that they are not known, where servers may have any."""
        return self._claims


def kinds() -> Mapping[str, contract.ProviderKind]:
    """Return the providers of this build for whoever looks on."""
    return {
        name: each
        if each.foresees is None
        else dataclasses.replace(each, open=_foreseeing(each, each.foresees))
        for name, each in registry.kinds().items()
    }


def _foreseeing(
    kind: contract.ProviderKind, foresees: Callable[[objects.Fleet], contract.CanChange]
) -> Callable[[contract.Context, objects.Fleet], AbstractAsyncContextManager[contract.Provider]]:
    claims = contract.Capability.CLAIMS in kind.capabilities

    @contextlib.asynccontextmanager
    async def lend(
        _context: contract.Context, fleet: objects.Fleet
    ) -> AsyncIterator[contract.Provider]:
        yield cast("contract.Provider", _Unseen(foresees(fleet), claims=claims))

    return lend


def is_seen(found: fleets.Fleets, name: str) -> bool:
    """Return whether whoever looks on sees the servers of a fleet."""
    kind = found.kind(name)
    return kind is None or kind.foresees is None


class ToldFleets:
    """Fleets, where one stands in the way of an object as the status of that object tells."""

    def __init__(self, beneath: fleets.Fleets, item: objects.Object) -> None:
        self._beneath = beneath
        status: Any = getattr(item, "status", None)
        self._blocked: tuple[Blocked, ...] = getattr(status, "blocked_by", ())
        self._conditions: conditions.Conditions = getattr(status, "conditions", ())

    def __getattr__(self, name: str) -> Any:
        """Answer everything else as the fleets do."""
        return getattr(self._beneath, name)

    def facts(self, name: str, namespace: str) -> contract.FleetFacts:
        """Return the facts of a fleet, and why it is of no use or not to be called."""
        found = self._beneath.facts(name, namespace)
        told = self._told(name)
        if told is None or found.problem or is_seen(self._beneath, name):
            return found
        reason = ForeignReason(told.reason)
        stalled = conditions.find(self._conditions, ConditionType.STALLED)
        if stalled is not None and stalled.reason == told.reason:
            return dataclasses.replace(found, problem=reason, message=told.message)
        until = clock.parse(told.next_attempt_time)
        pause = contract.Pause(reason=reason, message=told.message, until=until)
        return dataclasses.replace(found, pause=pause)

    def _told(self, name: str) -> Blocked | None:
        """Return what the object says of the fleet; nothing once the Fleet is well again."""
        fleet = self._beneath.find(name)
        if fleet is None or conditions.is_true(fleet.status.conditions, ConditionType.READY):
            return None
        thing = resources.thing(Resource.FLEETS, name)
        return next((each for each in self._blocked if each.object == thing), None)


def fleets_of(beneath: fleets.Fleets, item: objects.Object) -> Fleets:
    """Return the fleets as an object is planned from them."""
    return cast("Fleets", ToldFleets(beneath, item))
