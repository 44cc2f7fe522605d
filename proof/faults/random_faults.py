"""Decides what goes wrong, by seed and by key alone, and reads decisions back from a log.

Pure but for `Replay.read`: the same seed gives the same request the same fate in every run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from proof.faults import kinds, requests
from proof.faults.kinds import Kind

Entry = dict[str, Any]

# The mix of ratio 12: one request in twenty fails, one way or another.
FIVE_PERCENT: Mapping[Kind, float] = {
    Kind.ERROR: 0.02,
    Kind.BUSY: 0.015,
    Kind.LOST: 0.015,
}
# Everything at once, more often than any cluster does it.
STORM: Mapping[Kind, float] = {
    **dict.fromkeys((Kind.DELAY, Kind.BUSY, Kind.ERROR, Kind.UNAVAILABLE, Kind.TIMEOUT), 0.02),
    **dict.fromkeys((Kind.CONFLICT, Kind.RIVAL, Kind.LOST, Kind.TWICE), 0.03),
    **dict.fromkeys((Kind.STALE, Kind.EXPIRED, Kind.TORN), 0.05),
    **dict.fromkeys((Kind.DROP, Kind.CUT, Kind.HIDE, Kind.GONE, Kind.FAIL, Kind.GARBAGE), 0.08),
    **dict.fromkeys((Kind.FREEZE, Kind.LAG), 0.05),
}


class Decider(Protocol):
    """Says what goes wrong with the request of a key."""

    def fault(self, key: str, request: requests.Request) -> kinds.Fault:
        """Return the fault of this request."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often what goes wrong, and for how long where it takes time.

    `spared` resources never fail; a kind that a request cannot suffer is not drawn for it.
    """

    seed: int = 0
    rates: Mapping[Kind, float] = dataclasses.field(default_factory=dict)
    delay_seconds: float = 1.0
    lag_seconds: float = 5.0
    freeze_seconds: float = 20.0
    events_before: int = 20
    spared: frozenset[str] = frozenset()

    def fault(self, key: str, request: requests.Request) -> kinds.Fault:
        """Return the fault of this request."""
        return kinds.FINE if request.resource in self.spared else decide(self, key, request)


def decide(faults: Faults, key: str, request: requests.Request) -> kinds.Fault:
    """Return what goes wrong with the request of a key: a pure function of seed, rates and key."""
    drawn, fraction = _draw(f"{faults.seed} {key}"), _draw(f"{faults.seed} {key} how much")
    for kind in request.possible:
        drawn -= faults.rates.get(kind, 0.0)
        if drawn < 0:
            return kinds.Fault(
                kind=kind,
                seconds=round(fraction * _longest(faults, kind), 3),
                after=int(fraction * (faults.events_before + 1)) if kind in kinds.WATCHES else 0,
            )
    return kinds.FINE


def _longest(faults: Faults, kind: Kind) -> float:
    return {
        Kind.DELAY: faults.delay_seconds,
        Kind.LAG: faults.lag_seconds,
        Kind.FREEZE: faults.freeze_seconds,
    }.get(kind, 0.0)


def _draw(text: str) -> float:
    """Return a number from 0 to 1 that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The decisions of an earlier run; requests that it did not have are fine."""

    decisions: Mapping[str, kinds.Fault]

    @classmethod
    def read(cls, path: Path, run: str = "") -> Replay:
        """Return the decisions in a proxy's log: all, or those of one run that it tells of."""
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        if run:
            entries = list(_of(run, entries))
        return cls(
            decisions={
                each["key"]: kinds.Fault(
                    kind=Kind(each["kind"]), seconds=each["seconds"], after=each["after"]
                )
                for each in entries
                if "kind" in each
            }
        )

    def fault(self, key: str, request: requests.Request) -> kinds.Fault:  # noqa: ARG002 - Decider
        """Return the fault that this request had."""
        return self.decisions.get(key, kinds.FINE)


def _of(run: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries between the beginning of a run and that of the next."""
    current = ""
    for each in entries:
        current = each.get("begin", current)
        if current == run:
            yield each
