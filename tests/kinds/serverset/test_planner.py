"""Single decisions of the ServerSet planner: who blocks it, what it makes, mends and lets go."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import clock, names, objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kinds import serverset
from controller.kinds.revisions import references
from controller.planning import availability, plan
from controller.planning.outcomes import Outcome
from controller.planning.register import Register
from fakes.instant import NAMESPACE, START
from tests.kinds import failing
from tests.kinds.rehearsal import CAPABLE, Rehearsal, component

SET = "shop-web"
SELECTOR = {names.APPLICATION_LABEL: "shop", names.COMPONENT_LABEL: "web"}
CLAIM = {"name": "data", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}


def rehearse(replicas: int = 3, **fields: Any) -> Rehearsal:
    """Return a rehearsal in which one component has come up."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", replicas, **fields))
    rehearsal.run()
    return rehearsal


def planned(rehearsal: Rehearsal, **changes: Any) -> plan.Plan:
    """Return the plan of the set, its snapshot changed as said."""
    return serverset.plan(dataclasses.replace(rehearsal.set_snapshot(SET), **changes))


def status(made: plan.Plan) -> objects.ServerSetStatus:
    """Return the status that the plan would write."""
    assert isinstance(made.status, objects.ServerSetStatus)
    return made.status


def reason(made: plan.Plan, which: str = "Ready") -> str:
    """Return the reason of a condition in the plan's status, or nothing where it is not told."""
    return next((each.reason for each in status(made).conditions if each.type == which), "")


def created(made: plan.Plan) -> list[str]:
    """Return the names of what the plan creates."""
    return [each.body["metadata"]["name"] for each in made.actions if isinstance(each, plan.Create)]


def deleted(made: plan.Plan) -> list[str]:
    """Return the names of what the plan deletes."""
    return [each.name for each in made.actions if isinstance(each, plan.Delete)]


def refusal(resource: Resource, name: str, why: Reason = Reason.NAME_TAKEN, **more: Any) -> Outcome:
    """Return a refusal of a write to that object."""
    target = failing.ObjectTarget(resource, NAMESPACE, name)
    return failing.outcome(target, why, time=START, again=START + 10_000, **more)


def test_a_converged_set_plans_nothing() -> None:
    """Nothing to do: no actions, a settled status that equals the one before, no wake-up."""
    rehearsal = rehearse()
    made = planned(rehearsal)
    assert (made.actions, made.wake_after) == ((), None)
    assert made.status == rehearsal.get(objects.ServerSet, SET).status


def test_servers_are_created_whole() -> None:
    """A new server has its finalizer, its controlling owner, its labels and all of its spec."""
    rehearsal = rehearse()
    found = rehearsal.get(objects.Server, "shop-web-1")
    owner = found.metadata.controller
    assert found.metadata.finalizers == (names.FINALIZER,)
    assert owner is not None
    assert (owner.kind, owner.name) == ("ServerSet", SET)
    assert found.metadata.labels == {
        **names.labels("shop", "web", "shop-web-1"),
        **names.bucket_label("default", "shop"),
    }
    assert (found.spec.ordinal, found.spec.incarnation, found.spec.revision) == (
        1,
        1,
        rehearsal.get(objects.ServerSet, SET).spec.revision,
    )


def test_the_service_comes_with_the_servers() -> None:
    """Where servers are found by DNS the headless Service is made first, if it is not there."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 2))
    rehearsal.run_for(2)
    made = planned(rehearsal, service=None, servers=Register())
    action = made.actions[0]
    assert isinstance(action, plan.Create)
    assert action.resource is Resource.SERVICES
    assert action.body["spec"] == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": SELECTOR,
    }
    assert created(made) == ["shop-web", "shop-web-0", "shop-web-1"]


@pytest.mark.parametrize(
    ("edit", "patch"),
    [
        (
            {"spec": {"selector": {"a": "lie", names.COMPONENT_LABEL: "other"}}},
            {"spec": {"selector": {"a": None, names.COMPONENT_LABEL: "web"}}},
        ),
        ({"spec": {"selector": None}}, {"spec": {"selector": SELECTOR}}),
        (
            {"spec": {"publishNotReadyAddresses": False}},
            {"spec": {"publishNotReadyAddresses": True}},
        ),
        (
            {"metadata": {"labels": {names.COMPONENT_LABEL: "lie", "argosy.dev/server": None}}},
            {"metadata": {"labels": {names.COMPONENT_LABEL: "web"}}},
        ),
    ],
)
def test_a_service_edited_by_hand_is_put_right(edit: dict[str, Any], patch: dict[str, Any]) -> None:
    """What names in DNS rest on is written back, and no more than that."""
    rehearsal = rehearse()
    rehearsal.edit(Resource.SERVICES, SET, edit)
    found = rehearsal.get(objects.Service, SET)
    made = planned(rehearsal)
    (action,) = (each for each in made.actions if isinstance(each, plan.Patch))
    assert (action.resource, action.uid) == (Resource.SERVICES, found.metadata.uid)
    assert action.body == patch


@pytest.mark.parametrize("stale", [False, True])
def test_labels_of_a_server_edited_by_hand_are_put_right(*, stale: bool) -> None:
    """Whatever revision it runs, a server keeps the labels that people look for, and their own."""
    rollout: dict[str, Any] = {"rollout": {"partition": 3}} if stale else {}
    rehearsal = rehearse(**rollout)
    if stale:
        rehearsal.apply("shop", component("web", "web:v2", 3, **rollout))
        rehearsal.run()
    found = rehearsal.get(objects.Server, "shop-web-1")
    edit = {names.COMPONENT_LABEL: "lie", names.SERVER_LABEL: None, "mine": "kept"}
    rehearsal.edit(Resource.SERVERS, "shop-web-1", {"metadata": {"labels": edit}})
    (action,) = planned(rehearsal).actions
    assert isinstance(action, plan.Patch)
    assert (action.resource, action.uid) == (Resource.SERVERS, found.metadata.uid)
    labels = {names.COMPONENT_LABEL: "web", names.SERVER_LABEL: "shop-web-1"}
    assert action.body == {"metadata": {"labels": labels}}


@pytest.mark.parametrize(
    "edit",
    [
        {"spec": {"ports": [{"port": 80}]}},
        {"metadata": {"labels": {"team": "web"}, "annotations": {"note": "ours"}}},
    ],
)
def test_what_people_add_to_a_service_stays(edit: dict[str, Any]) -> None:
    """Ports, labels and annotations of their own are theirs."""
    rehearsal = rehearse()
    rehearsal.edit(Resource.SERVICES, SET, edit)
    assert planned(rehearsal).actions == ()


def test_without_dns_there_is_no_service() -> None:
    """A fleet whose servers are not found by DNS needs none, and waits for none."""
    fleet = contract.FleetFacts(name="metal", capabilities=frozenset())
    made = planned(rehearse(), service=None, servers=Register(), fleet=fleet)
    assert created(made) == ["shop-web-0", "shop-web-1", "shop-web-2"]


@pytest.mark.parametrize(
    ("changes", "why", "stalled"),
    [
        ({"application": None}, "Orphaned", True),
        ({"namespace_terminating": True}, "NamespaceTerminating", False),
        (
            {
                "fleet": contract.FleetFacts(
                    name="x",
                    capabilities=CAPABLE,
                    problem=Reason.UNKNOWN_FLEET,
                    message="no fleet x",
                )
            },
            "UnknownFleet",
            True,
        ),
        (
            {
                "outcomes": (refusal(Resource.SERVICES, "shop-web", Reason.FORBIDDEN),),
                "service": None,
            },
            "Forbidden",
            True,
        ),
    ],
)
def test_an_obstacle_stops_everything_and_says_so(
    changes: dict[str, Any], why: str, *, stalled: bool
) -> None:
    """Nothing is made while something stands in the way, and the status names it and a remedy."""
    made = planned(rehearse(), servers=Register(), **changes)
    # The Service alone is asked for again, when that is due: it would end the obstacle.
    assert [each for each in created(made) if each != "shop-web"] == deleted(made) == []
    assert reason(made) == why
    assert bool(reason(made, "Stalled")) is stalled
    assert all(each.remedy for each in status(made).blocked_by)
    assert bool(status(made).blocked_by) is stalled


@pytest.mark.parametrize("cached", [True, False], ids=["with our labels", "without"])
def test_someone_elses_service_is_told_and_stops_nobody(*, cached: bool) -> None:
    """A chart's own Service has the set's name: it is left alone, and servers are made."""
    foreign = objects.Service(metadata=objects.Meta(name=SET, namespace=NAMESPACE, uid="theirs"))
    made = planned(
        rehearse(),
        servers=Register(),
        service=foreign if cached else None,
        outcomes=() if cached else (refusal(Resource.SERVICES, SET),),
    )
    wanted = ["shop-web-0", "shop-web-1", "shop-web-2"]
    # What is not cached is asked for again, when that is due: so its end is noticed.
    assert sorted(created(made)) == (wanted if cached else ["shop-web", *wanted])
    assert not [each for each in made.actions if isinstance(each, plan.Patch)]
    assert reason(made, "Stalled") == ""
    (told,) = status(made).blocked_by
    assert (told.object, told.reason) == ("Service/shop-web", "NameTaken")
    assert told.remedy == "kubectl get services shop-web -n default -o yaml"


def test_a_service_that_may_not_be_mended_is_told_and_servers_come() -> None:
    """Servers are found by the Service that is there; what was refused is told beside that."""
    made = planned(
        rehearse(),
        servers=Register(),
        outcomes=(
            refusal(Resource.SERVICES, "shop-web", Reason.FORBIDDEN, verb=failing.Verb.CHANGE),
        ),
    )
    assert created(made) == ["shop-web-0", "shop-web-1", "shop-web-2"]
    assert [each.object for each in status(made).blocked_by] == ["Service/shop-web"]


def test_a_taken_name_of_one_server_leaves_the_others() -> None:
    """A refused server stays missing and is told; no other ordinal stands in for it."""
    rehearsal = rehearse(replicas=2)
    rehearsal.apply("shop", component("web", "web:v1", 4))
    rehearsal.tick()
    servers = {
        ordinal: each for ordinal, each in rehearsal.servers(SET).items() if ordinal in (0, 1)
    }
    refused = refusal(Resource.SERVERS, "shop-web-2")
    made = planned(rehearsal, servers=Register(servers), outcomes=(refused,))
    assert created(made) == ["shop-web-3"]
    assert reason(made, "Stalled") == "NameTaken"
    assert status(made).blocked_by[0].object == "Server/shop-web-2"


def test_what_was_refused_is_told() -> None:
    """A patch that the API server refused stands in status in its words, with a warning, once."""
    rehearsal = rehearse()
    lie = {"metadata": {"labels": {names.COMPONENT_LABEL: "lie"}}}
    rehearsal.edit(Resource.SERVERS, "shop-web-1", lie)
    assert len(planned(rehearsal).actions) == 1
    refused = refusal(
        Resource.SERVERS, "shop-web-1", Reason.REFUSED, verb=failing.Verb.CHANGE, event=True
    )
    made = planned(rehearsal, outcomes=(refused,))
    assert [(each.object, each.message) for each in status(made).blocked_by] == [
        ("Server/shop-web-1", "no")
    ]
    warned = [each for each in made.actions if isinstance(each, plan.RecordEvent)]
    assert [each.reason for each in warned] == ["Refused", "FailedUpdate"]
    found = rehearsal.get(objects.ServerSet, SET)
    told = msgspec.structs.replace(found, status=status(made))
    again = planned(rehearsal, outcomes=(refused,), server_set=told)
    assert not [each for each in again.actions if isinstance(each, plan.RecordEvent)]


def test_servers_wait_for_the_record_that_they_name() -> None:
    """No server names a revision before its ControllerRevision is seen; then all are made."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 2))
    rehearsal.run_for(2)
    unseen = planned(rehearsal, servers=Register(), revisions=())
    assert created(unseen) == []
    target = rehearsal.get(objects.ServerSet, SET).spec.revision
    assert f"waiting for ControllerRevision/shop-web-{target}, which servers name" in unseen.notes
    assert created(planned(rehearsal, servers=Register())) == ["shop-web-0", "shop-web-1"]


@pytest.mark.parametrize("strategy", ["RollingUpdate", "Recreate"])
def test_nothing_moves_to_a_revision_that_is_not_on_record(strategy: str) -> None:
    """Servers are neither told to run it, nor taken down for it, before its record is seen."""
    rollout = {"strategy": strategy}
    rehearsal = rehearse(rollout=rollout)
    rehearsal.apply("shop", component("web", "web:v2", 3, rollout=rollout))
    rehearsal.plan_application("shop")
    snapshot = rehearsal.set_snapshot(SET)
    target = snapshot.server_set.spec.revision
    before = tuple(each for each in snapshot.revisions if target not in each.metadata.name)
    assert len(before) == 1
    assert planned(rehearsal, revisions=before).actions == ()
    assert planned(rehearsal).actions != ()


def test_a_changed_policy_writes_no_server() -> None:
    """Servers refer to their set for every policy: not one of them is written, or replaced."""
    rehearsal = rehearse()
    before = {each.metadata.name: each for each in rehearsal.servers(SET).values()}
    rehearsal.apply(
        "shop",
        component("web", "web:v1", 3, recovery={"attempts": 9}, rollout={"minReadySeconds": 1}),
        deletion={"drainSeconds": 5},
    )
    rehearsal.run()
    assert {each.metadata.name: each for each in rehearsal.servers(SET).values()} == before
    found = rehearsal.get(objects.ServerSet, SET)
    after = references.complete(before["shop-web-1"], found, None).spec
    assert (after.recovery.attempts, after.deletion.drain_seconds) == (9, 5)
    assert after.min_ready_seconds == 1
    assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")


def test_below_the_partition_a_server_comes_back_with_what_is_on_record() -> None:
    """Not with a revision that somebody deleted the record of: nobody could make the server."""
    rehearsal = rehearse(rollout={"partition": 3})
    old = rehearsal.get(objects.ServerSet, SET).spec.revision
    rehearsal.apply("shop", component("web", "web:v2", 3, rollout={"partition": 3}))
    rehearsal.run()
    target = rehearsal.get(objects.ServerSet, SET).spec.revision
    servers = {ordinal: each for ordinal, each in rehearsal.servers(SET).items() if ordinal != 1}
    for gone, revision in (("", old), (old, target)):
        kept = tuple(
            each
            for each in rehearsal.set_snapshot(SET).revisions
            if not gone or gone not in each.metadata.name
        )
        made = planned(rehearsal, servers=Register(servers), revisions=kept)
        (action,) = (each for each in made.actions if isinstance(each, plan.Create))
        assert action.body["spec"]["revision"] == revision


def test_a_held_server_is_left_alone_but_counted() -> None:
    """A hold keeps rollouts away from a server; while it is ill it counts as unavailable."""
    rehearsal = rehearse(rollout={"maxUnavailable": 1})
    rehearsal.edit(Resource.SERVERS, "shop-web-1", {"spec": {"held": True}})
    rehearsal.fall_ill("shop-web-1")
    rehearsal.tick()
    rehearsal.apply("shop", component("web", "web:v2", 3, rollout={"maxUnavailable": 1}))
    rehearsal.run()
    assert set(rehearsal.images(SET).values()) == {"web:v1"}
    rehearsal.machines["shop-web-1"].ill = False
    rehearsal.run()
    assert rehearsal.images(SET) == {0: "web:v2", 1: "web:v1", 2: "web:v2"}


def test_a_change_of_policy_and_image_keeps_the_budget() -> None:
    """Policies raise every server's generation; that must not free them all for the update."""
    rehearsal = rehearse(replicas=6, rollout={"maxUnavailable": 1, "inPlace": "Never"})
    rehearsal.apply(
        "shop",
        component(
            "web",
            "web:v2",
            6,
            rollout={"maxUnavailable": 1, "inPlace": "Never"},
            recovery={"attempts": 9},
        ),
    )
    rehearsal.run()  # The rehearsal itself fails where the budget is broken.
    assert set(rehearsal.images(SET).values()) == {"web:v2"}


def test_rollouts_keep_away_from_operated_servers() -> None:
    """A server under a task is not touched, and counts as unavailable to the others' budget."""
    rehearsal = rehearse(rollout={"maxUnavailable": 2})
    task = {"id": "t", "operation": "o"}
    rehearsal.edit(Resource.SERVERS, "shop-web-1", {"spec": {"task": task}})
    rehearsal.apply("shop", component("web", "web:v2", 3, rollout={"maxUnavailable": 2}))
    made = planned(rehearsal)
    assert made.status is not None
    rehearsal.run_for(1)
    assert len([each for each in rehearsal.servers(SET).values() if each.spec.revision]) == 3
    told = {each.spec.revision for each in rehearsal.servers(SET).values()}
    assert len(told) == 2
    rehearsal.run()
    assert rehearsal.images(SET) == {0: "web:v2", 1: "web:v1", 2: "web:v2"}
    rehearsal.edit(Resource.SERVERS, "shop-web-1", {"spec": {"task": None}})
    rehearsal.run()
    assert set(rehearsal.images(SET).values()) == {"web:v2"}


@pytest.mark.parametrize(("when_scaled", "left"), [("Retain", {0, 1, 2, 3}), ("Delete", {0, 1})])
def test_claims_of_scaled_away_servers_follow_the_policy(when_scaled: str, left: set[int]) -> None:
    """Retained claims wait for their servers to come back; the living keep theirs in any case."""
    claim = {**CLAIM, "whenScaled": when_scaled}
    rehearsal = rehearse(replicas=4, volumeClaims=[claim])
    rehearsal.apply("shop", component("web", "web:v1", 2, volumeClaims=[claim]))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [0, 1]
    claims = {name for each, name in rehearsal.store if each is Resource.CLAIMS}
    assert claims == {f"data-shop-web-{ordinal}" for ordinal in left}


def test_a_scaled_away_server_keeps_its_claims_until_it_is_gone() -> None:
    """It may still write while it ends: at no moment is a server there without its claim."""
    claim = {**CLAIM, "whenScaled": "Delete"}
    rehearsal = rehearse(replicas=3, volumeClaims=[claim])
    rehearsal.apply("shop", component("web", "web:v1", 1, volumeClaims=[claim]))
    ending = 0
    for _ in range(60):
        rehearsal.tick()
        servers = rehearsal.servers(SET).values()
        assert {f"data-{each.metadata.name}" for each in servers} <= claimed(rehearsal).keys()
        ending += any(each.metadata.deletion_timestamp is not None for each in servers)
    assert ending, "no server was seen to end"
    assert set(claimed(rehearsal)) == {"data-shop-web-0"}


def claimed(rehearsal: Rehearsal) -> dict[str, str]:
    """Return the UIDs of the claims that are there and not on their way out, by name."""
    return {
        name: body["metadata"]["uid"]
        for (resource, name), body in rehearsal.store.items()
        if resource is Resource.CLAIMS and not body["metadata"].get("deletionTimestamp")
    }


def test_with_claims_the_highest_ordinals_go_first() -> None:
    """Not the ill one nor the marked one: data decides, and stays with the lowest."""
    rehearsal = rehearse(replicas=4, volumeClaims=[CLAIM])
    rehearsal.fall_ill("shop-web-0")
    rehearsal.tick()
    rehearsal.apply("shop", component("web", "web:v1", 2, volumeClaims=[CLAIM]))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [0, 1]


def test_held_servers_go_last_with_claims_too() -> None:
    """Who holds a server looks into it: others of the set go instead, the highest first."""
    rehearsal = rehearse(replicas=4, volumeClaims=[CLAIM])
    rehearsal.edit(Resource.SERVERS, "shop-web-3", {"spec": {"held": True}})
    rehearsal.apply("shop", component("web", "web:v1", 2, volumeClaims=[CLAIM]))
    rehearsal.run()
    assert list(rehearsal.servers(SET)) == [0, 3]
    rehearsal.apply("shop", component("web", "web:v1", 0, volumeClaims=[CLAIM]))
    rehearsal.run()
    assert not rehearsal.servers(SET)


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_set_scaled_by_hand_against_its_application_loses_nobody(replicas: int) -> None:
    """The application names three: no server and no claim goes before it has its say."""
    claim = {**CLAIM, "whenScaled": "Delete"}
    rehearsal = rehearse(replicas=3, volumeClaims=[claim])
    before = {each.metadata.uid for each in rehearsal.servers(SET).values()}
    claims = claimed(rehearsal)
    rehearsal.edit(Resource.SERVERSETS, SET, {"spec": {"replicas": replicas}})
    # The set is planned first, and as if its application were slow.
    made = planned(rehearsal)
    assert deleted(made) == []
    assert any("the application names 3" in each for each in made.notes)
    rehearsal.run()
    assert {each.metadata.uid for each in rehearsal.servers(SET).values()} == before
    assert claimed(rehearsal) == claims


@pytest.mark.parametrize(("claims", "most"), [([CLAIM], 1), ([], 4)], ids=["data", "no data"])
def test_what_is_down_and_has_data_is_updated_one_at_a_time(
    claims: list[dict[str, Any]], most: int
) -> None:
    """Half of a quorum is ill when a release comes: the others of it must catch up in between."""
    rollout = {"maxUnavailable": 2, "inPlace": "Never", "progressDeadlineSeconds": 9999}
    fields = {"rollout": rollout, **({"volumeClaims": claims} if claims else {})}
    rehearsal = rehearse(replicas=8, **fields)
    for ordinal in range(4):
        rehearsal.fall_ill(f"shop-web-{ordinal}")
    rehearsal.tick()
    rehearsal.apply("shop", component("web", "web:v2", 8, **fields))
    at_once = 0
    for _ in range(400):
        rehearsal.tick()
        coming = [
            each
            for ordinal, each in rehearsal.servers(SET).items()
            if ordinal < 4
            and each.spec.incarnation == 2
            and availability.seconds_until_available(each, rehearsal.now, 0) > 0
        ]
        at_once = max(at_once, len(coming))
    assert set(rehearsal.images(SET).values()) == {"web:v2"}
    assert at_once == most


def test_the_claim_of_a_server_that_comes_back_is_kept() -> None:
    """A server deleted by hand is gone for a moment only: its data is never scaled away."""
    rehearsal = rehearse(replicas=2, volumeClaims=[{**CLAIM, "whenScaled": "Delete"}])
    claim = rehearsal.get(objects.Claim, "data-shop-web-1").metadata.uid
    rehearsal.delete(Resource.SERVERS, "shop-web-1")
    rehearsal.run()
    assert len(rehearsal.images(SET)) == 2
    assert rehearsal.get(objects.Claim, "data-shop-web-1").metadata.uid == claim


@pytest.mark.parametrize(
    ("policy", "left", "told"),
    [
        ({}, 2, ("ClaimsKept", "Keeping 2 claims (data-shop-web-0, data-shop-web-1), with their")),
        ({"whenDeleted": "Retain"}, 2, ("ClaimsKept", "Keeping 2 claims")),
        (
            {"whenDeleted": "Delete"},
            0,
            ("ClaimsDeleted", "Deleting 2 claims (data-shop-web-0, data-shop-web-1), with their"),
        ),
    ],
    ids=["unsaid", "Retain", "Delete"],
)
def test_claims_of_a_deleted_application_follow_the_policy(
    policy: dict[str, str], left: int, told: tuple[str, str]
) -> None:
    """Claims go after their servers, only where the policy says so, and never without a word."""
    rehearsal = rehearse(replicas=2, volumeClaims=[{**CLAIM, **policy}])
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert len(rehearsal.store) == left
    said = [each for each in rehearsal.events if each.about is not None]
    assert [each.reason for each in said] == [told[0]]
    assert said[0].message.startswith(told[1])
    assert said[0].about is not None
    assert said[0].about.metadata.name == "shop"


@pytest.mark.parametrize(
    ("policy", "goes"),
    [
        ({}, False),
        # What the schema wrote into every object while it was the default is nobody's word.
        ({"whenDeleted": "Delete"}, False),
        ({"whenScaled": "Delete"}, False),
        ({"whenScaled": "Delete", "whenDeleted": "Delete"}, True),
    ],
    ids=["unsaid", "when deleted", "when scaled", "both"],
)
def test_claims_of_a_renamed_component_stay_in_doubt(policy: dict[str, str], *, goes: bool) -> None:
    """The application stands, so its data does, but where a claim is to go with its server anyhow.

    Under the old name the servers find their data again.
    """
    kept = [{**CLAIM, **policy}]
    rehearsal = rehearse(replicas=2, volumeClaims=kept)
    before = rehearsal.get(objects.Claim, "data-shop-web-0").metadata.uid
    rehearsal.apply("shop", component("front", "web:v1", 2, volumeClaims=kept))
    rehearsal.run()
    assert not rehearsal.has(Resource.SERVERSETS, SET)
    assert len(rehearsal.servers("shop-front")) == 2
    left = {name for resource, name in rehearsal.store if resource is Resource.CLAIMS}
    old = {"data-shop-web-0", "data-shop-web-1"}
    assert left - old == {"data-shop-front-0", "data-shop-front-1"}
    assert left & old == (set() if goes else old)
    assert [each.reason for each in rehearsal.events if each.about] == [
        "ClaimsDeleted" if goes else "ClaimsKept"
    ]
    rehearsal.apply("shop", component("web", "web:v1", 2, volumeClaims=kept))
    rehearsal.run()
    after = rehearsal.get(objects.Claim, "data-shop-web-0").metadata.uid
    assert (after == before) is not goes


def test_a_deleted_application_takes_along_what_goes_with_it_though_just_dropped() -> None:
    """Once the application goes, whenDeleted alone decides, in what was dropped a moment before."""
    kept = [{**CLAIM, "whenDeleted": "Delete"}]
    rehearsal = rehearse(replicas=2, volumeClaims=kept)
    rehearsal.apply("shop", component("front", "web:v1", 1))
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}


def test_claims_whose_entry_was_dropped_stay() -> None:
    """Their policy went with the entry, and in doubt data is kept; other claims follow theirs."""
    old = {**CLAIM, "name": "old", "whenDeleted": "Delete", "whenScaled": "Delete"}
    kept = {**CLAIM, "whenDeleted": "Delete"}
    rehearsal = rehearse(replicas=2, volumeClaims=[kept, old])
    rehearsal.apply("shop", component("web", "web:v1", 1, volumeClaims=[kept]))
    rehearsal.run()
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    left = {name for resource, name in rehearsal.store if resource is Resource.CLAIMS}
    assert left == {"old-shop-web-0", "old-shop-web-1"}


def test_claims_outlive_a_set_that_is_deleted_by_hand() -> None:
    """The application stands, so the set comes back and finds its data."""
    policies = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    rehearsal = rehearse(replicas=2, volumeClaims=[{**CLAIM, **policies}])
    claim = rehearsal.get(objects.Claim, "data-shop-web-0").metadata.uid
    rehearsal.delete(Resource.SERVERSETS, SET)
    rehearsal.run()
    assert len(rehearsal.servers(SET)) == 2
    assert rehearsal.get(objects.Claim, "data-shop-web-0").metadata.uid == claim


def test_time_in_which_nobody_watched_is_no_missed_deadline() -> None:
    """An operator that was down for an hour gives the rollout its whole time again."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30}
    rehearsal = rehearse(rollout=rollout)
    rehearsal.apply("shop", component("web", "web:broken", 3, rollout=rollout))
    rehearsal.run_for(5)
    rehearsal.now += 3600
    assert reason(planned(rehearsal)) == "ProgressDeadlineExceeded"
    made = planned(rehearsal, watching_since=rehearsal.now)
    assert reason(made) == "RollingOut"
    assert made.wake_after == 30


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_the_deadline_is_never_missed_early(fraction: float) -> None:
    """However late in its second the last progress was: all of the time is given, and no more."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30}
    rehearsal = rehearse(rollout=rollout)
    rehearsal.now += fraction
    rehearsal.apply("shop", component("web", "web:broken", 3, rollout=rollout))
    rehearsal.run_for(5)
    told = rehearsal.get(objects.ServerSet, SET).status.last_progress_time
    progressed = clock.parse(told) + fraction
    assert reason(planned(rehearsal, now=progressed + 29.999)) == "RollingOut"
    late = planned(rehearsal, now=progressed + 29.999).wake_after
    assert late is not None
    assert 0 < late <= 1.01
    assert reason(planned(rehearsal, now=progressed + 31)) == "ProgressDeadlineExceeded"


def test_pausing_stops_the_clock() -> None:
    """A rollout that was paused for longer than its deadline has not missed it."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30}
    rehearsal = rehearse(rollout=rollout)
    changed = component("web", "web:broken", 3, rollout=rollout)
    rehearsal.apply("shop", changed)
    rehearsal.run_for(5)
    rehearsal.apply("shop", changed, paused=True)
    rehearsal.run_for(60)
    rehearsal.apply("shop", changed)
    rehearsal.run_for(3)
    assert rehearsal.condition(objects.ServerSet, SET) == ("False", "RollingOut")


def test_an_operation_that_holds_a_rollout_back_stops_the_clock() -> None:
    """Servers under a task for longer than the deadline are no missed deadline of the rollout."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 30, "inPlace": "Never"}
    rehearsal = rehearse(rollout=rollout)
    task = {"id": "t", "operation": "op", "action": "Exec"}
    for ordinal in range(3):
        rehearsal.edit(Resource.SERVERS, f"shop-web-{ordinal}", {"spec": {"task": task}})
    rehearsal.apply("shop", component("web", "web:v2", 3, rollout=rollout))
    rehearsal.run_for(120)
    told = rehearsal.get(objects.ServerSet, "shop-web").status
    assert not told.deadline_missed
    assert rehearsal.condition(objects.ServerSet, "shop-web")[1] != "ProgressDeadlineExceeded"
    for ordinal in range(3):
        rehearsal.edit(Resource.SERVERS, f"shop-web-{ordinal}", {"spec": {"task": None}})
    rehearsal.run()
    assert rehearsal.images("shop-web") == dict.fromkeys(range(3), "web:v2")


def test_min_ready_seconds_are_waited_for() -> None:
    """A server counts only after minReadySeconds, and the plan says when to look again."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 2, rollout={"minReadySeconds": 20}))
    rehearsal.run_for(8)
    assert rehearsal.get(objects.ServerSet, SET).status.ready == 2
    assert rehearsal.get(objects.ServerSet, SET).status.available == 0
    wake = planned(rehearsal).wake_after
    assert wake is not None
    assert 10 <= wake <= 20
    rehearsal.run(quiet=20)
    assert rehearsal.condition(objects.ServerSet, SET) == ("True", "Available")


def test_a_missing_server_waits_for_those_on_their_way_out() -> None:
    """Live servers, those that still go included, never exceed the desired number."""
    rehearsal = rehearse(replicas=6)
    rehearsal.apply("shop", component("web", "web:v1", 4))
    rehearsal.tick()
    servers = rehearsal.servers(SET)
    assert [each for each, one in servers.items() if one.metadata.deletion_timestamp] == [4, 5]
    del servers[0]
    assert created(planned(rehearsal, servers=Register(servers))) == []
    rehearsal.run_for(3)
    servers = rehearsal.servers(SET)
    del servers[0]
    assert created(planned(rehearsal, servers=Register(servers))) == ["shop-web-0"]


def test_a_mark_does_not_outrank_what_a_rollout_added() -> None:
    """The end of a surge takes the spare servers, whatever people marked for a scale-down."""
    rollout = {"maxUnavailable": 0, "maxSurge": 1}
    rehearsal = rehearse(replicas=2, rollout=rollout)
    mark = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: "true"}}}
    rehearsal.edit(Resource.SERVERS, "shop-web-0", mark)
    rehearsal.apply("shop", component("web", "web:v2", 2, rollout=rollout))
    rehearsal.run()
    assert rehearsal.images(SET) == {0: "web:v2", 1: "web:v2"}


def test_what_ails_an_unproven_revision_is_not_remediated() -> None:
    """Servers that fall ill at a revision that never proved itself are the rollout's concern."""
    rollout = {"maxUnavailable": 1, "progressDeadlineSeconds": 9999}
    rehearsal = rehearse(replicas=5, rollout=rollout)
    rehearsal.apply("shop", component("web", "web:v2", 5, rollout=rollout))
    rehearsal.run_for(1)
    rehearsal.fall_ill("shop-web-4")
    rehearsal.run_for(400)
    assert rehearsal.images(SET) == dict.fromkeys(range(4), "web:v1")
    assert rehearsal.get(objects.Server, "shop-web-4").spec.incarnation == 1


def test_servers_that_are_ready_but_young_are_at_work() -> None:
    """Ready for less than minReadySeconds is not down: an update must not take them all at once."""
    rollout = {"maxUnavailable": 1, "minReadySeconds": 60, "inPlace": "Never"}
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 4, rollout=rollout))
    rehearsal.run_for(10)
    assert len(rehearsal.images(SET)) == 4
    rehearsal.apply("shop", component("web", "web:v2", 4, rollout=rollout))
    for _ in range(400):
        rehearsal.tick()
        assert len(rehearsal.images(SET)) >= 3
    assert rehearsal.images(SET) == dict.fromkeys(range(4), "web:v2")


def test_an_orphaned_set_lets_go_of_what_is_no_longer_its_own() -> None:
    """Its servers, cut loose by the garbage collector, are left alone and so are their claims."""
    claims = [{**CLAIM, "whenDeleted": "Delete"}]
    rehearsal = rehearse(replicas=2, volumeClaims=claims)
    rehearsal.apply("shop", component("web", "web:v1", 2, volumeClaims=claims), paused=True)
    rehearsal.run_for(2)
    rehearsal.delete(Resource.SERVERSETS, SET, propagation="Orphan")
    rehearsal.run_for(3)
    assert len(rehearsal.servers(SET)) == 2
    rehearsal.release_orphans(Resource.SERVERSETS, SET)
    rehearsal.run_for(3)
    assert not rehearsal.has(Resource.SERVERSETS, SET)
    assert rehearsal.has(Resource.SERVERS, "shop-web-0")
    assert rehearsal.has(Resource.CLAIMS, "data-shop-web-0")


def test_a_server_that_skips_remediation_is_left_ill() -> None:
    """The annotation keeps the planner from replacing a server, however long it is ill."""
    rehearsal = rehearse(replicas=5)
    note = {"metadata": {"annotations": {names.SKIP_REMEDIATION_ANNOTATION: "true"}}}
    rehearsal.edit(Resource.SERVERS, "shop-web-3", note)
    rehearsal.fall_ill("shop-web-3")
    rehearsal.rest()
    assert rehearsal.get(objects.Server, "shop-web-3").spec.incarnation == 1


def test_retry_now_reaches_the_servers_that_failed_and_only_them() -> None:
    """The word goes from the application through its set to whoever failed, and is answered."""
    rehearsal = Rehearsal()
    recovery = {"failureBudget": 2}
    rehearsal.apply("shop", component("web", "web:v1", 3, recovery=recovery))
    rehearsal.run_for(3)
    rehearsal.machines["shop-web-2"].image = "web:fatal"
    rehearsal.run()
    note = {"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: "again"}}}
    rehearsal.edit(Resource.APPLICATIONS, "shop", note)
    rehearsal.run()
    told = {
        ordinal: each.metadata.annotations.get(names.RETRY_NOW_ANNOTATION)
        for ordinal, each in rehearsal.servers(SET).items()
    }
    assert told == {0: None, 1: None, 2: "again"}
    assert rehearsal.get(objects.ServerSet, SET).status.last_handled_retry == "again"
    assert rehearsal.get(objects.Application, "shop").status.last_handled_retry == "again"
