"""Healing: ill servers are made anew within their set's policy, and not left ill beyond its bound.

A server that was Ready and is not any more is ill. Whoever makes it anew waits for afterSeconds;
where more than maxIll are ill, for maxHoldSeconds, and then one goes at a time; and never are more
on their way back than the budget allows: that is judged of each write. A server that is ill for
longer than a hold can last, while nobody is made anew, is one that was forgotten.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from proof.history import budgets, journal, pods, spans, verdict

INVARIANT = "Healing"
ILL = frozenset({"Unhealthy", "Unreachable"})
REMEDIATED = "argosy.dev/remediated"
SKIPPED = "argosy.dev/skip-remediation"
# The longest that one which falls ill again and again must wait.
LONGEST_SECONDS = 3600.0
# For these reasons nothing of a set is made anew, whatever ails it.
WAITS = frozenset({"Paused", "CircuitOpen", "FleetOpening", "NamespaceTerminating", "Orphaned"})


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield ill servers that were made anew too early or with too many others, or never were."""
    sets: dict[str, list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        if life.resource == "servers":
            sets[life.controller].append(life)
    for uid, servers in sets.items():
        above = history.lives.get(uid)
        if above is None or above.resource != "serversets":
            continue
        for life in servers:
            for before, after in itertools.pairwise(life.versions):
                if after.ours and _heals(before, after):
                    yield from _hasty(above, servers, life, after, slack)
        yield from _forgotten(history, above, servers, slack)


def _heals(before: journal.Change, after: journal.Change) -> bool:
    """Whether a write has an ill server made anew because it is ill."""
    return after.spec.incarnation > before.spec.incarnation and _record(after) != _record(before)


def _hasty(
    above: pods.Life,
    servers: Sequence[pods.Life],
    life: pods.Life,
    change: journal.Change,
    slack: float,
) -> Iterator[verdict.Violation]:
    known = above.at(change.place)
    if known is None:
        return
    policy = known.spec.recovery.remediation
    desired = 1 if known.spec.replicas is None else known.spec.replicas
    others = [each for each in servers if each is not life]
    near, size = others, desired
    if policy.per == "Domain":
        # What another failure domain suffers holds nobody here; who is in none is by itself, too.
        near = [each for each in others if _domain(each, change) == change.spec.domain]
        size = 1 + len(near) if len(near) < len(others) else desired
    bound = policy.max_hold_seconds - slack
    coming = sum(_coming(each, change, bound, _heals) for each in near)
    # The writer saw some of them as they were a moment before.
    ill = 1 + sum(_counts(each, change, known, slack) for each in near)
    held = ill + coming > max(1, budgets.share(policy.max_ill, size))
    least = policy.max_hold_seconds if held else policy.after_seconds
    was = _down_for(life, change)
    if was < least - slack:
        yield _told(
            change,
            f"{change.object} is made anew after {was:.0f} s of illness, where it is given {least}"
            f" s as one of {ill} ill and {coming} coming of {desired}",
        )
    # Whoever took them down.
    limit = max(1, budgets.unavailable(known, desired))
    down = sum(_coming(each, change, bound, _takes_down) for each in (near if held else others))
    most = 1 if held else limit
    if down >= most:
        yield _told(
            change,
            f"{change.object} is made anew while {down} others are, where {most} of {desired} may"
            " be",
        )


def _domain(life: pods.Life, change: journal.Change) -> str:
    seen = life.at(change.place)
    return seen.spec.domain if seen is not None else ""


def _counts(life: pods.Life, change: journal.Change, above: journal.Change, slack: float) -> bool:
    """Whether the writer must have counted a server as ill."""
    seen = life.at(change.place)
    if seen is None or not _is_ill(seen) or _is_spared(seen):
        return False
    at_proven = seen.spec.revision == above.status.proven_revision
    return at_proven and _down_for(life, change) > slack


def _takes_down(before: journal.Change, after: journal.Change) -> bool:
    """Whether a write has a server made anew, for whatever reason."""
    return after.ours and after.spec.incarnation > before.spec.incarnation


def _coming(
    life: pods.Life,
    change: journal.Change,
    bound: float,
    makes_anew: Callable[[journal.Change, journal.Change], bool],
) -> bool:
    """Whether a server was made anew and keeps others waiting, as it is not back.

    One that does not come back keeps nobody waiting for longer than `bound`.
    """
    found = [each for each in life.versions if each.place < change.place]
    if not found or _is_ill(found[-1]) or _is_back(found[-1]):
        return False
    anew = [after for one, after in itertools.pairwise(found) if makes_anew(one, after)]
    return bool(anew) and change.received - anew[-1].answered < bound


def _is_back(change: journal.Change) -> bool:
    told = change.status.incarnation == change.spec.incarnation
    return (told and change.status.is_true("Ready")) or change.spec.power == "Stopped"


def _forgotten(
    history: journal.History, above: pods.Life, servers: Sequence[pods.Life], slack: float
) -> Iterator[verdict.Violation]:
    """Yield servers that stayed ill for longer than the bound, while nobody was made anew."""
    policy = above.last.spec.recovery.remediation
    anew = sorted(
        after.answered
        for life in servers
        for one, after in itertools.pairwise(life.versions)
        if after.spec.incarnation > one.spec.incarnation
    )
    may = spans.of(above, _may_heal)
    for life in servers:
        again = any(_record(each) for each in life.versions)
        bound = policy.max_hold_seconds + policy.after_seconds + slack
        bound += LONGEST_SECONDS if again else policy.max_hold_seconds * bool(anew)
        ill = spans.of(life, lambda each: _is_ill(each) and not _is_spared(each))
        for since, until in spans.cut(spans.meeting(ill, may), anew):
            if history.attention.seconds(since, until) > bound:
                version = next(each for each in life.versions if _is_ill(each))
                yield _told(
                    version, f"{life.label} is ill for more than {bound:.0f} s, and left so"
                )


def _may_heal(server_set: journal.Change) -> bool:
    """Whether nothing but the policy says that servers of this set are not to be made anew."""
    spec, status = server_set.spec, server_set.status
    said = status.condition("Ready")
    waits = said is None or said.reason in WAITS
    proven = status.proven_revision and status.proven_revision == spec.revision
    return bool(proven) and not (status.budget_spent or waits or server_set.terminating)


def _is_ill(change: journal.Change) -> bool:
    """Whether a server was told to be ill as it is now, and not as it was before it was remade."""
    told = change.status.condition("Ready")
    current = change.status.incarnation == change.spec.incarnation
    return current and told is not None and told.status != "True" and told.reason in ILL


def _is_spared(change: journal.Change) -> bool:
    """Whether a person, an operation or its end keeps a server from being made anew."""
    noted = (change.meta.annotations or {}).get(SKIPPED, "false") != "false"
    spec = change.spec
    return noted or spec.held or spec.task is not None or change.terminating


def _down_for(life: pods.Life, change: journal.Change) -> float:
    """Return for how long an incarnation of a server was not Ready when a write was asked for."""
    since, incarnation = change.received, 0
    for each in life.versions:
        if each.place >= change.place:
            break
        if each.status.is_true("Ready") or each.spec.incarnation != incarnation:
            since, incarnation = change.received, each.spec.incarnation
        else:
            since = min(since, each.received)
    return change.answered - since


def _record(change: journal.Change) -> str:
    return (change.meta.annotations or {}).get(REMEDIATED, "")


def _told(change: journal.Change, message: str) -> verdict.Violation:
    return verdict.Violation(invariant=INVARIANT, message=message, evidence=(change,))
