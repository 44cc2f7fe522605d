"""What servers cost now, beside an older commit's operator and bare pods, in one run.

    python -m bench.before 13a948ed --servers 1000 --template 2000 --template 10000 --rounds 2

Each arm has a cluster of its own that nothing has run in before, so that memory and etcd are
compared as well. The older chart and code come from the checkout's history; the Application is the
same. The table goes to the terminal, every figure to `bench/results/before.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import itertools
import json
import operator
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import arena as arenas
from bench import cpu_unit, etcd, interrupts, machine, meters
from bench.arena import Arena, Cost
from bench.arms import argosy, plain
from bench.trials import templates
from devcluster import controlplane
from devcluster import operator as operators

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "before.json"
PARTS = ("controller", "charts")
BEFORE, NOW, BARE = "before", "now", "bare pods"
MEBIBYTE = 1024 * 1024
# The fields of a Weight that say what was measured.
GROUP = ("servers", "template", "arm")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What one arm cost; `unit` is the work of `cpu_unit`, done beside it."""

    servers: int
    template: int  # its bytes beyond the least
    arm: str
    server_ms: float  # CPU of the API server and etcd, for each server
    operator_ms: float  # for each server
    unit_ms: float
    apiserver_mib: float  # what its memory grew by
    etcd_mib: float  # what its database grew by
    operator_mib: float  # the most memory that the operator had
    ready_seconds: float


@interrupts.orderly()
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all arms in turns, and print one table."""
    options = _options(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="argosy-before-") as kept:
        folder = Path(kept)
        unpack(options.commit, folder / BEFORE)
        found = list(_measured(options, folder))
    described = machine.describe()
    print("\n".join(table(found)))
    RESULTS.parent.mkdir(exist_ok=True)
    told = {"machine": described, "commit": options.commit}
    arms = [dataclasses.asdict(each) for each in found]
    RESULTS.write_text(json.dumps({**told, "arms": arms}, indent=1) + "\n")
    print(f"took {(time.monotonic() - began) / 60:.1f} minutes; {RESULTS}")
    return 0


def _measured(options: argparse.Namespace, folder: Path) -> Iterator[Weight]:
    """Run the arms, in one order and then the other."""
    number = itertools.count()
    for turn in range(options.rounds):
        for servers, size in itertools.product(options.servers, options.template):
            arms = (BEFORE, NOW, BARE)
            for arm in arms[::-1] if turn % 2 else arms:
                where = folder / f"cluster-{next(number)}"
                done = _measure(where, arm, servers, size, folder / BEFORE)
                print(done, flush=True)
                yield done


def _measure(where: Path, arm: str, servers: int, size: int, before: Path) -> Weight:
    """Have one arm bring up its servers in a cluster of its own."""
    with arenas.opened(where, lambda _: None) as arena, contextlib.ExitStack() as running:
        if arm == BARE:
            arena.cluster.restart_apiserver()
        else:
            running.callback(_operate(arena, arm, before).terminate)
        arena.calm()
        namespace = arena.make_namespace()
        weights = _weights(arena)
        with cpu_unit.Yardstick() as yard:
            if arm == BARE:
                done = plain.bring_up_in(arena, namespace, arm, servers, job="named", size=size)
            else:
                done = templates.bring_up(arena, namespace, servers, size)
        arena.calm()
        apiserver, database = (
            now - then for now, then in zip(_weights(arena), weights, strict=True)
        )
        cost = Cost(done.cpu)
        return Weight(
            servers=servers,
            template=size,
            arm=arm,
            server_ms=1000 * cost.server / servers,
            operator_ms=1000 * cost.operator / servers,
            unit_ms=1000 * yard.seconds,
            apiserver_mib=apiserver / MEBIBYTE,
            etcd_mib=database / MEBIBYTE,
            operator_mib=0.0 if arm == BARE else meters.peak_bytes(arena.operator.pid) / MEBIBYTE,
            ready_seconds=done.ready,
        )


def _operate(arena: Arena, arm: str, before: Path) -> operators.Operator:
    """Have the operator of one arm run in a cluster whose API server has just begun."""
    code = before if arm == BEFORE else ROOT
    (process,) = operators.run(arena.cluster, chart=code / "charts" / "argosy", code=code)
    arena.operate_by(process)
    process.terminate()
    argosy.warm_up(arena)
    # It keeps what the first servers had use for.
    arena.cluster.restart_apiserver()
    arena.start_operator()
    # The garbage collector asks for the owner of each object of kinds that were not served as it
    # began, for half a minute: it begins once they are.
    arena.cluster.restart(controlplane.CONTROLLERS)
    arena.calm()
    return process


def _weights(arena: Arena) -> tuple[int, int]:
    """Return the bytes of the API server's memory and of etcd's database."""
    apiserver = arena.cluster.processes.all()[controlplane.APISERVER]
    return meters.resident_bytes(apiserver.pid), etcd.bytes_in_use(arena.cluster)


def unpack(commit: str, folder: Path) -> None:
    """Put an older commit's operator and chart into a folder; its name must be known to git."""
    archive = subprocess.run(
        ["git", "archive", commit, *PARTS], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    # An older chart refuses values that devcluster sets for this one; it heeds none of them.
    (folder / "charts" / "argosy" / "values.schema.json").unlink(missing_ok=True)


def table(found: Sequence[Weight]) -> list[str]:
    """Return a table with the median of each figure, by servers, template and arm."""
    fields = [each.name for each in dataclasses.fields(Weight)][len(GROUP) :]
    lines = ["| " + " | ".join((*GROUP, *fields)) + " |"]
    lines.append("|" + " --- |" * (len(GROUP) + len(fields)))
    of = operator.attrgetter(*GROUP)
    for (servers, size, arm), each in itertools.groupby(sorted(found, key=of), key=of):
        rounds = list(each)
        told = [f"{statistics.median(getattr(one, name) for one in rounds):.4g}" for name in fields]
        lines.append("| " + " | ".join((f"{servers:,}", f"{size:,}", arm, *told)) + " |")
    return lines


def _is_there(commit: str) -> bool:
    words = ["git", "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}"]
    return not subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.before",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("commit", help="the commit whose operator is `before`")
    parser.add_argument(
        "--servers", type=int, action="append", help="servers of the Application (default: 1000)"
    )
    parser.add_argument(
        "--template",
        type=int,
        action="append",
        help="bytes of its template beyond the least (default: 2000)",
    )
    parser.add_argument("--rounds", type=int, default=1, help="rounds of all arms (default: 1)")
    options = parser.parse_args(arguments)
    if not _is_there(options.commit):
        parser.error(
            f"{options.commit} is no commit of this checkout: name one that `git log` has, or"
            " fetch the whole history first, by `git fetch --unshallow`"
        )
    options.servers = options.servers or [1000]
    options.template = options.template or [2000]
    return options


if __name__ == "__main__":
    raise SystemExit(main())
