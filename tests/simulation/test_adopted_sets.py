"""What a StatefulSet left is taken up as it runs, and nothing else is, in virtual time."""

from __future__ import annotations

import pytest

from controller.api import names
from controller.api.resources import Resource
from controller.kube import faults as kube_faults
from controller.kube.reasons import KubeReason
from fakes.api_server import Faults, Verdict
from fakes.universe import Universe
from tests.simulation import stateful
from tests.simulation.drained import Drained
from tests.simulation.stateful import NAME, successor

pytestmark = pytest.mark.looptime


def controlled(universe: Universe) -> set[str]:
    """Return by what kinds the pods are controlled; "" for none."""
    found = (
        each["metadata"].get("ownerReferences", ()) for each in stateful.pods(universe).values()
    )
    return {next((o["kind"] for o in each if o.get("controller")), "") for each in found}


def revisions(universe: Universe) -> dict[str, str]:
    """Return the revision that each pod counts as."""
    found = stateful.pods(universe).items()
    return {name: pod["metadata"]["labels"].get(names.REVISION_LABEL, "") for name, pod in found}


async def test_pods_and_claims_become_servers_as_they_are() -> None:
    """UIDs, specs, and labels of others stay, at our revision; later nothing more is written."""
    async with Universe() as universe:
        await stateful.begin(universe)
        before = stateful.kept(universe)
        await stateful.let_go(universe)
        await universe.apply(successor())
        await universe.until(universe.is_ready)
        await universe.settle()
        assert stateful.kept(universe) == before
        assert len(before) == 6
        assert controlled(universe) == {"Server"}
        target = universe.get(Resource.SERVERSETS, NAME)["spec"]["revision"]
        assert set(revisions(universe).values()) == {target}
        part = names.bucket_label("default", universe.names(Resource.APPLICATIONS)[0])
        for resource in (Resource.PODS, Resource.CLAIMS):
            for name in universe.names(resource):
                labels = universe.get(resource, name)["metadata"]["labels"]
                assert part.items() <= labels.items(), "by the write that takes it up"
        began = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == began


async def test_nothing_is_taken_from_a_stateful_set_that_is_there() -> None:
    """It is told who must let go first, nothing is touched; and once that is so, all goes on."""
    async with Universe() as universe:
        await stateful.begin(universe)
        before = {key: universe.get(*key) for key in stateful.kept(universe)}
        await universe.apply(successor())
        await universe.until(
            lambda: (
                universe.condition(Resource.SERVERS, f"{NAME}-0").get("reason") == "StillControlled"
            )
        )
        (told,) = universe.get(Resource.SERVERS, f"{NAME}-0")["status"]["blockedBy"]
        assert told["object"] == f"StatefulSet/{NAME}"
        assert {key: universe.get(*key) for key in before} == before
        await stateful.let_go(universe)
        await universe.until(universe.is_ready, patience=120)
        assert controlled(universe) == {"Server"}


async def test_pods_of_another_revision_are_replaced_within_the_budget() -> None:
    """A template that differs costs a rollout, one server after the other, and no outage."""
    async with Drained() as universe:
        await stateful.begin(universe)
        before = stateful.kept(universe)
        await stateful.let_go(universe)
        began = len(universe.server.writes)
        await universe.apply(successor(image="app:2"))
        await universe.until(universe.is_ready)
        await universe.settle()
        after = stateful.kept(universe)
        assert {key: one["uid"] for key, one in after.items() if key[0] is Resource.CLAIMS} == {
            key: one["uid"] for key, one in before.items() if key[0] is Resource.CLAIMS
        }
        assert all(
            after[key]["uid"] != before[key]["uid"] for key in after if key[0] is Resource.PODS
        )
        assert min(universe.ups(began)) == 2


async def test_a_pod_of_before_stays_while_the_partition_keeps_it() -> None:
    """Taken up in the middle of a staged rollout: who is at which revision stays so, and is up."""
    async with Universe() as universe:
        await stateful.begin(universe)
        before = stateful.kept(universe)
        await stateful.let_go(universe)
        await universe.apply(successor(image="app:2", rollout={"partition": 2}))
        await universe.until(
            lambda: universe.condition(Resource.SERVERSETS, NAME).get("status") == "True"
        )
        await universe.settle()
        after = stateful.kept(universe)
        moved = {key for key, one in after.items() if before[key]["uid"] != one["uid"]}
        assert moved == {(Resource.PODS, f"{NAME}-2")}
        old = {revisions(universe)[f"{NAME}-{number}"] for number in (0, 1)}
        assert old == {
            universe.get(Resource.PODS, f"{NAME}-0")["metadata"]["labels"][
                "controller-revision-hash"
            ]
        }
        assert universe.condition(Resource.SERVERS, f"{NAME}-0")["status"] == "True"


async def test_an_image_changed_by_hand_is_not_our_revision() -> None:
    """The pod says that it is of the revision, and is not: the rollout makes it so."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await stateful.let_go(universe)
        body = {"spec": {"containers": [{"name": "main", "image": "other:1"}]}}
        await universe.merge(Resource.PODS, f"{NAME}-1", body, style="strategic")
        before = stateful.kept(universe)
        await universe.apply(successor())
        await universe.until(universe.is_ready)
        await universe.settle()
        after = stateful.kept(universe)
        moved = {key for key, one in after.items() if before[key]["uid"] != one["uid"]}
        assert moved == {(Resource.PODS, f"{NAME}-1")}


async def test_a_record_that_is_gone_is_no_proof() -> None:
    """Somebody deleted the StatefulSet's ControllerRevision: pods run on, and are rolled over."""
    async with Drained() as universe:
        await stateful.begin(universe)
        await stateful.let_go(universe)
        for name in universe.names(Resource.REVISIONS):
            await universe.delete(Resource.REVISIONS, name)
        began = len(universe.server.writes)
        await universe.apply(successor())
        await universe.until(universe.is_ready)
        await universe.settle()
        assert min(universe.ups(began)) == 2
        assert controlled(universe) == {"Server"}


OTHERS: dict[str, dict[str, str]] = {
    "made by hand": {},
    "labelled by hand": {"controller-revision-hash": "shop-db-1"},
    "of another name": {
        "controller-revision-hash": "shop-db-1",
        "statefulset.kubernetes.io/pod-name": "other-0",
    },
    "a stranger's": {
        "controller-revision-hash": "shop-db-1",
        "statefulset.kubernetes.io/pod-name": "shop-db-0",
    },
}


@pytest.mark.parametrize("whose", OTHERS)
async def test_what_no_stateful_set_left_is_left_alone(whose: str) -> None:
    """A pod of the name that is another's, or that somebody made: told by name, not touched."""
    async with Universe() as universe:
        meta = {"name": f"{NAME}-0", "namespace": "default", "labels": OTHERS[whose]}
        spec = {"containers": [{"name": "main", "image": "mine"}]}
        owner = {"apiVersion": "v1", "kind": "Service", "name": "robot", "controller": True}
        if whose == "a stranger's":
            await universe.apply({"kind": "Service", "metadata": {"name": "robot"}, "spec": {}})
            owner["uid"] = universe.get(Resource.SERVICES, "robot")["metadata"]["uid"]
        owners = [owner] if "uid" in owner else []
        body = {"metadata": {**meta, "ownerReferences": owners}, "spec": spec}
        await universe.server.create(Resource.PODS, "default", body)
        await universe.until(lambda: stateful.are_up(universe, 1))
        before = universe.get(Resource.PODS, f"{NAME}-0")
        await universe.apply(successor(2))
        await universe.until(
            lambda: universe.condition(Resource.SERVERS, f"{NAME}-0").get("reason") == "NameTaken"
        )
        await universe.until(lambda: stateful.are_up(universe, 2))
        assert universe.get(Resource.PODS, f"{NAME}-0") == before


async def test_a_claim_that_would_be_collected_is_refused_until_it_is_free() -> None:
    """Its data would go with its owner: the pod is not taken up before that is put right."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await stateful.let_go(universe)
        owner = universe.get(Resource.PODS, f"{NAME}-1")["metadata"]
        reference = {"apiVersion": "v1", "kind": "Pod", "name": owner["name"], "uid": owner["uid"]}
        owned = {"metadata": {"ownerReferences": [reference]}}
        await universe.merge(Resource.CLAIMS, f"data-{NAME}-1", owned)
        before = stateful.kept(universe)
        await universe.apply(successor())
        await universe.until(
            lambda: universe.condition(Resource.SERVERS, f"{NAME}-1").get("reason") == "ClaimOwned"
        )
        (told,) = universe.get(Resource.SERVERS, f"{NAME}-1")["status"]["blockedBy"]
        assert told["object"] == f"PersistentVolumeClaim/data-{NAME}-1"
        assert (
            "ownerReferences" not in universe.get(Resource.PODS, f"{NAME}-1")["metadata"]
            or not (universe.get(Resource.PODS, f"{NAME}-1")["metadata"]["ownerReferences"])
        )
        await universe.merge(
            Resource.CLAIMS, f"data-{NAME}-1", {"metadata": {"ownerReferences": []}}
        )
        await universe.until(universe.is_ready, patience=120)
        assert stateful.kept(universe) == before


async def test_a_used_up_quota_stands_in_no_way() -> None:
    """No pod and no claim is asked for where there is one: a quota would refuse what it counts."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await stateful.begin(universe)
        before = stateful.kept(universe)
        await stateful.let_go(universe)
        full = kube_faults.Forbidden("exceeded quota: small", reason=KubeReason.QUOTA_EXCEEDED)
        for each in (Resource.PODS, Resource.CLAIMS):
            faults.on("create", each, verdict=Verdict(before=full), times=None)
        await universe.apply(successor())
        await universe.until(universe.is_ready, patience=60)
        assert stateful.kept(universe) == before


async def _writes_of_adoption() -> list[tuple[Resource, str, str]]:
    async with Universe() as universe:
        await stateful.begin(universe)
        await stateful.let_go(universe)
        began = len(universe.server.writes)
        await universe.apply(successor())
        await universe.until(universe.is_ready)
        await universe.settle()
        found = universe.server.writes[began:]
        return [(each.resource, each.name, each.cause.verb) for each in found]


async def test_a_kill_at_any_write_costs_no_pod_anything() -> None:
    """Wherever the operator dies, another takes up the rest: no UID changes, nothing is twice."""
    count = len(await _writes_of_adoption())
    assert count > 12
    for number in range(1, count + 1):
        async with Universe() as universe:
            await stateful.begin(universe)
            before = stateful.kept(universe)
            await stateful.let_go(universe)
            began = len(universe.server.writes)
            await universe.apply(successor())
            await universe.until(
                lambda began=began, number=number, universe=universe: (  # type: ignore[misc]
                    len(universe.server.writes) >= began + number or universe.is_ready()
                )
            )
            await universe.crash()
            await universe.until(lambda universe=universe: universe.is_ready())  # type: ignore[misc]
            await universe.settle()
            assert stateful.kept(universe) == before
            assert controlled(universe) == {"Server"}


async def test_the_field_has_no_effect_once_all_is_taken_up() -> None:
    """A server that is made later is made as ever, and one whose pod goes gets another."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await stateful.let_go(universe)
        await universe.apply(successor())
        await universe.until(universe.is_ready)
        await universe.apply(successor(4))
        await universe.until(lambda: stateful.are_up(universe, 4) and universe.is_ready())
        await universe.delete(Resource.PODS, f"{NAME}-0")
        await universe.until(lambda: stateful.are_up(universe, 4) and universe.is_ready())
        await universe.settle()
        made = universe.get(Resource.PODS, f"{NAME}-0")["metadata"]["labels"]
        assert "controller-revision-hash" not in made


async def test_a_fleet_that_takes_nothing_up_says_so() -> None:
    """Machines made beside the pods would be the same servers twice: none is made."""
    async with Universe() as universe:
        fleet = {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": "machines"},
            "spec": {"provider": "memory"},
        }
        await universe.server.create(Resource.FLEETS, "", fleet)
        body = successor()
        del body["spec"]["components"][0]["volumeClaims"]
        body["spec"]["fleet"] = "machines"
        await universe.apply(body)
        await universe.until(
            lambda: universe.condition(Resource.SERVERSETS, NAME).get("reason") == "NotSupported"
        )
        await universe.settle()
        assert not universe.names(Resource.SERVERS)
