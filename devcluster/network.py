"""The real node's network: a bridge of its own that nothing leaves; `cluster` and `node` call it.

Pods, kubelet and API server meet on the bridge. A packet filter keeps both directions closed: pods
reach this machine and each other, no more, and nobody outside reaches what listens on the bridge.
"""

import contextlib
import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devcluster import errors

# One pair of ranges per cluster: pods and gateway in the first, Services in the second.
POD_RANGES = "10.88.{}.0/24"
SERVICE_RANGES = "10.89.{}.0/24"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
PACKAGES = {"ip": "iproute2", "nft": "nftables"}
PREFIX = "argosy-"
SAVED = "sysctls.json"
NODE_PROGRAMS = frozenset({b"kubelet", b"kube-proxy"})
KUBE_PROXY_TABLES = ("ip kube-proxy", "ip6 kube-proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The names and ranges of one cluster's bridge."""

    bridge: str
    pods: str
    services: str

    @property
    def gateway(self) -> str:
        """The bridge's own address, where kubelet and API server listen."""
        return str(ipaddress.ip_network(self.pods)[1])

    @property
    def table(self) -> str:
        """The nft table that closes the bridge."""
        return f"inet {self.bridge}"


def name(folder: Path) -> str:
    """Return what the bridge, the table and the cgroups of this cluster are called."""
    return f"{PREFIX}{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"


def present(folder: Path) -> bool:
    """Whether something of this cluster's network is there, even if its folder is not."""
    return (Path("/sys/class/net") / name(folder)).exists() or (folder / SAVED).exists()


def create(folder: Path) -> Network:
    """Make the bridge and close it; refuse if another real node is on this machine."""
    require_root()
    for tool, package in PACKAGES.items():
        require(tool, package)
    if any(succeeds("nft", "list", "table", *each.split()) for each in KUBE_PROXY_TABLES):
        if has_node():
            raise errors.DevclusterError(
                "a real node works on this machine already, and there can be one: `down` its"
                " cluster first"
            )
        _remove_forsaken()
    bridge = name(folder)
    number = _free_number(int(bridge[-8:], 16))
    network = Network(
        bridge=bridge, pods=POD_RANGES.format(number), services=SERVICE_RANGES.format(number)
    )
    before = {str(path): path.read_text() for path in (FORWARDING, BRIDGE_FILTER) if path.exists()}
    (folder / SAVED).write_text(json.dumps(before))
    restore(network)
    return network


def restore(network: Network) -> None:
    """Make what is missing of the network; nothing else changes."""
    for path in (FORWARDING, BRIDGE_FILTER):
        if path.exists():
            path.write_text("1")
    if not succeeds("ip", "link", "show", network.bridge):
        length = ipaddress.ip_network(network.pods).prefixlen
        _run("ip", "link", "add", network.bridge, "type", "bridge")
        _run("ip", "addr", "add", f"{network.gateway}/{length}", "dev", network.bridge)
        _run("ip", "link", "set", network.bridge, "up")
        # Without a route the packets to a Service never reach kube-proxy's rules.
        _run("ip", "route", "add", network.services, "dev", network.bridge)
    if not succeeds("nft", "list", "table", *network.table.split()):
        _run("nft", "-f", "-", text=_rules(network))


def remove(folder: Path) -> None:
    """Take away the bridge, the packet filters and the settings, as far as they are there."""
    bridge = name(folder)
    existed = succeeds("ip", "link", "show", bridge)
    if existed:
        _run("ip", "link", "del", bridge)
    if existed or (folder / SAVED).exists():
        for table in (f"inet {bridge}", *KUBE_PROXY_TABLES):
            succeeds("nft", "delete", "table", *table.split())
    saved = folder / SAVED
    if saved.exists():
        for path, value in json.loads(saved.read_text()).items():
            Path(path).write_text(value)
        saved.unlink()


def has_node(processes: Path = Path("/proc")) -> bool:
    """Whether a node runs on this machine: by its kubelet, too, whose kube-proxy may have died."""
    for each in processes.glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            # A program of that name, as Kubernetes has it, or one that is called with it, as ours.
            words = each.read_bytes().split(b"\0")[:2]
            if not NODE_PROGRAMS.isdisjoint(map(os.path.basename, words)):
                return True
    return False


def _remove_forsaken() -> None:
    """Take away what clusters left that were killed, whose folders nobody knows any more.

    For example a run of tests ran out of time: all its processes are gone, but not its filters.
    """
    for bridge in Path("/sys/class/net").glob(f"{PREFIX}*"):
        succeeds("ip", "link", "del", bridge.name)
        succeeds("nft", "delete", "table", "inet", bridge.name)
    for table in KUBE_PROXY_TABLES:
        succeeds("nft", "delete", "table", *table.split())


def require_root() -> None:
    """Refuse to go on as anybody but root, naming the remedy."""
    if os.geteuid() != 0:
        raise errors.MissingToolError("root", "a real node needs it: sudo python -m devcluster up")


def require(tool: str, package: str) -> str:
    """Return the path of a program, or name the Debian package that has it."""
    found = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise errors.MissingToolError(tool, f"sudo apt-get install {package}")
    return found


def _free_number(start: int) -> int:
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    for step in range(256):
        number = (start + step) % 256
        prefixes = (f"10.88.{number}.", f"10.89.{number}.")
        if not any(prefix in routes for prefix in prefixes):
            return number
    raise errors.DevclusterError("no free network between 10.88.0.0/24 and 10.88.255.0/24")


def _rules(network: Network) -> str:
    bridge = network.bridge
    return f"""
table {network.table} {{
  chain forward {{
    type filter hook forward priority -10; policy accept;
    iifname "{bridge}" oifname != "{bridge}" counter reject
    oifname "{bridge}" iifname != "{bridge}" counter reject
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    ip daddr {network.gateway} iifname != {{ "lo", "{bridge}" }} counter reject
  }}
}}
"""


def _run(*argv: str, text: str | None = None) -> str:
    program = require(argv[0], PACKAGES[argv[0]])
    done = subprocess.run(
        [program, *argv[1:]], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise errors.DevclusterError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    """Whether a command of `ip` or `nft` does."""
    program = require(argv[0], PACKAGES[argv[0]])
    return subprocess.run([program, *argv[1:]], capture_output=True, check=False).returncode == 0
