"""Lists of ordinals, written as "0-9,12": which servers an operation or a stopped set is about.

Read by the Operation planner, and by the ServerSet planner for what its set remembers. A list may
be open at its end: "2-" is every ordinal from 2 on, those of servers that are yet to be made too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from controller.api import objects, remembered

ALL = "0-"
# Ordinals have five digits at most.
_END = 100_000
_PART = re.compile(r"([0-9]{1,5})(-?)([0-9]{0,5})")


def first(spec: objects.ServerSetSpec) -> int:
    """Return the lowest ordinal that a set's servers are to have."""
    return spec.ordinals.start if spec.ordinals is not None else 0


def free_from(spec: objects.ServerSetSpec) -> int:
    """Return the lowest ordinal that the partition lets run the target revision."""
    partition = spec.rollout.partition
    return first(spec) + partition if partition else 0


@remembered.by_content(1024)
def parse(text: str) -> tuple[range, ...]:
    """Return the ordinals that `text` names as the fewest ranges, rising; none for no text.

    A part that is none names none: texts come from statuses, too, which somebody may have edited.
    Asked for each server of an operation at each of its plans, so each text is read once. Example:
    "12,0-9,5,10" is 0 to 10, and 12.
    """
    spans = []
    for part in map(_PART.fullmatch, text.split(",")):
        if part is not None:
            first, dash, last = part.groups()
            spans.append((int(first), int(last) + 1 if last else _END if dash else int(first) + 1))
    return _joined(spans)


def render(ordinals: Iterable[int]) -> str:
    """Return `ordinals` as the shortest list of ranges, in rising order."""
    return _written(_joined((each, each + 1) for each in ordinals))


def of_target(target: str) -> tuple[str, str]:
    """Return the component, and which of its ordinals, that a target in an operation's status is.

    `kinds.operation.targets` writes them, "component/ordinals".
    """
    component, _, text = target.partition("/")
    return component, text


def contains(text: str, ordinal: int) -> bool:
    """Return whether `text` names the ordinal."""
    return any(ordinal in each for each in parse(text))


def overlap(one: str, other: str) -> bool:
    """Return whether both name some ordinal."""
    # Of one list no two ranges touch: where neighbours overlap they are of both.
    spans = sorted((each.start, each.stop) for each in (*parse(one), *parse(other)))
    return any(later[0] < before[1] for before, later in itertools.pairwise(spans))


def union(one: str, other: str) -> str:
    """Return the list of what either names."""
    return _written(_joined((each.start, each.stop) for each in (*parse(one), *parse(other))))


def without(text: str, taken: str) -> str:
    """Return the list of what `text` names and `taken` does not."""
    left = [(each.start, each.stop) for each in parse(text)]
    for gone in parse(taken):
        left = [
            span
            for start, stop in left
            for span in ((start, min(stop, gone.start)), (max(start, gone.stop), stop))
        ]
    return _written(_joined(left))


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[range, ...]:
    ranges: list[range] = []
    for start, stop in sorted(each for each in spans if each[0] < each[1]):
        if ranges and start <= ranges[-1].stop:
            ranges[-1] = range(ranges[-1].start, max(stop, ranges[-1].stop))
        else:
            ranges.append(range(start, stop))
    return tuple(ranges)


def _written(ranges: Iterable[range]) -> str:
    return ",".join(map(_part, ranges))


def _part(each: range) -> str:
    if each.stop >= _END:
        return f"{each.start}-"
    return str(each.start) if len(each) == 1 else f"{each.start}-{each.stop - 1}"
