"""The processes of one cluster: started detached, recorded, and ended, whatever crashed meanwhile.

A process is known by its pid together with its start time, so a reused pid is never signalled. Each
also carries the cluster's folder in its environment: one that was started but not yet recorded
when `up` was killed is found by that. `cluster`, `operator` and `node` own one `Ledger` each.
"""

import contextlib
import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import errors

MARKER = "ARGOSY_DEVCLUSTER"
POLL_SECONDS = 0.02
# However busy the machine is, a process that was told to stop stands still by then.
STOP_SECONDS = 30.0
# And one that was killed is gone: the kernel may have much to take away.
KILL_SECONDS = 60.0
# Of /proc/PID/stat, counted after the program's name.
GROUP_FIELD, THREADS_FIELD, START_TIME_FIELD = 2, 17, 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One started program and how to recognise it."""

    name: str
    pid: int
    started: str  # boot id and clock ticks since boot
    argv: tuple[str, ...]
    log: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return identity(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended; return from SIGSTOP once it stands still."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            if number is signal.SIGSTOP and not wait_until(self._stands_still, STOP_SECONDS):
                raise errors.DevclusterError(f"{self.name} does not stop within {STOP_SECONDS:g} s")

    def _stands_still(self) -> bool:
        """Return whether no thread runs: the kernel stops them one after the other."""
        states = []
        for each in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                states.append(each.read_text().rpartition(")")[2].split()[0])
        return all(each in "TXZ" for each in states)


class Ledger:
    """The recorded processes of one cluster folder, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._file = self.folder / "processes.json"

    def all(self) -> dict[str, Process]:
        """Return what was started last under each name, alive or not."""
        try:
            entries = json.loads(self._file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {
            name: Process(**{**entry, "argv": tuple(entry["argv"])})
            for name, entry in entries.items()
        }

    def alive(self, name: str) -> bool:
        """Whether the process of this name runs."""
        process = self.all().get(name)
        return process is not None and process.alive

    def start(
        self, name: str, argv: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start a program in a session of its own, its output appended to `logs/NAME.log`.

        It keeps none of our files: it would hold the locks and pipes of whoever called us.
        """
        log = self.folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        variables = {**os.environ, **(environment or {}), MARKER: str(self.folder)}
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            variables,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_CLOSE, each) for each in _handed_down()),
            ],
            setsid=True,
        )
        process = Process(
            name=name, pid=pid, started=identity(pid) or "", argv=tuple(argv), log=str(log)
        )
        self._write({**self.all(), name: process})
        return process

    def signal_group(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process of this name and to all that it has started in its group."""
        process = self.all().get(name)
        if process is None or not process.alive:
            raise errors.DevclusterError(f"no process named {name!r} runs here")
        # Each is started in a session of its own, so its pid is the group's.
        os.killpg(process.pid, number)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process of this name; an unknown name is an error."""
        process = self.all().get(name)
        if process is None:
            known = ", ".join(sorted(self.all())) or "none"
            raise errors.DevclusterError(f"no process named {name!r} here (known: {known})")
        process.signal(number)

    def end_group(self, name: str) -> None:
        """Kill a process with all that it has started in its group; return when they are gone."""
        group = self.all()[name].pid if name in self.all() else 0
        self.signal_group(name, signal.SIGKILL)
        if not wait_until(lambda: not any(members(group)), KILL_SECONDS):
            raise errors.DevclusterError(f"{name} does not end: {list(members(group))}")

    def end(self, names: Iterable[str], *, grace: float = 0.0) -> None:
        """End these processes, by SIGTERM if given grace, then by SIGKILL; return when gone."""
        known = self.all()
        doomed = [known[name] for name in names if name in known]
        if grace:
            for process in doomed:
                process.signal(signal.SIGTERM)
                process.signal(signal.SIGCONT)
            wait_until(lambda: not any(each.alive for each in doomed), grace)
        for process in doomed:
            process.signal(signal.SIGKILL)
        if not wait_until(lambda: not any(each.alive for each in doomed), KILL_SECONDS):
            left = ", ".join(f"{each.name} ({each.pid})" for each in doomed if each.alive)
            raise errors.DevclusterError(f"still running after SIGKILL: {left}")

    def sweep(self) -> list[int]:
        """Kill all that carry this folder's marker, recorded or not; return their pids."""
        swept: set[int] = set()

        def empty() -> bool:
            found = set(marked(self.folder))
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            swept.update(found)
            return not found

        if not wait_until(empty, KILL_SECONDS):
            raise errors.DevclusterError(f"still running after SIGKILL: {sorted(swept)}")
        return sorted(swept)

    def log_tail(self, name: str, lines: int = 8) -> str:
        """Return the last lines of a process's log."""
        try:
            text = (self.folder / "logs" / f"{name}.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _write(self, processes: Mapping[str, Process]) -> None:
        scratch = self._file.with_suffix(".part")
        entries = {name: dataclasses.asdict(each) for name, each in processes.items()}
        scratch.write_text(json.dumps(entries, indent=2))
        scratch.rename(self._file)


def identity(pid: int) -> str | None:
    """Return what distinguishes this process from any other with its pid; None if it has ended."""
    with contextlib.suppress(ChildProcessError):  # not ours, or reaped already
        os.waitpid(pid, os.WNOHANG)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A leader that ended before its threads is a zombie too, while they still hold its ports.
    if fields[0] in "ZX" and int(fields[THREADS_FIELD]) <= 1:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{fields[START_TIME_FIELD]}"


def marked(folder: Path) -> Iterator[int]:
    """Yield the pids of living processes that were started for this cluster folder."""
    wanted = f"{MARKER}={folder.resolve()}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # ended meanwhile, or another user's
            continue
        if wanted in variables and identity(int(entry.name)):
            yield int(entry.name)


def members(group: int) -> Iterator[int]:
    """Yield the pids of the living processes of a group."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[GROUP_FIELD]) == group and identity(int(entry.name)):
                yield int(entry.name)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; whether it did before the time was over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _handed_down() -> list[int]:
    """Return our open files, but the standard ones, that a program started now would inherit."""
    found = []
    for each in (int(path.name) for path in Path("/proc/self/fd").iterdir()):
        # The one that lists the folder is gone by now.
        with contextlib.suppress(OSError):
            if each > 2 and os.get_inheritable(each):  # noqa: PLR2004 - 0, 1 and 2 are given anew
                found.append(each)
    return found
