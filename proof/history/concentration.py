"""One domain at a time: no server goes while one of another failure domain is down.

Whoever took that one down, it counts: so a write is judged if it takes down a server that was up,
in a set that asks for one domain at a time, against all that were down when it was planned. An
eviction is judged, too, where Argosy's own PodDisruptionBudget let it pass: against what Argosy and
earlier evictions took down. The disruption controller need not know yet who fell ill by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from proof.history import journal, losses, pods, presence, verdict

INVARIANT = "Domains"
# The action of a task that takes no server down, or leaves it at work.
_HARMLESS = frozenset({"Start", "Steps", "Snapshot"})


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield writes and evictions that took a server down while one of another domain was."""
    servers: dict[str, list[pods.Life]] = defaultdict(list)  # by the set's UID
    for life in history.lives.values():
        if life.resource == "servers":
            servers[life.controller].append(life)
    yield from _evicted(history)
    present = presence.Presence(history, slack)
    for uid, found in servers.items():
        above = history.lives.get(uid)
        for life in found if above is not None else ():
            for before, after in zip(life.versions, life.versions[1:], strict=False):
                known = above.at(after.place) if above is not None else None
                if known is None or not (after.ours and _asks(known) and _goes(before, after)):
                    continue
                if present.takes_down(before, after):
                    yield from _apart(found, known, before, after, present)


def _asks(server_set: journal.Change) -> bool:
    rollout = server_set.spec.rollout
    return rollout.one_domain_at_a_time and rollout.strategy == "RollingUpdate"


def _goes(before: journal.Change, after: journal.Change) -> bool:
    """Whether a write has a server made anew, or asks it for an act that takes it down."""
    told, asked = before.spec, after.spec
    given = asked.task is not None and (told.task is None or told.task.id != asked.task.id)
    return asked.incarnation > told.incarnation or (
        given and asked.task is not None and asked.task.action not in _HARMLESS
    )


def _apart(
    servers: list[pods.Life],
    server_set: journal.Change,
    before: journal.Change,
    change: journal.Change,
    present: presence.Presence,
) -> Iterator[verdict.Violation]:
    desired = 1 if server_set.spec.replicas is None else server_set.spec.replicas
    own = place(before)
    for life in servers:
        version = life.at(change.place)
        if version is None or version.object == change.object:
            continue
        gone = life.gone is not None and life.gone.place < change.place
        if gone or version.spec.ordinal >= desired or version.spec.power == "Stopped":
            continue
        if place(version) != own and not present.counts(life, change):
            yield verdict.Violation(
                invariant=INVARIANT,
                message=f"{change.object} of domain {own} is taken down while {version.object} of"
                f" domain {place(version)} is down",
                evidence=(version, change),
            )
            return


def place(version: journal.Change) -> str:
    """Return the domain that a server is in, or is to be in."""
    provider = version.status.provider
    return (provider.zone if provider is not None else "") or version.spec.domain


def _evicted(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield evictions beside which a server of another domain had been taken down.

    Which of the two went first need not be known, as none may go while the other is down.
    """
    watcher = losses.Watcher()
    told: set[int] = set()
    for change in history.changes:
        lost = watcher.lost(change.received)
        for each in lost:
            if each.evicted and each.by.line not in told:
                beside = list(_beside(history, each, lost))
                told.update(each.by.line for _ in beside)
                yield from beside
        watcher.see(change)


def _beside(
    history: journal.History, evicted: losses.Loss, lost: list[losses.Loss]
) -> Iterator[verdict.Violation]:
    server = evicted.server
    above = history.lives.get(server.controller)
    known = above.at(evicted.by.place) if above is not None else None
    if known is None or known.terminating or not _asks(known):
        return
    desired = 1 if known.spec.replicas is None else known.spec.replicas
    for each in lost:
        other = each.server
        mine = other.controller == server.controller and other.spec.ordinal < desired
        if mine and place(other) != place(server) and _is_kept(history, known, evicted, each):
            yield verdict.Violation(
                invariant=INVARIANT,
                message=f"{server.object} of domain {place(server)} is evicted beside"
                f" {other.object} of domain {place(other)}, which was taken down",
                evidence=(each.by, evicted.by),
            )
            return


def _is_kept(history: journal.History, known: journal.Change, *lost: losses.Loss) -> bool:
    """Return whether a budget was there all the time that holds evictions to one domain."""
    since = min(each.by.received for each in lost)
    until = max(each.by.answered for each in lost)
    return known.spec.rollout.evictions == "Budget" and any(
        life.resource == "poddisruptionbudgets"
        and life.controller == known.meta.uid
        and life.alive_throughout(since, until)
        for life in history.lives.values()
    )
