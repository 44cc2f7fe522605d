"""Judges one life with faults by the life without: the same world, equal counts, every invariant.

`matrix`, `mix` and `mutations` prepare what goes wrong and call `judged`.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

from devcluster import errors
from proof import history
from proof.faults import rig, scenario
from proof.history import process


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The life without faults, and the keys of its writes in order."""

    life: scenario.Life
    counts: history.Counts
    writes: tuple[str, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run; good if nothing is wrong.

    `missed` says that what was to go wrong never came about, so that nothing is shown.
    """

    name: str
    seconds: float
    wrong: tuple[str, ...]
    missed: bool = False

    @property
    def good(self) -> bool:
        """Whether the run kept every promise."""
        return not self.wrong

    def __str__(self) -> str:
        verdict = "never came about" if self.missed else "as without" if self.good else "WRONG"
        return f"{self.name}: {verdict}, {self.seconds:.1f} s"


class Records:
    """What a cluster and its operators have written down since this was made."""

    def __init__(self, place: rig.Rig) -> None:
        self._audit = place.cluster.audit_log
        self._logs = [each.process.log for each in place.replicas]
        self._sizes = {each: _size(each) for each in (self._audit, *self._logs)}

    def audit(self) -> Iterator[bytes]:
        """Yield the lines of the audit log."""
        with self._audit.open("rb") as lines:
            lines.seek(self._sizes[self._audit])
            yield from lines

    def tracebacks(self) -> Iterator[str]:
        """Yield what operators' logs tell of exceptions that nobody caught."""
        for path in self._logs:
            with path.open("rb") as log:
                log.seek(self._sizes[path])
                text = log.read().decode(errors="replace")
            yield from map(str, process.tracebacks(text))


def reference(place: rig.Rig) -> Reference:
    """Live without faults; raise AssertionError if even that breaks an invariant."""
    place.recover()
    records, began = Records(place), time.monotonic()
    life = scenario.live(place, scenario.open_namespace(place.client))
    verdict = history.check(
        records.audit(),
        namespaces=[life.namespace],
        expectations=history.Expectations(remaining=life.left, faultless=True),
    )
    verdict.require()
    return Reference(
        life=life,
        counts=history.counts(verdict.history),
        writes=tuple(place.proxy.writes),
        seconds=time.monotonic() - began,
    )


def judged(place: rig.Rig, known: Reference, name: str, *, slack: float) -> Outcome:
    """Live once, whatever has been prepared, and hold the run against the reference."""
    records, began = Records(place), time.monotonic()
    namespace = scenario.open_namespace(place.client)
    wrong: list[str] = []
    try:
        life = scenario.live(place, namespace, known.life.world)
    except (TimeoutError, AssertionError, errors.DevclusterError) as error:
        wrong.append(f"{namespace}: {error}")
        left = None
    else:
        left = life.left
        wrong += differences(known.life.world, life.world)
    verdict = history.check(
        records.audit(),
        namespaces=[namespace],
        expectations=history.Expectations(
            slack=slack, reference=None if left is None else known.counts, remaining=left
        ),
    )
    if not verdict:
        wrong.append(f"{namespace}: {verdict}")
    wrong += records.tracebacks()
    seconds = time.monotonic() - began
    return Outcome(name=name, seconds=seconds, wrong=tuple(wrong))


def differences(wanted: scenario.World, found: scenario.World) -> Iterator[str]:
    """Yield in what one world differs from another."""
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            old, new = json.loads(wanted.get(name, "{}")), json.loads(found.get(name, "{}"))
            for key in sorted({*old, *new}):
                if old.get(key) != new.get(key):
                    yield f"{name}: {key} is {new.get(key)}, not {old.get(key)}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
