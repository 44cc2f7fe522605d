"""What the names in a template stand for in the cloud, asked once a minute for all servers.

`provider` asks before the first call that makes something, so that what would fail for every server
is told of the template. A name that several have is refused, never guessed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from controller.providers.openstack import template
from controller.providers.openstack.client import COMPUTE, IMAGE, NETWORK, Client, decode
from controller.providers.openstack.refusals import Missing

CACHE_SECONDS = 60.0
_Key = tuple[str, str, tuple[template.Network, ...], template.BootVolume | None]
_UUID = re.compile(r"^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$", re.IGNORECASE)


class _Flavor(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    ram: int = 0
    disk: int = 0


class _Flavors(msgspec.Struct, frozen=True):
    flavors: tuple[_Flavor, ...] = ()


class _Image(msgspec.Struct, frozen=True):
    id: str
    name: str | None = None
    status: str = ""
    min_ram: int = 0
    min_disk: int = 0


class _Images(msgspec.Struct, frozen=True):
    images: tuple[_Image, ...] = ()


class _Network(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class _Networks(msgspec.Struct, frozen=True):
    networks: tuple[_Network, ...] = ()


_Named = TypeVar("_Named", _Flavor, _Image, _Network)


class Lookups:
    """Ids by name, for a minute; whoever asks for the same at once shares one answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._answers: dict[_Key, tuple[float, asyncio.Task[template.Ids]]] = {}

    async def ids(self, spec: template.Spec) -> template.Ids:
        """Return what the names of a template stand for; raises TemplateRefused."""
        now = asyncio.get_running_loop().time()
        key = (spec.flavor, spec.image, spec.networks, spec.boot_volume)
        at, task = self._answers.get(key, (0.0, None))
        if task is None or now - at >= CACHE_SECONDS or _failed(task):
            self._answers = {
                each: found
                for each, found in self._answers.items()
                if now - found[0] < CACHE_SECONDS
            }
            task = asyncio.get_running_loop().create_task(self._look(spec), name="names of a cloud")
            self._answers[key] = (now, task)
        # Whoever gives up does not take the answer from the others.
        return await asyncio.shield(task)

    async def _look(self, spec: template.Spec) -> template.Ids:
        flavor = await self._flavor(spec.flavor)
        image = await self._image(spec.image)
        if image.status != "active":
            raise template.refused(f"the image {spec.image} is {image.status}, and must be active")
        boot = spec.boot_volume
        disk = flavor.disk if boot is None else boot.size_gib
        if image.min_ram > flavor.ram or 0 < disk < image.min_disk:
            whose = f"the flavor {spec.flavor}" + ("" if boot is None else ", its boot volume,")
            raise template.refused(
                f"the image {spec.image} needs {image.min_ram} MiB and {image.min_disk} GiB of"
                f" disk, and {whose} has {flavor.ram} MiB and {disk} GiB"
            )
        networks = [await self._network(each.name) for each in spec.networks]
        return template.Ids(
            flavor=flavor.id, flavor_name=flavor.name, image=image.id, networks=tuple(networks)
        )

    async def _flavor(self, wanted: str) -> _Flavor:
        answer = await self._client.call(
            COMPUTE, "GET", "/flavors/detail", what="list flavors", query={"limit": "1000"}
        )
        known = decode(answer.body, _Flavors).flavors
        by_id = [each for each in known if each.id == wanted]
        return _only("flavor", wanted, by_id or [each for each in known if each.name == wanted])

    async def _image(self, wanted: str) -> _Image:
        async def by_name() -> list[_Image]:
            answer = await self._client.call(
                IMAGE, "GET", "/v2/images", what=f"find the image {wanted}",
                query={"name": wanted, "limit": "100"},
            )  # fmt: skip
            return list(decode(answer.body, _Images).images)

        async def by_id() -> list[_Image]:
            answer = await self._client.call(
                IMAGE, "GET", f"/v2/images/{wanted}", what=f"find the image {wanted}"
            )
            return [decode(answer.body, _Image)]

        return _only("image", wanted, await _found(wanted, by_id, by_name))

    async def _network(self, wanted: str) -> str:
        field = "id" if _UUID.match(wanted) else "name"
        answer = await self._client.call(
            NETWORK, "GET", "/v2.0/networks", what=f"find the network {wanted}",
            query={field: wanted},
        )  # fmt: skip
        return _only("network", wanted, list(decode(answer.body, _Networks).networks)).id


async def _found(
    wanted: str,
    by_id: Callable[[], Awaitable[list[_Image]]],
    by_name: Callable[[], Awaitable[list[_Image]]],
) -> list[_Image]:
    if _UUID.match(wanted):
        try:
            return await by_id()
        except Missing:
            return await by_name()
    return await by_name()


def _only(kind: str, wanted: str, found: list[_Named]) -> _Named:
    if not found:
        raise template.refused(f"the cloud has no {kind} {wanted} that this project may use")
    if len(found) > 1:
        several = ", ".join(sorted(each.id for each in found))
        raise template.refused(
            f"several have the name of the {kind} {wanted}: name one of {several}"
        )
    return found[0]


def _failed(task: asyncio.Task[template.Ids]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
