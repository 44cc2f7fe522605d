"""One OpenStack in one folder: start it, look at it, break parts of it, end it.

`command` is a thin shell around this; tests and benchmarks use it directly. Everything about a
cloud is in its folder, so any process may open it and go on: `Cloud(folder)`.
"""

import http.client
import json
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devcluster import cluster, errors, ports, processes
from devcluster import state as state_of
from devcluster.openstack import (
    api,
    configuration,
    databases,
    guest,
    identity,
    layout,
    machines,
    packages,
    services,
    stock,
)

DEFAULT_FOLDER = Path(".devcluster-openstack")
READY_SECONDS = 300
SILENT_SECONDS = 5
POLL_SECONDS = 0.1
KEPT = ("logs", "lock")


class Cloud:
    """The OpenStack in one folder. All methods block until what they promise is so."""

    def __init__(
        self, folder: Path = DEFAULT_FOLDER, say: Callable[[str], None] = cluster.quiet
    ) -> None:
        self.dir = folder.resolve()
        self.processes = processes.Ledger(self.dir)
        self.say = say

    @property
    def plan(self) -> layout.Plan:
        """What decides the files and command lines of this cloud."""
        state = state_of.read(self._state_file)
        if not state:
            raise errors.DevclusterError(
                f"no cloud in {self.dir}: python -m devcluster openstack up --dir {self.dir}"
            )
        return layout.Plan(
            folder=self.dir,
            ports=state["ports"],
            settings=layout.Settings(**state["settings"]),
            password=state["password"],
            range=state["range"],
        )

    @property
    def clouds(self) -> Path:
        """The credentials file: the clouds `argosy`, `other` and `admin`."""
        return self.plan.clouds

    @property
    def running(self) -> bool:
        """Whether every process of the cloud lives."""
        return bool(state_of.read(self._state_file)) and all(map(self.alive, names(self.plan)))

    def client(self, user: str = identity.ADMIN) -> api.Client:
        """Return a client of one of the users."""
        return api.Client(identity.login(self.plan, user))

    def start(self, settings: layout.Settings | None = None) -> None:
        """Bring the cloud up, or what is missing of it, and wait until it can make servers.

        Without settings, those of the last start hold; those of a cloud that is there stay.
        """
        with state_of.locked(self.dir, self.say):
            if not state_of.read(self._state_file):
                self._prepare(settings or layout.Settings())
            elif settings is not None and settings != self.plan.settings:
                raise errors.DevclusterError(
                    f"the cloud in {self.dir} has other settings; `down` it first"
                )
            self._start(self.plan)

    def stop(self) -> None:
        """End everything that was started for this cloud and remove its data, but for logs.

        It also works after a crash, on a half-started cloud, and on none at all.
        """
        if not self.dir.exists():
            self._end_all()
            return
        with state_of.locked(self.dir, self.say):
            self._end_all()
            for path in self.dir.iterdir():
                if path.name in KEPT:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def alive(self, service: str) -> bool:
        """Whether the process of this service runs."""
        return self.processes.alive(service)

    def kill(self, service: str) -> None:
        """End a service as kill -9 does, with its workers."""
        self.processes.end_group(service)

    def restart(self, service: str) -> None:
        """End an API and start it again, its configuration as it is; wait until it answers."""
        self.kill(service)
        self._run(self.plan, service)
        self._wait_for_api(self.plan, service)

    def pause(self, service: str) -> None:
        """Freeze a service: it keeps its connections and answers nothing."""
        self.processes.signal_group(service, signal.SIGSTOP)

    def resume(self, service: str) -> None:
        """Let a frozen service go on."""
        self.processes.signal_group(service, signal.SIGCONT)

    def _prepare(self, settings: layout.Settings) -> None:
        if settings.real_machines:
            machines.require()
        more = packages.ORCHESTRATION if settings.orchestration else ()
        made = databases.ensure(packages.ensure(self.say, *more), self.say)
        numbers = ports.free(len(layout.PORTS))
        state = {
            "ports": dict(zip(layout.PORTS, numbers, strict=True)),
            "settings": asdict(settings),
            "password": databases.password(made),
            "range": machines.free_range(self.dir),
        }
        # A cloud without databases is none: what is left of a copy that was cut short is not used.
        shutil.rmtree(self.dir / "state", ignore_errors=True)
        databases.copy(made, self.dir / "state")
        self._keep(state)

    def _keep(self, state: Mapping[str, Any]) -> None:
        scratch = self._state_file.with_suffix(".part")
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(state, indent=2))
        scratch.rename(self._state_file)

    def _start(self, plan: layout.Plan) -> None:
        stocked = bool(state_of.read(self._state_file).get("stocked"))
        missing = [each for each in names(plan) if not self.alive(each)]
        ports.refuse_taken({each: plan.ports[each] for each in missing if each in plan.ports})
        configuration.write(plan)
        identity.write_clouds(plan)
        (self.dir / "tmp").mkdir(exist_ok=True)
        self.say(f"starting {', '.join(missing)}" if missing else "everything runs")
        self._run(plan, *services.INFRASTRUCTURE)
        self._wait("the database", lambda: databases.answers(plan))
        databases.move(plan)
        if plan.settings.orchestration and not stocked:
            databases.add(plan, layout.HEAT)
        self._run(plan, layout.KEYSTONE)
        self._wait_for_api(plan, layout.KEYSTONE)
        self._wait("the message broker", lambda: ports.taken(plan.ports[layout.RABBIT]))
        self._run(plan, *services.control(plan))
        if not stocked:
            self.say("making users, projects and endpoints")
            identity.make(plan)
        for each in plan.apis:
            self._wait_for_api(plan, each)
        if plan.settings.real_machines:
            machines.restore(plan)
            self._run(plan, layout.LIBVIRT)
            self._wait("libvirt", lambda: machines.answers(plan))
        self._run(plan, *_hosts(plan))
        if not stocked:
            image = guest.ensure(self.say) if plan.settings.real_machines else None
            self.say("making flavors, images, networks and volume types")
            stock.lay_in(plan, image)
        self._wait("the hosts", lambda: stock.hosts(plan) >= set(plan.hosts))
        self._wait("the zones", lambda: _divided(plan))
        self._keep({**state_of.read(self._state_file), "stocked": True})

    def _run(self, plan: layout.Plan, *wanted: str) -> None:
        for name in wanted:
            if not self.alive(name):
                known = {**services.environment(plan, name), "TMPDIR": str(self.dir / "tmp")}
                self.processes.start(name, services.command(plan, name), environment=known)

    def _wait_for_api(self, plan: layout.Plan, service: str) -> None:
        self._wait(service, lambda: _answers(plan.ports[service]))

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition while all that was started lives; say so if it takes long."""
        began = reported = time.monotonic()
        while not condition():
            for each in self.processes.all().values():
                if not each.alive:
                    tail = self.processes.log_tail(each.name, 15)
                    raise errors.DevclusterError(
                        f"{each.name} ended; the last lines of {each.log}:\n{tail}"
                    )
            now = time.monotonic()
            if now - began > READY_SECONDS:
                raise errors.DevclusterError(
                    f"{what}: not ready after {READY_SECONDS} s; see {self.dir / 'logs'}"
                )
            if now - reported > SILENT_SECONDS:
                reported = now
                self.say(f"waiting for {what}: {now - began:.0f} s")
            time.sleep(POLL_SECONDS)

    def _end_all(self) -> None:
        # No grace: what these programs could still save is thrown away with the cloud.
        self.processes.end(self.processes.all())
        self.processes.sweep()
        machines.remove(self.dir)
        left = [f"process {each}" for each in processes.marked(self.dir)]
        if left := [*left, *machines.traces(self.dir)]:
            raise errors.DevclusterError("this is left of the cloud: " + "; ".join(left))

    @property
    def _state_file(self) -> Path:
        return self.dir / "cloud.json"


def names(plan: layout.Plan) -> list[str]:
    """Return the names of all processes of a cloud, in the order of their start."""
    return [*services.INFRASTRUCTURE, layout.KEYSTONE, *services.control(plan), *_hosts(plan)]


def _hosts(plan: layout.Plan) -> list[str]:
    hosts = [services.compute(each) for each in plan.hosts]
    return [layout.LIBVIRT, *hosts] if plan.settings.real_machines else hosts


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _divided(plan: layout.Plan) -> bool:
    """Put the hosts into their zones; whether all are known well enough for that."""
    try:
        stock.divide(plan)
    except api.ApiError as error:
        if error.status != api.NOT_FOUND:
            raise
        return False
    return True
