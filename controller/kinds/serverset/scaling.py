"""How many servers there should be at this moment, which are added and which go.

A rollout may add spare servers above the desired ones; they are marked as they are made, and are
the first to go. Called by the ServerSet planner.
"""

from __future__ import annotations

import dataclasses
import functools
import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator

from controller.api import names, objects, tags
from controller.api.choices import Power, Start, UpdateStrategy
from controller.planning import amounts, budget, words
from controller.planning import domains as failure_domains
from controller.planning.census import SPARE, Census, Facts, is_spare

SPARE_ANNOTATIONS = {names.DELETE_FIRST_ANNOTATION: SPARE}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Ordinals to create, of them the spare ones, and servers to take away."""

    creates: tuple[int, ...] = ()
    spares: frozenset[int] = frozenset()
    removals: tuple[objects.Server, ...] = ()
    notes: tuple[str, ...] = ()


def decide(
    census: Census,
    spec: objects.ServerSetSpec,
    *,
    blocked: frozenset[int] = frozenset(),
    surging: bool = True,
    misfits: Collection[int] = (),
    moving: Collection[int] = (),
    domains: failure_domains.Domains = (),
) -> Scaling:
    """Return what brings the number of servers to what it should be now.

    A spare server stands in for one that the rollout brings to its target, and for one of those
    that are `moving`.

    Live servers, those on their way out too, never exceed the desired ones and the surge, so a
    server on its way out keeps its place until it is gone. Ordinals in `blocked` belong to somebody
    else: they stay missing, and no other ordinal stands in for them. `surging` False adds no spare
    servers. `misfits` are spare ones that are of no use, and keep the place of one that is.
    """
    if misfits:
        note = f"{words.count(len(misfits), 'spare server')} of no use to a halted rollout"
        gone = tuple(census.servers[each] for each in sorted(misfits))
        return Scaling(removals=gone, notes=(note,))
    spare_count, below = census.spares, census.below
    surge = _surge(census, spec, spare_count, below.union(moving))
    excess = census.present - census.desired - surge
    # A server on its way out is not `present` any more, but still takes room.
    room = -excess - len(census.leaving)
    # Servers below the lowest ordinal are to go, though they are not too many: at once where there
    # is no room, else after those that come in their place. Example: 3 servers are desired from 2
    # on, and 0, 1, 2 are there. Without a surge 0 and 1 go, as the budget allows, and 3 and 4 come
    # in their places. With a surge of 1 there is room for 3; once 3 is there, there is no more, and
    # 1 goes.
    if excess > 0 or (below and not room):
        count = max(excess, len(below))
        if spec.start == Start.ORDERED:
            count = 0 if census.leaving else 1
        return _removal(census, spec, surge, _first_to_go(census, spec, count, domains))
    # Neither a spare server nor one below stands for a desired one.
    missing = census.desired - (census.present - spare_count - len(below))
    # An ordinal is free again once its server is gone, so what comes back is not made twice.
    regular = max(0, min(missing - _coming_back(census), room))
    # Spare ones are made last, of what room is left.
    extra = min(surge - spare_count, room - regular) if surging else 0
    made = _creation(census, regular, max(0, extra), missing, blocked)
    return _one_by_one(census, made) if spec.start == Start.ORDERED else made


def _one_by_one(census: Census, sized: Scaling) -> Scaling:
    """Return the scaling with the first of its creates, once all servers before that are available.

    Example: 0 and 1 are available, 3 comes up, 2 and 4 are missing. 2 is made; 4 once 2 and 3 are
    available, too.
    """
    if not sized.creates:
        return sized
    lowest = min(sized.creates)
    ahead = [
        each.server.metadata.name
        for each in census.odd
        if each.ordinal < lowest and not each.available and not _is_stopped(each)
    ]
    if ahead:
        note = f"servers start one after the other (start: Ordered): waiting for {ahead[0]}"
        return Scaling(notes=(note,))
    left = words.count(len(sized.creates) - 1, "server")
    note = f"servers start one after the other (start: Ordered): {left} to come"
    notes = sized.notes if len(sized.creates) == 1 else (note,)
    return Scaling(creates=(lowest,), spares=sized.spares & {lowest}, notes=notes)


def _surge(
    census: Census, spec: objects.ServerSetSpec, spare_count: int, moving: Collection[int]
) -> int:
    """Return how many spare servers are of use now: none outside a rolling update.

    A server that is stopped is missed by nobody, so none stands in for it.
    """
    allowed = amounts.up(spec.rollout.max_surge, census.desired)
    if not allowed or spec.rollout.strategy != UpdateStrategy.ROLLING_UPDATE:
        return 0
    if not census.due and not moving:
        # The rollout is over but for what comes up: no more spare servers, but not fewer yet.
        allowed = min(allowed, spare_count)
    unfinished = {
        each.ordinal
        for each in census.odd
        if (each.due or not each.available)
        and not each.kept
        and each.server.spec.power != Power.STOPPED
        and not census.is_spare(each.ordinal)
    }
    return min(allowed, len(unfinished.union(moving)))


def _coming_back(census: Census) -> int:
    """Return how many places below the desired number are kept by servers on their way out."""
    wanted = range(census.first, census.end)
    return sum(1 for each in census.leaving if each.spec.ordinal in wanted)


def _first_to_go(
    census: Census,
    spec: objects.ServerSetSpec,
    count: int,
    domains: failure_domains.Domains,
) -> tuple[objects.Server, ...]:
    """Return the `count` servers that go first.

    Example, 6 to 4: web-1 is marked by a person, web-2 does not come up, web-3 is held, web-5 is a
    spare one. web-5 and web-1 go. Were there no mark: web-5 and web-2. Without either: web-5 and
    web-4, as web-3 is held. With volumeClaims, whatever was marked: web-5 and web-4.

    Whatever is below the lowest ordinal goes first. With claims strictly the highest ordinals,
    whose data is the newest by convention. Else what a rollout added, as it is to leave what it
    found; then what people marked, then the unhealthy, then those of the fullest of the fleet's
    `domains`, then the highest. A server that a person holds goes last, either way.
    """
    servers = census.servers
    if spec.volume_claims:

        def place(ordinal: int) -> tuple[bool, bool, int]:
            return (
                # False comes last: a person has it to look into, so it goes when no other is left.
                not servers[ordinal].spec.held,
                # No server is to have such an ordinal, whatever data it has.
                ordinal < census.first,
                # The highest first. Nothing seen comes before it: which data go is to be foretold.
                ordinal,
            )

        return tuple(servers[each] for each in heapq.nlargest(count, servers, key=place))
    unhealthy = {each.ordinal for each in census.odd if _is_unhealthy(each)}

    def rank(ordinal: int) -> tuple[bool, bool, bool, bool, bool, int]:
        return (
            # False comes last: a person has it to look into, so it goes when no other is left.
            not servers[ordinal].spec.held,
            # No server is to have such an ordinal: neither a mark nor its health could keep it.
            ordinal < census.first,
            # A mark says which of the desired servers goes, and a spare one is none of these.
            is_spare(servers[ordinal], census.end),
            # A person's word, before what is only seen.
            _marked(servers[ordinal]),
            # Whoever does not work is missed least.
            ordinal in unhealthy,
            # The highest, of those alike in all of the above: among these domains are asked first.
            ordinal,
        )

    if domains:
        return tuple(_from_fullest(census, count, domains, rank))
    return tuple(servers[each] for each in heapq.nlargest(count, servers, key=rank))


def _from_fullest(
    census: Census,
    count: int,
    domains: failure_domains.Domains,
    rank: Callable[[int], tuple[bool, bool, bool, bool, bool, int]],
) -> Iterator[objects.Server]:
    """Yield those that go first; of those that rank alike, from the fullest domain each time."""
    servers = census.servers
    load = failure_domains.loads(
        each for ordinal, each in servers.items() if not census.is_spare(ordinal)
    )
    left = count
    alike = functools.partial(_but_for_ordinal, rank)
    for _, group in itertools.groupby(sorted(servers, key=rank, reverse=True), key=alike):
        by_domain: dict[str, deque[int]] = defaultdict(deque)
        for ordinal in group:
            by_domain[servers[ordinal].spec.domain].append(ordinal)
        while by_domain and left:
            name = failure_domains.fullest(domains, load, by_domain)
            ordinal = by_domain[name].popleft()
            load[name] -= not census.is_spare(ordinal)
            if not by_domain[name]:
                del by_domain[name]
            left -= 1
            yield servers[ordinal]


def _but_for_ordinal(
    rank: Callable[[int], tuple[bool, bool, bool, bool, bool, int]], ordinal: int
) -> tuple[bool, bool, bool, bool, bool]:
    return rank(ordinal)[:5]


def _is_unhealthy(facts: Facts) -> bool:
    """Return whether the server does not work by its own fault.

    One that a rollout or an operation has down, that is stopped, or that is still coming up, is as
    well as it can be: else a rollout would choose what scaling takes.
    """
    told, seen = facts.server.spec, facts.server.status
    if facts.ready or facts.operated or told.power == Power.STOPPED:
        return False
    as_told = (seen.revision, seen.incarnation) == (told.revision, told.incarnation)
    return as_told or facts.failed or seen.attempts.count > 0


def _is_stopped(facts: Facts) -> bool:
    """Return whether the server is down because somebody wants it so: nobody misses it."""
    return not facts.counts and not facts.ready and facts.server.spec.power == Power.STOPPED


def _marked(server: objects.Server) -> bool:
    return tags.delete_first(server.metadata) not in (None, SPARE, "false")


def _creation(
    census: Census, regular: int, extra: int, missing: int, blocked: frozenset[int]
) -> Scaling:
    notes = []
    if missing > regular and census.leaving:
        notes.append(
            f"{missing - regular} of {words.count(missing, 'missing server')} must wait until"
            f" {words.be(len(census.leaving), 'old one')} gone"
        )
    if not (regular or extra):
        return Scaling(notes=tuple(notes))
    taken = set(census.servers) | {each.spec.ordinal for each in census.leaving}
    ordinals = _lowest_free(taken, census.first, regular)
    taken.update(ordinals)
    spares = _lowest_free(taken, census.end, extra)
    creates = tuple(each for each in (*ordinals, *spares) if each not in blocked)
    made = sum(1 for each in ordinals if each not in blocked)
    if made:
        notes.append(
            f"creating {words.count(made, 'server')}: {census.present} of {census.desired} exist"
        )
    if made < len(ordinals):
        notes.append(f"{words.count(len(ordinals) - made, 'server')} cannot be created: refused")
    if spares:
        notes.append(
            f"creating {words.count(len(spares), 'spare server')} for {purpose(census)} (maxSurge)"
        )
    return Scaling(creates=creates, spares=frozenset(spares), notes=tuple(notes))


def purpose(census: Census) -> str:
    """Return what spare servers are made for now."""
    return "the rollout" if census.due else "servers that move"


def _lowest_free(taken: set[int], start: int, count: int) -> tuple[int, ...]:
    free: list[int] = []
    ordinal = start
    while len(free) < count:
        if ordinal not in taken:
            free.append(ordinal)
        ordinal += 1
    return tuple(free)


def _removal(
    census: Census, spec: objects.ServerSetSpec, surge: int, chosen: tuple[objects.Server, ...]
) -> Scaling:
    """Take the chosen servers away, but of those that work only as many as the budget allows.

    A spare server may stand in for one that is down; the budget decides when it is missed no more.
    So may one beyond those that are desired, while another one is down. Were one that failed for
    good not counted, a scale-down beside a template that does not work would take the last servers
    that do: of 4 with 2 desired, servers 0 and 1 broken, 2 and 3 stay until those are mended.
    """
    down = {each.ordinal for each in census.odd if not each.counts}
    up = [each for each in chosen if each.spec.ordinal not in down]
    spares = [each for each in up if is_spare(each, census.end)]
    others = [each for each in up if not is_spare(each, census.end)]
    going = {each.spec.ordinal for each in chosen}
    stopped = sum(1 for each in census.odd if _is_stopped(each) and each.ordinal not in going)
    left = budget.Budget(
        desired=census.desired,
        limit=budget.limit(census.desired, spec.rollout),
        available=census.counting + stopped,
    )
    needed = {each.spec.ordinal for each in others[left.allowance :]}
    needed |= {
        each.spec.ordinal for each in spares[max(0, left.allowance - len(others) - stopped) :]
    }
    removals = tuple(each for each in chosen if each.spec.ordinal not in needed)
    notes = [_removal_note(census, surge, removals)] if removals else []
    if needed:
        stay = words.count(len(needed), "surplus server")
        down_now = max(0, census.desired - census.counting + len(others))
        notes.append(f"{stay} must stay while {words.be(down_now, 'other')} unavailable")
    return Scaling(removals=removals, notes=tuple(notes))


def _removal_note(census: Census, surge: int, removals: tuple[objects.Server, ...]) -> str:
    wanted = f"{census.desired} are desired" + (
        f", and {words.count(surge, 'spare one')} while the rollout lasts" if surge else ""
    )
    what = words.several([each.metadata.name for each in removals])
    return f"removing {what}: {census.present} exist, {wanted}"
