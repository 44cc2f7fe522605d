"""What a reason is: one word for programs, with the sentences for people beside it.

A reason is given by conditions, Events, `blockedBy` and errors. Each room lists those that it
gives in its `reasons.py`, as an enum made from `Vocabulary`; `presentation.vocabulary` knows all of
them, and the page "Reasons and remedies" is generated from that list. So no reason is a literal
string, and none is undocumented.
"""

from __future__ import annotations

import enum
from typing import NewType, Self

# A word that somebody else gave, such as a kubelet: it is passed on, and no list can hold it.
ForeignReason = NewType("ForeignReason", str)
NOTHING = ForeignReason("")


class Vocabulary(enum.StrEnum):
    """The reasons of one room: what each means, and what can be done (empty where nothing need be).

    `command` can be typed as it is once NAME is the object's own, or that of one below it.
    """

    meaning: str
    remedy: str
    command: str

    def __new__(cls, word: str, meaning: str, remedy: str = "", command: str = "") -> Self:
        """Make the member that is called `word`."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning, member.remedy, member.command = meaning, remedy, command
        return member
