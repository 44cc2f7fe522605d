"""The contract of providers, in one room: what they see, what they are asked, what they answer.

Planning asks by these words, providers answer in them, and neither knows the other.
"""

from controller.contract.call import ANYWHERE, Call, Placement, Verb
from controller.contract.claims import Claim
from controller.contract.display import PLAIN, BuiltIn, Display
from controller.contract.kind import AloneSince, Context, ProviderKind, always
from controller.contract.observation import (
    ABSENT,
    UNKNOWN,
    CanChange,
    Capability,
    FleetFacts,
    Observation,
    OutageSpan,
    Pause,
    Phase,
    Volume,
    never,
    no_claims,
)
from controller.contract.provider import (
    NOTHING,
    AlwaysHeard,
    Changed,
    Facts,
    Instance,
    NoClaims,
    Place,
    Provider,
    Receipt,
    Silence,
)

__all__ = [
    "ABSENT",
    "ANYWHERE",
    "NOTHING",
    "PLAIN",
    "UNKNOWN",
    "AloneSince",
    "AlwaysHeard",
    "BuiltIn",
    "Call",
    "CanChange",
    "Capability",
    "Changed",
    "Claim",
    "Context",
    "Display",
    "Facts",
    "FleetFacts",
    "Instance",
    "NoClaims",
    "Observation",
    "OutageSpan",
    "Pause",
    "Phase",
    "Place",
    "Placement",
    "Provider",
    "ProviderKind",
    "Receipt",
    "Silence",
    "Verb",
    "Volume",
    "always",
    "never",
    "no_claims",
]
