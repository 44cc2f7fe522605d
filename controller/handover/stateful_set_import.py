"""The steps of `import statefulset/NAME`: a StatefulSet's pods become servers, and none restarts.

The application is written paused, then the StatefulSet lets go of its pods, then Argosy takes them
up. Whoever is killed in between finds, with the same command, where it was: in the application.
"""

from __future__ import annotations

from typing import Any

from controller.api import names
from controller.api.resources import Resource
from controller.handover import marks, scaling, state, stateful_sets
from controller.handover.handover import Handover
from controller.kube import faults
from controller.presentation import requests
from controller.presentation.problems import Refusal
from controller.presentation.translation import Json, Translation, split

RIGHTS = (
    (Resource.APPLICATIONS, "get"),
    (Resource.APPLICATIONS, "create"),
    (Resource.APPLICATIONS, "patch"),
    (Resource.STATEFULSETS, "get"),
    (Resource.STATEFULSETS, "delete"),
    (Resource.SERVICES, "get"),
    (Resource.SERVICES, "list"),
    (Resource.DISRUPTION_BUDGETS, "list"),
    (Resource.PODS, "get"),
    (Resource.CLAIMS, "get"),
)


async def preview(handover: Handover, name: str, application: str) -> Translation:
    """Return what importing would do, and what is in the way; change nothing."""
    _, told = await stateful_sets.check(handover, name, application)
    return await handover.preview(told, Resource.APPLICATIONS, RIGHTS)


async def carry_out(handover: Handover, name: str, application: str) -> None:
    """Import the StatefulSet, from wherever an earlier run got to."""
    above, component = split(name, application)
    await handover.allowed(*RIGHTS)
    known = await handover.find(Resource.APPLICATIONS, above)
    if known is not None and await _is_done(handover, known, name):
        handover.say(f"statefulset/{name} is application/{above} already")
        return
    if known is not None and not _is_import(known, component, name):
        raise Refusal(
            f"application/{above} exists, and is no import of statefulset/{name}: add the component"
            f" {component} to it yourself, with adopt: {{kind: StatefulSet, name: {name}}}"
        )
    if known is None:
        known = await _begin(handover, name, application)
    await _release(handover, known, name, application)
    await _take_up(handover, above, name)


async def _is_done(handover: Handover, known: Json, name: str) -> bool:
    """Return whether an import came to its end, all but the word that it has."""
    begun = marks.marked(known, names.IMPORT_ANNOTATION) is not None
    if begun or not any(_of(part, name) for part in known["spec"]["components"]):
        return False
    return await handover.find(Resource.STATEFULSETS, name) is None and state.is_ready(known)


def _is_import(known: Json, component: str, name: str) -> bool:
    """Return whether the application is one that an earlier run wrote for this StatefulSet."""
    if marks.marked(known, names.IMPORT_ANNOTATION) is None:
        return False
    return any(
        each["name"] == component and (each.get("adopt") or {}).get("name") == name
        for each in known["spec"]["components"]
    )


async def _begin(handover: Handover, name: str, application: str) -> Json:
    """Write the application, paused: so far it owns nothing, and deleting it costs nothing."""
    found, told = await stateful_sets.check(handover, name, application)
    handover.begin(told)
    pods = await stateful_sets.pods_of(handover, found)
    lives = {each["metadata"]["name"]: state.life(each) for each in pods}
    body = marks.with_mark(told.body, names.IMPORT_ANNOTATION, lives)
    made = await handover.create(Resource.APPLICATIONS, body)
    handover.say(f"application/{body['metadata']['name']} is written, paused")
    return made


async def _release(handover: Handover, known: Json, name: str, application: str) -> None:
    """Have the StatefulSet let go of its pods, just as the application has it."""
    above = known["metadata"]["name"]
    for _ in range(scaling.TRIES):
        found = await handover.find(Resource.STATEFULSETS, name)
        if found is None:
            return
        if "deletionTimestamp" not in found["metadata"]:
            known = await _agree(handover, known, name, application)
            try:
                version = found["metadata"]["resourceVersion"]
                await handover.orphan(Resource.STATEFULSETS, found, version=version)
            except faults.Conflict:
                continue  # somebody scaled it, or only its status moved: looked at again
            handover.say(f"statefulset/{name} lets go of its pods, which run on")

        async def gone() -> bool:
            return await handover.find(Resource.STATEFULSETS, name) is None

        await handover.until(f"statefulset/{name} is gone", gone)
        return
    raise Refusal(f"statefulset/{name} changes all the time; application/{above} stays paused")


async def _agree(handover: Handover, known: Json, name: str, application: str) -> Json:
    """Have the application say what the StatefulSet says now: somebody may have scaled it since."""
    _, told = await stateful_sets.check(handover, name, application)
    handover.check(told)
    if not known["spec"].get("paused"):
        raise Refusal(
            f"application/{known['metadata']['name']} is not paused, and statefulset/{name} is"
            " still there: pause it first"
        )
    wanted = told.body["spec"]["components"]
    if all(map(_says, wanted, known["spec"]["components"])):
        return known
    handover.say(f"statefulset/{name} has changed: application/{known['metadata']['name']} follows")
    meta = {"resourceVersion": known["metadata"]["resourceVersion"]}
    body = {"metadata": meta, "spec": {"components": wanted}}
    return await handover.patch(Resource.APPLICATIONS, known, body)


def _says(wanted: Any, found: Any) -> bool:
    """Return whether what is found says all that is wanted; defaults may stand beside it."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            _says(x, found.get(key)) for key, x in wanted.items()
        )
    if isinstance(wanted, list):
        alike = isinstance(found, list) and len(found) == len(wanted)
        return alike and all(map(_says, wanted, found))
    return bool(wanted == found)


async def _take_up(handover: Handover, above: str, name: str) -> None:
    """Let Argosy take the pods up, and see that they are the same ones; then tidy up."""
    known = await handover.find(Resource.APPLICATIONS, above)
    if known is None:
        raise Refusal(
            f"application/{above} is gone: statefulset/{name} was deleted, its pods run on"
        )
    if known["spec"].get("paused"):
        await handover.patch(Resource.APPLICATIONS, known, {"spec": requests.RESUME})
        handover.say(f"application/{above} takes the pods up")

    async def ready() -> bool:
        found = await handover.find(Resource.APPLICATIONS, above)
        return found is not None and not found["spec"].get("paused") and state.is_ready(found)

    await handover.until(f"application/{above} is ready", ready)
    lives = marks.marked(known, names.IMPORT_ANNOTATION) or {}
    pods = [await handover.find(Resource.PODS, each) for each in lives]
    said = state.changed(lives, [each for each in pods if each is not None])
    for each in said:
        handover.say(f"note: {each}")
    handover.say(f"{len(lives) - len(said)} of {len(lives)} pods run on as they were")
    if handover.consent.retarget and await handover.scalers("StatefulSet", name):
        await _retarget(handover, above, name)
    await handover.unmark(Resource.APPLICATIONS, above, names.IMPORT_ANNOTATION)
    handover.say(f"statefulset/{name} is application/{above} now")


async def _retarget(handover: Handover, above: str, name: str) -> None:
    """Have autoscalers scale the application, or the set where it has several components."""
    known = await scaling.leave_replicas(handover, above, lambda part: _of(part, name))
    if known is None:
        return
    if len(known["spec"]["components"]) == 1:
        await handover.retarget("StatefulSet", name, Resource.APPLICATIONS, called=above)
        return
    handover.say(f"application/{above} has several components, so its set is what is scaled")
    await handover.retarget("StatefulSet", name, Resource.SERVERSETS)


def _of(part: Json, name: str) -> bool:
    return (part.get("adopt") or {}).get("name") == name
