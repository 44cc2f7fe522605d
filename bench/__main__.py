"""`python -m bench`: measure, print one table, and keep what was found in `bench/results`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence

from bench import machine, ratios, sizes, stage, table
from bench.trials import catalogue

EXAMPLES = """examples:
  make bench                              everything; the exit status tells of counts and CPU alone
  python -m bench --quick                 smaller fleets, fewer rounds
  python -m bench --quick --only 11       the trial that finds ratio 11
  python -m bench --only floor --fleet 500 --pairs 1"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if a count or a CPU ratio misses its target."""
    options = _options(arguments)
    _say(machine.line(machine.describe()))
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        running = stage.Stage(stack, _sizes(options), catalogue.wanted(options.only), _say)
        for each in options.trials:
            _say(f"trial `{each.name}`: ratios {', '.join(each.finds)}")
            each.run(running)
        running.finish()
    findings = list(running.book.findings)
    print(f"\n{table.text(findings)}\n")
    _say(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    return _verdict(findings)


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
        "--only", action="append", default=[], metavar="NAME", help="a trial, or a ratio's number"
    )
    parser.add_argument("--fleet", type=int, help="servers of the application")
    parser.add_argument("--pairs", type=int, help="rounds of what is compared")
    options = parser.parse_args(arguments)
    try:
        options.trials = catalogue.chosen(options.only)
    except ValueError as error:
        parser.error(str(error))
    return options


def _sizes(options: argparse.Namespace) -> sizes.Sizes:
    base = sizes.QUICK if options.quick else sizes.FULL
    return base.with_(fleet=options.fleet, pairs=options.pairs)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
