"""The ids that the names in a template stand for in a cloud, asked once a minute for all servers.

`provider` asks before the first call that makes something, so that what would fail for every server
is told of the template. A name that several have is refused, never guessed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

import msgspec

from controller import errors
from controller.providers.openstack import snapshots, template
from controller.providers.openstack.client import COMPUTE, IMAGE, NETWORK, CloudClient
from controller.providers.openstack.refusals import Missing, decode

CACHE_SECONDS = 60.0
DEFAULT_GROUP = "default"
T = TypeVar("T")
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
    # Of a snapshot that Argosy took: whose disk is on it.
    fleet: str = msgspec.field(name=snapshots.FLEET, default="")
    server: str = msgspec.field(name=snapshots.SERVER, default="")

    def is_for(self, fleet: str, namespace: str) -> bool:
        """Return whether servers of a namespace may be made of it."""
        whose = self.fleet, self.server.partition("/")[0]
        return not self.server or whose == (fleet, namespace)


class _Images(msgspec.Struct, frozen=True):
    images: tuple[_Image, ...] = ()


class _Network(msgspec.Struct, frozen=True):
    id: str
    name: str | None = None


class _Networks(msgspec.Struct, frozen=True):
    networks: tuple[_Network, ...] = ()


class _SecurityGroups(msgspec.Struct, frozen=True):
    security_groups: tuple[_Network, ...] = ()


_Named = TypeVar("_Named", _Flavor, _Image, _Network)


class _Answers(Generic[T]):
    """Answers of the last minute; whoever asks for the same at once shares one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def of(self, key: Hashable, look: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer for a key, looked up where it is not known."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        at, task = self._known.get(key, (0.0, None))
        if task is None or now - at >= CACHE_SECONDS or _failed(task):
            self._known = {
                each: found for each, found in self._known.items() if now - found[0] < CACHE_SECONDS
            }
            task = loop.create_task(look(), name=self._name)
            self._known[key] = (now, task)
        # Whoever gives up does not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, key: Hashable) -> None:
        """Have the answer for a key looked up anew."""
        self._known.pop(key, None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """The objects that a cloud has by the names of a template, whoever asks."""

    flavor: _Flavor
    images: tuple[_Image, ...]
    networks: tuple[str, ...]


class Lookups:
    """Ids by name, for a minute."""

    def __init__(self, client: CloudClient, fleet: str) -> None:
        self._client = client
        self._fleet = fleet
        self._offers = _Answers[_Offer]("names of a cloud")
        self._links = _Answers[template.Links]("names of a cloud's networks")

    async def ids(self, spec: template.Spec, namespace: str) -> template.Ids:
        """Return what the names of a template stand for; raises TemplateRefused.

        An image that was made of a server has what is on its disk: it is there for servers of the
        same namespace alone. Example: whoever may write applications in `playground` would read
        prod's database from `image: shop-db-0-nightly`, with a key of their own in the user data.
        """
        key = (spec.flavor, spec.image, spec.networks, spec.boot_volume)
        links = await self.links(spec)
        found = await self._offers.of(key, lambda: self._look(spec))
        try:
            # The answer is everybody's, and who may use the image is not.
            theirs = [each for each in found.images if each.is_for(self._fleet, namespace)]
            image = _only("image", spec.image, theirs)
            _check(spec, found.flavor, image)
        except errors.TemplateRefused:
            # A missing object may be there at the next call.
            self._offers.forget(key)
            raise
        return template.Ids(
            flavor=found.flavor.id, flavor_name=found.flavor.name, image=image.id,
            networks=found.networks, links=links,
        )  # fmt: skip

    async def links(self, spec: template.Spec) -> template.Links:
        """Return what a template asks of a server's ports; raises TemplateRefused."""
        if not spec.security_groups and not any(each.floating_ip_from for each in spec.networks):
            return template.Links()
        key = (spec.networks, spec.security_groups)
        return await self._links.of(key, lambda: self._look_at_ports(spec))

    async def default_group(self) -> str:
        """Return the id of the security group that ports have where none is named."""
        spec = template.Spec(flavor="", image="", security_groups=(DEFAULT_GROUP,))
        return (await self.links(spec)).security_groups[0]

    async def _look_at_ports(self, spec: template.Spec) -> template.Links:
        outside = {
            await self._network(each.name): await self._network(each.floating_ip_from, outside=True)
            for each in spec.networks
            if each.floating_ip_from
        }
        groups = [await self._security_group(each) for each in spec.security_groups]
        return template.Links(outside=outside, security_groups=tuple(groups))

    async def _look(self, spec: template.Spec) -> _Offer:
        flavor = await self._flavor(spec.flavor)
        images = await self._images(spec.image)
        networks = [await self._network(each.name) for each in spec.networks]
        return _Offer(flavor=flavor, images=images, networks=tuple(networks))

    async def _flavor(self, wanted: str) -> _Flavor:
        answer = await self._client.call(
            COMPUTE, "GET", "/flavors/detail", what="list flavors", query={"limit": "1000"}
        )
        known = decode(answer.body, _Flavors).flavors
        by_id = [each for each in known if each.id == wanted]
        return _only("flavor", wanted, by_id or [each for each in known if each.name == wanted])

    async def _images(self, wanted: str) -> tuple[_Image, ...]:
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

        return tuple(await _found(wanted, by_id, by_name))

    async def _network(self, wanted: str, *, outside: bool = False) -> str:
        kind = "external network" if outside else "network"
        query = {_field(wanted): wanted} | ({"router:external": "true"} if outside else {})
        answer = await self._client.call(
            NETWORK, "GET", "/v2.0/networks", what=f"find the {kind} {wanted}", query=query
        )
        return _only(kind, wanted, list(decode(answer.body, _Networks).networks)).id

    async def _security_group(self, wanted: str) -> str:
        answer = await self._client.call(
            NETWORK, "GET", "/v2.0/security-groups", what=f"find the security group {wanted}",
            query={_field(wanted): wanted},
        )  # fmt: skip
        found = list(decode(answer.body, _SecurityGroups).security_groups)
        return _only("security group", wanted, found).id


def _field(wanted: str) -> str:
    return "id" if _UUID.match(wanted) else "name"


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


def _check(spec: template.Spec, flavor: _Flavor, image: _Image) -> None:
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


def _only(kind: str, wanted: str, found: list[_Named]) -> _Named:
    if not found:
        raise template.refused(f"the cloud has no {kind} {wanted} that this project may use")
    if len(found) > 1:
        several = ", ".join(sorted(each.id for each in found))
        raise template.refused(
            f"several have the name of the {kind} {wanted}: name one of {several}"
        )
    return found[0]


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
