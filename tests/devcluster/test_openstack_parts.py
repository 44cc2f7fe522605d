"""The parts of a cloud that need no cloud: configuration, packages, logins, what is removed."""

import configparser
import dataclasses
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from devcluster import __main__, binaries, errors, processes, progress
from devcluster.openstack import (
    api,
    cloud,
    configuration,
    databases,
    identity,
    layout,
    machines,
    packages,
    services,
)

VERSIONS = {"keystone": "1", "nova-api": "2"}


@pytest.fixture
def plan(tmp_path: Path) -> layout.Plan:
    """A plan with real machines and with ports that nobody listens on."""
    return layout.Plan(
        folder=tmp_path,
        ports={name: 20_000 + number for number, name in enumerate(layout.PORTS)},
        settings=layout.Settings(hosts=4, real_machines=True, orchestration=True),
        password="secret-word",  # noqa: S106 - of no cloud
        range="10.130.0.0/16",
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[processes.Ledger]:
    """A ledger whose processes are all gone after the test."""
    book = processes.Ledger(tmp_path)
    yield book
    book.sweep()


def read(plan: layout.Plan, name: str) -> configparser.RawConfigParser:
    """Return a configuration file as the services would."""
    parser = configparser.RawConfigParser()
    parser.read(configuration.file(plan, name))
    return parser


def test_hosts_are_spread_over_the_zones_in_turn(plan: layout.Plan) -> None:
    """No zone has two hosts more than another; real machines have a zone of their own."""
    assert plan.hosts == {
        "fake1": "az1",
        "fake2": "az2",
        "fake3": "az3",
        "fake4": "az1",
        "real": "real",
    }


def test_everything_listens_on_loopback_alone(plan: layout.Plan) -> None:
    """Nobody outside this machine reaches a service, a database or the message broker."""
    configuration.write(plan)
    for name, key in (
        ("glance", "bind_host"),
        ("neutron", "bind_host"),
        ("nova", "osapi_compute_listen"),
        ("cinder", "osapi_volume_listen"),
    ):
        assert read(plan, name)["DEFAULT"][key] == "127.0.0.1"
    assert read(plan, "heat")["heat_api"]["bind_host"] == "127.0.0.1"
    lines = {each: " ".join(services.command(plan, each)) for each in cloud.names(plan)}
    for each in (layout.KEYSTONE, layout.PLACEMENT):
        assert f"--http-socket 127.0.0.1:{plan.ports[each]}" in lines[each]
    assert "--bind-address=127.0.0.1" in lines[layout.MYSQL]
    assert "-l 127.0.0.1" in lines[layout.MEMCACHED]
    broker = services.environment(plan, layout.RABBIT)
    assert broker["RABBITMQ_NODE_IP_ADDRESS"] == broker["ERL_EPMD_ADDRESS"] == "127.0.0.1"


def test_every_port_of_a_cloud_is_its_own(plan: layout.Plan) -> None:
    """Two clouds share no port, as each service is told the one that was chosen for it."""
    configuration.write(plan)
    told = "\n".join(
        [each.read_text() for each in plan.configurations.iterdir()]
        + [" ".join(services.command(plan, each)) for each in cloud.names(plan)]
        + [str(services.environment(plan, layout.RABBIT))]
    )
    assert [name for name, port in plan.ports.items() if str(port) not in told] == []
    assert len(set(plan.ports.values())) == len(layout.PORTS)


def test_files_with_the_password_are_private(plan: layout.Plan) -> None:
    """Other users of this machine cannot read how one logs in."""
    configuration.write(plan)
    identity.write_clouds(plan)
    knowing = [
        each
        for each in plan.folder.rglob("*")
        if each.is_file() and plan.password in each.read_text()
    ]
    assert plan.clouds in knowing
    assert [each for each in knowing if stat.S_IMODE(each.stat().st_mode) != 0o600] == []
    assert plan.password not in str([services.command(plan, each) for each in cloud.names(plan)])


def test_more_options_reach_their_service_and_its_hosts_alone(plan: layout.Plan) -> None:
    """Nova's options are its hosts', too; a host's own come last; nobody else hears of them."""
    options = {
        "nova": {"DEFAULT": {"reclaim_instance_interval": "60", "shutdown_timeout": "7"}},
        "nova-fake2": {"DEFAULT": {"shutdown_timeout": "9"}},
    }
    settings = dataclasses.replace(plan.settings, options=options)
    configuration.write(dataclasses.replace(plan, settings=settings))
    told = {
        each.stem: read(plan, each.stem)["DEFAULT"].get("shutdown_timeout")
        for each in plan.configurations.iterdir()
    }
    assert told["nova"] == told["nova-fake1"] == told["nova-real"] == "7"
    assert told["nova-fake2"] == "9"
    assert told["cinder"] is told["neutron"] is told["glance"] is None
    assert read(plan, "nova-real")["DEFAULT"]["reclaim_instance_interval"] == "60"


def test_a_host_has_no_way_to_the_databases(plan: layout.Plan) -> None:
    """As in any cloud, a host asks the conductor, and knows no database's address."""
    configuration.write(plan)
    for host in plan.hosts:
        text = configuration.file(plan, f"nova-{host}").read_text()
        assert "mysql" not in text
        assert f"host = {host}\n" in text


def test_missing_packages_are_named_to_whoever_cannot_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without root nothing is tried: the words name the packages and the command."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages, "versions", lambda *_: dict.fromkeys(packages.ALL[1:], "1"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(errors.MissingToolError, match=rf"{packages.ALL[0]} is missing.*sudo"):
        packages.ensure(print)


def test_a_machine_without_apt_is_told_what_a_cloud_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Debian the refusal says so, instead of a program that is not found."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(errors.DevclusterError, match="Debian 12"):
        packages.ensure(print)


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 104\n"])
def test_installing_starts_nothing_and_leaves_the_policy_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """While apt works services are forbidden to start; afterwards, even if it failed, as before."""
    policy, aside = tmp_path / "policy-rc.d", tmp_path / "aside"
    monkeypatch.setattr(packages, "POLICY", policy)
    monkeypatch.setattr(packages, "SET_ASIDE", aside)
    monkeypatch.setattr(packages, "LOCK", tmp_path / "apt.lock")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(packages, "versions", lambda *_: {})
    monkeypatch.setattr(binaries, "cache", lambda: tmp_path)
    if before is not None:
        policy.write_text(before)
    seen = []

    def fail(argv: list[str], *_: object) -> None:
        if "install" in argv:
            seen.append(subprocess.run(["sh", policy], check=False).returncode)
            raise errors.DevclusterError("no network")

    monkeypatch.setattr(progress, "run", fail)
    with pytest.raises(errors.DevclusterError, match="no network"):
        packages.ensure(lambda _: None)
    assert seen == [101]
    assert (policy.read_text() if policy.exists() else None) == before
    assert not aside.exists()


def test_databases_are_made_anew_for_other_versions() -> None:
    """A kept copy serves the packages that it was made for, and no others."""
    known = databases.fingerprint(VERSIONS)
    assert databases.fingerprint(dict(reversed(VERSIONS.items()))) == known
    assert databases.fingerprint({**VERSIONS, "nova-api": "3"}) != known
    assert databases.fingerprint({"keystone": "1"}) != known


def test_databases_that_could_not_be_made_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt begins anew, and finds nothing half made."""
    monkeypatch.setattr(binaries, "cache", lambda: tmp_path)

    def fail(folder: Path, _say: binaries.Say) -> None:
        (folder / "state").mkdir(parents=True)
        raise errors.DevclusterError("no room")

    monkeypatch.setattr(databases, "_make", fail)
    with pytest.raises(errors.DevclusterError, match="no room"):
        databases.ensure(VERSIONS, lambda _: None)
    assert [each for each in tmp_path.iterdir() if each.is_dir()] == []


def test_clouds_yaml_tells_who_there_is(plan: layout.Plan) -> None:
    """The file has the administrator and both tenants; whoever names another learns that."""
    identity.write_clouds(plan)
    known = yaml.safe_load(plan.clouds.read_text())["clouds"]
    assert set(known) == {"admin", "argosy", "other"}
    login = api.Login.of(plan.clouds, "argosy")
    assert login.request()["auth"]["scope"]["project"]["name"] == "argosy"
    assert plan.password not in repr(login)
    with pytest.raises(errors.DevclusterError, match=r"'shop'.*admin"):
        api.Login.of(plan.clouds, "shop")


def test_an_application_credential_logs_in_without_a_project(tmp_path: Path) -> None:
    """Such a credential belongs to a project: naming one is refused by Keystone."""
    auth = {
        "auth_url": "https://cloud.example/v3/",
        "application_credential_id": "id",
        "application_credential_secret": "word",
    }
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"far": {"auth": auth}}}))
    login = api.Login.of(file, "far")
    assert login.url == "https://cloud.example/v3"
    assert login.request()["auth"] == {
        "identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": "id", "secret": "word"},
        }
    }


RULES = """
-P INPUT ACCEPT
-N argovm00000001-INPUT
-N argovm00000002-INPUT
-N nova-filter-top
-A INPUT -j argovm00000001-INPUT
-A INPUT -j argovm00000002-INPUT
-A nova-filter-top -j argovm00000002-local
""".strip().splitlines()


def test_only_the_chains_of_this_cloud_are_taken_away() -> None:
    """Another cloud's rules stay, and so does what leads to them."""
    done: list[tuple[str, ...]] = []

    def act(*words: str) -> list[str]:
        done.append(words)
        return RULES if words == ("-S",) else []

    machines._empty(act, "argovm00000001")
    assert done == [
        ("-S",),
        ("-D", "INPUT", "-j", "argovm00000001-INPUT"),
        ("-F", "argovm00000001-INPUT"),
        ("-X", "argovm00000001-INPUT"),
    ]


def test_a_group_is_frozen_and_ended_with_its_workers(
    ledger: processes.Ledger, tmp_path: Path
) -> None:
    """A service of several processes stands still as a whole, and ends as a whole."""
    pid_file = tmp_path / "worker"
    program = (
        "import pathlib, subprocess, sys, time\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"part = pathlib.Path({str(pid_file)!r} + '.part')\n"
        "part.write_text(str(worker.pid))\n"
        f"part.rename({str(pid_file)!r})\n"
        "time.sleep(600)\n"
    )
    ledger.start("service", [sys.executable, "-c", program])
    assert processes.wait_until(pid_file.exists, 60)
    worker = Path(f"/proc/{pid_file.read_text()}/stat")
    ledger.signal_group("service", signal.SIGSTOP)
    assert processes.wait_until(lambda: worker.read_text().rpartition(")")[2].split()[0] == "T", 60)
    ledger.end_group("service")
    assert list(processes.members(ledger.all()["service"].pid)) == []
    assert not ledger.alive("service")
    with pytest.raises(errors.DevclusterError, match="'service'"):
        ledger.signal_group("service", signal.SIGCONT)


def test_status_and_down_of_no_cloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no cloud is, `status` says so and fails, and `down` has nothing to do."""
    nowhere = str(tmp_path / "nowhere")
    assert __main__.main(["openstack", "status", "--dir", nowhere]) == 1
    assert "no cloud in" in capsys.readouterr().out
    assert __main__.main(["openstack", "down", "--dir", nowhere]) == 0
    assert not os.path.lexists(nowhere)
    assert __main__.main(["openstack", "status", "--dir", nowhere]) == 1


def test_what_is_left_of_a_cloud_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `down` that could not take everything away does not say that it did."""
    monkeypatch.setattr(machines, "remove", lambda _: None)
    monkeypatch.setattr(machines, "traces", lambda _: ["bridge argovm00000001"])
    with pytest.raises(errors.DevclusterError, match="left of the cloud: bridge argovm00000001"):
        cloud.Cloud(tmp_path).stop()
