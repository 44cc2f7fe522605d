"""The reasons that any provider may give for not doing what it is asked."""

from __future__ import annotations

from controller.reasons import Vocabulary


class ProviderReason(Vocabulary, section="Of any provider"):
    """Why a provider does not do what it is asked."""

    TEMPLATE_REFUSED = (
        "TemplateRefused",
        "The template is not one that the provider, or the API server, takes.",
        "The message says what must hold; change the template accordingly.",
        "kubectl edit argapp APPLICATION",
    )
    NOT_SUPPORTED = (
        "NotSupported",
        "The fleet's provider cannot do what is asked, such as a snapshot of a pod.",
        "Use another act, or a fleet whose provider can.",
    )
    CANNOT_CHANGE = (
        "CannotChange",
        (
            "The instance cannot be changed in place after all: the cluster, or the instance's"
            " host, refuses just that, in the message's words. Argosy replaces the instance, unless"
            " the server is held."
        ),
    )
    INVALID_SETTINGS = (
        "InvalidSettings",
        "The Fleet's settings do not fit its provider.",
        "The message names the field; an administrator can change the Fleet.",
        "kubectl edit argfleet NAME",
    )
    INSTANCE_CHANGED = (
        "InstanceChanged",
        "The server's instance changed since Argosy looked. Argosy looks again.",
    )
    OLDER_INSTANCE = (
        "OlderInstance",
        "The server's former instance is still there. Argosy waits until it is gone.",
    )
    UNHEARD = (
        "Unheard",
        (
            "The part of the fleet that has the server, such as a cell of a cloud, does not answer,"
            " so nobody can tell how the server is: it may well be at work. Argosy leaves it as it"
            " is, and goes on once that part answers."
        ),
    )
    NO_TRACE = (
        "NoTrace",
        "The operator that ran an act is gone, and nothing tells how the act ended.",
        (
            "onUnknown of the step says what becomes of it; see what the act did before it is run"
            " again."
        ),
        "kubectl argosy logs APPLICATION --server NAME",
    )
    NO_CAPACITY = (
        "NoCapacity",
        (
            "The fleet has no room for the server where it was asked for; the alternatives are"
            " tried in turn, and all again."
        ),
        "Add alternatives to the component's recovery, or room to the fleet.",
        "kubectl get argfleet",
    )
