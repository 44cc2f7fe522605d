"""One cluster in one folder: start it, look at it, break parts of it, end it.

`python -m devcluster` is a thin shell around this; tests and benchmarks use it directly. Everything
about a cluster is in its folder, so any process may open it and go on: `Cluster(folder)`.
"""

import contextlib
import json
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devcluster import binaries, client, controlplane, errors, kwok, ports, processes
from devcluster import network as networks
from devcluster import state as state_of

DEFAULT_FOLDER = Path(".devcluster")
READY_SECONDS = 300
COMPONENTS = (
    controlplane.ETCD,
    controlplane.APISERVER,
    controlplane.CONTROLLERS,
    controlplane.SCHEDULER,
    kwok.NAME,
)
# What `down` leaves: one wants to read these after a failure.
KEPT = ("logs", "audit.log")
ATTEMPTS = 3


def quiet(_line: str) -> None:
    """Say nothing; for tests."""


class Cluster:
    """The Kubernetes in one folder. All methods block until what they promise is so."""

    def __init__(self, folder: Path = DEFAULT_FOLDER, say: Callable[[str], None] = quiet) -> None:
        self.dir = folder.resolve()
        self.kubeconfig = self.dir / "kubeconfig"
        self.audit_log = self.dir / "audit.log"
        self.processes = processes.Ledger(self.dir)
        self.say = say
        self._client: client.Client | None = None
        self._watched: set[str] = set()

    @property
    def client(self) -> client.Client:
        """A client with the administrator's rights."""
        if self._client is None:
            if not self.kubeconfig.exists():
                raise errors.DevclusterError(
                    f"no cluster in {self.dir}: python -m devcluster up --dir {self.dir}"
                )
            self._client = client.Client(self.kubeconfig)
        return self._client

    @property
    def settings(self) -> controlplane.Settings:
        """What the cluster was started with."""
        return controlplane.Settings(**state_of.read(self._state_file)["settings"])

    @property
    def running(self) -> bool:
        """Whether every component is alive and the API server is ready."""
        return all(map(self.alive, COMPONENTS)) and self.client.ready()

    def start(self, settings: controlplane.Settings | None = None) -> None:
        """Bring the cluster up, or what is missing of it, and wait until it can run pods.

        Without settings, those of the last start hold. A running cluster gets more nodes where
        more are asked for; other settings of a running cluster cannot change.
        """
        with state_of.locked(self.dir, self.say):
            attempts = 1 if state_of.read(self._state_file) else ATTEMPTS
            for attempt in range(1, attempts + 1):
                try:
                    self._start(settings)
                except errors.PortTakenError:
                    # Another cluster, started at the same moment, drew the same port.
                    if attempt == attempts:
                        raise
                    self._erase()
                else:
                    return

    def stop(self) -> None:
        """End everything that was started for this cluster and remove its data, but for logs.

        It also works after a crash, on a half-started cluster, and on none at all.
        """
        if not self.dir.exists():
            self._end_all()
            return
        with state_of.locked(self.dir, self.say):
            self._erase()

    def alive(self, component: str) -> bool:
        """Whether the process of this component (or `operator-0` …) runs."""
        return self.processes.alive(component)

    def kill(self, component: str) -> None:
        """End a component as kill -9 does."""
        self.processes.end([component])

    def pause(self, component: str) -> None:
        """Freeze a component: it keeps its connections and answers nothing."""
        self.processes.signal(component, signal.SIGSTOP)

    def resume(self, component: str) -> None:
        """Let a frozen component go on."""
        self.processes.signal(component, signal.SIGCONT)

    def restart(self, component: str) -> None:
        """Kill a component and start it again; back when the cluster is ready."""
        self.kill(component)
        self.start()

    def restart_apiserver(self) -> None:
        """Kill and start the API server: every watch breaks, etcd remembers."""
        self.restart(controlplane.APISERVER)

    def set_flags(self, component: str, flags: Sequence[str]) -> None:
        """Start a component anew with these more flags instead of those it had."""
        state = state_of.read(self._state_file)
        known = state["settings"]["flags"]
        state["settings"]["flags"] = {**known, component: list(flags)}
        self._keep(state)
        self.restart(component)

    def plan(self) -> controlplane.Plan:
        """Return what decides the command lines of this cluster."""
        state = state_of.read(self._state_file)
        network = state["network"]
        return controlplane.Plan(
            folder=self.dir,
            program=binaries.ensure(binaries.CONTROLPLANE, self.say) / "controlplane",
            ports=state["ports"],
            settings=controlplane.Settings(**state["settings"]),
            network=networks.Network(**network) if network else None,
        )

    def _start(self, settings: controlplane.Settings | None) -> None:
        self._prepare(settings)
        self._watched.clear()
        plan = self.plan()
        programs = binaries.ensure(binaries.KWOK, self.say)
        missing = {name for name in COMPONENTS if not self.alive(name)}
        ports.refuse_taken({name: plan.ports[name] for name in missing})
        plan.user_config("admin", "devcluster:admin", ["system:masters"])
        for name in (controlplane.ETCD, controlplane.APISERVER):
            self._start_component(name, controlplane.command(plan, name))
        self.wait("the API server", self.client.ready)
        for name in (controlplane.CONTROLLERS, controlplane.SCHEDULER):
            self._start_component(name, controlplane.command(plan, name))
        self._start_component(kwok.NAME, kwok.command(plan, programs))
        self._create_missing()
        self.wait("the fake nodes", self._nodes_ready)
        self.wait("the default ServiceAccount", self._namespace_usable)
        if plan.settings.real_node:
            from devcluster import node  # noqa: PLC0415  node builds on this module

            node.add(self, plan)

    def _prepare(self, settings: controlplane.Settings | None) -> None:
        state = state_of.read(self._state_file)
        if not state:
            chosen = settings or controlplane.Settings()
            network: networks.Network | None = None
            if chosen.real_node:
                from devcluster import node  # noqa: PLC0415  node builds on this module

                network = node.prepare(self.dir, self.say)
            numbers = ports.free(len(controlplane.PORTS))
            state = {
                "ports": dict(zip(controlplane.PORTS, numbers, strict=True)),
                "settings": asdict(chosen),
                "network": asdict(network) if network else None,
            }
        elif settings is not None:
            known = controlplane.Settings(**state["settings"])
            fixed = ("audit", "real_node", "local_exec")
            if any(getattr(known, name) != getattr(settings, name) for name in fixed):
                raise errors.DevclusterError(
                    f"the cluster in {self.dir} has other settings (audit {known.audit}, real node"
                    f" {known.real_node}); `down` it first"
                )
            state["settings"]["nodes"] = max(settings.nodes, known.nodes)
        self._keep(state)

    def _keep(self, state: dict[str, Any]) -> None:
        scratch = self._state_file.with_suffix(".part")
        scratch.write_text(json.dumps(state, indent=2))
        scratch.rename(self._state_file)

    def _start_component(self, name: str, argv: list[str]) -> None:
        if not self.alive(name):
            self.processes.start(name, argv)
        self.watch(name)

    def _create_missing(self) -> None:
        nodes = [kwok.node(number) for number in range(self.settings.nodes)]
        wanted = [*kwok.OBJECTS, *(("/api/v1/nodes", each) for each in nodes)]
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: self._create(*each), wanted))

    def _create(self, collection: str, body: dict[str, Any]) -> None:
        try:
            self.client.create(collection, body)
        except client.ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _nodes_ready(self) -> bool:
        nodes = self.client.get("/api/v1/nodes?labelSelector=type%3Dkwok")["items"]
        return len(nodes) >= self.settings.nodes and all(map(ready, nodes))

    def _namespace_usable(self) -> bool:
        with contextlib.suppress(client.ApiError):
            self.client.get("/api/v1/namespaces/default/serviceaccounts/default")
            return True
        return False

    def watch(self, component: str) -> None:
        """Let every later `wait` of this start fail if the component ends."""
        self._watched.add(component)

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition while all that was started lives; say so if it takes long."""
        began = time.monotonic()
        reported = began
        while not condition():
            self._require_alive()
            now = time.monotonic()
            if now - began > READY_SECONDS:
                raise errors.DevclusterError(
                    f"{what}: not ready after {READY_SECONDS} s; see {self.dir / 'logs'}"
                )
            if now - reported > 2:  # noqa: PLR2004  seconds without a word
                reported = now
                self.say(f"waiting for {what}: {now - began:.0f} s")
            time.sleep(processes.POLL_SECONDS)

    def _require_alive(self) -> None:
        known = self.processes.all()
        for name in self._watched:
            if not known[name].alive:
                tail = self.processes.log_tail(name)
                if "address already in use" in tail:
                    raise errors.PortTakenError(f"{name} found its port taken:\n{tail}")
                raise errors.DevclusterError(
                    f"{name} ended; the last lines of {known[name].log}:\n{tail}"
                )

    def _end_all(self) -> None:
        if networks.present(self.dir):
            from devcluster import node  # noqa: PLC0415  node builds on this module

            node.remove(self.dir)
        # No grace: what these programs could still save is thrown away with the cluster.
        self.processes.end(self.processes.all())
        self.processes.sweep()

    def _erase(self) -> None:
        self._end_all()
        self._client = None
        for path in self.dir.iterdir():
            if path.name in (*KEPT, "lock"):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    @property
    def _state_file(self) -> Path:
        return self.dir / "cluster.json"


def ready(node: dict[str, Any]) -> bool:
    """Whether a node says it is Ready."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
