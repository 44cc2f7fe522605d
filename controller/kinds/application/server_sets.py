"""The Application planner's writes of ServerSets: made in order, told the truth, taken down.

A component is made, and brought to another revision, only after those it depends on. Until then it
does not grow either, lest new servers be made twice, unless it is not known when that will be.
Policies, and fewer servers, wait for nobody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from controller.api import conditions, names, objects, tags
from controller.api.choices import DeletionOrder
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.kinds.application import set_manifests
from controller.kinds.application.components import ComponentRow, ComponentTable, same_content
from controller.kinds.application.reasons import ApplicationReason
from controller.planning import finalizers, merge_patch, rendering, words, writes
from controller.planning.plan import Action, Delete, RecordEvent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Actions on one component's set, and why they are what they are."""

    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = ()


def shape(table: ComponentTable, row: ComponentRow, application: objects.Application) -> Shape:
    """Return what brings the component's set to what the application says."""
    waits = table.waits_for(row)
    found = row.server_set
    if found is None:
        return _make(row, application, waits)
    if row.going:
        note = f"{row.name}: its set is being deleted and comes back once it is gone"
        return Shape(notes=(note,))
    spec, notes = _differences(row, application, found.spec, waits, stuck=table.stuck(row))
    told = _annotations(row, application, found)
    emitted: list[Action] = []
    if _overridden(row, application):
        message = (
            f"{found.metadata.name} was scaled to {found.spec.replicas}, but the application names"
            f" {row.replicas}."
        )
        emitted.append(
            RecordEvent(reason=ApplicationReason.REPLICAS_OVERRIDDEN, message=message, warning=True)
        )
        notes.append(f"{row.name}: {message}")
    labels = _labels(row, application, found)
    if not spec and not told and not labels:
        return Shape(notes=tuple(notes))
    body: dict[str, Any] = {"spec": spec} if spec else {}
    if told or labels:
        parts = {"annotations": told, "labels": labels}
        body["metadata"] = {key: value for key, value in parts.items() if value}
    change = writes.patch(
        found,
        body=body,
        why="the application says so",
        guarded=False,
    )
    return Shape(actions=(change, *emitted), notes=tuple(notes))


def take_down_removed(table: ComponentTable, application: objects.Application) -> Shape:
    """Return the deletes of sets whose components are gone from the spec, dependents first."""
    staying = [row.server_set for row in table.rows.values() if row.server_set is not None]
    parallel = application.spec.deletion.order == DeletionOrder.PARALLEL
    return take_down(
        table.removed, staying, parallel=parallel, why="the component is no longer in the spec"
    )


def take_down(
    going: Mapping[str, objects.ServerSet],
    staying: Iterable[objects.ServerSet],
    *,
    parallel: bool,
    why: str,
) -> Shape:
    """Return the deletes of those `going` sets that no set relies on any more.

    Who relies on whom is known from the sets themselves: the spec may have forgotten it.
    """
    actions: list[Action] = []
    notes: list[str] = []
    waiting: dict[str, list[str]] = {}
    everyone = tuple(each for each in (*staying, *going.values()) if not has_no_server(each))
    under_way = any(each.metadata.deletion_timestamp is not None for each in everyone)
    for name, found in sorted(going.items()):
        dependents = sorted(
            each.spec.component
            for each in everyone
            if name in depends_on(each) and each.spec.component != name
        )
        if found.metadata.deletion_timestamp is not None:
            left = words.count(found.status.current, "server")
            notes.append(f"{name}: its set is being deleted, {left} left")
        elif dependents and not parallel:
            waiting[name] = dependents
        else:
            actions.append(delete(found, why))
            notes.append(f"{name}: deleting its set, {why}")
    # A circle is certain only where nothing else goes, or is about to: what goes may break it.
    circle = waiting and not actions and not under_way
    if circle and all(set(each) <= set(going) for each in waiting.values()):
        # The sets were told of each other over time, and may form a circle, although no spec had
        # one. Example: web relies on db. A new spec turns that round, and db is told of web while
        # web, which has not converged, still relies on db. The next spec has neither: each would
        # wait for the other.
        actions = [delete(going[name], why) for name in waiting]
        notes.append(f"{', '.join(waiting)}: deleting their sets, which rely on each other")
    else:
        notes += [
            f"{name}: kept while {', '.join(who)} may need it" for name, who in waiting.items()
        ]
    return Shape(actions=tuple(actions), notes=tuple(notes))


def has_no_server(found: objects.ServerSet) -> bool:
    """Return whether a set that goes is only kept by others' finalizers, on it or on what is left.

    Order is for servers: what they relied on need not wait until somebody lifts those.
    """
    meta = found.metadata
    if meta.deletion_timestamp is None or finalizers.is_orphaning(meta):
        return False
    ready = conditions.find(found.status.conditions, ConditionType.READY)
    told = ready is not None and ready.reason == Reason.KEPT_BY_OTHERS
    return told or not finalizers.is_on(meta)


def delete(found: objects.ServerSet, why: str) -> Delete:
    """Return the delete of a set, as it is cached.

    The set may have been orphaned since: its owner's watch can be ahead of its own.
    """
    return writes.delete(
        found,
        why=why,
        guarded=True,
    )


def _make(row: ComponentRow, application: objects.Application, waits: tuple[str, ...]) -> Shape:
    if row.unbuilt:
        return Shape(notes=(f"{row.name}: is made once its image is built",))
    if waits:
        return Shape(notes=(f"{row.name}: is made once {' and '.join(waits)} can be relied upon",))
    told = {}
    if row.component.depends_on:
        told[names.DEPENDS_ON_ANNOTATION] = ",".join(sorted(row.component.depends_on))
    if retry := tags.retry_now(application.metadata):
        told[names.RETRY_NOW_ANNOTATION] = retry
    body = set_manifests.server_set(
        application,
        row.component,
        row.target,
        replicas=row.replicas,
        annotations=told,
        stopped=row.stopped,
    )
    made = writes.create(body, why="the component has no set")
    return Shape(
        actions=(made,),
        notes=(f"{row.name}: making its set of {words.count(row.replicas, 'server')}",),
    )


def _differences(
    row: ComponentRow,
    application: objects.Application,
    spec: objects.ServerSetSpec,
    waits: tuple[str, ...],
    *,
    stuck: bool,
) -> tuple[dict[str, Any], list[str]]:
    """Return the changes to the set's spec, with notes on those that wait."""
    changes: dict[str, Any] = {}
    notes: list[str] = []
    # Going back to what is proven waits for nobody: what it would wait for may be what fails.
    waiting = waits and spec.revision != row.target.revision and not row.reverted
    if waiting:
        notes.append(
            f"{row.name}: goes to revision {row.target.revision} once"
            f" {' and '.join(waits)} can be relied upon"
        )
    elif not same_content(spec, row.target):
        changes |= _content(spec, row)
        notes.append(f"{row.name}: goes from revision {spec.revision} to {row.target.revision}")
    replicas = _replicas(row, spec)
    # More servers would be made at the revision of before, to be replaced at once: web at v1 goes
    # to v2, and from 3 to 5, when db can be relied upon. Where db needs a person, 5 at v1 do more
    # good than 3. Fewer servers, and policies, wait for nobody.
    if replicas > spec.replicas and waiting and not stuck:
        notes.append(f"{row.name}: grows from {spec.replicas} to {replicas} servers then")
    elif replicas != spec.replicas:
        changes["replicas"] = replicas
    changes |= _policies(spec, row.component, application)
    return changes, notes


def _policies(
    spec: objects.ServerSetSpec, part: objects.Component, application: objects.Application
) -> dict[str, Any]:
    """Return the changes to what is no part of a revision."""
    changes: dict[str, Any] = {}
    if not rendering.same(spec.recovery, part.recovery):
        changes["recovery"] = rendering.full(part.recovery)
    if spec.rollout != part.rollout:
        changes["rollout"] = rendering.full(part.rollout)
    for name, had, wanted in (
        ("spread", spec.spread, part.spread),
        ("drift", spec.drift, part.drift),
        ("ordinals", spec.ordinals, part.ordinals),
    ):
        if had != wanted:
            changes[name] = rendering.full(wanted) if wanted is not None else None
    if spec.start != part.start:
        changes["start"] = part.start
    if spec.service != part.service:
        changes["service"] = _replacing(spec.service, part.service)
    if spec.server_metadata != part.server_metadata:
        changes["serverMetadata"] = _replacing(spec.server_metadata, part.server_metadata)
    if spec.deletion != application.spec.deletion:
        changes["deletion"] = rendering.full(application.spec.deletion)
    return changes


def _replacing(had: objects.View | None, wanted: objects.View | None) -> dict[str, Any] | None:
    """Return the merge patch of a part that has maps in it: keys that were dropped go."""
    if wanted is None:
        return None
    before = {} if had is None else msgspec.to_builtins(had)
    patch: dict[str, Any] = merge_patch.difference(before, msgspec.to_builtins(wanted))
    return patch


def _replicas(row: ComponentRow, spec: objects.ServerSetSpec) -> int:
    """Return how many servers the set is told to have.

    Replicas that the application leaves out are never sent. With merge patches that is all the
    handing over there is: what nobody sends stays as it is, so 50 servers stay 50.
    """
    return spec.replicas if row.component.replicas is None else row.component.replicas


def _content(spec: objects.ServerSetSpec, row: ComponentRow) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if spec.revision != row.target.revision:
        changes["revision"] = row.target.revision
    if not rendering.same(spec.template, row.target.template):
        changes["template"] = rendering.replacement(spec.template, row.target.template)
    if not rendering.same(spec.volume_claims, row.target.volume_claims):
        changes["volumeClaims"] = rendering.full(row.target.volume_claims)
    return changes


def _labels(
    row: ComponentRow, application: objects.Application, found: objects.ServerSet
) -> Mapping[str, str]:
    """Return the labels that somebody took off or changed, or that are asked for since."""
    asked = row.component.server_metadata or objects.AskedMetadata()
    return names.missing_or_changed(
        found.metadata.labels,
        {**asked.labels, **names.labels(application.metadata.name, row.name)},
    )


def _annotations(
    row: ComponentRow, application: objects.Application, found: objects.ServerSet
) -> Mapping[str, str | None]:
    """Return the annotations to change: a person's word to retry, and what the set depends on.

    A dependency that was dropped is forgotten only once no server relies on it any more.
    """
    before = found.metadata.annotations
    depends = set(row.component.depends_on)
    if not row.converged:
        depends |= depends_on(found)
    wanted = {
        names.DEPENDS_ON_ANNOTATION: ",".join(sorted(depends)),
        names.RETRY_NOW_ANNOTATION: tags.retry_now(application.metadata)
        or tags.retry_now(found.metadata),
    }
    asked = row.component.server_metadata or objects.AskedMetadata()
    more = names.missing_or_changed(before, asked.annotations)
    changed = {key: value or None for key, value in wanted.items() if before.get(key, "") != value}
    return {**more, **changed}


def depends_on(found: objects.ServerSet) -> set[str]:
    """Return the components that the set depends on, as it was told."""
    return set(tags.depends_on(found.metadata))


def _overridden(row: ComponentRow, application: objects.Application) -> bool:
    """Return whether somebody scaled the set, and not the application that was changed.

    Fewer servers than named, before the revision was passed on, are those that wait for it.
    """
    if row.component.replicas is None or row.server_set is None:
        return False
    spec = row.server_set.spec
    if spec.replicas == row.component.replicas:
        return False
    if spec.replicas < row.component.replicas and spec.revision != row.target.revision:
        return False
    if application.status.observed_generation != application.metadata.generation:
        return False
    return any(
        each.name == row.name and each.desired == row.component.replicas
        for each in application.status.components
    )
