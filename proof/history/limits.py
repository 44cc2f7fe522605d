"""Limits: a fleet's provider gets no more calls than the Fleet allows, nor after an outage.

Of a fleet of pods the audit log shows the calls that make and delete pods. They are held to the
largest limits that the Fleet had: `callsPerSecond` over any span of time, `concurrentCalls` at any
moment. Whose call the connection was lost to goes on at the API server: so calls of one server
count as one, and those that took longer than any caller waits are left out.

Example: with 5 calls a second there may be 5 + 10 in the first second, as calls may have been held
up on their way for two; 60 in a second, all that had waited for an outage to end, are too many.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence

from proof.history import journal, pods, verdict

INVARIANT = "Limits"
# How much later than it began a call may arrive.
GRACE_SECONDS = 2.0
# How long the operator waits for an answer at most.
PATIENCE_SECONDS = 10.0


def check(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield calls that came faster than their Fleet allows, or beside too many others."""
    fleets = _limited(history)
    if not fleets:
        return
    calls: dict[str, list[journal.Change]] = defaultdict(list)
    servers = _servers(history)
    for change in history.ours:
        if change.resource == "pods" and change.verb in ("create", "delete"):
            fleet = servers.get((change.namespace, change.name), "")
            if fleet in fleets and not change.subresource:
                calls[fleet].append(change)
    for name, found in calls.items():
        found.sort(key=lambda each: each.received)
        per_second, at_once = fleets[name]
        if per_second is not None:
            yield from _hasty(name, found, per_second)
        if at_once is not None:
            yield from _crowded(name, found, at_once)


def _limited(history: journal.History) -> dict[str, tuple[int | None, int | None]]:
    """Return the largest limits of each Fleet; None where it was not bounded all the time."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for life in history.lives.values():
        if life.resource != "fleets":
            continue
        limits = [each.spec.limits for each in life.versions]
        name = life.last.name
        mine = (
            _largest([each.calls_per_second for each in limits]),
            _largest([each.concurrent_calls for each in limits]),
        )
        before = found.get(name, mine)
        found[name] = (_largest([before[0], mine[0]]), _largest([before[1], mine[1]]))
    return {name: each for name, each in found.items() if each != (None, None)}


def _largest(limits: Sequence[int | None]) -> int | None:
    known = [each for each in limits if each is not None]
    return max(known) if len(known) == len(limits) and known else None


def _servers(history: journal.History) -> dict[tuple[str, str], str]:
    """Return the fleet of each server; nothing where one of that name was of several."""
    found: dict[tuple[str, str], str] = {}
    for life in history.lives.values():
        if life.resource == "servers":
            place, fleet = _place(life), life.last.spec.fleet
            found[place] = fleet if found.get(place, fleet) == fleet else ""
    return found


def _place(life: pods.Life) -> tuple[str, str]:
    return life.last.namespace, life.last.name


def _hasty(
    fleet: str, calls: Sequence[journal.Change], per_second: int
) -> Iterator[verdict.Violation]:
    """Yield the first call that is one too many of some span of time that ends with it."""
    room = per_second * (1 + GRACE_SECONDS)
    used, last = 0.0, calls[0].received
    for each in calls:
        used = max(0.0, used - per_second * (each.received - last)) + 1.0
        last = each.received
        if used > room:
            yield _told(
                each, f"calls to the fleet {fleet} come faster than {per_second} in a second"
            )
            return


def _crowded(
    fleet: str, calls: Sequence[journal.Change], at_once: int
) -> Iterator[verdict.Violation]:
    """Yield the first call that is under way beside too many of other servers."""
    running: list[tuple[float, int, journal.Change]] = []
    for number, each in enumerate(calls):
        while running and running[0][0] <= each.received:
            heapq.heappop(running)
        if each.answered - each.received < PATIENCE_SECONDS:
            heapq.heappush(running, (each.answered, number, each))
        under_way = len({one.object for _, _, one in running})
        if under_way > at_once:
            yield _told(
                each,
                f"{under_way} calls to the fleet {fleet} are under way, where {at_once} may be",
            )
            return


def _told(change: journal.Change, message: str) -> verdict.Violation:
    return verdict.Violation(invariant=INVARIANT, message=message, evidence=(change,))
