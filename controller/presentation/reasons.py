"""The reasons with which the commands of front ends end."""

from __future__ import annotations

from controller.reasons import Vocabulary


class CommandReason(Vocabulary, section="Of commands"):
    """Why a command did not do what it was asked; its exit code follows from that."""

    USAGE = (
        "Usage",
        "The command line asks for what cannot be.",
        "See the help of the command.",
    )
    TIMEOUT = (
        "Timeout",
        "The command stopped waiting before the condition came true, which it may yet do.",
        "Ask what it waits for.",
        "kubectl argosy why application/NAME",
    )
    IMPOSSIBLE = (
        "Impossible",
        "The request is not possible as things are.",
        "The message says what to do.",
    )
