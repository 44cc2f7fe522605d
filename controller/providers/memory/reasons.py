"""The reasons that machines in memory alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class MemoryReason(Vocabulary, section="Of simulated machines"):
    """The reasons of simulated machines."""

    BROKEN = (
        "Broken",
        "A simulated machine broke, as spec.memory of its Fleet wants some to.",
    )
    INJECTED = (
        "Injected",
        "A simulated fleet refused a call or lost its answer, as spec.memory of the Fleet wants.",
    )
    SNAPSHOT_MISSING = (
        "SnapshotMissing",
        "The server has no snapshot of the name that the operation gives.",
        "Name one that there is, in the parameter snapshot.",
    )
