"""Ratio 3: how many writes a converged application costs, read from an audit log."""

from __future__ import annotations

from collections import Counter

from bench import ratios
from bench.arms import argosy
from bench.stage import Stage

STATUSES = ("applications", "serversets")
PER_SERVER = 3


def run(stage: Stage) -> None:
    """Bring up one application and count."""
    count = stage.sizes.fleet
    arena = stage.counted
    with arena.namespace() as namespace, arena.operated():
        tally = arena.tally()
        argosy.bring_up(arena, namespace, count, stage.book)
        # What comes late, such as a last status, is counted too.
        arena.calm()
        counts = tally.counts()
    judge(stage.book, counts, count)
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
