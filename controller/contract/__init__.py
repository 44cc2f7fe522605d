"""What a provider is, in one room: what it sees, what it is asked, what it answers.

Planning asks by these words, providers answer in them, and neither knows the other.
"""

from controller.contract.call import ANYWHERE, Call, Placement, Verb
from controller.contract.kind import Context, ProviderKind
from controller.contract.observation import (
    ABSENT,
    UNKNOWN,
    Capability,
    FleetFacts,
    Observation,
    Outage,
    Pause,
    Phase,
    Volume,
    never,
)
from controller.contract.provider import (
    NOTHING,
    Changed,
    Facts,
    Instance,
    Place,
    Provider,
    Receipt,
)

__all__ = [
    "ABSENT",
    "ANYWHERE",
    "NOTHING",
    "UNKNOWN",
    "Call",
    "Capability",
    "Changed",
    "Context",
    "Facts",
    "FleetFacts",
    "Instance",
    "Observation",
    "Outage",
    "Pause",
    "Phase",
    "Place",
    "Placement",
    "Provider",
    "ProviderKind",
    "Receipt",
    "Verb",
    "Volume",
    "never",
]
