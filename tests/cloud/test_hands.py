"""What people do to a real cloud behind the operator's back: servers, tags, and quotas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devcluster.openstack import stock
from devcluster.openstack.fixtures import wait_for, watch_for
from tests.cloud.conftest import World
from tests.cloud.test_applications import FAKE, names
from tests.cloud.test_volumes import claim

pytestmark = pytest.mark.cloud

# An operator that begins leads after a quarter of a minute, lists at once, and would have made
# another by then.
BEGUN_SECONDS = 45


def test_a_server_that_is_deleted_by_hand_is_made_anew(world: World) -> None:
    """The Server stays, gets another instance, and there is one."""
    world.apply("deleted", 1, FAKE, "cloud")
    world.wait_ready("deleted", 1)
    ((uid, made),) = world.standing("deleted").values()
    world.nova.delete("compute", f"/servers/{made}")

    def others() -> list[str]:
        stands = world.standing("deleted").values()
        return [instance for server, instance in stands if server == uid and instance != made]

    wait_for("another", lambda: bool(others()), lambda: world.words("deleted"))
    assert [each["id"] for each in world.rows("deleted")] == others()
    world.delete("deleted")


def test_a_server_that_is_stopped_by_hand_is_started(world: World) -> None:
    """Once, and the same one."""
    world.apply("stopped", 1, FAKE, "cloud")
    world.wait_ready("stopped", 1)
    before = world.standing("stopped")
    made = world.row("stopped")["id"]
    world.nova.post("compute", f"/servers/{made}/action", {"os-stop": None})

    def acts() -> list[str]:
        path = f"/servers/{made}/os-instance-actions"
        found = world.nova.get("compute", path)["instanceActions"]
        return sorted(each["action"] for each in found)

    wait_for("its start", lambda: acts() == ["create", "start", "stop"], acts)
    wait_for(
        "its return",
        lambda: world.standing("stopped") == before,
        lambda: world.words("stopped"),
    )
    assert world.row("stopped")["status"] == "ACTIVE"
    assert acts() == ["create", "start", "stop"]
    world.delete("stopped")


def test_tags_that_are_taken_off_by_hand_cost_no_server(world: World) -> None:
    """Neither the operator that knew it nor the next one makes another: both say what is amiss.

    Once its tags are back, it is the same server, and Ready.
    """
    world.apply("bare", 1, FAKE, "cloud")
    world.wait_ready("bare", 1)
    before, row = world.standing("bare"), world.row("bare")
    path = f"/servers/{row['id']}/tags"

    def alone() -> bool:
        return [each["id"] for each in world.rows("bare")] == [row["id"]]

    def seen() -> Any:
        return world.rows("bare"), world.words("bare")

    world.nova.call("PUT", "compute", path, {"tags": []})
    try:
        wait_for("its words", lambda: "NameTaken" in world.words("bare"), seen)
        assert alone()
        world.operator.restart()
        watch_for(BEGUN_SECONDS, "one server", alone, seen)
        assert "NameTaken" in world.words("bare")
    finally:
        world.nova.call("PUT", "compute", path, {"tags": row["tags"]})
    wait_for("its return", lambda: world.standing("bare") == before, seen)
    assert alone()
    world.delete("bare")


@contextmanager
def quota(world: World, service: str, name: str, limit: int, usual: int) -> Iterator[None]:
    """Have the project's quota be so low within the block."""
    admin = world.cloud.client()
    path = f"/os-quota-sets/{world.nova.project}"
    admin.call("PUT", service, path, {"quota_set": {name: limit}})
    try:
        yield
    finally:
        admin.call("PUT", service, path, {"quota_set": {name: usual}})


def test_a_quota_that_is_raised_lets_the_rest_come(world: World) -> None:
    """One has room; the others say so in the words of the cloud, and come when there is more."""
    used = len(world.nova.get("compute", "/servers?limit=1000")["servers"])
    usual = stock.UNLIMITED["instances"]
    with quota(world, "compute", "instances", used + 1, usual):
        world.apply("many", 3, FAKE, "cloud")
        wait_for("their words", lambda: refused(world, "many") == 2, lambda: world.words("many"))
        assert "Quota exceeded for instances" in world.words("many")
        wait_for("the one", lambda: len(world.standing("many")) == 1)
        assert len(world.made("many")) == 1
    world.wait_ready("many", 3)
    assert world.made("many") == names("many", 3)
    world.delete("many")


def test_a_quota_of_volumes_that_is_raised_lets_the_rest_come(world: World) -> None:
    """Cinder says with 413 that there is no room, and no time to wait: told, and tried again."""
    used = len(world.nova.get("volume", "/volumes?limit=1000")["volumes"])
    usual = stock.UNLIMITED_VOLUMES["volumes"]
    with quota(world, "volume", "volumes", used + 1, usual):
        claims = [claim(whenDeleted="Delete")]
        world.apply("full", 2, FAKE, "cloud", volumeClaims=claims)
        wait_for("its words", lambda: refused(world, "full") == 1, lambda: world.words("full"))
        assert "Maximum number of volumes allowed" in world.words("full")
        wait_for("the one", lambda: len(world.standing("full")) == 1)
    world.wait_ready("full", 2)
    world.delete("full")
    wait_for("no volumes", lambda: used == len(volumes(world)), lambda: volumes(world))


def refused(world: World, name: str) -> int:
    """Return how many servers say that a quota is used up."""
    told = [str(each.get("status")) for each in world.servers(name)]
    return sum("CloudQuotaExceeded" in each for each in told)


def volumes(world: World) -> list[str]:
    """Return the ids of the project's volumes."""
    listed = world.nova.get("volume", "/volumes?limit=1000")["volumes"]
    return [each["id"] for each in listed]
