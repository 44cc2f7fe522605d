"""Holds one history to all invariants at once: what tests and fault runs call when they end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from proof.history import (
    budgets,
    completion,
    concentration,
    deadlines,
    deletion,
    evictions,
    healing,
    identity,
    journal,
    limits,
    owners,
    process,
    progress,
    readiness,
    servers,
    status_truth,
    tasks,
    told_above,
    verdict,
    waiting,
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


# A rule reads a history and what its caller knows of the run, and yields what is wrong.
Rule = Callable[[journal.History, Expectations], Iterable[verdict.Violation]]


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
    rules: Sequence[Rule] | None = None,
) -> Verdict:
    """Return what an audit log says of these namespaces, held to I1 to I12 and to honesty.

    An empty history passes: assert on `verdict.history` that it is not.
    """
    history = journal.read(audit_log, namespaces=namespaces, operators=operators)
    expected = expectations or Expectations()
    found = [*violations(history, expected, rules), *_of(processes or Process())]
    return Verdict(history=history, violations=tuple(found))


def violations(
    history: journal.History, expected: Expectations, rules: Sequence[Rule] | None = None
) -> Iterator[verdict.Violation]:
    """Yield everything that is wrong with a history, by these rules or by all."""
    for rule in RULES if rules is None else rules:
        yield from rule(history, expected)


def heal(history: journal.History, expected: Expectations) -> Iterator[verdict.Violation]:
    """Yield where ill servers were not made anew as their policy says."""
    yield from healing.check(history, slack=expected.slack)


def _quiet(history: journal.History, expected: Expectations) -> Iterator[verdict.Violation]:
    if expected.quiet_since is not None:
        yield from writes.quiet(history, since=expected.quiet_since)


def _never_twice(history: journal.History, expected: Expectations) -> Iterator[verdict.Violation]:
    if expected.faultless:
        yield from writes.never_twice(history)


def _as_often(history: journal.History, expected: Expectations) -> Iterator[verdict.Violation]:
    if expected.reference is not None:
        yield from writes.compare(expected.reference, writes.counts(history), expected.excused)


def _visited(history: journal.History, expected: Expectations) -> Iterator[verdict.Violation]:
    if expected.visit_within is not None:
        yield from progress.check(history, bound=expected.visit_within)


# What people read: these hold for whatever runs, on a real API server or on one in memory.
HONESTY: tuple[Rule, ...] = (
    lambda history, expected: readiness.check(history, slack=expected.slack),
    lambda history, expected: waiting.check(history, slack=expected.slack),
    lambda history, expected: told_above.check(history, slack=expected.slack),
    lambda history, expected: completion.check(history, slack=expected.slack),
    lambda history, expected: deadlines.check(history, slack=expected.slack),
)
# Every rule; a new one is a module and a line.
RULES: tuple[Rule, ...] = (
    lambda history, expected: servers.check(history, slack=expected.slack),
    lambda history, expected: budgets.check(history, slack=expected.slack),
    lambda history, expected: concentration.check(history, slack=expected.slack),
    lambda history, expected: evictions.check(history, slack=expected.slack),
    lambda history, _: limits.check(history),
    heal,
    lambda history, _: identity.check(history),
    lambda history, expected: deletion.no_late_creates(history, slack=expected.slack),
    lambda history, _: deletion.no_early_release(history),
    lambda history, _: deletion.no_early_loss(history),
    lambda history, expected: deletion.no_orphans(history, expected.remaining),
    _quiet,
    _never_twice,
    _as_often,
    lambda history, _: tasks.check(history),
    _visited,
    lambda history, expected: status_truth.check(history, slack=expected.slack),
    lambda history, _: writes.one_writer(history),
    lambda history, _: owners.check(history),
    *HONESTY,
)


def _of(processes: Process) -> Iterator[verdict.Violation]:
    if processes.baseline:
        yield from process.returned(processes.baseline, processes.samples)
    for log in processes.logs:
        yield from process.tracebacks(log.read_text(errors="replace"))
