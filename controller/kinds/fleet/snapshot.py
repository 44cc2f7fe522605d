"""The facts that the Fleet planner may know, gathered at one moment, frozen.

Times are seconds since the epoch. `gather` builds it; tests build it by hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller.api import objects
from controller.planning.circuit import CircuitState
from controller.planning.outcomes import Outcome
from controller.planning.unclaimed import Sighting
from controller.reasons import AnyReason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetFailure:
    """Why servers cannot be made, or seen; `stalled` until a person changes something."""

    reason: AnyReason
    message: str
    stalled: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetSnapshot:
    """A fleet, and how many servers name it: all of them, or at least so many.

    `returned` and `gone` are the ids of recorded orphans that the provider can reach again, or
    knows to exist no more. `outcomes` are of calls about instances that are no server's.
    """

    now: float
    fleet: objects.Fleet
    servers: int
    known_provider: bool
    outcomes: tuple[Outcome, ...] = ()
    # Whether these are all; while parts of the work pass between replicas nobody knows.
    all_counted: bool = True
    # Whether its provider is open; why not, where that was tried in vain.
    open: bool = True
    failure: FleetFailure | None = None
    # In whose words nothing is heard of its servers, and for how many seconds by now.
    silence: FleetFailure | None = None
    silent_for: float = 0.0
    # Where its servers are, as its provider tells; empty where it does not.
    home: str = ""
    # Whether calls go through, and when an open circuit is tried.
    circuit: str = CircuitState.CLOSED
    circuit_until: float = 0.0
    # The provider's words when the circuit opened.
    circuit_words: str = ""
    # Of how many namespaces calls alone are held back.
    held: int = 0
    returned: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    # Whether the cluster collects none of its instances; those whose Servers are gone, by id, or
    # None while that cannot be known.
    outside: bool = False
    unclaimed: Mapping[str, Sighting] | None = None

    @property
    def item(self) -> objects.Fleet:
        """The object that is planned."""
        return self.fleet
