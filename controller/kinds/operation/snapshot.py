"""The facts that the Operation planner may know, gathered at one moment, frozen.

Times are seconds since the epoch. `gather` builds it; tests build it by hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller import contract
from controller.api import objects
from controller.planning.outcomes import Outcome


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OperationSnapshot:
    """An operation, the servers of its application, and the operations beside it."""

    now: float
    operation: objects.Operation
    application: objects.Application | None
    fleet: contract.FleetFacts
    sets: Mapping[str, objects.ServerSet]
    servers: Mapping[tuple[str, int], objects.Server]  # by component and ordinal
    # Other operations of the application: those that are not over, and those that are, of which
    # servers must remember what they did.
    others: tuple[objects.Operation, ...] = ()
    remembered: tuple[objects.Operation, ...] = ()
    # The ControllerRevisions of the application: RollBack rejects one of them.
    revisions: tuple[objects.ControllerRevision, ...] = ()
    # Everybody's PodDisruptionBudgets in the namespace.
    disruption_budgets: tuple[objects.DisruptionBudget, ...] = ()
    # Servers whose pods are on their way out already, whatever the servers have yet to say.
    evicted: frozenset[tuple[str, int]] = frozenset()
    # Of them: those that are there, as their evictions are only on record: they may stay.
    doubtful: frozenset[tuple[str, int]] = frozenset()
    # Of these: those whose evictions are on record for a while. In how many seconds such records
    # are to be looked at again.
    recorded: frozenset[tuple[str, int]] = frozenset()
    records_last: float | None = None
    # How calls for it went that did not succeed, lately.
    outcomes: tuple[Outcome, ...] = ()
    namespace_terminating: bool = False
    # The Lease that passes to another replica once acts under way have ended, if that is so.
    moving: str = ""

    @property
    def with_checkpoints(self) -> tuple[objects.Operation, ...]:
        """The other operations whose checkpoints servers keep, or may yet have to."""
        return (*self.others, *self.remembered)

    @property
    def item(self) -> objects.Operation:
        """The object that is planned."""
        return self.operation
