"""What all trials share in one run: the clusters, the sizes, the book, and the clock.

`__main__` makes one; clusters start when the first trial needs them and end with the stage.
"""

from __future__ import annotations

import contextlib
import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import arena, distance, ratios, runs, sizes
from bench.arms import argosy


class Stage:
    """One run of the benchmark."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        chosen: sizes.Sizes,
        wanted: frozenset[str],
        say: Callable[[str], None],
    ) -> None:
        self.sizes = chosen
        self._wanted = wanted
        self.say = say
        self.book = ratios.Book()
        self._until = math.inf
        self._ends: list[Callable[[], None]] = []
        self._stack = stack
        self._folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="argosy-bench-"))
        )

    @functools.cached_property
    def timed(self) -> arena.Arena:
        """The cluster where times are taken: nothing is recorded in it."""
        return self._open("timed", "off")

    @functools.cached_property
    def counted(self) -> arena.Arena:
        """The cluster where writes are counted, and large fleets live."""
        return self._open("counted", "metadata")

    @functools.cached_property
    def status(self) -> dict[str, Any]:
        """The status of a converged server; the operator is warm when it is known."""
        return argosy.warm_up(self.timed)

    def wants(self, *keys: str) -> bool:
        """Whether any of these ratios is asked for."""
        return not self._wanted.isdisjoint(keys)

    def at_the_end(self, act: Callable[[], None]) -> None:
        """Have something done when all trials are over."""
        self._ends.append(act)

    def finish(self) -> None:
        """Do what was to be done at the end."""
        while self._ends:
            self._ends.pop(0)()

    def keep(self, run: runs.Run) -> runs.Run:
        """Put a run on record, say so, and return it."""
        self.book.runs.append(run)
        self.say(str(run))
        return run

    def allow(self, seconds: float) -> None:
        """Let the trial that begins now take so long: after that, rounds are left out."""
        self._until = time.monotonic() + seconds

    def has(self, seconds: float) -> bool:
        """Whether the trial may take so much longer."""
        return time.monotonic() + seconds < self._until

    def rounds(self, count: int) -> Iterator[int]:
        """Number the rounds of a trial, saying which it is; there is always one."""
        longest = 0.0
        for number in range(count):
            began = time.monotonic()
            if number and not self.has(longest):
                self.say(f"{count - number} of {count} rounds are left out: this takes too long")
                return
            self.say(f"round {number + 1} of {count}")
            yield number
            longest = max(longest, time.monotonic() - began)

    def _open(self, name: str, audit: str) -> arena.Arena:
        began = time.monotonic()
        opened = self._stack.enter_context(arena.opened(self._folder / name, self.say, audit=audit))
        if self.sizes.away:
            self._stack.enter_context(distance.kept(opened, self.sizes.away / 1000))
        self.say(f"cluster `{name}` is up after {time.monotonic() - began:.1f} s")
        return opened
