"""The obstacles in the way of a set, and what would help: the `blockedBy` of its status.

Called by `summary`.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import clock, conditions
from controller.api.choices import Power
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.kinds.serverset import (
    causes,
    leftovers,
    moves,
    occupancy,
    relocation,
    remakers,
)
from controller.kinds.serverset.outlook import Outlook, converged
from controller.kinds.serverset.reasons import ServerSetReason
from controller.planning import budget, departures, domains, focus, outcomes, remedies, words
from controller.planning.verdict import Verdict

# A status must stay small, however large the set.
MOST_BLOCKED = 20


def of(outlook: Outlook, held: Verdict | None) -> tuple[Blocked, ...]:
    """Return all that is in the way, the first few; `held` is why ill servers are not replaced."""
    server_set, now = outlook.snapshot.server_set, outlook.snapshot.now
    found = list(_obstacles(outlook))
    told = {each.object for each in found}
    found += [each for each in outlook.causes.shared if each.object not in told]
    if outlook.census.due and not outlook.obstacle:
        namespace = server_set.metadata.namespace
        found += remakers.awaited(outlook.left, outlook.census.odd, namespace)
    found += crowded(outlook)
    found += _evicted(outlook)
    found += _moving(outlook)
    found += relocation.sick(outlook.snapshot, outlook.census)
    found += _asleep(outlook)
    found += _on_hold(outlook, held)
    found += leftovers.scaled(outlook.snapshot)
    found += trouble(outlook)
    told = {each.object for each in found}
    found += [each for each in outlook.causes.own if each.object not in told]
    if (outlook.census.due or outlook.moving) and not outlook.obstacle:
        known = {each.object for each in found}
        found += [each for each in _over_budget(outlook) if each.object not in known]
    return outcomes.steady(server_set.status.blocked_by, found[:MOST_BLOCKED], now)


def crowded(outlook: Outlook) -> Iterable[Blocked]:
    """Yield the namespace that has no room for servers that are missing."""
    if outlook.unmade:
        snapshot = outlook.snapshot
        yield occupancy.blocked(snapshot.server_set, snapshot.room, outlook.unmade, snapshot.now)


def trouble(outlook: Outlook) -> Iterable[Blocked]:
    """Yield the servers that will not become available by themselves, the first few.

    Servers that are merely coming up are not told one by one: the status would never rest.
    """
    stuck = outlook.progress.missed or outlook.remedy.ill > 0
    meta = outlook.snapshot.server_set.metadata
    for each in outlook.census.odd:
        if each.available or not (each.failed or stuck):
            continue
        told = conditions.find(
            each.server.status.conditions,
            ConditionType.STALLED if each.failed else ConditionType.READY,
        )
        name = each.server.metadata.name
        # The cause says more than that the server was well and is not: the set gives it as well.
        said = (None if each.failed else causes.own_of(each)) or told
        yield Blocked(
            object=f"Server/{name}",
            reason=said.reason if said and said.reason else Reason.PENDING,
            message=said.message if said else "",
            since=told.last_transition_time if told else clock.stamp(outlook.snapshot.now),
            next_attempt_time=each.server.status.attempts.next_attempt_time,
            remedy=remedies.why("server", name, meta.namespace),
        )


def _obstacles(outlook: Outlook) -> tuple[Blocked, ...]:
    """Return what stands above the set; nothing for one that is as it should be and may stay so."""
    found = outlook.obstacle
    if found is None or (found.reason in causes.OF_OTHERS and _rests(outlook)):
        return ()
    return found.blocked


def _rests(outlook: Outlook) -> bool:
    moving = bool(outlook.moving)
    return converged(outlook.census, outlook.spec.rollout.strategy, moving=moving)


def _moving(outlook: Outlook) -> Iterable[Blocked]:
    """Yield whatever has servers move, with what that waits for."""
    meta = outlook.snapshot.server_set.metadata
    places: dict[str, list[int]] = {}
    for ordinal, move in outlook.moving.items():
        places.setdefault(move.object, []).append(ordinal)
    for place, ordinals in sorted(places.items()):
        who = words.count(len(ordinals), "server")
        yield Blocked(
            object=place,
            reason=ServerSetReason.MOVING,
            message=f"{who} of {meta.name} to move within the budget, as"
            f" {outlook.moving[ordinals[0]].why}.",
            since=clock.stamp(outlook.snapshot.now),
            remedy=remedies.why("serverset", meta.name, meta.namespace),
        )


def _evicted(outlook: Outlook) -> Iterable[Blocked]:
    """Yield whose evictions are on record, where others wait to be taken down for that."""
    census, meta = outlook.census, outlook.snapshot.server_set.metadata
    waiting = census.due or outlook.moving or outlook.remedy.ill
    there = outlook.snapshot.recorded & census.servers.keys()
    if outlook.obstacle or not (waiting and there):
        return
    rollout = outlook.spec.rollout
    limit = budget.limit(census.desired, rollout)
    if focus.is_on(rollout) or census.desired - census.counting >= limit:
        spec = outlook.spec
        yield departures.told(spec.application, spec.component, meta.namespace, there)


def _asleep(outlook: Outlook) -> Iterable[Blocked]:
    """Yield what the set remembers of a Stop, while servers are missed for it."""
    spec, meta = outlook.spec, outlook.snapshot.server_set.metadata
    if not spec.stopped:
        return
    if not any(each.server.spec.power == Power.STOPPED for each in outlook.census.odd):
        return
    yield Blocked(
        object=f"ServerSet/{meta.name}",
        reason=Reason.STOPPED,
        message=f"Ordinals {spec.stopped} are stopped, as asked. Servers that are made later"
        " there are stopped, too, until a Start.",
        since=clock.stamp(outlook.snapshot.now),
        remedy=remedies.start(spec.application, spec.component, meta.namespace),
    )


def _on_hold(outlook: Outlook, verdict: Verdict | None) -> Iterable[Blocked]:
    """Yield the hold that keeps ill servers from being replaced, and when it ends for one."""
    held = outlook.remedy
    if verdict is None:
        return
    yield Blocked(
        object=f"ServerSet/{outlook.snapshot.server_set.metadata.name}",
        reason=verdict.reason,
        message=verdict.message,
        since=clock.stamp(outlook.snapshot.now),
        next_attempt_time=clock.stamp(held.until) if held.until is not None else None,
        remedy=remedies.nodes(),
    )


def _over_budget(outlook: Outlook) -> Iterable[Blocked]:
    """Yield the servers that the rollout, or a move, waits for although nobody is at work on them.

    Such servers use up its budget; or they are of another failure domain, where servers are taken
    down in one at a time. Servers that the rollout itself has down come up in a moment, and are not
    told.
    """
    spec, namespace = outlook.spec, outlook.snapshot.server_set.metadata.namespace
    limit = budget.limit(outlook.census.desired, spec.rollout)
    spent = outlook.census.desired - outlook.census.counting >= limit
    elsewhere = not spent and _waits_for_a_domain(outlook)
    if not (spent or elsewhere):
        return
    for each in outlook.census.odd:
        told, seen = each.server.spec, each.server.status
        as_told = (seen.revision, seen.incarnation) == (told.revision, told.incarnation)
        if each.ready or each.failed or each.operated or told.power == Power.STOPPED or not as_told:
            continue
        name = each.server.metadata.name
        if outlook.census.is_spare(each.ordinal) and (elsewhere or not outlook.census.due):
            continue  # nobody misses it
        if elsewhere and outlook.census.due and moves.is_down_for_good(each):
            continue  # the domain is told already
        why = (
            f"at most {limit} may be (maxUnavailable)"
            if spent
            else f"servers of one failure domain alone may be, now {domains.place(each.server)}"
            " (oneDomainAtATime)"
        )
        yield Blocked(
            object=f"Server/{name}",
            reason=Reason.SERVERS_UNAVAILABLE,
            message=f"{name} is not available, and {why}.",
            since=clock.stamp(outlook.snapshot.now),
            remedy=remedies.why("server", name, namespace),
        )


def _waits_for_a_domain(outlook: Outlook) -> bool:
    """Return whether all that are still to be taken down are of domains that must wait."""
    if not focus.is_on(outlook.spec.rollout):
        return False
    census, snapshot = outlook.census, outlook.snapshot
    one = focus.of(census, snapshot.evicted, outlook.spec)
    down = {each.ordinal for each in census.odd if not each.ready}
    due = {each.ordinal for each in census.due} - outlook.left.keys()
    waiting = [census.servers[each] for each in (due | outlook.moving.keys()) - down]
    return bool(waiting) and not any(one.admits(each) for each in waiting)
