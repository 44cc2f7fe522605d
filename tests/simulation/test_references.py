"""Servers refer to revisions: objects of 0.1 go on as they are, records come, go, and come back."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import pytest

from controller import errors
from controller.api import names
from controller.api.resources import PLACES, Resource
from controller.kube.reasons import KubeReason
from fakes.api_server.chaos import Verdict
from fakes.api_server.storage import Cause, Write
from fakes.universe import Json, Universe, application, component, operation

pytestmark = pytest.mark.looptime

STORED = Path(__file__).parent / "fixtures" / "release_0_1.json"
COPIES = ("template", "volumeClaims", "recovery", "deletion", "minReadySeconds")
POLICIES = {
    "rollout": {"partition": 2, "minReadySeconds": 5},
    "recovery": {
        "attempts": 3,
        "alternatives": [
            {"name": "a", "patch": {"spec": {"nodeSelector": {"zone": "a"}}}},
            {"name": "b", "patch": {"spec": {"nodeSelector": {"zone": "b"}}}},
        ],
    },
}
CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}

METAL = {"metadata": {"name": "metal"}, "spec": {"provider": "memory"}}


def shop(image: str, deletion: Json | None = None, **changes: object) -> Json:
    """Return the application of the stored objects, or a change of it."""
    return application(
        "shop",
        component("db", 2, volumeClaims=[CLAIM]),
        component("web", 4, image=image, dependsOn=["db"], **{**POLICIES, **changes}),
        deletion=deletion or {"drainSeconds": 45, "timeoutSeconds": 120},
    )


class Upgraded(Universe):
    """A cluster that 0.1 left behind, when the operator of today starts in it."""

    def __init__(self, *, pruned: bool) -> None:
        super().__init__()
        kinds = {place.kind: resource for resource, place in PLACES.items()}
        for body in json.loads(STORED.read_text()):
            resource, meta = kinds[body["kind"]], body["metadata"]
            if resource is Resource.SERVERS and pruned:
                body["spec"] = {k: v for k, v in body["spec"].items() if k not in COPIES}
            key = meta.get("namespace", ""), meta["name"]
            self.server.registry.storage.commit(resource, key, body, Cause(verb="create"))

    def uids(self, resource: Resource) -> dict[str, str]:
        """Return what is there of a kind."""
        found = self.server.objects[resource].items()
        return {name: body["metadata"]["uid"] for (_, name), body in found}


def ours(universe: Universe, since: int, *resources: Resource) -> list[Write]:
    """Return the operator's writes since then, of these kinds."""
    return [
        each
        for each in universe.server.writes[since:]
        if each.cause.actor == "argosy" and (each.resource in resources or not resources)
    ]


@pytest.mark.parametrize("pruned", [False, True], ids=["copies kept", "copies pruned"])
async def test_objects_of_the_last_release_need_no_write(*, pruned: bool) -> None:
    """The operator of today takes them as they are: nothing is restarted, and nothing written.

    But for the sentences of statuses, which read otherwise today, and for what the last release
    did not know: each set's budget for evictions.
    """
    universe = Upgraded(pruned=pruned)
    before = universe.uids(Resource.PODS)
    await asyncio.sleep(300)
    start = len(universe.server.writes)
    async with universe:
        await universe.settle(quiet=60)
        written = ours(universe, start)
        made = [each for each in written if each.resource is Resource.DISRUPTION_BUDGETS]
        assert len(made) <= len(universe.names(Resource.SERVERSETS))
        rest = [each for each in written if each.resource is not Resource.DISRUPTION_BUDGETS]
        assert [each.name for each in rest if not _rewords(each)] == []
        assert universe.uids(Resource.PODS) == before
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"


def _rewords(write: Write) -> bool:
    """Return whether a write changes nothing but what conditions say in words."""
    before, after = (_without_words(each) for each in (write.before, write.after))
    return before is not None and before == after


def _without_words(body: Any) -> Any:
    """Return a status without its sentences, and without the generation that it answers to.

    What is stored gets the defaults of today's schema with the first write, which counts as a
    change of the spec here.
    """
    if body is None:
        return None
    spoken = {"message": "", "observedGeneration": 0}
    status = body["status"]
    conditions = [{**each, **spoken} for each in status["conditions"]]
    return {
        **_without_blanks(status),
        "observedGeneration": 0,
        "conditions": conditions,
    }


def _without_blanks(value: Any) -> Any:
    """Return a status without what it leaves blank: a field that is new says nothing of before."""
    if isinstance(value, list):
        return [_without_blanks(each) for each in value]
    if isinstance(value, dict):
        return {
            key: _without_blanks(each)
            for key, each in value.items()
            if each not in ([], {}, "", None)
        }
    return value


@pytest.mark.parametrize("pruned", [False, True], ids=["copies kept", "copies pruned"])
async def test_a_policy_changed_after_the_upgrade_writes_no_server(*, pruned: bool) -> None:
    """The set's word counts at once, whatever copy a server still carries."""
    universe = Upgraded(pruned=pruned)
    await asyncio.sleep(300)
    async with universe:
        await universe.settle()
        start = len(universe.server.writes)
        await universe.apply(shop("app:2", deletion={"drainSeconds": 7}))
        await universe.settle()
        assert ours(universe, start, Resource.SERVERS, Resource.PODS) == []
        await universe.delete(Resource.SERVERS, "shop-web-3")
        await universe.until(lambda: len(graces(universe, start)) == 1)
        assert graces(universe, start) == [7]
        await universe.apply(shop("app:2", deletion={"drainSeconds": 77}))
        await universe.settle()
        start = len(universe.server.writes)
        await universe.delete(Resource.SERVERS, "shop-web-3")
        await universe.until(lambda: len(graces(universe, start)) == 1)
        assert graces(universe, start) == [77]


def graces(universe: Universe, since: int) -> list[int]:
    """Return how long deleted pods were given to end."""
    return [
        each.after["metadata"]["deletionGracePeriodSeconds"]
        for each in ours(universe, since, Resource.PODS)
        if each.cause.verb == "delete" and each.after is not None
    ]


async def test_the_next_write_drops_the_copies() -> None:
    """A rollout leaves servers with references alone; those that it spares stay as they are."""
    universe = Upgraded(pruned=False)
    await asyncio.sleep(300)
    async with universe:
        await universe.settle()
        await universe.apply(shop("app:3"))
        await universe.settle()
        carried = {
            name: sorted(set(COPIES) & universe.get(Resource.SERVERS, name)["spec"].keys())
            for name in universe.names(Resource.SERVERS)
            if "-web-" in name
        }
        assert carried == {
            "shop-web-0": sorted(COPIES),
            "shop-web-1": sorted(COPIES),
            "shop-web-2": [],
            "shop-web-3": [],
        }
        pods = {name: _image(universe, name) for name in universe.names(Resource.PODS)}
        assert [pods[f"shop-web-{n}"] for n in range(4)] == ["app:1", "app:1", "app:3", "app:3"]
        await universe.delete(Resource.SERVERS, "shop-web-0")
        await universe.settle()
        assert _image(universe, "shop-web-0") == "app:1"


def _image(universe: Universe, name: str) -> str:
    return str(universe.get(Resource.PODS, name)["spec"]["containers"][0]["image"])


async def test_a_record_deleted_by_hand_comes_back_unnoticed() -> None:
    """While the application still says it, no server and no pod is written for it."""
    async with Universe() as universe:
        await universe.apply(shop("app:1"))
        await universe.settle()
        start = len(universe.server.writes)
        before = universe.names(Resource.REVISIONS)
        for name in before:
            await universe.delete(Resource.REVISIONS, name)
        await universe.settle()
        assert universe.names(Resource.REVISIONS) == before
        assert ours(universe, start, Resource.SERVERS, Resource.PODS) == []


async def test_servers_whose_record_is_gone_run_on_and_say_so() -> None:
    """Nothing is torn down; what would have to be made waits; lowering the partition mends all."""
    async with Universe() as universe:
        await universe.apply(shop("app:1"))
        await universe.settle()
        (old,) = (each for each in universe.names(Resource.REVISIONS) if "-web-" in each)
        await universe.apply(shop("app:2"))
        await universe.settle()
        pods = {
            name: universe.get(Resource.PODS, name)["metadata"]["uid"]
            for name in ("shop-web-0", "shop-web-1")
        }
        await universe.delete(Resource.REVISIONS, old)
        await universe.settle()
        for name, uid in pods.items():
            assert universe.get(Resource.PODS, name)["metadata"]["uid"] == uid
            assert universe.condition(Resource.SERVERS, name, "Ready")["status"] == "True"
            said = universe.condition(Resource.SERVERS, name, "Stalled")
            assert said["reason"] == "RevisionMissing"
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        await universe.delete(Resource.PODS, "shop-web-0")
        await universe.settle()
        assert "shop-web-0" not in universe.names(Resource.PODS)
        said = universe.condition(Resource.SERVERS, "shop-web-0")
        assert (said["status"], said["reason"]) == ("False", "RevisionMissing")
        await universe.apply(shop("app:2", rollout={"partition": 0}))
        await universe.settle()
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        assert {_image(universe, f"shop-web-{n}") for n in range(4)} == {"app:2"}


async def test_machines_whose_record_is_gone_stop_and_start() -> None:
    """A fleet that stops in place needs no record for that: each Operation ends in seconds."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", METAL)
        body = component("web", 2, rollout={"partition": 2})
        await universe.apply(application("shop", body, fleet="metal"))
        await universe.settle()
        (old,) = universe.names(Resource.REVISIONS)
        newer = component("web", 2, rollout={"partition": 2}, image="app:2")
        await universe.apply(application("shop", newer, fleet="metal"))
        await universe.settle()
        await universe.delete(Resource.REVISIONS, old)
        await universe.settle()
        before = {each.id for each in universe.machines.machines}
        assert universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")["status"] == "True"
        for action, stopped in (("Stop", True), ("Start", False)):
            await universe.apply(operation(action.lower(), "shop", action))
            await universe.until(
                functools.partial(_succeeded, universe, action.lower()), patience=30
            )
            await universe.settle()
            assert {each.id for each in universe.machines.machines} == before
            assert {each.stopped for each in universe.machines.machines} == {stopped}
        assert universe.condition(Resource.SERVERS, "shop-web-0")["status"] == "True"


def _succeeded(universe: Universe, name: str) -> bool:
    """Return whether an operation has done all that it was to do."""
    return universe.condition(Resource.OPERATIONS, name, "Succeeded").get("status") == "True"


async def test_a_record_is_known_from_the_answer_to_its_create() -> None:
    """A small application does not wait for the watch to tell what was answered already."""
    async with Universe() as universe:
        universe.faults.freeze(Resource.REVISIONS)
        universe.faults.freeze(Resource.SERVERSETS)
        universe.faults.freeze(Resource.SERVERS)
        await universe.apply(shop("app:1"))
        await universe.until(lambda: len(universe.names(Resource.PODS)) > 0)
        universe.faults.thaw()
        await universe.settle()
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"


async def test_a_record_that_comes_late_is_waited_for() -> None:
    """No server is made that names a revision which the operator has not seen on record.

    Neither in the answer to its create, which is lost, nor by the watch, which stands still.
    """
    async with Universe() as universe:
        universe.faults.freeze(Resource.REVISIONS)
        universe.faults.on(
            "create",
            Resource.REVISIONS,
            verdict=Verdict(after=errors.UnknownOutcome("lost", reason=KubeReason.CONNECTION_LOST)),
            times=None,
        )
        await universe.apply(shop("app:1"))
        await universe.until(lambda: "shop-db" in universe.names(Resource.SERVERSETS))
        await asyncio.sleep(30)
        assert universe.names(Resource.SERVERS) == []
        universe.faults.thaw()
        await universe.settle()
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        made = {each.name: each.version for each in universe.server.writes if _creates(each)}
        for body in universe.server.objects[Resource.SERVERS].values():
            spec = body["spec"]
            record = names.controller_revision("shop", spec["component"], spec["revision"])
            assert made[record] < made[body["metadata"]["name"]]


def _creates(write: Write) -> bool:
    kinds = (Resource.REVISIONS, Resource.SERVERS)
    return write.before is None and write.resource in kinds
