"""Whether what must go on goes on: a pulse for each loop that must never stand still.

An open port says nothing of the loops beside it. Each loop tells its pulse that it has turned, and
within how many seconds it will again; the liveness probe asks for those that are late, metrics for
how long ago it was. Time is the event loop's.
"""

from __future__ import annotations

import asyncio

_NEVER = float("inf")


class Pulse:
    """When something last went on, and by when it must again; nothing is due before the first."""

    __slots__ = ("_at", "_due", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self._at: float | None = None
        self._due = _NEVER

    def beat(self, within: float = _NEVER) -> None:
        """Say that it goes on, and will say so again within that many seconds."""
        self._at = asyncio.get_running_loop().time()
        self._due = self._at + within

    def rest(self) -> None:
        """Say that nothing is to be expected any more."""
        self._at, self._due = None, _NEVER

    @property
    def late(self) -> bool:
        """Whether it should have gone on since."""
        return asyncio.get_running_loop().time() > self._due

    @property
    def silence(self) -> float | None:
        """How long ago it last went on, in seconds; None while nothing is expected."""
        return None if self._at is None else asyncio.get_running_loop().time() - self._at
