"""Real virtual machines: libvirt in a mount namespace of its own, a bridge, and their removal.

`cloud` calls this. Machines are QEMU without KVM, so they run wherever root does.
"""

import contextlib
import functools
import ipaddress
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from devcluster import errors, network, processes
from devcluster.openstack import layout
from devcluster.openstack.layout import Plan

# Where libvirt looks, and which folder of the cloud's it finds there.
PLACES = {
    "/etc/libvirt": "etc",
    "/run/libvirt": "run",
    "/var/lib/libvirt": "lib",
    "/var/cache/libvirt": "cache",
    "/var/log/libvirt": "log",
}
QEMU = """
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
DAEMON = """
unix_sock_dir = "/run/libvirt"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_level = 3
"""
EMULATOR = "qemu-system-"
TABLES = ("filter", "nat", "mangle", "raw")
SHARED_CHAINS = ("nova-filter-top", "nova-postrouting-bottom")


def require() -> None:
    """Refuse to go on where no machine can run, naming the remedy."""
    if os.geteuid() != 0:
        raise errors.MissingToolError(
            "root", "real machines need it: sudo python -m devcluster openstack up --real-machines"
        )


def free_range(folder: Path) -> str:
    """Return a range of addresses that this machine has no route to."""
    routes = ""
    if shutil.which("ip"):
        routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    first, size = layout.FIRST_RANGE, layout.LAST_RANGE - layout.FIRST_RANGE + 1
    start = int(layout.bridge(folder)[-8:], 16)
    for step in range(size):
        number = first + (start + step) % size
        if f"10.{number}." not in routes:
            return layout.RANGES.format(number)
    raise errors.DevclusterError(f"no free range between 10.{first}.0.0 and the {size} after it")


def restore(plan: Plan) -> None:
    """Make what is missing of the bridge and of libvirt's folders."""
    if not network.succeeds("ip", "link", "show", plan.bridge):
        length = ipaddress.ip_network(plan.range).prefixlen
        for argv in (
            ["ip", "link", "add", plan.bridge, "type", "bridge"],
            ["ip", "addr", "add", f"{plan.gateway}/{length}", "dev", plan.bridge],
            ["ip", "link", "set", plan.bridge, "up"],
        ):
            subprocess.run(argv, check=True)
    for each in PLACES.values():
        (_home(plan.folder) / each).mkdir(parents=True, exist_ok=True)
    (_home(plan.folder) / "etc" / "qemu.conf").write_text(QEMU)
    (_home(plan.folder) / "etc" / "libvirtd.conf").write_text(DAEMON)


def command(plan: Plan) -> list[str]:
    """Return the command line of libvirt, which sees the cloud's folders in its usual places."""
    script = [f"mkdir -p {' '.join(PLACES)}"]
    script += [f"mount --bind {_home(plan.folder) / own} {path}" for path, own in PLACES.items()]
    script.append(f"exec /usr/sbin/libvirtd --pid-file {_home(plan.folder) / 'run' / 'pid'}")
    return [
        "/usr/bin/unshare",
        "-m",
        "--propagation",
        "private",
        "/bin/sh",
        "-ec",
        "\n".join(script),
    ]


def answers(plan: Plan) -> bool:
    """Whether libvirt listens."""
    return (_home(plan.folder) / "run" / "libvirt-sock").exists()


def remove(folder: Path) -> None:
    """End all machines of the cloud in this folder; take away its bridge and packet filters."""

    def empty() -> bool:
        found = set(running(folder))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    if not processes.wait_until(empty, processes.KILL_SECONDS):
        raise errors.DevclusterError(f"machines do not end: {set(running(folder))}")
    name = layout.bridge(folder)
    if (Path("/sys/class/net") / name).exists():
        for port in (Path("/sys/class/net") / name / "brif").iterdir():
            network.succeeds("ip", "link", "del", port.name)
        network.succeeds("ip", "link", "del", name)
    for program in _filters():
        _unfilter(program, name)


def traces(folder: Path) -> list[str]:
    """Return in words what this machine still has of the cloud's machines and their network."""
    name = layout.bridge(folder)
    found = [f"process {each} of a machine" for each in running(folder)]
    if (Path("/sys/class/net") / name).exists():
        found.append(f"bridge {name}")
    for program in _filters():
        for table in TABLES:
            lines = _filter(program, table, "-S")
            found += [f"{Path(program).name} {table}: {each}" for each in lines if name in each]
    return found


def running(folder: Path) -> Iterator[int]:
    """Yield the processes of this cloud's machines: libvirt cleans their environment."""
    disks = f"{folder.resolve()}/".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if EMULATOR.encode() in words.split(b"\0")[0] and disks in words:
                    yield int(entry.name)


def _home(folder: Path) -> Path:
    return folder / "libvirt"


def _filters() -> list[str]:
    """Return the packet filters of this machine, as far as somebody may ask them."""
    if os.geteuid() != 0:
        return []
    programs = (shutil.which(each, path="/usr/sbin:/sbin") for each in ("iptables", "ip6tables"))
    return [each for each in programs if each is not None]


def _unfilter(program: str, name: str) -> None:
    """Remove the chains that Nova made for this cloud, and the rules that lead to them."""
    for table in TABLES:
        act = functools.partial(_filter, program, table)
        _empty(act, name)
        # All clouds of a machine share these.
        for each in SHARED_CHAINS:
            if not any(line.startswith(f"-A {each} ") for line in act("-S")):
                _empty(act, each)


def _filter(program: str, table: str, *words: str) -> list[str]:
    argv = [program, "-w", "-t", table, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _empty(act: Callable[..., list[str]], name: str) -> None:
    """Remove the chains whose names begin so, and what leads to them."""
    lines = act("-S")
    chains = [each.split()[1] for each in lines if each.startswith(f"-N {name}")]
    for each in lines:
        if each.startswith("-A ") and any(f" {chain}" in each for chain in chains):
            act("-D", *each.split()[1:])
    for each in chains:
        act("-F", each)
        act("-X", each)
