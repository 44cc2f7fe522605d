"""The stages on which every provider is held to its contract."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.provider_stages import MemoryStage, PodStage, Stage


@pytest.fixture(params=[PodStage, MemoryStage], ids=["pod", "memory"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Give a provider's world; the test begins it."""
    made: Stage = request.param()
    yield made
    await made.end()
