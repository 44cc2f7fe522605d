"""The operator against a cluster: the chart installed, the program as local processes.

No image runs on fake nodes, so the chart is installed with no replicas, and what its Deployment
would run is run here: same arguments, same environment, and a kubeconfig that holds nothing but a
token of the chart's ServiceAccount, so that its RBAC is really exercised. `__main__` and tests
call `run`; each process is an `Operator` to be killed, paused and restarted.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from devcluster import (
    accounts,
    binaries,
    client,
    cluster,
    errors,
    ports,
    processes,
    scraping,
    webhook,
)

CHECKOUT = Path(__file__).parents[1]
CHART = CHECKOUT / "charts" / "argosy"
RELEASE = NAMESPACE = "argosy"
GROUP = "argosy.dev"
APPLICATIONS = f"/apis/{GROUP}/v1alpha1/namespaces/default/applications"
# As an API server says it of a kind that it has heard of, and does not serve yet.
NOT_SERVED = ("page not found", "could not find the requested resource")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NO_REPLICAS = "replicas=0"
# Who wants it says so: nothing answers while the operators are paused or killed, as tests do.
NO_ADMISSION = "admission.enabled=false"
TOKEN_SECONDS = 7 * 86_400
# However busy the machine is, a process that works has begun by then, or has ended.
START_SECONDS = GRACE_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one operator process is started; kept, so that a restart is the same again."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    health_port: int
    metrics_port: int


class Operator:
    """One operator process of a cluster."""

    def __init__(self, owner: cluster.Cluster, launch: Launch) -> None:
        self.name = launch.name
        self.health_port = launch.health_port
        self.metrics_port = launch.metrics_port
        self.log = owner.dir / "logs" / f"{launch.name}.log"
        self._owner = owner
        self._ledger = owner.processes
        self._launch = launch

    @property
    def pid(self) -> int:
        """The process's id, alive or not."""
        return self._ledger.all()[self.name].pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._ledger.alive(self.name)

    def start(self) -> None:
        """Start the process and wait until it answers probes."""
        self._ledger.start(self.name, self._launch.argv, environment=self._launch.environment)
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.health_port):
            if not self.alive or time.monotonic() > deadline:
                tail = self._ledger.log_tail(self.name, 20)
                raise errors.DevclusterError(
                    f"{self.name} did not start; the last lines of {self.log}:\n{tail}"
                )
            time.sleep(processes.POLL_SECONDS)

    @property
    def kubeconfig(self) -> str:
        """The path of the kubeconfig that the process has."""
        return self._launch.environment["KUBECONFIG"]

    def by_way_of(self, kubeconfig: Path) -> "Operator":
        """Return the same operator, to be started with another way to the API server."""
        environment = {**self._launch.environment, "KUBECONFIG": str(kubeconfig)}
        return Operator(self._owner, replace(self._launch, environment=environment))

    def asked(self, *arguments: str) -> "Operator":
        """Return the same operator, to be started with more arguments, as by a newer chart."""
        argv = [*self._launch.argv, *arguments]
        return Operator(self._owner, replace(self._launch, argv=argv))

    def kill(self) -> None:
        """End the process as kill -9 does."""
        self._ledger.end([self.name])

    def terminate(self) -> None:
        """Ask the process to end, as a rollout of the Deployment does, and wait."""
        self._ledger.end([self.name], grace=GRACE_SECONDS)

    def restart(self) -> None:
        """Kill the process, if it lives, and start it again."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze the process; its Lease runs out meanwhile."""
        self._ledger.signal(self.name, signal.SIGSTOP)

    def resume(self) -> None:
        """Let the frozen process go on."""
        self._ledger.signal(self.name, signal.SIGCONT)


def run(
    owner: cluster.Cluster,
    *,
    replicas: int = 1,
    values: Sequence[str] = (),
    files: Sequence[Path] = (),
    arguments: Sequence[str] = (),
    chart: Path = CHART,
    code: Path = CHECKOUT,
    secure_metrics: bool = False,
    reroute: Callable[[str, Path], Path] | None = None,
) -> list[Operator]:
    """Install the chart and run this many operators; those of an earlier call are ended first.

    `values` are Helm's `--set` values, `files` its `--values`; `arguments` are added to each
    operator's command line.
    `code` is the checkout that they run from, where that is another version's.
    `secure_metrics` serves metrics as the chart does; otherwise they are plain HTTP for everybody.
    `reroute` is given an operator's name and kubeconfig and returns the one to use instead.
    """
    stop(owner)
    manifest = install(owner, values=values, files=files, chart=chart)
    deployment = _deployment(manifest)
    config = service_account_config(owner, _account(deployment))
    accounts.wait_for_release(owner.client, manifest, RELEASE, _account(deployment))
    names = [f"operator-{number}" for number in range(replicas)]
    configs = {name: reroute(name, config) if reroute else config for name in names}
    launches = [
        _launch(
            owner,
            name,
            deployment,
            configs[name],
            arguments,
            code=code,
            secure_metrics=secure_metrics,
        )
        for name in names
    ]
    entries = [asdict(each) for each in launches]
    (owner.dir / "operators.json").write_text(json.dumps(entries, indent=2))
    operators = [Operator(owner, each) for each in launches]
    for each in operators:
        each.start()
    webhook.point_at(owner, manifest, webhook.port_of(launches[0].argv) if launches else 0)
    return operators


def run_beside(owner: cluster.Cluster, home: str, *, values: Sequence[str] = ()) -> Operator:
    """Install the chart once more, in the namespace `home`, and run an operator of that install."""
    manifest = install(owner, home, values=("crds.enabled=false", *values))
    deployment = _deployment(manifest)
    config = service_account_config(owner, _account(deployment), home)
    accounts.wait_for_release(owner.client, manifest, home, _account(deployment))
    made = Operator(owner, _launch(owner, f"{home}-0", deployment, config, (), home=home))
    made.start()
    return made


def running(owner: cluster.Cluster) -> list[Operator]:
    """Return the operators of the last `run`, alive or not."""
    try:
        entries = json.loads((owner.dir / "operators.json").read_text())
    except FileNotFoundError:
        return []
    return [Operator(owner, Launch(**entry)) for entry in entries]


def stop(owner: cluster.Cluster) -> None:
    """End the operators of the last `run`; the chart stays."""
    owner.processes.end([each.name for each in running(owner)], grace=GRACE_SECONDS)


def install(
    owner: cluster.Cluster,
    home: str = NAMESPACE,
    *,
    values: Sequence[str] = (),
    files: Sequence[Path] = (),
    chart: Path = CHART,
) -> list[dict[str, Any]]:
    """Install or upgrade the chart without replicas; return the objects of the release.

    `home` is both the release and its namespace.
    """
    if not (chart / "Chart.yaml").exists():
        raise errors.DevclusterError(f"no Helm chart in {chart}")
    wanted = (NO_ADMISSION, *values, NO_REPLICAS)
    chosen = [word for file in files for word in ("--values", str(file))]
    chosen += [word for value in wanted for word in ("--set", value)]
    # CRDs may be there already, applied from `crds/` by hand or by a test.
    flags = ["--create-namespace", "--no-hooks", "--take-ownership"]
    helm(owner, ["upgrade", "--install", home, str(chart), *flags, *chosen], home)
    text = helm(owner, ["get", "manifest", home], home)
    return [each for each in yaml.safe_load_all(text) if each]


def is_admitted(api: client.Client, path: str, probe: Mapping[str, Any]) -> bool:
    """Return whether admission knows the kind: for seconds after the API server does, it may not.

    Nothing is made of the probe, and it may be wrong: that is looked at later.
    """
    try:
        api.create(f"{path}?dryRun=All", probe)
    except client.ApiError as error:
        unknown = any(words in str(error) for words in NOT_SERVED)
        return error.status != client.UNAVAILABLE and not unknown
    return True


def _are_admitted(api: client.Client) -> bool:
    """Return whether admission knows all kinds of ours that are defined."""
    defined = (each["spec"] for each in api.get(DEFINITIONS)["items"])
    for each in (one for one in defined if one["group"] == GROUP):
        version, kind = f"{GROUP}/{each['versions'][0]['name']}", each["names"]
        place = "namespaces/default/" if each["scope"] == "Namespaced" else ""
        probe = {"apiVersion": version, "kind": kind["kind"], "metadata": {"name": "probe"}}
        if not is_admitted(api, f"/apis/{version}/{place}{kind['plural']}", probe):
            return False
    return True


def service_account_config(owner: cluster.Cluster, account: str, home: str = NAMESPACE) -> Path:
    """Return a kubeconfig with only a token of this ServiceAccount in the operator's namespace."""
    answer = owner.client.create(
        f"/api/v1/namespaces/{home}/serviceaccounts/{account}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        },
    )
    return client.kubeconfig(
        owner.dir / "kubeconfigs" / f"serviceaccount-{home}-{account}",
        server=owner.client.server,
        authority=owner.dir / "pki" / "ca.crt",
        user={"token": answer["status"]["token"]},
    )


def helm(owner: cluster.Cluster, arguments: Sequence[str], home: str = NAMESPACE) -> str:
    """Run Helm on this cluster, in the operator's namespace; its output.

    Kinds that were installed can be used once this returns.
    """
    program = binaries.ensure(binaries.HELM, owner.say) / "helm"
    environment = {**os.environ, "KUBECONFIG": str(owner.kubeconfig)}
    done = subprocess.run(
        [program, *arguments, "--namespace", home],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise errors.DevclusterError(f"helm {arguments[0]} failed:\n{done.stderr.strip()}")
    if arguments[0] in {"install", "upgrade"}:
        owner.wait("admission to know the kinds", lambda: _are_admitted(owner.client))
    return done.stdout


def _deployment(manifest: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = [
        each
        for each in manifest
        if each["kind"] == "Deployment"
        and each["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"
    ]
    if len(found) != 1:
        raise errors.DevclusterError(
            f"the chart has {len(found)} Deployments of operators, not one"
        )
    return found[0]


def _account(deployment: Mapping[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"].get("serviceAccountName", "default"))


def _launch(
    owner: cluster.Cluster,
    name: str,
    deployment: Mapping[str, Any],
    config: Path,
    arguments: Sequence[str],
    *,
    home: str = NAMESPACE,
    code: Path = CHECKOUT,
    secure_metrics: bool = False,
) -> Launch:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    health_port, metrics_port, admission_port = ports.free(3)
    fields = {"metadata.name": name, "metadata.namespace": home, "status.podIP": "127.0.0.1"}
    environment = {
        **_environment(container.get("env", []), fields),
        "KUBECONFIG": str(config),
        "POD_NAME": name,
        "POD_NAMESPACE": home,
        # Not what lies in the folder where this was started.
        "PYTHONPATH": str(code),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
    words = [*container.get("command", []), *container.get("args", [])]
    given = [_expanded(word, environment) for word in words]
    if given[:1] == ["argosy"]:
        given = given[1:]
    # Later words win: what differs here from a pod is what must not meet on one machine.
    local = ["--identity", name, "--log-format", "json", "--lease-namespace", home]
    local += ["--health-port", str(health_port), "--metrics-port", str(metrics_port)]
    local += scraping.arguments(owner, given, secure=secure_metrics)
    local += webhook.arguments(owner, given, admission_port)
    return Launch(
        name=name,
        argv=[sys.executable, "-m", "controller", *(given or ["run"]), *local, *arguments],
        environment=environment,
        health_port=health_port,
        metrics_port=metrics_port,
    )


def _environment(entries: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> dict[str, str]:
    found = {each["name"]: str(each["value"]) for each in entries if "value" in each}
    for each in entries:
        path = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        if path in fields:
            found[each["name"]] = fields[path]
    return found


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` as the kubelet does: an unknown name stays as it is."""
    return re.sub(r"\$\((\w+)\)", lambda match: variables.get(match[1], match[0]), word)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
