"""The reasons that ServerSets alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class ServerSetReason(Vocabulary, section="Of sets of servers"):
    """The reasons that a set of servers gives."""

    ORPHANED = (
        "Orphaned",
        "The Application that controlled the object is gone, so nothing is made or changed.",
        "Apply the Application again: it takes up what runs, as it is.",
    )
    BEHIND_OPERATION = (
        "BehindOperation",
        (
            "The rollout leaves servers alone that are under an operation, or that one is about to"
            " make anew."
        ),
        "The rollout goes on when the operation has had its turn with them.",
        "kubectl argosy why operation/NAME",
    )
    NAMESPACE_FULL = (
        "NamespaceFull",
        (
            "The namespace has as many servers as it may have, or sets that were made earlier ask"
            " for them. Whatever runs goes on."
        ),
        (
            "Scale down or delete what is not needed, or ask an administrator of the cluster to"
            " raise limits.serversPerNamespace of Argosy's chart."
        ),
        "kubectl argosy top",
    )
    REMEDIATED = (
        "Remediated",
        "A server that stayed unhealthy is being replaced.",
    )
    MOVING = (
        "ServersMoving",
        (
            "Servers have to be elsewhere, such as those on a node that takes no new pods. A spare"
            " server comes first where maxSurge allows one; then they are made anew, within the"
            " budget."
        ),
        "The servers move by themselves. Where a spare one finds no node, give it room.",
        "kubectl get nodes",
    )
    DOMAIN_SICK = (
        "DomainSick",
        (
            "Servers of a failure domain are ill or failed, and servers are to be taken down in one"
            " domain at a time: those of all others wait."
        ),
        "See to the servers of that domain; or set rollout.oneDomainAtATime to false for now.",
        "kubectl argosy why serverset/NAME",
    )
    FOREIGN_BUDGET = (
        "ForeignBudget",
        (
            "A PodDisruptionBudget that somebody else wrote is about the component's pods, or has"
            " its name. The API server evicts no pod that two are about, so Argosy keeps none."
        ),
        "Delete the PodDisruptionBudget to have evictions keep to maxUnavailable.",
        "kubectl get poddisruptionbudgets",
    )
    BUDGET_UNWRITTEN = (
        "BudgetNotWritten",
        (
            "The component's PodDisruptionBudget cannot be written, so evictions may take down more"
            " servers than maxUnavailable; rollouts and operations go on."
        ),
        "Look at what refuses the write: a quota, an admission webhook, or missing rights.",
        "kubectl argosy why serverset/NAME",
    )
    CLAIMS_DELETED = (
        "ClaimsDeleted",
        (
            "Claims of servers that are gone are being deleted, as whenDeleted or whenScaled says,"
            " and the data on their volumes with them."
        ),
    )
    CLAIMS_KEPT = (
        "ClaimsKept",
        (
            "Claims outlive the servers that they were made for, with their data. Servers of the"
            " same names would use them again."
        ),
        "Look at what is there; an application of the same name finds its data again.",
        "kubectl get pvc -l argosy.dev/application=NAME",
    )
