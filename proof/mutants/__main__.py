"""`python -m proof.mutants`: try all mutants and show which were caught; 1 if one was not."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from proof.mutants import definitions, mechanism, mechanisms, trial


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every mutant whose name has the words given."""
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="try only mutants whose names have these words")
    parser.add_argument(
        "--verbose", action="store_true", help="show what was found in each history"
    )
    options = parser.parse_args(arguments)

    def is_meant(mutant: definitions.Mutant | mechanism.Mechanism) -> bool:
        return all(word in mutant.name for word in options.words)

    told = list(filter(is_meant, definitions.MUTANTS))
    held = list(filter(is_meant, mechanisms.MECHANISMS))
    missed = _play(told, verbose=options.verbose) + _run(held)
    count = len(told) + len(held)
    print(f"\n{count - missed} of {count} mutants caught")
    return 1 if missed else 0


def _play(mutants: Sequence[definitions.Mutant], *, verbose: bool) -> int:
    """Play the story of each mutant, and judge its history; return how many were missed."""
    missed = 0
    print(f"{'mutant':<56} {'story':<11} {'expected':<9} {'found':<20} seconds")
    for mutant in mutants:
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
        if verbose or not tried.caught:
            print(tried.outcome.failure + tried.outcome.report)
    return missed


def _run(mutants: Sequence[mechanism.Mechanism]) -> int:
    """Run the test that each mutant names; return how many were missed."""
    missed = 0
    for mutant in mutants:
        began = time.monotonic()
        caught, report = trial.check(mutant)
        missed += not caught
        seconds = time.monotonic() - began
        verdict = "" if caught else f"  MISSED\n{report}"
        print(f"{mutant.name:<56} {mutant.test} {seconds:>6.1f}{verdict}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
