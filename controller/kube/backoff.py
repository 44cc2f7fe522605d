"""How long to wait before the next try at something that failed; `informer` and `lease` ask.

And what chance all waits have that spread load.
"""

from __future__ import annotations

import random

from controller import errors


def jitter() -> random.Random:
    """Return chance that spreads load, for one who waits.

    Its seed is drawn from `random`: whoever seeds that, as tests do, has the same waits again.
    """
    return random.Random(random.getrandbits(64))  # noqa: S311 - jitter is no secret


class RetryDelays:
    """Delays that double from `first` to `longest` seconds, each shortened by up to half."""

    def __init__(self, *, first: float, longest: float, rng: random.Random) -> None:
        self._first = first
        self._longest = longest
        self._rng = rng
        self._next = first

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self._next = self._first

    def delay(self, error: errors.ArgosyError | None = None) -> float:
        """Return the next delay, never less than what the other side asked for."""
        wanted = self._next * (1 - self._rng.random() / 2)
        self._next = min(self._next * 2, self._longest)
        asked = error.retry_after if error is not None else None
        return max(wanted, asked or 0.0)
