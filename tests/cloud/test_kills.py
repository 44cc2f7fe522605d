"""The operator is killed between a POST and its answer: exactly one server results, every time."""

from __future__ import annotations

import functools
import itertools

import pytest

from devcluster.openstack.fixtures import wait_for
from proof.faults.cloud import Kind, Rule
from tests.cloud.conftest import World
from tests.cloud.test_applications import FAKE, names

pytestmark = pytest.mark.cloud

KILLS = 50
POSTS = {"service": "compute", "method": "POST", "path": r"/servers$"}
# What becomes of the POST whose sender is killed. The cloud carries it out at once; or after the
# next operator has looked and has posted again; or never hears of it.
FATES = (
    {"kind": Kind.BELATED, "seconds": 8.0},
    {"kind": Kind.SILENT},
    {"kind": Kind.LATE, "seconds": 600.0},
)


def test_fifty_kills_between_post_and_answer_make_no_second_server(world: World) -> None:
    """One server for each, of the right tag, Ready; no port is left of what was one too many."""
    applications = [f"kill{number}" for number in range(KILLS)]
    for name, fate in zip(applications, itertools.cycle(FATES), strict=False):
        rule = Rule(**POSTS, **fate, times=1)  # type: ignore[arg-type]  # a row of the table
        world.survives(rule, name, functools.partial(world.apply, name, 1, FAKE, "cloud"))
    world.proxy.rules = []
    wait_for("what was belated", lambda: not world.proxy.belated)
    wanted = sorted(each for name in applications for each in names(name, 1))
    # The last double is yet to be seen, and to be deleted.
    wait_for("one of each", lambda: made(world) == wanted, lambda: made(world))
    wait_for("no port more", lambda: ports(world) == [], lambda: ports(world))
    for name in applications:
        world.wait_ready(name, 1)
    for name in applications:
        world.cluster.client.delete(world.path(name))
    wait_for("nothing", lambda: not made(world), lambda: made(world))
    wait_for("no ports", lambda: ports(world) == [], lambda: ports(world))


def made(world: World) -> list[str]:
    """Return what Nova has of the test, by the names of the objects."""
    listed = world.nova.get("compute", "/servers/detail?limit=1000")["servers"]
    found = [str(each["metadata"].get("argosy.server", "")) for each in listed]
    return sorted(each for each in found if each.startswith("default/kill"))


def ports(world: World) -> list[str]:
    """Return the ports of servers that there are not."""
    listed = world.nova.get("compute", "/servers?limit=1000")["servers"]
    there = {each["id"] for each in listed}
    found = world.nova.get("network", "/ports?fields=id&fields=device_id&fields=device_owner")
    return [
        each["id"]
        for each in found["ports"]
        if each["device_owner"].startswith("compute:") and each["device_id"] not in there
    ]
