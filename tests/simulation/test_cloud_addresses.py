"""Floating IPs under the engine as it is: what of them stays is told, and holds up its own."""

from __future__ import annotations

import asyncio
import json

import pytest

from controller.api.resources import Resource
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault
from tests.simulation.test_clouds import SPEC, Country

pytestmark = pytest.mark.looptime


async def test_a_floating_ip_that_stays_is_told_on_its_server_alone() -> None:
    """In Neutron's words, with the address and a command that shows it; the other server goes."""
    country = Country()
    async with country.universe:
        await country.found()
        await country.apply(
            2, SPEC | {"networks": [{"name": "tenant", "floatingIPFrom": "public"}]}
        )
        await country.until(lambda: country.is_ready and len(country.cloud.floating_ips) == 2)
        words = {"NeutronError": {"message": "the agent is away"}}
        country.cloud.faults.append(
            Fault(
                method="DELETE", path="/floatingips/floating-1$", times=10**6,
                reply=Reply(status=500, body=json.dumps(words).encode()),
            )
        )  # fmt: skip
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: len(country.universe.names(Resource.SERVERS)) == 1)
        await asyncio.sleep(120)
        (left,) = country.universe.names(Resource.SERVERS)
        (blocked,) = country.universe.get(Resource.SERVERS, left)["status"]["blockedBy"]
        assert "203.0.113.1 is not deleted: the agent is away" in blocked["message"]
        assert blocked["reason"] == "TeardownBlocked"
        assert blocked["remedy"] == "openstack floating ip show floating-1"
        assert list(country.cloud.floating_ips) == ["floating-1"]
        country.cloud.faults.clear()
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        assert not country.cloud.floating_ips
