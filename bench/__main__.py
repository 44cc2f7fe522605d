"""`python -m bench`: measure, print one table, and keep what was found in `bench/results`."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import statistics
import sys
import time
from collections.abc import Sequence

from bench import clouds, interrupts, machine, page, ratios, report, sizes, stage, table
from bench.trials import catalogue

EXAMPLES = """examples:
  make bench                              everything; the exit status tells of counts and CPU alone
  python -m bench --quick                 smaller fleets, fewer rounds
  python -m bench --quick --only 11       the trial that finds ratio 11
  python -m bench --only floor --fleet 500 --pairs 1
  python -m bench --only 4 --only 5 --away 20   ratios 4, 5 and 10, far from the API server
  python -m bench --only openstack        beside Heat and a plain client, on a cloud (as root)"""

# Its arms meet on a cloud, and none of the clusters of the other trials is there.
OPENSTACK = "openstack"

SIZES = {
    "pairs": "rounds of what is compared",
    "fleet": "servers of the application that most ratios are about",
    "small": "servers of the small fleet that a large one is compared with",
    "large": "servers of the large fleet",
    "rest": "seconds at rest",
    "away": "milliseconds from the operator to the API server, each way: all trials from afar",
}


@interrupts.orderly()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if a count or a CPU ratio misses its target."""
    options = _options(arguments)
    if options.publish:
        print("\n".join(map(str, page.publish())))
        return 0
    if OPENSTACK in options.only:
        return clouds.main(_abroad(options))
    described = machine.describe()
    _say(machine.line(described))
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        wanted = catalogue.wanted(options.only)
        running = stage.Stage(stack, _sizes(options), wanted, _say)
        _run(running, options.trials)
    seconds = time.monotonic() - began
    findings = list(running.book.findings)
    _print(running.book, findings)
    files = report.write(running.book, machine=described, chosen=running.sizes, seconds=seconds)
    _say(f"took {seconds / 60:.1f} minutes; {', '.join(map(str, files))}")
    return _verdict(findings)


def _run(running: stage.Stage, trials: Sequence[catalogue.Trial]) -> None:
    expected = {each.name: each.seconds(running.sizes) for each in trials}
    total = sum(expected.values())
    _say(f"this takes about {max(1, round(total / 60))} minutes on a quiet machine of two cores")
    # A whole run keeps to its time; who asks for one trial wants all of its rounds.
    whole = len(trials) == len(catalogue.TRIALS)
    deadline = time.monotonic() + 60 * running.sizes.minutes if whole else math.inf
    for each in trials:
        _say(f"trial `{each.name}`: about {expected[each.name]:.0f} s")
        # Of the time that is left, its share among those that are left.
        left = deadline - time.monotonic()
        running.allow(left * expected[each.name] / total)
        total -= expected[each.name]
        each.run(running)
    running.finish()


def _print(book: ratios.Book, findings: Sequence[ratios.Finding]) -> None:
    for figure, values in book.figures.items():
        print(f"{figure}: {table.number(statistics.median(values))}")
    if book.peers:
        print(f"\n{table.peers(book.peers)}")
    print(f"\n{table.text(findings)}")
    print("ratio 12 (pace under faults): make faults\n")


def _verdict(findings: Sequence[ratios.Finding]) -> int:
    failed = [each.ratio.key for each in findings if each.fails]
    if failed:
        print(f"missed, and held: {', '.join(failed)}")
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="smaller and fewer: four minutes")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="run nothing: put the last results on record, and into the docs",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a trial, a ratio's number, or openstack",
    )
    for name, text in SIZES.items():
        parser.add_argument(f"--{name}", type=int, metavar="N", help=text)
    options = parser.parse_args(arguments)
    try:
        options.trials = catalogue.chosen(set(options.only) - {OPENSTACK})
    except ValueError as error:
        parser.error(str(error))
    if OPENSTACK in options.only and set(options.only) != {OPENSTACK}:
        parser.error(f"{OPENSTACK} is measured on a cloud of its own: ask for the others apart")
    return options


def _abroad(options: argparse.Namespace) -> list[str]:
    """Return the arguments of `bench.clouds` that mean the same; other sizes mean nothing there."""
    found = ["--servers", "4", "--rounds", "1"] if options.quick else []
    for word, value in (("--servers", options.fleet), ("--rounds", options.pairs)):
        found += [word, str(value)] if value is not None else []
    return found


def _sizes(options: argparse.Namespace) -> sizes.Sizes:
    base = sizes.QUICK if options.quick else sizes.FULL
    given = {name: value for name in SIZES if (value := getattr(options, name)) is not None}
    return dataclasses.replace(base, **given)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
