"""Budgets: the operator takes no more servers down at once than a component or an operation allows.

What others take down is not the operator's doing, but it counts: so a write is judged only if it
takes down a server that was up, and against all that were down when it was planned, whoever took
them down. Each writer has a limit of its own: so at most the largest limit in force is down by the
operator's doing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from proof.history import journal, pods, presence, salvage, tasks, verdict


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield writes that spent more than the budget of a component or of an operation."""
    known = presence.Presence(history, slack)
    servers: dict[str, list[pods.Life]] = defaultdict(list)  # by the set's UID
    for life in history.lives.values():
        if life.resource == "servers":
            servers[life.controller].append(life)
    for found in servers.values():
        for life in found:
            for before, after in zip(life.versions, life.versions[1:], strict=False):
                if not (after.ours and known.takes_down(before, after)):
                    continue
                if after.spec.task and after.spec.task != before.spec.task:
                    # An operation's own concurrency says how many it may take down. A server that
                    # is down already costs nobody anything.
                    yield from _busy(history, found, before, after, known)
                elif after.spec.incarnation > before.spec.incarnation:
                    yield from _down(history, found, after, known)


def _down(
    history: journal.History,
    servers: list[pods.Life],
    change: journal.Change,
    known: presence.Presence,
) -> Iterator[verdict.Violation]:
    life = history.lives.get(change.controller)
    server_set = life.at(change.place) if life else None
    if server_set is None or server_set.spec.rollout.strategy != "RollingUpdate":
        return
    desired = 1 if server_set.spec.replicas is None else server_set.spec.replicas
    up = sum(known.counts(life, change) for life in servers)
    limit = unavailable(server_set, desired)
    if desired - up > limit:
        yield verdict.Violation(
            invariant="Budget",
            message=f"{change.object} is taken down as one of {desired - up}, where {limit} of"
            f" {desired} may be",
            evidence=(change,),
        )


def unavailable(change: journal.Change, desired: int) -> int:
    """Return how many of a set's servers may be down."""
    rollout = change.spec.rollout
    limit = share(rollout.max_unavailable, desired)
    return limit or (1 if rollout.max_surge in (0, "0%") else 0)


def _busy(
    history: journal.History,
    servers: list[pods.Life],
    before: journal.Change,
    change: journal.Change,
    known: presence.Presence,
) -> Iterator[verdict.Violation]:
    task = change.spec.task
    if task is None or (before.spec.task is not None and before.spec.task.id == task.id):
        return
    operation = _operation(history, change, task.operation)
    limit = _concurrency(history, operation, change) if operation is not None else None
    if limit is None:
        return
    there = [
        (life, version)
        for life in servers
        if (version := life.at(change.place)) is not None
        and not presence.is_doubtful(life, version, change)
        and not (life.gone is not None and life.gone.place < change.place)
    ]
    # One that goes with its task open is at work for nobody, and may be missed.
    busy = {
        life.uid
        for life, version in there
        if _open(version, task.operation) and not version.terminating
    }
    desired = _desired(history, change)
    missed = [
        life
        for life, version in there
        if life.uid not in busy and _is_missed(life, version, change, desired, known)
    ]
    # Nobody misses one that scaling takes away, whatever its ordinal: the others are enough.
    kept = sum(
        life.uid in busy or _is_lost(version) or known.counts(life, change)
        for life, version in there
        if not version.terminating
    )
    down = min(len(missed), max(0, desired - kept))
    if len(busy) + down > limit:
        yield verdict.Violation(
            invariant="Budget",
            message=f"{change.object} is the {len(busy)}th server at work for {task.operation}"
            f" beside {down} that are down, where {limit} of its component may be",
            evidence=(change,),
        )


def _desired(history: journal.History, change: journal.Change) -> int:
    server_set = history.lives.get(change.controller)
    known = server_set.at(change.place) if server_set else None
    if known is None:
        return 0
    return 1 if known.spec.replicas is None else known.spec.replicas


def _is_missed(
    life: pods.Life,
    version: journal.Change,
    change: journal.Change,
    desired: int,
    known: presence.Presence,
) -> bool:
    """Whether a server is down that should not be, and may come up again."""
    return (
        version.spec.ordinal < desired and not _is_lost(version) and not known.counts(life, change)
    )


def _is_lost(version: journal.Change) -> bool:
    return version.spec.power == "Stopped" or version.status.is_true("Stalled")


def _concurrency(
    history: journal.History, operation: journal.Change, change: journal.Change
) -> int | None:
    """Return how many servers of the component may be at work for the operation, if that is known.

    That is its own concurrency, or what the component's rollout allows.
    """
    named = operation.spec.concurrency
    if named is not None:
        targeted = _targeted(operation.status.targets, change.spec.component)
        if isinstance(named, str) and not targeted:
            return None  # which servers it is about has not been written yet
        return max(1, share(named, targeted))
    server_set = history.lives.get(change.controller)
    known = server_set.at(change.place) if server_set else None
    if known is None:
        return None
    return unavailable(known, 1 if known.spec.replicas is None else known.spec.replicas)


def _targeted(targets: tuple[str, ...], component: str) -> int:
    """Return how many of a component's servers are in a list such as "web/0-9,12"."""
    for each in targets:
        name, _, ordinals = each.partition("/")
        if name == component:
            spans = (part.partition("-") for part in ordinals.split(","))
            return sum(
                salvage.number(last or first) - salvage.number(first) + 1
                for first, _, last in spans
            )
    return 0


def _operation(
    history: journal.History, change: journal.Change, name: str
) -> journal.Change | None:
    for life in history.lives.values():
        named = name in (life.name, life.uid)
        if life.resource == "operations" and named and life.namespace == change.namespace:
            version = life.at(change.place)
            if version is not None and (life.gone is None or life.gone.place > change.place):
                return version
    return None


def _open(version: journal.Change, operation: str) -> bool:
    if version.spec.task is None or version.spec.task.operation != operation:
        return False
    state = version.status.task
    ended = state is not None and state.id == version.spec.task.id and state.state in tasks.ENDED
    return not ended


def share(amount: int | str, total: int) -> int:
    """Return an amount, or its percentage of `total` rounded down."""
    if isinstance(amount, int):
        return amount
    return math.floor(total * salvage.number(amount.removesuffix("%")) / 100)
