"""What processes cost: CPU seconds and memory, read from /proc.

`arena` reads them before and after an arm has done its job.
"""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat, counted after the program's name.
USER_FIELD, SYSTEM_FIELD = 11, 12
KIBIBYTE = 1024


def cpu_seconds(pid: int, proc: Path = Path("/proc")) -> float:
    """Return the CPU time that a process has used, in all its threads; 0 if it has ended."""
    try:
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[USER_FIELD]) + int(fields[SYSTEM_FIELD])) / TICKS


def peak_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the most memory that a process ever had resident; 0 if it has ended."""
    return _status(pid, "VmHWM", proc)


def resident_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the memory that a process has resident; 0 if it has ended."""
    return _status(pid, "VmRSS", proc)


def _status(pid: int, field: str, proc: Path) -> int:
    try:
        lines = (proc / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = next((each.split() for each in lines if each.startswith(f"{field}:")), None)
    return int(found[1]) * KIBIBYTE if found else 0
