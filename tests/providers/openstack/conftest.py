"""The coast on which these tests play."""

from collections.abc import AsyncIterator

import pytest

from tests.providers.openstack.coast import Coast


@pytest.fixture
async def coast() -> AsyncIterator[Coast]:
    """Give a cloud; the test opens providers of it, in its own time."""
    made = Coast()
    yield made
    await made.close()
