"""Which failure domain each server is given: as it is made, and as it has to be elsewhere.

A server keeps its domain for as long as it can be made there. One whose claims exist is where its
volumes are, and is given no other. Called by the ServerSet planner; all that one plan decides
counts.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterable, Mapping

from controller import contract
from controller.api import conditions, names, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import domains
from controller.planning.census import Census


class Assigning:
    """Gives servers of one set their domains, one after the other."""

    def __init__(self, snapshot: ServerSetSnapshot, census: Census) -> None:
        """Prepare; servers are counted when the first of them is asked for."""
        spec = snapshot.server_set.spec
        self._known = snapshot.fleet.domains
        self._component = spec.application, spec.component
        self._census = census
        self._claims = snapshot.claims if spec.volume_claims else ()

    def new(self, ordinal: int, *, spare: bool) -> str:
        """Return the domain of a server that is made now."""
        if not self._known or self._claims is None:
            # One whose claims nobody knows yet goes where they turn out to be.
            return ""
        name = names.server(*self._component, ordinal)
        if name in self._volumes:
            return self._volumes[name]
        load = self._all if spare else self._lasting
        return self._give(domains.choose(self._known, load), lasting=not spare)

    def again(self, server: objects.Server) -> str:
        """Return the domain in which the server is to be from when it is next made."""
        domain = server.spec.domain
        if not self._known or server.metadata.name in self._volumes:
            return domain
        if domain and domains.takes(self._known, domain):
            return domain
        return self.elsewhere(server)

    def elsewhere(self, server: objects.Server) -> str:
        """Return the domain that the server burdens least; its own where there is no other."""
        before = server.spec.domain
        spare = self._census.is_spare(server.spec.ordinal)
        self._all[before] -= 1
        self._lasting[before] -= not spare
        chosen = domains.choose(self._known, self._lasting if not spare else self._all)
        return self._give(chosen or before, lasting=not spare)

    def _give(self, domain: str, *, lasting: bool) -> str:
        self._all[domain] += 1
        self._lasting[domain] += lasting
        return domain

    @functools.cached_property
    def _all(self) -> collections.Counter[str]:
        return domains.loads(self._census.servers.values())

    @functools.cached_property
    def _lasting(self) -> collections.Counter[str]:
        return lasting(self._census)

    @functools.cached_property
    def _volumes(self) -> Mapping[str, str]:
        return volumes(self._claims or ())


def lasting(census: Census) -> collections.Counter[str]:
    """Return how many servers that are to stay each domain was given."""
    return domains.loads(
        each for ordinal, each in census.servers.items() if not census.is_spare(ordinal)
    )


def volumes(claims: Iterable[contract.Claim]) -> dict[str, str]:
    """Return of each server that has claims the domain that these are in, if that is known."""
    found: dict[str, str] = {}
    for each in claims:
        if not each.going and each.server:
            found[each.server] = found.get(each.server) or each.domain
    return found


def waits(server: objects.Server) -> bool:
    """Return whether the server says that nothing new lands where it is to be."""
    told = conditions.find(server.status.conditions, ConditionType.READY)
    return told is not None and told.reason == Reason.DOMAIN_CLOSED
