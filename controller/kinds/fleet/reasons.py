"""The reasons that Fleets alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class FleetReason(Vocabulary):
    """What a fleet says of itself."""

    CIRCUIT_CLOSED = (
        "CircuitClosed",
        "The fleet's provider works again: calls go through.",
    )
