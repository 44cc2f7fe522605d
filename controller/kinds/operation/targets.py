"""Which servers an operation is about: what its spec names, and the list fixed when a run starts.

Called by the Operation planner and by the conflict rules. A list is written as "web/0-9,12", one
for each component, so that ten thousand servers take a few characters of status.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

from controller.api import objects

# A server by its component and ordinal.
Key = tuple[str, int]

DESCENDING = "Descending"


@functools.lru_cache(maxsize=1024)
def parse_ordinals(text: str) -> tuple[range, ...]:
    """Return the ordinals that `text` names as the fewest ranges, rising; none for no text.

    Asked for each server of an operation at each of its plans, so each text is read once. Example:
    "12,0-9,5,10" is 0 to 10, and 12.
    """
    spans = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        spans.append((int(first), int(last or first) + 1))
    ranges: list[range] = []
    for start, stop in sorted(each for each in spans if each[0] < each[1]):
        if ranges and start <= ranges[-1].stop:
            ranges[-1] = range(ranges[-1].start, max(stop, ranges[-1].stop))
        else:
            ranges.append(range(start, stop))
    return tuple(ranges)


def format_ordinals(ordinals: Iterable[int]) -> str:
    """Return `ordinals` as the shortest list of ranges, in rising order."""
    parts: list[list[int]] = []
    for each in sorted(ordinals):
        if parts and each == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], each]
        else:
            parts.append([each])
    return ",".join("-".join(str(end) for end in part) for part in parts)


def includes(spec: objects.OperationSpec, key: Key) -> bool:
    """Return whether the operation's spec names that server."""
    component, ordinal = key
    if spec.components and component not in spec.components:
        return False
    return not spec.servers or any(ordinal in each for each in parse_ordinals(spec.servers))


def meet(one: objects.OperationSpec, other: objects.OperationSpec) -> bool:
    """Return whether two operations could ever be about the same server."""
    if one.application != other.application:
        return False
    if one.components and other.components and not set(one.components) & set(other.components):
        return False
    if not one.servers or not other.servers:
        return True
    mine, theirs = parse_ordinals(one.servers), parse_ordinals(other.servers)
    return any(a.start < b.stop and b.start < a.stop for a in mine for b in theirs)


def choose(
    operation: objects.Operation,
    application: objects.Application | None,
    servers: Mapping[Key, objects.Server],
) -> tuple[Key, ...]:
    """Return the servers that a run is about, in the order of their turns.

    Servers that are going, or that a person holds, are passed by.
    """
    spec = operation.spec
    chosen = [
        key
        for key, server in servers.items()
        if includes(spec, key)
        and server.metadata.deletion_timestamp is None
        and not server.spec.held
    ]
    return in_order(chosen, application, spec.order)


def in_order(
    keys: Iterable[Key], application: objects.Application | None, order: str
) -> tuple[Key, ...]:
    """Return `keys` by the application's order of components, then by ordinal."""
    components = application.spec.components if application is not None else ()
    place = {each.name: index for index, each in enumerate(components)}
    sign = -1 if order == DESCENDING else 1

    def rank(key: Key) -> tuple[int, str, int]:
        return place.get(key[0], len(place)), key[0], sign * key[1]

    return tuple(sorted(keys, key=rank))


def record(keys: Iterable[Key]) -> tuple[str, ...]:
    """Return `keys` as status has them: "component/ordinals", a component once."""
    found: dict[str, list[int]] = {}
    for component, ordinal in keys:
        found.setdefault(component, []).append(ordinal)
    return tuple(f"{name}/{format_ordinals(ordinals)}" for name, ordinals in found.items())


def recall(recorded: Iterable[str]) -> Iterator[Key]:
    """Return the keys that `record` wrote."""
    for each in recorded:
        component, _, ordinals = each.partition("/")
        for numbers in parse_ordinals(ordinals):
            yield from ((component, number) for number in numbers)
