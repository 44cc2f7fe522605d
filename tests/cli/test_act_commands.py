"""Each act of a page tells the command that asks for the same, as one can type it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from controller.api.resources import PLACES, Resource
from controller.cli import session
from controller.cli.target import ClusterTarget
from controller.presentation import acts
from controller.presentation.acts import Request, Subject, WriteVerb
from tests.cli import typing_in

TOLD = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
ENDED = {
    "run": "1", "completionTime": "2026-01-01T00:00:00Z",
    "conditions": [{"type": "Succeeded", "status": "False", "reason": "Failed", "message": "",
                    **TOLD}],
}  # fmt: skip
TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "app:1"}]}}
SPECS: dict[Resource, dict[str, Any]] = {
    Resource.APPLICATIONS: {
        "spec": {"components": [{"name": "web", "replicas": 3, "template": TEMPLATE}]}
    },
    Resource.OPERATIONS: {
        "spec": {"application": "shop", "action": "Steps", "steps": [{"name": "migrate"}]}
    },
    Resource.SERVERS: {
        "spec": {"application": "shop", "component": "web", "ordinal": 3},
        "status": {"provider": {"id": "pod-1"}},
    },
}
GIVEN = {
    "component": "web", "replicas": "5", "servers": "0-9,12", "concurrency": "25%", "to": "a'b c",
    "from": "migrate", "called": "named",
}  # fmt: skip


def subject(act: acts.OfferedAct) -> Subject:
    """Return an object that the act may be asked of."""
    place = PLACES[act.resource]
    name = "shop-web-3" if act.resource is Resource.SERVERS else "shop"
    meta = {"name": name, "namespace": "prod", "uid": "u", "resourceVersion": "7"}
    body = {"apiVersion": place.api_version, "kind": place.kind, "metadata": meta}
    status = {"status": ENDED} if act.name == "retry" else {}
    return acts.subject(act.resource, {**body, **SPECS[act.resource], **status})


class Stop(Exception):  # noqa: N818 - nothing is wrong: what was to be seen has been
    """The command has written."""


class Recorder:
    """An API server that has one object, and notes the first write."""

    def __init__(self, found: Subject) -> None:
        self._found = found
        self.written: tuple[Any, ...] = ()

    async def get(self, *_: object) -> bytes:
        """Return the object."""
        return json.dumps(self._found.raw).encode()

    async def create(self, resource: Resource, namespace: str, body: dict[str, Any]) -> bytes:
        """Note it, and end the command."""
        self.written = (WriteVerb.CREATE, resource, namespace, "", body["spec"])
        raise Stop

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: dict[str, Any],
        *, subresource: str = "", field_manager: str,
    ) -> bytes:  # fmt: skip
        """Note it, and end the command."""
        assert field_manager == "kubectl-argosy"
        self.written = (WriteVerb.PATCH, resource, namespace, name + subresource, told(body))
        raise Stop


def told(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a change says, without what it demands of its object and without times."""
    marks = body.get("metadata", {}).get("annotations", {})
    return {"spec": body.get("spec"), "marks": {key: marks[key] == "pod-1" for key in marks}}


def asked(request: Request) -> tuple[Any, ...]:
    """Return a request as the recorder notes writes."""
    place = request.verb, request.resource, request.namespace
    if request.verb is WriteVerb.CREATE:
        return (*place, "", request.body["spec"])
    return (*place, request.name + request.subresource, told(request.body))


ACTS = [act for kind in SPECS for act in acts.of(kind)]


@pytest.mark.parametrize("act", ACTS, ids=[f"{each.name} {each.resource}" for each in ACTS])
@pytest.mark.parametrize("given", [GIVEN, {"replicas": "5"}], ids=["all", "least"])
def test_the_command_of_an_act_asks_for_the_same(
    act: acts.OfferedAct, given: dict[str, str]
) -> None:
    """Whoever copies it instead of pressing the button gets what was shown."""
    found = subject(act)
    request = act.request(found, given, 1.0)
    work, target = typing_in.work(f"kubectl argosy {request.command} -n prod")
    assert target == ClusterTarget(namespace="prod")
    if request.verb is WriteVerb.DELETE:
        # The command asks first, and the page has asked already.
        assert (request.name, request.uid) == ("shop", "u")
        return
    recorder = Recorder(found)
    api: Any = recorder
    doing: Any = work(session.Session(api=api, namespace="prod", target=target, server=""))
    with pytest.raises(Stop):
        asyncio.run(doing)
    assert recorder.written == asked(request)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("5", 5), ("25%", "25%"), ("999999999", 999_999_999), ("1" * 10, "1" * 10), ("٣", "٣")],
)
def test_a_number_that_no_field_holds_is_refused_as_it_was_given(given: str, meant: object) -> None:
    """Ten digits do not become nine: nobody's 1111111111 at once is 111111111."""
    act = acts.find(Resource.APPLICATIONS, "restart")
    request = act.request(subject(act), {"concurrency": given}, 1.0)
    assert request.body["spec"]["concurrency"] == meant


def test_scaling_goes_to_the_set_where_the_application_leaves_it_open() -> None:
    """As `scale` does; the page asks for the right to that, and not to the application."""
    act = acts.find(Resource.APPLICATIONS, "scale")
    raw = subject(act).raw
    component = {"name": "web", "template": TEMPLATE}
    found = acts.subject(act.resource, {**raw, "spec": {"components": [component]}})
    request = act.request(found, {"replicas": "5"}, 1.0)
    assert (request.resource, request.name) == (Resource.SERVERSETS, "shop-web")
    assert str(request.right) == "patch serversets/scale"
    assert request.body == {"spec": {"replicas": 5}}
