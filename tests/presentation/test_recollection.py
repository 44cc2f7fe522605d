"""What is recalled of the operator's calls, from status alone."""

from __future__ import annotations

import pytest

from controller.api import objects
from controller.execution.caches import Caches
from controller.presentation import recollection
from fakes.api_server import ApiServer

META = objects.Meta(name="one", namespace="prod", generation=1)


@pytest.mark.looptime
async def test_a_kind_that_tells_nothing_of_the_sort_can_be_asked() -> None:
    """A Fleet says nothing of what it waits for, and an object need not have a status at all."""
    caches = Caches(ApiServer())
    fleet = objects.Fleet(metadata=META, status=objects.FleetStatus())
    for item in (fleet, objects.Object(metadata=META)):
        assert recollection.recall(caches, item) == ()
