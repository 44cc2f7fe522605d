"""I11 and I12: the operator's process gives back what it took, and its log holds no traceback.

The audit log cannot know; whoever runs the operator samples `memory` and hands over the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from proof.history import verdict

GROWTH = 1.2
SPARE = 16 << 20  # bytes: an allocator keeps what it once had
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
_NEVER = re.compile(r"(exception was never retrieved|was never awaited|Task was destroyed)")


def memory(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise ProcessLookupError(f"process {pid} has ended")
    return int(found[1]) << 10


def descriptors(pid: int) -> int:
    """Return how many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def left_over(
    what: str, baseline: int, final: int, *, spare: int = 0
) -> Iterator[verdict.Violation]:
    """Yield I11's violation if there are more of something than there were at rest before."""
    if final > baseline + spare:
        yield verdict.Violation(
            invariant="I11",
            message=f"the operator ends with {final} {what}, having begun with {baseline}",
        )


def returned(
    baseline: int, samples: Sequence[int], *, growth: float = GROWTH
) -> Iterator[verdict.Violation]:
    """Yield I11's violation if memory did not come back near its baseline at the end."""
    allowed = int(baseline * growth) + SPARE
    if samples and min(samples[-3:]) > allowed:
        yield verdict.Violation(
            invariant="I11",
            message=f"the operator ends with {min(samples[-3:]) >> 20} MiB, having begun with"
            f" {baseline >> 20} MiB",
        )


def tracebacks(log: str) -> Iterator[verdict.Violation]:
    """Yield I12's violations: what nobody caught, with the lines in which the log tells it."""
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if _TRACEBACK.search(line) or _NEVER.search(line):
            told = " | ".join(each.strip() for each in lines[number : number + 2])
            yield verdict.Violation(invariant="I12", message=f"log line {number + 1}: {told[:500]}")
