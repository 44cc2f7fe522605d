"""A crash at an exact write: what `matrix` sweeps over, one run for each write and moment."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

from proof.faults import requests


class Moment(enum.StrEnum):
    """When, around a write, the operator is struck."""

    BEFORE_SEND = "before send"
    AFTER_COMMIT = "after commit"
    AFTER_RESPONSE = "after response"


@dataclasses.dataclass(slots=True, kw_only=True)
class Crash:
    """Strikes once, at the write of this number, counted from 0.

    `strike` ends the operator and returns when it has ended; `struck` tells what it hit.
    """

    number: int
    moment: Moment
    strike: Callable[[], None]
    struck: str = ""

    def due(self, number: int, moment: Moment) -> bool:
        """Whether this is the moment, and it has not been before."""
        return not self.struck and number == self.number and moment is self.moment

    def hit(self, request: requests.Request) -> None:
        """Strike."""
        self.struck = request.label
        self.strike()
