"""Servers beside an operation that are down: they use up the component's budget as its own do.

Servers that are in the operation are counted where their progress is followed. Called by the
Operation planner when it looks at a run.

Example: web has ten servers, and a Restart is about the first five, two at a time. web-7 is being
evicted, so one at a time has its turn until web-7 is back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from controller.api import names, objects
from controller.api.choices import Power
from controller.contract import tasks
from controller.kinds.operation.server_progress import ServerProgress, ServerState
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import availability, budget, census, domains, focus


def down(
    snapshot: OperationSnapshot, progress: Iterable[ServerProgress]
) -> dict[str, tuple[str, ...]]:
    """Return the names of the servers that are down and not followed, of each targeted component.

    One that failed for good, or is stopped, is nobody's to wait for.
    """
    followed: dict[str, set[int]] = {}
    for each in progress:
        component, ordinal = each.key
        known = followed.setdefault(component, set())
        if each.state is not ServerState.LEFT:
            known.add(ordinal)
    there: dict[str, dict[int, objects.Server]] = {each: {} for each in followed}
    for (component, ordinal), server in snapshot.servers.items():
        if component in there and server.metadata.deletion_timestamp is None:
            there[component][ordinal] = server
    return {
        component: tuple(_down_of(snapshot, found, there[component], known))
        for component, known in followed.items()
        if (found := snapshot.sets.get(component)) is not None
    }


def _down_of(
    snapshot: OperationSnapshot,
    server_set: objects.ServerSet,
    there: Mapping[int, objects.Server],
    known: set[int],
) -> list[str]:
    """Return who is down beside those that are `known`; whoever is one too many stands in."""
    spec = server_set.spec
    down = [
        server.metadata.name
        for ordinal, server in sorted(there.items())
        if ordinal not in known
        and ((spec.component, ordinal) in snapshot.evicted or _is_down(server, snapshot.now, spec))
    ]
    absent = (each for each in itertools.count() if each not in there)
    missing = itertools.islice(absent, max(0, spec.replicas - len(there)))
    gone = [names.server(spec.application, spec.component, each) for each in missing]
    return [*down[max(0, len(there) - spec.replicas) :], *gone]


def _is_down(server: objects.Server, now: float, spec: objects.ServerSetSpec) -> bool:
    waiting = spec.rollout.min_ready_seconds
    if availability.seconds_until_available(server, now, waiting) <= 0:
        return False
    return server.spec.power != Power.STOPPED and not availability.failed_for_good(server)


def foci(snapshot: OperationSnapshot) -> dict[str, frozenset[str]]:
    """Return the failure domains in which servers are down, whoever took them down.

    Of each component that is to lose servers in one domain at a time, where the operation takes
    servers down.
    """
    wanted = {name: each for name, each in snapshot.sets.items() if focus.is_on(each.spec.rollout)}
    if not wanted or not tasks.takes_down(snapshot.operation.spec.action):
        return {}
    found: dict[str, set[str]] = {name: set() for name in wanted}
    for key, server in snapshot.servers.items():
        above = wanted.get(key[0])
        if above is not None and (key in snapshot.evicted or _is_missed(snapshot, server, above)):
            found[key[0]].add(domains.place(server))
    return {name: frozenset(each) for name, each in found.items()}


def _is_missed(
    snapshot: OperationSnapshot, server: objects.Server, above: objects.ServerSet
) -> bool:
    spec = above.spec
    if server.spec.power == Power.STOPPED or census.is_spare(server, spec.replicas):
        return False
    return not budget.counts(server, snapshot.now, spec.rollout.min_ready_seconds)
