"""A real node: containerd, kubelet and kube-proxy on this machine, with DNS; `cluster` calls it.

Everything lies in the cluster's folder, its cgroup and its bridge, so that `remove` needs to know
nothing about what crashed before it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from devcluster import (
    binaries,
    cgroups,
    client,
    cluster,
    controlplane,
    errors,
    network,
    oci,
    ports,
    processes,
)

NAME = "real-0"
CONTAINERD, KUBELET, PROXY = "containerd", "kubelet", "kube-proxy"
COMPONENTS = (CONTAINERD, KUBELET, PROXY)
PAUSE_IMAGE = "devcluster.local/pause:1"
DNS_IMAGE = "devcluster.local/coredns:1.15.0"
PLUGINS = Path("/usr/lib/cni")
NAMESPACE = "k8s.io"  # containerd's, not Kubernetes'
MANIFESTS = Path(__file__).parent / "manifests"
CONTAINER_LOGS = Path("/var/log/containers")
CNI_CACHE = Path("/var/lib/cni/results")

Say = Callable[[str], None]


def prepare(folder: Path, say: Say) -> network.Network:
    """Check that this machine can have a real node, build its programs, and make its network."""
    network.require_root()
    network.require("runc", "runc")
    if not (PLUGINS / "bridge").exists():
        raise errors.MissingToolError(
            "the CNI plugins", "sudo apt-get install containernetworking-plugins"
        )
    for module in (binaries.NODE, binaries.CONTAINERD, binaries.PAUSE, binaries.COREDNS):
        binaries.ensure(module, say)
    return network.create(folder)


def add(owner: cluster.Cluster, plan: controlplane.Plan) -> None:
    """Start what is missing of the node; back when it is Ready and DNS answers."""
    if plan.network is None:
        raise errors.DevclusterError("this cluster was started without a real node")
    network.restore(plan.network)
    cgroups.create(plan.network.bridge)
    if not owner.alive(CONTAINERD):
        _start_containerd(owner, plan, plan.network)
        _import_images(owner)
    if not owner.alive(KUBELET):
        _start_kubelet(owner, plan, plan.network)
    if not owner.alive(PROXY):
        _start_proxy(owner, plan, plan.network)
    _apply_manifests(owner.client, plan)
    owner.wait("the real node", lambda: _node_ready(owner.client))
    owner.wait("DNS", lambda: _dns_ready(owner.client))


def remove(folder: Path) -> None:
    """End all containers and remove mounts, namespaces, cgroups, bridge and packet filters."""
    ledger = processes.Ledger(folder)
    # The kubelet first: it would start again what is ended.
    ledger.end([KUBELET, PROXY, CONTAINERD])
    ledger.sweep()
    cgroups.remove(network.name(folder))
    unmount(folder)
    network.remove(folder)
    _remove_traces(folder)


def ctr(folder: Path, *arguments: str) -> str:
    """Run containerd's client on this node; its output."""
    program = binaries.ensure(binaries.CONTAINERD, cluster.quiet) / "ctr"
    done = subprocess.run(
        [program, "-a", str(socket(folder)), "-n", NAMESPACE, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise errors.DevclusterError(f"ctr {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def socket(folder: Path) -> Path:
    """Where this node's containerd listens."""
    return folder.resolve() / "containerd" / "containerd.sock"


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
    for bundle in (folder / CONTAINERD / "state").glob("*.task/*/*/bootstrap.json"):
        address = json.loads(bundle.read_text())["address"]
        Path(address.removeprefix("unix://")).unlink(missing_ok=True)


def _unescaped(path: str) -> str:
    return path.encode().decode("unicode_escape")


def _start_containerd(
    owner: cluster.Cluster, plan: controlplane.Plan, net: network.Network
) -> None:
    folder = plan.folder / CONTAINERD
    for name in ("cni", "certs.d"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if len(str(socket(plan.folder))) > 100:  # noqa: PLR2004  what a socket's address can hold
        raise errors.DevclusterError(f"{plan.folder}: choose a --dir with a shorter path")
    programs = binaries.ensure(binaries.CONTAINERD, owner.say)
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_cni(folder, net), indent=2))
    config = folder / "config.toml"
    config.write_text(_containerd_config(folder))
    owner.processes.start(
        CONTAINERD,
        [str(programs / "containerd"), "--config", str(config)],
        environment={"PATH": f"{programs}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    owner.watch(CONTAINERD)
    owner.wait("containerd", lambda: _answers(plan.folder))


def _answers(folder: Path) -> bool:
    try:
        ctr(folder, "version")
    except errors.DevclusterError:
        return False
    return True


def _containerd_config(folder: Path) -> str:
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    return f"""
version = 3
root = '{folder}/root'
state = '{folder}/state'
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp']

[grpc]
  address = '{folder}/containerd.sock'

[plugins.'io.containerd.internal.v1.opt']
  path = '{folder}/opt'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{PAUSE_IMAGE}'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{folder}/certs.d'

[{runtime}]
  # Lowering a score below the parent's needs CAP_SYS_RESOURCE, which a container may lack.
  restrict_oom_score_adj = true
  # Below our folder, where `down` finds what is mounted.
  netns_mounts_under_state_dir = true
  [{runtime}.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [{runtime}.containerd.runtimes.runc.options]
      BinaryName = '{network.require("runc", "runc")}'
      Root = '{folder}/runc'
      SystemdCgroup = false
  [{runtime}.cni]
    bin_dirs = ['{PLUGINS}']
    conf_dir = '{folder}/cni'
    use_internal_loopback = true
"""


def _cni(folder: Path, net: network.Network) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": net.bridge,
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{folder}/addresses",
            "ranges": [[{"subnet": net.pods}]],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": net.bridge, "plugins": [bridge, portmap]}


def _import_images(owner: cluster.Cluster) -> None:
    scratch = owner.dir / CONTAINERD / "images"
    scratch.mkdir(exist_ok=True)
    for module, image in ((binaries.PAUSE, PAUSE_IMAGE), (binaries.COREDNS, DNS_IMAGE)):
        program = binaries.ensure(module, owner.say) / module.name
        root = oci.layer(scratch / f"{module.name}.layer", {module.name: program})
        packed = scratch / f"{module.name}.tar"
        oci.archive(packed, image, root, entrypoint=[f"/{module.name}"])
        import_image(owner.dir, packed)
    shutil.rmtree(scratch)


def import_image(folder: Path, archive: Path) -> None:
    """Give the node an image from an archive; pods can use it at once."""
    ctr(folder, "images", "import", "--local", str(archive))


def _start_kubelet(owner: cluster.Cluster, plan: controlplane.Plan, net: network.Network) -> None:
    folder = plan.folder / KUBELET
    folder.mkdir(exist_ok=True)
    (folder / "resolv.conf").write_text("")  # pods ask the cluster's DNS alone
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(_kubelet_config(plan, net), sort_keys=False))
    user = plan.user_config("kubelet", f"system:node:{NAME}", ["system:nodes"])
    program = binaries.ensure(binaries.NODE, owner.say) / "node"
    owner.processes.start(
        KUBELET,
        [
            str(program),
            KUBELET,
            f"--config={config}",
            f"--kubeconfig={user}",
            f"--root-dir={folder}/root",
            f"--cert-dir={folder}/pki",
            f"--hostname-override={NAME}",
            f"--node-ip={net.gateway}",
            "--node-labels=type=real",
            *plan.settings.flags.get(KUBELET, ()),
        ],
        environment={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    owner.watch(KUBELET)


def _kubelet_config(plan: controlplane.Plan, net: network.Network) -> dict[str, Any]:
    serving = plan.authority().issue("kubelet-serving", common_name=NAME, hosts=[net.gateway])
    folder = plan.folder / KUBELET
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": net.gateway,
        "port": ports.free(1)[0],
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(plan.authority().pair.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "clusterDomain": "cluster.local",
        "clusterDNS": [plan.service_address(10)],
        "resolvConf": str(folder / "resolv.conf"),
        "containerRuntimeEndpoint": f"unix://{socket(plan.folder)}",
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        # Works on cgroup v1 and v2 alike, and beside another kubelet.
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{net.bridge}",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        # A developer's disk and memory are fuller than a server's.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "maxPods": 200,
        "registerNode": True,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "5s",
        "logging": {"verbosity": 1},
    }


def _start_proxy(owner: cluster.Cluster, plan: controlplane.Plan, net: network.Network) -> None:
    health, metrics = ports.free(2)
    user = plan.user_config(PROXY, "system:kube-proxy")
    config = plan.folder / KUBELET / "proxy.yaml"
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(user)},
        "clusterCIDR": net.pods,
        "hostnameOverride": NAME,
        "healthzBindAddress": f"127.0.0.1:{health}",
        "metricsBindAddress": f"127.0.0.1:{metrics}",
        "nodePortAddresses": [net.pods],
        # Limits that only a machine's owner should set.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    program = binaries.ensure(binaries.NODE, owner.say) / "node"
    owner.processes.start(
        PROXY,
        [str(program), PROXY, f"--config={config}"],
        environment={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    owner.watch(PROXY)


def _apply_manifests(api: client.Client, plan: controlplane.Plan) -> None:
    text = (MANIFESTS / "node.yaml").read_text()
    text = text.replace("@dns-address@", plan.service_address(10)).replace("@dns-image@", DNS_IMAGE)
    for body in yaml.safe_load_all(text):
        group = "/api/v1" if body["apiVersion"] == "v1" else f"/apis/{body['apiVersion']}"
        namespace = body["metadata"].get("namespace")
        scope = f"/namespaces/{namespace}" if namespace else ""
        plural = f"{body['kind'].lower()}s"
        api.apply(f"{group}{scope}/{plural}/{body['metadata']['name']}", body)


def _node_ready(api: client.Client) -> bool:
    try:
        found = api.get(f"/api/v1/nodes/{NAME}")
    except client.ApiError:
        return False
    return cluster.ready(found)


def _dns_ready(api: client.Client) -> bool:
    found = api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns")
    return bool(found.get("status", {}).get("readyReplicas"))
