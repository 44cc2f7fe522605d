"""The reasons that Applications alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class ApplicationReason(Vocabulary, section="Of applications"):
    """The reasons that an application gives."""

    WAITING_FOR_DEPENDENCY = (
        "WaitingForDependency",
        "A component waits until those that it depends on are available at their target.",
        "Ask what those components wait for.",
        "kubectl argosy why application/NAME",
    )
    ROLLED_BACK = (
        "RolledBack",
        (
            "The revision that was asked for missed its deadline or spent its failure budget, so"
            " the last proven one runs in its place."
        ),
        "Change the template, or try the same one again.",
        "kubectl argosy retry-now application/NAME",
    )
    SERVERS_LEFT = (
        "ServersLeft",
        (
            "An application is gone and servers of it are not: by their ownerReferences somebody"
            " took them out of its control, so that it had no right to delete them."
        ),
        (
            "Apply the application again to have those that nothing controls taken up; the"
            " ownerReferences of the others name who controls them."
        ),
        "kubectl get argsrv NAME -o yaml",
    )
    WAITING_FOR_IMAGE = (
        "WaitingForImage",
        "An image of a component's source is being built. Running servers stay until then.",
        "Ask the Build what it waits for.",
        "kubectl argosy why build/NAME",
    )
    REPLICAS_OVERRIDDEN = (
        "ReplicasOverridden",
        "Somebody scaled a ServerSet whose replicas the Application names: the Application wins.",
        "Change replicas in the Application, or leave them out there to let others scale.",
    )
