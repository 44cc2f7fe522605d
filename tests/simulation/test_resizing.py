"""Requests and limits that change while servers run on: by Argosy, and by others beside it."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.kube import faults
from fakes.api_server import Behaviour, Kubelet, Verdict
from fakes.universe import Universe, application, component
from tests.simulation.test_drift import spec_of

pytestmark = pytest.mark.looptime
POD = "shop-web-0"


def shop(cpu: str, count: int = 3, *, image: str = "app:1", **more: Any) -> dict[str, Any]:
    """Return an application whose servers ask for so much."""
    part = component("web", count, image=image, rollout=more.pop("rollout", {}))
    (main,) = part["template"]["spec"]["containers"]
    main["resources"] = {"requests": {"cpu": cpu, "memory": "64Mi"}}
    main.update(more)
    return application("shop", part)


def pods(universe: Universe) -> list[dict[str, Any]]:
    """Return the pods, by ordinal."""
    return [universe.get(Resource.PODS, each) for each in universe.names(Resource.PODS)]


def uids(universe: Universe) -> list[str]:
    """Return the UIDs of the pods."""
    return [each["metadata"]["uid"] for each in pods(universe)]


def asks(universe: Universe) -> list[str]:
    """Return how much cpu each pod asks for."""
    return [
        each["spec"]["containers"][0]["resources"]["requests"]["cpu"] for each in pods(universe)
    ]


def restarts(universe: Universe) -> list[int]:
    """Return how often each pod's container was started anew."""
    return [each["status"]["containerStatuses"][0]["restartCount"] for each in pods(universe)]


def reason(universe: Universe, name: str = POD) -> str:
    """Return why the server is not Ready."""
    return str(universe.condition(Resource.SERVERS, name).get("reason"))


def _asks_for(universe: Universe, wanted: list[str]) -> bool:
    return asks(universe) == wanted


async def test_a_new_size_keeps_every_pod_and_its_containers() -> None:
    """The same pods, none restarted, at the new revision and Ready; and back again."""
    async with Universe() as universe:
        await universe.apply(shop("100m"))
        await universe.settle()
        before = uids(universe)
        for cpu in ("200m", "100m"):
            await universe.apply(shop(cpu))
            wanted = [cpu] * 3
            await universe.until(functools.partial(_asks_for, universe, wanted))
            await universe.settle()
            assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
            assert uids(universe) == before
            assert restarts(universe) == [0, 0, 0]
        through = {
            each.cause.subresource
            for each in universe.server.writes
            if each.resource is Resource.PODS
            and "resources" in str(each.cause.body)
            and each.cause.verb == "patch"
            and each.cause.actor == "argosy"
        }
        assert through == {"resize"}


async def test_a_size_and_an_image_change_together() -> None:
    """In the same pod; the container is a new one, as it runs another image."""
    async with Universe() as universe:
        await universe.apply(shop("100m"))
        await universe.settle()
        before = uids(universe)
        await universe.apply(shop("200m", image="app:2"))
        await universe.settle()
        assert (uids(universe), asks(universe)) == (before, ["200m"] * 3)
        assert restarts(universe) == [1, 1, 1]
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"


@pytest.mark.parametrize(
    ("served", "rollout"), [(set(), {}), ({"pods/resize"}, {"inPlace": "Never"})]
)
async def test_pods_are_replaced_where_they_cannot_or_may_not_be_resized(
    served: set[str], rollout: dict[str, Any]
) -> None:
    """An API server without the subresource, and a component that says Never."""
    universe = Universe()
    universe.server.subresources = served
    async with universe:
        await universe.apply(shop("100m", rollout=rollout))
        await universe.settle()
        before = uids(universe)
        await universe.apply(shop("200m", rollout=rollout))
        await universe.settle()
        assert not {*uids(universe)} & {*before}
        assert asks(universe) == ["200m"] * 3


async def test_what_was_served_once_and_is_no_more_ends_in_a_new_pod() -> None:
    """An API server that was taken back a version: told apart from a pod that is gone."""
    async with Universe() as universe:
        await universe.apply(shop("100m"))
        await universe.settle()
        before = uids(universe)
        universe.server.subresources = set()
        await universe.apply(shop("200m"))
        await universe.settle()
        assert not {*uids(universe)} & {*before}
        assert asks(universe) == ["200m"] * 3


@pytest.mark.parametrize(
    ("code", "words", "replaced"),
    [
        (422, "spec: Invalid value: pod is of Windows", True),
        (403, 'pods "a" is forbidden: exceeded quota: small', False),
        (403, 'pods "a" is forbidden: maximum cpu usage per Container is 100m', False),
    ],
    ids=["invalid", "quota", "limit range"],
)
async def test_only_what_a_new_pod_might_get_replaces_one(
    code: int, words: str, *, replaced: bool
) -> None:
    """A quota and a LimitRange refuse a new pod as well: the one that runs is kept, and told.

    What this pod alone cannot have, `CannotChange`, comes with a new one.
    """
    async with Universe() as universe:
        await universe.apply(shop("100m"))
        await universe.settle()
        before = uids(universe)
        status = faults.ApiStatus(message=words, code=code)
        error = faults.from_status(code, status, what="patch pods", writes=True)
        universe.faults.on(subresource="resize", verdict=Verdict(before=error), times=None)
        await universe.apply(shop("200m"))
        await universe.settle(quiet=120)
        if replaced:
            assert not {*uids(universe)} & {*before}
            assert asks(universe) == ["200m"] * 3
            return
        assert uids(universe) == before
        assert asks(universe) == ["100m"] * 3
        told = universe.condition(Resource.APPLICATIONS, "shop")
        assert told["status"] == "False"
        assert words.rsplit(": ", maxsplit=1)[-1] in str(
            universe.get(Resource.APPLICATIONS, "shop")["status"]
        )


@pytest.mark.parametrize("word", ["Deferred", "Infeasible"])
async def test_a_node_without_room_is_told_and_one_that_is_too_small_is_left(word: str) -> None:
    """Deferred: the first pod waits for room, the others for it. Infeasible: another pod, in turn.

    Of three servers no more than one is ever on its way. Once there is room, all of them have it.
    """
    full = [word]
    kubelet = Kubelet(lambda _: Behaviour(resize=full[0], message=f"Node said {word}"))
    async with Universe(kubelet=kubelet) as universe:
        await universe.apply(shop("100m"))
        await universe.settle()
        before = uids(universe)
        await universe.apply(shop("200m"))
        if word == "Infeasible":
            await universe.until(lambda: asks(universe) == ["200m"] * 3)
            await universe.settle()
            assert not {*uids(universe)} & {*before}
            assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
            return
        await universe.until(lambda: "200m" in asks(universe))
        await universe.settle(quiet=60)
        assert uids(universe) == before
        assert asks(universe).count("200m") == 1
        (changed,) = [n for n, each in enumerate(asks(universe)) if each == "200m"]
        told = universe.condition(Resource.SERVERS, f"shop-web-{changed}")
        assert told["reason"] == "Deferred"
        assert "Node said Deferred" in told["message"]
        above = universe.get(Resource.APPLICATIONS, "shop")["status"]
        assert "Node said Deferred" in str(above)
        full[0] = ""
        kubelet.resize("default", f"shop-web-{changed}")
        await universe.until(lambda: asks(universe) == ["200m"] * 3)
        await universe.settle()
        assert uids(universe) == before
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"


async def test_somebody_elses_resize_is_left_and_said() -> None:
    """An autoscaler's pods stay Ready; a later image leaves what it gave them."""
    async with Universe() as universe:
        await universe.apply(shop("100m", 1))
        await universe.settle()
        sized = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "7"}}}]}
        await spec_of(universe, sized, by="vpa", style="strategic")
        await universe.settle(quiet=60)
        told = universe.condition(Resource.SERVERS, POD)
        assert told["status"] == "True"
        assert "Resized by others, and left to them: containers[main].resources." in told["message"]
        before = uids(universe)
        await universe.apply(shop("100m", 1, image="app:2"))
        await universe.settle()
        assert (asks(universe), uids(universe)) == (["7"], before)
        assert universe.condition(Resource.SERVERS, POD)["status"] == "True"


async def test_a_container_that_restarts_for_it_counts_within_the_budget() -> None:
    """With RestartContainer a resize restarts, one server at a time."""
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    async with Universe() as universe:
        await universe.apply(shop("100m", resizePolicy=policy))
        await universe.settle()
        before = uids(universe)
        await universe.apply(shop("200m", resizePolicy=policy))
        await universe.until(lambda: "200m" in asks(universe))
        assert asks(universe).count("200m") == 1
        await universe.settle()
        assert uids(universe) == before
        assert restarts(universe) == [1, 1, 1]


async def test_killed_between_the_two_writes_it_goes_on() -> None:
    """The resize was made and the rest was not: the next operator goes on in the same pod."""
    async with Universe() as universe:
        await universe.apply(shop("100m", 1))
        await universe.settle()
        before = uids(universe)
        await universe.apply(shop("200m", 1))
        await universe.until(lambda: asks(universe) == ["200m"])
        await universe.crash()
        await universe.settle()
        assert uids(universe) == before
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "refused"])
async def test_a_size_taken_back_between_the_two_writes_is_not_kept(*, killed: bool) -> None:
    """The old size is applied when the pod has the new one, and nothing else of its revision.

    Whether it is made anew or resized back, its size is that of its revision in the end; nobody
    else is said to have given it another.
    """
    async with Universe() as universe:
        await universe.apply(shop("100m", 1))
        await universe.settle()
        universe.faults.on(subresource="resize", verdict=Verdict(back=30.0))
        await universe.apply(shop("200m", 1))
        await universe.until(lambda: asks(universe) == ["200m"])
        words = 'pods "a" is forbidden: labels are frozen'
        status = faults.ApiStatus(message=words, code=403)
        error = faults.from_status(403, status, what="patch pods", writes=True)
        rule = universe.faults.on("patch", Resource.PODS, verdict=Verdict(before=error), times=None)
        if killed:
            await universe.process.kill()
        else:
            await universe.until(lambda: "frozen" in str(universe.get(Resource.SERVERS, POD)))
        (pod,) = pods(universe)
        told = universe.get(Resource.SERVERS, POD)
        assert pod["metadata"]["labels"]["argosy.dev/revision"] != told["spec"]["revision"]
        await universe.apply(shop("100m", 1))
        universe.faults.rules.remove(rule)
        if killed:
            universe.start()
        await universe.settle()
        assert asks(universe) == ["100m"]
        now = universe.condition(Resource.SERVERS, POD)
        assert now["status"] == "True"
        assert "Resized by others" not in now["message"]
        assert "resized-from" not in str(pods(universe))


async def test_a_size_that_was_refused_and_taken_back_leaves_every_pod() -> None:
    """The pod was at the revision of before all the while: there is nothing to replace."""
    words = 'pods "a" is forbidden: node didn\'t have enough allocatable resources: cpu'
    async with Universe() as universe:
        await universe.apply(shop("100m"))
        await universe.settle()
        before = uids(universe)
        error = faults.from_status(
            403, faults.ApiStatus(message=words, code=403), what="patch pods", writes=True
        )
        universe.faults.on(subresource="resize", verdict=Verdict(before=error), times=None)
        await universe.apply(shop("400"))
        await universe.settle(quiet=120)
        assert uids(universe) == before
        await universe.apply(shop("100m"))
        await universe.settle()
        assert uids(universe) == before
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
