"""Evictions: nobody takes a server down while evictions may take another in its place.

The PodDisruptionBudget that Argosy keeps for a set allows none from before the first server goes,
whoever takes it down: a rollout, an operation, remediation, a move or scaling. Where a write of it
failed, or somebody else keeps one, servers go all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from proof.history import budgets, journal, pods, presence, salvage, verdict

BUDGETS = "poddisruptionbudgets"
# The action of a task that takes no server down.
_HARMLESS = "Start"


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield writes that took a server down while its set's budget was open."""
    kept = {
        life.controller: life
        for life in history.lives.values()
        if life.resource == BUDGETS and life.controller
    }
    failed = any(each.resource == BUDGETS and not each.accepted for each in history.ours)
    if failed or not kept:
        return
    present = presence.Presence(history, slack)
    for life in history.lives.values():
        if life.resource != "servers" or life.controller not in kept:
            continue
        for before, after in zip(life.versions, life.versions[1:], strict=False):
            if after.ours and _goes(before, after) and present.takes_down(before, after):
                yield from _open(history, kept[life.controller], after)


def _goes(before: journal.Change, after: journal.Change) -> bool:
    """Whether a write takes a server down, if it is up."""
    told, asked = before.spec, after.spec
    given = asked.task is not None and (told.task is None or told.task.id != asked.task.id)
    return (
        asked.revision != told.revision
        or asked.incarnation > told.incarnation
        or asked.power != told.power
        or after.terminating
        or (given and asked.task is not None and asked.task.action != _HARMLESS)
    )


def _open(
    history: journal.History, budget: pods.Life, change: journal.Change
) -> Iterator[verdict.Violation]:
    server_set = history.lives.get(change.controller)
    known = server_set.at(change.place) if server_set else None
    if known is None or server_set is None or _going(server_set, change):
        return  # all of it goes
    if not _alive(budget, change) or (budget.ending is not None and budget.ending.ours):
        return  # it is to go: the limit is everything by now
    seen = budget.at(change.place)
    desired = 1 if known.spec.replicas is None else known.spec.replicas
    if budgets.unavailable(known, desired) >= desired:
        return  # no eviction takes too many: its removal and the first server's go side by side
    least = seen.spec.min_available if seen is not None else None
    if not isinstance(least, int) or least >= desired:
        return
    # Who scales the set as the server is told changes nothing of how many there are.
    there = sum(
        life.resource == "servers" and life.controller == change.controller and _alive(life, change)
        for life in history.lives.values()
    )
    if least < there:
        yield verdict.Violation(
            invariant="Evictions",
            message=f"{change.object} is taken down while evictions may leave {least} of {desired}",
            evidence=(change,),
        )


def _going(server_set: pods.Life, change: journal.Change) -> bool:
    """Whether the set was on its way out by then, as its later versions tell.

    Nobody asks for the end of what goes with its kind: there is no line of its delete.
    """
    ending = server_set.ending
    if ending is None:
        return False
    since = salvage.moment(ending.meta.deletion_timestamp)
    return (ending.answered if since is None else since) <= change.answered


def _alive(life: pods.Life, change: journal.Change) -> bool:
    gone = life.gone is not None and life.gone.place < change.place
    return life.born.place <= change.place and not gone
