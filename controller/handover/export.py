"""The steps of `export APPLICATION`: servers become the pods of StatefulSets again, none restarts.

The StatefulSets are made first, while the pods are still Argosy's: so there is no moment at which
nobody would make a pod anew. Then Argosy lets go from the top: application, sets, servers. Each
StatefulSet carries a mark, by which the same command goes on where an earlier one ended.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from controller.api import names
from controller.api.resources import PLACES, Resource, thing
from controller.handover import marks, state
from controller.handover.handover import Handover
from controller.kube import faults
from controller.presentation import export_losses, reading, requests, translation
from controller.presentation.problems import Refusal
from controller.presentation.translation import Json, Translation

RIGHTS = (
    *((Resource.APPLICATIONS, verb) for verb in ("get", "patch", "delete")),
    *((Resource.SERVERSETS, verb) for verb in ("get", "list", "patch", "delete")),
    *((Resource.SERVERS, verb) for verb in ("list", "patch", "delete")),
    *((Resource.STATEFULSETS, verb) for verb in ("get", "list", "create", "patch")),
    *((Resource.PODS, verb) for verb in ("list", "patch")),
    *((Resource.DISRUPTION_BUDGETS, verb) for verb in ("get", "delete")),
)
_HASH = names.STATEFUL_HASH


async def preview(handover: Handover, application: str) -> Translation:
    """Return what exporting would do, and what is in the way; change nothing."""
    found = await reading.raw(handover.api, Resource.APPLICATIONS, handover.namespace, application)
    return await handover.preview(await _check(handover, found), Resource.STATEFULSETS, RIGHTS)


async def carry_out(handover: Handover, application: str) -> None:
    """Export the application, from wherever an earlier run got to."""
    await handover.allowed(*RIGHTS)
    found = await handover.find(Resource.APPLICATIONS, application)
    if found is not None and "deletionTimestamp" not in found["metadata"]:
        await _prepare(handover, found)
    sets = await _marked_sets(handover, application)
    if not sets and found is None and await _is_done(handover, application):
        handover.say(f"application/{application} has been exported already")
        return
    if not sets:
        await reading.raw(handover.api, Resource.APPLICATIONS, handover.namespace, application)
    await _let_go(handover, application)
    await _end(handover, application, sets)


async def _is_done(handover: Handover, application: str) -> bool:
    """Return whether an export came to its end, all but the word that it has."""
    pods = await _below(handover, Resource.PODS, application)
    return bool(pods) and all(state.controller(each)[0] == "StatefulSet" for each in pods)


async def _check(handover: Handover, found: Json) -> Translation:
    name = found["metadata"]["name"]
    sets = await _below(handover, Resource.SERVERSETS, name)
    servers = await _below(handover, Resource.SERVERS, name)
    counts = {each["spec"]["component"]: each["spec"].get("replicas", 1) for each in sets}
    told = translation.stateful_sets_of(found, counts)
    problems = [*told.problems]
    firsts = {each["name"]: translation.first_of(each) for each in found["spec"]["components"]}
    for component, count in sorted(counts.items()):
        first = firsts.get(component, 0)
        ordinals = sorted(
            each["spec"]["ordinal"] for each in servers if each["spec"]["component"] == component
        )
        if ordinals != list(range(first, first + count)):
            problems.append(
                f"servers of {component} are not numbered from {first} without a gap, as a"
                " StatefulSet's are"
            )
    problems += await _strays(handover, told.body["items"], name)
    if not state.is_ready(found):
        problems.append("the application is not ready: wait until it is, or see what `why` says")
    if not handover.consent.retarget:
        problems += await _autoscaled(handover, sets, name)
    held = [said for each in servers for said in export_losses.of_server(each)]
    held += await _held_back(handover, sets, name)
    return dataclasses.replace(told, problems=tuple(problems), losses=(*told.losses, *sorted(held)))


async def _autoscaled(handover: Handover, sets: Iterable[Json], application: str) -> list[str]:
    """Tell of autoscalers, which would have nothing left to scale."""
    above = [("ServerSet", each["metadata"]["name"]) for each in sets]
    return [
        f"{thing(Resource.AUTOSCALERS, each['metadata']['name'])} scales {kind.lower()}/{name}:"
        " have that autoscaler scale the StatefulSet with --retarget-hpa"
        for kind, name in (*above, ("Application", application))
        for each in await handover.scalers(kind, name)
    ]


async def _held_back(handover: Handover, sets: Iterable[Json], application: str) -> list[str]:
    """Tell of pods that are kept at a revision of which no StatefulSet would know."""
    targets = {each["spec"]["component"]: each["spec"].get("revision", "") for each in sets}
    return [
        said
        for pod in await _below(handover, Resource.PODS, application)
        if (target := targets.get(pod["metadata"]["labels"].get(names.COMPONENT_LABEL)))
        for said in export_losses.of_pod(pod, target)
    ]


async def _strays(handover: Handover, sets: Iterable[Json], application: str) -> list[str]:
    """Tell of pods that no StatefulSet would take up: of these nobody would make others."""
    return [
        f"the pod {pod['metadata']['name']} would belong to nobody ({'; '.join(why)}): put that"
        " right first"
        for each in sets
        for pod in await _pods(handover, application, each["metadata"]["name"])
        if (why := state.differing(pod, each["spec"]["selector"]["matchLabels"]))
    ]


async def _below(handover: Handover, resource: Resource, application: str) -> list[Json]:
    return await handover.every(resource, f"{names.APPLICATION_LABEL}={application}")


async def _prepare(handover: Handover, found: Json) -> None:
    """Make the StatefulSets beside what runs, and have pods known as of their revision.

    The API server judges all of them before the first write: one that it refuses would leave the
    application paused beside those that were made before it.
    """
    name = found["metadata"]["name"]
    made = await _marked_sets(handover, name)
    if not made:
        told = await _check(handover, found)
        handover.begin(told)
    there = {each["metadata"]["name"] for each in made}
    counts = {
        each["spec"]["component"]: each["spec"].get("replicas", 1)
        for each in await _below(handover, Resource.SERVERSETS, name)
    }
    for body in _unmade(found, counts, there):
        await _make(handover, name, body, dry_run=True)
    if not found["spec"].get("paused"):
        found = await handover.patch(Resource.APPLICATIONS, found, {"spec": requests.PAUSE})
        handover.say(f"application/{name} is paused")
    for body in _unmade(found, counts, there):
        await _make(handover, name, body)
        handover.say(f"statefulset/{body['metadata']['name']} is made, and waits for the pods")
    for each in await _marked_sets(handover, name):
        await _label(handover, name, each["metadata"]["name"])


def _unmade(found: Json, counts: dict[str, int], there: Iterable[str]) -> list[Json]:
    """Return the StatefulSets of an application that no earlier run made."""
    wanted = translation.stateful_sets_of(found, counts).body["items"]
    return [each for each in wanted if each["metadata"]["name"] not in there]


async def _make(handover: Handover, application: str, body: Json, *, dry_run: bool = False) -> None:
    name = body["metadata"]["name"]
    pods = await _pods(handover, application, name)
    lives = {each["metadata"]["name"]: state.life(each) for each in pods}
    told = {"application": application, "pods": lives}
    body = marks.with_mark(body, names.EXPORT_ANNOTATION, told)
    try:
        await handover.create(Resource.STATEFULSETS, body, dry_run=dry_run)
    except faults.AlreadyExists as error:
        raise Refusal(f"statefulset/{name} exists, and is no export of this application") from error


async def _marked_sets(handover: Handover, application: str) -> list[Json]:
    """Return the StatefulSets that an export of an application of that name made."""
    found = await handover.every(Resource.STATEFULSETS)
    return [each for each in found if _mark(each).get("application") == application]


def _mark(found: Json) -> Json:
    """Return what an earlier run left on a StatefulSet."""
    told = marks.marked(found, names.EXPORT_ANNOTATION)
    return told if isinstance(told, dict) else {}


async def _label(handover: Handover, application: str, name: str) -> None:
    """Mark the pods at the target revision as the StatefulSet marks those that it makes of it."""
    revision = ""

    async def known() -> bool:
        nonlocal revision
        found = await handover.find(Resource.STATEFULSETS, name)
        status = (found or {}).get("status", {})
        revision = status.get("updateRevision", "")
        return bool(revision)

    await handover.until(f"statefulset/{name} has a revision", known)
    above = await handover.find(Resource.SERVERSETS, name)
    target = (above or {"spec": {}})["spec"].get("revision")
    for pod in await _pods(handover, application, name):
        labels = pod["metadata"]["labels"]
        if labels.get(names.REVISION_LABEL) == target and labels.get(_HASH) != revision:
            await handover.patch(Resource.PODS, pod, {"metadata": {"labels": {_HASH: revision}}})


async def _pods(handover: Handover, application: str, name: str) -> list[Json]:
    component = name.removeprefix(f"{application}-")
    selector = f"{names.APPLICATION_LABEL}={application},{names.COMPONENT_LABEL}={component}"
    return await handover.every(Resource.PODS, selector)


async def _let_go(handover: Handover, application: str) -> None:
    """Delete what Argosy has of the application, from the top, once nothing below belongs to it.

    Owner references are taken off here, and not left to the cluster's garbage collector: that may
    not have heard of what was made a moment ago, and would then delete it.
    """
    for above, below in (
        (Resource.APPLICATIONS, Resource.SERVERSETS),
        (Resource.SERVERSETS, Resource.SERVERS),
        (Resource.SERVERS, Resource.PODS),
    ):
        kind = PLACES[above].kind

        async def gone(above: Resource = above, below: Resource = below, kind: str = kind) -> bool:
            return await _one_level(handover, application, above, below, kind)

        await handover.until(f"{above} of {application} are gone", gone)
    handover.say(f"application/{application} let go of its servers, which run on")


async def _one_level(
    handover: Handover, application: str, above: Resource, below: Resource, kind: str
) -> bool:
    """Free what is below, then delete what is above; return whether that is gone."""
    free = True
    for each in await _below(handover, below, application):
        if state.controller(each)[0] == kind:
            free = False
            await _free(handover, below, each)
    if not free:
        return False
    if above is Resource.APPLICATIONS:
        one = await handover.find(above, application)
        left = [one] if one is not None else []
    else:
        left = await _below(handover, above, application)
    for each in left:
        await handover.orphan(above, each)
    return not left


async def _free(handover: Handover, resource: Resource, found: Json) -> None:
    """Take off the reference of what controls an object, if it is still as it was found."""
    meta = found["metadata"]
    others = [each for each in meta["ownerReferences"] if not each.get("controller")]
    told = {"resourceVersion": meta["resourceVersion"], "ownerReferences": others}
    try:
        await handover.patch(resource, found, {"metadata": told})
    except (faults.Conflict, faults.NotFound):
        return  # looked at again


async def _end(handover: Handover, application: str, sets: list[Json]) -> None:
    """See the StatefulSets have all pods, the same as before, and take the marks off."""
    for each in sets:
        name = each["metadata"]["name"]

        async def has_all(each: Json = each) -> bool:
            return len(await _owned(handover, each)) == int(each["spec"]["replicas"])

        await handover.until(f"statefulset/{name} has its pods", has_all)
        lives = _mark(each).get("pods") or {}
        said = state.changed(lives, await _owned(handover, each))
        for line in said:
            handover.say(f"note: {line}")
        handover.say(
            f"statefulset/{name} has its pods: {len(lives) - len(said)} of {len(lives)} run on as"
            " they were"
        )
        await _tidy(handover, name)
        if handover.consent.retarget:
            await handover.retarget("ServerSet", name, Resource.STATEFULSETS)
            # Only an application of one component can be scaled as one: it became this set.
            await handover.retarget("Application", application, Resource.STATEFULSETS, called=name)
        await handover.unmark(Resource.STATEFULSETS, name, names.EXPORT_ANNOTATION)


async def _owned(handover: Handover, above: Json) -> list[Json]:
    """Return the pods that a StatefulSet has: those that it made since are without our labels."""
    wanted = above["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))
    return [pod for pod in await handover.every(Resource.PODS, selector) if state.is_of(pod, above)]


async def _tidy(handover: Handover, name: str) -> None:
    """Delete the PodDisruptionBudget that Argosy kept: nobody would keep it up to date."""
    found = await handover.find(Resource.DISRUPTION_BUDGETS, name)
    if found is None or state.controller(found) != ("", ""):
        return
    if names.COMPONENT_LABEL in (found["metadata"].get("labels") or {}):
        await handover.api.delete(
            Resource.DISRUPTION_BUDGETS, handover.namespace, name, uid=found["metadata"]["uid"]
        )
