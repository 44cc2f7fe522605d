"""What etcd and the Kubernetes control plane are started with; `cluster` starts them.

Pure but for the files of certificates and kubeconfigs, which are made once and then kept.
"""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devcluster import certificates, client
from devcluster import network as networks

ETCD = "etcd"
APISERVER = "kube-apiserver"
CONTROLLERS = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
PORTS = (APISERVER, ETCD, "etcd-peers", CONTROLLERS, SCHEDULER, "kwok")
# Bodies of what the operator writes matter to whoever counts and checks writes; reads would only
# fill the disk.
RECORDED = {
    "argosy.dev": ["*"],
    "": ["pods", "pods/*", "persistentvolumeclaims", "services"],
    "batch": ["jobs", "jobs/*"],
    "apps": ["controllerrevisions"],
    "policy": ["poddisruptionbudgets"],
}
SERVICE_RANGE = "10.96.0.0/16"
WRITES = ["create", "update", "patch", "delete", "deletecollection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person chose for a cluster; kept with it."""

    nodes: int = 1
    audit: str = "off"  # off | metadata | full
    real_node: bool = False
    # `kubectl exec` on a fake pod runs the command here, as whoever started the cluster. Any user
    # of this machine can ask for it, so it is off unless wanted. A command's failure comes back
    # as an error that names its exit status, not as a kubelet's NonZeroExitCode.
    local_exec: bool = False
    # More flags for a program, by its name, for experiments and benchmarks.
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides the command lines of one cluster."""

    folder: Path
    program: Path
    ports: Mapping[str, int]
    settings: Settings
    network: networks.Network | None = None  # the real node's

    @property
    def server(self) -> str:
        """The API server's address: on the bridge if pods must reach it, else on loopback."""
        return f"https://{self.address}:{self.ports[APISERVER]}"

    @property
    def address(self) -> str:
        """Where the API server listens, and nowhere else."""
        return self.network.gateway if self.network else "127.0.0.1"

    @property
    def service_range(self) -> str:
        """Where Services get their addresses from."""
        return self.network.services if self.network else SERVICE_RANGE

    @property
    def pki(self) -> Path:
        """Where keys and certificates lie."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    def service_address(self, number: int) -> str:
        """The nth address of the service range: 1 is the API server, 10 is DNS."""
        return str(ipaddress.ip_network(self.service_range)[number])

    def authority(self) -> certificates.Authority:
        """The cluster's certificate authority."""
        return certificates.authority(self.pki, "ca")

    def user_config(self, name: str, common_name: str, organizations: Sequence[str] = ()) -> Path:
        """Return a kubeconfig of a component, made on the first call."""
        pair = self.authority().issue(name, common_name=common_name, organizations=organizations)
        path = self.folder / "kubeconfigs" / name if name != "admin" else self.kubeconfig
        if path.exists():
            return path
        return client.kubeconfig(
            path,
            server=self.server,
            authority=self.authority().pair.certificate,
            user={
                "client-certificate-data": client.encoded(pair.certificate.read_bytes()),
                "client-key-data": client.encoded(pair.key.read_bytes()),
            },
        )


def command(plan: Plan, name: str) -> list[str]:
    """Return the command line of one program of the control plane."""
    flags = {
        ETCD: _etcd,
        APISERVER: _apiserver,
        CONTROLLERS: _controllers,
        SCHEDULER: _scheduler,
    }[name](plan)
    extra = plan.settings.flags.get(name, ())
    return [str(plan.program), name, *(f"--{key}={value}" for key, value in flags.items()), *extra]


def _etcd(plan: Plan) -> dict[str, object]:
    pair = plan.authority().issue("etcd", common_name="etcd", hosts=["127.0.0.1", "localhost"])
    clients = f"https://127.0.0.1:{plan.ports[ETCD]}"
    peers = f"https://127.0.0.1:{plan.ports['etcd-peers']}"
    flags: dict[str, object] = {
        "name": "devcluster",
        "data-dir": plan.folder / "etcd",
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"devcluster={peers}",
        "unsafe-no-fsync": "true",  # a cluster to throw away
        "log-level": "warn",
        "quota-backend-bytes": 8 << 30,
        "auto-compaction-mode": "revision",
        "auto-compaction-retention": 100_000,
    }
    for prefix in ("", "peer-"):
        flags |= {
            f"{prefix}client-cert-auth": "true",
            f"{prefix}trusted-ca-file": plan.authority().pair.certificate,
            f"{prefix}cert-file": pair.certificate,
            f"{prefix}key-file": pair.key,
        }
    return flags


def _apiserver(plan: Plan) -> dict[str, object]:
    authority = plan.authority()
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    hosts = [*names, f"{names[-1]}.cluster.local", "localhost", "127.0.0.1"]
    hosts += [plan.service_address(1), plan.address]
    serving = authority.issue("apiserver", common_name="kube-apiserver", hosts=hosts)
    etcd = authority.issue("apiserver-etcd", common_name="kube-apiserver-etcd")
    kubelet = authority.issue("apiserver-kubelet", common_name="kube-apiserver-kubelet-client")
    tokens = certificates.signing_key(plan.pki, "service-accounts")
    return {
        "bind-address": plan.address,
        "advertise-address": plan.address,
        # Where the `kubernetes` Service leads: nowhere, if only loopback is listened on.
        **({} if plan.network else {"endpoint-reconciler-type": "none"}),
        "secure-port": plan.ports[APISERVER],
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "anonymous-auth": "false",
        "allow-privileged": "true",
        "client-ca-file": authority.pair.certificate,
        "tls-cert-file": serving.certificate,
        "tls-private-key-file": serving.key,
        "etcd-servers": f"https://127.0.0.1:{plan.ports[ETCD]}",
        "etcd-cafile": authority.pair.certificate,
        "etcd-certfile": etcd.certificate,
        "etcd-keyfile": etcd.key,
        "service-cluster-ip-range": plan.service_range,
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": tokens,
        "service-account-signing-key-file": tokens,
        "kubelet-certificate-authority": authority.pair.certificate,
        "kubelet-client-certificate": kubelet.certificate,
        "kubelet-client-key": kubelet.key,
        "kubelet-preferred-address-types": "InternalIP",
        **_aggregation(plan),
        **_audit(plan),
    }


def _aggregation(plan: Plan) -> dict[str, object]:
    """Return how the API server passes requests on to others that serve a part of the API."""
    front = certificates.authority(plan.pki, "front-proxy-ca")
    proxy = front.issue("front-proxy", common_name="front-proxy-client")
    return {
        "requestheader-client-ca-file": front.pair.certificate,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": proxy.certificate,
        "proxy-client-key-file": proxy.key,
    }


def _audit(plan: Plan) -> dict[str, object]:
    if plan.settings.audit == "off":
        return {}
    policy = plan.folder / "audit-policy.json"
    policy.write_text(json.dumps(audit_policy(plan.settings.audit), indent=2))
    return {
        "audit-policy-file": policy,
        "audit-log-path": plan.folder / "audit.log",
        "audit-log-maxsize": 1 << 20,  # megabytes: whoever counts writes wants one file
    }


def audit_policy(level: str) -> dict[str, Any]:
    """Return the policy for `metadata` or `full`: every request once, when it is answered."""
    rules: list[dict[str, object]] = [{"level": "Metadata"}]
    if level == "full":
        resources = [{"group": group, "resources": kinds} for group, kinds in RECORDED.items()]
        whole: dict[str, object] = {"level": "RequestResponse", "verbs": WRITES}
        leases = {"group": "coordination.k8s.io", "resources": ["leases"]}
        # Who holds what of the operator's; the nodes' Leases would fill the log.
        homes = ["argosy", "argosy-system"]
        ours: dict[str, object] = {**whole, "namespaces": homes, "resources": [leases]}
        rules = [{**whole, "resources": resources}, ours, *rules]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": True,
        "rules": rules,
    }


def _controllers(plan: Plan) -> dict[str, object]:
    authority = plan.authority()
    config = plan.user_config("controller-manager", "system:kube-controller-manager")
    return {
        **_secured(plan, CONTROLLERS, config),
        "use-service-account-credentials": "true",
        "root-ca-file": authority.pair.certificate,
        "service-account-private-key-file": certificates.signing_key(plan.pki, "service-accounts"),
        "cluster-signing-cert-file": authority.pair.certificate,
        "cluster-signing-key-file": authority.pair.key,
        # At the default rate the default ServiceAccount takes seconds to appear.
        "kube-api-qps": 200,
        "kube-api-burst": 400,
        # A busy machine must not make healthy fake nodes look lost.
        "node-monitor-grace-period": "2m",
    }


def _scheduler(plan: Plan) -> dict[str, object]:
    return {
        **_secured(plan, SCHEDULER, plan.user_config("scheduler", "system:kube-scheduler")),
        # Thousands of pods at once are for the operator to be slow at, not for the scheduler.
        "kube-api-qps": 1000,
        "kube-api-burst": 2000,
    }


def _secured(plan: Plan, name: str, config: Path) -> dict[str, object]:
    pair = plan.authority().issue(f"{name}-serving", common_name=name, hosts=["127.0.0.1"])
    return {
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "bind-address": "127.0.0.1",
        "secure-port": plan.ports[name],
        "tls-cert-file": pair.certificate,
        "tls-private-key-file": pair.key,
        "leader-elect": "false",  # there is one
    }
