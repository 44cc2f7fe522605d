"""A provider's life: nothing that it heard by is left once it is closed, or did not open.

Fleets are opened anew with each change of theirs, and again and again while they cannot be opened:
a listener more each time would have each change call thousands of them after some weeks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults
from controller.kube.cache import OnChange
from controller.kube.informer import Informer
from controller.providers import registry
from controller.providers.openstack import kind as openstack
from controller.providers.openstack import opening
from fakes.api_server import ApiServer
from fakes.openstack import Cloud
from tests.contracts.provider_stages import CloudStage, fleet

pytestmark = pytest.mark.looptime
TIMES = 3


class Heard(Informer[Any]):
    """A cache that knows who listens to it."""

    def __init__(self, api: ApiServer, resource: Resource) -> None:
        super().__init__(api, resource)
        self.listeners: list[object] = []

    def subscribe(self, on_change: OnChange[Any]) -> None:
        """Add a listener."""
        self.listeners.append(on_change)
        super().subscribe(on_change)

    def keep(self, on_change: OnChange[Any]) -> None:
        """Add a listener that is never taken away."""
        self.listeners.append(on_change)
        super().keep(on_change)

    def unsubscribe(self, on_change: OnChange[Any]) -> None:
        """Take a listener away."""
        self.listeners.remove(on_change)
        super().unsubscribe(on_change)


class Unanswering(ApiServer):
    """An API server that does not say what it serves."""

    async def serves(self, resource: Resource, subresource: str) -> bool:
        """Fail as a broken connection does."""
        message = f"{resource}/{subresource}: no answer"
        raise faults.Unreachable(message, reason=Reason.UNREACHABLE)


def _context(api: ApiServer, provider: contract.ProviderKind) -> contract.Context:
    """Return what a provider may be given, and hears by: all that any provider sees."""
    seen = {objects.Pod: Resource.PODS, objects.Claim: Resource.CLAIMS, objects.Job: Resource.JOBS}
    assert set(provider.sees) <= set(seen)
    informers = {each: Heard(api, each) for each in seen.values()}
    return contract.Context(
        api=api, informers=informers, clock=asyncio.get_running_loop().time, namespace="argosy"
    )


def _heard(context: contract.Context) -> dict[Resource, int]:
    return {name: len(each.listeners) for name, each in context.informers.items()}  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def _connected(*_: object) -> AsyncIterator[opening.CloudConnection]:
    cloud = Cloud()
    yield opening.CloudConnection(tokens=cloud, transport=cloud, prober=cloud)


def _named(provider: str) -> tuple[contract.ProviderKind, objects.Fleet]:
    """Return a provider's kind with a fleet that it can open here."""
    if provider == "openstack":
        return openstack.kind(_connected), CloudStage().fleet()
    return registry.kinds()[provider], fleet(provider)


@pytest.mark.parametrize("provider", registry.kinds())
async def test_what_is_closed_hears_nothing_more(provider: str) -> None:
    """However often a fleet is opened and closed, as many listen to each cache as before."""
    kind, opened = _named(provider)
    context = _context(ApiServer(), kind)
    for _ in range(TIMES):
        async with kind.open(context, opened):
            heard = _heard(context)
            assert heard[Resource.JOBS] == 1
        assert not any(_heard(context).values())


@pytest.mark.parametrize("provider", registry.kinds())
async def test_what_does_not_open_hears_nothing(provider: str) -> None:
    """A fleet that cannot be opened is tried for ever, and leaves nobody behind each time."""
    kind, opened = registry.kinds()[provider], _named(provider)[1]
    context = _context(Unanswering(), kind)
    for _ in range(TIMES):
        with contextlib.suppress(errors.ArgosyError):
            async with kind.open(context, opened):
                assert provider == "memory"
        assert not any(_heard(context).values())
