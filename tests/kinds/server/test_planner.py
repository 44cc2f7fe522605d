"""What one server needs next: one row for each thing that may be seen of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import clock, names, nesting, objects
from controller.api.reasons import Reason
from controller.api.views.meta import Meta
from controller.contract import Observation, Phase
from controller.contract.reasons import ProviderReason
from controller.planning import orphans, plan
from controller.providers.openstack.reasons import CloudReason
from controller.providers.pod.reasons import KubeletReason
from controller.reasons import ForeignReason
from tests.kinds import failing
from tests.kinds.server.props import (
    NOW,
    PODS,
    RUNNING,
    decide,
    make,
    ready,
    running,
    stalled,
    told,
    verbs,
)

ALTERNATIVES = (
    objects.Alternative(name="a", patch=msgspec.Raw(b'{"zone":"a"}')),
    objects.Alternative(name="b", patch=msgspec.Raw(b'{"zone":"b"}')),
)

TERMINATING = dataclasses.replace(RUNNING, phase=Phase.TERMINATING, since=NOW - 5)
FAILED = dataclasses.replace(RUNNING, phase=Phase.FAILED, ready=False, message="evicted")
PENDING = Observation(phase=Phase.PENDING, id="i1", revision="r1", incarnation=1, since=NOW - 5)


@pytest.mark.parametrize(
    ("spec", "seen", "asked"),
    [
        pytest.param({}, contract.UNKNOWN, [], id="nothing is concluded from what is not seen"),
        pytest.param({}, contract.ABSENT, ["create"], id="what is absent is made"),
        pytest.param({"power": "Stopped"}, contract.ABSENT, [], id="but not while stopped"),
        pytest.param({}, PENDING, [], id="what comes up is waited for"),
        pytest.param({}, RUNNING, [], id="what runs is left alone"),
        pytest.param({"power": "Stopped"}, RUNNING, ["delete"], id="a pod is stopped by deletion"),
        pytest.param({"incarnation": 2}, RUNNING, ["delete"], id="an old incarnation goes"),
        pytest.param({"incarnation": 2}, TERMINATING, [], id="and is waited for"),
        pytest.param({"incarnation": 2}, contract.ABSENT, ["create"], id="then comes the new one"),
        pytest.param({"revision": "r2"}, RUNNING, ["change"], id="a revision changes in place"),
        pytest.param(
            {"revision": "r2"},
            dataclasses.replace(RUNNING, phase=Phase.STOPPED),
            ["delete"],
            id="what does not run cannot change in place",
        ),
        pytest.param({}, dataclasses.replace(RUNNING, drift=("x",)), ["change"], id="drift"),
        pytest.param({}, dataclasses.replace(RUNNING, changing=True), [], id="a change under way"),
        pytest.param(
            {}, dataclasses.replace(RUNNING, phase=Phase.UNREACHABLE), [], id="unreachable"
        ),
        pytest.param(
            {"incarnation": 2},
            Observation(phase=Phase.UNREACHABLE, id="i1"),
            [],
            id="what is there and says not as which",
        ),
        pytest.param({}, Observation(phase=Phase.FOREIGN), [], id="what is not ours"),
    ],
)
def test_what_is_asked_of_the_provider(
    spec: dict[str, Any], seen: Observation, asked: list[str]
) -> None:
    """Each thing seen leads to the one call that it needs, or to none."""
    assert verbs(decide(make(**spec), seen)) == asked


RESTARTED = {"incarnation": 2, "restart_as": 2}
CLOUD = contract.FleetFacts(
    name="west",
    capabilities=frozenset({contract.Capability.STOP, contract.Capability.RESTART}),
)
STOPPED = dataclasses.replace(RUNNING, phase=Phase.STOPPED, ready=False)
RESCUED = dataclasses.replace(
    RUNNING, ready=False, changing=True, reason=KubeletReason.NODE_LOST, message="somebody is at it"
)
HIDDEN = dataclasses.replace(RUNNING, phase=Phase.UNREACHABLE, ready=False, hidden=True)
IN_PLACE = dataclasses.replace(
    CLOUD, capabilities=CLOUD.capabilities | {contract.Capability.CHANGE_IN_PLACE}
)
CANNOT = (
    failing.outcome(
        failing.ServerTarget("west", "shop-web-0"),
        ProviderReason.CANNOT_CHANGE,
        verb=failing.Verb.CHANGE,
    ),
)


@pytest.mark.parametrize(
    ("spec", "seen", "more", "asked"),
    [
        pytest.param(RESTARTED, RUNNING, {}, ["change"], id="it begins anew"),
        pytest.param(RESTARTED, STOPPED, {}, ["change"], id="and is not left when it is down"),
        pytest.param({"incarnation": 2}, RUNNING, {}, ["delete"], id="not unless that is asked"),
        pytest.param(
            {**RESTARTED, "incarnation": 3},
            dataclasses.replace(RUNNING, incarnation=2),
            {},
            ["delete"],
            id="nor because it was asked once before",
        ),
        pytest.param(
            {"incarnation": 3, "restart_as": 3},
            RUNNING,
            {},
            ["delete"],
            id="nor over another",
        ),
        pytest.param(RESTARTED | {"revision": "r2"}, RUNNING, {}, ["delete"], id="nor as another"),
        pytest.param(RESTARTED, FAILED, {}, ["delete"], id="what has failed is replaced"),
        pytest.param(RESTARTED, RUNNING, {"fleet": PODS}, ["delete"], id="where that is known"),
        pytest.param(RESTARTED, RUNNING, {"outcomes": CANNOT}, ["delete"], id="if it cannot"),
        pytest.param(RESTARTED, RESCUED, {}, [], id="who is in other hands is waited for"),
        pytest.param(RESTARTED, HIDDEN, {}, [], id="who is not heard of is waited for"),
        pytest.param(RESTARTED, HIDDEN, {"outcomes": CANNOT}, [], id="even if it cannot"),
        pytest.param({"revision": "r2"}, HIDDEN, {}, [], id="before it changes in place, too"),
        pytest.param({"power": "Stopped"}, HIDDEN, {}, [], id="and before it is stopped"),
        pytest.param({"incarnation": 2}, HIDDEN, {}, ["delete"], id="but not to be replaced"),
        pytest.param(
            {**RESTARTED, "incarnation": 3}, HIDDEN, {}, ["delete"], id="nor after a replacement"
        ),
        pytest.param(
            RESTARTED | {"power": "Stopped"}, RUNNING, {}, ["change"], id="down is down first"
        ),
        pytest.param(RESTARTED | {"power": "Stopped"}, STOPPED, {}, [], id="and stays so"),
    ],
)
def test_a_restart_keeps_the_instance_where_it_can(
    spec: dict[str, Any], seen: Observation, more: dict[str, Any], asked: list[str]
) -> None:
    """Its fleet can, this very instance can, and nothing but a restart was asked for."""
    assert verbs(decide(make(**spec), seen, **{"fleet": CLOUD, **more})) == asked


DOWN = {"power": "Stopped"}
TWO = {"revision": "r2"}


@pytest.mark.parametrize(
    ("spec", "seen", "more", "asked"),
    [
        pytest.param(DOWN | TWO, STOPPED, {}, ["Change"], id="what is down changes as it is"),
        pytest.param(TWO, STOPPED, {}, ["Start"], id="what is to be up comes up first"),
        pytest.param(DOWN | TWO, RUNNING, {}, ["Stop"], id="what is to be down goes down first"),
        pytest.param(DOWN, dataclasses.replace(RUNNING, changing=True), {}, [], id="in its time"),
        pytest.param(
            DOWN | TWO, dataclasses.replace(STOPPED, changing=True), {}, [], id="a change has, too"
        ),
        pytest.param({}, dataclasses.replace(STOPPED, changing=True), {}, [], id="so has a start"),
        pytest.param(
            DOWN | TWO, STOPPED, {"outcomes": CANNOT}, ["Replacing"], id="what cannot is replaced"
        ),
        pytest.param(
            DOWN | TWO,
            STOPPED,
            {"fleet": CLOUD},
            ["Replacing"],
            id="where nothing can",
        ),
        pytest.param(DOWN | TWO, FAILED, {}, ["Replacing"], id="and what has failed"),
    ],
)
def test_what_is_stopped_changes_and_stays_so(
    spec: dict[str, Any], seen: Observation, more: dict[str, Any], asked: list[str]
) -> None:
    """Its fleet keeps what is down, and changes that in place as it does what runs."""
    answer = decide(make(**spec), seen, **{"fleet": IN_PLACE, **more})
    assert [each.why for each in answer.actions if isinstance(each, contract.Call)] == asked


@pytest.mark.parametrize("spec", [{}, RESTARTED, DOWN])
def test_what_is_in_other_hands_is_told(spec: dict[str, Any]) -> None:
    """Whatever is wanted of the server: it waits for who is at it."""
    found = told(decide(make(**spec, status=running()), RESCUED, fleet=IN_PLACE))
    (blocked,) = found.blocked_by
    assert (blocked.reason, blocked.message) == (RESCUED.reason, RESCUED.message)


def test_what_was_made_twice_is_told_by_whether_it_goes() -> None:
    """Nothing that stays is said to be deleted; the server is Ready all the same."""
    seen = dataclasses.replace(RUNNING, doubles=("server a",), stuck=("server b: it is locked",))
    answer = decide(make(), seen)
    events = [each for each in answer.actions if isinstance(each, plan.RecordEvent)]
    assert [(each.reason, each.message) for each in events] == [
        (
            "DuplicateRemoved",
            (
                "The server a was made a second time, as an answer was lost. This second one is"
                " deleted."
            ),
        ),
        (
            "DuplicateStays",
            ("Made a second time, as an answer was lost, and not deleted: server b: it is locked."),
        ),
    ]
    assert ready(told(answer))[0] == "True"


@pytest.mark.parametrize(
    "more",
    [
        {"application": None},
        {"namespace_terminating": True},
        {
            "application": objects.Application(
                metadata=Meta(name="shop", uid="app", deletion_timestamp="2026-01-01T00:00:00Z")
            )
        },
        {
            "application": objects.Application(
                metadata=Meta(name="shop", uid="app"), spec=objects.ApplicationSpec(paused=True)
            )
        },
        {
            "fleet": contract.FleetFacts(
                name="x", problem=Reason.UNKNOWN_FLEET, message="no fleet x"
            )
        },
    ],
    ids=["orphaned", "namespace going", "application going", "paused", "no fleet"],
)
@pytest.mark.parametrize(
    "seen", [contract.ABSENT, FAILED, dataclasses.replace(RUNNING, incarnation=9)]
)
def test_nothing_is_made_or_changed(more: dict[str, Any], seen: Observation) -> None:
    """Below what goes, while paused, or without a fleet, no provider is asked for anything."""
    assert verbs(decide(make(incarnation=1), seen, **more)) == []


@pytest.mark.parametrize(("seconds", "told_of"), [(1, False), (119, False), (121, True)])
def test_a_slow_start_is_told_after_two_minutes(seconds: int, *, told_of: bool) -> None:
    """By whose word the server is not ready yet; many starts take a while, and cost no word."""
    seen = dataclasses.replace(
        RUNNING, ready=False, ready_since=0.0, since=NOW - seconds,
        reason=KubeletReason.CONTAINERS_NOT_READY, message="waiting for db",
    )  # fmt: skip
    answer = decide(make(), seen)
    if told_of:
        (blocked,) = told(answer).blocked_by
        assert (blocked.reason, blocked.message) == ("ContainersNotReady", "waiting for db")
    else:
        assert answer.status is None
        assert answer.wake_after is not None
        assert answer.wake_after <= 120 - seconds


def test_a_healthy_server_costs_exactly_one_status_write() -> None:
    """Nothing is written until it is Ready, and nothing after that."""
    assert decide(make(), contract.ABSENT).status is None
    assert decide(make(), PENDING).status is None
    first = told(decide(make(), RUNNING))
    assert ready(first) == ("True", "Running")
    assert (first.revision, first.incarnation, first.power) == ("r1", 1, "Running")
    assert first.provider == objects.ProviderStatus(id="i1", zone="az1", addresses=("10.0.0.1",))
    assert decide(make(status=first), RUNNING, now=NOW + 900).status is None


def test_a_slow_start_is_told_after_thirty_seconds() -> None:
    """Until then the schema's default stands; the plan wakes up to tell it."""
    assert decide(make(age=5), PENDING).wake_after == pytest.approx(25)
    slow = dataclasses.replace(PENDING, message="pulling", since=NOW - 31)
    assert ready(told(decide(make(age=40), slow))) == ("False", "Progressing")


def since(status: objects.ServerStatus) -> float:
    """Return since when the server is as its Ready condition says."""
    return clock.parse(
        next(each.last_transition_time for each in status.conditions if each.type == "Ready")
    )


def test_a_server_that_never_was_ready_is_not_ready_since_it_was_made() -> None:
    """However late that is told, and whatever became of it: so one that was lost is another."""
    slow = dataclasses.replace(PENDING, message="pulling", since=NOW - 300)
    first = told(decide(make(age=900), slow))
    assert since(first) == NOW - 900
    lost = told(decide(make(age=900, status=first), FAILED, now=NOW + 50))
    assert ready(lost)[0] == "False"
    assert since(lost) == NOW - 900
    up = told(decide(make(age=900, status=first), RUNNING))
    assert ready(up)[0] == "True"
    assert since(up) > NOW - 900
    down = told(decide(make(age=900, status=up), dataclasses.replace(RUNNING, ready=False)))
    assert since(down) == NOW


def test_a_planned_replacement_is_not_told_until_it_is_done() -> None:
    """The old status names the old incarnation, so nobody takes it for the new one's."""
    found = make(status=running(), incarnation=2, generation=2, age=500)
    for seen in (
        RUNNING,
        TERMINATING,
        contract.ABSENT,
        dataclasses.replace(PENDING, incarnation=2),
    ):
        assert decide(found, seen).status is None
    again = dataclasses.replace(RUNNING, incarnation=2, id="i2", ready_since=NOW)
    after = told(decide(found, again, now=NOW + 50))
    when = next(each.last_transition_time for each in after.conditions if each.type == "Ready")
    assert when == clock.stamp(NOW + 50), "its readiness begins anew"


def test_losing_readiness_is_told_once_and_at_once() -> None:
    """A server that stops being ready says so in one write."""
    sick = dataclasses.replace(RUNNING, ready=False)
    after = told(decide(make(status=running(), age=500), sick))
    assert ready(after) == ("False", "Unhealthy")
    assert decide(make(status=after, age=500), sick, now=NOW + 5).status is None


def test_a_failure_is_on_record_before_what_failed_is_torn_down() -> None:
    """First the count is written, then the instance goes, then backoff, then another attempt."""
    status = running()
    first = decide(make(status=status), FAILED)
    assert verbs(first) == []
    counted = told(first)
    assert counted.attempts.count == 1
    assert verbs(decide(make(status=counted), FAILED)) == ["delete"]
    waiting = decide(make(status=counted), contract.ABSENT)
    assert verbs(waiting) == []
    assert waiting.wake_after is not None
    later = NOW + waiting.wake_after
    assert verbs(decide(make(status=counted), contract.ABSENT, now=later + 0.01)) == ["create"]


def test_a_failure_is_counted_once_however_often_it_is_looked_at() -> None:
    """The same instance never counts twice."""
    status = told(decide(make(status=running()), FAILED))
    answer = decide(make(status=status), FAILED, now=NOW + 100)
    assert answer.status is None or told(answer).attempts.count == 1


def test_alternatives_are_tried_in_turn_and_then_it_has_failed_for_good() -> None:
    """Each alternative is tried as often as allowed, with its patch merged in; then Stalled."""
    recovery = objects.Recovery(attempts=2, alternatives=ALTERNATIVES)
    status, made, now = running(), [], NOW
    for index in range(4):
        broken = dataclasses.replace(FAILED, id=f"i{index}")
        status = told(decide(make(status=status, recovery=recovery), broken, now=now))
        now += 100
        answer = decide(make(status=status, recovery=recovery), contract.ABSENT, now=now)
        made += [each.template for each in answer.actions if isinstance(each, contract.Call)]
    # Used up, it counts as failed, and each way has its turn again.
    assert [msgspec.json.decode(each)["zone"] for each in made] == ["a", "b", "b", "a"]
    assert all(msgspec.json.decode(each)["keep"] == 1 for each in made)
    assert stalled(status)
    assert status.blocked_by[0].remedy.startswith("kubectl ")


def test_a_terminal_error_moves_on_at_once() -> None:
    """What cannot get better is not tried again in the same way."""
    recovery = objects.Recovery(attempts=5, alternatives=ALTERNATIVES)
    refusal = failing.made_in_vain(
        ProviderReason.TEMPLATE_REFUSED, kind=errors.FailureKind.REFUSED, costs_attempt=True
    )
    answer = decide(make(recovery=recovery), contract.ABSENT, outcomes=(refusal,))
    assert told(answer).attempts.alternative == 1
    assert told(answer).attempts.count == 0
    alone = decide(make(), contract.ABSENT, outcomes=(refusal,))
    assert verbs(alone) == []
    assert stalled(told(alone))
    assert ready(told(alone))[1] == "TemplateRefused"


def test_a_start_that_hangs_counts_each_minute_and_is_left_in_place() -> None:
    """Without another way it may still get better, so it is told but never torn down."""
    recovery = objects.Recovery(attempts=2)
    hang = dataclasses.replace(
        PENDING, error_class="Transient", reason=KubeletReason.IMAGE_PULL_BACK_OFF
    )
    status, now = objects.ServerStatus(), NOW
    for _ in range(40):
        answer = decide(make(status=status, recovery=recovery, age=99), hang, now=now)
        assert verbs(answer) == []
        status = told(answer) if answer.status else status
        now += 5
    assert status.attempts.count == 2
    assert stalled(status)
    well = dataclasses.replace(RUNNING, ready_since=now)
    status = told(decide(make(status=status, recovery=recovery), well, now=now))
    assert ready(status) == ("True", "Running")


def test_retry_now_forgets_attempts_once() -> None:
    """A new value of the annotation resets the count, and is answered in status."""
    spent = objects.Attempts(
        count=5,
        revision="r1",
        incarnation=1,
        last_error=objects.LastError(class_="Transient", message="x"),
    )
    status = objects.ServerStatus(attempts=spent, observed_generation=1)
    meta = {"annotations": {names.RETRY_NOW_ANNOTATION: "1"}}
    answer = decide(make(status=status, meta=meta), contract.ABSENT)
    assert verbs(answer) == ["create"]
    assert told(answer).attempts.count == 0
    assert told(answer).last_handled_retry == "1"


def test_attempts_are_forgiven_once_it_has_been_ready_for_long_enough() -> None:
    """A short spell of readiness does not make a crash loop look well."""
    status = msgspec.structs.replace(
        running(), attempts=objects.Attempts(count=3, revision="r1", incarnation=1)
    )
    fresh = dataclasses.replace(RUNNING, ready_since=NOW - 5)
    answer = decide(make(status=status), fresh)
    assert answer.status is None
    assert answer.wake_after == pytest.approx(55)
    assert told(decide(make(status=status), RUNNING)).attempts.count == 0


def test_another_revision_starts_afresh_in_the_way_that_worked() -> None:
    """Attempts count for what they were made at; the alternative that worked is kept."""
    recovery = objects.Recovery(attempts=2, alternatives=ALTERNATIVES)
    before = objects.Attempts(count=1, alternative=1, revision="r0", incarnation=1)
    found = make(status=objects.ServerStatus(attempts=before), recovery=recovery)
    answer = decide(found, contract.ABSENT)
    assert [each.alternative for each in answer.actions if isinstance(each, contract.Call)] == [1]


# ---- deletion

DELETED = {"deletion_timestamp": clock.stamp(NOW)}


def removed(answer: plan.Plan) -> list[Any]:
    """Return the finalizers that are written, if any are."""
    return [
        each.body["metadata"]["finalizers"]
        for each in answer.actions
        if isinstance(each, plan.Patch)
    ]


def test_deletion_drains_waits_and_only_then_lets_go() -> None:
    """The instance is deleted with its grace; the finalizer goes when nothing is left."""
    found = make(meta=DELETED, held=True)
    first = decide(found, RUNNING)
    call = first.actions[0]
    assert isinstance(call, contract.Call)
    assert (call.verb, call.instance, call.grace_seconds) == (contract.Verb.DELETE, "i1", None)
    assert first.urgency is plan.Urgency.TEARDOWN
    assert decide(found, TERMINATING).actions == ()
    assert removed(decide(found, contract.ABSENT)) == [[]]


def template(seconds: object) -> msgspec.Raw:
    """Return a template that says how long its pods have to end."""
    return msgspec.Raw(msgspec.json.encode({"spec": {"terminationGracePeriodSeconds": seconds}}))


@pytest.mark.parametrize(
    ("drain", "said", "own", "asked", "seconds"),
    [
        # Nobody overrides the template: what the pod carries holds, long or short.
        (None, 300, 300, None, 300),
        (None, 2, 2, None, 2),
        (None, None, 30, None, 30),
        (None, 300, None, None, 300),
        (None, None, None, None, 0),
        # Longer than the template says, never shorter; 30 in a pod is what nobody said.
        (30, 300, 300, 300, 300),
        (90, 30, 30, 90, 90),
        (5, 30, 30, 30, 30),
        (5, None, 30, 5, 5),
        (0, None, 30, 0, 0),
        (0, 1, 1, 1, 1),
        # The pod that goes was made from another template than is wanted now.
        (5, 2, 300, 300, 300),
        (5, 300, 2, 5, 5),
        # What cannot be read says nothing.
        (5, "soon", 300, 300, 300),
        (5, -1, None, 5, 5),
    ],
)
def test_no_instance_is_given_less_time_than_its_template_says(
    drain: int | None, said: object, own: int | None, asked: int | None, seconds: int
) -> None:
    """The provider is told the longer of both, or nothing; only then does its time run out."""
    deletion = objects.Deletion(on_timeout="Force", drain_seconds=drain, timeout_seconds=100)
    text = msgspec.Raw(b"{}") if said is None else template(said)
    found = make(meta=DELETED, deletion=deletion, template=text)
    (call,) = decide(found, dataclasses.replace(RUNNING, grace_seconds=own)).actions
    assert isinstance(call, contract.Call)
    assert (call.verb, call.grace_seconds) == (contract.Verb.DELETE, asked)
    lost = dataclasses.replace(TERMINATING, grace_seconds=own)
    assert decide(found, lost, now=NOW + seconds + 99).actions == ()
    (forced,) = decide(found, lost, now=NOW + seconds + 101).actions
    assert isinstance(forced, contract.Call)
    assert forced.grace_seconds == 0


def test_an_instance_whose_state_nobody_can_tell_is_deleted() -> None:
    """Whoever knows the id can have it deleted, and forced; what may not exist is waited for."""
    deletion = objects.Deletion(on_timeout="Force", drain_seconds=30, timeout_seconds=100)
    found = make(meta=DELETED, deletion=deletion)
    unknown = dataclasses.replace(contract.UNKNOWN, id="i1")
    for late, grace in ((0, 30), (131, 0)):
        (call,) = decide(found, unknown, now=NOW + late).actions
        assert isinstance(call, contract.Call)
        assert (call.verb, call.instance) == (contract.Verb.DELETE, "i1")
        assert call.grace_seconds == grace
    assert decide(found, contract.UNKNOWN).actions == ()


@pytest.mark.parametrize("template", [b"[]", b"7", b'{"spec": 7}'])
def test_a_template_that_is_none_holds_up_no_teardown(template: bytes) -> None:
    """It says nothing of the time to end, so what the instance is given is what people say."""
    deletion = objects.Deletion(drain_seconds=5)
    found = make(meta=DELETED, deletion=deletion, template=msgspec.Raw(template))
    (call,) = decide(found, RUNNING).actions
    assert isinstance(call, contract.Call)
    assert (call.verb, call.grace_seconds) == (contract.Verb.DELETE, 5)


@pytest.mark.parametrize("depth", [10, nesting.MOST - 1])
def test_a_template_that_nobody_can_read_holds_up_no_teardown(depth: int) -> None:
    """However deep a template goes, the instance is deleted with the time that it carries."""
    deep = b'{"a":' * depth + b"{}" + b"}" * depth
    deletion = objects.Deletion(drain_seconds=5)
    found = make(meta=DELETED, deletion=deletion, template=msgspec.Raw(deep))
    (call,) = decide(found, dataclasses.replace(RUNNING, grace_seconds=120)).actions
    assert isinstance(call, contract.Call)
    assert call.grace_seconds == 120


def test_only_our_finalizer_is_taken() -> None:
    """A list replaces in a merge patch, so the others' finalizers are written back."""
    found = make(meta={**DELETED, "finalizers": ("other/one", names.FINALIZER)})
    assert removed(decide(found, contract.ABSENT)) == [["other/one"]]


def test_orphaning_leaves_what_it_is_made_of() -> None:
    """While the orphan finalizer is there, nothing is done."""
    found = make(meta={**DELETED, "finalizers": (names.FINALIZER, "orphan")})
    assert decide(found, RUNNING).actions == ()


@pytest.mark.parametrize("policy", ["Wait", "Force", "Abandon"])
def test_a_server_that_cannot_be_reached_is_waited_for_within_bounds(policy: str) -> None:
    """After drain and timeout: Wait goes on, Force gives no grace, Abandon tells its fleet."""
    deletion = objects.Deletion(on_timeout=policy, drain_seconds=30, timeout_seconds=100)
    found = make(meta=DELETED, deletion=deletion)
    lost = dataclasses.replace(TERMINATING, message="node gone")
    record = objects.Fleet(metadata=Meta(name="pods", uid="f", resource_version="7"))
    fleet = dataclasses.replace(PODS, record=record)
    assert decide(found, lost, now=NOW + 120, fleet=fleet).actions == ()
    late = decide(found, lost, now=NOW + 131, fleet=fleet)
    assert told(late).blocked_by[0].message == "node gone"
    kinds = [type(each) for each in late.actions]
    if policy == "Wait":
        assert kinds == []
        back = decide(found, RUNNING, now=NOW + 200, fleet=fleet)
        assert [each.instance for each in back.actions if isinstance(each, contract.Call)] == ["i1"]
    elif policy == "Force":
        assert [each.grace_seconds for each in late.actions if isinstance(each, contract.Call)] == [
            0
        ]
    else:
        assert kinds == [plan.Patch, plan.RecordEvent]
        write = late.actions[0]
        assert isinstance(write, plan.Patch)
        assert (write.resource, write.name, write.resource_version) == ("fleets", "pods", "7")
        assert [each["id"] for each in write.body["status"]["orphans"]] == ["i1"]
        many = tuple(objects.Orphan(id=f"o{n}") for n in range(orphans.MOST))
        full = msgspec.structs.replace(record, status=objects.FleetStatus(orphans=many))
        crowded = dataclasses.replace(fleet, record=full)
        assert decide(found, lost, now=NOW + 131, fleet=crowded).actions == ()
        recorded = dataclasses.replace(fleet, orphans=frozenset({"i1"}))
        assert removed(decide(found, lost, now=NOW + 140, fleet=recorded)) == [[]]


def test_a_person_ends_the_wait_for_one_instance() -> None:
    """Force is of one instance, and at once: its successor has all of its grace again."""
    mark = {"annotations": {names.FORCE_ANNOTATION: "i1"}}
    assert decide(make(meta=mark), RUNNING).actions == ()
    (call,) = decide(make(meta={**DELETED, **mark}), TERMINATING).actions
    assert isinstance(call, contract.Call)
    assert (call.verb, call.instance, call.grace_seconds) == (contract.Verb.DELETE, "i1", 0)
    other = dataclasses.replace(TERMINATING, id="i2")
    assert decide(make(meta={**DELETED, **mark}), other).actions == ()


def test_what_nobody_would_remember_is_not_abandoned() -> None:
    """Where no record can be made of an instance, it is waited for, and the plan says why."""
    deletion = objects.Deletion(on_timeout="Abandon", drain_seconds=30, timeout_seconds=100)
    found = make(meta=DELETED, deletion=deletion)
    fleet = dataclasses.replace(PODS, may_abandon=False)
    late = decide(found, TERMINATING, now=NOW + 131, fleet=fleet)
    assert late.actions == ()
    assert told(late).blocked_by[0].reason == "TeardownBlocked"
    assert "this operator may not record orphans" in " ".join(late.notes)


def test_a_successor_of_what_was_abandoned_that_cannot_be_made_is_told() -> None:
    """Whoever lets go of an instance hears why no other comes, though the first is there yet."""
    fleet = dataclasses.replace(CLOUD, orphans=frozenset({"i1"}))
    refused = failing.made_in_vain(CloudReason.QUOTA_EXCEEDED, fleet=CLOUD.name)
    answer = decide(make(incarnation=2), TERMINATING, fleet=fleet, outcomes=(refused,))
    assert [each.reason for each in told(answer).blocked_by] == ["CloudQuotaExceeded"]
    assert verbs(answer) == ["create"]


def test_the_time_of_an_instance_that_is_not_heard_of_begins_once() -> None:
    """Nobody says since when its cell is down: the status does, so onTimeout comes to its turn."""
    deletion = objects.Deletion(on_timeout="Abandon", drain_seconds=30, timeout_seconds=100)
    record = objects.Fleet(metadata=Meta(name="west", uid="f", resource_version="7"))
    fleet, away = dataclasses.replace(CLOUD, record=record), dataclasses.replace(HIDDEN, since=0.0)
    found = make(status=running(), incarnation=2, deletion=deletion)
    first = decide(found, away, fleet=fleet)
    assert verbs(first) == ["delete"]
    assert [each.reason for each in told(first).blocked_by] == ["Unheard"]
    later = msgspec.structs.replace(found, status=told(first))
    early = decide(later, away, now=NOW + 129, fleet=fleet)
    assert verbs(early) == ["delete"]
    late = decide(later, away, now=NOW + 131, fleet=fleet)
    assert [type(each) for each in late.actions] == [plan.Patch, plan.RecordEvent]
    assert told(late).blocked_by[0].since == clock.stamp(NOW)
    other = dataclasses.replace(away, id="i2")
    assert verbs(decide(later, other, now=NOW + 131, fleet=fleet)) == ["delete"]


def test_a_finalizer_comes_before_anything_is_made() -> None:
    """A server made by hand gets ours first, and nothing else."""
    answer = decide(make(meta={"finalizers": ("other",)}), contract.ABSENT)
    assert removed(answer) == [["other", names.FINALIZER]]
    assert verbs(answer) == []


def test_a_taken_name_stalls() -> None:
    """What somebody else made is named, and never touched."""
    status = told(decide(make(), Observation(phase=Phase.FOREIGN, message="user's pod")))
    assert ready(status) == ("False", "NameTaken")
    assert stalled(status)
    assert status.blocked_by[0].message == "user's pod"


@pytest.mark.parametrize(
    ("fleet", "thing", "remedy"),
    [
        (PODS, "Pod/shop-web-0", "kubectl get pods shop-web-0 -n d -o yaml"),
        (CLOUD, "Server/shop-web-0", "kubectl get argfleet west -o yaml"),
    ],
    ids=["pods", "a cloud"],
)
def test_what_has_its_name_is_shown_as_its_fleet_shows_things(
    fleet: contract.FleetFacts, thing: str, remedy: str
) -> None:
    """A pod is named and shown where servers are pods; of a cloud there is no pod to look for."""
    taken = Observation(phase=Phase.FOREIGN, reason=Reason.NAME_TAKEN, error_class="Waiting")
    (blocked,) = told(decide(make(), taken, fleet=fleet)).blocked_by
    assert (blocked.object, blocked.remedy) == (thing, remedy)


@pytest.mark.parametrize(
    ("fleet", "thing"),
    [(PODS, "Server/shop-web-0"), (CLOUD, "Fleet/west")],
    ids=["the API server fails", "the fleet fails"],
)
def test_a_failed_create_is_the_servers_own_where_the_cluster_answers(
    fleet: contract.FleetFacts, thing: str
) -> None:
    """No Fleet is to blame for what the API server answers; a cloud is, for its own answers."""
    failed = failing.made_in_vain(
        ForeignReason("Unavailable"), fleet=fleet.name, costs_attempt=True
    )
    answer = decide(make(), contract.ABSENT, fleet=fleet, outcomes=(failed,))
    error = told(answer).attempts.last_error
    assert error is not None
    assert (error.object or "Server/shop-web-0") == thing
