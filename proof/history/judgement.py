"""Holds one history to all invariants at once: what tests and fault runs call when they end."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from proof.history import (
    budgets,
    deletion,
    identity,
    journal,
    process,
    progress,
    servers,
    status_truth,
    tasks,
    verdict,
    writes,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What the caller knows of the run. What is left out is not checked.

    `slack` is how many seconds the operator may lag behind the API server before its writes count
    as late: a run that delays watches adds the delay. `quiet_since` starts I5's time of no writes,
    `faultless` says that no answer was lost and nothing crashed, so no request is made twice.
    `visit_within` is I8's bound, `reference` the fault-free run's counts, `remaining` the UIDs of
    all that is left when the run ends.
    """

    slack: float = 5.0
    quiet_since: float | None = None
    visit_within: float | None = None
    reference: Mapping[writes.Key, int] | None = None
    excused: Mapping[writes.Key, int] = dataclasses.field(default_factory=dict)
    remaining: Collection[str] | None = None
    faultless: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What is known of the operator's processes: their logs, and their memory over time."""

    logs: Sequence[Path] = ()
    baseline: int = 0
    samples: Sequence[int] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A history and what is wrong with it; true if nothing is."""

    history: journal.History
    violations: tuple[verdict.Violation, ...]

    def __bool__(self) -> bool:
        return not self.violations

    def __str__(self) -> str:
        return verdict.report(self.history, self.violations)

    def require(self) -> None:
        """Raise AssertionError with the whole report if anything is wrong."""
        if self.violations:
            raise AssertionError(str(self))


def check(
    audit_log: Path | Iterable[bytes],
    *,
    namespaces: Collection[str] | None = None,
    operators: Collection[str] = journal.OPERATOR,
    expectations: Expectations | None = None,
    processes: Process | None = None,
) -> Verdict:
    """Return what an audit log says of these namespaces, held to I1 to I12.

    An empty history passes: assert on `verdict.history` that it is not.
    """
    history = journal.read(audit_log, namespaces=namespaces, operators=operators)
    found = [*violations(history, expectations or Expectations()), *_of(processes or Process())]
    return Verdict(history=history, violations=tuple(found))


def violations(history: journal.History, expected: Expectations) -> Iterator[verdict.Violation]:
    """Yield everything that is wrong with a history."""
    yield from servers.check(history, slack=expected.slack)
    yield from budgets.check(history, slack=expected.slack)
    yield from identity.check(history)
    yield from deletion.no_late_creates(history, slack=expected.slack)
    yield from deletion.no_early_release(history)
    yield from deletion.no_early_loss(history)
    yield from deletion.no_orphans(history, expected.remaining)
    if expected.quiet_since is not None:
        yield from writes.quiet(history, since=expected.quiet_since)
    if expected.faultless:
        yield from writes.never_twice(history)
    if expected.reference is not None:
        yield from writes.compare(expected.reference, writes.counts(history), expected.excused)
    yield from tasks.check(history)
    if expected.visit_within is not None:
        yield from progress.check(history, bound=expected.visit_within)
    yield from status_truth.check(history, slack=expected.slack)
    yield from writes.one_writer(history)


def _of(processes: Process) -> Iterator[verdict.Violation]:
    if processes.baseline:
        yield from process.returned(processes.baseline, processes.samples)
    for log in processes.logs:
        yield from process.tracebacks(log.read_text(errors="replace"))
