"""The steps of `import deployment/NAME`: ours come up as theirs go down, within both budgets.

A Deployment's pods cannot keep their names, so they cannot become servers. There are never more of
both than the Deployment's maxSurge allows, and never fewer available than its maxUnavailable does.
How far the shift is stands in the two numbers themselves: a command that was killed goes on there.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from controller.api import names
from controller.api.resources import Resource, thing
from controller.handover import marks, scaling
from controller.handover.handover import Handover
from controller.kube import faults
from controller.presentation import reading, translation
from controller.presentation.problems import Refusal
from controller.presentation.translation import Json, Translation, split

RIGHTS = (
    (Resource.APPLICATIONS, "get"),
    (Resource.APPLICATIONS, "create"),
    (Resource.APPLICATIONS, "patch"),
    (Resource.DEPLOYMENTS, "get"),
    (Resource.DEPLOYMENTS, "patch"),
    (Resource.SERVICES, "get"),
    (Resource.SERVICES, "list"),
    (Resource.DISRUPTION_BUDGETS, "list"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """How many there are to be in the end, how many more there may be, and how many may lack."""

    count: int
    surge: int
    lacking: int


async def preview(handover: Handover, name: str, application: str) -> Translation:
    """Return what importing would do, and what is in the way; change nothing."""
    _, told = await check(handover, name, application)
    rising = "servers come up as the Deployment's pods go: replicas rises step by step"
    told = dataclasses.replace(told, notes=(rising, *told.notes))
    return await handover.preview(told, Resource.APPLICATIONS, RIGHTS)


async def carry_out(handover: Handover, name: str, application: str) -> None:
    """Import the Deployment, from wherever an earlier run got to."""
    above, component = split(name, application)
    await handover.allowed(*RIGHTS)
    known = await handover.find(Resource.APPLICATIONS, above)
    if known is None:
        known = await _begin(handover, name, application)
    mark = marks.marked(known, names.IMPORT_ANNOTATION)
    if mark is None and await _is_done(handover, known, component, name):
        handover.say(f"deployment/{name} is application/{above} already")
        return
    if not isinstance(mark, dict) or mark.get("deployment") != name:
        raise Refusal(
            f"application/{above} exists, and is no import of deployment/{name}: add the component"
            f" {component} to it yourself, and scale one up as the other goes down"
        )
    bounds = _Bounds(count=mark["count"], surge=mark["surge"], lacking=mark["lacking"])
    # The application has a number of its own only once all servers are there: killed after that.
    shifted = "replicas" in known["spec"]
    while not shifted:
        shifted = await _step(handover, above, component, name, bounds)
    if handover.consent.retarget:
        await scaling.leave_replicas(handover, above, lambda part: part["name"] == component)
        handover.say(f"application/{above} can be scaled as one: an autoscaler may name it")
    await handover.unmark(Resource.APPLICATIONS, above, names.IMPORT_ANNOTATION)
    handover.say(f"deployment/{name} is application/{above} now, and has no pods left: delete it")


async def _is_done(handover: Handover, known: Json, component: str, name: str) -> bool:
    """Return whether an import came to its end, all but the word that it has."""
    found = await handover.find(Resource.DEPLOYMENTS, name)
    left = found["spec"].get("replicas", 1) if found is not None else 0
    return not left and bool(_part(known, component).get("replicas", known["spec"].get("replicas")))


async def check(handover: Handover, name: str, application: str) -> tuple[Json, Translation]:
    """Return a Deployment and what it becomes, with all that is in the way."""
    found = await reading.raw(handover.api, Resource.DEPLOYMENTS, handover.namespace, name)
    above, component = split(name, application)
    own = names.server_set(above, component)
    served = await handover.find(Resource.SERVICES, own) is not None
    told = translation.application_of_deployment(found, application=application, served=served)
    problems = [
        *told.problems,
        *(
            f"{thing(Resource.AUTOSCALERS, each['metadata']['name'])} scales deployment/{name}, and"
            f" would scale up what goes down: delete that autoscaler, import with"
            f" --retarget-hpa, and make one for application/{above} afterwards"
            for each in await handover.scalers("Deployment", name)
        ),
    ]
    notes = (*told.notes, *await handover.beside(found["spec"]["template"]))
    return found, dataclasses.replace(told, problems=tuple(problems), notes=notes)


async def _begin(handover: Handover, name: str, application: str) -> Json:
    """Write the application, of no servers yet, with the bounds of the shift."""
    found, told = await check(handover, name, application)
    handover.begin(told)
    count = found["spec"].get("replicas", 1)
    surge, lacking = translation.bounds_of_deployment(found["spec"])
    mark = {"deployment": name, "count": count, "surge": surge, "lacking": lacking}
    body = marks.with_mark(told.body, names.IMPORT_ANNOTATION, mark)
    made = await handover.create(Resource.APPLICATIONS, body)
    handover.say(f"application/{body['metadata']['name']} is written, without servers yet")
    return made


async def _step(handover: Handover, above: str, component: str, name: str, bounds: _Bounds) -> bool:
    """Raise ours as far as there is room, then lower theirs as far as ours are available."""
    found = await reading.raw(handover.api, Resource.DEPLOYMENTS, handover.namespace, name)
    known = await reading.raw(handover.api, Resource.APPLICATIONS, handover.namespace, above)
    theirs = max(found["spec"].get("replicas", 1), found.get("status", {}).get("replicas", 0))
    ours = int(_part(known, component).get("replicas", 0))
    room = bounds.count + bounds.surge - theirs
    wanted: int = max(ours, min(bounds.count, room))
    if wanted > ours:
        if not await _raise(handover, known, component, wanted):
            return False
        handover.say(f"servers asked for: {wanted} of {bounds.count}")
    available = 0

    async def are_up() -> bool:
        nonlocal available
        current = await reading.raw(handover.api, Resource.APPLICATIONS, handover.namespace, above)
        available = _available(current, component)
        return available >= wanted

    await handover.until(f"servers of {above} are available: {wanted}", are_up)
    target = max(0, bounds.count - bounds.lacking - available) if available < bounds.count else 0
    if target < found["spec"].get("replicas", 1):
        await handover.patch(Resource.DEPLOYMENTS, found, {"spec": {"replicas": target}})
        handover.say(f"deployment/{name} goes down to {target}")

    async def are_gone() -> bool:
        now = await reading.raw(handover.api, Resource.DEPLOYMENTS, handover.namespace, name)
        status = now.get("status", {})
        seen = status.get("observedGeneration") == now["metadata"].get("generation")
        return bool(seen and status.get("replicas", 0) <= now["spec"].get("replicas", 1))

    await handover.until(f"deployment/{name} has gone down", are_gone)
    return available >= bounds.count and target == 0


async def _raise(handover: Handover, known: Json, component: str, wanted: int) -> bool:
    """Ask for so many of ours; return False where somebody wrote first, and all is looked at anew.

    Waiting for servers that nobody asked for would go on until the command gives up.
    """
    parts = [
        {**each, "replicas": wanted} if each["name"] == component else each
        for each in known["spec"]["components"]
    ]
    meta = {"resourceVersion": known["metadata"]["resourceVersion"]}
    try:
        await handover.patch(
            Resource.APPLICATIONS, known, {"metadata": meta, "spec": {"components": parts}}
        )
    except faults.Conflict:
        return False
    return True


def _part(known: Json, component: str) -> Json:
    found = (each for each in known["spec"]["components"] if each["name"] == component)
    return dict(next(found, {}))


def _available(known: Json, component: str) -> int:
    """Return how many servers are available, as far as the status speaks of what was asked for."""
    status: dict[str, Any] = known.get("status", {})
    if status.get("observedGeneration") != known["metadata"].get("generation"):
        return 0
    return sum(
        int(each.get("available", 0))
        for each in status.get("components", ())
        if each["name"] == component
    )
