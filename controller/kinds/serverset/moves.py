"""Servers that have to move: each is made anew elsewhere, a spare one first where there may be one.

`of` says which have to, and why; `wanted` which of them Argosy is to move; `decide` which of these
go now. The budget is the component's one: a move counts all that are down, whoever took them down.

Called by `gather` and by the ServerSet planner.

A drain evicts by name, and tries again every few seconds: had Argosy made the server anew in
between, it would go on trying with the new pod, for ever where none may be down. So once a spare
one is there evictions are allowed, and have their time; Argosy moves a server itself only where
nobody evicts.

Example: one server, maxUnavailable 0, maxSurge 1, and its node is drained. A spare one is made,
which the scheduler places elsewhere. Once it is available the eviction of the first is allowed, and
that one comes back elsewhere, too; then the spare one goes. The drain ends, and the component never
had none. Were the node merely cordoned, Argosy would make the first one anew after a while.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from controller.api import clock, objects
from controller.api.choices import Evictions, Power, UpdateStrategy
from controller.api.reasons import Reason
from controller.planning import amounts, availability, budget, focus, relations, words
from controller.planning.caches import Caches
from controller.planning.census import Census, Facts

# For how long whoever drains a node may evict a server that could go: `kubectl drain` tries again
# every five seconds.
PATIENCE_SECONDS = 15.0
_ILL = frozenset({Reason.UNHEALTHY, Reason.UNREACHABLE})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Why one server has to move: `why` ends the sentence "it moves, as …"."""

    why: str
    # The object that says so, such as "Node/one".
    object: str
    # Whoever empties its place evicts it: where no spare one may stand in for it, that is waited
    # for, and a place that is merely closed to others moves nobody.
    evicted: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Servers that move now."""

    servers: tuple[objects.Server, ...] = ()
    wake_after: float | None = None
    notes: tuple[str, ...] = ()


def of(caches: Caches, server_set: objects.ServerSet) -> dict[int, Move]:
    """Return which servers of the set have to move, by ordinal."""
    asked = {
        ordinal: Move(
            why=f"{each.spec.requester} asks for its eviction",
            object=f"EvictionRequest/{each.metadata.name}",
            evicted=True,
        )
        for ordinal, each in relations.asked_to_leave(caches, server_set).items()
    }
    cordoned = {
        ordinal: Move(why=f"node {node} takes no new pods", object=f"Node/{node}", evicted=True)
        for ordinal, node in relations.on_cordoned_nodes(caches, server_set).items()
    }
    return {**asked, **cordoned}


def surges(spec: objects.ServerSetSpec) -> bool:
    """Return whether a spare server may stand in for one that moves."""
    rollout = spec.rollout
    rolling = rollout.strategy == UpdateStrategy.ROLLING_UPDATE and not spec.volume_claims
    return rolling and amounts.up(rollout.max_surge, spec.replicas) > 0


def wanted(
    moving: Mapping[int, Move], census: Census, spec: objects.ServerSetSpec
) -> dict[int, Move]:
    """Return the moves that are Argosy's to make.

    Not of what a person holds or stopped, of spare servers, which go by themselves, nor of one that
    is being made anew already: that one will be elsewhere. Evictions that ignore the budget need no
    server in advance.
    """
    if not moving:
        return {}
    spared, ignored = surges(spec), spec.rollout.evictions == Evictions.IGNORE
    down = {each.ordinal for each in census.odd if not each.ready}
    found: dict[int, Move] = {}
    for ordinal, move in sorted(moving.items()):
        server = census.servers.get(ordinal)
        if server is None or server.spec.held or server.spec.power != Power.RUNNING:
            continue
        if census.is_spare(ordinal) or server.status.incarnation != server.spec.incarnation:
            continue
        if move.evicted and (ignored or ordinal in down or not spared):
            continue
        found[ordinal] = move
    return found


def decide(
    census: Census,
    moves: Mapping[int, Move],
    spec: objects.ServerSetSpec,
    *,
    now: float,
    touched: Collection[int] = (),
    taken: int = 0,
    one: focus.Focus | None = None,
) -> Moves:
    """Return which servers move now; this plan takes `taken` others down that were up.

    Where there may be spare servers, each goes once one stands in for it, however large the limit
    is: only those are not waited for that will not come up by themselves. A server that is down
    costs nothing. Servers that are to be evicted are left to that for a while.
    """
    odd = {each.ordinal: each for each in census.odd}
    here = [
        each for each in moves if each not in touched and not (each in odd and odd[each].operated)
    ]
    if not here:
        return Moves()
    down = [each for each in here if each in odd and not odd[each].ready]
    up = [each for each in here if each not in down]
    counting = census.counting - taken
    allowed = budget.Budget(
        desired=census.desired,
        limit=budget.limit(census.desired, spec.rollout),
        available=counting,
    )
    room = allowed.allowance
    if surges(spec):
        lasting = sum(1 for each in census.odd if is_down_for_good(each))
        room = max(0, min(room, counting + lasting - census.desired))
    patience = _patience(census, now) if any(moves[each].evicted for each in up) else 0.0
    if patience:
        up = [each for each in up if not moves[each].evicted]
    one = one or focus.Focus((), on=False)
    up.sort(key=lambda each: (one.key(census.servers[each]), each))
    able: list[int] = []
    for each in up:
        if len(able) < room and one.take(census.servers[each]):
            able.append(each)
    going = tuple(sorted((*down, *able)))
    notes = []
    if going:
        notes.append(f"moving {words.count(len(going), 'server')}: {moves[going[0]].why}")
    if len(going) < len(here):
        waiting = f"{words.count(len(here) - len(going), 'server')} still to move"
        notes.append(f"{waiting}: {allowed.unavailable} of {allowed.desired} unavailable")
    return Moves(
        servers=tuple(census.servers[each] for each in going),
        wake_after=patience or None,
        notes=tuple(notes),
    )


def _patience(census: Census, now: float) -> float:
    """Return for how long evictions have their turn: since the last server came up, or 0.0."""
    latest = max(
        (
            clock.parse(ready.last_transition_time)
            for each in census.servers.values()
            if (ready := availability.readiness(each)) is not None
        ),
        default=0.0,
    )
    return max(0.0, latest + PATIENCE_SECONDS - now)


def is_down_for_good(facts: Facts) -> bool:
    """Return whether no spare server need be kept for this one: it is failed, ill or stopped."""
    if facts.ready:
        return False
    ready = availability.readiness(facts.server)
    ill = ready is not None and ready.reason in _ILL
    return facts.failed or ill or facts.server.spec.power == Power.STOPPED
