"""The one failure domain in which servers may be taken down now, where a component asks for one.

Whoever takes servers down asks here, of the same servers: rollout, operations, and the moves off
nodes that are drained. Whatever is down, and whoever took it down, is in the domain that may lose
more; while servers of two are down, no other is taken down at all.

Example: a0 and b0 are up, a1 is down. a0 may be taken down, and b0 only once a0 and a1 are up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from controller.api import objects
from controller.api.choices import Power, UpdateStrategy
from controller.planning import domains
from controller.planning.census import Census


class Focus:
    """The domains of the servers that are down, those that this plan takes down among them."""

    def __init__(self, down: Iterable[str], *, on: bool) -> None:
        """Begin with the domains of what is `down`; unless it is `on`, everything is admitted."""
        self.on = on
        self.down = set(down) if on else set()

    def admits(self, server: objects.Server) -> bool:
        """Return whether this server, too, may be taken down."""
        return not self.on or self.down <= {domains.place(server)}

    def take(self, server: objects.Server) -> bool:
        """Return whether this server, too, may be taken down; and count it, if so."""
        if not self.admits(server):
            return False
        if self.on:
            self.down.add(domains.place(server))
        return True

    def key(self, server: objects.Server) -> str:
        """Return what to order servers by, so that one domain is through before the next begins."""
        return domains.place(server) if self.on else ""


def of(census: Census, evicted: Collection[int], spec: objects.ServerSetSpec) -> Focus:
    """Return the focus of a set as its servers stand; what is spare, or stopped, nobody misses."""
    if not is_on(spec.rollout):
        return Focus((), on=False)
    down = [
        each.server
        for each in census.odd
        if not (each.counts or census.is_spare(each.ordinal))
        and each.server.spec.power != Power.STOPPED
    ]
    down += [each for each in census.leaving if each.spec.ordinal < census.end]
    down += [census.servers[each] for each in evicted if each in census.servers]
    return Focus(map(domains.place, down), on=True)


def is_on(rollout: objects.Rollout) -> bool:
    """Return whether servers are to be taken down in one domain at a time."""
    return rollout.one_domain_at_a_time and rollout.strategy == UpdateStrategy.ROLLING_UPDATE
