"""The control groups of a real node: all its containers are below them, and are ended by them.

However containerd, kubelet and shims died, the kernel still knows which process belongs to which
group; `node` removes a cluster by that.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from devcluster import errors, processes

ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return where groups are made: once on cgroup v2, once per controller on v1."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return sorted(path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink())


def create(name: str) -> None:
    """Make the group in every hierarchy; the kubelet insists that it is there."""
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        _inherit_cpus(group)


def remove(name: str) -> None:
    """Kill every process below the group and remove it, in every hierarchy."""

    def empty() -> bool:
        found = set(members(name))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    if not processes.wait_until(empty, processes.KILL_SECONDS):
        raise errors.DevclusterError(f"processes of cgroup {name} do not end: {set(members(name))}")
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            with contextlib.suppress(FileNotFoundError):
                Path(folder).rmdir()


def members(name: str) -> Iterator[int]:
    """Yield the processes in the group and below it."""
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name):
            with contextlib.suppress(OSError):
                yield from map(int, (Path(folder) / "cgroup.procs").read_text().split())


def _inherit_cpus(group: Path) -> None:
    """On cgroup v1 a new cpuset is empty, and nothing can run in it."""
    for setting in ("cpuset.cpus", "cpuset.mems"):
        file = group / setting
        if file.exists() and not file.read_text().strip():
            file.write_text((group.parent / setting).read_text())
