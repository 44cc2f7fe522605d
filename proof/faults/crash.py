"""A crash at an exact write: what `matrix` sweeps over, one run for each write and moment."""

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
