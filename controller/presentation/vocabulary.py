"""Every reason that Argosy gives, and those of others that Argosy knows, by who gives them.

`why` explains by it, and "Reasons and remedies" is generated from it. What pods say of themselves
is Kubernetes' own and open: a word that is not here is passed on with its message.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.api.reasons import Reason
from controller.contract.reasons import ProviderReason
from controller.kinds.application.reasons import ApplicationReason
from controller.kinds.build.reasons import BuildReason
from controller.kinds.fleet.reasons import FleetReason
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.server.reasons import ServerReason
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kube.reasons import KubeReason
from controller.presentation.reasons import CommandReason
from controller.providers.memory.reasons import MemoryReason
from controller.providers.openstack.reasons import CloudReason
from controller.providers.pod.reasons import KubeletReason, PodReason
from controller.providers.steps.reasons import StepReason
from controller.reasons import UNEXPLAINED, Explanation, Vocabulary

# In the order of the page, each with the title of its section.
ROOMS: Mapping[type[Vocabulary], str] = {
    Reason: "Of more than one kind",
    ApplicationReason: "Of applications",
    ServerSetReason: "Of sets of servers",
    ServerReason: "Of servers",
    OperationReason: "Of operations",
    BuildReason: "Of Builds",
    FleetReason: "Of fleets",
    KubeReason: "Of calls to the API server",
    ProviderReason: "Of any provider",
    StepReason: "Of the steps of operations",
    PodReason: "Of pods, by Argosy",
    KubeletReason: "Of pods, in Kubernetes' own words",
    CloudReason: "Of servers of a cloud",
    MemoryReason: "Of simulated machines",
    CommandReason: "Of commands",
}

KNOWN: Mapping[str, Vocabulary] = {str(each): each for room in ROOMS for each in room}


def of(kind: str) -> str:
    """Return what stands behind a reason that is explained for one kind: " of a Server"."""
    article = "an" if kind[:1] in ("A", "O") else "a"
    return f" of {article} {kind}" if kind else ""


# Each explanation by its reason, and by the kind where kinds mean different things by a word.
EXPLAINED: Mapping[str, Explanation] = {
    f"{each}{of(kind)}": told for each in KNOWN.values() for kind, told in each.explanations.items()
}


def explain(reason: str, kind: str) -> Explanation:
    """Return what a reason means that an object of `kind` gives; nothing of others' words."""
    known = KNOWN.get(reason)
    return known.of(kind) if known is not None else UNEXPLAINED
