"""The facts that the ServerSet planner may know, gathered at one moment, frozen.

Times are seconds since the epoch. `gather` builds it; tests build it by hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller import contract
from controller.api import objects
from controller.kinds.serverset.moves import Move
from controller.kinds.serverset.occupancy import Room
from controller.planning.outcomes import Outcome
from controller.planning.register import Register


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerSetSnapshot:
    """A ServerSet, its servers by ordinal, and what its application says."""

    now: float
    server_set: objects.ServerSet
    servers: Register
    fleet: contract.FleetFacts
    # Servers that an earlier set of the name let go of.
    let_go: tuple[objects.Server, ...] = ()
    # None where the application is gone (an orphaned or broken set).
    application: objects.Application | None = None
    service: objects.Service | None = None
    # Everybody's PodDisruptionBudgets in the namespace.
    disruption_budgets: tuple[objects.DisruptionBudget, ...] = ()
    # Servers that have to move, by ordinal.
    moving: Mapping[int, Move] = dataclasses.field(default_factory=dict)
    # The volumes that its servers have or had; None while that is not known.
    claims: tuple[contract.Claim, ...] | None = ()
    # The application's; what a server below the partition comes back with.
    revisions: tuple[objects.ControllerRevision, ...] = ()
    # The operations of the application that are under way and may take servers down.
    operations: tuple[objects.Operation, ...] = ()
    # Ordinals whose pods are on their way out already, whatever their servers have yet to say.
    evicted: frozenset[int] = frozenset()
    # Of them: those that are there, and whose evictions are on record for a while. In how many
    # seconds such records are to be looked at again.
    recorded: frozenset[int] = frozenset()
    records_last: float | None = None
    # The room that is left to the set of the servers that its namespace may have.
    room: Room = dataclasses.field(default_factory=Room)
    # Since when this process has been watching: time in which nobody did is no missed deadline.
    watching_since: float = 0.0
    # How calls for it went that did not succeed, lately.
    outcomes: tuple[Outcome, ...] = ()
    namespace_terminating: bool = False

    @property
    def item(self) -> objects.ServerSet:
        """The object that is planned."""
        return self.server_set
