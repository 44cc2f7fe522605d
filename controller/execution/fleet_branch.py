"""One fleet as its supervisor keeps it: its provider's life, its pool, its circuit, who tries it.

`fleets` has one for each Fleet, and for the built-in one.
"""

from __future__ import annotations

import asyncio
import dataclasses

from controller import contract
from controller.api import objects
from controller.execution.pool import WIDTH, Pool
from controller.execution.provider_life import ProviderLife
from controller.planning.circuit import Circuit, Rule, State

# What goes through, one at a time, while the circuit is open.
PROBES = frozenset({contract.Verb.DELETE, contract.Verb.CANCEL})


@dataclasses.dataclass(slots=True, eq=False)
class Branch:
    """One fleet: its Fleet as it was last seen, its provider's life, pool and circuit."""

    fleet: objects.Fleet
    pool: Pool
    life: ProviderLife | None = None
    circuit: Circuit = dataclasses.field(default_factory=Circuit)
    timer: asyncio.TimerHandle | None = None
    # Until when each call that was planned while half open may begin.
    promised: list[float] = dataclasses.field(default_factory=list)
    # Whose calls have been tried since the circuit opened: each has its turn before the next round.
    tried: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    # How many deletes and cancels run that began while it was open, and who waits to be the next.
    probing: int = 0
    freed: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    def may_begin(self, verb: contract.Verb) -> bool:
        """Return whether the circuit lets such a call begin now."""
        if self.circuit.state is State.OPEN:
            return verb in PROBES and not self.probing
        return self.room is None or self.room > 0

    @property
    def room(self) -> int | None:
        """How many more calls may begin now; None where the circuit sets no bound.

        A delete that began while it was open, and has not ended, is one of those under way.
        """
        free = self.circuit.free
        return None if free is None else free - self.probing

    def tell_freed(self) -> None:
        """Have whoever waits for a place look again."""
        self.freed.set()
        self.freed = asyncio.Event()


def rule_of(limits: objects.FleetLimits) -> Rule:
    """Return when the circuit of a fleet with these limits opens, and for how long."""
    given = limits.circuit
    return Rule(
        failure_percent=given.failure_percent,
        minimum_calls=given.minimum_calls,
        window_seconds=given.window_seconds,
        open_seconds=given.open_seconds,
        width=limits.concurrent_calls or WIDTH,
    )
