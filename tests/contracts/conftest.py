"""The stages on which every provider is held to its contract."""

from collections.abc import AsyncIterator

import pytest

from controller.contract import Capability
from controller.providers import registry
from tests.contracts.provider_stages import STAGES, Stage


@pytest.fixture(params=list(registry.kinds()))
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Give the world of a provider of the registry; the test begins it."""
    made = STAGES[request.param]()
    yield made
    await made.end()


CLAIMING = [
    name for name, kind in registry.kinds().items() if Capability.CLAIMS in kind.capabilities
]


@pytest.fixture(params=CLAIMING)
async def claiming(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Give the world of a provider whose servers may have claims; the test begins it."""
    made = STAGES[request.param]()
    yield made
    await made.end()
