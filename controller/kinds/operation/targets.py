"""Which servers an operation is about: what its spec names, and the list fixed when a run starts.

Called by the Operation planner and by the conflict rules. A list is written as "web/0-9,12", one
for each component, so that ten thousand servers take a few characters of status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from controller.api import objects
from controller.api.choices import TurnOrder
from controller.planning import ordinals

# A server by its component and ordinal.
Key = tuple[str, int]


def includes(spec: objects.OperationSpec, key: Key) -> bool:
    """Return whether the operation's spec names that server."""
    component, ordinal = key
    if spec.components and component not in spec.components:
        return False
    return not spec.servers or ordinals.contains(spec.servers, ordinal)


def meet(one: objects.OperationSpec, other: objects.OperationSpec) -> bool:
    """Return whether two operations could ever be about the same server."""
    if one.application != other.application:
        return False
    if one.components and other.components and not set(one.components) & set(other.components):
        return False
    if not one.servers or not other.servers:
        return True
    return ordinals.overlap(one.servers, other.servers)


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
    sign = -1 if order == TurnOrder.DESCENDING else 1

    def rank(key: Key) -> tuple[int, str, int]:
        return place.get(key[0], len(place)), key[0], sign * key[1]

    return tuple(sorted(keys, key=rank))


def record(keys: Iterable[Key]) -> tuple[str, ...]:
    """Return `keys` as status has them: "component/ordinals", a component once."""
    found: dict[str, list[int]] = {}
    for component, ordinal in keys:
        found.setdefault(component, []).append(ordinal)
    return tuple(f"{name}/{ordinals.render(numbers)}" for name, numbers in found.items())


def recall(recorded: Iterable[str]) -> Iterator[Key]:
    """Return the keys that `record` wrote."""
    for each in recorded:
        component, text = ordinals.of_target(each)
        for numbers in ordinals.parse(text):
            yield from ((component, number) for number in numbers)
