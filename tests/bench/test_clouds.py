"""What is measured of those that make servers of a cloud, seen on a Nova that is a dictionary."""

from __future__ import annotations

import dataclasses
import itertools
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import clouds
from bench.arms import abroad, heat, nova, place
from devcluster import errors
from devcluster.openstack import api, cloud

PLACE = place.Place(
    login=api.Login(url="http://nowhere.example/v3", auth={}),
    flavor="f",
    image="i",
    network="n",
    zone="az1",
)


class Cloud:
    """A Nova and a Heat that do at once what they are told; every client is one of theirs."""

    def __init__(self) -> None:
        self.servers: dict[str, str] = {}
        self.bodies: list[Mapping[str, Any]] = []
        self.stack = "CREATE_COMPLETE"
        self.conditions = [{"type": "Ready", "status": "True"}]
        self._numbers = itertools.count()

    def client(self, _: api.Login) -> Cloud:
        """Stand in for `api.Client`."""
        return self

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Apply an application, as to a Kubernetes whose operator is as quick."""
        assert path == abroad.APPLICATIONS
        self.bodies.append(body)
        for _ in range(body["spec"]["components"][0]["replicas"]):
            self.servers[str(next(self._numbers))] = "ACTIVE"

    def get(self, service: str, _path: str = "") -> Any:
        """Answer Nova's list, Heat's stack, or an application."""
        if service.startswith(abroad.APPLICATIONS):
            return {"metadata": {}, "status": {"conditions": self.conditions}}
        if service == heat.SERVICE:
            return {"stack": {"stack_status": self.stack, "stack_status_reason": "as asked"}}
        return {"servers": [{"id": each, "status": at} for each, at in dict(self.servers).items()]}

    def post(self, service: str, _path: str, body: Mapping[str, Any]) -> Any:
        """Make a server, or the servers of a stack."""
        self.bodies.append(body)
        if service == heat.SERVICE:
            group = body["template"]["resources"]["group"]["properties"]
            for _ in range(group["count"]):
                self.servers[str(next(self._numbers))] = "ACTIVE"
            return {"stack": {"id": "s"}}
        made = str(next(self._numbers))
        self.servers[made] = "ACTIVE"
        return {"server": {"id": made}}

    def delete(self, service: str, path: str = "") -> None:
        """Delete a server, or all of a stack or an application."""
        if service == heat.SERVICE or service.startswith(abroad.APPLICATIONS):
            self.servers.clear()
        self.servers.pop(path.rpartition("/")[2], None)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud that all clients of the test reach."""
    one = Cloud()
    monkeypatch.setattr(api, "Client", one.client)
    monkeypatch.setattr(place.Place, "of", lambda _: PLACE)
    monkeypatch.setattr(clouds, "asked_of_nova", lambda _: 0)
    monkeypatch.setattr(clouds, "LOOK_SECONDS", 0.001)
    return one


def with_operator(world: Cloud) -> place.Place:
    """Return the place, with a Kubernetes whose operator makes servers at once."""
    operated: Any = types.SimpleNamespace(client=world, dir=Path("nowhere"))
    return dataclasses.replace(PLACE, operated=operated)


@pytest.mark.parametrize("make", clouds.ARMS.values(), ids=list(clouds.ARMS))
def test_an_arm_makes_and_deletes_all_twice(world: Cloud, tmp_path: Path, make: Any) -> None:
    """A run ends when Nova lists nothing more; both deletes were waited for."""
    run = clouds.measure(cloud.Cloud(tmp_path), make(with_operator(world)), 6)
    assert world.servers == {}
    assert run.servers == 6
    assert run.there + run.made_after <= 6
    assert 0 <= run.first_gone <= run.gone
    assert 0 <= run.mid_first_gone <= run.mid_gone


def test_all_arms_ask_for_the_same_servers(world: Cloud) -> None:
    """Flavor, image, network and zone of Heat's servers are those of the plain client's."""
    plain = nova.Nova(PLACE)
    plain.create(1)
    plain.delete()
    heat.Heat(PLACE).create(1)
    server = world.bodies[0]["server"]
    group = world.bodies[1]["template"]["resources"]["group"]["properties"]
    asked = group["resource_def"]["properties"]
    assert (asked["flavor"], asked["image"], asked["availability_zone"]) == (
        server["flavorRef"],
        server["imageRef"],
        server["availability_zone"],
    )
    abroad.Argosy(with_operator(world)).create(1)
    spec = world.bodies[2]["spec"]["components"][0]["template"]["spec"]
    assert (spec["flavor"], spec["image"], spec["availabilityZone"]) == (
        server["flavorRef"],
        server["imageRef"],
        server["availability_zone"],
    )
    assert [each["name"] for each in spec["networks"]] == [
        each["uuid"] for each in server["networks"]
    ]
    assert [each["network"] for each in asked["networks"]] == [
        each["uuid"] for each in server["networks"]
    ]


def test_a_stack_that_failed_ends_the_run_with_its_reason(world: Cloud, tmp_path: Path) -> None:
    """Nobody waits a quarter of an hour for servers that Heat has given up."""
    world.stack = "CREATE_FAILED"
    with pytest.raises(errors.DevclusterError, match="CREATE_FAILED: as asked"):
        clouds.measure(cloud.Cloud(tmp_path), heat.Heat(PLACE), 6)


def test_an_application_that_stalled_ends_the_run_with_its_reason(
    world: Cloud, tmp_path: Path
) -> None:
    """As for a stack."""
    world.conditions = [{"type": "Stalled", "status": "True", "message": "no such flavor"}]
    arm = abroad.Argosy(with_operator(world))
    with pytest.raises(errors.DevclusterError, match="stalled: no such flavor"):
        clouds.measure(cloud.Cloud(tmp_path), arm, 6)


def test_requests_of_the_watch_are_not_counted(tmp_path: Path, monkeypatch: Any) -> None:
    """Nova's log has a line for each request; those of the bench itself are no arm's."""
    monkeypatch.setattr(cloud.Cloud, "plan", types.SimpleNamespace(logs=tmp_path))
    lines = [
        f'x "GET /v2.1{each} HTTP/1.1" status: 200 len: 1'
        for each in ("/servers/detail?limit=1000", "/servers/detail?changes-since=x", "/servers/1")
    ]
    (tmp_path / "nova.log").write_text("\n".join([*lines, "INFO started"]))
    assert clouds.asked_of_nova(cloud.Cloud(tmp_path)) == 2


def test_the_table_has_the_medians_of_each_arm() -> None:
    """One line an arm, in the order of their first runs; every figure has a column."""
    figures = dict.fromkeys(
        (
            *("created", "create_cpu", "engine_cpu", "requests"),
            *("first_gone", "gone", "delete_cpu", "answered"),
        ),
        1.0,
    )
    runs = [
        clouds.Run(
            arm=arm,
            servers=50,
            there=20,
            made_after=2,
            mid_first_gone=3.0,
            mid_gone=gone,
            **figures,
        )
        for arm, gone in (("b", 4.0), ("a", 9.0), ("b", 6.0), ("b", 50.0))
    ]
    head, _, first, second = clouds.table(runs).splitlines()
    assert head.split(" | ")[-1] == "mid_gone |"
    assert (first.split(" | ")[0], first.split(" | ")[-1]) == ("| b", "6.0 |")
    assert second.startswith("| a | 50 | 1.0 |")
