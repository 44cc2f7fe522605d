"""The coast on which these tests play, and a real cloud for those that are marked so."""

from collections.abc import AsyncIterator

import pytest

from devcluster.openstack.fixtures import own_cloud, tenant
from tests.providers.openstack.coast import Coast

__all__ = ["coast", "own_cloud", "tenant"]


@pytest.fixture
async def coast() -> AsyncIterator[Coast]:
    """Give a cloud; the test opens providers of it, in its own time."""
    made = Coast()
    yield made
    await made.close()
