"""What a cache holds after an object was replaced behind its back by one that cannot be read."""

from __future__ import annotations

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import wire
from controller.kube.cache import Cache


def server(uid: str, version: int) -> objects.Server:
    """Return a server of one name, as one object or another."""
    meta = objects.Meta(name="a-c-1", namespace="default", uid=uid, resource_version=str(version))
    spec = objects.ServerSpec(application="a", component="c", ordinal=1)
    return objects.Server(metadata=meta, spec=spec)


def test_nothing_stays_of_an_object_whose_name_another_has_that_cannot_be_read() -> None:
    """Its end, which nobody saw, is told to all who follow; the same one unread is as it was."""
    cache: Cache[objects.Server] = Cache(Resource.SERVERS)
    cache.add_index("all", lambda _: "all")
    told: list[tuple[objects.Server | None, objects.Server | None]] = []
    cache.on_change.append(lambda old, new: told.append((old, new)))
    first = server("one", 1)
    where = ("default", "a-c-1")
    cache.put(first)
    cache.replace(lambda _: True, (), [wire.Malformed(server("one", 2).metadata, "too deep")])
    assert cache.objects[where].spec == first.spec
    kept = cache.objects[where]
    cache.replace(lambda _: True, (), [wire.Malformed(server("two", 3).metadata, "misnamed")])
    assert not cache.objects
    assert not cache.by("all", "all")
    assert told[-1] == (kept, None)
    assert cache.malformed[where].metadata.uid == "two"
    cache.put(server("two", 4))
    assert cache.objects[where].metadata.uid == "two"
    assert not cache.malformed
