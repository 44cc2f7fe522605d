"""How every call went reaches status: what passes by itself is told, tried again, and forgotten.

A quota, a webhook, a full fleet, a name that is taken: each is met by the whole engine in virtual
time, told in the words of whoever answered, passed up to the application, and over when its cause
is.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import controller
from controller import errors
from controller.api import names
from controller.api.resources import Resource
from controller.kube import faults
from controller.planning.circuit import CircuitState
from controller.planning.keys import Key
from controller.presentation import inspection
from controller.reasons import ForeignReason
from fakes.api_server import chaos
from fakes.api_server.refusal import refuse
from fakes.universe import Universe, application, component
from tests.simulation.answers import QUOTA, WEBHOOK, Answer, blocked, quota

pytestmark = pytest.mark.looptime
Json = dict[str, Any]


def events(universe: Universe, reason: str) -> list[Json]:
    """Return the Events of that reason."""
    every = universe.server.objects.get(Resource.EVENTS, {}).values()
    return [dict(each) for each in every if each["reason"] == reason]


async def test_a_quota_is_told_and_over_when_it_is_raised() -> None:
    """Status, blockedBy and one Event name the quota in its words; no attempt is spent on it."""
    async with Universe() as universe:
        guard, raise_to = quota(universe, 2)
        await universe.apply(application("shop", component("web", 4)))
        told = ("ResourceQuota/two", "QuotaExceeded")
        application_told = functools.partial(blocked, universe, Resource.APPLICATIONS, "shop")
        await universe.until(lambda: told in application_told(), patience=5)
        assert told in blocked(universe, Resource.SERVERSETS, "shop-web")
        for resource, name in ((Resource.SERVERSETS, "shop-web"), (Resource.APPLICATIONS, "shop")):
            assert universe.condition(resource, name)["reason"] == "QuotaExceeded"
        await asyncio.sleep(3600)
        made = universe.names(Resource.PODS)
        waiting = sorted(set(universe.names(Resource.SERVERS)) - set(made))
        assert len(made) == len(waiting) == 2
        for name in waiting:
            status = universe.get(Resource.SERVERS, name)["status"]
            assert status["attempts"].get("count", 0) == 0
            assert status["attempts"]["lastError"]["class"] == "Waiting"
            assert "exceeded quota: two" in status["attempts"]["lastError"]["message"]
            (found,) = status["blockedBy"]
            assert (found["object"], found["reason"]) == told
            assert found["remedy"] == "kubectl describe resourcequota two -n default"
            assert found["since"]
            assert found["nextAttemptTime"]
        assert len(events(universe, "FailedCreate")) == 1
        assert guard.count < 100
        raise_to(10)
        await universe.until(universe.is_ready, patience=90)
        assert blocked(universe, Resource.APPLICATIONS, "shop") == []
        for name in waiting:
            assert "lastError" not in universe.get(Resource.SERVERS, name)["status"]["attempts"]


async def test_a_set_that_meets_a_quota_asks_little_and_then_makes_all() -> None:
    """A hundred servers that meet one quota ask as one; when it is raised, all come at once."""
    async with Universe() as universe:
        guard, raise_to = quota(universe, 1)
        await universe.apply(application("shop", component("web", 100)))
        await asyncio.sleep(600)
        assert len(universe.names(Resource.SERVERS)) == 100
        assert guard.count < 60
        await asyncio.sleep(200)
        before = len(universe.server.writes)
        await asyncio.sleep(300)
        late = [(each.resource, each.name) for each in universe.server.writes[before:]]
        assert len(late) < 10, "no write a retry"
        raise_to(1000)
        await universe.until(universe.is_ready, patience=120)
        assert len(universe.names(Resource.PODS)) == 100


async def test_a_quota_on_servers_themselves_is_met_as_slowly() -> None:
    """What the set itself may not make is told on it, asked for seldom, and made in the end."""
    async with Universe() as universe:
        bound, granted = [3], [0]
        words = 'servers.argosy.dev "x" is forbidden: exceeded quota: q, requested: 1'

        def error(_: chaos.Request) -> errors.ArgosyError | None:
            if granted[0] < bound[0]:
                granted[0] += 1
                return None
            return refuse(403, "Forbidden", words)

        guard = Answer(universe, "create", Resource.SERVERS, error)
        await universe.apply(application("shop", component("web", 60)))
        await asyncio.sleep(600)
        assert ("ResourceQuota/q", "QuotaExceeded") in blocked(
            universe, Resource.APPLICATIONS, "shop"
        )
        assert guard.count < 60
        assert len(events(universe, "FailedCreate")) == 1
        bound[0] = 1000
        await universe.until(universe.is_ready, patience=120)
        assert len(universe.names(Resource.SERVERS)) == 60


@pytest.mark.parametrize(
    ("code", "message", "thing", "reason", "class_"),
    [
        (500, WEBHOOK, "Webhook/gone.example.com", "WebhookFailed", "Waiting"),
        (
            403,
            'admission webhook "no.example.com" denied the request: you cannot do this',
            "Webhook/no.example.com",
            "TemplateRefused",
            "Terminal",
        ),
    ],
)
async def test_a_webhook_that_is_down_or_denies_is_told_and_over(
    code: int, message: str, thing: str, reason: str, class_: str
) -> None:
    """Either way its own sentence is told, and when it lets pods pass they are made."""
    async with Universe() as universe:
        guard = Answer(
            universe, "create", Resource.PODS, lambda _: refuse(code, "InternalError", message)
        )
        await universe.apply(application("shop", component("web", 3)))
        await asyncio.sleep(1200)
        assert (thing, reason) in blocked(universe, Resource.APPLICATIONS, "shop")
        for name in universe.names(Resource.SERVERS):
            error = universe.get(Resource.SERVERS, name)["status"]["attempts"]["lastError"]
            assert (error["class"], error["message"]) == (class_, message)
        assert guard.count < 100
        # Who guards one namespace says nothing of the API server, and holds up nobody else.
        assert universe.process.fleets.circuit("pods").state is CircuitState.CLOSED
        guard.over()
        await universe.until(universe.is_ready, patience=150)


async def test_a_limit_range_of_the_namespace_is_told_and_over_when_it_is_lifted() -> None:
    """Its own sentence is told at once, as for any template that is refused; then all come up."""
    words = (
        'pods "shop-web-0" is forbidden: maximum memory usage per Container is 64Mi, but limit is'
        " 128Mi"
    )
    async with Universe() as universe:
        guard = Answer(universe, "create", Resource.PODS, lambda _: refuse(403, "Forbidden", words))
        await universe.apply(application("shop", component("web", 3)))
        await asyncio.sleep(600)
        told = universe.get(Resource.SERVERS, "shop-web-0")["status"]
        assert any("maximum memory usage" in each["message"] for each in told["blockedBy"])
        assert not universe.is_ready()
        assert guard.count < 100
        guard.over()
        await universe.until(universe.is_ready, patience=700)


async def test_a_webhook_that_is_slow_holds_up_its_own_alone() -> None:
    """Each call takes ten seconds and succeeds: no attempt is spent, and all come up."""
    async with Universe() as universe:
        slow = chaos.Verdict(there=10.0)
        universe.faults.on("create", Resource.PODS, verdict=slow, times=None)
        await universe.apply(application("shop", component("web", 6)))
        await universe.until(universe.is_ready, patience=300)
        for name in universe.names(Resource.SERVERS):
            attempts = universe.get(Resource.SERVERS, name)["status"].get("attempts") or {}
            assert not attempts.get("count")
        assert universe.process.fleets.circuit("pods").state is CircuitState.CLOSED


async def test_a_full_zone_leads_to_the_next_alternative() -> None:
    """Attempts are counted in each way, and a server with room in another zone comes there."""
    recovery = {
        "attempts": 2,
        "alternatives": [
            {"name": "a", "patch": {"spec": {"zone": "a"}}},
            {"name": "b", "patch": {"spec": {"zone": "b"}}},
        ],
    }
    async with Universe() as universe:
        await fleet(universe, "metal")
        universe.machines.zones = ("a", "b")
        universe.machines.settings = _full(universe, "a")
        await universe.apply(
            application("shop", component("web", 2, recovery=recovery), fleet="metal")
        )
        await universe.until(universe.is_ready, patience=60)
        assert {each.zone for each in universe.machines.machines} == {"b"}


async def test_a_full_fleet_counts_attempts_and_is_tried_for_ever() -> None:
    """A server that used its attempts counts as failed, says what it lacks, and comes at last."""
    async with Universe() as universe:
        await fleet(universe, "metal")
        universe.machines.zones = ("a",)
        universe.machines.settings = _full(universe, "a")
        await universe.apply(application("shop", component("web", 2), fleet="metal"))
        await asyncio.sleep(3600)
        status = universe.get(Resource.SERVERS, "shop-web-0")["status"]
        assert status["attempts"]["exhausted"]
        assert status["attempts"]["count"] == 5
        assert "no room is left" in status["attempts"]["lastError"]["message"]
        assert universe.get(Resource.SERVERSETS, "shop-web")["status"]["failed"] == 2
        universe.machines.settings = _full(universe)
        await universe.until(universe.is_ready, patience=90)
        assert universe.get(Resource.SERVERSETS, "shop-web")["status"]["failed"] == 0


async def test_who_gives_up_waits_for_a_person() -> None:
    """With giveUp nothing is tried on: retry-now is what makes it go on."""
    async with Universe() as universe:
        await fleet(universe, "metal")
        universe.machines.zones = ("a",)
        universe.machines.settings = _full(universe, "a")
        recovery = {"attempts": 1, "giveUp": True}
        await universe.apply(
            application("shop", component("web", 1, recovery=recovery), fleet="metal")
        )
        await asyncio.sleep(60)
        universe.machines.settings = _full(universe)
        await asyncio.sleep(1200)
        assert not universe.machines.machines
        told = universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")
        assert "tried" not in told["message"]
        retry = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "1"}}}
        await universe.merge(Resource.APPLICATIONS, "shop", retry)
        await universe.until(universe.is_ready, patience=60)


async def test_a_fleet_may_be_named_like_a_resource() -> None:
    """What a fleet called `servers` refuses is told and counted as any fleet's."""
    async with Universe() as universe:
        await fleet(universe, "servers")
        universe.machines.zones = ("a",)
        universe.machines.settings = _full(universe, "a")
        await universe.apply(application("shop", component("web", 1), fleet="servers"))
        await asyncio.sleep(60)
        assert universe.get(Resource.SERVERS, "shop-web-0")["status"]["attempts"]["count"] >= 4
        assert ("Fleet/servers", "NoCapacity") in blocked(universe, Resource.APPLICATIONS, "shop")


async def test_what_should_go_and_does_not_is_not_ready() -> None:
    """A pod whose delete is denied keeps running, but neither server nor set says Ready."""
    denial = 'admission webhook "keep.example.com" denied the request: not now'
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.until(universe.is_ready)
        guard = Answer(
            universe, "delete", Resource.PODS, lambda _: refuse(403, "Forbidden", denial)
        )
        rollout = {"inPlace": "Never"}
        await universe.apply(
            application("shop", component("web", 2, image="app:2", rollout=rollout))
        )
        told = ("Webhook/keep.example.com", "Denied")
        await universe.until(
            lambda: told in blocked(universe, Resource.APPLICATIONS, "shop"), patience=30
        )
        (name,) = [
            each
            for each in universe.names(Resource.SERVERS)
            if told in blocked(universe, Resource.SERVERS, each)
        ]
        assert universe.condition(Resource.SERVERS, name)["status"] == "False"
        assert universe.condition(Resource.SERVERSETS, "shop-web")["status"] == "False"
        guard.over()
        await universe.until(universe.is_ready, patience=150)
        assert blocked(universe, Resource.APPLICATIONS, "shop") == []


async def test_a_delete_that_is_denied_is_told_all_the_way_up() -> None:
    """Of an application on its way out, too: what keeps it is named in its own words."""
    denial = 'admission webhook "keep.example.com" denied the request: not now'
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.until(universe.is_ready)
        guard = Answer(
            universe, "delete", Resource.PODS, lambda _: refuse(403, "Forbidden", denial)
        )
        await universe.delete(Resource.APPLICATIONS, "shop")
        told = ("Webhook/keep.example.com", "Denied")
        await universe.until(
            lambda: told in blocked(universe, Resource.APPLICATIONS, "shop"), patience=30
        )
        assert universe.condition(Resource.SERVERS, "shop-web-0")["status"] == "False"
        guard.over()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=150)


@pytest.mark.parametrize("fleet", ["pods", "edge"])
async def test_a_pod_is_told_as_a_pod_whatever_its_fleet_is_called(fleet: str) -> None:
    """Of what pods are made of by any Fleet, the pod that does not go is named, and is shown."""
    async with Universe() as universe:
        if fleet == "edge":
            body = {"metadata": {"name": fleet}, "spec": {"provider": "pod"}}
            await universe.server.create(Resource.FLEETS, "", body)
        await universe.apply(application("shop", component("web", 1), fleet=fleet))
        await universe.until(universe.is_ready)
        guard = Answer(
            universe, "delete", Resource.PODS, lambda _: refuse(422, "Invalid", "it may not go")
        )
        await universe.delete(Resource.APPLICATIONS, "shop")
        told = functools.partial(universe.get, Resource.SERVERS, "shop-web-0")
        await universe.until(lambda: told()["status"].get("blockedBy"), patience=30)
        (found,) = told()["status"]["blockedBy"]
        assert found["object"] == "Pod/shop-web-0"
        assert found["remedy"] == "kubectl get pods shop-web-0 -n default -o yaml"
        guard.over()
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS), patience=700)


async def test_a_name_that_is_free_again_is_taken_soon() -> None:
    """A stranger's pod stalls one server, and no longer than it is there."""
    async with Universe() as universe:
        stranger = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "shop-web-0", "namespace": "default"},
            "spec": {"containers": [{"name": "main", "image": "x"}]},
        }
        await universe.apply(stranger)
        await universe.apply(application("shop", component("web", 1)))
        await universe.until(
            lambda: (
                ("Pod/shop-web-0", "NameTaken") in blocked(universe, Resource.APPLICATIONS, "shop")
            ),
            patience=30,
        )
        assert universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")
        await asyncio.sleep(600)
        await universe.delete(Resource.PODS, "shop-web-0", grace_seconds=0)
        await universe.until(universe.is_ready, patience=60)


async def test_a_name_that_a_gone_owner_left_is_waited_for() -> None:
    """The cluster collects what was left: until then the server waits, and nothing is stalled."""
    async with Universe() as universe:
        left = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "shop-web-0",
                "namespace": "default",
                "finalizers": ["example.com/slow"],
                "ownerReferences": [
                    {
                        "apiVersion": "argosy.dev/v1alpha1", "kind": "Server",
                        "name": "shop-web-0", "uid": "of-before", "controller": True,
                    }
                ],
            },
            "spec": {"containers": [{"name": "main", "image": "x"}]},
        }  # fmt: skip
        await universe.server.create(Resource.PODS, "default", left)
        await universe.apply(application("shop", component("web", 1)))
        await universe.until(
            lambda: (
                universe.condition(Resource.SERVERS, "shop-web-0").get("reason")
                in ("OwnerGone", "Terminating")
            ),
            patience=30,
        )
        assert not universe.condition(Resource.SERVERS, "shop-web-0", "Stalled")
        await universe.merge(Resource.PODS, "shop-web-0", {"metadata": {"finalizers": None}})
        await universe.until(universe.is_ready, patience=90)


async def test_a_new_leader_says_what_the_last_one_said() -> None:
    """What decides stands in status: a restart neither forgets a quota nor writes it anew."""
    async with Universe() as universe:
        quota(universe, 1)
        await universe.apply(application("shop", component("web", 3)))
        await universe.until(
            lambda: bool(blocked(universe, Resource.APPLICATIONS, "shop")), patience=10
        )
        await universe.settle(quiet=30)
        before = {
            name: universe.get(Resource.SERVERS, name)["status"]
            for name in universe.names(Resource.SERVERS)
        }
        await universe.crash()
        await asyncio.sleep(120)
        for name, status in before.items():
            assert universe.get(Resource.SERVERS, name)["status"] == status


async def fleet(universe: Universe, name: str) -> None:
    """Make a fleet of machines in memory."""
    body = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Fleet",
        "metadata": {"name": name},
        "spec": {"provider": "memory"},
    }
    await universe.server.create(Resource.FLEETS, "", body)


def _full(universe: Universe, *zones: str) -> Any:
    import msgspec  # noqa: PLC0415

    return msgspec.structs.replace(universe.machines.settings, full_zones=zones)


def _kinds(root: type[errors.ArgosyError]) -> Iterator[type[errors.ArgosyError]]:
    for each in root.__subclasses__():
        yield each
        yield from _kinds(each)


def every_error() -> list[type[errors.ArgosyError]]:
    """Return every class of error that a call of the engine's may end with."""
    for part in ("kube", "providers"):
        package = importlib.import_module(f"controller.{part}")
        for each in pkgutil.walk_packages(package.__path__, f"controller.{part}."):
            importlib.import_module(each.name)
    assert controller.__name__
    # Others are of front ends, and there only where a test has imported these.
    rooms = ("controller.errors", "controller.kube.", "controller.providers.")
    found = {each for each in _kinds(errors.ArgosyError) if each.__module__.startswith(rooms)}
    return sorted(found, key=lambda each: (each.__module__, each.__name__))


# What the provider or the writer take another way, as their contract says: an adoption, another
# look, an end that has come already.
TAKEN: dict[str, set[type[errors.ArgosyError]]] = {
    "create": {faults.AlreadyExists},
    "change": set(),
    "delete": {faults.NotFound, faults.Conflict},
}
RESOURCES = {
    "create": (Resource.PODS, "create"),
    "change": (Resource.PODS, "patch"),
    "delete": (Resource.PODS, "delete"),
}


@pytest.mark.parametrize("verb", sorted(RESOURCES))
@pytest.mark.parametrize("kind", every_error(), ids=lambda each: each.__name__)
async def test_whatever_a_call_ends_with_leaves_a_trace(
    kind: type[errors.ArgosyError], verb: str
) -> None:
    """Each error of each verb is told on server, set and application, as soon as it is believed."""
    if kind in TAKEN[verb]:
        return
    words = f"the words of {kind.__name__}"
    async with Universe() as universe:
        if verb != "create":
            await universe.apply(application("shop", component("web", 1)))
            await universe.until(universe.is_ready)
        resource, request = RESOURCES[verb]
        guard = Answer(
            universe, request, resource, lambda _: kind(words, reason=ForeignReason(kind.__name__))
        )
        rollout = {"inPlace": "Never" if verb == "delete" else "WhenPossible"}
        image = "app:1" if verb == "create" else "app:2"
        await universe.apply(application("shop", component("web", 1, image=image, rollout=rollout)))
        await universe.until(
            lambda: (
                "shop-web-0" in universe.names(Resource.SERVERS)
                and bool(blocked(universe, Resource.SERVERS, "shop-web-0"))
            ),
            patience=20,
        )
        status = universe.get(Resource.SERVERS, "shop-web-0")["status"]
        assert universe.condition(Resource.SERVERS, "shop-web-0")["status"] == "False"
        assert any(each["reason"] and each["message"] for each in status["blockedBy"])
        await universe.until(
            lambda: (
                universe.condition(Resource.APPLICATIONS, "shop").get("status") == "False"
                and bool(blocked(universe, Resource.APPLICATIONS, "shop"))
            ),
            # For a minute nobody knows whose trouble an answer is that was lost.
            patience=180,
        )
        await universe.settle(quiet=5)
        await agree(universe)
        guard.over()
        await universe.until(universe.is_ready, patience=700)


@pytest.mark.parametrize("kind", every_error(), ids=lambda each: each.__name__)
async def test_a_status_that_cannot_be_written_is_told_when_it_can(
    kind: type[errors.ArgosyError],
) -> None:
    """A refused status write keeps nothing from going on, and the status is true in the end."""
    async with Universe() as universe:
        guard = Answer(
            universe, "patch", Resource.SERVERS,
            lambda _: kind("no", reason=ForeignReason(kind.__name__)), subresource="status",
        )  # fmt: skip
        await universe.apply(application("shop", component("web", 1)))
        await universe.until(lambda: universe.names(Resource.PODS) == ["shop-web-0"], patience=60)
        await asyncio.sleep(60)
        assert guard.count < 60
        guard.over()
        await universe.until(universe.is_ready, patience=700)


async def test_who_says_to_try_again_need_not_wait_for_a_backoff() -> None:
    """After retry-now the first create is made at once, and the others follow it."""
    async with Universe() as universe:
        _, raise_to = quota(universe, 1)
        await universe.apply(application("shop", component("web", 20)))
        await asyncio.sleep(1200)
        raise_to(1000)
        retry = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "1"}}}
        await universe.merge(Resource.APPLICATIONS, "shop", retry)
        await universe.until(universe.is_ready, patience=15)


async def test_one_wish_costs_one_call_where_the_quota_is_still_full() -> None:
    """The set's others wait on, as they did, and are made when the cause is gone."""
    async with Universe() as universe:
        guard, raise_to = quota(universe, 1)
        await universe.apply(application("shop", component("web", 20)))
        await asyncio.sleep(1200)
        before = guard.count
        retry = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "1"}}}
        await universe.merge(Resource.APPLICATIONS, "shop", retry)
        await asyncio.sleep(15)
        # One for the wish, and one if the set's own turn came meanwhile.
        assert before < guard.count <= before + 2
        raise_to(1000)
        await universe.until(universe.is_ready, patience=80)


async def test_an_older_wish_of_a_server_does_not_hide_that_of_its_application() -> None:
    """A person once told one server alone; what the application is told later reaches it, too."""
    async with Universe() as universe:
        _, raise_to = quota(universe, 0)
        await universe.apply(application("shop", component("web", 1)))
        await asyncio.sleep(1200)
        wish = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "1"}}}
        await universe.merge(Resource.SERVERS, "shop-web-0", wish)
        await asyncio.sleep(1200)
        raise_to(1)
        wish["metadata"]["annotations"][names.RETRY_NOW_ANNOTATION] = "2"
        await universe.merge(Resource.APPLICATIONS, "shop", wish)
        await universe.until(universe.is_ready, patience=5)


async def agree(universe: Universe) -> None:
    """See that whoever looks on says of each object what the operator says of it."""
    async with inspection.look(universe.server, "default") as look:
        for resource in inspection.PLANNED:
            for name in universe.names(resource):
                key = Key(resource, "default", name)
                _, planned = look.plan(key, now=universe.server.now())
                status: Any = planned.status
                if status is None:
                    continue
                said = universe.condition(resource, name)
                mine = next(each for each in status.conditions if each.type == "Ready")
                assert (mine.status, mine.reason) == (said["status"], said["reason"]), name
                told = universe.get(resource, name)["status"].get("blockedBy", [])
                assert {(each.object, each.reason, each.remedy) for each in status.blocked_by} == {
                    (each["object"], each["reason"], each.get("remedy", "")) for each in told
                }, name


@pytest.mark.parametrize(
    ("verb", "resource", "code", "words"),
    [
        ("create", Resource.PODS, 403, QUOTA.format(name="x", used=2)),
        ("create", Resource.SERVERS, 403, 'servers "x" is forbidden: exceeded quota: q'),
        ("create", Resource.SERVERS, 422, "spec must be otherwise"),
        ("create", Resource.SERVICES, 403, 'admission webhook "w" denied the request: no'),
        ("create", Resource.SERVERSETS, 500, WEBHOOK),
    ],
)
async def test_whoever_looks_on_says_what_the_operator_says(
    verb: str, resource: Resource, code: int, words: str
) -> None:
    """What decides stands in status, so another process comes to the same verdict."""
    async with Universe() as universe:
        guard = Answer(universe, verb, resource, lambda _: refuse(code, "Forbidden", words))
        await universe.apply(application("shop", component("web", 3)))
        await universe.until(lambda: bool(blocked(universe, Resource.APPLICATIONS, "shop")))
        await universe.settle(quiet=60)
        await agree(universe)
        guard.over()
        await universe.until(universe.is_ready, patience=700)
        await agree(universe)
