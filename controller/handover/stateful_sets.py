"""A StatefulSet that is to come in: what it becomes, and all that is in the way of that.

The import asks here before it begins, and once more just before the StatefulSet lets go.
"""

from __future__ import annotations

import dataclasses

from controller.api import names
from controller.api.resources import Resource, thing
from controller.handover import state
from controller.handover.handover import Handover
from controller.presentation import reading, translation
from controller.presentation.translation import Json, Translation


async def check(handover: Handover, name: str, application: str = "") -> tuple[Json, Translation]:
    """Return a StatefulSet and what it becomes, with all that is in the way."""
    found = await reading.raw(handover.api, Resource.STATEFULSETS, handover.namespace, name)
    service = found["spec"].get("serviceName") or ""
    served = bool(service) and await handover.find(Resource.SERVICES, service) is not None
    told = translation.application_of(found, application=application, served=served)
    problems = [*told.problems]
    if not handover.consent.retarget:
        problems += [
            f"{thing(Resource.AUTOSCALERS, each['metadata']['name'])} scales statefulset/{name}:"
            " have that autoscaler scale the successor with --retarget-hpa"
            for each in await handover.scalers("StatefulSet", name)
        ]
    problems += await _strays(handover, found)
    problems += await _owned_claims(handover, found)
    beside = await handover.beside(found["spec"]["template"])
    notes = (*told.notes, *beside, *await _replaced(handover, found))
    return found, dataclasses.replace(told, problems=tuple(problems), notes=notes)


async def _strays(handover: Handover, found: Json) -> list[str]:
    """Tell of pods of the set's names that are not its own: no label says what they are for.

    A label that is changed by hand takes a pod out of the set, mostly for somebody to look at it.
    """
    wanted = (found["spec"].get("selector") or {}).get("matchLabels") or {}
    said = []
    for pod in await pods_of(handover, found):
        owners = pod["metadata"].get("ownerReferences") or ()
        if any(each["uid"] == found["metadata"]["uid"] for each in owners):
            continue
        why = "; ".join(state.differing(pod, wanted)) or "nothing controls it"
        name = found["metadata"]["name"]
        said.append(
            f"the pod {pod['metadata']['name']} is not statefulset/{name}'s ({why}): put that"
            " right, or delete the pod"
        )
    return said


async def _owned_claims(handover: Handover, found: Json) -> list[str]:
    """Tell of claims that would go with something else: with the set's own goes no reference."""
    said, uid = [], found["metadata"]["uid"]
    for server in _names(found):
        for each in found["spec"].get("volumeClaimTemplates", ()):
            claim = await handover.find(
                Resource.CLAIMS, names.claim(each["metadata"]["name"], server)
            )
            owners = (claim or {"metadata": {}})["metadata"].get("ownerReferences") or ()
            said += [
                f"the claim {each['metadata']['name']}-{server} belongs to {x['kind']}/{x['name']}"
                " and would be deleted with it"
                for x in owners
                if x["uid"] != uid
            ]
    return said


async def _replaced(handover: Handover, found: Json) -> list[str]:
    """Tell which pods a rollout will replace afterwards, and why."""
    target = found.get("status", {}).get("updateRevision", "")
    said = []
    for pod in await pods_of(handover, found):
        revision = (pod["metadata"].get("labels") or {}).get(names.STATEFUL_HASH, "")
        if revision != target:
            said.append(
                f"{pod['metadata']['name']} is replaced afterwards: it runs {revision}, not"
                f" {target}"
            )
    return said


def _names(found: Json) -> list[str]:
    spec = found["spec"]
    first = translation.first_of(spec)
    numbers = range(first, first + spec.get("replicas", 1))
    return [f"{found['metadata']['name']}-{number}" for number in numbers]


async def pods_of(handover: Handover, found: Json) -> list[Json]:
    """Return the pods of a StatefulSet that are there."""
    pods = [await handover.find(Resource.PODS, each) for each in _names(found)]
    return [each for each in pods if each is not None]
