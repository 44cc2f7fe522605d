"""`python -m bench.clouds`: servers of one Nova, made and deleted by each that does this job.

It needs a cloud of devcluster with Heat, and starts one where none is given: root, Debian. Seconds
are from the request; servers are counted in Nova's own lists. Arms take turns, as times depend on
the neighbours.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import machine, report
from bench.arms import abroad, heat, nova, place
from devcluster import cluster, errors, processes
from devcluster.openstack import api, cloud, layout

PATIENCE_SECONDS = 900
LOOK_SECONDS = 0.25
# How Nova's log tells of a request, and of one that only this bench makes.
REQUEST, WATCHED = '" status: ', "/servers/detail?limit=1000 HTTP"
ARMS: Mapping[str, Callable[[place.Place], place.Arm]] = {
    "plain": nova.Nova,
    "heat": heat.Heat,
    "argosy": abroad.Argosy,
}
RESULT = "clouds.json"
# Of /proc/PID/stat, counted after the program's name: ticks in user mode, and in the kernel.
TICKS = slice(11, 13)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one arm did with so many servers, in seconds."""

    arm: str
    servers: int
    # All are ACTIVE, and whoever made them says so.
    created: float
    # CPU of all processes of the cloud, Heat's among them, and for Argosy of its Kubernetes.
    create_cpu: float
    engine_cpu: float  # of the processes that decide
    requests: float  # to Nova for each server, but for those of this watch
    # Asked for when all were there.
    first_gone: float
    gone: float
    delete_cpu: float
    # Asked for when some were there, while others were still to come.
    there: int
    answered: float
    made_after: int
    mid_first_gone: float
    mid_gone: float


class Watch:
    """Sees which servers of a tenant Nova lists, again and again, until it is closed."""

    def __init__(self, login: api.Login, arm: place.Arm) -> None:
        self._client = api.Client(login)
        self._arm = arm
        self._ended = threading.Event()
        self.seen: list[tuple[float, Mapping[str, str]]] = []
        self._thread = threading.Thread(target=self._look, name="watch of Nova", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def first(self, condition: Callable[[Mapping[str, str]], bool], since: float) -> float | None:
        """Return how long after a moment a list was the first to be so."""
        for when, servers in self.seen:
            if when >= since and condition(servers):
                return when - since
        return None

    def until(self, condition: Callable[[Mapping[str, str]], bool], since: float) -> float:
        """Wait for a list that is so; return how long after a moment it came."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.first(condition, since)) is None:
            # Raises where it failed: then no list will ever be so.
            self._arm.done()
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise errors.DevclusterError(f"not within {PATIENCE_SECONDS} s: {self.seen[-1:]}")
            time.sleep(LOOK_SECONDS)
        return found

    def emptied(self, since: float) -> float:
        """Return how long after a moment the last server was gone, of a watch that sees none."""
        last = max((when for when, servers in self.seen if servers), default=since)
        return min(when for when, _ in self.seen if when > last) - since

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            rows = self._client.get("compute", "/servers/detail?limit=1000")["servers"]
            self.seen.append((time.monotonic(), {each["id"]: each["status"] for each in rows}))


def measure(chosen: cloud.Cloud, arm: place.Arm, count: int) -> Run:
    """Have an arm make and delete so many servers twice, the second time in the middle."""
    with contextlib.closing(Watch(place.Place.of(chosen).login, arm)) as watch:
        requests, cpu, engine = asked_of_nova(chosen), used(chosen, arm), engine_used(chosen, arm)
        began = time.monotonic()
        arm.create(count)
        watch.until(lambda now: list(now.values()).count("ACTIVE") >= count, began)
        _rest(arm)
        created, create_cpu = time.monotonic() - began, used(chosen, arm) - cpu
        engine_cpu = engine_used(chosen, arm) - engine
        requests = asked_of_nova(chosen) - requests
        cpu, asked = used(chosen, arm), time.monotonic()
        arm.delete()
        first_gone = watch.until(lambda now: len(now) < count, asked)
        gone = watch.until(lambda now: not now, asked)
        _rest(arm)
        delete_cpu = used(chosen, arm) - cpu
        began = time.monotonic()
        arm.create(count)
        watch.until(lambda now: len(now) >= count // 3, began)
        there, asked = set(watch.seen[-1][1]), time.monotonic()
        arm.delete()
        answered = time.monotonic() - asked
        mid_first = watch.until(lambda now: bool(there - set(now)), asked)
        # It was asked for in the middle: more may come, and must be gone at the end, too.
        _rest(arm)
        watch.until(lambda now: not now, time.monotonic())
        mid_gone = watch.emptied(asked)
        ever = {each for when, servers in watch.seen if when >= asked for each in servers}
        return Run(
            arm=arm.name,
            servers=count,
            created=created,
            create_cpu=create_cpu,
            engine_cpu=engine_cpu,
            requests=requests / count,
            first_gone=first_gone,
            gone=gone,
            delete_cpu=delete_cpu,
            there=len(there),
            answered=answered,
            made_after=len(ever - there),
            mid_first_gone=mid_first,
            mid_gone=mid_gone,
        )


def used(chosen: cloud.Cloud, arm: place.Arm) -> float:
    """Return the CPU seconds that all have used that have a part in it, until now."""
    folders = (chosen.dir, *arm.folders)
    return _seconds(pid for folder in folders for pid in processes.marked(folder))


def engine_used(chosen: cloud.Cloud, arm: place.Arm) -> float:
    """Return the CPU seconds that the arm's own processes have used: those that decide."""
    if not arm.engine:
        return 0.0
    folders = arm.folders or (chosen.dir,)
    known = [pid for folder in folders for pid in processes.marked(folder)]
    return _seconds(pid for pid in known if arm.engine in _command(pid))


def asked_of_nova(chosen: cloud.Cloud) -> int:
    """Return how many requests Nova's log has, but for those of the watch."""
    lines = (chosen.plan.logs / f"{layout.NOVA}.log").read_text(errors="replace").splitlines()
    return sum(REQUEST in line and WATCHED not in line for line in lines)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _seconds(pids: Iterable[int]) -> float:
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[TICKS]))
    return ticks / os.sysconf("SC_CLK_TCK")


def table(runs: Sequence[Run]) -> str:
    """Return the medians of each arm, for a page."""
    names = [each.name for each in dataclasses.fields(Run) if each.name not in ("arm", "servers")]
    lines = [f"| arm | servers | {' | '.join(names)} |", f"|---|{'---|' * (len(names) + 1)}"]
    for arm in dict.fromkeys(each.arm for each in runs):
        own = [each for each in runs if each.arm == arm]
        cells = [f"{statistics.median(getattr(each, name) for each in own):.1f}" for name in names]
        lines.append(f"| {arm} | {own[0].servers} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print the table, and keep every figure in `bench/results`."""
    options = _options(arguments)
    described = machine.describe()
    _say(machine.line(described))
    runs = []
    names = options.arm or list(ARMS)
    with _cloud(options.dir) as chosen, _operated(chosen, names) as operated:
        for number in range(options.rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                arm = ARMS[name](place.Place.of(chosen, operated))
                runs.append(measure(chosen, arm, options.servers))
                _say(str(runs[-1]))
    print(table(runs))
    report.RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {"machine": described, "runs": [dataclasses.asdict(each) for each in runs]}
    (report.RESULTS / RESULT).write_text(json.dumps(kept, indent=2) + "\n")
    return 0


@contextlib.contextmanager
def _cloud(folder: Path | None) -> Iterator[cloud.Cloud]:
    """A cloud with Heat: the one that runs in the folder given, or one for this run alone."""
    if folder is not None:
        given = cloud.Cloud(folder, _say)
        if layout.HEAT not in given.plan.apis:
            raise errors.DevclusterError(f"the cloud in {folder} has no Heat: up --heat")
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="argosy-bench-cloud-") as scratch:
        one = cloud.Cloud(Path(scratch), _say)
        try:
            one.start(layout.Settings(orchestration=True))
            yield one
        finally:
            one.stop()


@contextlib.contextmanager
def _operated(chosen: cloud.Cloud, names: Sequence[str]) -> Iterator[cluster.Cluster | None]:
    """A Kubernetes with an operator, where one takes part."""
    if "argosy" not in names:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="argosy-bench-cluster-") as scratch,
        abroad.operated(chosen, Path(scratch)) as one,
    ):
        yield one


def _rest(arm: place.Arm) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not arm.done():
        if time.monotonic() > deadline:
            raise errors.DevclusterError(f"{arm.name} is not done after {PATIENCE_SECONDS} s")
        time.sleep(LOOK_SECONDS)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.clouds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--servers", type=int, default=50, metavar="N", help="how many (50)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of each arm (3)")
    parser.add_argument("--arm", action="append", choices=ARMS, help="only this one")
    parser.add_argument("--dir", type=Path, metavar="D", help="a running cloud's folder")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
