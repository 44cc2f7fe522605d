"""The counts of its slots that a replica tells the others in its heartbeat, who add them up.

Some counts go over all applications, and a replica that follows its own slots sees a part alone.
`execution.counts` writes its own here and adds up those of others, which `members` reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from controller.api import names
from controller.kube import wire
from controller.kube.slots import SLOTS

# On a heartbeat: the slots that its replica has, and what it counts in them.
ANNOTATION = f"{names.GROUP}/tally"
# The API server takes no more than 256 KiB of annotations, and each heartbeat would carry it.
_LARGEST = 65_536
# More servers than that no cluster has: a status would not take a number of any length.
_MOST = 2**31 - 1
_ALL = frozenset(range(SLOTS))

_encoder = msgspec.json.Encoder(order="sorted")


class Tally(msgspec.Struct, frozen=True):
    """The counts of some slots: by kind and name of the object that counts them."""

    slots: frozenset[int] = frozenset()
    counts: dict[str, dict[str, int]] = {}


def write(tally: Tally) -> str | None:
    """Return the annotation that tells it; None where that would be too long to be told."""
    text = _encoder.encode(tally).decode()
    return text if len(text) <= _LARGEST else None


def read(annotations: Mapping[str, str]) -> Tally | None:
    """Return what a heartbeat tells; None where it tells nothing that makes sense."""
    try:
        found = msgspec.json.decode(annotations.get(ANNOTATION, ""), type=Tally)
    except wire.UNREADABLE:
        # Anybody who may write a Lease can write this, and it must end no replica.
        return None
    numbers = (each for counts in found.counts.values() for each in counts.values())
    return found if found.slots <= _ALL and all(0 <= each <= _MOST for each in numbers) else None


def add_up(told: Iterable[Tally], kind: str, name: str) -> tuple[int, bool]:
    """Return how many there are in all slots, and whether that is all, and each counted once.

    While slots move, nobody may tell of one, or two may. The number is one of at least so many
    then: where two tell of a slot, the first is believed.
    """
    number, seen, once = 0, frozenset[int](), True
    for each in told:
        if each.slots & seen:
            once = False
            continue
        seen |= each.slots
        number += each.counts.get(kind, {}).get(name, 0)
    return number, once and seen == _ALL
