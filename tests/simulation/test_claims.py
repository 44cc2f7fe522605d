"""Claims that are asked to grow do so while their servers run; none shrinks, nothing restarts."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Faults
from fakes.api_server.chaos import Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

REFUSAL = (
    'persistentvolumeclaims "data-shop-db-0" is forbidden: only dynamically provisioned pvc can be'
    " resized and the storageclass that provisions the pvc must support resize"
)


def shop(storage: str, replicas: int = 2, **fields: Any) -> dict[str, Any]:
    """Return an application whose servers have claims of that size."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    claims = [{"name": "data", "spec": spec, **fields.pop("claim", {})}]
    return application("shop", component("db", replicas, volumeClaims=claims, **fields))


def uids(universe: Universe) -> dict[str, str]:
    """Return the UIDs of pods and claims."""
    return {
        name: universe.get(each, name)["metadata"]["uid"]
        for each in (Resource.PODS, Resource.CLAIMS)
        for name in universe.names(each)
    }


def asked(universe: Universe) -> dict[str, str]:
    """Return what each claim asks for."""
    return {
        name: universe.get(Resource.CLAIMS, name)["spec"]["resources"]["requests"]["storage"]
        for name in universe.names(Resource.CLAIMS)
    }


async def resize(universe: Universe, name: str, size: str) -> None:
    """Give a claim a volume of that size, as its storage does."""
    status = {"status": {"phase": "Bound", "capacity": {"storage": size}}}
    await universe.merge(Resource.CLAIMS, name, status, subresource="status")


def says(universe: Universe, name: str = "shop-db-0") -> str:
    """Return the message of a server's Ready condition."""
    return str(universe.condition(Resource.SERVERS, name).get("message"))


@pytest.mark.parametrize("in_place", ["WhenPossible", "Never"])
async def test_a_claim_grows_while_its_server_runs(in_place: str) -> None:
    """Every claim asks for more, no pod is made anew or written a spec, and sizes are told."""
    rollout = {"maxUnavailable": 1, "inPlace": in_place}
    async with Universe() as universe:
        await universe.bring_up(shop("1Gi", rollout=rollout))
        for name in universe.names(Resource.CLAIMS):
            await resize(universe, name, "1Gi")
        await universe.settle()
        before = uids(universe)
        server = universe.get(Resource.SERVERS, "shop-db-0")
        assert server["status"]["claims"] == [{"name": "data", "size": "1Gi"}]
        await universe.bring_up(shop("2Gi", rollout=rollout))
        assert uids(universe) == before
        assert asked(universe) == dict.fromkeys(("data-shop-db-0", "data-shop-db-1"), "2Gi")
        assert "grows from 1Gi to 2Gi" in says(universe)
        for name in universe.names(Resource.CLAIMS):
            await resize(universe, name, "2Gi")
        await universe.settle()
        assert says(universe) == "Running and ready."
        server = universe.get(Resource.SERVERS, "shop-db-0")
        assert server["status"]["claims"] == [{"name": "data", "size": "2Gi"}]
        assert server["spec"]["incarnation"] == 1
        rest = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == rest


async def test_a_claim_that_may_not_grow_is_told_and_its_server_runs_on() -> None:
    """In the API server's words, on server, set and application; allowed later, it grows."""
    faults = Faults()
    async with Universe(faults=faults) as universe:
        await universe.bring_up(shop("1Gi"))
        before = uids(universe)
        verdict = Verdict(before=refuse(403, "Forbidden", REFUSAL))
        faults.on("patch", Resource.CLAIMS, verdict=verdict, times=None)
        await universe.apply(shop("2Gi"))
        await universe.settle()
        assert uids(universe) == before
        for resource, name in (
            (Resource.SERVERS, "shop-db-0"),
            (Resource.SERVERSETS, "shop-db"),
            (Resource.APPLICATIONS, "shop"),
        ):
            told = universe.get(resource, name)["status"].get("blockedBy", [])
            found = [each for each in told if each["reason"] == "ClaimCannotGrow"]
            assert found, (resource, told)
            assert "storageclass" in found[0]["message"]
            assert found[0]["remedy"]
        assert universe.condition(Resource.SERVERS, "shop-db-0")["status"] == "True"
        faults.calm()
        await universe.until(lambda: set(asked(universe).values()) == {"2Gi"})
        await universe.settle()
        assert not universe.get(Resource.SERVERS, "shop-db-0")["status"].get("blockedBy")
        assert not universe.get(Resource.APPLICATIONS, "shop")["status"].get("blockedBy")
        assert uids(universe) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [("2Gi", "1Gi"), ("1Gi", "1024Mi"), ("1500M", "1.5G")],
    ids=["less", "the same", "the same in decimals"],
)
async def test_a_claim_never_shrinks_and_nothing_restarts(first: str, second: str) -> None:
    """Less, or the same in other words, changes neither claims nor pods."""
    async with Universe() as universe:
        await universe.bring_up(shop(first))
        before = uids(universe)
        await universe.bring_up(shop(second))
        assert uids(universe) == before
        assert set(asked(universe).values()) == {first}
        assert ("keeps 2Gi" in says(universe)) == (first == "2Gi")
        rest = len(universe.server.writes)
        await universe.settle(quiet=600)
        assert len(universe.server.writes) == rest


async def test_a_server_that_comes_back_to_a_small_claim_has_it_grow() -> None:
    """Scaled away, and back when more is asked for: the claim that was kept grows."""
    async with Universe() as universe:
        await universe.bring_up(shop("1Gi", 2))
        kept = universe.get(Resource.CLAIMS, "data-shop-db-1")["metadata"]["uid"]
        await universe.bring_up(shop("1Gi", 1))
        await universe.bring_up(shop("2Gi", 1))
        assert asked(universe)["data-shop-db-1"] == "1Gi"
        await universe.bring_up(shop("2Gi", 2))
        assert asked(universe)["data-shop-db-1"] == "2Gi"
        assert universe.get(Resource.CLAIMS, "data-shop-db-1")["metadata"]["uid"] == kept


async def test_another_storage_class_restarts_nobody() -> None:
    """What of a claim can never change is for servers to come; those that run, run on."""
    async with Universe() as universe:
        await universe.bring_up(shop("1Gi"))
        before = uids(universe)
        body = shop("1Gi", 3)
        body["spec"]["components"][0]["volumeClaims"][0]["spec"]["storageClassName"] = "fast"
        await universe.bring_up(body)
        assert {name: uids(universe)[name] for name in before} == before
        third = universe.get(Resource.CLAIMS, "data-shop-db-2")
        assert third["spec"]["storageClassName"] == "fast"


async def test_a_claim_more_needs_another_pod() -> None:
    """A pod cannot get a volume while it runs: its server is made anew, and its data stays."""
    async with Universe() as universe:
        await universe.bring_up(shop("1Gi", rollout={"maxUnavailable": 1}))
        before = uids(universe)
        body = shop("1Gi", rollout={"maxUnavailable": 1})
        claims = body["spec"]["components"][0]["volumeClaims"]
        claims.append({**claims[0], "name": "log"})
        await universe.bring_up(body)
        after = uids(universe)
        assert after["data-shop-db-0"] == before["data-shop-db-0"]
        assert after["shop-db-0"] != before["shop-db-0"]
        assert "log-shop-db-1" in after


async def test_a_claim_that_grows_takes_no_other_down_in_size() -> None:
    """Of two claims of a server one is to grow and one to shrink: the second stays as it was."""

    def sized(data: str, log: str) -> dict[str, Any]:
        claims = [
            {
                "name": name,
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": size}},
                },
            }
            for name, size in (("data", data), ("log", log))
        ]
        return application("shop", component("db", 1, volumeClaims=claims))

    async with Universe() as universe:
        await universe.bring_up(sized("1Gi", "2Gi"))
        before = uids(universe)
        await universe.bring_up(sized("3Gi", "1Gi"))
        assert asked(universe) == {"data-shop-db-0": "3Gi", "log-shop-db-0": "2Gi"}
        assert uids(universe) == before
        assert "claims never shrink: 1Gi is asked for" in says(universe)


def marks(universe: Universe, claim: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the labels and annotations of a claim."""
    meta = universe.get(Resource.CLAIMS, claim)["metadata"]
    return meta["labels"], meta.get("annotations", {})


async def test_claims_bear_what_is_asked_of_them_from_their_making() -> None:
    """Labels and annotations, beside Argosy's own, which nobody takes the place of."""
    asked_for = {
        "labels": {"team": "shop", "argosy.dev/application": "other", "argosy.dev/extra": "1"},
        "annotations": {"backup.example.com/plan": "daily", "argosy.dev/domain": "z"},
    }
    async with Universe(faults=Faults()) as universe:
        await universe.bring_up(shop("1Gi", claim={"metadata": asked_for}))
        labels, annotations = marks(universe, "data-shop-db-0")
    assert labels["team"] == "shop"
    assert labels["argosy.dev/application"] == "shop"
    assert "argosy.dev/extra" not in labels
    assert annotations == {"backup.example.com/plan": "daily"}


async def test_other_metadata_of_claims_is_for_claims_to_come() -> None:
    """Nothing is restarted for it, nor is a claim changed that is there; a new server's has it."""
    async with Universe(faults=Faults()) as universe:
        await universe.bring_up(shop("1Gi"))
        before, old = uids(universe), marks(universe, "data-shop-db-0")
        more = {"metadata": {"labels": {"team": "shop"}}}
        await universe.bring_up(shop("1Gi", 3, claim=more))
        after = uids(universe)
        assert before.items() <= after.items()
        assert marks(universe, "data-shop-db-0") == old
        assert marks(universe, "data-shop-db-2")[0]["team"] == "shop"
        await universe.bring_up(shop("1Gi", 3, claim={"metadata": None}))
        assert uids(universe) == after


async def test_claims_without_metadata_are_made_as_ever() -> None:
    """Nothing is asked for, so nothing but what Argosy knows them by is on them."""
    async with Universe(faults=Faults()) as universe:
        await universe.bring_up(shop("1Gi", claim={"metadata": {"labels": {}}}))
        labels, annotations = marks(universe, "data-shop-db-0")
    assert all(each.startswith(("argosy.dev/", "app.kubernetes.io/")) for each in labels)
    assert annotations == {}


OWN = (names.APPLICATION_LABEL, names.COMPONENT_LABEL, names.SERVER_LABEL)
EDITS: list[dict[str, str | None]] = [
    {names.SERVER_LABEL: None},
    {names.APPLICATION_LABEL: None},
    {names.COMPONENT_LABEL: "other"},
    {names.SERVER_LABEL: "shop-db-1"},
    dict.fromkeys(OWN),
]


@pytest.mark.parametrize("edit", EDITS)
async def test_labels_of_a_claim_are_mended_while_its_pod_mounts_it(
    edit: dict[str, str | None],
) -> None:
    """Without them the next pod of the server would not get its own claim; others' labels stay."""
    async with Universe() as universe:
        await universe.bring_up(shop("1Gi"))
        before = uids(universe)
        own = {key: universe.get(Resource.CLAIMS, "data-shop-db-0")["metadata"]["labels"][key]
               for key in OWN}  # fmt: skip
        labels = {**edit, "team.example.com/own": "mine"}
        await universe.merge(Resource.CLAIMS, "data-shop-db-0", {"metadata": {"labels": labels}})
        await universe.settle()
        found = universe.get(Resource.CLAIMS, "data-shop-db-0")["metadata"]["labels"]
        assert {key: found.get(key) for key in OWN} == own
        assert found["team.example.com/own"] == "mine"
        assert uids(universe) == before
        await universe.delete(Resource.PODS, "shop-db-0")
        await universe.until(lambda: uids(universe).get("shop-db-0") != before["shop-db-0"])
        await universe.until(universe.is_ready)
        assert universe.condition(Resource.SERVERS, "shop-db-0")["status"] == "True"


async def test_labels_of_a_claim_that_a_program_insists_on_are_left() -> None:
    """After a few times nothing more is written, and the server says what differs."""
    async with Universe() as universe:
        await universe.bring_up(shop("1Gi"))
        for _ in range(8):
            gone = {"metadata": {"labels": {names.SERVER_LABEL: None}}}
            await universe.merge(Resource.CLAIMS, "data-shop-db-0", gone)
            await universe.settle()
        before = len(universe.server.writes)
        await universe.settle(quiet=300)
        assert len(universe.server.writes) == before
        assert "labels of claim data" in says(universe)
        assert universe.condition(Resource.SERVERS, "shop-db-0")["status"] == "True"


async def test_a_claim_of_that_name_that_no_pod_mounts_is_left_alone() -> None:
    """Somebody's own claim has the name before the server is made: it is told, and not touched."""
    async with Universe() as universe:
        theirs = {"metadata": {"name": "data-shop-db-0", "labels": {"own": "mine"}}, "spec": {}}
        await universe.server.create(Resource.CLAIMS, "default", theirs)
        await universe.apply(shop("1Gi", replicas=1))
        await universe.until(lambda: "is not this server's" in says(universe), patience=120)
        found = universe.get(Resource.CLAIMS, "data-shop-db-0")["metadata"]
        assert found["labels"] == {"own": "mine"}
        assert "shop-db-0" not in universe.names(Resource.PODS)
