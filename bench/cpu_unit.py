"""A fixed piece of work, done now and then beside what is measured: how dear CPU time is just now.

On a shared machine the same work takes more CPU seconds in one minute than in another, as
neighbours press on caches and clocks. Who compares CPU seconds of two moments divides each by what
this work took in the same moment.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import Self

import msgspec

from bench import bodies

PAUSE_SECONDS = 0.2
OBJECTS = 150


class Yardstick:
    """Does the work again and again, in a thread of its own, while it is entered."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="yardstick", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """The CPU seconds that the work took so far, on average: it is what CPU seconds add up."""
        return statistics.fmean(self._seconds)

    def _measure(self) -> None:
        while True:
            began = time.thread_time()
            work()
            self._seconds.append(time.thread_time() - began)
            if self._over.wait(PAUSE_SECONDS):
                return


def work() -> int:
    """Do what an operator does all the time: write JSON, read it, sort it out by name."""
    texts = [msgspec.json.encode(bodies.pod(f"yard-{number}")) for number in range(OBJECTS)]
    found = {each["metadata"]["name"]: each for each in map(msgspec.json.decode, texts)}
    return sum(len(found[name]["spec"]) for name in sorted(found))
