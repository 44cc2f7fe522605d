"""The reasons that Servers alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class ServerReason(Vocabulary, section="Of servers"):
    """The reasons that a server gives."""

    ATTEMPTS_EXHAUSTED = (
        "AttemptsExhausted",
        (
            "Every alternative of the server was tried as often as recovery.attempts allows: the"
            " server failed for good."
        ),
        "The server's message says why; mend that, then try again.",
        "kubectl argosy retry-now server/NAME",
    )
    BACKING_OFF = (
        "BackingOff",
        "The last attempt failed; the next one comes after a while, at nextAttemptTime.",
        "The message says why; it can be tried at once.",
        "kubectl argosy retry-now server/NAME",
    )
    STOPPING = (
        "Stopping",
        "The server is being stopped.",
    )
    CHANGING = (
        "Changing",
        "The server is being changed in place, and counts as unavailable until that is complete.",
    )
    DRIFTED = (
        "Drifted",
        (
            "The server runs another image than was asked for: somebody changed it on the instance."
            " Argosy changes it back, unless the same is set again and again."
        ),
        "Change the application instead; the message says who changes the instance.",
        "kubectl argosy why server/NAME",
    )
    ADOPTED = (
        "Adopted",
        (
            "The server's instance was taken up from a StatefulSet at a revision that is not the"
            " component's, and runs on until the rollout replaces it."
        ),
    )
    REPLACING = (
        "Replacing",
        "The server's instance is being replaced by one of the new incarnation or revision.",
    )
    DATA_WOULD_GO = (
        "DataWouldGo",
        (
            "A claim of the server's was deleted while its instance uses it. Kubernetes keeps claim"
            " and data for as long as the instance is there, and cannot take the delete back: so"
            " Argosy neither replaces the instance nor stops it."
        ),
        (
            "Copy the data, or have the volume kept (persistentVolumeReclaimPolicy: Retain). Then"
            " delete the pod: the server comes back with a new claim."
        ),
        "kubectl describe pvc NAME",
    )
    TERMINATING = (
        "Terminating",
        "The server's instance is being deleted.",
    )
    WAITING_FOR_TURN = (
        "WaitingForTurn",
        (
            "With start: Ordered a server starts once the one before it is available, which the"
            " message names."
        ),
    )
    HOLD_ENDED = (
        "HoldEnded",
        "The time for which a person held the server is over: it is released.",
    )
    REVISION_MISSING = (
        "RevisionMissing",
        (
            "Somebody deleted the ControllerRevision that holds what the server is made from, and"
            " its set no longer asks for that revision. The instance is left as it is."
        ),
        (
            "Bring the server to the revision that the application asks for: lower the partition,"
            " or delete the Server where its instance is gone."
        ),
        "kubectl argosy history APPLICATION",
    )
    TEARDOWN_BLOCKED = (
        "TeardownBlocked",
        "The server's instance does not go, or cannot be reached.",
        "Wait, or take it down by force; onTimeout Abandon leaves it behind, on record.",
        "kubectl argosy force server/NAME",
    )
    DUPLICATE_REMOVED = (
        "DuplicateRemoved",
        (
            "The answer to a create was lost and another was asked for: both came about. The one"
            " that was not used is deleted; the server runs on."
        ),
    )
    DUPLICATE_STAYS = (
        "DuplicateStays",
        (
            "The answer to a create was lost and another was asked for: both came about. The one"
            " that was not used is not deleted, as the message says; the server runs on."
        ),
        "Put right what the message says, such as a lock; Argosy tries again every minute.",
    )
    ABANDONED = (
        "Abandoned",
        "The server's instance could not be reached, and was let go as onTimeout says.",
        "The instance is on record on its Fleet, and deleted when it can be reached again.",
    )
