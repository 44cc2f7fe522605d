"""A crash at an exact write: what `matrix` sweeps over, one run for each write and moment.

Where a run takes minutes, as that of a build on a real node does, one run dies at every write.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable


class Moment(enum.StrEnum):
    """When, around a write, the operator is struck."""

    BEFORE_SEND = "before send"
    AFTER_COMMIT = "after commit"
    AFTER_RESPONSE = "after response"


@dataclasses.dataclass(slots=True, kw_only=True)
class Crash:
    """Strikes once, at the write of this key.

    `strike` ends the operator and returns when it has ended; `struck` tells whether it has.
    """

    key: str
    moment: Moment
    strike: Callable[[], None]
    struck: bool = False

    def due(self, key: str, moment: Moment) -> bool:
        """Whether this is the moment, and it has not been before."""
        return not self.struck and key == self.key and moment is self.moment

    def hit(self) -> None:
        """Strike."""
        self.struck = True
        self.strike()


@dataclasses.dataclass(slots=True, kw_only=True)
class EveryWrite(Crash):
    """Strikes at every write: at the first of its like before it is sent, and after each commit.

    A write that was committed is there for whoever comes next, so the run goes on to its end, and
    dies at all that it writes. `kills` are where it died, in order.
    """

    key: str = ""
    moment: Moment = Moment.AFTER_COMMIT
    kills: list[tuple[str, Moment]] = dataclasses.field(default_factory=list)

    def due(self, key: str, moment: Moment) -> bool:
        """Whether the operator dies now."""
        like = key.partition("#")[0]
        kept_back = any(each.partition("#")[0] == like for each, _ in self.kills)
        due = moment is Moment.AFTER_COMMIT or (moment is Moment.BEFORE_SEND and not kept_back)
        if due:
            self.kills.append((key, moment))
        return due
