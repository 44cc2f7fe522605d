"""Nova's states in the words of the contract, and whose a server is."""

import dataclasses
from typing import Any

import msgspec
import pytest

from controller.contract import Phase
from controller.providers.openstack import machines, observation
from controller.providers.openstack.machines import ServerRow
from controller.providers.openstack.observation import Proof
from controller.providers.openstack.times import CloudTimes
from tests.providers.openstack.coast import Coast, create, server

READY = Proof(ready=True)
TIMES = CloudTimes(lambda: 0.0)


def row(status: str = "ACTIVE", task: str | None = None, **changes: Any) -> ServerRow:
    """Return a row of a list."""
    plain = ServerRow(
        id="1",
        status=status,
        task=task,
        created="2027-01-15T08:00:00Z",
        launched="2027-01-15T08:00:05.000000",
        tags=("argosy.server-1.3", "argosy.fleet.fleet-1"),
        metadata={"argosy.server": "default/shop-web-0", "argosy.revision": "one"},
    )
    return msgspec.structs.replace(plain, **changes)


@pytest.mark.parametrize(
    ("status", "task", "phase", "changing"),
    [
        ("BUILD", "spawning", Phase.PENDING, False),
        ("REBUILD", "rebuilding", Phase.RUNNING, True),
        ("RESIZE", "resize_migrating", Phase.RUNNING, True),
        ("VERIFY_RESIZE", None, Phase.RUNNING, True),
        ("REBOOT", "reboot_started", Phase.RUNNING, True),
        ("HARD_REBOOT", "rebooting_hard", Phase.RUNNING, True),
        ("ACTIVE", "deleting", Phase.TERMINATING, False),
        ("BUILD", "deleting", Phase.TERMINATING, False),
        ("DELETED", None, Phase.TERMINATING, False),
        ("SOFT_DELETED", None, Phase.TERMINATING, False),
        ("ACTIVE", None, Phase.RUNNING, False),
        ("ACTIVE", "powering-off", Phase.RUNNING, True),
        ("ACTIVE", "image_uploading", Phase.RUNNING, False),
        ("SHUTOFF", None, Phase.STOPPED, False),
        ("SHUTOFF", "powering-on", Phase.STOPPED, True),
        ("RESCUE", None, Phase.RUNNING, True),
        ("MIGRATING", "migrating", Phase.RUNNING, True),
        ("REVERT_RESIZE", "resize_reverting", Phase.RUNNING, True),
        ("OF_A_LATER_NOVA", None, Phase.RUNNING, True),
        ("PAUSED", None, Phase.STOPPED, False),
        ("SUSPENDED", None, Phase.STOPPED, False),
        ("SHELVED", None, Phase.STOPPED, False),
        ("SHELVED_OFFLOADED", None, Phase.STOPPED, False),
        ("ERROR", None, Phase.FAILED, False),
        ("UNKNOWN", None, Phase.UNREACHABLE, False),
    ],
)
def test_each_state_has_its_phase(
    status: str, task: str | None, phase: Phase, *, changing: bool
) -> None:
    """Ready is what is ACTIVE and left alone; taking its picture does not count."""
    found = machines.machine(row(status, task), "fleet-1")
    assert found is not None
    seen = observation.observe(found, server(), READY, TIMES)
    assert (seen.phase, seen.changing) == (phase, changing)
    assert seen.ready == (status == "ACTIVE" and phase is Phase.RUNNING and not changing)
    assert (seen.incarnation, seen.revision) == (3, "one")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("No valid host was found.", "NoCapacity"),
        ("Exceeded maximum number of retries.", "CloudBuildFailed"),
        ("Build of instance 1 aborted", "CloudBuildFailed"),
        ("", "CloudBuildFailed"),
    ],
)
def test_a_fault_has_its_reason(message: str, reason: str) -> None:
    """A cloud without room is told from one that cannot build; both may pass."""
    found = machines.machine(row("ERROR", fault=machines.Fault(message=message)), "fleet-1")
    assert found is not None
    seen = observation.observe(found, server(), READY, TIMES)
    assert (seen.reason, seen.error_class) == (reason, "Transient")
    assert seen.message


@pytest.mark.parametrize(
    ("leaving", "since"), [("", 0.0), ("2027-01-15T09:00:00Z", 1_800_003_600.0)]
)
def test_what_goes_has_not_been_going_since_it_was_launched(leaving: str, since: float) -> None:
    """Nor since it was made: replacements would count as stuck as soon as they are asked for."""
    found = machines.machine(row("ACTIVE", "deleting"), "fleet-1")
    assert found is not None
    found = dataclasses.replace(found, leaving=leaving)
    assert observation.observe(found, server(), READY, TIMES).since == since


def test_nothing_is_said_of_readiness_before_the_first_probe() -> None:
    """An operator that has just started knows nothing, and makes nothing unready."""
    found = machines.machine(row(), "fleet-1")
    assert found is not None
    seen = observation.observe(found, server(), Proof(ready=None), TIMES)
    assert seen.phase is Phase.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": ("argosy.server-1.3",)},
        {"tags": ("argosy.fleet.fleet-1",)},
        {"tags": ("argosy.server-1.3", "argosy.fleet.another")},
        {"tags": ("argosy.server-1.x", "argosy.fleet.fleet-1")},
        {"tags": ("argosy.server-1.²", "argosy.fleet.fleet-1")},
        {"tags": (f"argosy.server-1.{'9' * 5000}", "argosy.fleet.fleet-1")},
        {"metadata": {}},
        {"metadata": {"argosy.server": "nonsense"}},
    ],
)
def test_a_server_is_ours_when_all_its_marks_agree(changes: dict[str, Any]) -> None:
    """What somebody has tagged by hand, or another fleet has made, is not ours."""
    assert machines.machine(row(**changes), "fleet-1") is None


@pytest.mark.parametrize("stamp", ["", "nonsense", "2027-13-45T99:00:00Z", "9" * 40])
def test_a_stamp_that_is_none_is_the_beginning_of_time(stamp: str) -> None:
    """Whatever a cloud says there, nothing is raised."""
    assert machines.time_of(stamp) == 0.0


def test_tags_fit() -> None:
    """Nova's tags have 60 characters, and neither commas nor slashes."""
    uid = "3f0c2d3e-7a5b-4b6e-9d5a-0123456789ab"
    for tag in (machines.server_tag(uid, 999_999), machines.fleet_tag(uid)):
        assert len(tag) <= 60
        assert not set(tag) & {",", "/"}


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("fault", "reason"), [("No valid host was found.", "NoCapacity"), ("", "CloudBuildFailed")]
)
async def test_a_failure_is_believed_once_it_is_explained(
    coast: Coast, fault: str, reason: str
) -> None:
    """A busy cloud writes ERROR seconds before the fault: who deletes then never learns of it."""
    provider = await coast.provider()
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    machine = coast.there()[0]
    machine.status, machine.updated = "ERROR", coast.cloud.now
    await coast.until(lambda: not provider.observe(server()).ready)
    assert provider.observe(server()).phase is Phase.PENDING
    machine.fault = fault
    coast.heard.clear()
    await coast.until(lambda: provider.observe(server()).phase is Phase.FAILED)
    assert provider.observe(server()).reason == reason
    assert coast.heard


@pytest.mark.looptime
async def test_a_server_that_the_cloud_moves_is_left_alone(coast: Coast) -> None:
    """A live migration is no failure: told, waited for, and ready again once it is over."""
    provider = await coast.provider()
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    machine = coast.there()[0]
    machine.status, machine.task, machine.updated = "MIGRATING", "migrating", coast.cloud.now
    await coast.until(lambda: not provider.observe(server()).ready)
    seen = provider.observe(server())
    assert (seen.phase, seen.changing, seen.reason) == (Phase.RUNNING, True, "CloudChanging")
    assert seen.message == f"the cloud is moving {machine.id} to another host"
    machine.status, machine.task, machine.updated = "ACTIVE", None, coast.cloud.now
    await coast.until(lambda: provider.observe(server()).ready)
