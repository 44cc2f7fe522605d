"""Every act of an application, on a virtual machine that really boots."""

from __future__ import annotations

import http.client
import urllib.request

import pytest

from devcluster import cluster
from devcluster.openstack.fixtures import wait_for
from devcluster.openstack.stock import NETWORK, REAL_IMAGES
from tests.cloud.conftest import World
from tests.cloud.test_applications import FAKE, GUEST

pytestmark = pytest.mark.cloud

TOLD = '#!/bin/sh\necho "argosy-ready $(READY_TOKEN)" > /dev/console\n'
# Shows that it is ready on its console, and that only once: a restart replaces it.
MACHINE = {**GUEST, "flavor": "m1.tiny", "userData": TOLD}
# Serves a page whenever it runs, which tells how often its disk was booted from.
SERVES = {**GUEST, "readiness": {"http": {"port": 80, "path": "/"}}}


def test_every_act_on_a_virtual_machine(world: World) -> None:
    """Stopped, started and restored it is the same machine; restarted and replaced another."""
    before = images(world)
    world.apply("acts", 1, MACHINE, "cloud-real")
    world.wait_ready("acts", 1)
    made = world.row("acts")["id"]
    world.operate("acts", "Snapshot", snapshot="before")
    world.operate("acts", "Stop")
    wait_for("its end", lambda: world.row("acts")["status"] == "SHUTOFF")
    world.operate("acts", "Start")
    world.wait_ready("acts", 1)
    world.operate("acts", "Restore", snapshot="before")
    world.wait_ready("acts", 1)
    (image,) = images(world) - before
    assert (world.row("acts")["id"], world.row("acts")["image"]["id"]) == (made, image)
    known = {made}
    for action in ("Restart", "Replace"):
        world.operate("acts", action)
        world.wait_ready("acts", 1)
        known.add(world.row("acts")["id"])
    assert len(known) == 3
    world.delete("acts")
    world.nova.delete("image", f"/images/{image}")


def test_a_restart_keeps_a_virtual_machine_and_its_disk(world: World) -> None:
    """Id, addresses and what was written stay; the guest has booted once more, and a start, too."""
    world.apply("kept", 1, SERVES, "cloud-real")
    world.wait_ready("kept", 1)
    before = world.row("kept")
    assert boots(world) == 1
    assert "left-by-the-first" in page(world, "cgi-bin/disk?left-by-the-first")
    world.operate("kept", "Restart")
    world.wait_ready("kept", 1)
    assert boots(world) == 2
    (server,) = world.servers("kept")
    assert (server["spec"]["incarnation"], server["status"]["incarnation"]) == (2, 2)
    world.operate("kept", "Stop")
    wait_for("its end", lambda: world.row("kept")["status"] == "SHUTOFF")
    world.operate("kept", "Start")
    world.wait_ready("kept", 1)
    assert boots(world) == 3
    assert "left-by-the-first" in page(world, "cgi-bin/disk")
    after = world.row("kept")
    assert (after["id"], after["addresses"]) == (before["id"], before["addresses"])
    world.delete("kept")


def test_a_virtual_machine_is_resized_and_rebuilt(world: World) -> None:
    """Flavor and image change, one after the other; id and addresses stay."""
    world.apply("grown", 1, MACHINE, "cloud-real")
    world.wait_ready("grown", 1)
    before = world.row("grown")
    larger = {**MACHINE, "flavor": "m1.small"}
    world.change("grown", larger)
    wait_for("its new flavor", lambda: flavor(world) == "m1.small", lambda: world.row("grown"))
    # A server that is not ready is better off with a fresh start, and would be replaced.
    wait_for("its rest", lambda: rests(world), lambda: world.row("grown"))
    world.change("grown", {**larger, "image": REAL_IMAGES[1]})
    wait_for("its new image", lambda: image(world) != before["image"]["id"])
    wait_for("its rest", lambda: rests(world), lambda: (world.servers("grown"), world.row("grown")))
    assert flavor(world) == "m1.small"
    after = world.row("grown")
    assert (after["id"], after["addresses"]) == (before["id"], before["addresses"])
    assert after["status"] == "ACTIVE"
    world.delete("grown")


def test_servers_are_kept_on_different_hosts(world: World) -> None:
    """As many as a zone has hosts come up, each on its own; the group goes after them."""
    spec = {**FAKE, "availabilityZone": "az1", "serverGroup": {"policy": "anti-affinity"}}
    hosts, before = world.hosts("az1"), groups(world)
    world.apply("apart", hosts + 1, spec, "cloud")

    def told() -> list[str]:
        return sorted(
            each["reason"]
            for server in world.servers("apart")
            for each in server.get("status", {}).get("conditions", ())
            if each["type"] == "Ready"
        )

    def stands() -> bool:
        return told().count("Running") == hosts and "NoCapacity" in str(world.servers("apart"))

    wait_for("all but one", stands, lambda: world.servers("apart"))
    listed = world.nova.get("compute", "/servers/detail?limit=1000")["servers"]
    own = [each for each in listed if each["name"].startswith("apart-")]
    active = [each["hostId"] for each in own if each["status"] == "ACTIVE"]
    assert len(set(active)) == len(active) == hosts
    assert len(groups(world) - before) == 1
    world.delete("apart")
    wait_for("the group's end", lambda: groups(world) <= before, lambda: groups(world))


def page(world: World, path: str = "") -> str:
    """Return what the machine of the test serves."""
    (address,) = world.row("kept")["addresses"][NETWORK]
    shown = ""

    def answers() -> bool:
        nonlocal shown
        try:
            with urllib.request.urlopen(f"http://{address['addr']}/{path}", timeout=5) as answer:
                shown = answer.read().decode()
        except (OSError, http.client.HTTPException):
            return False
        return True

    wait_for("its page", answers)
    return shown


def boots(world: World) -> int:
    """Return how often the machine of the test has booted from the disk that it has."""
    (told,) = [each for each in page(world).split() if each.startswith("boots=")]
    return int(told.partition("=")[2])


def rests(world: World) -> bool:
    """Return whether the machine of the test is done with its change, and ready."""
    (server,), row = world.servers("grown"), world.row("grown")
    is_new = row["metadata"]["argosy.revision"] == server["spec"]["revision"]
    return is_new and row["status"] == "ACTIVE" and cluster.ready(dict(server))


def flavor(world: World) -> str:
    """Return the name of what the machine of the test has room for."""
    return str(world.row("grown")["flavor"]["original_name"])


def image(world: World) -> str:
    """Return the id of what it was last made from."""
    return str(world.row("grown")["image"]["id"])


def images(world: World) -> set[str]:
    """Return the snapshots that there are, by id."""
    found = world.nova.get("image", "/images?visibility=private")["images"]
    return {each["id"] for each in found if "argosy_server" in each}


def groups(world: World) -> set[str]:
    """Return the server groups of our fleets, by name."""
    found = world.nova.get("compute", "/os-server-groups")["server_groups"]
    return {each["name"] for each in found if each["name"].startswith("argosy.fleet.")}
