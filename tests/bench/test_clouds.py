"""What is measured of those that make servers of a cloud, seen on a Nova that is a dictionary."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
import os
import signal
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import cloud_runs, cloud_watch, clouds, nova_log, page, report
from bench.arms import abroad, heat, nova, place
from devcluster import errors, operator
from devcluster.openstack import api, cloud

PLACE = place.Place(
    login=api.Login(url="http://nowhere.example/v3", auth={}),
    flavor="f",
    image="i",
    other="j",
    network="n",
    zone="az1",
)
DONE = {"type": "Ready", "status": "True"}
SUCCEEDED = {"type": "Succeeded", "status": "True"}


class Cloud:
    """A Nova and a Heat that do at once what they are told; every client is one of theirs."""

    def __init__(self) -> None:
        self.servers: dict[str, dict[str, str]] = {}
        self.bodies: list[Mapping[str, Any]] = []
        self.stack = "CREATE_COMPLETE"
        self.conditions = [DONE, SUCCEEDED]
        self.kills: list[str] = []
        # After a kill nothing is done before somebody asks once more.
        self.forgets = False
        # How many servers each kill leaves that nobody knows.
        self.strays = 0
        # After a kill a stack is busy until it is deleted.
        self.hangs = False
        self._moments = itertools.count()

    def client(self, _: api.Login) -> Cloud:
        """Stand in for `api.Client`."""
        return self

    def make(self, image: str) -> str:
        """Make a server."""
        made = str(next(self._moments))
        self.servers[made] = {"id": made, "status": "ACTIVE", "image": image, "updated": made}
        return made

    def touch(self, *ids: str, image: str = "") -> None:
        """Change or restart servers; all where none is named."""
        for each in ids or tuple(self.servers):
            known = {**self.servers[each], "updated": str(next(self._moments))}
            self.servers[each] = known | ({"image": image} if image else {})

    def kill(self, who: str) -> None:
        """Take note that somebody was killed."""
        self.kills.append(who)
        for _ in range(self.strays):
            self.make("i")
        if self.forgets:
            self.stack = "UPDATE_FAILED"
        if self.hangs:
            self.stack = "UPDATE_IN_PROGRESS"

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Apply an application or an operation, to a Kubernetes whose operator is as quick."""
        self.bodies.append(body)
        if path == abroad.OPERATIONS:
            first, _, last = body["spec"]["servers"].partition("-")
            self.touch(*list(self.servers)[int(first) : int(last) + 1])
            return
        assert path == abroad.APPLICATIONS
        (component,) = body["spec"]["components"]
        for _ in range(component["replicas"]):
            self.make(component["template"]["spec"]["image"])

    def merge(self, path: str, body: Mapping[str, Any]) -> None:
        """Change the application."""
        assert path.startswith(abroad.APPLICATIONS)
        self.touch(image=body["spec"]["components"][0]["template"]["spec"]["image"])

    def get(self, service: str, _path: str = "") -> Any:
        """Answer Nova's list, Heat's stack, or an application."""
        if service.startswith(abroad.GROUP):
            return {
                "metadata": {"generation": 1},
                "status": {"conditions": self.conditions, "observedGeneration": 1},
            }
        if service == heat.SERVICE:
            return {"stack": {"stack_status": self.stack, "stack_status_reason": "as asked"}}
        rows = list(self.servers.values())
        return {"servers": [{**each, "image": {"id": each["image"]}} for each in rows]}

    def call(self, method: str, service: str, _path: str, body: Mapping[str, Any]) -> None:
        """Update a stack."""
        assert (method, service) == ("PUT", heat.SERVICE)
        self.stack = "UPDATE_COMPLETE"
        group = body["template"]["resources"]["group"]["properties"]
        self.touch(image=group["resource_def"]["properties"]["image"])

    def post(self, service: str, path: str, body: Mapping[str, Any]) -> Any:
        """Make a server, or the servers of a stack; or act on these."""
        self.bodies.append(body)
        if path.endswith("/actions"):
            self.stack = "SUSPEND_COMPLETE" if "suspend" in body else "RESUME_COMPLETE"
            self.touch()
            return None
        if path.endswith("/action"):
            self.touch(path.split("/")[2], image=body.get("rebuild", {}).get("imageRef", ""))
            return None
        if service == heat.SERVICE:
            group = body["template"]["resources"]["group"]["properties"]
            for _ in range(group["count"]):
                self.make(group["resource_def"]["properties"]["image"])
            self.stack = "CREATE_COMPLETE"
            return {"stack": {"id": "s"}}
        return {"server": {"id": self.make(body["server"]["imageRef"])}}

    def delete(self, service: str, path: str = "") -> None:
        """Delete a server, or all of a stack or an application."""
        if service == heat.SERVICE or service.startswith(abroad.APPLICATIONS):
            self.servers.clear()
            self.stack = "DELETE_COMPLETE"
        self.servers.pop(path.rpartition("/")[2], None)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud that all clients of the test reach."""
    one = Cloud()
    monkeypatch.setattr(api, "Client", one.client)
    monkeypatch.setattr(place.Place, "of", lambda _: PLACE)
    monkeypatch.setattr(nova_log, "requests", lambda _: 0)
    monkeypatch.setattr(
        nova_log,
        "first_delete",
        lambda _, since: nova_log.Taken(came=since + 0.125, answered=since + 0.25),
    )
    monkeypatch.setattr(cloud_runs, "PAUSE_SECONDS", 0.01)
    for each in (cloud_runs, cloud_watch):
        monkeypatch.setattr(each, "LOOK_SECONDS", 0.001)
    engine: Any = types.SimpleNamespace(restart=lambda: one.kill("operator"))
    monkeypatch.setattr(operator, "running", lambda _: [engine])
    return one


def everywhere(world: Cloud) -> place.Place:
    """Return the place, with a Kubernetes and a cloud whose engines do all at once."""
    operated: Any = types.SimpleNamespace(client=world, dir=Path("nowhere"))
    chosen: Any = types.SimpleNamespace(kill=world.kill, start=lambda: None)
    return dataclasses.replace(PLACE, operated=operated, chosen=chosen)


@pytest.mark.parametrize("name", clouds.ARMS)
def test_an_arm_does_all_there_is(world: Cloud, tmp_path: Path, name: str) -> None:
    """A run ends when Nova lists nothing more; who goes on after a kill is killed in each part."""
    given = everywhere(world)
    arm = clouds.ARMS[name](given)
    run = cloud_runs.measure(cloud.Cloud(tmp_path), arm, given, 6)
    assert world.servers == {}
    assert (run.servers, run.surplus) == (6, 0)
    assert (run.update.kept, run.restart.kept) == (6, 6)
    assert run.cut.there + run.cut.made_after <= 6
    assert 0 <= run.first_gone <= run.delete.seconds
    assert 0 <= run.cut.first_gone <= run.cut.gone
    assert run.cut.first_came == pytest.approx(0.125, abs=1e-6)
    assert run.cut.first_delete == pytest.approx(0.25, abs=1e-6)
    parts = [] if name == "plain" else ["create", "update", "restart", "delete"]
    assert (list(run.killed), len(world.kills)) == (parts, len(parts))
    told = [(each.asked_again, each.left_over) for each in run.killed.values()]
    assert told == [(0, 0)] * len(parts)


def test_who_forgets_when_killed_is_asked_once_more(world: Cloud, tmp_path: Path) -> None:
    """Seconds go on until all is so, and each time that somebody had to help is counted."""
    world.forgets = True
    given = everywhere(world)
    run = cloud_runs.measure(cloud.Cloud(tmp_path), heat.Heat(given), given, 6)
    assert {key: each.asked_again for key, each in run.killed.items()} == dict.fromkeys(
        ("create", "update", "restart", "delete"), 1
    )
    assert min(each.seconds for each in run.killed.values()) >= cloud_runs.PAUSE_SECONDS


def test_what_a_kill_leaves_over_is_counted_and_taken_away(world: Cloud, tmp_path: Path) -> None:
    """Servers that nobody knows any more end no part of the trial, and are there to its end."""
    given = everywhere(world)
    world.strays = 1
    arm = heat.Heat(given)
    run = cloud_runs.measure(cloud.Cloud(tmp_path), arm, given, 6)
    assert [each.left_over for each in run.killed.values()][:3] == [1, 2, 3]
    assert world.servers == {}


def test_who_never_goes_on_is_given_up_and_the_next_part_has_its_servers(
    world: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of hours does not end with nothing because one arm hangs after a kill."""
    monkeypatch.setattr(cloud_runs, "SURVIVAL_SECONDS", 0.05)
    world.hangs = True
    given = everywhere(world)
    run = cloud_runs.measure(cloud.Cloud(tmp_path), heat.Heat(given), given, 6)
    assert {key: each.given_up for key, each in run.killed.items()} == dict.fromkeys(
        ("create", "update", "restart", "delete"), True
    )
    assert run.killed["create"].seconds >= 0.05
    assert world.servers == {}


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
    abroad.Argosy(everywhere(world)).create(1)
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


def test_a_stack_that_failed_ends_the_run_with_its_reason(world: Cloud) -> None:
    """Nobody waits a quarter of an hour for servers that Heat has given up."""
    arm = heat.Heat(PLACE)
    arm.create(6)
    world.stack = "CREATE_FAILED"
    with pytest.raises(errors.DevclusterError, match="CREATE_FAILED: as asked"):
        cloud_runs.rest(arm)


def test_an_application_that_stalled_ends_the_run_with_its_reason(world: Cloud) -> None:
    """As for a stack."""
    world.conditions = [{"type": "Stalled", "status": "True", "message": "no such flavor"}]
    arm = abroad.Argosy(everywhere(world))
    arm.create(6)
    with pytest.raises(errors.DevclusterError, match="stalled: no such flavor"):
        cloud_runs.rest(arm)


def test_requests_of_the_watch_are_not_counted(tmp_path: Path, monkeypatch: Any) -> None:
    """Nova's log has a line for each request; those of the bench itself are no arm's."""
    monkeypatch.setattr(cloud.Cloud, "plan", types.SimpleNamespace(logs=tmp_path))
    lines = [
        f'x "GET /v2.1{each} HTTP/1.1" status: 200 len: 1'
        for each in ("/servers/detail?limit=1000", "/servers/detail?changes-since=x", "/servers/1")
    ]
    (tmp_path / "nova.log").write_text("\n".join([*lines, "INFO started"]))
    assert nova_log.requests(cloud.Cloud(tmp_path)) == 2


def test_a_delete_begins_to_cut_when_nova_has_taken_a_servers_delete(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """Neither one of before, one of something else, nor one that was refused begins it.

    The one that came first does, also where Nova has answered another before it.
    """
    monkeypatch.setattr(cloud.Cloud, "plan", types.SimpleNamespace(logs=tmp_path))
    rows = [
        ("05:00:00.999", "DELETE", "/servers/1", 204, 0.5),
        ("05:00:01.250", "GET", "/servers/1", 200, 0.5),
        ("05:00:01.500", "DELETE", "/servers/1/tags/x", 204, 0.5),
        ("05:00:01.750", "DELETE", "/servers/1", 409, 0.5),
        ("05:00:02.000", "DELETE", "/servers/1", 204, 0.25),
        ("05:00:03.000", "DELETE", "/servers/2", 204, 1.5),
    ]
    lines = [
        f'2026-11-30 {when} 7 INFO nova [-] ::1 "{verb} /v2.1{path} HTTP/1.1"'
        f" status: {code} len: 0 time: {took:.7f}"
        for when, verb, path, code, took in rows
    ]
    (tmp_path / "nova.log").write_text("\n".join(lines))
    asked = dt.datetime.fromisoformat("2026-11-30 05:00:01").timestamp()
    found = cloud.Cloud(tmp_path)
    assert nova_log.first_delete(found, asked) == nova_log.Taken(
        came=asked + 0.5, answered=asked + 2
    )
    assert nova_log.first_delete(found, asked + 3) is None


def run(arm: str, gone: float, **killed: float) -> cloud_runs.Run:
    """Return what an arm did: what was cut is gone after so long, and what it was killed in."""
    leg = cloud_runs.Leg(seconds=1.0, cpu=1.0, engine_cpu=1.0, requests=1.0)
    change = cloud_runs.Change(leg=leg, kept=50)
    return cloud_runs.Run(
        arm=arm, servers=50, create=leg, update=change, restart=change, first_gone=0.5,
        delete=leg, surplus=0,
        cut=cloud_runs.Cut(
            there=20, answered=1.0, first_came=0.2, first_delete=0.5, made_after=2,
            first_gone=3.0, gone=gone,
        ),
        killed={
            key: cloud_runs.Survival(seconds=each, asked_again=0, left_over=0)
            for key, each in killed.items()
        },
    )  # fmt: skip


def test_the_table_has_the_medians_of_each_arm() -> None:
    """A line for each figure, a column for each arm in the order of their first runs."""
    runs = [run("b", 4.0, create=7.0), run("a", 9.0), run("b", 6.0, create=8.0), run("b", 50.0)]
    head, _, *rows = clouds.table(runs).splitlines()
    assert head == "| | b | a |"
    assert "| cut gone | 6.0 (4.0..50.0) | 9.0 |" in rows
    assert "| update leg seconds | 1.0 | 1.0 |" in rows
    assert "| killed create seconds | 7.5 (7.0..8.0) |  |" in rows


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, bool]]:
    """Have arms take turns nowhere; return who had one, and whether it was killed."""
    found: list[tuple[str, bool]] = []

    def measure(*given: Any, kills: bool) -> cloud_runs.Run:
        found.append((given[1].name, kills))
        return run(given[1].name, float(len(found)))

    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(clouds, "_cloud", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(clouds, "_operated", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(place.Place, "of", lambda *_: PLACE)
    monkeypatch.setattr(cloud_runs, "measure", measure)
    return found


def test_arms_take_turns_and_are_killed_in_the_first_rounds(turns: list[tuple[str, bool]]) -> None:
    """One order, then the other; a kill takes longest, so fewer rounds may have them."""
    words = ["--rounds", "2", "--kills", "1", "--arm", "plain", "--arm", "heat"]
    assert clouds.main(words) == 0
    plain, other = nova.NAME, heat.NAME
    assert turns == [(plain, True), (other, True), (other, False), (plain, False)]


def test_rounds_of_another_run_are_counted_as_well(
    turns: list[tuple[str, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--more` the medians are of both; of another size, or of nothing, they are refused."""
    with pytest.raises(errors.DevclusterError, match="no run before"):
        clouds.main(["--more"])
    for words in ([], ["--more"]):
        clouds.main(["--rounds", "1", "--arm", "plain", *words])
    assert len(turns) == 2
    assert "| cut gone | 1.5 (1.0..2.0) |" in capsys.readouterr().out
    with pytest.raises(errors.DevclusterError, match=r"is of \{50\} servers"):
        clouds.main(["--more", "--servers", "4"])


def test_a_run_that_is_told_to_end_ends_its_cloud(
    monkeypatch: pytest.MonkeyPatch, turns: list[tuple[str, bool]]
) -> None:
    """By SIGTERM as by Ctrl-C: whatever was started is ended, and the next run is alone."""
    ended: list[str] = []

    @contextlib.contextmanager
    def started(_: object) -> Iterator[None]:
        try:
            yield
        finally:
            ended.append("cloud")

    monkeypatch.setattr(clouds, "_cloud", started)
    monkeypatch.setattr(
        cloud_runs, "measure", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)
    )
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        clouds.main(["--rounds", "1", "--arm", "plain"])
    assert (ended, turns) == (["cloud"], [])
    assert signal.getsignal(signal.SIGTERM) is before


def test_whoever_hangs_is_given_the_time_that_the_page_says() -> None:
    """Ten minutes after a kill."""
    assert cloud_runs.SURVIVAL_SECONDS == 600
    assert "ten minutes after a kill is given up" in page.PAGE.read_text()
