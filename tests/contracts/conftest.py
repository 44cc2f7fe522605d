"""The stages on which every provider is held to its contract."""

from collections.abc import AsyncIterator

import pytest

from controller.contract import Capability
from controller.providers import registry
from tests.contracts.provider_stages import STAGES, Stage
from tests.contracts.real_stage import NOT_STAGED, RealStage

# The services of an OpenStack take their real time.
REAL = pytest.param(RealStage, id="real", marks=(pytest.mark.cloud, pytest.mark.looptime(False)))


def build(request: pytest.FixtureRequest) -> Stage:
    """Return the world that a test asks for; skip the test where nobody can stage it there."""
    if request.param is not RealStage:
        return STAGES[request.param]()
    if reason := NOT_STAGED.get(request.node.originalname):
        pytest.skip(reason)
    return RealStage(request.getfixturevalue("own_cloud"), request.getfixturevalue("tenant"))


@pytest.fixture(params=[*registry.kinds(), REAL])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Give the world of a provider of the registry; the test begins it."""
    made = build(request)
    yield made
    await made.end()


CLAIMING = [
    name for name, kind in registry.kinds().items() if Capability.CLAIMS in kind.capabilities
]


@pytest.fixture(params=[*CLAIMING, REAL])
async def claiming(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Give the world of a provider whose servers may have claims; the test begins it."""
    made = build(request)
    yield made
    await made.end()
