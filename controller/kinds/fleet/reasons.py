"""The reasons that Fleets alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class FleetReason(Vocabulary, section="Of fleets"):
    """The reasons that a fleet gives."""

    CIRCUIT_CLOSED = (
        "CircuitClosed",
        "The fleet's provider works again: calls go through.",
    )
    UNCLAIMED = (
        "Unclaimed",
        (
            "The fleet has instances that Argosy made, and their Servers have been gone for 15"
            " minutes: somebody took the finalizers off, or a backup is older than they are. They"
            " are kept, and servers can be made as ever."
        ),
        (
            "Bring the Servers back from a backup, or write the ids of those that are to be deleted"
            " into the annotation argosy.dev/collect of the Fleet."
        ),
        "kubectl get argfleet NAME -o yaml",
    )
