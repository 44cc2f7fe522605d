"""A server that is not Ready says what it waits for, and that is there.

Whoever waits needs to know for what. After half a minute each server that should run and is not
Ready has a `blockedBy`, and what is named there exists. Time is `attention`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from proof.history import journal, pods, readiness, records, spans, verdict

INVARIANT = "Blocked"
# The objects that a history tells of, by the kinds in which `blockedBy` names them.
TOLD: Mapping[str, str] = {
    "Application": "applications",
    "ServerSet": "serversets",
    "Server": "servers",
    "Operation": "operations",
    "Pod": "pods",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Service": "services",
    "Job": "jobs",
    "Fleet": "fleets",
    "ControllerRevision": "controllerrevisions",
}
# What these wait for is missing, and they say so.
MISSING = frozenset(
    {"UnknownFleet", "RevisionMissing", "Orphaned", "NotFound", "FleetNotAllowed", "NoSource"}
)
# The fleet that nobody wrote.
BUILT_IN = ("fleets", "pods")

Names = Mapping[tuple[str, str], Sequence[pods.Life]]


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield servers that are not Ready for long and do not say why."""
    named: dict[tuple[str, str], list[pods.Life]] = defaultdict(list)
    born: dict[str, list[float]] = defaultdict(list)
    for life in history.lives.values():
        named[life.resource, life.name].append(life)
        if life.resource == "pods":
            born[life.controller].append(life.born.answered)
    refused = readiness.refusals(history)
    bound = slack + readiness.NOTICE_SECONDS + readiness.QUIET_SECONDS
    for life in history.lives.values():
        if life.resource == "servers":
            anew = sorted([*_changes(life), *born[life.uid], *refused(life)])
            yield from _silent(history, life, named, anew, bound)


def _changes(server: pods.Life) -> Iterator[float]:
    """Yield when something else was asked of a server."""
    for before, after in zip(server.versions, server.versions[1:], strict=False):
        if after.meta.generation != before.meta.generation:
            yield after.answered


def _silent(
    history: journal.History,
    server: pods.Life,
    named: Names,
    anew: Sequence[float],
    bound: float,
) -> Iterator[verdict.Violation]:
    ended = min(_ends_above(history, server), default=spans.EVER)
    told = {each for version in server.versions for each in version.status.blocked_by}
    stood = spans.joined(said(server, each, named) for each in told)
    for since, until in spans.cut(spans.without(spans.of(server, _waits), stood), anew):
        if history.attention.seconds(since, min(until, ended)) > bound:
            version = max(
                (each for each in server.versions if each.answered <= since),
                key=lambda each: each.place,
            )
            named_there = ", ".join(each.object for each in version.status.blocked_by)
            why = (
                f"is blocked by {named_there}, which is not there" if named_there else "names none"
            )
            yield verdict.Violation(
                invariant=INVARIANT,
                message=f"{server.label} is not Ready for more than {bound:.0f} s and {why}",
                evidence=(version,),
            )


def said(server: pods.Life, blocked: records.Blocked, named: Names) -> list[spans.Span]:
    """Return when a server, or what is above it, named that in its way, and it was there."""
    stood = spans.perhaps(server, lambda each: blocked in each.status.blocked_by)
    kind, _, name = blocked.object.partition("/")
    resource = TOLD.get(kind)
    if resource is None or blocked.reason in MISSING or (resource, name) == BUILT_IN:
        return stood
    found = named.get((resource, name), ())
    alive = spans.joined([_alive(each)] for each in found if _is_near(each, server))
    return spans.meeting(stood, alive)


def _alive(life: pods.Life) -> spans.Span:
    return life.born.received, spans.EVER if life.gone is None else life.gone.answered


def _is_near(life: pods.Life, server: pods.Life) -> bool:
    return life.namespace in ("", server.namespace)


def _waits(change: journal.Change) -> bool:
    return (
        change.spec.power != "Stopped"
        and not change.status.is_true("Ready")
        and not change.terminating
    )


def _ends_above(history: journal.History, server: pods.Life) -> Iterator[float]:
    """Yield when whatever the server belongs to began to go: then it waits for its own end."""
    seen = {server.uid}
    life = history.lives.get(server.controller)
    while life is not None and life.uid not in seen:
        seen.add(life.uid)
        yield from (end.received for end in (life.ending, life.gone) if end is not None)
        life = history.lives.get(life.controller)
