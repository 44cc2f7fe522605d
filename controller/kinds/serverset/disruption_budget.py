"""The PodDisruptionBudget by which evictions keep to the one budget of a component.

The disruption controller counts pods, and the planners count servers; both would spend the same
allowance when a server comes back, as each sees that for itself. So the PodDisruptionBudget is
open, at what the component's limit leaves, while Argosy takes nothing down; and closed, allowing
no eviction, from before Argosy takes the first server down until the last is up again. The API
server refuses evictions from the write on, before the disruption controller has read it.

The budget's number is an integer. A percentage, and maxUnavailable, the disruption controller would
work out from the scale of whatever controls a pod, which is a Server: one pod's own, not the set's.

Called by the ServerSet planner before it takes anything down.

Example: 50 servers, maxUnavailable 10%: minAvailable is 45. A restart begins: 50; it is over: 45.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from controller import contract
from controller.api import names, objects
from controller.api.choices import OnFailure, Power, UpdateStrategy
from controller.api.resources import Resource
from controller.contract import tasks
from controller.kinds.serverset import remakers, selectors
from controller.kinds.serverset.records import Records
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import (
    amounts,
    budget,
    evictions,
    focus,
    ordinals,
    ownership,
    targets,
    writes,
)
from controller.planning.census import Census
from controller.planning.plan import Action, Delete

# How often a write of it may fail before servers are taken down without waiting for it.
TRIES = 5
_WHY = "evictions keep to the component's budget by it"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The measures taken about evictions now."""

    action: Action | None = None
    # The write that ends evictions; None where there is nothing to wait for.
    close: Action | None = None
    # Servers are about to be taken down: until evictions have ended, nothing that is up may be.
    closing: bool = False
    # Somebody else's PodDisruptionBudget that is in force for the pods, by name.
    theirs: str = ""
    # The PodDisruptionBudget could not be written: servers are taken down without waiting for it.
    unwritten: bool = False
    notes: tuple[str, ...] = ()

    def add_to(self, actions: list[Action], notes: list[str], *, closing: bool = False) -> None:
        """Add what is done to a plan's actions and notes; `closing` ends evictions first."""
        notes += self.notes
        if closing and not self.notes:
            notes.append("no eviction is allowed before any server is taken down")
        action = self.close if closing else self.action
        if action is not None:
            actions.append(action)


def without(evicted: frozenset[int], census: Census) -> Census:
    """Return the census in which servers that are being evicted count as down already.

    Such servers have yet to say so, and whoever takes others down must not overlook them.
    """
    if not evicted:
        return census
    down = {each.ordinal for each in census.odd if not each.counts}
    going = sum(1 for each in evicted if each in census.servers and each not in down)
    return dataclasses.replace(census, counting=census.counting - going)


def keep(
    snapshot: ServerSetSnapshot,
    census: Census,
    known: Records,
    *,
    halted: bool = False,
    moving: bool = False,
    evicted: int = 0,
) -> Guard:
    """Return what has evictions keep to the budget.

    `halted` is a rollout that goes no further; `moving` says that servers are about to be moved,
    `evicted` how many are to be evicted, for which spare ones stand in.
    """
    if contract.Capability.EVICTIONS not in snapshot.fleet.capabilities:
        return Guard()
    found = _found(snapshot)
    if found is not None and found.metadata.deletion_timestamp is not None:
        return Guard()
    theirs = _theirs(snapshot, known)
    if theirs or (found is not None and not _is_ours(snapshot, found)):
        name = theirs or snapshot.server_set.metadata.name
        note = f"evictions keep to PodDisruptionBudget/{name}, which somebody else keeps"
        return Guard(action=_delete(snapshot, found), theirs=name, notes=(note,))
    least = _least(snapshot, census, evicted)
    if not least:
        return Guard(action=_delete(snapshot, found))
    acting = moving or _is_acting(snapshot, census, halted=halted, spares_wanted=evicted > 0)
    close = _write(snapshot, found, _closed(snapshot, census, found))
    action = close if acting else _write(snapshot, found, least)
    # Where it cannot be written, servers are taken down all the same, as the planners count them.
    if _has_failed(snapshot):
        return Guard(action=action, unwritten=True)
    early = not acting and action is not None and _is_early(snapshot, found, least)
    closing = early or (acting and close is not None)
    notes = ("spare servers are made once evictions leave them too",) if early else ()
    return Guard(action=action, close=action if early else close, closing=closing, notes=notes)


def _least(snapshot: ServerSetSnapshot, census: Census, evicted: int) -> int:
    """Return how many pods evictions must leave, the spare ones that are up among them.

    Where servers are taken down in one domain at a time: all but one of all that may be up. A spare
    that stands in for a server would else let another be evicted beside that one, in another
    domain. A spare server that something keeps from coming up is not waited for.
    """
    server_set = snapshot.server_set
    least, rollout = evictions.least(server_set), server_set.spec.rollout
    if not least or not focus.is_on(rollout):
        return least
    spares = [each for each in census.servers if census.is_spare(each)] if census.spares else []
    wanted = min(evicted, amounts.up(rollout.max_surge, census.desired))
    if _creates_fail(snapshot):
        wanted = 0
    stuck = sum(1 for each in spares if census.servers[each].status.blocked_by)
    more = max(len(spares), wanted) - stuck
    one = budget.limit(server_set.spec.replicas, rollout) > 0
    return least + more - (more > 0 and not one)


def _is_early(
    snapshot: ServerSetSnapshot, found: objects.DisruptionBudget | None, least: int
) -> bool:
    """Return whether spare servers are to wait for the write, lest they are up before it."""
    kept = found.spec.min_available if found is not None else None
    return focus.is_on(snapshot.server_set.spec.rollout) and isinstance(kept, int) and kept < least


def _creates_fail(snapshot: ServerSetSnapshot) -> bool:
    return any(
        isinstance(each.target, targets.ObjectTarget)
        and each.target.resource is Resource.SERVERS
        and each.verb is contract.Verb.CREATE
        for each in snapshot.outcomes
    )


def _found(snapshot: ServerSetSnapshot) -> objects.DisruptionBudget | None:
    name = snapshot.server_set.metadata.name
    return next((each for each in snapshot.disruption_budgets if each.metadata.name == name), None)


def _is_ours(snapshot: ServerSetSnapshot, found: objects.DisruptionBudget) -> bool:
    return ownership.owned_by(found, snapshot.server_set) or _is_let_go(snapshot, found)


def _is_let_go(snapshot: ServerSetSnapshot, found: objects.DisruptionBudget) -> bool:
    spec = snapshot.server_set.spec
    return ownership.is_let_go(found.metadata, names.labels(spec.application, spec.component))


def _theirs(snapshot: ServerSetSnapshot, known: Records) -> str:
    """Return the name of somebody else's PodDisruptionBudget over the set's pods.

    The API server refuses to evict a pod that two are about.
    """
    others = [
        each
        for each in snapshot.disruption_budgets
        if each.metadata.deletion_timestamp is None and not _is_ours(snapshot, each)
    ]
    if not others:
        return ""
    labels = _labels(snapshot, known)
    return min(
        (
            each.metadata.name
            for each in others
            if each.spec.selector is not None and selectors.matches(each.spec.selector, labels)
        ),
        default="",
    )


def _labels(snapshot: ServerSetSnapshot, known: Records) -> Mapping[str, str]:
    """Return the labels of the set's pods, as of its first one."""
    spec = snapshot.server_set.spec
    content = known.content(spec.revision)
    return {
        **(selectors.labels_of(content.template) if content is not None else {}),
        **names.labels(
            spec.application,
            spec.component,
            names.server(spec.application, spec.component, 0),
        ),
    }


def _is_acting(
    snapshot: ServerSetSnapshot, census: Census, *, halted: bool, spares_wanted: bool
) -> bool:
    """Return whether Argosy takes servers down, or is about to: by rollout, operation or scaling.

    A spare server that is up, and one too many, are counted by the disruption controller, and go.
    """
    component = snapshot.server_set.spec.component
    beyond = sum(1 for each in census.leaving if each.spec.ordinal >= census.end)
    spares = [each for each in census.odd if census.is_spare(each.ordinal)]
    # One that is up, but not for minReadySeconds, stands in for nobody yet.
    early = any(each.ready and not each.available for each in spares)
    kept = census.spares if spares_wanted else sum(1 for each in spares if not each.ready)
    if early or census.present - kept + beyond > census.desired:
        return True
    strategy = snapshot.server_set.spec.rollout.strategy
    rolling = strategy != UpdateStrategy.ON_DELETE and bool(census.due)
    if rolling and not halted:
        return True
    if any(each.operated and tasks.takes_down(_action(each.server)) for each in census.odd):
        return True
    limit = budget.limit(census.desired, snapshot.server_set.spec.rollout)
    return any(
        evictions.must_end(each, limit, down=not limit and _is_down(census, each, text))
        for each in snapshot.operations
        if _goes_on(each)
        for name, text in map(ordinals.of_target, each.status.targets)
        if name == component
    )


def _is_down(census: Census, operation: objects.Operation, text: str) -> bool:
    """Return whether one of its targets is down, and has its turn before it."""
    return any(
        not each.ready
        and each.server.spec.power != Power.STOPPED
        and not each.server.spec.held
        and ordinals.contains(text, each.ordinal)
        and not remakers.had_its_turn(each.server, operation)
        for each in census.odd
    )


def _goes_on(operation: objects.Operation) -> bool:
    """Return whether an operation has yet to give servers something to do.

    A cancelled one may have: the compensations of what it did.
    """
    spec = operation.spec
    return not spec.paused and (not spec.cancelled or spec.on_failure == OnFailure.REVERT)


def _action(server: objects.Server) -> str:
    return server.spec.task.action if server.spec.task is not None else ""


def _has_failed(snapshot: ServerSetSnapshot) -> bool:
    """Return whether it cannot be written: refused, or tried in vain for a while."""
    return any(
        (each.refused or each.count >= TRIES)
        and isinstance(each.target, targets.ObjectTarget)
        and each.target.resource is Resource.DISRUPTION_BUDGETS
        for each in snapshot.outcomes
    )


def _closed(
    snapshot: ServerSetSnapshot, census: Census, found: objects.DisruptionBudget | None
) -> int:
    """Return a number that allows no eviction: written once, however many servers come and go."""
    rollout = snapshot.server_set.spec.rollout
    there = census.present + len(census.leaving)
    most = max(there, census.desired + amounts.up(rollout.max_surge, census.desired))
    kept = found.spec.min_available if found is not None else None
    return kept if isinstance(kept, int) and kept >= most else most


def _write(
    snapshot: ServerSetSnapshot, found: objects.DisruptionBudget | None, least: int
) -> Action | None:
    server_set = snapshot.server_set
    spec, meta = server_set.spec, server_set.metadata
    labels = {
        names.APPLICATION_LABEL: spec.application,
        names.COMPONENT_LABEL: spec.component,
    }
    if found is None:
        return writes.create(
            {
                **ownership.kind_of(Resource.DISRUPTION_BUDGETS),
                "metadata": ownership.metadata_of(
                    Resource.SERVERSETS,
                    server_set,
                    spec.application,
                    spec.component,
                    meta.name,
                    asked=spec.server_metadata,
                ),
                "spec": {
                    "minAvailable": least,
                    "selector": {"matchLabels": labels},
                    # One that is ill is no use to anybody, and would hold a drain up for ever.
                    "unhealthyPodEvictionPolicy": "AlwaysAllow",
                },
            },
            why=_WHY,
        )
    if _is_let_go(snapshot, found):
        return ownership.take_up(found, Resource.SERVERSETS, server_set)
    parts = {
        "metadata": {"labels": names.missing_or_changed(found.metadata.labels, labels)},
        "spec": _mended(found.spec, least, labels),
    }
    body = {key: each for key, each in parts.items() if each and each != {"labels": {}}}
    return writes.patch(found, body, why=_WHY, guarded=False) if body else None


def _mended(
    found: objects.DisruptionBudgetSpec, least: int, labels: Mapping[str, str]
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if found.min_available != least or found.max_unavailable is not None:
        body |= {"minAvailable": least, "maxUnavailable": None}
    if found.selector != objects.PodSelector(match_labels=dict(labels)):
        gone = found.selector.match_labels if found.selector is not None else {}
        body["selector"] = {
            "matchLabels": {**dict.fromkeys(gone), **labels},
            "matchExpressions": None,
        }
    if found.unhealthy_pod_eviction_policy != "AlwaysAllow":
        body["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    return body


def _delete(snapshot: ServerSetSnapshot, found: objects.DisruptionBudget | None) -> Delete | None:
    if found is None or not ownership.owned_by(found, snapshot.server_set):
        return None
    why = "evictions are no concern of the component's budget any more"
    return writes.delete(found, why=why, guarded=False)
