"""`python -m proof.history AUDIT_LOG`: judge an audit log by hand, and count its writes."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from proof.history import journal, judgement


def main(arguments: list[str] | None = None) -> int:
    """Print the verdict and the operator's writes by kind; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proof.history", description=__doc__)
    parser.add_argument("log", type=Path, help="an audit log recorded with `--audit full`")
    parser.add_argument("-n", "--namespace", action="append", help="only these namespaces")
    parser.add_argument("--operator", action="append", help="user names to judge")
    parser.add_argument("--slack", type=float, default=5.0, help="seconds of lag to excuse")
    options = parser.parse_args(arguments)
    verdict = judgement.check(
        options.log,
        namespaces=options.namespace,
        operators=options.operator or journal.OPERATOR,
        expectations=judgement.Expectations(slack=options.slack),
    )
    tally = Counter((each.resource, each.verb, each.effect) for each in verdict.history.ours)
    for (resource, verb, effect), number in sorted(tally.items()):
        print(f"{number:>8} {resource:<24} {verb:<8} {effect}")
    print(verdict if not verdict else "no violations")
    return 0 if verdict else 1


if __name__ == "__main__":
    sys.exit(main())
