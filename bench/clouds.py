"""`python -m bench.clouds`: servers of one Nova, made and deleted by each that does this job.

It needs a cloud of devcluster with Heat, and starts one where none is given: root, Debian. Arms
take turns, as times depend on the neighbours.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench import cloud_runs, interrupts, machine, report
from bench.arms import abroad, heat, nova, place
from bench.cloud_runs import Run
from devcluster import cluster, errors
from devcluster.openstack import cloud, layout

ARMS: Mapping[str, Callable[[place.Place], place.Arm]] = {
    "plain": nova.Nova,
    "heat": heat.Heat,
    "argosy": abroad.Argosy,
}
RESULT = "clouds.json"


def table(runs: Sequence[Run]) -> str:
    """Return each arm's medians, with the least and the most, for a page: a line a figure."""
    arms = list(dict.fromkeys(each.arm for each in runs))
    rows = {arm: [_figures(each) for each in runs if each.arm == arm] for arm in arms}
    names = dict.fromkeys(name for found in rows.values() for each in found for name in each)
    lines = [f"| | {' | '.join(arms)} |", f"|---|{'---|' * len(arms)}"]
    for name in names:
        cells = [_median([each[name] for each in rows[arm] if name in each]) for arm in arms]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _median(found: Sequence[float]) -> str:
    if not found:
        return ""
    least, most = f"{min(found):.1f}", f"{max(found):.1f}"
    spread = f" ({least}..{most})" if least != most else ""
    return f"{statistics.median(found):.1f}{spread}"


def _figures(run: Run) -> dict[str, float]:
    """Return each figure of a run by the words that lead to it."""
    found: dict[str, float] = {}

    def add(words: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                add(f"{words} {key}".strip(), each)
        elif not isinstance(value, str):
            found[words.replace("_", " ")] = float(value)

    add("", dataclasses.asdict(run))
    return found


@interrupts.orderly()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print the table, and keep every figure in `bench/results`."""
    options = _options(arguments)
    described = machine.describe()
    _say(machine.line(described))
    # A round takes half an hour: each arm's figures are kept as soon as they are there.
    runs = _on_record(options.servers) if options.more else []
    names = options.arm or list(ARMS)
    deadly = options.rounds if options.kills is None else options.kills
    with _cloud(options.dir) as chosen, _operated(chosen, names) as operated:
        for number in range(options.rounds):
            for name in names if number % 2 == 0 else names[::-1]:
                given = place.Place.of(chosen, operated)
                arm, kills = ARMS[name](given), number < deadly
                runs.append(cloud_runs.measure(chosen, arm, given, options.servers, kills=kills))
                _say(str(runs[-1]))
                _keep(described, runs)
    print(table(runs))
    return 0


def _keep(described: Mapping[str, Any], runs: Sequence[Run]) -> None:
    report.RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {"machine": described, "runs": [dataclasses.asdict(each) for each in runs]}
    (report.RESULTS / RESULT).write_text(json.dumps(kept, indent=2) + "\n")


def _on_record(servers: int) -> list[Run]:
    """Return the rounds of runs before; raises DevclusterError where they are of another size."""
    path = report.RESULTS / RESULT
    if not path.exists():
        raise errors.DevclusterError(f"no run before is on record in {path}: leave out --more")
    runs = msgspec.convert(json.loads(path.read_text())["runs"], list[Run])
    if others := {each.servers for each in runs} - {servers}:
        raise errors.DevclusterError(f"{path} is of {others} servers: leave out --more")
    return runs


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


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.clouds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--servers", type=int, default=50, metavar="N", help="how many (50)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of each arm (3)")
    parser.add_argument(
        "--kills", type=int, metavar="N",
        help="rounds in which what decides is killed, the first ones (all)",
    )  # fmt: skip
    parser.add_argument(
        "--more", action="store_true", help="count the rounds of the last run of this size as well"
    )
    parser.add_argument("--arm", action="append", choices=ARMS, help="only this one")
    parser.add_argument("--dir", type=Path, metavar="D", help="a running cloud's folder")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
