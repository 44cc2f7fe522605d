"""What goes wrong with calls to machines in memory, as a test has chosen.

faults = MachineFaults(fleet)
faults.disturb("create", lost=True)   # takes effect, and its answer never comes
"""

from __future__ import annotations

from controller import errors
from controller.providers.memory.machines import MemoryFleet
from controller.providers.memory.reasons import MemoryReason


class MachineFaults:
    """The faults that wait for the next calls to a fleet's machines."""

    def __init__(self, fleet: MemoryFleet) -> None:
        self._waiting: list[tuple[str, bool]] = []
        fleet.interfere = self._interfere

    def disturb(self, verb: str, *, lost: bool) -> None:
        """Let the next such call fail and change nothing, or take effect and lose its answer."""
        self._waiting.append((verb, lost))

    def _interfere(self, verb: str, *, after: bool) -> None:
        if (verb, after) not in self._waiting:
            return
        self._waiting.remove((verb, after))
        if after:
            raise errors.UnknownOutcome(
                "simulated: the answer was lost", reason=MemoryReason.INJECTED
            )
        raise errors.Transient("simulated: the fleet refused", reason=MemoryReason.INJECTED)
