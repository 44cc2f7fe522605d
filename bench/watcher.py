"""Sees, as any client could, when objects of a namespace came, became Ready, and went.

One thread watches for all arms alike; whoever measures asks it when enough has been seen. Times
are those of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Self

import msgspec

from bench.manual import Hand
from controller.api.resources import Resource

POLL_SECONDS = 0.01


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an object's metadata."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str = ""


class _Condition(msgspec.Struct, frozen=True, gc=False):
    type: str
    status: str


class _Status(msgspec.Struct, frozen=True):
    conditions: tuple[_Condition, ...] = ()


class _Object(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()
    status: _Status = _Status()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Object


@dataclasses.dataclass(slots=True)
class Times:
    """When objects came into each state, in the order in which they did."""

    created: list[float] = dataclasses.field(default_factory=list)
    ready: list[float] = dataclasses.field(default_factory=list)
    going: list[float] = dataclasses.field(default_factory=list)
    gone: list[float] = dataclasses.field(default_factory=list)


class Track:
    """The objects of one resource: of all, and of each application by its name.

    What belongs to `fleet` is called `fleet` or `fleet-…`, whoever made it.
    """

    def __init__(self) -> None:
        self.all = Times()
        self.of: dict[str, Times] = defaultdict(Times)
        # By name: when the first of that name came, and when one was Ready.
        self.born: dict[str, float] = {}
        self.well: dict[str, float] = {}
        self._states: dict[str, set[str]] = {}  # by UID

    def take(self, kind: str, meta: Meta, now: float, *, ready: bool) -> None:
        """Take in one event."""
        if kind == "BOOKMARK":
            return
        states = self._states.setdefault(meta.uid, set())
        seen = ["created"]
        seen += ["ready"] if ready else []
        seen += ["going"] if meta.deletion_timestamp or kind == "DELETED" else []
        seen += ["gone"] if kind == "DELETED" else []
        self.born.setdefault(meta.name, now)
        if ready:
            self.well.setdefault(meta.name, now)
        for state in seen:
            if state not in states:
                states.add(state)
                for times in (self.all, self.of[meta.name.partition("-")[0]]):
                    getattr(times, state).append(now)


class Sight:
    """Watches some resources of one namespace while it is entered."""

    def __init__(self, hand: Hand, namespace: str, watched: Sequence[Resource]) -> None:
        self._hand = hand
        self._namespace = namespace
        self._tracks = {each: Track() for each in watched}
        self._watches: list[futures.Future[None]] = []

    def __getitem__(self, resource: Resource) -> Track:
        return self._tracks[resource]

    def __enter__(self) -> Self:
        for resource, track in self._tracks.items():
            # Before anything can happen: what comes later is seen.
            version = self._hand.do(self._version(resource))
            self._watches.append(self._hand.begin(self._follow(resource, track, version)))
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._watches:
            each.cancel()

    def wait(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        """Return as soon as the condition holds; raise TimeoutError after the deadline."""
        deadline = time.monotonic() + seconds
        while not condition():
            for each in self._watches:
                if each.done():
                    each.result()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not in {seconds:.0f} s ({self.picture()})")
            time.sleep(POLL_SECONDS)

    def picture(self) -> str:
        """Return how far everything has come."""
        return ", ".join(
            f"{name}: {len(each.all.created)} created, {len(each.all.ready)} ready,"
            f" {len(each.all.gone)} gone"
            for name, each in self._tracks.items()
        )

    async def _version(self, resource: Resource) -> str:
        listed = await self._hand.client.list(resource, self._namespace, limit=1)
        return msgspec.json.decode(listed, type=_Object).metadata.resource_version

    async def _follow(self, resource: Resource, track: Track, version: str) -> None:
        decode = msgspec.json.Decoder(_Event).decode
        while True:  # an API server may end a watch at any time: it goes on where it was
            async for line in self._hand.client.watch(
                resource, self._namespace, resource_version=version, timeout_seconds=3600
            ):
                event = decode(line)
                now, found = time.monotonic(), event.object
                if event.type == "ERROR":
                    raise ConnectionError(f"the watch of {resource} broke: {line.decode()}")
                version = found.metadata.resource_version
                track.take(event.type, found.metadata, now, ready=_is_ready(found))


def _is_ready(item: _Object) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in item.status.conditions)
