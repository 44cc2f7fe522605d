"""The registers of sets say what the cache of servers says, whatever happened to it."""

from __future__ import annotations

import functools

import hypothesis
import msgspec
from hypothesis import strategies

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kinds.serverset.registers import Registers
from controller.kube.cache import Cache

OWNER = "owner"
SETS = ("red", "blue", "")
events = strategies.tuples(
    strategies.sampled_from(["put", "drop", "look"]),
    strategies.integers(0, 5),  # which object
    strategies.integers(0, 3),  # its ordinal
    strategies.sampled_from(SETS),  # its controller
)


def _server(name: int, ordinal: int, owner: str, version: int) -> objects.Server:
    above = {"apiVersion": names.API_VERSION, "kind": "ServerSet", "name": owner, "uid": owner}
    body = {
        "metadata": {
            "name": f"s{name}",
            "namespace": "d",
            "uid": f"u{name}",
            "resourceVersion": str(version),
            "ownerReferences": [{**above, "controller": True}] if owner else [],
        },
        "spec": {"application": "shop", "component": "web", "ordinal": ordinal},
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=objects.Server)


def _owner(item: objects.Object) -> str | None:
    return item.metadata.controller.uid if item.metadata.controller else None


@hypothesis.given(strategies.lists(events, max_size=40))
def test_registers_follow_the_cache(history: list[tuple[str, int, int, str]]) -> None:
    """Made, changed, moved to another set or ordinal, doubled, gone: each is found where it is."""
    cache: Cache[objects.Server] = Cache(Resource.SERVERS)
    cache.add_index(OWNER, _owner)
    registers = Registers(functools.partial(cache.by, OWNER))
    cache.on_change.append(registers.change)
    for version, (event, name, ordinal, owner) in enumerate(history):
        match event:
            case "put":
                cache.put(_server(name, ordinal, owner, version))
            case "drop":
                cache.drop(("d", f"s{name}"))
            case _:
                for each in SETS[:2]:
                    found = {
                        server.spec.ordinal: server for server in cache.by(OWNER, each).values()
                    }
                    assert dict(registers.of(each)) == found


def test_registers_of_sets_without_servers_are_not_kept() -> None:
    """What was asked once about a set that is gone takes no memory."""
    cache: Cache[objects.Server] = Cache(Resource.SERVERS)
    cache.add_index(OWNER, _owner)
    registers = Registers(functools.partial(cache.by, OWNER))
    cache.on_change.append(registers.change)
    assert registers.of("red") is not registers.of("red")
    cache.put(_server(1, 1, "red", 1))
    first = registers.of("red")
    assert registers.of("red") is first
    cache.drop(("d", "s1"))
    assert registers.of("red") is not first
