"""`import` and `export` beside a running operator, in virtual time: no pod restarts.

However often either command is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.handover import export, state, stateful_set_import
from controller.handover.handover import Consent, Handover
from controller.kube.api import Access
from controller.presentation.problems import Refusal
from fakes.universe import Json, Universe
from tests.simulation import stateful
from tests.simulation.stateful import NAME

pytestmark = pytest.mark.looptime

WRITES = ("create", "patch", "delete")
ALL = Consent(accept_losses=True, retarget=True)


class Killed(Exception):  # noqa: N818 - nothing is wrong: somebody killed the command
    """The command's process is no more."""


class Mortal:
    """The API server, for a command that is killed at its write number `last`, before or after."""

    def __init__(self, universe: Universe, last: int = 10_000, *, after: bool = True) -> None:
        self._server = universe.server
        self._left = last
        self._after = after
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        """Return what the server can do; a write may be the last one."""
        method = getattr(self._server, name)
        if name not in WRITES:
            return method

        async def act(*arguments: Any, **options: Any) -> bytes:
            self.writes += 1
            self._left -= 1
            if self._left <= 0 and not self._after:
                raise Killed
            answer: bytes = await method(*arguments, **options)
            if self._left <= 0:
                raise Killed
            return answer

        return act


def handover(
    universe: Universe, api: Any = None, consent: Consent = ALL, **options: Any
) -> Handover:
    """Return a handover in the universe's namespace; nobody hears how it goes."""
    options = {"say": lambda _: None, **options}
    return Handover(api=api or universe.server, namespace="default", consent=consent, **options)


async def come_in(universe: Universe, api: Any = None) -> None:
    """Import the StatefulSet."""
    await stateful_set_import.carry_out(handover(universe, api), NAME, "")


async def go_out(universe: Universe, api: Any = None) -> None:
    """Export the application."""
    await export.carry_out(handover(universe, api), "shop")


def owners(universe: Universe) -> set[str]:
    """Return by what kinds the pods are controlled; "" for none."""
    return {state.controller(each)[0] for each in stateful.pods(universe).values()}


async def test_a_stateful_set_comes_in_and_goes_out_and_comes_in_again() -> None:
    """Pods and claims are the same throughout, and nothing is left over of either side."""
    async with Universe() as universe:
        await stateful.begin(universe)
        before = stateful.kept(universe)
        for _ in range(2):
            await come_in(universe)
            await universe.settle()
            assert stateful.kept(universe) == before
            assert owners(universe) == {"Server"}
            assert not universe.names(Resource.STATEFULSETS)
            meta = universe.get(Resource.APPLICATIONS, "shop")["metadata"]
            assert "argosy.dev/import" not in meta.get("annotations", {})
            await go_out(universe)
            await universe.settle()
            assert stateful.kept(universe) == before
            assert owners(universe) == {"StatefulSet"}
            assert not universe.names(Resource.APPLICATIONS)
            assert not universe.names(Resource.SERVERSETS) + universe.names(Resource.SERVERS)
            assert not universe.names(Resource.DISRUPTION_BUDGETS)
            kept = universe.get(Resource.STATEFULSETS, NAME)["metadata"]
            assert not kept.get("annotations")


async def _count(prepare: bool, act: Callable[[Universe, Any], Coroutine[Any, Any, None]]) -> int:
    async with Universe() as universe:
        await stateful.begin(universe)
        if prepare:
            await come_in(universe)
            await universe.settle()
        api = Mortal(universe)
        await act(universe, api)
        return api.writes


@pytest.mark.parametrize("way", ["in", "out"])
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_kill_at_any_write_is_made_good_by_the_same_command(
    way: str, *, after: bool
) -> None:
    """The command dies at each of its writes in turn, the operator with it; then both go on."""
    act = come_in if way == "in" else go_out
    count = await _count(way == "out", act)
    assert count > 3
    for number in range(1, count + 1):
        async with Universe() as universe:
            await stateful.begin(universe)
            before = stateful.kept(universe)
            if way == "out":
                await come_in(universe)
                await universe.settle()
            with contextlib.suppress(Killed):
                await act(universe, Mortal(universe, number, after=after))
            await universe.crash()
            await asyncio.sleep(20)
            await act(universe)
            await universe.settle()
            assert stateful.kept(universe) == before
            assert owners(universe) == ({"Server"} if way == "in" else {"StatefulSet"})


async def test_a_set_that_is_scaled_meanwhile_comes_in_as_it_is_by_then() -> None:
    """Somebody scales it after the application was written: five servers, not three."""
    async with Universe() as universe:
        await stateful.begin(universe)
        with contextlib.suppress(Killed):
            await come_in(universe, Mortal(universe, 1))
        await universe.merge(Resource.STATEFULSETS, NAME, {"spec": {"replicas": 5}})
        await universe.until(lambda: stateful.are_up(universe, 5))
        before = stateful.kept(universe)
        await come_in(universe)
        await universe.settle()
        assert stateful.kept(universe) == before
        assert len(universe.names(Resource.SERVERS)) == 5


def autoscaler(kind: str = "StatefulSet") -> Json:
    """Return an autoscaler of the set."""
    target = {"apiVersion": "apps/v1", "kind": kind, "name": NAME}
    meta = {"name": "busy", "namespace": "default"}
    return {"metadata": meta, "spec": {"scaleTargetRef": target, "maxReplicas": 9}}


async def test_an_autoscaler_follows_if_that_is_asked_for_and_else_stands_in_the_way() -> None:
    """Refused before anything is touched; with consent it scales whoever has the pods."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await universe.server.create(Resource.AUTOSCALERS, "default", autoscaler())
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match="busy scales statefulset/"):
            await stateful_set_import.carry_out(
                handover(universe, consent=Consent(accept_losses=True)), NAME, ""
            )
        assert len(universe.server.writes) == began
        await come_in(universe)
        told = universe.get(Resource.AUTOSCALERS, "busy")["spec"]["scaleTargetRef"]
        assert told == {"kind": "Application", "apiVersion": "argosy.dev/v1alpha1", "name": "shop"}
        spec = universe.get(Resource.APPLICATIONS, "shop")["spec"]
        # By that number the autoscaler begins.
        assert spec["replicas"] == 3
        assert "replicas" not in spec["components"][0]
        await universe.settle()
        assert universe.get(Resource.SERVERSETS, NAME)["spec"]["replicas"] == 3
        with pytest.raises(Refusal, match="busy scales application/shop"):
            await export.carry_out(handover(universe, consent=Consent(accept_losses=True)), "shop")
        await go_out(universe)
        told = universe.get(Resource.AUTOSCALERS, "busy")["spec"]["scaleTargetRef"]
        assert told["kind"] == "StatefulSet"


class Recorded:
    """The API server, for a person who lacks one right; `used` is what was asked of it."""

    def __init__(self, universe: Universe, lacking: tuple[str, Resource] | None = None) -> None:
        self._server = universe.server
        self._lacking = lacking
        self.used: set[tuple[str, Resource]] = set()

    def __getattr__(self, name: str) -> Any:
        """Return what the server can do; what is asked of it is remembered."""
        method = getattr(self._server, name)
        if name not in (*WRITES, "get", "list"):
            return method

        async def act(resource: Resource, *arguments: Any, **options: Any) -> bytes:
            self.used.add((name, resource))
            answer: bytes = await method(resource, *arguments, **options)
            return answer

        return act

    async def review_access(self, verb: str, resource: Resource, *_: Any, **__: Any) -> Access:
        """Return whether the person may do this."""
        return Access(allowed=(verb, resource) != self._lacking)


@pytest.mark.parametrize("way", ["in", "out"])
async def test_whoever_lacks_any_right_that_is_needed_touches_nothing(way: str) -> None:
    """Each right that a whole run used is asked for before its first write.

    With autoscalers and a budget in the way, so that nothing is left half done at the last step.
    """
    act = come_in if way == "in" else go_out
    async with Universe() as universe:
        await stateful.begin(universe)
        await universe.server.create(Resource.AUTOSCALERS, "default", autoscaler())
        if way == "out":
            await come_in(universe)
            await universe.settle()
        recorded = Recorded(universe)
        await act(universe, recorded)
        assert ("patch", Resource.AUTOSCALERS) in recorded.used
        module = stateful_set_import if way == "in" else export
        scaling = {("patch", Resource.AUTOSCALERS), ("list", Resource.AUTOSCALERS)}
        assert {(verb, each) for each, verb in module.RIGHTS} == recorded.used - scaling
    for verb, resource in sorted(recorded.used):
        async with Universe() as universe:
            await stateful.begin(universe)
            if way == "out":
                await come_in(universe)
                await universe.settle()
            api = Recorded(universe, lacking=(verb, resource))
            with pytest.raises(Refusal, match=f"{verb} {resource}"):
                await act(universe, api)
            assert not [each for each in api.used if each[0] in WRITES]


WRONG: dict[str, tuple[Json, str]] = {
    "an owner": (
        {"metadata": {"ownerReferences": [{"kind": "Cluster", "name": "pg", "uid": "u"}]}},
        "Cluster/pg owns shop-db",
    ),
    "a finalizer": ({"metadata": {"finalizers": ["robot.example.com/x"]}}, "robot.example.com/x"),
    "an unknown field": ({"spec": {"spin": "left"}}, "spec.spin"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_cannot_be_taken_over_is_told_before_anything_is_touched(what: str) -> None:
    """Refused by name, and not one write is made."""
    change, said = WRONG[what]
    async with Universe() as universe:
        universe.server.registry.storage.listeners.clear()  # nobody keeps it, so it stays as it is
        await universe.apply(stateful.stateful_set(podManagementPolicy="Parallel"))
        await universe.merge(Resource.STATEFULSETS, NAME, change)
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match=said):
            await stateful_set_import.carry_out(handover(universe, consent=Consent()), NAME, "")
        assert len(universe.server.writes) == began


async def test_names_that_do_not_fit_are_refused() -> None:
    """Without a dash, or with a component that no component can be called."""
    async with Universe() as universe:
        for name in ("postgres", "shop-9"):
            body = stateful.stateful_set(0)
            body["metadata"]["name"] = name
            await universe.apply(body)
            with pytest.raises(Refusal, match="does not fit"):
                await stateful_set_import.carry_out(handover(universe), name, "")
        assert not universe.names(Resource.APPLICATIONS)


async def test_an_application_of_that_name_is_not_changed() -> None:
    """It is somebody's, and no import that was begun: it is told how to do it by hand."""
    async with Universe() as universe:
        await stateful.begin(universe)
        await universe.apply(stateful.successor())
        before = universe.get(Resource.APPLICATIONS, "shop")["spec"]
        with pytest.raises(Refusal, match="with adopt"):
            await come_in(universe)
        assert universe.get(Resource.APPLICATIONS, "shop")["spec"] == before
        assert universe.names(Resource.STATEFULSETS) == [NAME]


async def test_showing_changes_nothing() -> None:
    """Both ways, by default: the manifest, what is lost, and which pods would be replaced."""
    async with Universe() as universe:
        await stateful.begin(universe)
        body = {"spec": {"template": stateful.template("app:2")}}
        await universe.merge(Resource.STATEFULSETS, NAME, body)
        await asyncio.sleep(0.2)
        began = len(universe.server.writes)
        told = await stateful_set_import.preview(handover(universe, consent=Consent()), NAME, "")
        (part,) = told.body["spec"]["components"]
        assert part["adopt"] == {"kind": "StatefulSet", "name": NAME}
        assert part["start"] == "Ordered"
        assert any("is replaced afterwards" in each for each in told.notes)
        assert not told.problems
        mine = [x for x in universe.server.writes[began:] if x.cause.actor == "kubectl-argosy"]
        assert not mine
        assert not universe.names(Resource.APPLICATIONS)


async def test_pods_that_argosy_made_go_out_without_a_restart() -> None:
    """An application that never was a StatefulSet: its pods are marked as of their new owner's."""
    async with Universe() as universe:
        body = stateful.successor()
        del body["spec"]["components"][0]["adopt"]
        await universe.apply(body)
        await universe.until(lambda: stateful.are_up(universe, 3))
        await universe.settle()
        before = {name: each["metadata"]["uid"] for name, each in stateful.pods(universe).items()}
        await go_out(universe)
        await universe.settle()
        after = {name: each["metadata"]["uid"] for name, each in stateful.pods(universe).items()}
        assert after == before
        assert owners(universe) == {"StatefulSet"}


async def test_an_export_is_refused_where_a_stateful_set_could_not_say_it() -> None:
    """Servers with a gap between their numbers, or templates without labels: nothing is touched."""
    async with Universe() as universe:
        body = stateful.successor()
        component = body["spec"]["components"][0]
        del component["adopt"], component["template"]["metadata"]
        await universe.apply(body)
        await universe.until(lambda: stateful.are_up(universe, 3))
        await universe.settle()
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match="labels of the template"):
            await go_out(universe)
        assert len(universe.server.writes) == began


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"service": {"type": "ClusterIP"}}, "service.type: ClusterIP"),
        ({"serverMetadata": {"labels": {"team": "db"}}}, "serverMetadata"),
        ({"rollout": {"maxUnavailable": 2}}, "rollout.maxUnavailable: 2"),
    ],
)
async def test_a_loss_is_told_before_anything_is_touched(fields: Json, told: str) -> None:
    """Without consent nothing is written; with it the same pods run on."""
    async with Universe() as universe:
        body = stateful.successor()
        body["spec"]["components"][0] |= fields
        del body["spec"]["components"][0]["adopt"]
        await universe.apply(body)
        await universe.until(lambda: stateful.are_up(universe, 3))
        await universe.settle()
        before = {name: each["metadata"]["uid"] for name, each in stateful.pods(universe).items()}
        began = len(universe.server.writes)
        with pytest.raises(Refusal, match=f"shop-db: {told}"):
            await export.carry_out(handover(universe, consent=Consent()), "shop")
        assert len(universe.server.writes) == began
        await go_out(universe)
        assert before == {
            name: each["metadata"]["uid"] for name, each in stateful.pods(universe).items()
        }


async def test_a_held_server_is_a_loss() -> None:
    """A person holds it to look into it: a StatefulSet would not."""
    async with Universe() as universe:
        await universe.apply(stateful.successor())
        await universe.until(lambda: stateful.are_up(universe, 3))
        await universe.merge(Resource.SERVERS, f"{NAME}-1", {"spec": {"held": True}})
        await universe.settle()
        with pytest.raises(Refusal, match=f"{NAME}-1: held"):
            await export.carry_out(handover(universe, consent=Consent()), "shop")


async def test_ordinals_and_order_go_both_ways() -> None:
    """Pods that begin at 5, and start one after the other."""
    async with Universe() as universe:
        await stateful.begin(universe, stateful.stateful_set(2, ordinals={"start": 5}))
        before = stateful.kept(universe)
        assert (Resource.PODS, f"{NAME}-5") in before
        await come_in(universe)
        part = universe.get(Resource.APPLICATIONS, "shop")["spec"]["components"][0]
        assert (part["start"], part["ordinals"]) == ("Ordered", {"start": 5})
        await universe.settle()
        assert stateful.kept(universe) == before
        await go_out(universe)
        spec = universe.get(Resource.STATEFULSETS, NAME)["spec"]
        assert (spec["podManagementPolicy"], spec["ordinals"]) == ("OrderedReady", {"start": 5})
        await universe.settle()
        assert stateful.kept(universe) == before


async def test_labels_annotations_and_the_fate_of_claims_go_both_ways() -> None:
    """Those of people; what kubectl wrote of what it applied stays behind, and says so."""
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    body = stateful.stateful_set(2, persistentVolumeClaimRetentionPolicy=policy)
    mark = "kubectl.kubernetes.io/last-applied-configuration"
    body["metadata"] |= {"labels": {"team": "a"}, "annotations": {"note": "b", mark: "{}"}}
    async with Universe() as universe:
        await stateful.begin(universe, body)
        told = await stateful_set_import.preview(handover(universe), NAME, "")
        assert any(mark in each and "stays behind" in each for each in told.notes)
        await come_in(universe)
        meta = universe.get(Resource.APPLICATIONS, "shop")["metadata"]
        assert (meta["labels"], meta["annotations"]) == ({"team": "a"}, {"note": "b"})
        await universe.settle()
        await go_out(universe)
        found = universe.get(Resource.STATEFULSETS, NAME)
        assert found["metadata"]["labels"] == {"team": "a"}
        assert found["metadata"]["annotations"] == {"note": "b"}
        assert found["spec"]["persistentVolumeClaimRetentionPolicy"] == policy


async def test_services_and_budgets_beside_a_set_are_named_and_go_on() -> None:
    """Neither is touched; who reads the dry run knows which would lose pods."""
    pod = {"app": "db", "statefulset.kubernetes.io/pod-name": f"{NAME}-0"}
    beside: list[tuple[Resource, Json]] = [
        (Resource.SERVICES, {"metadata": {"name": "all"}, "spec": {"selector": {"app": "db"}}}),
        (Resource.SERVICES, {"metadata": {"name": "one"}, "spec": {"selector": pod}}),
        (
            Resource.DISRUPTION_BUDGETS,
            {
                "metadata": {"name": "few"},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "db"}}},
            },
        ),
    ]
    async with Universe() as universe:
        await stateful.begin(universe)
        for resource, body in beside:
            body["metadata"]["namespace"] = "default"
            await universe.server.create(resource, "default", body)
        before = [universe.get(each, body["metadata"]["name"])["spec"] for each, body in beside]
        said: list[str] = []
        asked = handover(universe, say=said.append)
        await stateful_set_import.carry_out(asked, NAME, "")
        await universe.settle()
        spoken = "\n".join(said)
        for told in ("service/all stays", "service/one would find no pod", "budget/few (maxU"):
            assert told in spoken
        after = [universe.get(each, body["metadata"]["name"])["spec"] for each, body in beside]
        assert after == before
