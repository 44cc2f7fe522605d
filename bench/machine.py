"""What a run was measured on: figures of one machine mean little on another."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from devcluster import binaries

GIBIBYTE = 1 << 30
PACKAGES = ("aiohttp", "kopf", "msgspec", "uvloop")


def describe(proc: Path = Path("/proc")) -> dict[str, str]:
    """Return the machine and the versions, by what each is called in the report."""
    return {
        "cpu": _field(proc / "cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(proc / "meminfo"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kubernetes": binaries.KUBERNETES,
        **dict(_versions()),
    }


def line(described: dict[str, str]) -> str:
    """Return the description in one line."""
    return ", ".join(f"{key} {value}" for key, value in described.items())


def _memory(meminfo: Path) -> str:
    total = _field(meminfo, "MemTotal").removesuffix("kB").strip()
    return f"{int(total) * 1024 / GIBIBYTE:.0f} GiB" if total else "unknown"


def _field(path: Path, name: str) -> str:
    """Return the value of the first line `name: value` of a file, or nothing."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    for each in lines:
        key, _, value = each.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        yield name, importlib.metadata.version(name)
