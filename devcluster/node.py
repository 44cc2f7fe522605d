"""A real node: containerd, kubelet and kube-proxy on this machine, with DNS; `cluster` calls it.

Everything lies in the cluster's folder, its cgroup and its bridge, so that `remove` needs to know
nothing about what crashed before it.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from devcluster import (
    binaries,
    cgroups,
    client,
    cluster,
    containerd,
    controlplane,
    errors,
    kubelet,
    network,
    processes,
)

COMPONENTS = (containerd.NAME, kubelet.NAME, kubelet.PROXY)
MANIFESTS = Path(__file__).parent / "manifests"
CONTAINER_LOGS = Path("/var/log/containers")
CNI_CACHE = Path("/var/lib/cni/results")
# The socket with the longest path, by which the kubelet tells of pods' devices.
LONGEST_SOCKET = Path(kubelet.NAME, kubelet.ROOT, "pod-resources", "kubelet.sock")
# Linux keeps a socket's path in 108 bytes, the last of which is zero (unix(7)).
SOCKET_BYTES = 107

Say = Callable[[str], None]


def prepare(folder: Path, say: Say) -> network.Network:
    """Check that this machine can have a real node, build its programs, and make its network."""
    _require_room_for_sockets(folder)
    network.require_root()
    network.require("runc", "runc")
    if not (containerd.PLUGINS / "bridge").exists():
        raise errors.MissingToolError(
            "the CNI plugins", "sudo apt-get install containernetworking-plugins"
        )
    for module in (binaries.NODE, binaries.CONTAINERD, binaries.PAUSE, binaries.COREDNS):
        binaries.ensure(module, say)
    return network.create(folder)


def _require_room_for_sockets(folder: Path) -> None:
    beyond = len(bytes(folder.resolve() / LONGEST_SOCKET)) - SOCKET_BYTES
    if beyond > 0:
        raise errors.DevclusterError(
            f"{folder}: a real node's sockets must have paths of at most {SOCKET_BYTES} bytes; "
            f"choose a --dir that is {beyond} bytes shorter"
        )


def add(owner: cluster.Cluster, plan: controlplane.Plan) -> None:
    """Start what is missing of the node; back when it is Ready and DNS answers."""
    if plan.network is None:
        raise errors.DevclusterError("this cluster was started without a real node")
    network.restore(plan.network)
    cgroups.create(plan.network.bridge)
    starts = (containerd.start, kubelet.start, kubelet.start_proxy)
    for name, start in zip(COMPONENTS, starts, strict=True):
        if not owner.alive(name):
            start(owner, plan, plan.network)
    _apply_manifests(owner.client, plan)
    owner.wait("the real node", lambda: _node_ready(owner.client))
    owner.wait("DNS", lambda: _dns_ready(owner.client))


def remove(folder: Path) -> None:
    """End all containers and remove mounts, namespaces, cgroups, bridge and packet filters."""
    ledger = processes.Ledger(folder)
    # The kubelet first: it would start again what is ended.
    ledger.end(reversed(COMPONENTS))
    ledger.sweep()
    cgroups.remove(network.name(folder))
    unmount(folder)
    network.remove(folder)
    _remove_traces(folder)


def unmount(folder: Path) -> None:
    """Unmount whatever is mounted below the folder, the innermost first."""
    inside = f"{folder.resolve()}/"
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in reversed([_unescaped(each) for each in mounts]):
        if mount.startswith(inside):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def _remove_traces(folder: Path) -> None:
    """Remove what kubelet, shims and CNI plugins wrote to fixed places of the machine."""
    for path in CNI_CACHE.glob(f"{network.name(folder)}-*"):
        path.unlink()
    for link in CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(folder.resolve()):
            link.unlink()
    for bundle in (folder / containerd.NAME / "state").glob("*.task/*/*/bootstrap.json"):
        address = json.loads(bundle.read_text())["address"]
        Path(address.removeprefix("unix://")).unlink(missing_ok=True)


def _unescaped(path: str) -> str:
    return path.encode().decode("unicode_escape")


def _apply_manifests(api: client.Client, plan: controlplane.Plan) -> None:
    text = (MANIFESTS / "node.yaml").read_text()
    text = text.replace("@dns-address@", plan.service_address(10)).replace(
        "@dns-image@", containerd.DNS_IMAGE
    )
    for body in yaml.safe_load_all(text):
        group = "/api/v1" if body["apiVersion"] == "v1" else f"/apis/{body['apiVersion']}"
        namespace = body["metadata"].get("namespace")
        scope = f"/namespaces/{namespace}" if namespace else ""
        plural = f"{body['kind'].lower()}s"
        api.apply(f"{group}{scope}/{plural}/{body['metadata']['name']}", body)


def _node_ready(api: client.Client) -> bool:
    try:
        found = api.get(f"/api/v1/nodes/{kubelet.NODE}")
    except client.ApiError:
        return False
    return cluster.ready(found)


def _dns_ready(api: client.Client) -> bool:
    found = api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns")
    return bool(found.get("status", {}).get("readyReplicas"))
