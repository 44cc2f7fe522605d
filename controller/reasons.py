"""Reasons: one word for programs, with the sentences for people beside it.

A reason is given by conditions, Events, `blockedBy` and errors. Each room lists those that it
gives in its `reasons.py`, as an enum made from `Vocabulary`; a kind or a provider names its list in
its `kind.py`. `presentation.vocabulary` knows all of them, and the page "Reasons and remedies" is
generated from there. So no reason is a literal string, and none is undocumented.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import ClassVar, NewType, Self

# A word that somebody else gave, such as a kubelet, or that is read from a status, where any word
# may stand: it is passed on, and no list can hold it.
ForeignReason = NewType("ForeignReason", str)
NOTHING = ForeignReason("")
# The kind of every object that has no explanation of its own kind's.
ANY = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """The meaning of a reason, and what can be done: empty where nothing need be.

    `command` can be typed as it is once NAME is the object's own, or that of one below it.
    """

    meaning: str
    remedy: str = ""
    command: str = ""


# Of a word that nobody here explains.
UNEXPLAINED = Explanation("")


class Vocabulary(enum.StrEnum):
    """The reasons of one room, each with its explanation.

    `section` is the title above them on the page "Reasons and remedies".

    Kinds may mean different things by a word: then there is an explanation for each of them, by
    the kind's name, so that nobody who asks about a server reads of operations.
    """

    section: ClassVar[str]
    explanations: Mapping[str, Explanation]

    def __init_subclass__(cls, *, section: str) -> None:
        """Take the title from the line that begins the list, so that no list is without one."""
        super().__init_subclass__()
        cls.section = section

    def __new__(
        cls,
        word: str,
        meaning: str | Mapping[str, Explanation],
        remedy: str = "",
        command: str = "",
    ) -> Self:
        """Make the member that is called `word`."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.explanations = (
            {ANY: Explanation(meaning, remedy, command)} if isinstance(meaning, str) else meaning
        )
        return member

    def of(self, kind: str) -> Explanation:
        """Return the explanation of the reason where an object of `kind` gives it."""
        return self.explanations.get(kind) or self.explanations.get(ANY, UNEXPLAINED)


# A value that may stand as a reason: one of ours, or a word that is passed on.
AnyReason = Vocabulary | ForeignReason
