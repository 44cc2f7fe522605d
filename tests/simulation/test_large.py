"""As much as the API server takes of an editor of one namespace, in virtual time.

Objects of 1.4 MB, hundreds of components and operations, statuses written by hand: the
neighbour's application comes up as if nothing were, and all of it can be deleted to nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.universe import Universe, application, component, operation

pytestmark = [pytest.mark.looptime, pytest.mark.unjudged]

Json = dict[str, Any]
# As large as etcd takes an object, and a little less.
LARGE = 1_400_000
# How long an application of two servers takes where nothing is in its way, and more.
USUAL_SECONDS = 20.0
LEFT = (
    Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.OPERATIONS,
    Resource.PODS, Resource.REVISIONS, Resource.SERVICES, Resource.DISRUPTION_BUDGETS,
)  # fmt: skip


def huge_template(name: str) -> Json:
    """Return a component whose template is as large as an object may be."""
    made = component(name, 2)
    made["template"]["spec"]["containers"][0]["env"] = [
        {"name": f"E{number}", "value": "x" * 1000} for number in range(LARGE // 1040)
    ]
    return made


def huge_annotations(name: str) -> Json:
    """Return a component whose pods bear as much as Kubernetes lets a pod bear."""
    made = component(name, 2)
    made["template"]["metadata"] = {"annotations": {"team.example.com/x": "x" * 260_000}}
    return made


def in_bad(body: Json) -> Json:
    """Return the object in the namespace of whoever means harm."""
    body["metadata"]["namespace"] = "bad"
    return body


HARM: dict[str, list[Json]] = {
    "a template as large as an object": [in_bad(application("shop", huge_template("web")))],
    "annotations as large as a pod's": [in_bad(application("shop", huge_annotations("web")))],
    # More than 64 are refused in one application.
    "hundreds of components": [
        in_bad(application(f"shop-{app}", *(component(f"c{each}", 0) for each in range(64))))
        for app in range(6)
    ],
    "names at their limit": [
        in_bad(application("a" * 40, component("b" * 20, 2), component("c" * 20, 2)))
    ],
    "hundreds of operations": [
        in_bad(application("shop", component("web", 2))),
        *(in_bad(operation(f"again-{each}", "shop", "Restart")) for each in range(300)),
    ],
}


async def neighbour(universe: Universe) -> None:
    """See that somebody else's application comes up in its time, and goes again."""
    await universe.apply(application("good", component("web", 2)))
    await universe.until(
        lambda: universe.condition(Resource.APPLICATIONS, "good").get("status") == "True",
        patience=USUAL_SECONDS,
    )
    await universe.delete(Resource.APPLICATIONS, "good", propagation="Foreground")
    await universe.until(
        lambda: ("default", "good") not in universe.server.objects[Resource.APPLICATIONS],
        patience=USUAL_SECONDS * 2,
    )


async def torn_down(universe: Universe) -> None:
    """Delete all that the namespace has of ours, and see that nothing is left of it."""
    objects = universe.server.objects
    for resource in (Resource.APPLICATIONS, Resource.OPERATIONS):
        for namespace, name in list(objects.get(resource, {})):
            uid = objects[resource][namespace, name]["metadata"]["uid"]
            await universe.server.delete(resource, namespace, name, uid=uid)
    await universe.until(lambda: not any(objects.get(each) for each in LEFT), patience=3600)


@pytest.mark.parametrize("harm", HARM)
async def test_however_much_one_namespace_asks_others_are_served_and_all_of_it_goes(
    harm: str,
) -> None:
    """The neighbour comes up while it is made, after it has come to be, and while it goes."""
    async with Universe() as universe:
        await universe.server.create(Resource.NAMESPACES, "", {"metadata": {"name": "bad"}})
        for body in HARM[harm]:
            await universe.apply(body)
        await neighbour(universe)
        await asyncio.sleep(120)
        await neighbour(universe)
        await torn_down(universe)


@pytest.mark.parametrize("resource", [Resource.SERVERS, Resource.SERVERSETS, Resource.APPLICATIONS])
async def test_a_status_as_large_as_its_schema_takes_is_written_anew(resource: Resource) -> None:
    """Whoever may write a status fills it: Argosy says what is so, and serves everybody."""
    async with Universe() as universe:
        await universe.server.create(Resource.NAMESPACES, "", {"metadata": {"name": "bad"}})
        await universe.apply(in_bad(application("shop", component("web", 2))))
        await universe.settle()
        for (namespace, name), body in list(universe.server.objects[resource].items()):
            lie = {"type": "Ready", "status": "True", "reason": "Fine", "message": "x" * 32_000,
                   "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
            told = {"status": {"conditions": [lie], "blockedBy": []}}
            assert body["metadata"]["name"] == name
            await universe.server.patch(resource, namespace, name, told, subresource="status")
        await neighbour(universe)
        for body in universe.server.objects[resource].values():
            (ready,) = [one for one in body["status"]["conditions"] if one["type"] == "Ready"]
            assert ready["reason"] != "Fine"
            assert len(ready["message"]) < 1000
        await torn_down(universe)
