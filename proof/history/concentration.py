"""One domain at a time: no server goes while one of another failure domain is down.

Whoever took that one down, it counts: so a write is judged if it takes down a server that was up,
in a set that asks for one domain at a time, against all that were down when it was planned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from proof.history import budgets, journal, pods, verdict

INVARIANT = "Domains"
# The action of a task that takes no server down, or leaves it at work.
_HARMLESS = frozenset({"Start", "Steps", "Snapshot"})


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield writes that took a server down while one of another domain was."""
    servers: dict[str, list[pods.Life]] = defaultdict(list)  # by the set's UID
    for life in history.lives.values():
        if life.resource == "servers":
            servers[life.controller].append(life)
    for uid, found in servers.items():
        above = history.lives.get(uid)
        for life in found if above is not None else ():
            for before, after in zip(life.versions, life.versions[1:], strict=False):
                known = above.at(after.place) if above is not None else None
                if known is not None and after.ours and _asks(known) and _goes(before, after):
                    yield from _apart(found, known, before, after, slack)


def _asks(server_set: journal.Change) -> bool:
    rollout = server_set.spec.rollout
    return rollout.one_domain_at_a_time and rollout.strategy == "RollingUpdate"


def _goes(before: journal.Change, after: journal.Change) -> bool:
    """Whether a write has a server that is up made anew, or asked for an act that takes it down."""
    if not budgets.is_up(before):
        return False
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
    slack: float,
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
        if place(version) != own and not budgets.counts(life, change, slack):
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
