"""What an etcd is to an API server: objects, one counter of versions, and the history of changes.

Objects are plain JSON dictionaries that nobody changes in place: a new version is a new dictionary.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec

from controller.api.resources import Resource

Json = dict[str, Any]
Key = tuple[str, str]

_encode = msgspec.json.Encoder().encode


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who wrote, how, and on what conditions."""

    verb: str
    actor: str = ""
    subresource: str = ""
    # What the writer demanded of the object that it wrote to; empty where it did not.
    uid: str = ""
    resource_version: str = ""
    body: Json = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change, as an audit log tells it; `after` is None where the object is gone."""

    version: int
    time: float
    resource: Resource
    namespace: str
    name: str
    object_uid: str
    cause: Cause
    before: Json | None
    after: Json | None


@dataclasses.dataclass(slots=True)
class Event:
    """One change, as a watch tells it."""

    version: int
    key: Key
    before: Json | None
    after: Json | None
    # What is sent: the object with the version of this event, also for a deletion.
    body: Json
    _text: bytes = b""

    @property
    def text(self) -> bytes:
        """The object as JSON, encoded once for all watches."""
        if not self._text:
            self._text = _encode(self.body)
        return self._text


class Storage:
    """Keeps everything; knows nothing of what objects mean."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.version = 1000
        self.now = now
        self.objects: dict[Resource, dict[Key, Json]] = defaultdict(dict)
        self.writes: list[Write] = []
        self.listeners: list[Callable[[Resource, Event], None]] = []
        self._texts: dict[Resource, dict[Key, bytes]] = defaultdict(dict)
        self._history: dict[Resource, list[Event]] = defaultdict(list)
        self._compacted: dict[Resource, int] = defaultdict(int)

    def text(self, resource: Resource, key: Key) -> bytes:
        """Return an object as JSON."""
        texts = self._texts[resource]
        if key not in texts:
            texts[key] = _encode(self.objects[resource][key])
        return texts[key]

    def commit(self, resource: Resource, key: Key, after: Json | None, cause: Cause) -> Json:
        """Write an object, or remove it, and tell everyone; return it with its new version."""
        self.version += 1
        before = self.objects[resource].get(key)
        self._texts[resource].pop(key, None)
        source = after if after is not None else before
        if source is None:
            raise AssertionError(f"{resource} {key} is removed, but not there")
        meta = {**source["metadata"], "resourceVersion": str(self.version)}
        body = {**source, "metadata": meta}
        if after is None:
            del self.objects[resource][key]
        else:
            self.objects[resource][key] = body
        event = Event(self.version, key, before, body if after is not None else None, body)
        self._history[resource].append(event)
        self.writes.append(
            Write(
                version=self.version,
                time=self.now(),
                resource=resource,
                namespace=key[0],
                name=key[1],
                object_uid=meta["uid"],
                cause=cause,
                before=before,
                after=event.after,
            )
        )
        for each in self.listeners:
            each(resource, event)
        return body

    def oldest(self, resource: Resource) -> int:
        """Return the version from which a watch can still start."""
        return self._compacted[resource]

    def since(self, resource: Resource, version: int) -> list[Event]:
        """Return the changes after `version`."""
        history = self._history[resource]
        if not history or history[-1].version <= version:
            return []
        return history[bisect.bisect_right(history, version, key=_version) :]

    def at(self, resource: Resource, version: int) -> dict[Key, Json]:
        """Return the objects as they were at `version`."""
        state = dict(self.objects[resource])
        for event in reversed(self.since(resource, version)):
            if event.before is None:
                del state[event.key]
            else:
                state[event.key] = event.before
        return state

    def compact(self, resource: Resource) -> None:
        """Forget the history of a resource: watches that are behind must list again."""
        self._history[resource].clear()
        self._compacted[resource] = self.version


def _version(event: Event) -> int:
    return event.version
