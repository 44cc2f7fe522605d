"""Ratio 3: how many writes a converged application costs, read from an audit log.

`large` has this counted while its small fleet comes up.
"""

from __future__ import annotations

from collections import Counter

from bench import ratios
from bench.stage import Stage
from bench.tally import Tally

STATUSES = ("applications", "serversets")
PER_SERVER = 3


def count(stage: Stage, tally: Tally, servers: int) -> None:
    """Say what was written for the one application of so many servers, and judge it."""
    counts = tally.counts()
    judge(stage.book, counts, servers)
    for (resource, subresource, verb), number in sorted(counts.items()):
        name = f"{resource}/{subresource}" if subresource else resource
        stage.say(f"{number:>6} {verb} {name}")


def judge(book: ratios.Book, counts: Counter[tuple[str, str, str]], servers: int) -> None:
    """Put on record what these writes mean for one application of so many servers."""
    book.add("3", sum(counts.values()) / servers / PER_SERVER)
    for resource in STATUSES:
        written = sum(
            number
            for (name, subresource, _), number in counts.items()
            if name == resource and subresource == "status"
        )
        book.add("3s", written / ratios.status_bound(servers))
