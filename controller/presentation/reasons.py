"""The reasons with which the commands of front ends end."""

from __future__ import annotations

from controller.reasons import Vocabulary


class CommandReason(Vocabulary):
    """Why a command did not do what it was asked; its exit code follows from that."""

    USAGE = (
        "Usage",
        "The command line asks for what cannot be.",
        "See the help of the command.",
    )
    TIMEOUT = (
        "Timeout",
        "What the command waited for did not come in time; it may come yet.",
        "Ask what it waits for.",
        "kubectl argosy why application/NAME",
    )
    IMPOSSIBLE = (
        "Impossible",
        "What was asked for is not possible as things are.",
        "The message says what to do.",
    )
