"""Each rule about what people read catches a lie, and lets pass what is true."""

from __future__ import annotations

from typing import Any

import pytest

from proof import history
from proof.history import (
    audit_reader,
    completion,
    deadlines,
    instances,
    judgement,
    readiness,
    told_above,
    waiting,
)

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
UNREADY = {"conditions": [{"type": "Ready", "status": "False", "reason": "Unhealthy"}]}
LONG = 200.0
Object = dict[str, Any]


class Shop:
    """An application with one server and its pod, Ready, and an operator that is there."""

    revision, incarnation = "web-1", 1

    def __init__(self) -> None:
        self.log = audit_reader.AuditLog()
        finalizers = (audit_reader.FINALIZER,)
        spec = {"application": "shop", "component": "web"}
        self.application = self.log.create(
            "applications", "shop", by=audit_reader.PERSON, finalizers=finalizers
        )
        self.set = self.log.create(
            "serversets",
            "shop-web",
            owner=self.application,
            spec={**spec, "replicas": 1, "rollout": {"progressDeadlineSeconds": 60}},
            finalizers=finalizers,
        )
        self.server = self.log.create(
            "servers",
            "shop-web-0",
            owner=self.set,
            spec={**spec, "ordinal": 0, "power": "Running", **self.asked()},
            finalizers=finalizers,
        )
        self.pod = self.make_pod()
        self.say(READY)

    def asked(self) -> Object:
        """Return the instance that the server is to have."""
        return {"revision": self.revision, "incarnation": self.incarnation}

    def marks(self) -> dict[str, str]:
        """Return the labels of a pod that is what the server is to have."""
        return {
            instances.REVISION_LABEL: self.revision,
            instances.INCARNATION_LABEL: str(self.incarnation),
        }

    def make_pod(self, **more: Any) -> Object:
        """Make the server's pod, which becomes ready."""
        spec = {"containers": [{"name": "main", "image": "app:1"}]}
        more = {"labels": self.marks(), "owner": self.server, **more}
        made = self.log.create("pods", "shop-web-0", spec=spec, **more)
        self.log.patch(made, status=READY, by="kwok")
        return made

    def say(self, status: Object) -> None:
        """Have the operator say something of the server."""
        self.log.patch(self.server, status={"power": "Running", **self.asked(), **status})

    def wait(self, seconds: float, *, alive: bool = True) -> None:
        """Let time pass, in which the operator renews its Lease if it is alive."""
        for _ in range(int(seconds / 5)):
            self.log.wait(5)
            if alive:
                self.log.lease("argosy")

    def operation(self, action: str, targets: tuple[str, ...] = ("web/0",), **spec: Any) -> Object:
        """Have a person ask for an operation on the server."""
        made = self.log.create(
            "operations",
            "now",
            by=audit_reader.PERSON,
            spec={"application": "shop", "action": action, **spec},
        )
        self.log.patch(made, status={"targets": list(targets)})
        return made

    def end(self, operation: Object, status: str, reason: str, **more: Any) -> None:
        """Have the operator say how an operation stands."""
        said = {"type": "Succeeded", "status": status, "reason": reason}
        self.log.patch(operation, status={"conditions": [said], **more})

    def broken(self) -> list[str]:
        """Return which rules the history breaks."""
        rules = judgement.RULES
        found = history.check(self.log.lines, rules=rules)
        return sorted({each.invariant for each in found.violations})


# ---- Ready=True over what is not


def gone(shop: Shop) -> None:
    """A person takes the pod away."""
    shop.log.delete(shop.pod, by=audit_reader.PERSON)


def going(shop: Shop) -> None:
    """A person deletes the pod, and a stranger's finalizer holds it."""
    shop.log.patch(shop.pod, finalizers=("example.com/hold",), by=audit_reader.PERSON)
    shop.log.delete(shop.pod, by=audit_reader.PERSON)


def ill(shop: Shop) -> None:
    """The pod is not ready any more, as when its node is lost."""
    shop.log.patch(shop.pod, status=UNREADY, by="kwok")


def edited(shop: Shop) -> None:
    """A person changes the image of the pod."""
    image = {"containers": [{"name": "main", "image": "evil:1"}]}
    shop.log.patch(shop.pod, spec=image, by=audit_reader.PERSON)


def earlier_revision(shop: Shop) -> None:
    """A pod of the revision before comes back, whose images are the same."""
    shop.log.delete(shop.pod)
    shop.pod = shop.make_pod(labels={**shop.marks(), instances.REVISION_LABEL: "web-0"})


def earlier_incarnation(shop: Shop) -> None:
    """A pod that a restart was to replace comes back."""
    shop.log.delete(shop.pod)
    shop.pod = shop.make_pod(labels={**shop.marks(), instances.INCARNATION_LABEL: "0"})


CAUSES = pytest.mark.parametrize(
    "cause", [gone, going, ill, edited, earlier_revision, earlier_incarnation]
)


@CAUSES
def test_ready_over_what_is_not_is_caught(cause: Any) -> None:
    """A pod that is gone, going, ill or edited, and a Ready that stands all the same."""
    shop = Shop()
    cause(shop)
    shop.wait(LONG)
    assert readiness.INVARIANT in shop.broken()


@CAUSES
def test_ready_that_is_taken_back_in_time_is_honest(cause: Any) -> None:
    """Noticing takes a while; whatever is told within it was no lie."""
    shop = Shop()
    cause(shop)
    shop.wait(readiness.NOTICE_SECONDS)
    shop.say({**UNREADY, "blockedBy": [{"object": "Server/shop-web-0", "reason": "Terminating"}]})
    shop.wait(LONG)
    assert not shop.broken()


@CAUSES
def test_an_operator_that_is_not_there_notices_nothing(cause: Any) -> None:
    """Time is the operator's own: who is killed, or starved, does not lie by what stands."""
    shop = Shop()
    cause(shop)
    shop.wait(LONG, alive=False)
    shop.log.lease("argosy")
    assert not shop.broken()


def test_a_server_that_moves_on_has_half_a_minute_more() -> None:
    """Its revision and incarnation tell that its status is of what was."""
    shop = Shop()
    shop.log.patch(shop.server, spec={"incarnation": 2})
    shop.log.delete(shop.pod)
    shop.wait(readiness.NOTICE_SECONDS + readiness.QUIET_SECONDS)
    assert not shop.broken()
    shop.wait(LONG)
    assert readiness.INVARIANT in shop.broken()


@pytest.mark.parametrize("asked", [{"revision": "web-2"}, {"incarnation": 2}])
def test_a_ready_pod_of_before_is_not_what_was_asked_for(asked: Object) -> None:
    """A server that is asked for another instance may not stay Ready by the one it has."""
    shop = Shop()
    shop.log.patch(shop.server, spec=asked)
    shop.wait(readiness.NOTICE_SECONDS + readiness.QUIET_SECONDS)
    assert not shop.broken()
    shop.wait(LONG)
    assert readiness.INVARIANT in shop.broken()


@pytest.mark.parametrize("told", [{"revision": "web-2"}, {"incarnation": 2}])
def test_ready_of_an_instance_that_is_not_the_one_there_is_caught(told: Object) -> None:
    """What a server says may be neither of a pod to come, nor of one that was."""
    shop = Shop()
    shop.say({**READY, **told})
    assert "I9" in shop.broken()
    shop.wait(LONG)
    assert readiness.INVARIANT in shop.broken()


def test_a_change_in_place_makes_the_pod_another_revision() -> None:
    """Argosy writes the label with the change, and the status tells the revision afterwards."""
    shop = Shop()
    shop.revision = "web-2"
    shop.log.patch(shop.server, spec=shop.asked())
    shop.log.patch(shop.pod, labels=shop.marks())
    shop.say(READY)
    shop.wait(LONG)
    assert not shop.broken()


def test_an_edited_label_makes_no_other_pod_of_one() -> None:
    """A person marks the pod as another, and it is what Argosy made all the same."""
    shop = Shop()
    shop.log.patch(shop.pod, labels={instances.INCARNATION_LABEL: "7"}, by=audit_reader.PERSON)
    shop.wait(LONG)
    assert not shop.broken()


def test_a_change_whose_answer_was_lost_took_effect() -> None:
    """The kubelet's next write shows it first, and it was Argosy's."""
    shop = Shop()
    shop.incarnation = 2
    shop.log.patch(shop.server, spec=shop.asked())
    shop.log.refuse("patch", shop.pod, 504)
    shop.log.patch(shop.pod, labels=shop.marks(), by="kwok")
    shop.say(READY)
    shop.wait(LONG)
    assert not shop.broken()


@pytest.mark.parametrize(("killed", "found"), [(True, []), (False, ["I9", "Ready"])])
def test_an_adoption_without_an_answer_made_the_pod_its_servers(
    *, killed: bool, found: list[str]
) -> None:
    """Whoever adopted it was killed meanwhile, and nobody has written of the pod since.

    The garbage collector, which let go of it before, was answered with its metadata alone.
    """
    shop = Shop()
    shop.say(UNREADY)
    shop.log.delete(shop.pod)
    shop.pod = shop.make_pod(owner=None, labels={}, by=audit_reader.PERSON)
    shop.log.patch(shop.pod, labels={"app": "db"}, by="garbage-collector", partly=True)
    shop.wait(10)
    if killed:
        shop.log.refuse("patch", shop.pod, 504, labels=shop.marks(), owner=shop.server)
    shop.say(READY)
    shop.wait(LONG)
    assert shop.broken() == found


@pytest.mark.parametrize("mark", [instances.REVISION_LABEL, instances.INCARNATION_LABEL])
def test_a_lost_adoption_as_another_instance_excuses_nobody(mark: str) -> None:
    """The pod may be what was asked for without an answer, and nothing else."""
    shop = Shop()
    shop.say(UNREADY)
    shop.log.delete(shop.pod)
    shop.pod = shop.make_pod(owner=None, labels={}, by=audit_reader.PERSON)
    marks = {**shop.marks(), mark: "7"}
    shop.log.refuse("patch", shop.pod, 504, labels=marks, owner=shop.server)
    shop.say(READY)
    shop.wait(LONG)
    assert readiness.INVARIANT in shop.broken()


@pytest.mark.parametrize("mark", [instances.REVISION_LABEL, instances.INCARNATION_LABEL])
def test_becoming_ready_over_another_instance_is_caught_at_once(mark: str) -> None:
    """The write itself is judged: no pod was ready of which it speaks."""
    shop = Shop()
    shop.say(UNREADY)
    shop.log.delete(shop.pod)
    shop.wait(60)
    shop.pod = shop.make_pod(labels={**shop.marks(), mark: "0"})
    shop.wait(10)
    assert "I9" not in shop.broken()
    shop.say(READY)
    assert "I9" in shop.broken()


def test_an_image_that_argosy_changes_is_what_was_asked() -> None:
    """Neither a change in place, nor what a webhook makes of that, is a lie."""
    shop = Shop()
    image = {
        "containers": [{"name": "main", "image": "app:2"}, {"name": "side", "image": "mesh:1"}]
    }
    shop.log.patch(shop.pod, spec=image)
    shop.log.patch(shop.pod, status=READY, by="kwok")
    shop.wait(LONG)
    assert not shop.broken()


def test_a_status_that_the_api_server_refuses_is_no_lie() -> None:
    """Each attempt that is refused shows that the operator noticed."""
    shop = Shop()
    gone(shop)
    for _ in range(10):
        shop.wait(20)
        shop.log.refuse("patch", shop.server, 403)
    assert readiness.INVARIANT not in shop.broken()


# ---- what a server waits for


def unready(shop: Shop, blocker: str = "", reason: str = "Pending") -> None:
    """Have the server not Ready, and say why."""
    shop.log.patch(shop.pod, status=UNREADY, by="kwok")
    blocked = [{"object": blocker, "reason": reason}] if blocker else []
    shop.say({**UNREADY, "blockedBy": blocked})


@pytest.mark.parametrize("blocker", ["", "Pod/shop-web-7", "Operation/none", "ServerSet/db"])
def test_waiting_for_nothing_that_is_there_is_caught(blocker: str) -> None:
    """No blockedBy, or one whose object is not there."""
    shop = Shop()
    unready(shop, blocker)
    shop.wait(LONG)
    assert waiting.INVARIANT in shop.broken()


@pytest.mark.parametrize(
    ("blocker", "reason"),
    [
        ("Pod/shop-web-0", "Pending"),
        ("Server/shop-web-0", "Failed"),
        ("Node/worker-1", "NodeLost"),
        ("Fleet/pods", "CircuitOpen"),
        ("Fleet/cloud", "UnknownFleet"),
    ],
)
def test_waiting_for_what_is_there_is_honest(blocker: str, reason: str) -> None:
    """What is there, what the log cannot know of, and what is missing as is said."""
    shop = Shop()
    unready(shop, blocker, reason)
    shop.wait(LONG)
    assert not shop.broken()


def test_what_is_named_stands_in_the_servers_own_namespace() -> None:
    """A pod of that name elsewhere is another's."""
    shop = Shop()
    shop.log.namespace, own = "elsewhere", shop.log.namespace
    shop.log.create("pods", "shop-web-7", by=audit_reader.PERSON)
    shop.log.namespace = own
    unready(shop, "Pod/shop-web-7")
    shop.wait(LONG)
    assert waiting.INVARIANT in shop.broken()


def test_what_a_server_waits_for_may_not_go_unnoticed() -> None:
    """The pod that it names goes, and it goes on naming it."""
    shop = Shop()
    unready(shop, "Pod/shop-web-0")
    shop.wait(LONG)
    gone(shop)
    shop.wait(LONG)
    assert waiting.INVARIANT in shop.broken()


def test_what_is_stopped_or_going_waits_for_nothing() -> None:
    """Neither a server that was asked to stop, nor what is below an application that goes."""
    shop = Shop()
    shop.log.patch(shop.server, spec={"power": "Stopped"})
    shop.log.delete(shop.pod)
    shop.say({**UNREADY, "power": "Stopped"})
    shop.wait(LONG)
    assert not shop.broken()
    other = Shop()
    unready(other)
    other.log.delete(other.application, by=audit_reader.PERSON)
    other.wait(LONG)
    assert not other.broken()


# ---- Completed


def test_a_restart_that_made_no_pod_is_caught() -> None:
    """Completed, and the pod is the one that there was."""
    shop = Shop()
    found = shop.operation("Restart")
    shop.end(found, "True", "Completed")
    assert shop.broken() == [completion.INVARIANT]


def test_a_restart_that_made_a_pod_is_honest() -> None:
    """Completed once the new pod is ready."""
    shop = Shop()
    found = shop.operation("Restart")
    shop.log.delete(shop.pod)
    shop.make_pod()
    shop.end(found, "True", "Completed")
    assert not shop.broken()


def test_a_restart_whose_pod_is_not_ready_is_caught() -> None:
    """A pod was made, and never came up."""
    shop = Shop()
    found = shop.operation("Restart")
    shop.log.delete(shop.pod)
    shop.log.create("pods", "shop-web-0", owner=shop.server)
    shop.log.wait(10)
    shop.end(found, "True", "Completed")
    assert completion.INVARIANT in shop.broken()


def test_a_stop_that_left_a_pod_is_caught_and_one_that_left_none_is_honest() -> None:
    """A stopped server has no pod."""
    shop = Shop()
    found = shop.operation("Stop")
    shop.log.patch(shop.server, spec={"power": "Stopped"})
    shop.log.wait(10)
    shop.end(found, "True", "Completed")
    assert completion.INVARIANT in shop.broken()
    other = Shop()
    found = other.operation("Stop")
    other.log.patch(other.server, spec={"power": "Stopped"})
    other.log.delete(other.pod)
    other.end(found, "True", "Completed")
    assert completion.INVARIANT not in other.broken()


def stopped() -> Shop:
    """Return a shop whose server was stopped a while ago."""
    shop = Shop()
    shop.log.patch(shop.server, spec={"power": "Stopped"})
    shop.log.delete(shop.pod)
    shop.say({**UNREADY, "power": "Stopped"})
    shop.log.wait(10)
    return shop


def test_a_start_that_started_nothing_is_caught() -> None:
    """Completed, and the server is stopped, or has no pod; with a pod that is ready it is true."""
    shop = stopped()
    shop.end(shop.operation("Start"), "True", "Completed")
    assert shop.broken() == [completion.INVARIANT]
    shop = stopped()
    shop.log.patch(shop.server, spec={"power": "Running"})
    shop.end(shop.operation("Start"), "True", "Completed")
    assert shop.broken() == [completion.INVARIANT]
    shop = stopped()
    shop.log.patch(shop.server, spec={"power": "Running"})
    shop.make_pod()
    shop.end(shop.operation("Start"), "True", "Completed")
    assert not shop.broken()


@pytest.mark.parametrize("action", ["Restart", "Stop"])
def test_an_operation_that_passed_a_held_server_by_is_honest(action: str) -> None:
    """Who holds a server takes it out of operations; who holds it afterwards excuses nothing."""
    shop = Shop()
    found = shop.operation(action)
    shop.log.patch(shop.server, spec={"held": True}, by=audit_reader.PERSON)
    shop.log.wait(10)
    shop.end(found, "True", "Completed")
    assert not shop.broken()
    other = Shop()
    other.log.patch(other.server, spec={"power": "Stopped"} if action == "Stop" else {})
    found = other.operation(action)
    other.log.wait(10)
    other.end(found, "True", "Completed")
    other.log.patch(other.server, spec={"held": True}, by=audit_reader.PERSON)
    assert completion.INVARIANT in other.broken()


def test_an_operation_that_touched_nothing_is_caught() -> None:
    """Nothing targeted is nothing done."""
    shop = Shop()
    shop.end(shop.operation("Restart", targets=()), "True", "Completed")
    assert shop.broken() == [completion.INVARIANT]


# ---- deadlines


def missed(shop: Shop) -> None:
    """Have the operator fail the rollout by its deadline."""
    said = {"type": "Stalled", "status": "True", "reason": deadlines.MISSED}
    shop.log.patch(shop.set, status={"conditions": [said]})


def test_a_deadline_that_ran_while_the_application_was_paused_is_caught() -> None:
    """A minute passed, all of it paused."""
    shop = Shop()
    shop.log.patch(shop.application, spec={"paused": True}, by=audit_reader.PERSON)
    shop.wait(70)
    missed(shop)
    assert shop.broken() == [deadlines.INVARIANT]


def test_a_deadline_that_ran_while_an_operation_had_the_servers_is_caught() -> None:
    """A rollout that Argosy itself holds back is not failed by a deadline."""
    shop = Shop()
    found = shop.operation("Steps")
    shop.end(found, "Unknown", "Running", startTime="2023-11-14T22:13:20Z")
    shop.wait(70)
    missed(shop)
    assert shop.broken() == [deadlines.INVARIANT]


def test_a_deadline_that_ran_for_long_enough_is_honest() -> None:
    """Paused for a while, and free for a minute."""
    shop = Shop()
    shop.log.patch(shop.application, spec={"paused": True}, by=audit_reader.PERSON)
    shop.wait(100)
    shop.log.patch(shop.application, spec={"paused": False}, by=audit_reader.PERSON)
    shop.wait(60)
    missed(shop)
    assert not shop.broken()


def away(shop: Shop) -> Object:
    """Have the fleet of all that is here say that its provider does not work."""
    made = shop.log.create("fleets", "pods", by=audit_reader.PERSON)
    shop.log.patch(made, status={"circuit": "Open"})
    return made


def test_a_deadline_that_ran_while_the_provider_was_away_is_caught() -> None:
    """A rollout is not failed for what its provider did not do; after that it may be."""
    shop = Shop()
    fleet = away(shop)
    shop.wait(70)
    missed(shop)
    assert shop.broken() == [deadlines.INVARIANT]
    shop = Shop()
    fleet = away(shop)
    shop.wait(70)
    shop.log.patch(fleet, status={"circuit": "Closed"})
    shop.wait(60)
    missed(shop)
    assert not shop.broken()


def test_an_operation_that_timed_out_while_the_provider_was_away_is_caught() -> None:
    """Its clock stands still in an outage as in a pause."""
    shop = Shop()
    found = shop.operation("Steps", timeoutSeconds=60)
    shop.end(found, "Unknown", "Running", startTime="2023-11-14T22:13:20Z")
    away(shop)
    shop.wait(100)
    shop.end(found, "False", "TimedOut")
    assert shop.broken() == [deadlines.INVARIANT]


@pytest.mark.parametrize(
    ("circuit", "kind", "honest"),
    [("Open", "Unknown", False), ("HalfOpen", "Unknown", False), ("Closed", "Unknown", True),
     ("Open", "Terminal", True)],
)  # fmt: skip
def test_a_lost_answer_that_counts_in_an_outage_is_caught(
    circuit: str, kind: str, *, honest: bool
) -> None:
    """An outage of the provider is not a failure of its servers; a refusal is."""
    shop = Shop()
    shop.log.patch(away(shop), status={"circuit": circuit})
    shop.wait(5)
    shop.say({**READY, "attempts": {"count": 1, "lastError": {"class": kind}}})
    assert shop.broken() == ([] if honest else [deadlines.INVARIANT])


@pytest.mark.parametrize(("free", "honest"), [(10, False), (60, True)])
def test_an_operation_times_out_by_the_time_in_which_it_was_not_paused(
    *, free: float, honest: bool
) -> None:
    """What a person paused does not end by its deadline."""
    shop = Shop()
    found = shop.operation("Steps", timeoutSeconds=60)
    shop.end(found, "Unknown", "Running", startTime="2023-11-14T22:13:20Z")
    shop.log.patch(found, spec={"paused": True}, by=audit_reader.PERSON)
    shop.wait(100)
    shop.log.patch(found, spec={"paused": False}, by=audit_reader.PERSON)
    shop.wait(free)
    shop.end(found, "False", "TimedOut")
    assert shop.broken() == ([] if honest else [deadlines.INVARIANT])


@pytest.mark.parametrize(("free", "honest"), [(10, False), (60, True)])
def test_an_operation_of_a_paused_application_does_not_time_out(
    *, free: float, honest: bool
) -> None:
    """Neither does what its application's pause keeps from going on."""
    shop = Shop()
    found = shop.operation("Steps", timeoutSeconds=60)
    shop.end(found, "Unknown", "Running", startTime="2023-11-14T22:13:20Z")
    shop.log.patch(shop.application, spec={"paused": True}, by=audit_reader.PERSON)
    shop.wait(100)
    shop.log.patch(shop.application, spec={"paused": False}, by=audit_reader.PERSON)
    shop.wait(free)
    shop.end(found, "False", "TimedOut")
    assert shop.broken() == ([] if honest else [deadlines.INVARIANT])


# ---- what an application passes on

CRASH = {
    "object": "Server/shop-web-0",
    "reason": "CrashLoopBackOff",
    "remedy": "kubectl argosy logs shop --server shop-web-0 --previous",
}


def crashes(shop: Shop, *told: Object, **more: Any) -> None:
    """Have the server say that it crashes, and the application say that it is not Ready."""
    shop.log.patch(shop.pod, status=UNREADY, by="kwok")
    shop.say({**UNREADY, "blockedBy": [CRASH | more]})
    shop.log.patch(shop.application, status={**UNREADY, "blockedBy": list(told)})


@pytest.mark.parametrize("told", [(), ({"object": "Server/none", "reason": "Unhealthy"},)])
def test_an_application_that_keeps_a_cause_to_itself_is_caught(told: tuple[Object, ...]) -> None:
    """Its servers are unavailable, it says, and names nothing, or what is not there."""
    shop = Shop()
    crashes(shop, *told)
    shop.wait(LONG)
    assert shop.broken() == [told_above.INVARIANT]


def test_an_application_that_passes_a_cause_on_is_honest() -> None:
    """In whatever words; and what a server does not know its application need not say."""
    shop = Shop()
    crashes(shop, CRASH)
    shop.wait(LONG)
    assert not shop.broken()
    shop = Shop()
    crashes(shop, remedy="kubectl argosy why server/shop-web-0 -n default")
    shop.wait(LONG)
    assert not shop.broken()


def test_a_cause_that_is_over_soon_need_not_be_passed_on() -> None:
    """The application is told of a moment later, and an operator that is away tells nobody."""
    shop = Shop()
    crashes(shop)
    shop.wait(LONG, alive=False)
    shop.wait(30)
    shop.log.patch(shop.pod, status=READY, by="kwok")
    shop.say({**READY, "blockedBy": []})
    shop.wait(LONG)
    assert told_above.INVARIANT not in shop.broken()
