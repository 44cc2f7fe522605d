"""Applications as they stand, read once, or followed as they change.

`status` and `top` come here.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Container
from typing import Any

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults, informer
from controller.planning import domains
from controller.presentation import pictures, reading
from controller.presentation.pictures import ApplicationPicture, ServerPicture

# How often somebody who waits for a change looks whether it has been seen.
GLANCE_SECONDS = 0.02
# The namespace and name of an application; the index by it.
Key = tuple[str, str]
_OWNER = "application"
# A namespace, a fleet, a failure domain.
Place = tuple[str, str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which applications are meant: one by name, or all of a namespace ("" for all) with labels.

    Applications that are followed may be `among` several namespaces.
    """

    namespace: str
    application: str = ""
    selector: str = ""
    among: tuple[str, ...] = ()

    def holds(self, found: objects.Application) -> bool:
        """Return whether an application of the namespace is meant."""
        meta = found.metadata
        return self.application in ("", meta.name) and matches(meta.labels, self.selector)


async def read(api: kube.Api, chosen: Chosen, now: float) -> list[ApplicationPicture]:
    """Return the pictures of those that exist, by namespace and name."""
    if chosen.application:
        found = await one(api, chosen.namespace, chosen.application, now)
        return [found] if found is not None else []
    applications, (sets, servers, operations) = await asyncio.gather(
        reading.many(api, objects.Application, chosen.namespace, chosen.selector),
        reading.below(api, chosen.namespace),
    )
    return pictures.pictures(applications, sets, servers, operations, now)


async def one(
    api: kube.Api, namespace: str, name: str, now: float, *, uid: str = ""
) -> ApplicationPicture | None:
    """Return the picture of an application; None if it is gone, or not the one of that `uid`."""
    try:
        found = await reading.one(api, objects.Application, namespace, name)
    except faults.NotFound:
        return None
    if uid not in ("", found.metadata.uid):
        return None
    sets, servers, operations = await reading.below(api, namespace, name)
    return pictures.picture(found, sets, servers, operations, now)


class Followed:
    """Applications that are followed; `changed` is set whenever something of them is another.

    `version` counts all changes, `versions` those of each application by namespace and name,
    `spaces` those of each namespace.
    """

    def __init__(self, api: kube.Api, chosen: Chosen) -> None:
        self.changed = asyncio.Event()
        self.version = 0
        self.versions: collections.Counter[tuple[str, str]] = collections.Counter()
        self.spaces: collections.Counter[str] = collections.Counter()
        # Of ten thousand servers one changes: the others are not drawn again for it. By application
        # the pictures by component and name, and the names of those that have changed since.
        self._drawn: dict[Key, dict[str, dict[str, ServerPicture]]] = {}
        self._undrawn: dict[Key, set[str]] = {}
        self._chosen = chosen
        # Counted again when somebody asks and something has changed.
        self._places: tuple[int, collections.Counter[Place]] = -1, collections.Counter()
        self._informers = {
            resource: self._informer(api, resource)
            for resource in (
                Resource.APPLICATIONS,
                Resource.SERVERSETS,
                Resource.SERVERS,
                Resource.OPERATIONS,
            )
        }
        self._informers[Resource.SERVERS].subscribe(self._fade)

    @property
    def failure(self) -> str:
        """Why what is followed may be behind; empty where it is not."""
        return next((each.failure for each in self._informers.values() if each.failure), "")

    def keys(self, selector: str = "") -> set[tuple[str, str]]:
        """Return those that are meant, by namespace and name; of them those with these labels."""
        found = self._informers[Resource.APPLICATIONS].objects
        return {
            key
            for key, each in found.items()
            if self._chosen.holds(each) and matches(each.metadata.labels, selector)
        }

    def pictures(
        self, now: float, *, only: Container[Key] | None = None
    ) -> list[ApplicationPicture]:
        """Return the pictures of those that are meant, by name, or `only` of these among them."""
        keys = sorted(key for key in self.keys() if only is None or key in only)
        drawn = (self.one(*key, now) for key in keys)
        return [each for each in drawn if each is not None]

    def one(self, namespace: str, name: str, now: float) -> ApplicationPicture | None:
        """Return the picture of one; None where there is none, or it is not meant."""
        key = namespace, name
        found = self.application(namespace, name)
        if found is None or not self._chosen.holds(found):
            return None
        sets, operations = (
            self._informers[each].by(_OWNER, key).values()
            for each in (Resource.SERVERSETS, Resource.OPERATIONS)
        )
        servers = {part: each.values() for part, each in self._servers(key).items()}
        return pictures.assembled(found, sets, servers, operations, now)

    def places(self) -> collections.Counter[Place]:
        """Return how many servers of each namespace are in each failure domain of each fleet."""
        if self._places[0] != self.version:
            found = self._informers[Resource.SERVERS].objects.values()
            self._places = self.version, collections.Counter(map(_place, found))
        return self._places[1]

    def application(self, namespace: str, name: str) -> objects.Application | None:
        """Return one application as it was read; None where there is none."""
        found: objects.Application | None = self._informers[Resource.APPLICATIONS].objects.get(
            (namespace, name)
        )
        return found

    def operations(self) -> list[objects.Operation]:
        """Return all operations."""
        return list(self._informers[Resource.OPERATIONS].objects.values())

    async def reach(self, resource: Resource, key: tuple[str, str], generation: int) -> None:
        """Return once an object is seen as it was written, or not at all."""
        informer_of = self._informers[resource]
        while (found := informer_of.objects.get(key)) is None or (
            found.metadata.generation < generation
        ):
            if found is None and not generation:
                return
            await asyncio.sleep(GLANCE_SECONDS)

    def operation(self, namespace: str, name: str) -> objects.Operation | None:
        """Return one operation; None where there is none."""
        found: objects.Operation | None = self._informers[Resource.OPERATIONS].objects.get(
            (namespace, name)
        )
        return found

    async def run(self) -> None:
        """Keep them up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in self._informers.values():
                group.create_task(each.run())

    async def wait(self) -> None:
        """Return once everything has been read."""
        await asyncio.gather(*(each.wait() for each in self._informers.values()))

    def _informer(self, api: kube.Api, resource: Resource) -> informer.Informer[Any]:
        made: informer.Informer[Any] = informer.Informer(
            api, resource, namespaces=self._chosen.among or (self._chosen.namespace,)
        )
        made.add_index(_OWNER, _key)
        made.subscribe(self._note)
        return made

    def _servers(self, key: Key) -> dict[str, dict[str, ServerPicture]]:
        """Return the pictures of an application's servers by component and name."""
        drawn = self._drawn.setdefault(key, {})
        own = self._informers[Resource.SERVERS].by(_OWNER, key)
        for name in self._undrawn.pop(key, ()):
            for each in drawn.values():
                each.pop(name, None)
            found = own.get((key[0], name))
            if found is not None:
                drawn.setdefault(found.spec.component, {})[name] = pictures.server(found)
        return drawn

    def _note(self, old: Any, new: Any) -> None:
        self.version += 1
        for each in (old, new):
            if each is None:
                continue
            key = _key(each)
            self.versions[key] += 1
            self.spaces[each.metadata.namespace] += 1
            if new is None:
                self._forget(key)
        self.changed.set()

    def _fade(self, old: objects.Server | None, new: objects.Server | None) -> None:
        """Have a server drawn again."""
        for each in (old, new):
            if each is not None:
                self._undrawn.setdefault(_key(each), set()).add(each.metadata.name)
        if old is not None and new is None:
            self._forget(_key(old))

    def _forget(self, key: Key) -> None:
        """Keep no picture of an application's servers where it has none any more."""
        if not self._informers[Resource.SERVERS].by(_OWNER, key):
            self._drawn.pop(key, None)
            self._undrawn.pop(key, None)


@contextlib.asynccontextmanager
async def follow(api: kube.Api, chosen: Chosen) -> AsyncIterator[Followed]:
    """Lend the applications that are meant, read and kept up to date."""
    followed = Followed(api, chosen)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(followed.run())
        try:
            await followed.wait()
            yield followed
        finally:
            running.cancel()


def _key(found: Any) -> tuple[str, str]:
    """Return the namespace and name of the application that an object is, or is a part of."""
    meta = found.metadata
    return meta.namespace, getattr(found.spec, "application", meta.name)


def _place(found: objects.Server) -> Place:
    return found.metadata.namespace, found.spec.fleet, domains.place(found)


def matches(labels: dict[str, str], selector: str) -> bool:
    """Return whether labels fit a selector of equalities, which is what -w knows."""
    for part in filter(None, selector.split(",")):
        key, sign, value = part.partition("!=") if "!=" in part else part.partition("=")
        value = value.removeprefix("=")
        has = labels.get(key.strip()) == value.strip() if sign else key.strip() in labels
        if has is (sign == "!="):
            return False
    return True
