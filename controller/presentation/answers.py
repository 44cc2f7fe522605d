"""Why an object is as it is: how it stands, what it waits for, what would be done next.

The operator's own snapshot and plan, made here: so it works with read-only rights, and with the
operator down. The walk goes on to whatever is to blame, down to the leaf. `why` comes here.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from controller import errors
from controller.api import clock, conditions, objects, resources
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.kinds import registry
from controller.kube import faults, installs, slots
from controller.kube.lease import DURATION, LEADER, TOGETHER
from controller.planning import narrative
from controller.planning import plan as plans
from controller.planning.keys import Key
from controller.presentation import (
    estimates,
    fleets,
    inspection,
    last_lines,
    nodes,
    pictures,
    references,
    vocabulary,
)
from controller.presentation.last_lines import Printed
from controller.presentation.reading import Cluster
from controller.presentation.references import Reference
from controller.presentation.spans import age

# A Lease that was not renewed for its own span has no holder that lives; clocks differ by so much.
SKEW_SECONDS = 15.0
# Who may wait for anything comes first, then owners before what they own.
_DOWNWARDS = tuple(
    each.resource
    for each in sorted(registry.KINDS, key=lambda kind: not kind.waits_for_anything)
    if PLACES[each.resource].namespaced
)
# By which an object is in a slot: a namespace, and a name in it.
Owner = tuple[str, str]
# Of what is to blame for one thing, so much is looked into.
MOST_BELOW = 5
# And of so many servers the last lines.
MOST_PRINTED = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Why an object is as it is; `below` are the answers for what is to blame, down to the leaf."""

    object: str
    namespace: str
    ready: str
    reason: str
    message: str
    meaning: str
    remedy: str
    command: str
    since: str
    waits: tuple[Blocked, ...]
    below: tuple[Answer, ...] = ()
    plan: tuple[str, ...]
    # The failure domain of a server: where it is, or is to be.
    domain: str = ""
    operator: str = ""
    # The lines that the containers to blame printed before they ended, where that was asked for.
    printed: tuple[Printed, ...] = ()
    # Where replicas share the work: which of them has the object's application.
    replica: str = ""
    notes: tuple[str, ...] = ()


async def read(
    api: Cluster, meant: Reference, namespace: str, now: float, *, lines: bool = False
) -> Answer:
    """Return the answer for one object, with the last lines of what crashed; raises NotFound."""
    said, leads = await _operator(api, now)
    async with inspection.look(api, meant.space(namespace)) as look:
        found = walk(look, meant, meant.space(namespace))
    if found is None:
        where = f" in namespace {namespace}" if meant.space(namespace) else ""
        raise faults.NotFound(f"{meant} does not exist{where}", reason=Reason.NOT_FOUND)
    owner = _owner(look, meant, meant.space(namespace))
    has_it = await _replica(api, leads, owner) if owner else ""
    blamed = _blamed(look, found)
    printed = await _printed(api, blamed[:MOST_PRINTED]) if lines else ()
    notes = (*look.notes, *await nodes.silent(api, blamed[:MOST_BELOW]))
    return dataclasses.replace(found, operator=said, replica=has_it, notes=notes, printed=printed)


def _blamed(look: inspection.Inspection, found: Answer) -> list[objects.Pod]:
    """Return the pods of the servers that are to blame."""
    pods = look.caches.informers[Resource.PODS].objects
    ill = (
        (each.namespace, references.told(each.object))
        for each in every(found)
        if each.ready != "True"
    )
    leaves = [
        (namespace, meant.name)
        for namespace, meant in ill
        if meant is not None and meant.resource is Resource.SERVERS
    ]
    return [pods[each] for each in dict.fromkeys(leaves) if each in pods]


async def _printed(api: Cluster, blamed: Sequence[objects.Pod]) -> tuple[Printed, ...]:
    """Return the last words of the containers of pods that are to blame."""
    said = await asyncio.gather(
        *(last_lines.of_crashed(api, each.metadata.namespace, each) for each in blamed)
    )
    return tuple(each for printed in said for each in printed)


def walk(look: inspection.Inspection, meant: Reference, namespace: str) -> Answer | None:
    """Return the answer for one object, and for all that is to blame for it; None if it is gone."""
    found, planned = look.plan(Key(meant.resource, namespace, meant.name))
    if found is None:
        return None
    told = _in_an_outage(look, found, answer(meant, namespace, found, planned))
    told = dataclasses.replace(told, plan=(*told.plan, *left(look, found)))
    chosen = [
        each for each in dict.fromkeys(_to_blame(meant.resource, found, told)) if each != meant
    ]
    below: list[Answer] = []
    for each in chosen[:MOST_BELOW]:
        # A server may be named here and by its set: it is told once, where it belongs.
        if f"{each.kind}/{each.name}" in {seen.object for up in below for seen in every(up)}:
            continue
        found_below = _below(look, meant, each, namespace)
        below += [found_below] if found_below is not None else []
    return dataclasses.replace(told, below=tuple(below))


def every(found: Answer) -> Iterator[Answer]:
    """Yield an answer, and all that are below it."""
    yield found
    for each in found.below:
        yield from every(each)


def _below(
    look: inspection.Inspection, above: Reference, meant: Reference, namespace: str
) -> Answer | None:
    """Return the answer for what is to blame; the walk leads down only, and so it ends."""
    try:
        if _depth(meant.resource) > _depth(above.resource):
            return walk(look, meant, namespace)
        found, planned = look.plan(Key(meant.resource, namespace, meant.name))
    except errors.Stalled as error:
        # One that cannot be read is an answer, too.
        return _unreadable(meant, namespace, error)
    if found is None:
        return None
    return _in_an_outage(look, found, answer(meant, namespace, found, planned))


def _in_an_outage(look: inspection.Inspection, found: Any, told: Answer) -> Answer:
    """Return the answer with what its status says of circuits, which only the operator knows.

    The Fleet knows best since when its circuit is open, and when it is tried next: the status of
    what waits for it is not written again for each trial. The built-in fleet may have no object.
    """
    seen = [
        each
        for each in getattr(found.item.status, "blocked_by", ())
        if each.reason == Reason.CIRCUIT_OPEN
    ]
    waits = list[Blocked]()
    for each in seen:
        kind, name = resources.parts(each.object)
        fleet = look.fleets.find(name) if kind == "Fleet" else None
        wait = each if fleet is None else fleets.circuit_wait(fleet)
        waits += [msgspec.structs.replace(wait, remedy=each.remedy)] if wait is not None else []
    if not waits or told.ready == "True":
        return told
    known = vocabulary.explain(Reason.CIRCUIT_OPEN, resources.parts(told.object)[0])
    others = [each for each in told.waits if each.reason != Reason.CIRCUIT_OPEN]
    return dataclasses.replace(
        told,
        reason=Reason.CIRCUIT_OPEN,
        message=waits[0].message,
        meaning=known.meaning,
        remedy=known.remedy,
        since=waits[0].since or told.since,
        waits=(*waits, *others),
    )


def left(look: inspection.Inspection, seen: Any) -> Iterator[str]:
    """Yield how long an operation still takes, by what it took so far, or one like it."""
    item = seen.item
    if isinstance(item, objects.Operation):
        before = look.caches.of(objects.Operation).objects.values()
        found = estimates.left(item, before, seen.now)
        if found is not None:
            yield f"about {age(found[0])} left, {found[1]}"


def _depth(resource: Resource) -> int:
    """Return how far down a kind stands; one that is not listed is a leaf."""
    return _DOWNWARDS.index(resource) if resource in _DOWNWARDS else len(_DOWNWARDS)


def _unreadable(meant: Reference, namespace: str, error: errors.Stalled) -> Answer:
    known = vocabulary.explain(error.reason, meant.kind)
    return Answer(
        object=f"{meant.kind}/{meant.name}",
        namespace=namespace,
        ready="Unknown",
        reason=error.reason,
        message=str(error),
        meaning=known.meaning,
        remedy=known.remedy,
        command="",
        since="",
        waits=(),
        plan=(),
    )


def answer(meant: Reference, namespace: str, found: Any, planned: plans.Plan) -> Answer:
    """Return the answer for the object that `found` was gathered for alone, by the plan of it.

    The plan says something newer of the object than its status does.
    """
    seen = found.item
    status = planned.status if planned.status is not None else seen.status
    verdict = conditions.find(status.conditions, PLACES[meant.resource].verdict) or conditions.find(
        status.conditions, ConditionType.READY
    )
    reason = verdict.reason if verdict else Reason.PENDING
    known = vocabulary.explain(reason, meant.kind)
    return Answer(
        object=f"{meant.kind}/{meant.name}",
        namespace=namespace,
        ready=verdict.status if verdict else "Unknown",
        reason=reason,
        message=verdict.message if verdict else "",
        meaning=known.meaning,
        remedy=known.remedy,
        command=_typed(known.command, meant, seen, namespace),
        since=verdict.last_transition_time if verdict else "",
        waits=tuple(getattr(status, "blocked_by", ())),
        plan=tuple(narrative.narrate(dataclasses.replace(planned, status=None))),
        domain=pictures.server(seen).place if isinstance(seen, objects.Server) else "",
    )


async def operator(api: Cluster, now: float) -> str:
    """Return in a sentence whether one operator is at work; empty where that cannot be seen."""
    return (await _operator(api, now))[0]


async def _operator(api: Cluster, now: float) -> tuple[str, list[dict[str, Any]]]:
    """Return whether one operator is at work, and the leaders' Leases that are held."""
    try:
        leases = await _leases(api, LEADER)
        if not leases:
            return "No operator has ever led here: is Argosy installed?", []
        alive = [each for each in leases if _is_held(each, now)]
        if not alive:
            last = max(each["spec"].get("renewTime") or "" for each in leases)
            told = (
                f"No operator is at work: the last one renewed its Lease"
                f" {age(now - clock.parse(last))} ago. Until one is, nothing of this happens:"
                " kubectl get pods -A -l app.kubernetes.io/name=argosy"
            )
            return told, []
        return await _refused(api, alive, now) if len(alive) > 1 else "", alive
    except errors.ArgosyError:
        return "", []


def _owner(look: inspection.Inspection, meant: Reference, namespace: str) -> Owner | None:
    """Return by what an object is in a slot: its application, or a name of its own."""
    item = look.caches.informers[meant.resource].objects.get((namespace, meant.name))
    return (namespace, registry.of(meant.resource).application(item)) if item is not None else None


async def _replica(api: Cluster, leads: list[dict[str, Any]], owner: Owner) -> str:
    """Return in a sentence which replica has an application; empty where one alone leads.

    Nor is anything said where several installs have replicas that share: whose it is, is not known.
    """
    together = [each for each in leads if each["spec"]["holderIdentity"].startswith(TOGETHER)]
    if len(together) != 1:
        return ""
    space, lease = together[0]["metadata"]["namespace"], slots.lease(slots.of(*owner))
    try:
        found = [
            each for each in await _leases(api, lease) if each["metadata"]["namespace"] == space
        ]
    except errors.ArgosyError:
        return ""
    holder = (found[0]["spec"].get("holderIdentity") or "") if found else ""
    if not holder:
        return (
            f"No replica has {lease}, the slot of this object: a replica takes the slot within half"
            f" a minute, unless none runs: kubectl get lease -n {space}"
        )
    replica = holder.rpartition("_")[0] or holder
    return f"Replica {replica} looks after this object, by Lease {lease} in {space}."


async def _refused(api: Cluster, alive: list[dict[str, Any]], now: float) -> str:
    """Return in a sentence which of several installs do nothing; empty where each has its own."""
    held = [each for each in await _leases(api, installs.CLUSTER) if _is_held(each, now)]
    if not held:
        return ""
    owner = held[0]["spec"]["holderIdentity"].partition("/")[0]
    others = sorted({each["metadata"]["namespace"] for each in alive} - {owner})
    return (
        f"Argosy is installed more than once: the install in namespace {owner} looks after the"
        f" whole cluster, and those in {', '.join(others)} do nothing. Uninstall all but the"
        f" one in {owner}."
    )


async def _leases(api: Cluster, name: str) -> list[dict[str, Any]]:
    query = f"fieldSelector=metadata.name%3D{name}"
    found = msgspec.json.decode(await api.raw("/apis/coordination.k8s.io/v1/leases", query))
    return list(found.get("items") or ())


def _is_held(lease: dict[str, Any], now: float) -> bool:
    """Return whether a process renews the Lease, as far as clocks agree."""
    spec = lease["spec"]
    span = spec.get("leaseDurationSeconds") or DURATION
    silent = now - clock.parse(spec.get("renewTime"))
    return bool(spec.get("holderIdentity")) and silent < span + SKEW_SECONDS


def _to_blame(kind: Resource, found: Any, told: Answer) -> Iterator[Reference]:
    """Yield what is not ready one step below an object, then what is waited for.

    First those that are named as the cause: of many that are not ready there is room for few.
    """
    named = {each.object for each in told.waits}
    ill: list[Reference] = []
    for each in registry.of(kind).parts(found):
        resource, status = resources.of(type(each)), getattr(each, "status", None)
        ready = conditions.find(status.conditions, PLACES[resource].verdict) if status else None
        if ready is not None and ready.status != "True":
            ill.append(Reference(resource=resource, name=each.metadata.name))
    yield from sorted(ill, key=lambda each: f"{each.kind}/{each.name}" not in named)
    for waited in told.waits:
        meant = references.told(waited.object)
        if meant is not None and meant.resource in inspection.PLANNED:
            yield meant


def _typed(command: str, meant: Reference, seen: Any, namespace: str) -> str:
    """Return the command with the names in it; nothing where they are those of things below.

    Which ones those are is told thing by thing.
    """
    if not command.startswith("kubectl argosy"):
        return command
    application = (
        meant.name if meant.kind == "Application" else getattr(seen.spec, "application", "")
    )
    filled = (
        command.replace(f"{meant.kind.lower()}/NAME", str(meant))
        .replace("application/NAME", f"application/{application}")
        .replace("APPLICATION", application)
        .replace("--server NAME", f"--server {meant.name}")
    )
    return "" if "NAME" in filled else f"{filled} -n {namespace}"
