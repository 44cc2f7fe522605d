"""`python -m proof.faults`: everything that can go wrong, in parts that can be chosen.

crashes: killed at every write; storms: a hostile network; mutations: people who do anything;
watch-outage: minutes without events; growth: one process for long; replicas: a leader struck;
pace: ratio 12.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from proof.faults import (
    growth,
    lanes,
    matrix,
    mix,
    mutations,
    outcome,
    random_faults,
    replicas,
    rig,
    watch_outage,
)

RATIO = 0.85
PARTS = ("crashes", "storms", "mutations", "watch-outage", "growth", "replicas", "pace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if any run was not as the one without faults."""
    options = _options(arguments)
    folder = options.dir or Path(tempfile.mkdtemp(prefix="argosy-faults-"))
    outcomes: list[outcome.Outcome] = []
    pace = None
    with lanes.open_lanes(folder, options.lanes, _say) as running:
        if "pace" in options.parts:
            pace = mix.pace(running.rigs[0], options.pairs, _say)
        if options.replay or set(options.parts) != {"pace"}:
            known = _reference(running.rigs[0])
            outcomes += _replayed(running, known, options) if options.replay else ()
            outcomes += () if options.replay else _run(running, known, options)
    if "replicas" in options.parts and not options.replay:
        with lanes.open_lanes(folder / "replicas", options.lanes, _say, replicas=2) as running:
            strikes = replicas.strikes(known.writes, options.strikes, options.seed)
            outcomes += running.run(functools.partial(_struck, known), strikes)
    return _report(outcomes, pace, options.output)


def _reference(place: rig.Rig) -> outcome.Reference:
    known = outcome.reference(place)
    objects = len(known.life.world)
    _say(f"without faults: {len(known.writes)} writes, {objects} objects, {known.seconds:.1f} s")
    return known


def _run(
    running: lanes.Lanes, known: outcome.Reference, options: argparse.Namespace
) -> Iterator[outcome.Outcome]:
    """Yield what comes of all that one operator goes through."""
    seeds = range(options.seed, options.seed + options.seeds)
    if "crashes" in options.parts:
        chosen = matrix.points(
            known.writes, sample=options.sample, seed=options.seed, match=options.match
        )
        yield from running.run(lambda place, point: matrix.crashed(place, known, point), chosen)
    if "storms" in options.parts:
        yield from running.run(lambda place, seed: mix.storm(place, known, seed), seeds)
    if "mutations" in options.parts:
        yield from running.run(lambda place, seed: mutations.live(place, known, seed), seeds)
    if "watch-outage" in options.parts:
        yield from running.run(watch_outage.endured, [watch_outage.SECONDS])
    if "growth" in options.parts:
        yield from running.run(growth.endured, [growth.LIVES])


def _struck(known: outcome.Reference, place: rig.Rig, strike: replicas.Strike) -> outcome.Outcome:
    return replicas.struck(place, known, strike)


def _replayed(
    running: lanes.Lanes, known: outcome.Reference, options: argparse.Namespace
) -> Iterator[outcome.Outcome]:
    faults = random_faults.Replay.read(options.replay, options.match)
    live = functools.partial(mix.endured, known=known, name=f"again: {options.match}")
    yield from running.run(lambda place, _: live(place, faults=faults), [options.replay])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m proof.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"of {', '.join(PARTS)}: all")
    parser.add_argument("--sample", type=int, help="only so many crashes, drawn by the seed")
    parser.add_argument("--match", default="", help="only crashes whose names have these words")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument(
        "--seeds", type=int, default=10, help="storms and mutations, a seed each (default 10)"
    )
    parser.add_argument(
        "--strikes", type=int, default=3, help="strikes of a leader, of each kind (default 3)"
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs for ratio 12 (default 5)")
    parser.add_argument(
        "--lanes", type=int, default=os.cpu_count() or 1, help="clusters side by side"
    )
    parser.add_argument(
        "--replay", type=Path, help="live through the faults of this log once more: its run --match"
    )
    parser.add_argument("--dir", type=Path, help="the clusters' folder (default: a new one)")
    parser.add_argument("--output", type=Path, help="write what came of it here, as JSON")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def _report(outcomes: Sequence[outcome.Outcome], pace: mix.Pace | None, output: Path | None) -> int:
    bad = [each for each in outcomes if not each.good]
    for each in bad:
        print(f"\n{each.name}:\n" + "\n".join(each.wrong))
    missed = sum(each.missed for each in outcomes)
    print(
        f"\n{len(outcomes) - len(bad)} of {len(outcomes)} runs as without faults"
        f" ({missed} met no fault)"
    )
    if pace:
        verdict = "met" if pace.ratio >= RATIO else "missed"
        print(f"ratio 12: {pace.ratio:.2f} (target {RATIO}, {verdict}), surplus {pace.surplus}")
    if output:
        result = {
            "runs": [
                {
                    "name": each.name,
                    "seconds": each.seconds,
                    "missed": each.missed,
                    "wrong": each.wrong,
                }
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
