"""Caches with changes that nobody has made: each is seen wherever a kind may look."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.kinds.registry import KINDS
from controller.kinds.serverset.registers import Registers
from controller.kube.cache import Cache
from controller.planning.caches import Index
from controller.presentation.overlay import Overlay
from fakes.instant import NAMESPACE
from tests.kinds.rehearsal import Rehearsal, component

INDEXES = [
    each for each in dict.fromkeys(x for kind in KINDS for x in kind.indexes)
    if each.view is objects.Server
]  # fmt: skip


def running() -> Rehearsal:
    """Return a world in which four servers of one set and two of another run."""
    world = Rehearsal()
    world.apply("shop", component("web", "web:v1", 4), component("db", "db:v1", 2))
    world.run()
    return world


def changed(server: objects.Server, **spec: str | int) -> objects.Server:
    """Return a server with another spec."""
    return msgspec.structs.replace(server, spec=msgspec.structs.replace(server.spec, **spec))


def renamed(server: objects.Server, ordinal: int) -> objects.Server:
    """Return a server like another, of another ordinal."""
    meta = msgspec.structs.replace(server.metadata, name=f"shop-web-{ordinal}", uid=f"u{ordinal}")
    return changed(msgspec.structs.replace(server, metadata=meta), ordinal=ordinal)


def let_go(server: objects.Server) -> objects.Server:
    """Return a server that nothing controls any more."""
    meta = msgspec.structs.replace(server.metadata, owner_references=())
    return msgspec.structs.replace(server, metadata=meta)


def change(world: Rehearsal, overlay: Overlay) -> Mapping[tuple[str, str], objects.Server]:
    """Change servers in an overlay, some of them twice; return all as they are by then."""
    servers = world.all(objects.Server)
    first, second, third = (servers[f"shop-web-{each}"] for each in range(3))
    new = renamed(first, 7)
    overlay.put(changed(first, revision="next"))
    overlay.put(changed(first, revision="another"))
    overlay.put(let_go(second))
    overlay.drop(objects.Server, (NAMESPACE, third.metadata.name))
    overlay.put(new)
    overlay.put(renamed(first, 8))
    overlay.drop(objects.Server, (NAMESPACE, "shop-web-8"))
    found = {(NAMESPACE, name): each for name, each in servers.items() if each is not third}
    found[NAMESPACE, "shop-web-0"] = changed(first, revision="another")
    found[NAMESPACE, "shop-web-1"] = let_go(second)
    return found | {(NAMESPACE, "shop-web-7"): new}


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("asked_before", [True, False])
def test_every_index_has_the_changes(*, index: Index[objects.Server], asked_before: bool) -> None:
    """By each key it finds what caches would find had all been written, whenever it is asked."""
    world = running()
    overlay = Overlay(world.caches)
    keys = {index.key(each) for each in world.all(objects.Server).values()}
    if asked_before:
        overlay.put(world.get(objects.Server, "shop-db-0"))
        for key in keys:
            overlay.by(index, key)
    wanted = change(world, overlay)
    plain: Cache[objects.Server] = Cache(Resource.SERVERS)
    plain.add_index(index, index.key)
    for each in wanted.values():
        plain.put(each)
    for key in keys | {index.key(each) for each in wanted.values()}:
        assert overlay.by(index, key) == plain.by(index, key)
    assert overlay.of(objects.Server).objects == wanted
    assert len(overlay.of(objects.Server).objects) == len(wanted)


@pytest.mark.parametrize("asked_before", [True, False])
def test_what_a_kind_keeps_has_the_changes(*, asked_before: bool) -> None:
    """A register that is asked again has what came of its servers in between."""
    world = running()
    overlay, uid = Overlay(world.caches), world.get(objects.ServerSet, "shop-web").metadata.uid
    if asked_before:
        assert list(overlay.kept(Registers).of(uid)) == [0, 1, 2, 3]
    wanted = change(world, overlay)
    found = overlay.kept(Registers).of(uid)
    assert {each.metadata.name for each in found.values()} == {
        "shop-web-0", "shop-web-3", "shop-web-7"
    }  # fmt: skip
    assert all(wanted[NAMESPACE, each.metadata.name] == each for each in found.values())


def test_what_is_beneath_stays_as_it_is() -> None:
    """Nobody else sees the changes: neither the caches, nor what is kept beside them."""
    world = running()
    before = dict(world.caches.of(objects.Server).objects)
    uid = world.get(objects.ServerSet, "shop-web").metadata.uid
    kept = dict(world.caches.kept(Registers).of(uid))
    change(world, Overlay(world.caches))
    assert world.caches.of(objects.Server).objects == before
    assert dict(world.caches.kept(Registers).of(uid)) == kept


def test_a_view_that_is_left_out_has_only_what_was_put() -> None:
    """However it is looked up: there is none of it, but for what would come."""
    world = running()
    overlay = Overlay(world.caches, without=(objects.Server,))
    assert not overlay.of(objects.Server).objects
    assert not any(
        overlay.by(index, index.key(each))
        for index in INDEXES
        for each in world.all(objects.Server).values()
    )
    new = renamed(world.get(objects.Server, "shop-web-0"), 7)
    overlay.put(new)
    assert dict(overlay.of(objects.Server).objects) == {(NAMESPACE, "shop-web-7"): new}
