"""Applications of a real OpenStack: each server is made once, whatever becomes of the answers."""

from __future__ import annotations

import pytest

from devcluster.openstack.fixtures import wait_for
from devcluster.openstack.stock import NETWORK, REAL_IMAGES
from proof.faults.cloud import Kind, Rule
from tests.cloud.conftest import World

pytestmark = pytest.mark.cloud

FAKE = {"flavor": "m1.tiny", "image": "debian-13", "networks": [{"name": NETWORK}]}
GUEST = {
    "flavor": "m1.small",
    "image": REAL_IMAGES[0],
    "networks": [{"name": NETWORK}],
    "configDrive": True,
    "readiness": {"console": {}},
}


def names(application: str, count: int) -> list[str]:
    """Return what Nova's servers of an application are called in their metadata."""
    return [f"default/{application}-web-{number}" for number in range(count)]


def test_a_create_whose_answer_was_lost_is_not_done_twice(world: World) -> None:
    """Nova carried the POSTs out and nobody heard of that: there is one server for each wanted."""
    world.proxy.rules = [
        Rule(kind=Kind.LOST, service="compute", method="POST", path=r"/servers$", times=2)
    ]
    world.apply("lost", 3, FAKE, "cloud")
    world.wait_ready("lost", 3)
    posts = [each.fault for each in world.proxy.made("compute", "POST", r"/servers$")]
    assert posts.count(Kind.LOST) == 2
    assert world.made("lost") == names("lost", 3)
    world.delete("lost")


def test_an_operator_that_is_killed_among_creates_makes_each_server_once(world: World) -> None:
    """The next one finds what the last one posted, by the tags, and makes the rest."""
    spec = {**FAKE, "metadata": {"argosy-host.spawn": "2"}}
    world.apply("killed", 6, spec, "cloud")
    wait_for("a first server", lambda: bool(world.made("killed")))
    world.operator.kill()
    world.operator.start()
    world.wait_ready("killed", 6)
    assert world.made("killed") == names("killed", 6)
    world.delete("killed")


def test_a_guest_is_ready_when_its_console_says_so(world: World) -> None:
    """ACTIVE is not enough: a virtual machine runs its user data, and prints its token."""
    told = '#!/bin/sh\necho "argosy-ready $(READY_TOKEN)" > /dev/console\n'
    world.apply("guest", 1, {**GUEST, "userData": told}, "cloud-real")
    world.wait_ready("guest", 1)
    world.delete("guest")


def test_a_guest_that_fails_says_why_on_the_server(world: World) -> None:
    """What the guest printed of its failure stands in the Server's status."""
    told = '#!/bin/sh\necho "argosy-failed $(READY_TOKEN) no licence" > /dev/console\n'
    world.apply("broken", 1, {**GUEST, "userData": told}, "cloud-real")

    def words() -> str:
        return str([each.get("status") for each in world.servers("broken")])

    wait_for("its words", lambda: "no licence" in words(), words)
    world.delete("broken")
