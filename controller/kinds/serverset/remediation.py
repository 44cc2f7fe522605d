"""Servers that were well and fell ill: which of them are made anew now.

Called by the ServerSet planner. A server that never became ready is not ill: its attempts, or the
rollout's deadline, deal with it.

Where more are ill than the policy's maxIll, the cause is likely not theirs, and replacing them
would only add to the trouble: remediation is held. A hold has two ends. Once fewer are ill, those
that are left get afterSeconds to follow the others; and whoever has been ill for maxHoldSeconds is
replaced all the same, one at a time, so that what does not pass by itself is healed in the end.

The trouble of one failure domain is no sign of what ails the servers of another: where the policy
says so, which it does if nobody says otherwise, each domain is held by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import clock, objects, tags
from controller.api.choices import HeldTogether, Power
from controller.api.reasons import Reason
from controller.planning import amounts, availability, words
from controller.planning.census import Census, Facts
from controller.planning.plan import soonest

# A server that falls ill again and again waits for twice as long each time, and at most so long,
# in seconds; one that was well for so long starts afresh.
LONGEST_SECONDS = 3600.0
_ILL = frozenset({Reason.UNHEALTHY, Reason.UNREACHABLE})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RemediationPlan:
    """Servers to make anew, or why none is."""

    servers: tuple[Facts, ...] = ()
    # So many are ill at once that replacing them would not help; and when it was last so.
    held: bool = False
    last_hold: str | None = None
    ill: int = 0
    # When the next server that waits for the end of the hold is replaced all the same.
    until: float | None = None
    wake_after: float | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Ill:
    """An ill server, since when it is, and how long it is given to get well by itself."""

    facts: Facts
    since: float
    patience: float


@dataclasses.dataclass(slots=True, kw_only=True)
class _Group:
    """The servers that are held together: a set's, or those of one of its failure domains."""

    size: int
    ill: list[_Ill] = dataclasses.field(default_factory=list)
    # When each of those that are being made anew is given up on.
    awaited: list[float] = dataclasses.field(default_factory=list)
    # Of all that are being made anew, whoever took them down: they use the budget.
    down: list[float] = dataclasses.field(default_factory=list)

    def is_held(self, policy: objects.Remediation) -> bool:
        """Return whether so many are ill that the cause is likely not theirs."""
        return len(self.ill) + len(self.awaited) > amounts.at_least_one(policy.max_ill, self.size)


def idle(told: objects.ServerSetStatus) -> RemediationPlan:
    """Return the remediation while nothing may be done: a hold is as it was."""
    return RemediationPlan(held=told.remediation_held, last_hold=told.last_remediation_hold)


def decide(
    census: Census,
    *,
    now: float,
    told: objects.ServerSetStatus,
    policy: objects.Remediation,
    proven_revision: str,
    limit: int,
    evicted: frozenset[int] = frozenset(),
) -> RemediationPlan:
    """Return which ill servers are made anew; never more than `limit`, but one, at a time.

    Only servers at a revision that is proven: what ails the others may be their revision. The pods
    of `evicted` ones are on their way out, whatever these say of themselves.
    """
    groups = _visit(census, policy, proven_revision, now, evicted)
    held = any(each.is_held(policy) for each in groups)
    ended = told.remediation_held and not held
    last_hold = clock.stamp(now) if ended else told.last_remediation_hold
    found = RemediationPlan(held=held, last_hold=last_hold)
    left = max(1, limit) - sum(len(each.down) for each in groups)
    settled = clock.parse(last_hold) + policy.after_seconds
    for group in groups:
        healed = _heal(group, policy, now=now, settled=settled, left=left)
        left -= len(healed.servers)
        found = _joined(found, healed)
    return found


def _heal(
    group: _Group, policy: objects.Remediation, *, now: float, settled: float, left: int
) -> RemediationPlan:
    """Return which of these are made anew, where `left` more may be down."""
    if not group.ill:
        return RemediationPlan()
    held = group.is_held(policy)
    cautious = held or now < settled
    room = min(left, 1 - len(group.down)) if cautious else left
    dues = sorted(
        (_due(each, policy, held=held, settled=settled), each.facts.ordinal, each.facts)
        for each in group.ill
    )
    overdue = [facts for due, _, facts in dues if due <= now]
    chosen = tuple(overdue[: max(0, room)])
    given_up = min(group.down, default=now) - now if len(overdue) > len(chosen) else 0.0
    next_due = min((due for due, _, _ in dues if due > now), default=None)
    return RemediationPlan(
        servers=chosen,
        ill=len(group.ill),
        until=next_due if cautious and not overdue else None,
        wake_after=soonest(
            next_due - now if next_due is not None else None, given_up if given_up > 0 else None
        ),
        notes=_notes(group, policy, chosen=len(chosen), overdue=len(overdue), held=held),
    )


def _joined(one: RemediationPlan, other: RemediationPlan) -> RemediationPlan:
    """Return what is done in several groups."""
    return dataclasses.replace(
        one,
        servers=(*one.servers, *other.servers),
        ill=one.ill + other.ill,
        until=soonest(one.until, other.until),
        wake_after=soonest(one.wake_after, other.wake_after),
        notes=(*one.notes, *other.notes),
    )


def record(server: objects.Server, now: float) -> str:
    """Return what is put on record of a server as it is made anew: how often in a row, and when."""
    return f"{_repeats(server, now, _fell_ill(server)) + 1} {clock.stamp(now)}"


def _due(ill: _Ill, policy: objects.Remediation, *, held: bool, settled: float) -> float:
    """Return when the server is to be made anew, if it is ill until then."""
    plainly = ill.since + ill.patience
    in_the_end = max(plainly, ill.since + policy.max_hold_seconds)
    return in_the_end if held else min(in_the_end, max(plainly, settled))


def _notes(
    group: _Group,
    policy: objects.Remediation,
    *,
    chosen: int,
    overdue: int,
    held: bool,
) -> tuple[str, ...]:
    notes = []
    if held:
        notes.append(
            f"{len(group.ill)} of {words.be(group.size, 'server')} ill at once: the cause is"
            f" likely not theirs, so each is given {policy.max_hold_seconds} seconds"
        )
    if chosen:
        notes.append(f"replacing {words.count(chosen, 'server')} that stayed ill")
    if overdue > chosen:
        notes.append(f"{words.count(overdue - chosen, 'ill server')} must wait for others")
    if (rest := len(group.ill) - overdue) and not held:
        seconds = policy.after_seconds
        notes.append(f"{words.be(rest, 'server')} ill, for less than {seconds} seconds")
    return tuple(notes)


def _visit(
    census: Census,
    policy: objects.Remediation,
    proven_revision: str,
    now: float,
    evicted: frozenset[int],
) -> list[_Group]:
    """Return the groups in which somebody is ill or made anew, in the order of their names."""
    found: dict[str, _Group] = {}
    for ordinal in evicted & census.servers.keys():
        name = _domain(census.servers[ordinal], policy)
        going = found.setdefault(name, _Group(size=_size(census, policy, name)))
        going.down.append(now + policy.max_hold_seconds)
    for each in census.odd:
        if each.available or each.ordinal in evicted:
            continue
        is_ill = _is_ill(each, proven_revision)
        given_up = 0.0 if is_ill else _given_up(each, policy, now)
        if not is_ill and given_up <= now:
            continue
        name = _domain(each.server, policy)
        group = found.get(name)
        if group is None:
            group = found[name] = _Group(size=_size(census, policy, name))
        if is_ill:
            group.ill.append(_ill(each, policy, now))
            continue
        group.down.append(given_up)
        if _is_healed(each, now):
            group.awaited.append(given_up)
    return [group for _, group in sorted(found.items())]


def _domain(server: objects.Server, policy: objects.Remediation) -> str:
    """Return with whom a server is held: nothing stands for the whole set."""
    return server.spec.domain if policy.per == HeldTogether.DOMAIN else ""


def _size(census: Census, policy: objects.Remediation, name: str) -> int:
    """Return how many servers are held together; counted only once one of them is ill.

    Example: 4 servers are older than their fleet's domains, and 16 are in some. The 4 are held by
    themselves: 30% of them is one, where 30% of the set would let all four be made anew at once.
    """
    alike = sum(1 for each in census.servers.values() if _domain(each, policy) == name)
    return alike if alike < len(census.servers) else census.desired


def _ill(facts: Facts, policy: objects.Remediation, now: float) -> _Ill:
    server, fell = facts.server, _fell_ill(facts.server)
    repeats = _repeats(server, now, fell)
    _, last = tags.remediated(server.metadata)
    longest = max(LONGEST_SECONDS, float(policy.after_seconds))
    return _Ill(
        facts=facts,
        # One that was ill before it was made anew, and is again, has its time from then on.
        since=max(fell, last) if repeats else fell,
        patience=min(policy.after_seconds * 2.0 ** min(repeats, 16), longest),
    )


def _is_ill(facts: Facts, proven_revision: str) -> bool:
    """Return whether the server is ill, and to be remediated."""
    server = facts.server
    spec = server.spec
    if facts.operated or facts.failed or spec.held or spec.power != Power.RUNNING:
        return False
    if spec.revision != proven_revision or _goes(server):
        return False
    if tags.skips_remediation(server.metadata):
        return False
    ready = availability.readiness(server)
    return ready is not None and ready.status != "True" and ready.reason in _ILL


def _given_up(facts: Facts, policy: objects.Remediation, now: float) -> float:
    """Return until when a server that is being made anew keeps others waiting; 0.0 if it does not.

    One that does not come back must not keep them from being healed for ever.
    """
    server = facts.server
    # One that has yet to come up for the first time is not missing.
    if facts.failed or server.spec.power != Power.RUNNING:
        return 0.0
    if availability.is_new(server) and not facts.operated:
        return 0.0
    _, last = tags.remediated(server.metadata)
    since = last if _repeats(server, now, now) else 0.0
    return max(since, _fell_ill(server)) + policy.max_hold_seconds


def _is_healed(facts: Facts, now: float) -> bool:
    """Return whether a server is being made anew because it fell ill."""
    return bool(_repeats(facts.server, now, now)) or _goes(facts.server)


def _repeats(server: objects.Server, now: float, fell_ill: float) -> int:
    """Return how often in a row the server was made anew for falling ill again."""
    count, last = tags.remediated(server.metadata)
    return count if last <= now and fell_ill - last < LONGEST_SECONDS else 0


def _fell_ill(server: objects.Server) -> float:
    ready = availability.readiness(server)
    return clock.parse(ready.last_transition_time) if ready is not None else 0.0


def _goes(server: objects.Server) -> bool:
    return server.status.incarnation != server.spec.incarnation and server.status.incarnation > 0


def told(names: Iterable[str]) -> str:
    """Return what is told of servers that are made anew."""
    return f"Replacing {words.several(list(names))}: unhealthy for too long."
