"""kubelet and kube-proxy of the real node; `node` starts them."""

import os
from typing import Any

import yaml

from devcluster import binaries, cluster, containerd, controlplane, network, ports

NAME, PROXY = "kubelet", "kube-proxy"
NODE = "real-0"
# Below its own folder: what it keeps of pods and plug-ins.
ROOT = "root"


def start(owner: cluster.Cluster, plan: controlplane.Plan, net: network.Network) -> None:
    """Start the kubelet, whose node is labelled `type=real`."""
    folder = plan.folder / NAME
    folder.mkdir(exist_ok=True)
    (folder / "resolv.conf").write_text("")  # pods ask the cluster's DNS alone
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(_config(plan, net), sort_keys=False))
    user = plan.user_config("kubelet", f"system:node:{NODE}", ["system:nodes"])
    program = binaries.ensure(binaries.NODE, owner.say) / "node"
    owner.processes.start(
        NAME,
        [
            str(program),
            NAME,
            f"--config={config}",
            f"--kubeconfig={user}",
            f"--root-dir={folder / ROOT}",
            f"--cert-dir={folder}/pki",
            f"--hostname-override={NODE}",
            f"--node-ip={net.gateway}",
            "--node-labels=type=real",
            *plan.settings.flags.get(NAME, ()),
        ],
        environment={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    owner.watch(NAME)


def _config(plan: controlplane.Plan, net: network.Network) -> dict[str, Any]:
    serving = plan.authority().issue("kubelet-serving", common_name=NODE, hosts=[net.gateway])
    folder = plan.folder / NAME
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
        "containerRuntimeEndpoint": f"unix://{containerd.socket(plan.folder)}",
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


def start_proxy(owner: cluster.Cluster, plan: controlplane.Plan, net: network.Network) -> None:
    """Start kube-proxy, which makes Services work on this machine."""
    health, metrics = ports.free(2)
    user = plan.user_config(PROXY, "system:kube-proxy")
    config = plan.folder / NAME / "proxy.yaml"
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(user)},
        "clusterCIDR": net.pods,
        "hostnameOverride": NODE,
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
