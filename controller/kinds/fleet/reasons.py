"""The reasons that Fleets alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class FleetReason(Vocabulary):
    """What a fleet says of itself."""

    CIRCUIT_OPEN = (
        "CircuitOpen",
        "Many calls to the fleet's provider failed in a row, so none is made for a while.",
        "Look at the provider; calls are tried again by themselves.",
    )
