"""Failure domains: which of them takes a server, which gives one up, and where servers are.

A set counts its own servers by the domain that each was given; the fleet says how much of them each
domain is to have, by its weight. Called by the planners of servers, sets and operations.

Example: a, b of weight 1 and c of weight 2 get servers 0 to 3 as a, b, c, c, since a server more
would be the least burden there: 1/1, 1/1, 1/2, 2/2.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence

from controller.api import objects
from controller.api.choices import DomainState

Domains = Sequence[objects.FailureDomain]


def place(server: objects.Server) -> str:
    """Return the domain that the server is in; where it is nowhere yet, the one it is to be in."""
    return server.status.provider.zone or server.spec.domain


def loads(servers: Iterable[objects.Server]) -> collections.Counter[str]:
    """Return how many of the servers each domain was given."""
    return collections.Counter(each.spec.domain for each in servers)


def closed(known: Domains) -> tuple[str, ...]:
    """Return the domains in which nothing new lands."""
    return tuple(each.name for each in known if each.state != DomainState.ACTIVE)


def evacuating(known: Domains) -> frozenset[str]:
    """Return the domains that servers are to leave."""
    return frozenset(each.name for each in known if each.state == DomainState.EVACUATING)


def takes(known: Domains, domain: str) -> bool:
    """Return whether a new instance may land in the domain.

    One of a server that was given none may: it is up to its provider, save where all are closed.
    """
    active = {each.name for each in known if each.state == DomainState.ACTIVE}
    return not known or (domain in active if domain else bool(active))


def choose(known: Domains, load: Mapping[str, int]) -> str:
    """Return the domain that a new server burdens least, the first of several; "" without any."""
    active = [each for each in known if each.state == DomainState.ACTIVE]
    if not active:
        return ""
    return min(active, key=lambda each: (load.get(each.name, 0) + 1) / each.weight).name


def fullest(known: Domains, load: Mapping[str, int], among: Iterable[str]) -> str:
    """Return which of the domains gives a server up first: the one that has the most, the last.

    A domain that takes nothing new, or that the fleet does not have any more, before all others.
    """
    weights = {each.name: each.weight for each in known if each.state == DomainState.ACTIVE}
    order = [each.name for each in known]

    def burden(name: str) -> tuple[bool, float, int]:
        weight = weights.get(name)
        place = order.index(name) if name in order else len(order)
        return (
            # Nothing new lands in it, so it is to be emptied, however few it has.
            weight is None,
            # How many it has for its weight: 2 of weight 1 are more than 3 of weight 2.
            load.get(name, 0) / (weight or 1),
            # Of two alike the last, as `choose` takes the first of two.
            place,
        )

    return max(among, key=burden)


def overfull(known: Domains, load: Mapping[str, int], skew: int) -> str:
    """Return the domain that is more than `skew` servers ahead of another; "" where none is.

    With weights: of so many that the other would not be ahead of its share with that many more.
    """
    active = [each for each in known if each.state == DomainState.ACTIVE]
    if len(active) < 2:  # noqa: PLR2004 - nothing is ahead of nothing
        return ""
    low = min(active, key=lambda each: (load.get(each.name, 0) + skew) / each.weight)
    high = max(active, key=lambda each: load.get(each.name, 0) / each.weight)
    ahead = load.get(high.name, 0) * low.weight > (load.get(low.name, 0) + skew) * high.weight
    return high.name if ahead else ""
