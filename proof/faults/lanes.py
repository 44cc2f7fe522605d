"""Runs side by side, each lane on a cluster of its own, and how far they have come.

Two lives on one cluster would meet each other's crashes; two clusters do not, and while one waits
for its pods another can work.
"""

from __future__ import annotations

import contextlib
import queue
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import TypeVar

from proof.faults import outcome, rig

T = TypeVar("T")
Say = Callable[[str], None]


class Lanes:
    """Rigs that take turns at whatever there is to run; made by `open_lanes`."""

    def __init__(self, rigs: Sequence[rig.Rig], say: Say) -> None:
        self.rigs = rigs
        self._say = say
        self._free: queue.SimpleQueue[rig.Rig] = queue.SimpleQueue()
        for each in rigs:
            self._free.put(each)

    def run(
        self, work: Callable[[rig.Rig, T], outcome.Outcome], points: Sequence[T]
    ) -> Iterator[outcome.Outcome]:
        """Yield what comes of each point as it comes, and tell how long the rest will take."""

        def one(point: T) -> outcome.Outcome:
            place, start = self._free.get(), time.monotonic()
            try:
                return work(place, point)
            except Exception:  # noqa: BLE001 - one run must not end hundreds of others
                wrong = (traceback.format_exc(),)
                return outcome.Outcome(
                    name=str(point), seconds=time.monotonic() - start, wrong=wrong
                )
            finally:
                self._free.put(place)

        began, wrong = time.monotonic(), 0
        with futures.ThreadPoolExecutor(len(self.rigs), thread_name_prefix="lane") as pool:
            pending = [pool.submit(one, each) for each in points]
            try:
                for number, done in enumerate(futures.as_completed(pending), 1):
                    found = done.result()
                    wrong += not found.good
                    left = (time.monotonic() - began) / number * (len(points) - number)
                    self._say(
                        f"{number}/{len(points)}, {wrong} wrong, about {left / 60:.0f} min left:"
                        f" {found}"
                    )
                    yield found
            finally:
                for each in pending:
                    each.cancel()


@contextlib.contextmanager
def open_lanes(folder: Path, number: int, say: Say, *, replicas: int = 1) -> Iterator[Lanes]:
    """Start so many rigs; end them."""
    with contextlib.ExitStack() as stack:
        rigs = [
            stack.enter_context(rig.running(folder / f"lane-{each}", say, replicas=replicas))
            for each in range(number)
        ]
        yield Lanes(rigs, say)
