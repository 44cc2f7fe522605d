"""`python -m proof.faults`: crash an operator at every write, storm it, and measure ratio 12."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from proof.faults import matrix, mix, rig

RATIO = 0.85


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if any run was not as the one without faults."""
    options = _options(arguments)
    folder = options.dir or Path(tempfile.mkdtemp(prefix="argosy-faults-"))
    with rig.running(folder, _say, log=folder.with_suffix(".faults.jsonl")) as place:
        known = matrix.reference(place)
        _say(f"the life without faults: {known.writes} writes, {len(known.life.world)} objects")
        chosen = matrix.points(known.writes, sample=options.sample, seed=options.seed)
        _say(f"{len(chosen)} crashes to come")
        outcomes = list(matrix.sweep(place, known, chosen, _say))
        outcomes += mix.storms(place, known, options.storms, _say)
        pace = mix.pace(place, options.pairs, _say) if options.pairs else None
    return _report(outcomes, pace, options.output)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.faults", description=__doc__)
    parser.add_argument("--sample", type=int, help="only so many crashes, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0, help="draws the sample (default 0)")
    parser.add_argument("--storms", type=int, default=5, help="lives in a storm (default 5)")
    parser.add_argument("--pairs", type=int, default=3, help="pairs for ratio 12 (default 3)")
    parser.add_argument("--dir", type=Path, help="the cluster's folder (default: a new one)")
    parser.add_argument("--output", type=Path, help="write what came of it here, as JSON")
    return parser.parse_args(arguments)


def _report(outcomes: Sequence[matrix.Outcome], pace: mix.Pace | None, output: Path | None) -> int:
    bad = [each for each in outcomes if not each.good]
    for each in bad:
        print(f"\n{each.name}:\n" + "\n".join(each.wrong))
    print(f"\n{len(outcomes) - len(bad)} of {len(outcomes)} runs as without faults")
    if pace:
        verdict = "met" if pace.ratio >= RATIO else "missed"
        print(f"ratio 12: {pace.ratio:.2f} (target {RATIO}, {verdict}), surplus {pace.surplus}")
    if output:
        result = {
            "runs": [
                {"name": each.name, "seconds": each.seconds, "wrong": each.wrong}
                for each in outcomes
            ],
            "ratio12": pace
            and {"ratio": pace.ratio, "surplus": pace.surplus, "seconds": pace.seconds},
        }
        output.write_text(json.dumps(result, indent=2))
    # Times are told, counts are held.
    return 1 if bad or (pace and pace.surplus) else 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
