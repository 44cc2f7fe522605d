"""The cluster's own registry, for builds that push; `images` starts it when one asks."""

import socket
from pathlib import Path

import yaml

from devcluster import binaries, cluster, containerd, errors, network, ports

NAME = "registry"


def start(owner: cluster.Cluster) -> str:
    """Return `address:port` of the cluster's own registry, started on the first call.

    Pods, containerd and BuildKit reach it, by plain HTTP on the bridge.
    """
    net = require_node(owner)
    config = owner.dir / NAME / "config.yaml"
    if config.exists():
        address = str(yaml.safe_load(config.read_text())["http"]["addr"])
    else:
        address = f"{net.gateway}:{ports.free(1)[0]}"
        config.parent.mkdir(exist_ok=True)
        settings = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": f"{config.parent}/data"}},
            "http": {"addr": address},
        }
        config.write_text(yaml.safe_dump(settings))
    _trust(owner.dir, address)
    if not owner.alive(NAME):
        program = binaries.ensure(binaries.REGISTRY, owner.say) / "registry"
        owner.processes.start(NAME, [str(program), "serve", str(config)])
        owner.watch(NAME)
        owner.wait("the registry", lambda: listens(address))
    return address


def _trust(folder: Path, address: str) -> None:
    """Let containerd pull from the registry without TLS."""
    hosts = folder / containerd.NAME / "certs.d" / address / "hosts.toml"
    hosts.parent.mkdir(parents=True, exist_ok=True)
    hosts.write_text(f"server = 'http://{address}'\n[host.'http://{address}']\n")


def listens(address: str) -> bool:
    """Whether something accepts connections at `host:port`."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def require_node(owner: cluster.Cluster) -> network.Network:
    """Return the real node's network, or say how to get one."""
    net = owner.plan().network
    if net is None:
        raise errors.DevclusterError(
            f"the cluster in {owner.dir} has no real node: python -m devcluster up --real-node"
        )
    return net
