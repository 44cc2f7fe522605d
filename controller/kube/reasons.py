"""The reasons of calls to the API server that did not go as they should."""

from __future__ import annotations

from controller.reasons import Vocabulary


class KubeReason(Vocabulary, section="Of calls to the API server"):
    """How a call to the API server went."""

    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        (
            "A ResourceQuota of the namespace is used up, so no more can be made in it. It costs no"
            " attempt, and goes on by itself when there is room."
        ),
        "Ask for less, or have the quota raised; the message names it.",
        "kubectl describe resourcequota",
    )
    WEBHOOK_FAILED = (
        "WebhookFailed",
        (
            "An admission webhook could not be asked, and its policy is to let nothing pass then."
            " It costs no attempt, and goes on by itself when the webhook answers."
        ),
        "Look at the Service behind the webhook; blockedBy names the webhook.",
        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
    )
    DENIED = (
        "Denied",
        "A policy, a webhook or an admission plug-in of the cluster denied a write.",
        (
            "The message has its words: change the Application, or ask whoever set the policy. It"
            " is tried again each minute."
        ),
    )
    UNAUTHORIZED = (
        "Unauthorized",
        (
            "The API server did not take the operator's credentials. Nothing is lost by it: the"
            " call is made again after a while."
        ),
    )
    CREDENTIALS_FAILED = (
        "CredentialsFailed",
        "The program or file that the kubeconfig names gave no credentials.",
        "The message says why; run the program that the kubeconfig names by hand.",
        "kubectl config view --minify",
    )
    BAD_KUBECONFIG = (
        "BadKubeconfig",
        "The kubeconfig cannot be read, or does not say how to reach the API server.",
        "The message says where; look at the kubeconfig.",
        "kubectl config view",
    )
    GONE = (
        "Gone",
        (
            "The version that was read is too old. Nothing is lost: the call is made again"
            " after a while."
        ),
    )
    TOO_MANY_REQUESTS = (
        "TooManyRequests",
        (
            "The API server has too much to do. Nothing is lost by it: the call is made again after"
            " a while."
        ),
    )
    SERVICE_UNAVAILABLE = (
        "ServiceUnavailable",
        (
            "The API server is starting, or shutting down. Nothing is lost by it: the call is made"
            " again after a while."
        ),
    )
    SERVER_FAILED = (
        "ServerFailed",
        (
            "The API server failed at a call. Nothing is lost by it: the call is made again after a"
            " while."
        ),
    )
    CONNECTION_LOST = (
        "ConnectionLost",
        (
            "The answer to a call was lost on its way. Nothing is lost by it: the call is made"
            " again after a while."
        ),
    )
    SILENT = (
        "Silent",
        (
            "The API server took a call and did not answer it. Nothing is lost by it: the call is"
            " made again after a while."
        ),
    )
    STALE = (
        "Stale",
        (
            "The API server answered with less than it had shown before. Nothing is lost by it: the"
            " call is made again after a while."
        ),
    )
    ENDED = (
        "Ended",
        (
            "A watch ended as soon as it had begun. Nothing is lost by it: the call is made again"
            " after a while."
        ),
    )
    STORAGE_WENT_BACK = (
        "StorageWentBack",
        (
            "The API server's storage has lost what it had shown, as after a restore from a backup."
            " The operator reads everything anew."
        ),
    )
    NOT_SYNCED = (
        "NotSynced",
        "Not everything that the answer needs could be read in time.",
        "The message says what is missing; ask again.",
    )
    GARBLED = (
        "Garbled",
        (
            "An answer could not be read, as if something stood between the operator and the other"
            " side. Nothing is lost by it: the call is made again after a while."
        ),
    )
    LEASE_LOST = (
        "LeaseLost",
        "This operator does not lead any more; another one does.",
    )
    STREAM_CUT = (
        "StreamCut",
        "The connection to a command was cut before the command ended, so its result is not known.",
        "Look whether the command did its work; onUnknown of its step says what becomes of it.",
        "kubectl argosy logs APPLICATION --server NAME",
    )
    EXEC_TIMEOUT = (
        "ExecTimeout",
        "A command did not end within the timeoutSeconds of its step, so its result is not known.",
        "Give the step more time, or have it run detached.",
        "kubectl argosy logs APPLICATION --server NAME",
    )
