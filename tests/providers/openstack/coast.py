"""A cloud in memory with providers of one fleet: what the tests of this folder play on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from controller import contract
from controller.api import objects
from controller.providers.openstack import kind as openstack
from controller.providers.openstack import opening
from fakes.api_server import ApiServer
from fakes.openstack import EPOCH, Cloud, Machine

SPEC: dict[str, Any] = {"flavor": "small", "image": "v1", "networks": [{"name": "tenant"}]}


class Coast:
    """One cloud, and as many providers of the same fleet as a test opens."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.heard: list[str] = []
        self._open = contextlib.AsyncExitStack()

    async def close(self) -> None:
        """Close all providers."""
        await self._open.aclose()

    async def provider(
        self,
        *,
        orphans: tuple[objects.Orphan, ...] = (),
        may_write: Callable[[], bool] = lambda: True,
        sharers: int = 1,
        **settings: Any,
    ) -> contract.Provider:
        """Open a provider, and return it once it has looked."""
        context = contract.Context(
            api=ApiServer(),
            informers={},
            clock=lambda: EPOCH + asyncio.get_running_loop().time(),
            changed=lambda _, name: self.heard.append(name),
            may_write=may_write,
            sharers=lambda: sharers,
        )
        opened = openstack.kind(self._connect).open(context, fleet(orphans, **settings))
        made = await self._open.enter_async_context(opened)
        await self.until(lambda: made.instances() is not None)
        return made

    @contextlib.asynccontextmanager
    async def _connect(self, *_: object) -> AsyncIterator[opening.CloudConnection]:
        yield opening.CloudConnection(tokens=self.cloud, transport=self.cloud, prober=self.cloud)

    def there(self) -> list[Machine]:
        """Return the servers that exist and are not told to go."""
        return [each for each in self.cloud.settle() if each.gone_at is None]

    def asked(self, method: str, text: str = "") -> list[str]:
        """Return the requests of a method so far whose path has the text."""
        return [path for verb, path in self.cloud.requests if verb == method and text in path]

    @staticmethod
    async def until(holds: Any, *, seconds: float = 120.0) -> None:
        """Return once something holds; fail when that takes longer."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - in virtual time
                await asyncio.sleep(0.05)


def fleet(orphans: tuple[objects.Orphan, ...] = (), **settings: Any) -> objects.Fleet:
    """Return a Fleet of the cloud."""
    meta = objects.Meta(name="west", uid="fleet-1")
    raw = msgspec.Raw(msgspec.json.encode({"cloud": "test", **settings}))
    made = objects.fleet(meta, objects.FleetSpec(provider="openstack"), raw)
    status = msgspec.structs.replace(made.status, orphans=orphans)
    return msgspec.structs.replace(made, status=status)


def server(uid: str = "server-1", *, recorded: str = "", **spec: Any) -> objects.Server:
    """Return a Server, with the id on record that its status has."""
    given = {"application": "shop", "component": "web", "ordinal": 0, "revision": "one", **spec}
    return objects.Server(
        metadata=objects.Meta(name="shop-web-0", namespace="default", uid=uid),
        spec=objects.ServerSpec(**given),
        status=objects.ServerStatus(provider=objects.ProviderStatus(id=recorded)),
    )


def template(**changes: Any) -> bytes:
    """Return a template."""
    return msgspec.json.encode({"spec": SPEC | changes})


def create(given: bytes | None = None) -> contract.Call:
    """Return a plan's wish for a server."""
    return contract.Call(
        verb=contract.Verb.CREATE, why="test", template=given or template(), alternative=0
    )
