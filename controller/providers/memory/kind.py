"""Machines in memory as a provider: the line that the registry has of them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from controller import contract
from controller.api import objects
from controller.contract import Capability, orphans
from controller.providers.memory.machines import MemoryFleet, read_settings
from controller.providers.memory.provider import MemoryProvider, can_change
from controller.providers.memory.reasons import MemoryReason
from controller.providers.steps import rights as step_rights
from controller.providers.steps import steps

if TYPE_CHECKING:
    from controller.api import schema

# The machines of a Fleet, and the clock that they live by.
Site = Callable[[objects.Fleet, Callable[[], float]], MemoryFleet]


class Sites:
    """Machines by the UID of their Fleet: they outlive each provider that is opened for it."""

    def __init__(self) -> None:
        self._made: dict[str, MemoryFleet] = {}

    def __call__(self, fleet: objects.Fleet, clock: Callable[[], float]) -> MemoryFleet:
        """Return the machines of `fleet`, under its settings of now."""
        settings = read_settings(bytes(fleet.settings))
        found = self._made.setdefault(fleet.metadata.uid, MemoryFleet(clock=clock))
        found.settings = settings
        found.zones = tuple(each.name for each in fleet.spec.failure_domains)
        return found


def kind(site: Site | None = None) -> contract.ProviderKind:
    """Return machines in memory as the registry lists them.

    The machines can do all but what only Kubernetes has: headless Services and volume claims.
    """
    found = site or Sites()

    @contextlib.asynccontextmanager
    async def open_machines(
        context: contract.Context, fleet: objects.Fleet
    ) -> AsyncIterator[contract.Provider]:
        machines = found(fleet, context.clock)
        machines.listen(context.changed)
        try:
            async with steps.opened(context) as shared:
                left = functools.partial(orphans.ids, context, fleet)
                yield MemoryProvider(machines, shared, orphans=left)
        finally:
            machines.forget(context.changed)

    return contract.ProviderKind(
        name="memory",
        makes="machines that exist in the operator's memory alone, for rehearsals",
        capabilities=frozenset(
            {
                Capability.CHANGE_IN_PLACE,
                Capability.STOP,
                Capability.EXEC,
                Capability.SNAPSHOT,
                Capability.RESTORE,
            }
        ),
        open=open_machines,
        foresees=lambda _: can_change,
        settings=_settings,
        reasons=(MemoryReason,),
        rights=step_rights.RIGHTS,
        sees=(objects.Job,),
    )


def _settings() -> type[schema.Model]:
    from controller.providers.memory.settings import MemorySettings  # noqa: PLC0415 - see contract

    return MemorySettings
