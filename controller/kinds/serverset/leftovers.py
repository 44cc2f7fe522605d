"""The parts that stay of a set that goes, as others' finalizers keep them.

Called by the ServerSet planner once no server is left, and where a set tells what is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import objects
from controller.api.conditions import Blocked
from controller.api.resources import Resource
from controller.kinds.serverset import claims
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import finalizers, leftovers, ownership
from controller.planning.leftovers import Leftovers

# The parts that a set makes of itself, beside its servers.
Part = objects.Service | objects.DisruptionBudget


def of(snapshot: ServerSetSnapshot) -> Leftovers:
    """Return what stays of a set whose servers are gone.

    A set that was deleted by hand comes back, and needs what is there: nothing of it is waited for.
    """
    if not claims.goes_for_good(snapshot):
        return Leftovers()
    return leftovers.of(
        _parts(snapshot),
        beside=scaled(snapshot),
        timeout=snapshot.server_set.spec.deletion.timeout_seconds,
        now=snapshot.now,
        why="the set is being deleted",
    )


def scaled(snapshot: ServerSetSnapshot) -> tuple[Blocked, ...]:
    """Return what to tell of claims whose servers are gone, and which should be."""
    namespace = snapshot.server_set.metadata.namespace
    found = sorted(claims.held(snapshot), key=lambda each: each.name)
    return tuple(
        finalizers.held(
            each.resource or Resource.CLAIMS,
            each.name,
            namespace,
            kept=each.kept,
            since=each.asked,
        )
        for each in found
    )


def _parts(snapshot: ServerSetSnapshot) -> Iterable[Part]:
    every = (snapshot.service, *snapshot.disruption_budgets)
    return (
        each for each in every if each is not None and ownership.owned_by(each, snapshot.server_set)
    )
