"""`python -m proof.mutants`: try all mutants and show which were caught; 1 if one was not."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from proof.mutants import definitions, trial


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every mutant whose name has the words given."""
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="try only mutants whose names have these words")
    parser.add_argument(
        "--verbose", action="store_true", help="show what was found in each history"
    )
    options = parser.parse_args(arguments)
    chosen = [
        each for each in definitions.MUTANTS if all(word in each.name for word in options.words)
    ]
    missed = 0
    print(f"{'mutant':<56} {'story':<11} {'expected':<9} {'found':<20} seconds")
    for mutant in chosen:
        began = time.monotonic()
        tried = trial.attempt(mutant)
        missed += not tried.caught
        found = ",".join(sorted(tried.outcome.broken)) or "-"
        seconds = time.monotonic() - began
        verdict = "" if tried.caught else "  MISSED"
        print(
            f"{mutant.name:<56} {mutant.story:<11} {mutant.caught_by:<9} {found:<20}"
            f" {seconds:>6.1f}{verdict}",
            flush=True,
        )
        if options.verbose or not tried.caught:
            print(tried.outcome.failure + tried.outcome.report)
    print(f"\n{len(chosen) - missed} of {len(chosen)} mutants caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
