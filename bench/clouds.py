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

from bench import cloud_runs, machine, report
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
    """Return the medians of each arm, for a page: a line for each figure."""
    arms = list(dict.fromkeys(each.arm for each in runs))
    rows = {arm: [_figures(each) for each in runs if each.arm == arm] for arm in arms}
    names = dict.fromkeys(name for found in rows.values() for each in found for name in each)
    lines = [f"| | {' | '.join(arms)} |", f"|---|{'---|' * len(arms)}"]
    for name in names:
        cells = [_median([each[name] for each in rows[arm] if name in each]) for arm in arms]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _median(found: Sequence[float]) -> str:
    return f"{statistics.median(found):.1f}" if found else ""


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
                given = place.Place.of(chosen, operated)
                runs.append(cloud_runs.measure(chosen, ARMS[name](given), given, options.servers))
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
