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

from proof.history import journal, losses, pods, salvage, tasks, verdict


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield writes that spent more than the budget of a component or of an operation."""
    evicted = frozenset(_of_evicted(history))
    servers: dict[str, list[pods.Life]] = defaultdict(list)  # by the set's UID
    for life in history.lives.values():
        if life.resource == "servers":
            servers[life.controller].append(life)
    for found in servers.values():
        for life in found:
            for before, after in zip(life.versions, life.versions[1:], strict=False):
                if not after.ours:
                    continue
                if after.spec.task and after.spec.task != before.spec.task:
                    # An operation's own concurrency says how many it may take down. A server that
                    # is down already costs nobody anything.
                    if is_up(before) and after.line not in evicted:
                        yield from _busy(history, found, before, after, slack)
                elif after.spec.incarnation > before.spec.incarnation and is_up(before):
                    yield from _down(history, found, after, slack)


def _of_evicted(history: journal.History) -> Iterator[int]:
    """Yield the lines of tasks for servers whose pod an eviction had taken, or was just taking.

    The operator sees that pod go before it has written that its server is down. A budget says
    which pod may go, and the pod is going, before whoever asked for the eviction is answered.
    """
    watcher = losses.Watcher()
    asked = [each for each in history.changes if losses.is_eviction(each)]
    for each in history.changes:
        watcher.see(each)
        if each.ours and each.resource == "servers" and each.spec.task:
            lost = watcher.lost(each.answered)
            if any(one.evicted and one.server.meta.uid == each.meta.uid for one in lost) or any(
                _is_beside(each, one) for one in asked
            ):
                yield each.line


def _is_beside(task: journal.Change, eviction: journal.Change) -> bool:
    same = (task.namespace, task.name) == (eviction.namespace, eviction.name)
    return same and eviction.received <= task.answered and task.received <= eviction.answered


def _down(
    history: journal.History, servers: list[pods.Life], change: journal.Change, slack: float
) -> Iterator[verdict.Violation]:
    server_set = history.lives.get(change.controller)
    known = server_set.at(change.place) if server_set else None
    if known is None or known.spec.rollout.strategy != "RollingUpdate":
        return
    desired = 1 if known.spec.replicas is None else known.spec.replicas
    up = sum(counts(life, change, slack) for life in servers)
    limit = unavailable(known, desired)
    if desired - up > limit:
        yield verdict.Violation(
            invariant="Budget",
            message=f"{change.object} is taken down as one of {desired - up}, where {limit} of"
            f" {desired} may be",
            evidence=(change,),
        )


def is_up(change: journal.Change) -> bool:
    """Whether a server is available, as far as it was told itself."""
    told = change.spec.incarnation == change.status.incarnation
    return told and change.status.is_true("Ready") and not change.terminating


def counts(life: pods.Life, change: journal.Change, slack: float) -> bool:
    """Whether the writer could still take a server for available."""
    if life.born.place > change.place:
        return False
    current = life.at(change.place)
    if current is None or (life.gone is not None and life.gone.place < change.place):
        return False
    if _doubtful(life, current, change):
        return True
    if current.spec.incarnation != current.status.incarnation or current.terminating:
        return False
    past = [each for each in life.versions if each.place <= change.place]
    # Whoever lags behind sees what was so then: the last version from before, and all since.
    old = sum(each.answered < change.received - slack for each in past)
    return any(is_up(each) for each in past[max(0, old - 1) :])


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
    slack: float,
) -> Iterator[verdict.Violation]:
    task = change.spec.task
    if task is None or (before.spec.task is not None and before.spec.task.id == task.id):
        return
    known = _operation(history, change, task.operation)
    limit = _concurrency(history, known, change) if known is not None else None
    if limit is None:
        return
    there = [
        (life, version)
        for life in servers
        if (version := life.at(change.place)) is not None and not _doubtful(life, version, change)
    ]
    busy = {life.uid for life, version in there if _open(version, task.operation)}
    desired = _desired(history, change)
    down = sum(
        life.uid not in busy and _is_missed(life, version, change, desired, slack)
        for life, version in there
    )
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
    life: pods.Life, version: journal.Change, change: journal.Change, desired: int, slack: float
) -> bool:
    """Whether a server is down that should not be, and may come up again."""
    if life.gone is not None and life.gone.place < change.place:
        return False
    lost = version.spec.power == "Stopped" or version.status.is_true("Stalled")
    return version.spec.ordinal < desired and not lost and not counts(life, change, slack)


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


def _doubtful(life: pods.Life, current: journal.Change, change: journal.Change) -> bool:
    """Whether a write since `current` may have taken effect, such as a killed operator's last.

    It may have said that the server is up again, or that its task has ended. An API server that is
    killed does not even log its last writes; but who writes next finds what they left.
    """
    following = next((each for each in life.versions if each.place > current.place), None)
    if following and following.subresource != "status" and following.status != current.status:
        return True
    return any(
        doubt.answered >= current.received and doubt.received <= change.answered
        for doubt in life.doubts
    )


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
