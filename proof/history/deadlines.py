"""No deadline runs while nothing may be done.

A rollout's clock and an operation's stand still while a person has paused the application or the
operation, and while the circuit of their fleet is not closed; and a rollout's while an operation
has its component in hand. So whatever is failed by a deadline had at least that much time in
which Argosy was free to act. In that time no server counts an answer that was lost as its failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from proof.history import journal, pods, spans, verdict

INVARIANT = "Deadline"
MISSED = "ProgressDeadlineExceeded"
TIMED_OUT = "TimedOut"
CLOSED = "Closed"
UNKNOWN = "Unknown"


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield what was failed by a deadline that ran while nothing could be done."""
    for life in history.lives.values():
        if life.resource == "serversets":
            yield from _rollouts(history, life, slack)
        elif life.resource == "operations":
            yield from _operations(history, life, slack)
        elif life.resource == "servers":
            yield from _blamed(history, life)


def _rollouts(
    history: journal.History, server_set: pods.Life, slack: float
) -> Iterator[verdict.Violation]:
    began, before = server_set.born, False
    for earlier, each in zip(server_set.versions, server_set.versions[1:], strict=False):
        if each.spec.revision != earlier.spec.revision:
            began = each
        missed = _says(each, "Stalled", MISSED) or _says(each, "Ready", MISSED)
        if missed and not before and each.ours:
            still = spans.joined(
                [
                    *_paused(history, server_set),
                    *_in_hand(history, server_set),
                    *_away(history, server_set),
                ]
            )
            bound = each.spec.rollout.progress_deadline_seconds
            yield from _early(each, began, still, bound, slack)
        before = missed


def _operations(
    history: journal.History, operation: pods.Life, slack: float
) -> Iterator[verdict.Violation]:
    began, before = operation.born, False
    for earlier, each in zip(operation.versions, operation.versions[1:], strict=False):
        if each.status.run != earlier.status.run or not earlier.status.start_time:
            # A run begins with its first word, and its time with the start that it tells.
            began = (
                each if each.status.start_time or each.status.run != earlier.status.run else began
            )
        late = _says(each, "Succeeded", TIMED_OUT)
        if late and not before and each.ours:
            own = spans.perhaps(operation, lambda one: one.spec.paused)
            above = _application(history, operation)
            still = spans.joined([own, *_paused(history, operation), *_away(history, above)])
            spec = each.spec
            bound = spec.timeout_seconds if each.status.start_time else spec.start_deadline_seconds
            yield from _early(each, began, still, bound, slack)
        before = late


def _says(change: journal.Change, kind: str, reason: str) -> bool:
    found = change.status.condition(kind)
    return found is not None and found.reason == reason


def _paused(history: journal.History, life: pods.Life) -> Iterator[list[spans.Span]]:
    """Yield when the application of something was paused."""
    yield from _spans(
        history,
        life,
        lambda each: each.resource == "applications" and each.name == life.last.spec.application,
        lambda each: each.spec.paused,
    )


def _application(history: journal.History, life: pods.Life) -> pods.Life | None:
    """Return the application of something, which names the fleet."""
    for each in history.lives.values():
        named = each.namespace == life.namespace and each.name == life.last.spec.application
        if each.resource == "applications" and named:
            return each
    return None


def _away(history: journal.History, life: pods.Life | None) -> Iterator[list[spans.Span]]:
    """Yield when the fleet of something said that its provider does not work."""
    for each in history.lives.values():
        if life is not None and each.resource == "fleets" and each.name == life.last.spec.fleet:
            yield spans.of(each, lambda one: one.status.circuit not in ("", CLOSED))


def _blamed(history: journal.History, server: pods.Life) -> Iterator[verdict.Violation]:
    """Yield where a server counts an answer as its failure that was lost in an outage."""
    away = spans.joined(_away(history, server))
    for before, each in zip(server.versions, server.versions[1:], strict=False):
        counted, told = each.status.attempts, before.status.attempts
        more = counted.count > told.count or (counted.exhausted and not told.exhausted)
        lost = counted.last_error is not None and counted.last_error.kind == UNKNOWN
        during = any(since < each.received and each.answered < until for since, until in away)
        if each.ours and more and lost and during:
            yield verdict.Violation(
                invariant=INVARIANT,
                message=f"{each.object} counts a lost answer as its failure, while its provider is"
                " away",
                evidence=(each,),
            )


def _in_hand(history: journal.History, server_set: pods.Life) -> Iterator[list[spans.Span]]:
    """Yield when an operation had a set's servers in hand."""
    spec = server_set.last.spec
    yield from _spans(
        history,
        server_set,
        lambda each: (
            each.resource == "operations"
            and each.born.spec.application == spec.application
            and (not each.born.spec.components or spec.component in each.born.spec.components)
        ),
        lambda each: bool(each.status.start_time) and _says(each, "Succeeded", "Running"),
    )


def _spans(
    history: journal.History,
    about: pods.Life,
    concerns: Callable[[pods.Life], bool],
    holds: Callable[[journal.Change], bool],
) -> Iterator[list[spans.Span]]:
    for life in history.lives.values():
        if life.namespace == about.namespace and concerns(life):
            yield spans.of(life, holds)


def _early(
    change: journal.Change,
    began: journal.Change,
    still: Sequence[spans.Span],
    bound: int,
    slack: float,
) -> Iterator[verdict.Violation]:
    """Yield a violation if less than the deadline had passed in which something could be done.

    Each time of standing still may be noticed late, and its end too.
    """
    passed = change.answered - began.received
    stood = spans.length(still, began.received, change.answered)
    spare = slack * (1 + sum(end > began.received for _, end in still))
    if stood and passed - stood + spare < bound:
        yield verdict.Violation(
            invariant=INVARIANT,
            message=f"{change.object} missed a deadline of {bound} s after"
            f" {passed - stood:.0f} s in which something could be done",
            evidence=(began, change),
        )
