"""What the API promises: of the simulated API server and, as e2e, of the client with a real one.

So the simulation cannot drift from what it simulates, nor the client from what the engine expects.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.kube.client import Client
from controller.kube.informer import Informer
from controller.kube.lease import Elector
from fakes.api_server import ApiServer

Json = dict[str, Any]
_WHY = {"reason": "Test", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@dataclasses.dataclass(frozen=True, slots=True)
class Ground:
    """An API server and a namespace in it."""

    api: kube.Api
    namespace: str

    async def create(self, resource: Resource, body: Json) -> Json:
        """Make an object and return it."""
        return _decode(await self.api.create(resource, self.namespace, body))

    async def patch(self, resource: Resource, name: str, body: Json, **options: Any) -> Json:
        """Merge `body` into an object and return it."""
        return _decode(await self.api.patch(resource, self.namespace, name, body, **options))

    async def get(self, resource: Resource, name: str) -> Json:
        """Return an object."""
        return _decode(await self.api.get(resource, self.namespace, name))

    async def delete(self, resource: Resource, made: Json, **options: Any) -> Json:
        """Delete an object by its UID."""
        meta = made["metadata"]
        answer = await self.api.delete(
            resource, self.namespace, meta["name"], uid=meta["uid"], **options
        )
        return _decode(answer)

    async def exists(self, resource: Resource, name: str) -> bool:
        """Return whether there is such an object."""
        try:
            await self.get(resource, name)
        except faults.NotFound:
            return False
        return True

    async def gone(self, resource: Resource, name: str) -> None:
        """Wait until an object is gone."""
        await until(lambda: self._absent(resource, name))

    async def marked(self, resource: Resource, name: str) -> None:
        """Wait until an object is on its way out."""

        async def going() -> bool:
            return "deletionTimestamp" in (await self.get(resource, name))["metadata"]

        await until(going)

    async def _absent(self, resource: Resource, name: str) -> bool:
        return not await self.exists(resource, name)


async def until(check: Callable[[], Awaitable[bool]], within: float = 300.0) -> None:
    """Wait until something is so; a collector of garbage may rest for half a minute, and again."""
    async with asyncio.timeout(within):
        while not await check():  # noqa: ASYNC110 - the world outside sends no events
            await asyncio.sleep(0.05)


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.e2e)], name="ground")
async def either_ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """A simulated API server, or a real one behind the client."""
    if request.param == "simulated":
        yield Ground(ApiServer(namespaces=("default",)), "default")
        return
    kubeconfig: Path = request.getfixturevalue("kubeconfig")
    namespace: str = request.getfixturevalue("namespace")
    async with Client.connect(kubeconfig=str(kubeconfig)) as client:
        yield Ground(client, namespace)


def service(name: str, **meta: Any) -> Json:
    """Return the manifest of a headless Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, **meta},
        "spec": {"clusterIP": "None", "ports": [{"port": 80}]},
    }


def pod(name: str, image: str = "one:1") -> Json:
    """Return the manifest of a pod that no node takes."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"no": "such-node"},
            "containers": [{"name": "main", "image": image}, {"name": "side", "image": "side:1"}],
        },
    }


def owned(made: Json) -> Json:
    """Return metadata that makes `made` the controlling owner."""
    reference = {key: made[key] for key in ("apiVersion", "kind")}
    reference |= {key: made["metadata"][key] for key in ("name", "uid")}
    return {"ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}]}


async def test_create_is_never_an_overwrite(ground: Ground) -> None:
    """A second create of a name is refused, and the first object stays what it was."""
    made = await ground.create(Resource.SERVICES, service("a"))
    with pytest.raises(faults.AlreadyExists):
        await ground.create(Resource.SERVICES, service("a", labels={"x": "y"}))
    assert await ground.get(Resource.SERVICES, "a") == made


async def test_absent_things_are_not_found(ground: Ground) -> None:
    """Whatever is asked of an absent object or namespace is NotFound."""
    for call in (
        ground.api.get(Resource.SERVICES, ground.namespace, "absent"),
        ground.api.patch(Resource.SERVICES, ground.namespace, "absent", {"metadata": {}}),
        ground.api.delete(Resource.SERVICES, ground.namespace, "absent", uid="u"),
        ground.api.create(Resource.SERVICES, "no-such-namespace", service("a")),
    ):
        with pytest.raises(faults.NotFound):
            await call


async def test_preconditions_hold_or_conflict(ground: Ground) -> None:
    """A write for another UID or an older version is a Conflict and changes nothing."""
    made = await ground.create(Resource.SERVICES, service("a"))
    version = made["metadata"]["resourceVersion"]
    label = {"labels": {"x": "y"}}
    with pytest.raises(faults.Conflict):
        await ground.patch(Resource.SERVICES, "a", {"metadata": {**label, "uid": "other"}})
    with pytest.raises(faults.Conflict):
        await ground.patch(Resource.SERVICES, "a", {"metadata": {**label, "resourceVersion": "1"}})
    with pytest.raises(faults.Conflict):
        await ground.api.delete(Resource.SERVICES, ground.namespace, "a", uid="other")
    with pytest.raises(faults.Conflict):
        await ground.delete(Resource.SERVICES, made, resource_version="1")
    assert await ground.get(Resource.SERVICES, "a") == made
    right = {**label, "uid": made["metadata"]["uid"], "resourceVersion": version}
    patched = await ground.patch(Resource.SERVICES, "a", {"metadata": right})
    assert int(patched["metadata"]["resourceVersion"]) > int(version)


async def test_a_status_is_put_whole_or_conflicts(ground: Ground) -> None:
    """What is not in it is gone, and the spec stays; an older version is a Conflict."""
    made = await ground.create(Resource.SERVICES, service("a"))

    async def put(before: Json, *kinds: str) -> Json:
        meta = {key: before["metadata"][key] for key in ("name", "uid", "resourceVersion")}
        told = [{"type": each, "status": "True", **_WHY} for each in kinds]
        whole = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
        answer = await ground.api.replace(
            Resource.SERVICES,
            ground.namespace,
            "a",
            {**whole, "status": {"conditions": told}},
            subresource="status",
        )
        return _decode(answer)

    both = await put(made, "One", "Two")
    assert [each["type"] for each in both["status"]["conditions"]] == ["One", "Two"]
    with pytest.raises(faults.Conflict):
        await put(made, "Three")
    other = {**both["metadata"], "uid": "other"}
    with pytest.raises(faults.Conflict):
        await put({**both, "metadata": other}, "Three")
    one = await put(both, "Two")
    assert [each["type"] for each in one["status"]["conditions"]] == ["Two"]
    assert one["spec"] == made["spec"]


async def test_patch_that_changes_nothing_is_no_write(ground: Ground) -> None:
    """A patch that leaves the object as it is leaves its resourceVersion, too."""
    made = await ground.create(Resource.SERVICES, service("a", labels={"x": "y"}))
    same = await ground.patch(Resource.SERVICES, "a", {"metadata": {"labels": {"x": "y"}}})
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_null_removes_and_lists_are_replaced(ground: Ground) -> None:
    """A merge patch removes what is null and replaces lists."""
    labels = {"keep": "1", "drop": "2"}
    await ground.create(Resource.SERVICES, service("a", labels=labels, finalizers=["t.dev/a"]))
    body = {"metadata": {"labels": {"drop": None, "new": "3"}, "finalizers": ["t.dev/b"]}}
    patched = await ground.patch(Resource.SERVICES, "a", body)
    assert patched["metadata"]["labels"] == {"keep": "1", "new": "3"}
    assert patched["metadata"]["finalizers"] == ["t.dev/b"]
    lifted = await ground.patch(Resource.SERVICES, "a", {"metadata": {"finalizers": None}})
    assert "finalizers" not in lifted["metadata"]


async def test_finalizers_hold_an_object(ground: Ground) -> None:
    """A deleted object stays, marked, until its last finalizer goes; none may be added then."""
    made = await ground.create(Resource.SERVICES, service("a", finalizers=["t.dev/a"]))
    marked = await ground.delete(Resource.SERVICES, made)
    assert marked["metadata"]["deletionTimestamp"]
    again = await ground.delete(Resource.SERVICES, made)
    assert again["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
    more = {"metadata": {"finalizers": ["t.dev/a", "t.dev/b"]}}
    with pytest.raises((faults.Refused, faults.Forbidden)):
        await ground.patch(Resource.SERVICES, "a", more)
    await ground.patch(Resource.SERVICES, "a", {"metadata": {"finalizers": []}})
    assert not await ground.exists(Resource.SERVICES, "a")


async def test_pods_take_a_new_image_and_nothing_else(ground: Ground) -> None:
    """A strategic patch changes one container's image; what cannot change is refused."""
    made = await ground.create(Resource.PODS, pod("a"))
    body = {"spec": {"containers": [{"name": "main", "image": "two:2"}]}}
    patched = await ground.patch(Resource.PODS, "a", body, style="strategic")
    images = [each["image"] for each in patched["spec"]["containers"]]
    assert images == ["two:2", "side:1"]
    assert patched["metadata"]["generation"] == made["metadata"]["generation"] + 1
    with pytest.raises(faults.Refused):
        await ground.patch(Resource.PODS, "a", {"spec": {"nodeSelector": {"other": "node"}}})


async def test_pod_that_runs_nowhere_is_gone_at_once(ground: Ground) -> None:
    """A pod that no node has taken needs no grace."""
    made = await ground.create(Resource.PODS, pod("a"))
    await ground.delete(Resource.PODS, made)
    assert not await ground.exists(Resource.PODS, "a")


async def test_dry_run_changes_nothing(ground: Ground) -> None:
    """A dry run answers as the write would, and leaves no trace."""
    body = msgspec.json.encode(service("a"))
    await ground.api.create(Resource.SERVICES, ground.namespace, body, dry_run=True)
    assert not await ground.exists(Resource.SERVICES, "a")
    made = await ground.create(Resource.SERVICES, service("a"))
    label = {"metadata": {"labels": {"x": "y"}}}
    dry = await ground.patch(Resource.SERVICES, "a", label, dry_run=True)
    assert dry["metadata"]["labels"] == {"x": "y"}
    assert await ground.get(Resource.SERVICES, "a") == made


async def test_apply_makes_and_merges_but_never_revives(ground: Ground) -> None:
    """Apply makes what is absent, changes what is there, and with a UID never makes anew."""
    options: Json = {"field_manager": "tester", "force": True}
    where = (Resource.SERVICES, ground.namespace, "a")
    made = _decode(await ground.api.apply(*where, service("a"), **options))
    labelled = service("a", labels={"x": "y"})
    merged = _decode(await ground.api.apply(*where, labelled, **options))
    assert merged["metadata"]["uid"] == made["metadata"]["uid"]
    assert merged["metadata"]["labels"] == {"x": "y"}
    await ground.delete(Resource.SERVICES, made)
    late = service("a", uid=made["metadata"]["uid"])
    with pytest.raises(faults.Conflict):
        await ground.api.apply(*where, late, **options)
    assert not await ground.exists(Resource.SERVICES, "a")


async def test_dependents_follow_their_owner(ground: Ground) -> None:
    """In the background the owner goes first and its dependents follow."""
    owner = await ground.create(Resource.SERVICES, service("owner"))
    await ground.create(Resource.SERVICES, service("dependent", **owned(owner)))
    await ground.delete(Resource.SERVICES, owner)
    assert not await ground.exists(Resource.SERVICES, "owner")
    await ground.gone(Resource.SERVICES, "dependent")


async def test_foreground_deletes_dependents_first(ground: Ground) -> None:
    """In the foreground the owner waits, marked, until its dependents are gone."""
    owner = await ground.create(Resource.SERVICES, service("owner"))
    held = service("dependent", finalizers=["t.dev/a"], **owned(owner))
    await ground.create(Resource.SERVICES, held)
    await ground.delete(Resource.SERVICES, owner, propagation="Foreground")
    await ground.marked(Resource.SERVICES, "dependent")
    assert await ground.exists(Resource.SERVICES, "owner")
    await ground.patch(Resource.SERVICES, "dependent", {"metadata": {"finalizers": None}})
    await ground.gone(Resource.SERVICES, "owner")


async def test_orphans_are_let_go(ground: Ground) -> None:
    """With Orphan the dependents stay, without their owner's reference."""
    owner = await ground.create(Resource.SERVICES, service("owner"))
    await ground.create(Resource.SERVICES, service("dependent", **owned(owner)))
    await ground.delete(Resource.SERVICES, owner, propagation="Orphan")
    await ground.gone(Resource.SERVICES, "owner")
    left = await ground.get(Resource.SERVICES, "dependent")
    assert not left["metadata"].get("ownerReferences")
    assert "deletionTimestamp" not in left["metadata"]


async def test_lists_are_paged_and_selected(ground: Ground) -> None:
    """Pages of one list show one moment; a selector chooses by labels."""
    for number in range(5):
        odd = {"odd": "yes" if number % 2 else "no"}
        await ground.create(Resource.SERVICES, service(f"s{number}", labels=odd))
    names_seen: list[str] = []
    token = ""
    while True:
        page = _decode(
            await ground.api.list(
                Resource.SERVICES, ground.namespace, limit=2, continue_token=token
            )
        )
        names_seen += [each["metadata"]["name"] for each in page["items"]]
        if not token:
            await ground.create(Resource.SERVICES, service("late"))
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert names_seen == ["s0", "s1", "s2", "s3", "s4"]
    for selector, expected in (
        ("odd=yes", ["s1", "s3"]),
        ("odd!=yes", ["late", "s0", "s2", "s4"]),
        ("!odd", ["late"]),
        ("odd in (yes,maybe)", ["s1", "s3"]),
        ("odd notin (yes,maybe)", ["late", "s0", "s2", "s4"]),
        ("odd,odd notin (yes)", ["s0", "s2", "s4"]),
    ):
        found = _decode(
            await ground.api.list(Resource.SERVICES, ground.namespace, label_selector=selector)
        )
        assert [each["metadata"]["name"] for each in found["items"]] == expected


async def test_a_label_that_changes_is_told_by_two_watches_in_one_version(ground: Ground) -> None:
    """Gone by the one, come by the other, of the version of the change; a deletion is newer."""
    made = await ground.create(Resource.SERVICES, service("a", labels={"part": "1"}))
    version = made["metadata"]["resourceVersion"]
    moved = await ground.patch(Resource.SERVICES, "a", {"metadata": {"labels": {"part": "2"}}})
    change = int(moved["metadata"]["resourceVersion"])
    await ground.delete(Resource.SERVICES, moved)
    told: dict[str, list[tuple[str, int]]] = {}
    for selector, count in (("part in (1)", 1), ("part notin (1)", 2)):
        lines = ground.api.watch(
            Resource.SERVICES,
            ground.namespace,
            resource_version=version,
            label_selector=selector,
        )
        told[selector] = []
        async with asyncio.timeout(30), contextlib.aclosing(lines):
            async for line in lines:
                event = _decode(line)
                found = int(event["object"]["metadata"]["resourceVersion"])
                told[selector].append((event["type"], found))
                if len(told[selector]) == count:
                    break
    assert told["part in (1)"] == [("DELETED", change)]
    (came, went) = told["part notin (1)"]
    assert came == ("ADDED", change)
    assert went[0] == "DELETED"
    assert went[1] > change


async def test_watch_tells_changes_in_order(ground: Ground) -> None:
    """A watch from a version tells each later change once; a deletion has a version of its own."""
    made = await ground.create(Resource.SERVICES, service("a"))
    version = made["metadata"]["resourceVersion"]
    await ground.patch(Resource.SERVICES, "a", {"metadata": {"labels": {"x": "y"}}})
    await ground.delete(Resource.SERVICES, made)
    told: list[tuple[str, int]] = []
    lines = ground.api.watch(Resource.SERVICES, ground.namespace, resource_version=version)
    async with asyncio.timeout(30), contextlib.aclosing(lines):
        async for line in lines:
            event = _decode(line)
            told.append((event["type"], int(event["object"]["metadata"]["resourceVersion"])))
            if event["type"] == "DELETED":
                break
    assert [kind for kind, _ in told] == ["MODIFIED", "DELETED"]
    assert int(version) < told[0][1] < told[1][1]


async def test_informer_shows_own_writes(ground: Ground) -> None:
    """An informer reaches the version of each write, and then shows what was written."""
    informer: Informer[objects.Service] = Informer(
        ground.api, Resource.SERVICES, namespaces=(ground.namespace,)
    )
    task = asyncio.create_task(informer.run())
    try:
        async with asyncio.timeout(60):
            await informer.wait()
            for number in range(20):
                made = await ground.create(Resource.SERVICES, service(f"s{number}"))
                version = int(made["metadata"]["resourceVersion"])
                while not informer.reached(version, ground.namespace):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                shown = informer.objects[(ground.namespace, f"s{number}")]
                assert shown.metadata.uid == made["metadata"]["uid"]
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_leases_have_fractions_of_seconds(ground: Ground) -> None:
    """A Lease that an elector makes is accepted, and read back with its holder."""
    one, two = (Elector(ground.api, ground.namespace, "argosy", each) for each in ("one", "two"))
    await one.acquire()
    assert one.leading
    waiting = asyncio.create_task(two.acquire())
    await one.release()
    async with asyncio.timeout(30):
        await waiting
    assert two.leading
    assert (one.epoch, two.epoch) == (1, 2)


SET: Json = {
    "apiVersion": names.API_VERSION,
    "kind": "ServerSet",
    "metadata": {"name": "shop-web", "finalizers": [names.FINALIZER]},
    "spec": {
        "application": "shop",
        "component": "web",
        "revision": "abc",
        "template": {"spec": {"containers": [{"name": "main", "image": "one:1"}]}},
    },
}


@pytest.fixture(name="with_crds")
async def crds_in_place(request: pytest.FixtureRequest, ground: Ground) -> None:
    """Our CRDs, installed where the API server is a real one."""
    if not isinstance(ground.api, Client):
        return
    api = request.getfixturevalue("api")
    for path in sorted((Path(__file__).parents[2] / "crds").glob("*.yaml")):
        crd = msgspec.yaml.decode(path.read_bytes())
        where = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}"
        api.apply(where, crd)
    async with asyncio.timeout(60):
        while True:
            try:
                await ground.api.list(Resource.SERVERSETS, ground.namespace)
            except (faults.NotFound, faults.Overloaded):
                await asyncio.sleep(0.1)
            else:
                return


@pytest.mark.usefixtures("with_crds")
async def test_our_kinds_have_a_status_of_their_own(ground: Ground) -> None:
    """A status comes from the schema, changes only by its subresource, and never the generation."""
    body = {**SET, "status": {"replicas": 7}}
    made = await ground.create(Resource.SERVERSETS, body)
    assert made["status"]["conditions"][0]["reason"] == "Pending"
    assert made["spec"]["replicas"] == 1
    both = {"spec": {"replicas": 2}, "status": {"replicas": 9}}
    changed = await ground.patch(Resource.SERVERSETS, "shop-web", both)
    assert changed["metadata"]["generation"] == 2
    assert changed["status"] == made["status"]
    both = {"spec": {"replicas": 3}, "status": {"replicas": 9}}
    seen = await ground.patch(Resource.SERVERSETS, "shop-web", both, subresource="status")
    assert seen["spec"]["replicas"] == 2
    assert seen["status"]["replicas"] == 9
    assert seen["metadata"]["generation"] == 2
    marked = await ground.delete(Resource.SERVERSETS, made)
    assert marked["metadata"]["generation"] == 3
    await ground.patch(Resource.SERVERSETS, "shop-web", {"metadata": {"finalizers": None}})
    assert not await ground.exists(Resource.SERVERSETS, "shop-web")


@pytest.mark.usefixtures("with_crds")
async def test_null_is_a_fields_absence_unless_it_may_be_null(ground: Ground) -> None:
    """Where the schema takes no null a default comes, or nothing; what it does not know stays.

    In a merge patch null removes, and within lists, too: of an apply it stays where it may.
    """
    made = await ground.create(Resource.SERVERSETS, SET)
    nulled = {"rollout": None, "replicas": None, "stopped": None}
    odd = {
        **SET,
        "metadata": {"name": "shop-odd", "finalizers": ["t.dev/a"]},
        "spec": {**SET["spec"], "component": "odd", **nulled},
    }
    created = await ground.create(Resource.SERVERSETS, odd)
    usual = {**made["spec"], "component": "odd"}
    assert created["spec"] == usual
    changed = {"replicas": 2, "rollout": {"maxUnavailable": 2}}
    await ground.patch(Resource.SERVERSETS, "shop-odd", {"spec": changed})
    patched = await ground.patch(Resource.SERVERSETS, "shop-odd", {"spec": nulled})
    assert patched["spec"] == usual
    for each in ("shop-web", "shop-odd"):
        await ground.patch(Resource.SERVERSETS, each, {"metadata": {"finalizers": None}})


@pytest.mark.usefixtures("with_crds")
async def test_null_within_a_template_stays_but_for_a_merge_patch(ground: Ground) -> None:
    """Of a list's items the schema has defaults filled in; what is free in them is kept as sent."""
    containers = [{"name": "main", "image": "app:1", "command": None}]
    template = {"metadata": None, "spec": {"containers": containers, "nodeSelector": None}}
    component = {"name": "web", "replicas": None, "rollout": None, "template": template}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {"components": [component]},
    }
    created = await ground.create(Resource.APPLICATIONS, body)
    found = created["spec"]["components"][0]
    assert found["template"] == template
    assert found["rollout"]["strategy"] == "RollingUpdate"
    assert found["replicas"] is None
    patched = await ground.patch(Resource.APPLICATIONS, "shop", {"spec": body["spec"]})
    lean = {"spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    found.pop("replicas")
    assert patched["spec"]["components"] == [{**found, "template": lean}]


async def test_nothing_is_made_in_a_namespace_that_is_going(ground: Ground) -> None:
    """A namespace that is deleted refuses creates, by its own reason, and takes all with it."""
    name = f"{ground.namespace}-going"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    home = _decode(await ground.api.create(Resource.NAMESPACES, "", body))
    inside = Ground(ground.api, name)
    await inside.create(Resource.SERVICES, service("held", finalizers=["t.dev/a"]))
    await ground.api.delete(Resource.NAMESPACES, "", name, uid=home["metadata"]["uid"])

    async def refused() -> bool:
        try:
            await inside.create(Resource.SERVICES, service("late"))
        except faults.NamespaceTerminating:
            return True
        except faults.AlreadyExists:
            pass
        return False

    await until(refused)
    await inside.marked(Resource.SERVICES, "held")
    await inside.patch(Resource.SERVICES, "held", {"metadata": {"finalizers": None}})

    async def gone() -> bool:
        try:
            await ground.api.get(Resource.NAMESPACES, "", name)
        except faults.NotFound:
            return True
        return False

    await until(gone)


async def test_a_dry_run_of_a_delete_deletes_nothing(ground: Ground) -> None:
    """The answer is that of a delete, and the object stays as it was."""
    made = await ground.create(Resource.SERVICES, service("kept"))
    await ground.delete(Resource.SERVICES, made, dry_run=True)
    found = await ground.get(Resource.SERVICES, "kept")
    assert found["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    with pytest.raises(faults.Conflict):
        await ground.api.delete(
            Resource.SERVICES, ground.namespace, "kept", uid="another", dry_run=True
        )


async def test_access_is_reviewed(ground: Ground) -> None:
    """Who may do everything is told so."""
    access = await ground.api.review_access("delete", Resource.SERVERS, ground.namespace)
    assert access.allowed


_decode: Callable[[bytes], Json] = msgspec.json.decode
