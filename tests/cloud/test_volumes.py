"""Volumes of a real Cinder: made once, kept when servers go, and gone by policy alone."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from devcluster.openstack.fixtures import wait_for
from proof.faults.cloud import Kind, Rule
from tests.cloud.conftest import World
from tests.cloud.test_applications import FAKE, GUEST

pytestmark = pytest.mark.cloud

KILLS = 9
POSTS = {"service": "volume", "method": "POST", "path": r"/volumes$"}
# What becomes of the POST whose sender is killed: carried out at once, after the next operator has
# posted its own, or never.
FATES = (
    {"kind": Kind.SILENT},
    {"kind": Kind.BELATED, "seconds": 12.0},
    {"kind": Kind.LATE, "seconds": 600.0},
)
# Says what is on its disk, and writes there what the next machine is to find.
TELLS = """#!/bin/sh
echo "found: $(head -c 64 /dev/vdb | tr -d '\\000')" > /dev/console
echo "left by $(SERVER)" > /dev/vdb
sync
echo "argosy-ready $(READY_TOKEN)" > /dev/console
"""


def claim(size: str = "1Gi", **policies: str) -> dict[str, Any]:
    """Return a claim of a component."""
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"name": "data", "spec": asked, **policies}


def apply(
    world: World, name: str, replicas: int, spec: Mapping[str, Any], fleet: str, **policies: str
) -> None:
    """Create an application of one component whose servers have a volume each."""
    world.apply(name, replicas, spec, fleet, volumeClaims=[claim(**policies)])


def alter(world: World, name: str, **changes: Any) -> None:
    """Change the only component of an application."""
    known = world.cluster.client.get(world.path(name))["spec"]["components"]
    changed = [{**each, **changes} for each in known]
    world.cluster.client.merge(world.path(name), {"spec": {"components": changed}})


def volumes(world: World, name: str) -> dict[str, Mapping[str, Any]]:
    """Return the volumes of an application by their servers; no server has two."""
    listed = world.nova.get("volume", "/volumes/detail?limit=1000")["volumes"]
    own = [
        each
        for each in listed
        if each["metadata"].get("argosy.server", "").startswith(f"default/{name}-")
        and each["status"] != "deleting"
    ]
    found = {each["metadata"]["argosy.server"].partition("/")[2]: each for each in own}
    assert len(found) == len(own), [(each["id"], each["metadata"]) for each in own]
    return found


def ids(world: World, name: str) -> dict[str, str]:
    """Return the ids of an application's volumes by their servers."""
    return {server: each["id"] for server, each in volumes(world, name).items()}


def test_volumes_outlive_servers_and_go_by_policy(world: World) -> None:
    """Replaced, scaled away and back, or grown, servers keep theirs; deleted they take them."""
    apply(world, "data", 2, FAKE, "cloud", whenDeleted="Delete")
    world.wait_ready("data", 2)
    before = ids(world, "data")
    assert sorted(before) == ["data-web-0", "data-web-1"]
    assert {each["status"] for each in volumes(world, "data").values()} == {"in-use"}
    world.operate("data", "Replace")
    world.wait_ready("data", 2)
    assert ids(world, "data") == before
    alter(world, "data", replicas=1)
    wait_for("one server", lambda: len(world.made("data")) == 1, lambda: world.made("data"))
    alter(world, "data", replicas=2)
    world.wait_ready("data", 2)
    assert ids(world, "data") == before
    alter(world, "data", volumeClaims=[claim("2Gi", whenDeleted="Delete")])

    def sizes() -> list[int]:
        return [each["size"] for each in volumes(world, "data").values()]

    wait_for("larger volumes", lambda: sizes() == [2, 2], sizes)
    world.wait_ready("data", 2)
    world.delete("data")
    wait_for("no volumes", lambda: not ids(world, "data"), lambda: volumes(world, "data"))


def test_data_is_kept_where_nobody_says_otherwise(world: World) -> None:
    """The application goes, its volumes stay, and the next of its name has them again."""
    apply(world, "kept", 1, FAKE, "cloud")
    world.wait_ready("kept", 1)
    before = ids(world, "kept")
    world.delete("kept")
    wait_for("its rest", lambda: statuses(world, "kept") == ["available"])
    assert ids(world, "kept") == before
    apply(world, "kept", 1, FAKE, "cloud", whenDeleted="Delete")
    world.wait_ready("kept", 1)
    assert ids(world, "kept") == before
    world.delete("kept")
    wait_for("no volumes", lambda: not ids(world, "kept"), lambda: volumes(world, "kept"))


def statuses(world: World, name: str) -> list[str]:
    """Return the states of an application's volumes."""
    return [each["status"] for each in volumes(world, name).values()]


def test_what_a_machine_wrote_is_there_for_the_next(world: World) -> None:
    """A virtual machine is replaced by another, which reads what the first one left."""
    apply(world, "disk", 1, {**GUEST, "userData": TELLS}, "cloud-real", whenDeleted="Delete")
    world.wait_ready("disk", 1)
    first = world.row("disk")["id"]
    world.operate("disk", "Replace")
    world.wait_ready("disk", 1)
    second = world.row("disk")["id"]
    assert second != first
    asked: dict[str, Any] = {"os-getConsoleOutput": {}}
    told = world.nova.post("compute", f"/servers/{second}/action", asked)["output"]
    assert "found: left by disk-web-0" in told
    world.delete("disk")
    wait_for("no volumes", lambda: not ids(world, "disk"), lambda: volumes(world, "disk"))


def test_kills_between_post_and_answer_make_no_second_volume(world: World) -> None:
    """One volume for each server, whatever became of the POST whose sender was killed."""
    applications = [f"vol{number}" for number in range(KILLS)]
    for name, fate in zip(applications, itertools.cycle(FATES), strict=False):
        rule = Rule(**POSTS, **fate, times=1)  # type: ignore[arg-type]  # a row of the table
        asks = functools.partial(apply, world, name, 1, FAKE, "cloud", whenDeleted="Delete")
        world.survives(rule, name, asks)
    world.proxy.rules = []
    wait_for("what was belated", lambda: not world.proxy.belated)

    def alone() -> bool:
        listed = world.nova.get("volume", "/volumes/detail?limit=1000")["volumes"]
        return len([each for each in listed if each["name"].startswith("data-vol")]) == KILLS

    # The last double is yet to be seen, and to be deleted.
    wait_for("one of each", alone)
    for name in applications:
        assert statuses(world, name) == ["in-use"]
    for name in applications:
        world.delete(name)
    wait_for("no volumes", lambda: not ids(world, "vol"), lambda: volumes(world, "vol"))


def test_a_volume_that_somebody_uses_is_told_by_its_name(world: World) -> None:
    """Attached elsewhere by hand it is left alone, and the server says which it waits for."""
    apply(world, "taken", 1, FAKE, "cloud", whenDeleted="Delete")
    world.wait_ready("taken", 1)
    (volume,) = ids(world, "taken").values()
    alter(world, "taken", replicas=0)
    wait_for("its rest", lambda: statuses(world, "taken") == ["available"])
    path = f"/volumes/{volume}/action"
    world.nova.post("volume", path, {"os-reserve": {}})
    alter(world, "taken", replicas=1)

    def words() -> str:
        return str([each.get("status") for each in world.servers("taken")])

    wait_for("its words", lambda: "data-taken-web-0" in words() and "attaching" in words(), words)
    assert not world.made("taken")
    world.nova.post("volume", path, {"os-unreserve": {}})
    world.wait_ready("taken", 1)
    assert list(ids(world, "taken").values()) == [volume]
    world.delete("taken")
    wait_for("no volumes", lambda: not ids(world, "taken"), lambda: volumes(world, "taken"))


def test_a_machine_boots_from_a_volume_that_goes_with_it(world: World) -> None:
    """A virtual machine runs from Cinder, and leaves no volume behind."""
    before = {each["id"] for each in listed(world)}
    told = '#!/bin/sh\necho "argosy-ready $(READY_TOKEN)" > /dev/console\n'
    spec = {**GUEST, "userData": told, "bootVolume": {"sizeGiB": 1}}
    world.apply("boots", 1, spec, "cloud-real")
    world.wait_ready("boots", 1)
    (made,) = [each for each in listed(world) if each["id"] not in before]
    assert [each["server_id"] for each in made["attachments"]] == [world.row("boots")["id"]]
    assert made["bootable"] == "true"
    world.delete("boots")
    wait_for("no volume", lambda: made["id"] not in {each["id"] for each in listed(world)})


def listed(world: World) -> list[Mapping[str, Any]]:
    """Return all volumes of the project."""
    found: list[Mapping[str, Any]]
    found = world.nova.get("volume", "/volumes/detail?limit=1000")["volumes"]
    return found
