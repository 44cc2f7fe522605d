"""The cluster's own registries, for builds that push: one open, one that asks for a password.

`images` and `forge` start them when one asks.
"""

import base64
import json
import socket
from pathlib import Path

import yaml

from devcluster import binaries, cluster, containerd, errors, network, ports

NAME, GUARDED = "registry", "registry-guarded"
# Of the guarded one, with what bcrypt makes of the password: a registry takes nothing else.
USER, PASSWORD = "argosy", "open-sesame"
HASH = "$2b$05$q2JJqxx8YMj1e04afazMz.3ucn3bwlywxVsN5qHIOmeaC42wZktfa"


def start(owner: cluster.Cluster, *, guarded: bool = False) -> str:
    """Return `address:port` of a registry of the cluster's own, started on the first call.

    Pods, containerd and BuildKit reach it, by plain HTTP on the bridge. A guarded one asks for
    USER and PASSWORD.
    """
    net = require_node(owner)
    name = GUARDED if guarded else NAME
    config = owner.dir / name / "config.yaml"
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
        if guarded:
            users = config.with_name("htpasswd")
            users.write_text(f"{USER}:{HASH}\n")
            settings["auth"] = {"htpasswd": {"realm": name, "path": str(users)}}
        config.write_text(yaml.safe_dump(settings))
    _trust(owner.dir, address)
    if not owner.alive(name):
        program = binaries.ensure(binaries.REGISTRY, owner.say) / "registry"
        owner.processes.start(name, [str(program), "serve", str(config)])
        owner.watch(name)
        owner.wait("the registry", lambda: listens(address))
    return address


def login(address: str, *, password: str = PASSWORD) -> str:
    """Return the `.dockerconfigjson` with which a guarded registry lets one in."""
    told = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {address: {"auth": told}}})


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
