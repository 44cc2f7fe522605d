"""The reasons that Operations alone give."""

from __future__ import annotations

from controller.reasons import Vocabulary


class OperationReason(Vocabulary, section="Of operations"):
    """The reasons that an operation gives."""

    ROLL_BACK = (
        "RollBack",
        "A revision is not to run, as an operation took its component back to another one.",
        "Change the template, or try the same one again.",
        "kubectl argosy retry-now application/NAME",
    )
    NOTHING_TARGETED = (
        "NothingTargeted",
        (
            "The operation names a component or ordinals that its application does not have, or all"
            " servers that it names are held."
        ),
        "Name servers that there are, or let go of those that are held.",
        "kubectl argosy status APPLICATION",
    )
    TOO_MANY_OPERATIONS = (
        "TooManyOperations",
        "The application has so many operations that have not ended that one more is refused.",
        "Cancel or delete some of those that wait; then retry this one.",
        "kubectl get argop",
    )
    CHECKPOINTS_FULL = (
        "CheckpointsFull",
        (
            "The servers remember the steps of so many operations that may still go on or be"
            " retried that there is no room for another one's."
        ),
        "Delete operations that need no retry any more.",
        "kubectl delete argop NAME",
    )
    EVICTIONS_GO_ON = (
        "EvictionsGoOn",
        (
            "Evictions may still take servers down beside the operation, so it waits until their"
            " PodDisruptionBudget allows none: its set closes that in a moment."
        ),
        "If it stays so, look at what keeps the set.",
        "kubectl argosy why serverset/NAME",
    )
    MOVING = (
        "Moving",
        (
            "Replicas of the operator divide their work anew, and the application passes to another"
            " one as soon as the acts under way have ended, or after ten minutes. Nothing new"
            " begins until then."
        ),
        "Wait: the operation goes on by itself, and its clock stands still meanwhile.",
        "kubectl argosy why operation/NAME",
    )
    STARTED = (
        "Started",
        "The operation has begun.",
    )
    RETRIED = (
        "Retried",
        "A retry takes the operation up where it stopped.",
    )
    CANCELLING = (
        "Cancelling",
        "Acts under way are being ended, for at most cancelGraceSeconds.",
    )
    REVERTING = (
        "Reverting",
        "The operation's steps are being undone, the last one first.",
    )
    REVERTED = (
        "Reverted",
        "The operation failed, and what it had done was undone.",
        "failures, in its status, say why it failed: mend that, and start another operation.",
        "kubectl get argop NAME -o yaml",
    )
