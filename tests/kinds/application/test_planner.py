"""Single decisions of the Application planner: order, revisions, rollback, obstacles."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract
from controller.api import clock, conditions, names, objects
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kinds import application
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.revisions import contents, rejection
from controller.planning import ownership, plan
from fakes.instant import START
from tests.kinds import failing
from tests.kinds.rehearsal import CAPABLE, Body, Rehearsal, component, template

SET = "shop-web"


def rehearse(*components: Body, **spec: Any) -> Rehearsal:
    """Return a rehearsal in which an application has come up."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", *(components or (component("web", "web:v1", 2),)), **spec)
    rehearsal.run()
    return rehearsal


def planned(rehearsal: Rehearsal, **changes: Any) -> plan.Plan:
    """Return the plan of the application, its snapshot changed as said."""
    return application.plan(dataclasses.replace(rehearsal.application_snapshot("shop"), **changes))


def status(made: plan.Plan) -> objects.ApplicationStatus:
    """Return the status that the plan would write."""
    assert isinstance(made.status, objects.ApplicationStatus)
    return made.status


def reason(made: plan.Plan, which: str = "Ready") -> str:
    """Return the reason of a condition in the plan's status, or nothing where it is not told."""
    return next((each.reason for each in status(made).conditions if each.type == which), "")


def writes(made: plan.Plan) -> list[plan.Action]:
    """Return what the plan would write, Events aside."""
    return [each for each in made.actions if not isinstance(each, plan.RecordEvent)]


def records(rehearsal: Rehearsal, name: str) -> list[objects.ControllerRevision]:
    """Return the ControllerRevisions of a component."""
    return [
        each
        for each in rehearsal.application_snapshot("shop").revisions
        if each.metadata.labels[names.COMPONENT_LABEL] == name
    ]


def revisions(rehearsal: Rehearsal, name: str = "web") -> list[tuple[int, str]]:
    """Return the number and the image of each stored revision of a component, oldest first."""
    found = records(rehearsal, name)
    return sorted(
        (
            each.revision,
            msgspec.json.decode(each.data)["template"]["spec"]["containers"][0]["image"],
        )
        for each in found
    )


def of(**fields: Any) -> objects.Component:
    """Return a component as planning reads it."""
    return msgspec.json.decode(
        msgspec.json.encode({"name": "web", **fields}), type=objects.Component
    )


def test_the_finalizer_is_planned_alone() -> None:
    """Nothing is made before the finalizer is seen, so that nothing can be left behind."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 2))
    made = planned(rehearsal)
    (action,) = made.actions
    assert isinstance(action, plan.Patch)
    assert action.body == {"metadata": {"finalizers": [names.FINALIZER]}}
    assert action.resource_version
    assert made.status is None


def test_a_converged_application_plans_nothing() -> None:
    """No actions, and the status that is there already."""
    rehearsal = rehearse()
    made = planned(rehearsal)
    assert made.actions == ()
    assert made.status == rehearsal.get(objects.Application, "shop").status


def test_totals_are_of_all_components() -> None:
    """The application's counts add up those of its components."""
    rehearsal = rehearse(component("db", "db:v1", 2), component("web", "web:v1", 3))
    told = rehearsal.get(objects.Application, "shop").status
    assert (told.desired, told.current, told.updated, told.ready, told.available) == (5,) * 5
    assert [(each.name, each.available) for each in told.components] == [("db", 2), ("web", 3)]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"template": template("a")}, {"template": template("a"), "replicas": 9}, True),
        ({"template": template("a")}, {"template": template("a"), "rollout": {}}, True),
        ({"template": template("a")}, {"template": {**template("a"), "x": None}}, True),
        ({"template": {"a": 1, "b": 2}}, {"template": {"b": 2, "a": 1}}, True),
        ({"template": template("a")}, {"template": template("b")}, False),
        (
            {"volumeClaims": [{"name": "d", "spec": {}, "whenScaled": "Delete"}]},
            {"volumeClaims": [{"name": "d", "spec": {}}]},
            True,
        ),
        (
            {"volumeClaims": [{"name": "d", "spec": {}}]},
            {"volumeClaims": [{"name": "d", "spec": {"x": 1}}]},
            False,
        ),
        (
            {"recovery": {"attempts": 2}},
            {"recovery": {"alternatives": [{"name": "z", "patch": {}}]}},
            True,
        ),
    ],
)
def test_a_revision_is_what_the_user_wrote(before: Body, after: Body, *, same: bool) -> None:
    """Template and claims make a revision; replicas, policies, alternatives and order do not."""
    one, other = contents.of_component(of(**before)), contents.of_component(of(**after))
    assert (one.revision == other.revision) is same


def test_the_hash_of_a_revision_never_changes() -> None:
    """An upgrade of Argosy that hashed the same component otherwise would restart fleets."""
    written = of(
        template=template("web:v1"),
        volumeClaims=[{"name": "data", "spec": {"size": "1Gi"}}],
        recovery={"alternatives": [{"name": "a", "patch": {"spec": {"zone": "a"}}}]},
    )
    # As 0.1 hashed the same component without alternatives; and with them, where it is on record.
    assert contents.of_component(written).revision == "44378cdb98"
    record = objects.ControllerRevision(
        metadata=objects.Meta(
            name="shop-web-25169bbe68",
            labels={"argosy.dev/component": "web", "argosy.dev/revision": "25169bbe68"},
        ),
        data=msgspec.Raw(
            b'{"alternatives":[{"name":"a","patch":{"spec":{"zone":"a"}}}],'
            b'"template":' + bytes(written.template) + b","
            b'"volumeClaims":[{"name":"data","spec":{"size":"1Gi"}}]}'
        ),
    )
    assert contents.of_component(written, [record]).revision == "25169bbe68"
    other = of(template=template("web:v2"), volumeClaims=[])
    assert contents.of_component(other, [record]).revision != "25169bbe68"
    current = contents.of_component(written).revision
    assert contents.of_component(written, [record], current=current).revision == current


def test_revisions_count_upwards_and_old_ones_go() -> None:
    """Each new template has the next number; beyond the limit the oldest unused are forgotten."""
    rehearsal = rehearse(revisionHistoryLimit=2)
    for version in range(2, 6):
        rehearsal.apply("shop", component("web", f"web:v{version}", 2), revisionHistoryLimit=2)
        rehearsal.run()
    assert revisions(rehearsal) == [(3, "web:v3"), (4, "web:v4"), (5, "web:v5")]


def test_an_old_revision_that_returns_gets_the_highest_number() -> None:
    """Going back by hand is a new step in history, not a hole in it."""
    rehearsal = rehearse()
    for version in (2, 1):
        rehearsal.apply("shop", component("web", f"web:v{version}", 2))
        rehearsal.run()
    assert revisions(rehearsal) == [(2, "web:v2"), (3, "web:v1")]


def test_revisions_that_servers_name_are_kept() -> None:
    """With a partition old servers stay, and so does what they were made from; no other does."""
    rehearsal = rehearse(component("web", "web:v1", 2), revisionHistoryLimit=0)
    for version in (2, 3):
        changed = component("web", f"web:v{version}", 2, rollout={"partition": 1})
        rehearsal.apply("shop", changed, revisionHistoryLimit=0)
        rehearsal.run()
    assert [image for _, image in revisions(rehearsal)] == ["web:v1", "web:v3"]


def test_the_record_of_what_a_set_says_is_made_again() -> None:
    """A ControllerRevision deleted by hand comes back as it was, while its set still says it."""
    held = {"dependsOn": ["db"]}
    rehearsal = rehearse(component("db", "db:v1", 1), component("web", "web:v1", 2, **held))
    (old,) = (each for each in records(rehearsal, "web"))
    rehearsal.apply("shop", component("db", "db:broken", 1), component("web", "web:v2", 2, **held))
    rehearsal.run_for(5)
    assert rehearsal.get(objects.ServerSet, "shop-web").spec.revision in old.metadata.name
    rehearsal.delete(Resource.REVISIONS, old.metadata.name)
    rehearsal.run_for(2)
    again = rehearsal.get(objects.ControllerRevision, old.metadata.name)
    assert again.metadata.uid != old.metadata.uid
    assert bytes(again.data) == bytes(old.data)


def test_no_record_is_made_of_what_a_set_says_falsely() -> None:
    """A set that somebody edited is no source: the record would belie its name."""
    wanted = of(template=template("web:v1"))
    content = contents.of_component(wanted)
    assert contents.data_of(content) == contents.data(wanted)
    edited = dataclasses.replace(content, template=msgspec.Raw(b'{"spec":{}}'))
    assert contents.data_of(edited) is None


def test_a_record_that_servers_name_outlives_its_component() -> None:
    """What is being taken down may have to be made again until it is gone, and is on record."""
    rehearsal = rehearse()
    (stored,) = records(rehearsal, "web")
    snapshot = dataclasses.replace(rehearsal.application_snapshot("shop"), sets={})
    bare = msgspec.structs.replace(snapshot.application.spec, components=())
    snapshot = dataclasses.replace(
        snapshot, application=msgspec.structs.replace(snapshot.application, spec=bare)
    )
    gone = dataclasses.replace(snapshot, in_use=frozenset())

    def deleted(given: ApplicationSnapshot) -> list[str]:
        made = application.plan(given).actions
        return [each.name for each in made if isinstance(each, plan.Delete)]

    assert deleted(snapshot) == []
    assert deleted(gone) == [stored.metadata.name]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {
                "fleet": contract.FleetFacts(
                    name="x",
                    capabilities=CAPABLE,
                    problem=Reason.FLEET_NOT_ALLOWED,
                    message="not here",
                )
            },
            "FleetNotAllowed",
        ),
        (
            {
                "outcomes": (
                    failing.outcome(
                        failing.ObjectTarget(Resource.SERVERSETS, "default", "shop-web"),
                        Reason.NAME_TAKEN,
                    ),
                )
            },
            "NameTaken",
        ),
    ],
)
def test_what_cannot_be_helped_is_stalled(changes: dict[str, Any], why: str) -> None:
    """A fleet that cannot be used, a name that is taken: told with a reason and a remedy."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("web", "web:v1", 2))
    rehearsal.tick()
    made = planned(rehearsal, sets={}, **changes)
    # What was refused is asked for again when that is due, which the dispatcher knows.
    assert "outcomes" in changes or not any(
        each.resource is Resource.SERVERSETS
        for each in writes(made)
        if isinstance(each, plan.Create)
    )
    assert reason(made, "Stalled") == why
    assert status(made).blocked_by[0].remedy


def test_a_foreign_set_is_never_taken() -> None:
    """A set that another application of the same name controlled is not written to."""
    rehearsal = rehearse()
    found = rehearsal.get(objects.ServerSet, SET)
    owner = msgspec.structs.replace(found.metadata.owner_references[0], uid="another")
    foreign = msgspec.structs.replace(
        found, metadata=msgspec.structs.replace(found.metadata, owner_references=(owner,))
    )
    made = planned(rehearsal, sets={"web": foreign})
    assert not any(isinstance(each, plan.Patch | plan.Delete) for each in writes(made))
    assert reason(made, "Stalled") == "NameTaken"


def test_one_components_trouble_leaves_the_others_going() -> None:
    """A component that fails for good stalls the application, not its neighbours."""
    rehearsal = Rehearsal()
    rehearsal.apply("shop", component("bad", "bad:fatal", 2), component("web", "web:v1", 2))
    rehearsal.run()
    assert rehearsal.condition(objects.Application, "shop", "Stalled") == (
        "True",
        "FailureBudgetSpent",
    )
    assert len(rehearsal.images(SET)) == 2


def test_ready_is_never_ahead_of_the_spec() -> None:
    """At the moment of a change the application is not Ready, though every server is still well."""
    rehearsal = rehearse()
    for changed in (
        component("web", "web:v2", 2),
        component("web", "web:v2", 3),
        component("web", "web:v2", 3, rollout={"partition": 1}),
        component("web", "web:v2", 3, recovery={"attempts": 1}),
    ):
        rehearsal.apply("shop", changed)
        made = planned(rehearsal)
        generation = rehearsal.get(objects.Application, "shop").metadata.generation
        assert status(made).observed_generation == generation
        assert reason(made) != "Available"
        rehearsal.run()
        assert rehearsal.condition(objects.Application, "shop") == ("True", "Available")


def test_a_failed_operation_does_not_make_it_unready() -> None:
    """Operations are told by themselves; the application speaks of its servers."""
    rehearsal = rehearse()
    failed = objects.Operation(
        metadata=objects.Meta(name="o", namespace="default"),
        spec=objects.OperationSpec(application="shop", action="Restart"),
        status=objects.OperationStatus(failed=2),
    )
    assert reason(planned(rehearsal, ended=(failed,))) == "Available"


def ended(name: str, *, created: float, took: float, who: str = "") -> objects.Operation:
    """Return an operation that has come to its end."""
    annotations = {names.REQUESTED_BY_ANNOTATION: who} if who else {}
    end = conditions.Condition(type="Succeeded", status="True", reason="Completed")
    return objects.Operation(
        metadata=objects.Meta(
            name=name, creation_timestamp=clock.stamp(START + created), annotations=annotations
        ),
        spec=objects.OperationSpec(application="shop", action="Restart"),
        status=objects.OperationStatus(
            conditions=(end,), completion_time=clock.stamp(START + created + took), progress="2/2"
        ),
    )


def test_what_was_done_to_it_is_remembered_when_the_operation_is_gone() -> None:
    """Who asked for what, when, and how it ended: in status and as an Event, each once."""
    rehearsal = rehearse()
    born = rehearsal.now - START
    first = ended("first", created=born, took=5, who="alice")
    made = planned(rehearsal, ended=(first,), requesters_known=True)
    (line,) = status(made).operations
    assert (line.name, line.action, line.requested_by, line.result, line.progress) == (
        "first", "Restart", "alice", "Completed", "2/2",
    )  # fmt: skip
    (event,) = [each for each in made.actions if isinstance(each, plan.RecordEvent)]
    assert "first, asked for by alice" in event.message
    told = msgspec.structs.replace(rehearsal.get(objects.Application, "shop"), status=status(made))
    again = planned(rehearsal, application=told, ended=(first,), requesters_known=True)
    assert again.actions == ()
    later = planned(rehearsal, application=told, ended=())
    assert status(later).operations == (line,)


def test_nobody_is_believed_to_have_asked_where_anybody_could_say_so() -> None:
    """Without a policy that writes it, the name on an Operation is whatever its author wrote."""
    rehearsal = rehearse()
    first = ended("first", created=rehearsal.now - START, took=5, who="the boss")
    made = planned(rehearsal, ended=(first,))
    (line,) = status(made).operations
    assert line.requested_by == ""
    (event,) = [each for each in made.actions if isinstance(each, plan.RecordEvent)]
    assert "boss" not in event.message
    # What an operator with the policy told before is taken back, and is no second Event.
    named = msgspec.structs.replace(line, requested_by="the boss")
    before = msgspec.structs.replace(status(made), operations=(named,))
    told = msgspec.structs.replace(rehearsal.get(objects.Application, "shop"), status=before)
    doubted = planned(rehearsal, application=told, ended=(first,))
    assert status(doubted).operations == (line,)
    assert doubted.actions == ()


def test_only_the_last_operations_are_remembered() -> None:
    """The list is bounded, in the order of ends; what was done to a namesake is not in it."""
    rehearsal = rehearse()
    born = rehearsal.now - START
    many = [ended(f"go-{n:02}", created=born, took=30 - n) for n in range(30)]
    old = ended("old", created=-100, took=5)
    made = planned(rehearsal, ended=(old, *many))
    assert [each.name for each in status(made).operations] == [
        f"go-{n:02}" for n in range(19, -1, -1)
    ]


def test_in_a_terminating_namespace_nothing_is_made() -> None:
    """Creates would only be refused; what is marked as deleted still goes."""
    rehearsal = rehearse()
    rehearsal.apply("shop", component("web", "web:v2", 9), component("db", "db:v1", 1))
    assert writes(planned(rehearsal, namespace_terminating=True)) == []
    rehearsal.end_namespace()
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}


def test_parallel_deletion_takes_all_at_once() -> None:
    """With deletion.order Parallel nobody waits for dependents."""
    rehearsal = rehearse(
        component("db", "db:v1", 1),
        component("web", "web:v1", 1, dependsOn=["db"]),
        deletion={"order": "Parallel"},
    )
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    made = planned(rehearsal)
    assert {each.name for each in made.actions if isinstance(each, plan.Delete)} == {
        "shop-db",
        "shop-web",
    }
    assert made.urgency is plan.Urgency.TEARDOWN


def test_every_delete_is_of_the_very_object() -> None:
    """A delete carries the UID that was seen, so that no successor of the name can be hit."""
    rehearsal = rehearse()
    uid = rehearsal.get(objects.ServerSet, SET).metadata.uid
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    (action,) = planned(rehearsal).actions
    assert isinstance(action, plan.Delete)
    assert action.uid == uid


def test_a_rollback_by_hand_runs_the_proven_revision() -> None:
    """Whoever rejects the revision in use gets the proven one, until the mark is lifted."""
    rehearsal = rehearse()
    rehearsal.apply("shop", component("web", "web:v2", 2, rollout={"maxUnavailable": 1}))
    rehearsal.run_for(1)
    wanted = rehearsal.get(objects.ServerSet, SET).spec.revision
    stored = rehearsal.get(
        objects.ControllerRevision, names.controller_revision("shop", "web", wanted)
    )
    mark = rejection.reject(stored, rejection.Rejection(reason="RolledBack"))
    rehearsal.edit(Resource.REVISIONS, stored.metadata.name, dict(mark.body))
    rehearsal.run()
    assert rehearsal.images(SET) == dict.fromkeys(range(2), "web:v1")
    assert rehearsal.condition(objects.Application, "shop") == ("False", "RolledBack")


def test_going_back_waits_for_nobody() -> None:
    """A component is rolled back even while what it depends on is not well."""
    policy = {"maxUnavailable": 1, "progressDeadlineSeconds": 5, "onDeadline": "RollBack"}

    def shop(image: str) -> tuple[Body, Body]:
        web = component("web", image, 2, dependsOn=["db"], rollout=policy)
        return component("db", "db:v1", 1), web

    rehearsal = rehearse(*shop("web:v1"))
    rehearsal.apply("shop", *shop("web:broken"))
    rehearsal.run_for(4)
    rehearsal.fall_ill("shop-db-0")
    rehearsal.run_for(20)
    assert rehearsal.images(SET) == dict.fromkeys(range(2), "web:v1")
    assert rehearsal.images("shop-db") == {}


def test_what_a_set_said_before_a_retry_rejects_nothing() -> None:
    """Until the set has tried again, its missed deadline is an old story."""
    policy = {"maxUnavailable": 1, "progressDeadlineSeconds": 5, "onDeadline": "RollBack"}
    rehearsal = rehearse(component("web", "web:v1", 2, rollout=policy))
    rehearsal.apply("shop", component("web", "web:broken", 2, rollout=policy))
    while not rehearsal.get(objects.ServerSet, SET).status.deadline_missed:
        rehearsal.tick()
    assert len(writes(planned(rehearsal))) == 1
    retried = rehearsal.get(objects.Application, "shop")
    retried.metadata.annotations[names.RETRY_NOW_ANNOTATION] = "1"
    handled = msgspec.structs.replace(retried.status, last_handled_retry="1")
    again = planned(rehearsal, application=msgspec.structs.replace(retried, status=handled))
    assert not any(
        each.resource is Resource.REVISIONS
        for each in writes(again)
        if isinstance(each, plan.Patch)
    )


@pytest.mark.parametrize(
    "rejected",
    [
        rejection.Rejection(reason="RolledBack"),
        rejection.Rejection(reason="FailureBudgetSpent", component="web", revision="abc"),
    ],
)
@pytest.mark.parametrize("mark", [names.REJECTED_ANNOTATION, names.CONDEMNED_ANNOTATION])
def test_a_rejection_can_be_read_back(rejected: rejection.Rejection, mark: str) -> None:
    """The mark on a ControllerRevision says the same to the next operator, its former name too."""
    meta = objects.Meta(name="r", annotations={mark: str(rejected)})
    assert rejection.read(objects.ControllerRevision(metadata=meta)) == rejected


def test_clearing_a_rejection_takes_the_former_mark_too() -> None:
    """A revision that an earlier operator rejected is tried again once its rejection is cleared."""
    meta = objects.Meta(name="r", annotations={names.CONDEMNED_ANNOTATION: "RolledBack"})
    patch = rejection.clear(objects.ControllerRevision(metadata=meta))
    assert patch.body["metadata"]["annotations"] == {
        names.REJECTED_ANNOTATION: None,
        names.CONDEMNED_ANNOTATION: None,
    }


def test_a_circle_left_by_history_does_not_keep_anything() -> None:
    """Sets that came to depend on each other over several specs still go together."""
    rehearsal = rehearse(component("a", "a:v1", 1, dependsOn=["b"]), component("b", "b:v1", 1))
    note = {"metadata": {"annotations": {names.DEPENDS_ON_ANNOTATION: "a"}}}
    rehearsal.edit(Resource.SERVERSETS, "shop-b", note)
    rehearsal.delete(Resource.APPLICATIONS, "shop")
    rehearsal.run()
    assert rehearsal.store == {}


def test_a_job_that_others_keep_is_asked_to_go_with_its_build() -> None:
    """Once its Build is gone nobody could tell whose it is; Jobs that nobody keeps are collected.

    One of a Build that is not the application's is left alone.
    """
    rehearsal = rehearse()
    snapshot = rehearsal.application_snapshot("shop")
    going = msgspec.structs.replace(
        snapshot.application.metadata, deletion_timestamp=clock.stamp(START)
    )
    build = objects.Build(
        metadata=_owned_by(Resource.APPLICATIONS, going.uid, name="b1", uid="1"),
        spec=objects.BuildSpec(
            application="shop",
            component="web",
            number=1,
            source=objects.Source(
                git=objects.GitRepository(url="https://git.example.com/shop.git"),
                image="registry.example.com/shop/web",
            ),
        ),
    )
    made = planned(
        rehearsal,
        application=msgspec.structs.replace(snapshot.application, metadata=going),
        builds=(build,),
        jobs=(
            _job("kept", build="1", finalizers=("example.com/hold",)),
            _job("plain", build="1"),
            _job("theirs", build="2", finalizers=("example.com/hold",)),
        ),
    )
    deletes = [each for each in made.actions if isinstance(each, plan.Delete)]
    gone = {(each.resource, each.name) for each in deletes}
    assert (Resource.JOBS, "kept") in gone
    assert not gone & {(Resource.JOBS, "plain"), (Resource.JOBS, "theirs")}


def _job(name: str, *, build: str, finalizers: tuple[str, ...] = ()) -> objects.Job:
    meta = _owned_by(Resource.BUILDS, build, name=name, uid=f"uid-of-{name}")
    return objects.Job(metadata=msgspec.structs.replace(meta, finalizers=finalizers))


def _owned_by(resource: Resource, owner: str, *, name: str, uid: str) -> objects.Meta:
    above = msgspec.convert(ownership.reference(resource, "owner", owner), objects.OwnerReference)
    return objects.Meta(name=name, namespace="default", uid=uid, owner_references=(above,))
