"""I5, I6 and I10: how much is written, and by whom.

Counts are compared between a run and its fault-free twin, so that a crash or a lost answer cannot
hide a second server behind a delete.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from proof.history import journal, tenures, verdict

Key = tuple[str, str, str]  # resource, name, create or delete
Counts = Counter[Key]


def quiet(
    history: journal.History, *, since: float, until: float | None = None
) -> Iterator[verdict.Violation]:
    """Yield I5's violations: writes of the operator in a time when there was nothing to write."""
    for each in history.ours:
        if each.verb not in journal.WRITES or each.effect is journal.Effect.EXEC:
            continue
        if each.received > since and (until is None or each.received < until):
            yield verdict.Violation(
                invariant="I5",
                message=f"{each.verb} of {each.object} {each.received - since:.1f} s after all had"
                " converged",
                evidence=(each,),
            )


def never_twice(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield I6's violations where nothing went wrong: requests for what had been done already.

    Lost answers and crashes excuse a second request, and so does a stranger's name; a slow watch
    does not.
    """
    made: set[tuple[str, str, str]] = set()
    for each in history.ours:
        name = (each.resource, each.namespace, each.name)
        if each.effect is journal.Effect.CREATED:
            made.add(name)
        elif each.effect is journal.Effect.GONE:
            made.discard(name)
        elif name in made and each.verb == "create" and each.effect is journal.Effect.REFUSED:
            yield _again(each, "made")
        elif each.verb == "delete" and each.effect is journal.Effect.NONE:
            yield _again(each, "deleted")


def _again(change: journal.Change, what: str) -> verdict.Violation:
    message = f"{change.object} is {what} again, without a reason"
    return verdict.Violation(invariant="I6", message=message, evidence=(change,))


def counts(history: journal.History) -> Counts:
    """Return how often the operator made and deleted each object, by name.

    A request that changed nothing, such as the second delete of one object, counts as none; nor
    does the create of a pod that somebody else took away, whose successor counts in its stead.
    """
    found: Counts = Counter()
    for life in history.lives.values():
        end = life.ending or life.gone
        if life.resource == "pods" and life.born.ours and end is not None and not end.ours:
            found["pods", life.name, "create"] -= 1
    for each in history.ours:
        if each.effect is journal.Effect.CREATED:
            found[each.resource, each.name, "create"] += 1
        elif each.verb == "delete" and each.effective:
            found[each.resource, each.name, "delete"] += 1
    return found


def compare(
    reference: Mapping[Key, int], found: Mapping[Key, int], excused: Mapping[Key, int] | None = None
) -> Iterator[verdict.Violation]:
    """Yield I6's violations: counts that differ from the fault-free run's.

    `excused` is how many more of each the fault itself made, for example by deleting a pod.
    """
    allowed = excused or {}
    for key in sorted({*reference, *found}):
        wanted, seen = reference.get(key, 0) + allowed.get(key, 0), found.get(key, 0)
        if wanted != seen:
            resource, name, verb = key
            yield verdict.Violation(
                invariant="I6",
                message=f"{verb}s of {resource}/{name}: {seen}, where the fault-free run has"
                f" {wanted}",
            )


def one_writer(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield I10's violations: objects written by two replicas in one Lease epoch.

    Replicas are told apart by their user agent. Where no Lease is in the history, work may pass
    from one replica to another, but not back: each object then has one hand-over at most. Of
    replicas that share the work `owners` tells.
    """
    epochs = history.epochs
    written: dict[str, list[journal.Change]] = defaultdict(list)
    for each in history.ours:
        if each.effective and each.meta.uid and not history.is_shared(each):
            written[each.meta.uid].append(each)
    for changes in written.values():
        yield from _returns(changes) if not epochs else _strangers(changes, epochs)


def _returns(changes: Sequence[journal.Change]) -> Iterator[verdict.Violation]:
    left: dict[str, journal.Change] = {}
    for before, after in itertools.pairwise(changes):
        if before.agent == after.agent:
            continue
        left[before.agent] = before
        if after.agent in left:
            yield verdict.Violation(
                invariant="I10",
                message=f"{after.object} is written by {after.agent} again, after {before.agent}",
                evidence=(left[after.agent], before, after),
            )
            return


def _strangers(
    changes: Sequence[journal.Change], epochs: Sequence[journal.Epoch]
) -> Iterator[verdict.Violation]:
    for each in changes:
        holders = [epoch for epoch in epochs if epoch.since <= each.answered]
        if holders and holders[-1].agent == tenures.TOGETHER:
            continue  # begun before that, and answered later
        if holders and each.agent != holders[-1].agent and holders[-1].since < each.received:
            yield verdict.Violation(
                invariant="I10",
                message=f"{each.object} is written by {each.agent} while {holders[-1].agent}"
                " holds the Lease",
                evidence=(each,),
            )
