"""Applications as they stand, read once, or followed as they change.

`status` and `top` come here.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import api as door
from controller.kube import faults, informer
from controller.presentation import pictures, reading
from controller.presentation.pictures import ApplicationPicture


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which applications are meant: one by name, or all of a namespace ("" for all) with labels."""

    namespace: str
    application: str = ""
    selector: str = ""

    def holds(self, found: objects.Application) -> bool:
        """Return whether an application of the namespace is meant."""
        meta = found.metadata
        return self.application in ("", meta.name) and matches(meta.labels, self.selector)


async def read(api: door.Api, chosen: Chosen, now: float) -> list[ApplicationPicture]:
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
    api: door.Api, namespace: str, name: str, now: float, *, uid: str = ""
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
    """Applications that are followed; `changed` is set whenever something of them is another."""

    def __init__(self, api: door.Api, chosen: Chosen) -> None:
        self.changed = asyncio.Event()
        self._chosen = chosen
        self._informers = {
            resource: self._informer(api, resource)
            for resource in (
                Resource.APPLICATIONS,
                Resource.SERVERSETS,
                Resource.SERVERS,
                Resource.OPERATIONS,
            )
        }

    def pictures(self, now: float) -> list[ApplicationPicture]:
        """Return the pictures of those that are meant."""
        found, sets, servers, operations = (
            list(each.objects.values()) for each in self._informers.values()
        )
        chosen = filter(self._chosen.holds, found)
        return pictures.pictures(chosen, sets, servers, operations, now)

    async def run(self) -> None:
        """Keep them up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in self._informers.values():
                group.create_task(each.run())

    async def wait(self) -> None:
        """Return once everything has been read."""
        await asyncio.gather(*(each.wait() for each in self._informers.values()))

    def _informer(self, api: door.Api, resource: Resource) -> informer.Informer[Any]:
        made: informer.Informer[Any] = informer.Informer(
            api, resource, namespaces=(self._chosen.namespace,)
        )
        made.subscribe(lambda _old, _new: self.changed.set())
        return made


@contextlib.asynccontextmanager
async def follow(api: door.Api, chosen: Chosen) -> AsyncIterator[Followed]:
    """Lend the applications that are meant, read and kept up to date."""
    followed = Followed(api, chosen)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(followed.run())
        try:
            await followed.wait()
            yield followed
        finally:
            running.cancel()


def matches(labels: dict[str, str], selector: str) -> bool:
    """Return whether labels fit a selector of equalities, which is what -w knows."""
    for part in filter(None, selector.split(",")):
        key, sign, value = part.partition("!=") if "!=" in part else part.partition("=")
        value = value.removeprefix("=")
        has = labels.get(key.strip()) == value.strip() if sign else key.strip() in labels
        if has is (sign == "!="):
            return False
    return True
