"""Servers that were well and fell ill: which of them are made anew now.

Called by the ServerSet planner. A server that never became ready is not ill: its attempts, or the
rollout's deadline, deal with it.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock, tags
from controller.api.reasons import Reason
from controller.planning import availability, words
from controller.planning.census import Census, Facts

# How long a server may be ill before it is made anew: longer than a node takes to restart.
PATIENCE_SECONDS = 300
# Above this share of servers ill at once, it is the network or the nodes, not they.
EPIDEMIC_PERCENT = 40
_ILL = frozenset({Reason.UNHEALTHY, Reason.UNREACHABLE})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """Servers to make anew, or why none is."""

    servers: tuple[Facts, ...] = ()
    # So many are ill at once that replacing them would not help.
    held: bool = False
    ill: int = 0
    wake_after: float | None = None
    notes: tuple[str, ...] = ()


def decide(census: Census, *, now: float, proven_revision: str, limit: int) -> Remediation:
    """Return which ill servers are made anew; never more than `limit`, but one, at a time.

    Only servers at a revision that is proven: what ails the others may be their revision.
    """
    ill: list[tuple[float, Facts]] = []
    for each in census.odd:
        since = None if each.available else _ill_since(each, proven_revision)
        if since is not None:
            ill.append((since, each))
    if not ill:
        return Remediation()
    if len(ill) > max(1, census.desired * EPIDEMIC_PERCENT // 100):
        note = (
            f"{len(ill)} of {words.be(census.desired, 'server')} ill at once: none is replaced,"
            " as the cause is likely not theirs"
        )
        return Remediation(held=True, ill=len(ill), notes=(note,))
    waits = [since + PATIENCE_SECONDS - now for since, _ in ill]
    wake = min((wait for wait in waits if wait > 0), default=None)
    room = max(1, limit) - sum(1 for each in census.odd if _being_remade(each))
    overdue = sorted(
        (since, each.ordinal, each) for since, each in ill if now - since >= PATIENCE_SECONDS
    )
    chosen = tuple(each for _, _, each in overdue[: max(0, room)])
    return Remediation(
        servers=chosen,
        ill=len(ill),
        wake_after=wake,
        notes=_notes(ill=len(ill), overdue=len(overdue), chosen=len(chosen), limit=max(1, limit)),
    )


def _notes(*, ill: int, overdue: int, chosen: int, limit: int) -> tuple[str, ...]:
    notes = []
    if chosen:
        notes.append(
            f"replacing {words.count(chosen, 'server')} ill for {PATIENCE_SECONDS} seconds"
        )
    if overdue > chosen:
        notes.append(f"{words.count(overdue - chosen, 'ill server')} must wait: {limit} at a time")
    if ill > overdue:
        notes.append(
            f"{words.be(ill - overdue, 'server')} ill, for less than {PATIENCE_SECONDS} seconds"
        )
    return tuple(notes)


def _ill_since(facts: Facts, proven_revision: str) -> float | None:
    """Return since when the server is ill, or None where it is not, or not to be remediated."""
    server = facts.server
    spec = server.spec
    if facts.operated or facts.failed or spec.held or spec.power != "Running":
        return None
    if spec.revision != proven_revision or _being_remade(facts):
        return None
    if tags.skips_remediation(server.metadata):
        return None
    ready = availability.readiness(server)
    if ready is None or ready.status == "True" or ready.reason not in _ILL:
        return None
    return clock.parse(ready.last_transition_time)


def _being_remade(facts: Facts) -> bool:
    server = facts.server
    return server.status.incarnation != server.spec.incarnation and server.status.incarnation > 0
