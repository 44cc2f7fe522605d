"""A fixed piece of work, done now and then beside what is measured: how dear CPU time is just now.

On a shared machine the same work takes more CPU seconds in one minute than in another, as
neighbours press on caches and clocks. Who compares CPU seconds of two moments divides each by what
this work took in the same moment. `python -m bench.cpu_unit` does it until its input ends.
"""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import msgspec

from bench import bodies
from devcluster import errors, processes

PAUSE_SECONDS = 0.2
OBJECTS = 150
ROOT = Path(__file__).resolve().parents[1]
STARTED_SECONDS = 60.0


class Yardstick:
    """Does the work again and again while it is entered, in a process of its own.

    Its `seconds` may be asked for while it is entered, and afterwards.

    In the bench's process it would measure the bench: the plain client runs there, and leaves other
    things in the caches than an operator does that runs somewhere else.
    """

    def __init__(self) -> None:
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed on leaving
        self._process: subprocess.Popen[bytes] | None = None
        self._whole: list[float] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.cpu_unit"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=self._told,
        )  # fmt: skip
        if not processes.wait_until(lambda: bool(self._measured()), STARTED_SECONDS):
            raise errors.DevclusterError("the yardstick has measured nothing yet")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()
            if not self._process.returncode:
                self._whole = self._measured()
        self._told.close()

    @property
    def seconds(self) -> float:
        """The CPU seconds that the work took so far, on average: it is what CPU seconds add up."""
        return statistics.fmean(self._whole or self._measured())

    def _measured(self) -> list[float]:
        if self._process is not None and self._process.poll():
            raise errors.DevclusterError("the yardstick has ended")
        # Without moving the place at which the other process writes: it is the same open file.
        number = self._told.fileno()
        told = os.pread(number, os.fstat(number).st_size, 0)
        # A line that is being written has no end yet.
        return [float(each) for each in told.rpartition(b"\n")[0].split()]


def work() -> int:
    """Do what an operator does all the time: write JSON, read it, sort it out by name."""
    texts = [msgspec.json.encode(bodies.pod(f"yard-{number}")) for number in range(OBJECTS)]
    found = {each["metadata"]["name"]: each for each in map(msgspec.json.decode, texts)}
    return sum(len(found[name]["spec"]) for name in sorted(found))


def main() -> None:
    """Do the work, tell the CPU seconds that it took, and pause, until the input ends."""
    while True:
        began = time.process_time()
        work()
        print(time.process_time() - began, flush=True)
        if select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            return


if __name__ == "__main__":
    main()
