"""Each invariant sees a history that breaks it, and lets pass one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proof import history
from proof.history import audit_reader, journal, process, verdict, writes

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
Object = dict[str, Any]


class Shop:
    """An application with one set of servers, written down as the operator would make it."""

    def __init__(self, replicas: int = 2, surge: int = 0) -> None:
        self.log = audit_reader.AuditLog()
        finalizers = (audit_reader.FINALIZER,)
        self.application = self.log.create(
            "applications", "shop", by=audit_reader.PERSON, finalizers=finalizers
        )
        spec = {"application": "shop", "component": "web", "replicas": replicas}
        self.servers: list[Object] = []
        self.pods: list[Object] = []
        self.set = self.log.create(
            "serversets",
            "shop-web",
            owner=self.application,
            spec={**spec, "rollout": {"maxSurge": surge}},
            finalizers=finalizers,
        )

    def server(self, ordinal: int, name: str = "") -> Object:
        """Make a server, without its pod."""
        made = self.log.create(
            "servers",
            name or f"shop-web-{ordinal}",
            owner=self.set,
            spec={"application": "shop", "component": "web", "ordinal": ordinal},
            finalizers=(audit_reader.FINALIZER,),
        )
        self.servers.append(made)
        return made

    def pod(self, server: Object, name: str = "") -> Object:
        """Make a server's pod."""
        made = self.log.create("pods", name or server["metadata"]["name"], owner=server)
        self.pods.append(made)
        return made

    def ready(self, pod: Object, server: Object) -> None:
        """Let a pod become ready and its server say so."""
        self.log.patch(pod, status=READY, by="kwok")
        self.log.patch(server, status={**READY, "observedGeneration": 1})

    def whole(self) -> None:
        """Make all servers and pods, ready, and say so."""
        for ordinal in range(self.set["spec"]["replicas"]):
            server = self.server(ordinal)
            self.ready(self.pod(server), server)
        count = len(self.servers)
        self.log.patch(self.set, status={**READY, "observedGeneration": 1, "ready": count})
        self.log.patch(self.application, status={**READY, "observedGeneration": 1})

    def torn_down(self) -> None:
        """Delete everything in order."""
        self.log.delete(self.application, by=audit_reader.PERSON)
        self.log.delete(self.set)
        for server in self.servers:
            self.log.delete(server)
        for pod in self.pods:
            self.log.delete(pod)
        for each in (*self.servers, self.set, self.application):
            self.log.patch(each, finalizers=())


def broken(shop: Shop, **expected: Any) -> list[str]:
    """Return which invariants a history breaks."""
    found = history.check(shop.log.lines, expectations=history.Expectations(**expected))
    return [each.invariant for each in found.violations]


def test_a_whole_life_breaks_nothing() -> None:
    """Create, scale, converge and delete, done well, pass all invariants at once."""
    shop = Shop(replicas=2)
    shop.whole()
    shop.log.patch(shop.set, spec={"replicas": 3})
    server = shop.server(2)
    shop.ready(shop.pod(server), server)
    shop.log.wait(100)
    shop.torn_down()
    found = history.check(
        shop.log.lines, expectations=history.Expectations(visit_within=300, remaining=())
    )
    assert found, str(found)
    assert len(found.history.lives) == 8
    assert all(life.gone for life in found.history.lives.values())


def test_what_a_collection_delete_took_at_once_is_gone() -> None:
    """Its answer shows objects as they were; those that are never seen again went with it."""
    shop = Shop(replicas=1)
    pod = shop.pod(shop.server(0))
    shop.log.sweep([pod])
    shop.log.delete(shop.servers[0])
    shop.log.patch(shop.servers[0], finalizers=())
    assert not broken(shop)
    found = history.read(shop.log.lines)
    assert found.lives[pod["metadata"]["uid"]].gone is not None


def test_what_a_collection_delete_leaves_its_time_is_there_until_it_goes() -> None:
    """A pod that goes in its own time still guards its server."""
    shop = Shop(replicas=1)
    pod = shop.pod(shop.server(0))
    shop.log.sweep([pod])
    pod["metadata"]["finalizers"] = ["kubelet"]
    shop.log.delete(pod, by="kubelet")
    shop.log.delete(shop.servers[0])
    shop.log.patch(shop.servers[0], finalizers=())
    shop.log.wait(1)
    shop.log.patch(pod, finalizers=(), by="kubelet")
    assert broken(shop) == ["I4"]


def test_what_a_request_without_an_answer_ended_is_gone() -> None:
    """The operator was killed as it let go of a server: recorded as failed, but the server went."""
    shop = Shop(replicas=1)
    server = shop.server(0)
    shop.log.delete(server)
    shop.log.refuse("patch", server, 504)
    shop.log.delete(shop.set)
    shop.log.patch(shop.set, finalizers=())
    assert not broken(shop)
    shop = Shop(replicas=1)
    shop.log.refuse("patch", shop.server(0), 504)
    shop.log.delete(shop.set)
    shop.log.wait(1)
    shop.log.patch(shop.set, finalizers=())
    assert broken(shop) == ["I4"]


def test_what_a_request_without_an_answer_said_may_be_so() -> None:
    """A server's word that it is ready counts although the client that sent it was killed."""
    shop = Shop(replicas=1)
    server = shop.server(0)
    shop.log.patch(shop.pod(server), status=READY, by="kwok")
    counted = {**READY, "observedGeneration": 1, "ready": 1}
    shop.log.refuse("patch", server, 504)
    shop.log.patch(shop.set, status=counted)
    assert not broken(shop)
    shop = Shop(replicas=1)
    shop.log.patch(shop.pod(shop.server(0)), status=READY, by="kwok")
    shop.log.patch(shop.set, status=counted)
    assert set(broken(shop)) == {"I9"}


def test_an_application_may_have_been_ready_before_it_let_go_of_its_set() -> None:
    """An orphaned set was its application's when that said Ready."""
    shop = Shop(replicas=1)
    shop.whole()
    shop.set["metadata"]["ownerReferences"] = []
    shop.log.patch(shop.set, status={"orphaned": True}, by="collector")
    assert not broken(shop)


def test_i1_two_servers_of_one_ordinal() -> None:
    """A second server of a live one's ordinal is seen, whatever its name."""
    shop = Shop()
    shop.server(0)
    shop.server(0, name="shop-web-0-x7k2p")
    assert broken(shop) == ["I1"]


def test_i1_an_ordinal_may_be_taken_again() -> None:
    """An ordinal is free when its server has gone, even if its end carries no version."""
    shop = Shop()
    first = shop.server(0)
    shop.log.delete(first)
    shop.log.patch(first, finalizers=())
    shop.server(0)
    assert broken(shop) == []


def test_i1_one_server_too_many() -> None:
    """A third server of a set of two is one too many."""
    shop = Shop(replicas=2)
    for ordinal in range(3):
        shop.server(ordinal)
    assert broken(shop) == ["I1"]


@pytest.mark.parametrize(("surge", "wrong"), [(1, []), (0, ["I1"]), ("50%", []), ("0%", ["I1"])])
def test_i1_surge_is_allowed(surge: int | str, wrong: list[str]) -> None:
    """Surge raises the bound, percents rounded up."""
    shop = Shop(replicas=2)
    shop.log.patch(shop.set, spec={"rollout": {"maxSurge": surge}})
    for ordinal in range(3):
        shop.server(ordinal)
    assert broken(shop) == wrong


def test_i1_a_scale_down_excuses_what_was_on_its_way() -> None:
    """A create just after a scale-down is excused; one that comes much later is not."""
    shop = Shop(replicas=2)
    shop.server(0)
    shop.log.patch(shop.set, spec={"replicas": 1})
    shop.server(1)
    assert broken(shop) == []
    shop.log.wait(60)
    shop.server(2)
    assert broken(shop) == ["I1"]


def test_i1_terminating_servers_are_not_counted() -> None:
    """A server that is going makes room in the count, though not for its ordinal."""
    shop = Shop(replicas=1)
    shop.log.delete(shop.server(0))
    shop.server(1)
    assert broken(shop) == []


def test_i1_two_pods_of_one_server() -> None:
    """Two live pods of one server are two servers in truth."""
    shop = Shop()
    server = shop.server(0)
    shop.pod(server)
    shop.pod(server, name="shop-web-0-x7k2p")
    assert broken(shop) == ["I1"]


def test_i2_a_delete_says_which_object() -> None:
    """A delete without a UID precondition is seen, also when it hits the right object."""
    shop = Shop()
    shop.log.delete(shop.server(0), unidentified=True)
    assert broken(shop) == ["I2"]


def test_i2_a_patch_says_which_object() -> None:
    """A patch without UID and resourceVersion is seen; what others do is not ours to judge."""
    shop = Shop()
    server = shop.server(0)
    shop.log.patch(server, spec={"incarnation": 2}, unidentified=True, by=audit_reader.PERSON)
    assert broken(shop) == []
    shop.log.patch(server, spec={"incarnation": 3}, unidentified=True)
    assert broken(shop) == ["I2"]


def test_i2_a_request_that_was_refused_unread_may_have_said_it() -> None:
    """Who may not write at all is refused before the body is on record; any other write is seen."""
    shop = Shop()
    server = shop.server(0)
    shop.log.refuse("patch", server, 403, unread=True)
    assert broken(shop) == []


def test_i3_nothing_is_made_below_what_is_going() -> None:
    """A server made long after its application began to go is seen."""
    shop = Shop()
    shop.server(0)
    shop.log.delete(shop.application, by=audit_reader.PERSON)
    shop.server(1)
    assert broken(shop) == []
    shop.log.wait(30)
    shop.pod(shop.servers[0])
    assert broken(shop) == ["I3"]


def test_i3_what_has_no_owner_belongs_to_its_application() -> None:
    """A retained claim made for an application that has gone is seen by its label."""
    shop = Shop()
    shop.torn_down()
    shop.log.wait(30)
    labels = {"argosy.dev/application": "shop"}
    shop.log.create("persistentvolumeclaims", "data-shop-web-0", labels=labels)
    assert broken(shop) == ["I3"]


def test_i3_a_name_may_be_used_again() -> None:
    """An application made again under the name of one that has gone is its own."""
    shop = Shop()
    shop.torn_down()
    shop.log.wait(30)
    shop.log.create("applications", "shop", by=audit_reader.PERSON)
    labels = {"argosy.dev/application": "shop"}
    shop.log.create("persistentvolumeclaims", "data-shop-web-0", labels=labels)
    assert broken(shop) == []


def test_i4_a_finalizer_stays_while_its_pod_is_there() -> None:
    """A server let go while its pod still runs is seen."""
    shop = Shop()
    server = shop.server(0)
    pod = shop.pod(server)
    shop.log.delete(server)
    shop.log.patch(server, finalizers=())
    shop.log.delete(pod)
    assert broken(shop) == ["I4"]


@pytest.mark.parametrize("asked", [False, True], ids=["running", "ending"])
def test_i4_a_claim_stays_while_its_server_is_there(*, asked: bool) -> None:
    """A claim that is deleted from under a server is seen, though the server is on its way out."""
    shop = Shop()
    server = shop.server(0)
    labels = {"argosy.dev/application": "shop", "argosy.dev/server": "shop-web-0"}
    claim = shop.log.create("persistentvolumeclaims", "data-shop-web-0", labels=labels)
    if asked:
        shop.log.delete(server)
    shop.log.delete(claim)
    assert broken(shop) == ["I4"]


def test_i4_a_claim_may_go_after_its_server_or_by_a_persons_hand() -> None:
    """What was the last of a server goes last; and people may do what Argosy may not."""
    shop = Shop()
    labels = {"argosy.dev/application": "shop"}
    for ordinal in range(2):
        server = shop.server(ordinal)
        name = server["metadata"]["name"]
        mark = {**labels, "argosy.dev/server": name}
        claim = shop.log.create("persistentvolumeclaims", f"data-{name}", labels=mark)
        if ordinal:
            shop.log.delete(claim, by=audit_reader.PERSON)
        else:
            shop.log.delete(server)
            shop.log.patch(server, finalizers=())
            shop.log.delete(claim)
    assert broken(shop) == []


def test_i4_answers_may_overtake_each_other() -> None:
    """A pod's delete that is answered after its server was let go is no early release."""
    shop = Shop()
    server = shop.server(0)
    pod = shop.pod(server)
    shop.log.delete(server)
    shop.log.delete(pod, took=1.0)
    shop.log.now -= 0.9  # the watch told of the pod's end before the answer was sent
    shop.log.patch(server, finalizers=())
    assert broken(shop) == []


def test_i4_no_orphans() -> None:
    """What is left of a server that has gone is seen in the final listing."""
    shop = Shop()
    server = shop.server(0)
    shop.log.delete(server)
    shop.log.patch(server, finalizers=())
    pod = shop.pod(server)
    assert broken(shop, remaining=[pod["metadata"]["uid"]]) == ["I4"]
    assert broken(shop, remaining=[]) == []


def test_i5_nothing_is_written_when_all_is_well() -> None:
    """A write after convergence is seen, even one that changes nothing."""
    shop = Shop()
    shop.whole()
    since = shop.log.now
    assert broken(shop, quiet_since=since) == []
    shop.log.wait(1)
    shop.log.patch(shop.set, status=READY)
    assert broken(shop, quiet_since=since) == ["I5"]


def test_i6_counts_are_the_fault_free_runs() -> None:
    """A server made twice is seen by its count; what changed nothing counts as nothing."""
    shop = Shop(replicas=1)
    shop.whole()
    shop.log.refuse("create", shop.pods[0], 409)
    reference = writes.counts(journal.read(shop.log.lines))
    assert reference["pods", "shop-web-0", "create"] == 1
    assert broken(shop, reference=reference) == []
    shop.log.delete(shop.pods[0])
    again = shop.pod(shop.servers[0])
    assert broken(shop, reference=reference) == ["I6", "I6"]
    key = ("pods", "shop-web-0")
    excused = {(*key, "create"): 1, (*key, "delete"): 1}
    assert broken(shop, reference=reference, excused=excused) == []
    assert again["metadata"]["uid"]


def task(shop: Shop, server: Object, identity: str, state: str, attempt: int = 1) -> None:
    """Write how a server's task goes."""
    shop.log.patch(server, status={"task": {"id": identity, "attempt": attempt, "state": state}})


def test_i7_one_task_at_a_time() -> None:
    """A server that is given a second task before the first has ended is seen."""
    shop = Shop()
    server = shop.server(0)
    shop.log.patch(server, spec={"task": {"id": "a", "operation": "x"}})
    task(shop, server, "a", "Started")
    task(shop, server, "a", "Succeeded")
    shop.log.patch(server, spec={"task": {"id": "b", "operation": "x"}})
    assert broken(shop) == []
    task(shop, server, "b", "Started")
    shop.log.patch(server, spec={"task": {"id": "c", "operation": "x"}})
    assert broken(shop) == ["I7"]


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        ([("Started", 1), ("Pending", 1), ("Started", 2), ("Succeeded", 2)], []),
        ([("Started", 1), ("Unknown", 1), ("Failed", 1)], []),
        ([("Started", 1), ("Succeeded", 1), ("Failed", 1)], ["I7"]),
        ([("Started", 2), ("Started", 1)], ["I7"]),
        ([("Started", 1), ("Pending", 1), ("Started", 1)], ["I7"]),
    ],
)
def test_i7_what_ended_stays_ended(states: list[tuple[str, int]], wrong: list[str]) -> None:
    """Attempts only rise, each is claimed once, and ends are final."""
    shop = Shop()
    server = shop.server(0)
    shop.log.patch(server, spec={"task": {"id": "a", "operation": "x"}})
    for state, attempt in states:
        task(shop, server, "a", state, attempt)
    assert broken(shop) == wrong


@pytest.mark.parametrize(("state", "wrong"), [("Unknown", ["I7"]), ("True", [])])
def test_i7_checkpoints_stay_while_their_run_goes_on(state: str, wrong: list[str]) -> None:
    """A checkpoint that vanishes in the middle of its run is seen; afterwards it may go."""
    shop = Shop()
    now = {"run": "1", "conditions": [{"type": "Succeeded", "status": state}]}
    shop.log.create("operations", "x", by=audit_reader.PERSON, status=now)
    server = shop.server(0)
    passed = {"operation": "x", "run": "1", "step": "drain", "incarnation": 1}
    shop.log.patch(server, status={"incarnation": 1, "checkpoints": [passed]})
    shop.log.patch(server, status={"checkpoints": []})
    assert broken(shop) == wrong


def test_i7_a_command_needs_a_claim() -> None:
    """A command that runs in a pod whose server carries no claim is seen."""
    shop = Shop()
    server = shop.server(0)
    pod = shop.pod(server)
    shop.log.patch(server, spec={"task": {"id": "a", "operation": "x"}})
    task(shop, server, "a", "Started")
    shop.log.run(pod)
    assert broken(shop) == []
    task(shop, server, "a", "Succeeded")
    shop.log.wait(1)
    shop.log.run(pod)
    assert broken(shop) == ["I7"]


def test_i8_everything_is_looked_at() -> None:
    """A generation that no status speaks of for longer than the bound is seen."""
    shop = Shop()
    shop.whole()
    shop.log.patch(shop.application, spec={"paused": True}, by=audit_reader.PERSON)
    shop.log.wait(20)
    shop.log.patch(shop.servers[0], spec={"incarnation": 2})
    assert broken(shop, visit_within=30) == []
    shop.log.wait(20)
    shop.log.patch(shop.servers[0], status={"observedGeneration": 2})
    assert broken(shop, visit_within=30) == ["I8"]
    shop.log.patch(shop.application, status={"observedGeneration": 2})
    assert broken(shop, visit_within=30) == ["I8"]
    assert broken(shop, visit_within=60) == []


def test_i9_ready_servers_have_ready_pods() -> None:
    """A server that calls itself Ready before its pod is, is ahead of the truth."""
    shop = Shop()
    server = shop.server(0)
    pod = shop.pod(server)
    shop.log.patch(server, status=READY)
    assert broken(shop) == ["I9"]
    shop.log.wait(1)
    shop.log.patch(pod, status=READY, by="kwok")
    assert broken(shop) == ["I9"]


def test_i9_what_was_true_a_moment_ago_may_be_said() -> None:
    """A status written while the truth changes is excused, a stale one is not."""
    shop = Shop()
    server = shop.server(0)
    pod = shop.pod(server)
    shop.log.patch(pod, status=READY, by="kwok")
    shop.log.patch(pod, status={"conditions": []}, by="kwok")
    shop.log.wait(1)
    shop.log.patch(server, status=READY)
    assert broken(shop) == []
    assert broken(shop, slack=0.5) == ["I9"]


@pytest.mark.parametrize(
    ("since", "hidden", "found"),
    [
        (0, True, []),  # stored, told to whoever watched, and not written down
        (2, True, ["I9"]),  # ready after its server had said so
        (0, False, ["I9"]),  # it says so of itself, and the record shows otherwise
        (None, True, ["I9"]),
    ],
)
def test_i9_what_a_killed_api_server_stored_is_told_by_the_next_answer(
    since: int | None, hidden: bool, found: list[str]
) -> None:
    """A pod whose readiness is on no record was ready since when it says; never before."""
    shop = Shop()
    server = shop.server(0)
    pod = shop.pod(server)
    moment = None if since is None else audit_reader.moment(shop.log.now + since)
    ready = {**READY["conditions"][0], "lastTransitionTime": moment}
    if not hidden:
        shop.log.wait(1.5)
        shop.log.patch(pod, status={"conditions": []}, by="kwok")
        shop.log.patch(pod, status={"phase": "Running"}, by="kwok")
    shop.log.patch(server, status=READY)
    shop.log.wait(8)
    shop.log.patch(pod, status={"conditions": [ready]}, by="kwok")
    assert broken(shop) == found


def test_i9_no_generation_from_the_future() -> None:
    """An observedGeneration above the generation is seen."""
    shop = Shop()
    shop.log.patch(shop.set, status={"observedGeneration": 2})
    assert broken(shop) == ["I9"]


def test_i9_sets_count_what_is_there() -> None:
    """A set that counts more ready servers than there are, or is Ready too soon, is seen."""
    shop = Shop(replicas=2)
    server = shop.server(0)
    shop.ready(shop.pod(server), server)
    shop.log.patch(shop.set, status={"ready": 1, "observedGeneration": 1})
    assert broken(shop) == []
    shop.log.patch(shop.set, status={"ready": 2})
    assert broken(shop) == ["I9"]
    shop.log.patch(shop.set, status=READY)
    assert broken(shop) == ["I9", "I9", "I9"]


def test_i9_applications_are_ready_after_their_sets() -> None:
    """An application that is Ready before its set is seen."""
    shop = Shop()
    shop.log.patch(shop.application, status=READY)
    assert broken(shop) == ["I9"]


def test_i10_work_does_not_come_back() -> None:
    """Two replicas that take turns on one object are seen; one hand-over is not."""
    shop = Shop()
    for incarnation, agent in enumerate(["argosy", "argosy-1", "argosy-1"], 2):
        shop.log.patch(shop.set, spec={"incarnation": incarnation}, agent=agent)
    assert broken(shop) == []
    shop.log.patch(shop.set, spec={"incarnation": 9}, agent="argosy")
    assert broken(shop) == ["I10"]


def test_i10_the_holder_writes() -> None:
    """With a Lease in the history, a write by whoever lost it is seen."""
    shop = Shop()
    shop.log.lease("argosy-0")
    shop.log.patch(shop.set, spec={"incarnation": 2}, agent="argosy-0")
    shop.log.lease("argosy-1")
    shop.log.patch(shop.set, spec={"incarnation": 3}, agent="argosy-1")
    shop.log.lease("argosy-0")
    shop.log.patch(shop.set, spec={"incarnation": 4}, agent="argosy-0")
    assert broken(shop) == []
    shop.log.lease("argosy-1")
    shop.log.patch(shop.set, spec={"incarnation": 5}, agent="argosy-0")
    assert broken(shop) == ["I10"]


def test_i11_memory_comes_back() -> None:
    """Memory that stays high at the end is seen; a peak before is not."""
    mib = 1 << 20
    assert not list(process.returned(80 * mib, [400 * mib, 90 * mib, 95 * mib]))
    grown = list(process.returned(80 * mib, [90 * mib, 200 * mib, 200 * mib, 201 * mib]))
    assert [each.invariant for each in grown] == ["I11"]


def test_i11_nothing_is_left_over() -> None:
    """More tasks or connections at rest than before are seen."""
    assert not list(process.left_over("tasks", 9, 9))
    assert not list(process.left_over("connections", 9, 11, spare=2))
    (found,) = process.left_over("tasks", 9, 10)
    assert found.invariant == "I11"


def test_i12_tracebacks_are_found(tmp_path: Path) -> None:
    """A traceback in the operator's log is a violation that quotes it."""
    log = tmp_path / "operator.log"
    log.write_text('{"event": "started"}\n')
    assert history.check([], processes=history.Process(logs=[log]))
    log.write_text('{"event": "x"}\nTraceback (most recent call last):\n  File "y.py", line 1\n')
    found = history.check([], processes=history.Process(logs=[log]))
    assert [each.invariant for each in found.violations] == ["I12"]
    assert "y.py" in str(found)


def test_a_verdict_tells_the_story() -> None:
    """The report names the invariant, the lines, and what happened to the object before."""
    shop = Shop()
    server = shop.server(0)
    shop.log.delete(server, unidentified=True)
    found = history.check(shop.log.lines)
    with pytest.raises(AssertionError, match="I2: deletes servers/shop-web-0 without") as failure:
        found.require()
    assert "line 3" in str(failure.value)
    assert "operator create servers/shop-web-0 -> 201 created" in str(failure.value)
    assert verdict.told(found.history.changes[0]) in verdict.story(
        found.history, verdict.Violation(invariant="", message="", evidence=found.history.changes)
    )


def test_i2_strangers_are_left_alone() -> None:
    """A write to a pod that somebody else made is seen; to one that a server controls it is not."""
    shop = Shop()
    own = shop.log.create("pods", "shop-web-1", by=audit_reader.PERSON)
    shop.log.patch(own, status={"phase": "Running"})
    assert broken(shop) == ["I2"]
    shop = Shop()
    handed = shop.log.create("pods", "shop-web-0", owner=shop.server(0), by=audit_reader.PERSON)
    shop.log.patch(handed, status={"phase": "Running"})
    assert broken(shop) == []


@pytest.mark.parametrize("guarded", [True, False])
def test_i2_what_nobody_controls_may_be_taken_up(*, guarded: bool) -> None:
    """By a write that holds for the version that was seen; of what somebody controls, never."""
    shop = Shop()
    left = shop.log.create("pods", "shop-web-0", by=audit_reader.PERSON)
    claim = shop.log.create("persistentvolumeclaims", "data-shop-web-0", by=audit_reader.PERSON)
    shop.log.patch(claim, labels={"argosy.dev/server": "shop-web-0"}, guarded=guarded)
    shop.log.patch(left, owner=shop.server(0), guarded=guarded)
    shop.log.patch(left, labels={"argosy.dev/revision": "2"})
    assert broken(shop) == ([] if guarded else ["I2"] * 3)


def test_i2_what_somebody_controls_is_not_taken_up() -> None:
    """A pod of a controller's, and a claim that goes with its owner."""
    shop = Shop()
    other = shop.log.create("services", "robot", by=audit_reader.PERSON)
    theirs = shop.log.create("pods", "shop-web-0", owner=other, by=audit_reader.PERSON)
    claim = shop.log.create(
        "persistentvolumeclaims", "data-shop-web-0", owner=other, by=audit_reader.PERSON
    )
    shop.log.patch(claim, labels={"argosy.dev/server": "shop-web-0"}, guarded=True)
    shop.log.patch(theirs, owner=shop.server(0), guarded=True)
    assert broken(shop) == ["I2", "I2"]


def test_i6_nothing_is_asked_twice_without_a_reason() -> None:
    """Where no answer was lost, a create or delete that had been done already is seen."""
    shop = Shop()
    server = shop.server(0)
    shop.log.refuse("create", server, 409)
    shop.log.delete(server)
    shop.log.delete(server)
    assert broken(shop) == []
    assert broken(shop, faultless=True) == ["I6", "I6"]


def settled(unavailable: int | str) -> Shop:
    """Return a shop of three servers, up for a minute, of which so many may be taken down."""
    shop = Shop(replicas=3)
    shop.log.patch(shop.set, spec={"rollout": {"maxUnavailable": unavailable}})
    for ordinal in range(3):
        server = shop.server(ordinal)
        shop.ready(shop.pod(server), server)
    shop.log.wait(60)
    return shop


@pytest.mark.parametrize(("unavailable", "wrong"), [(1, ["Budget"]), (2, []), ("50%", ["Budget"])])
def test_budget_of_a_component(unavailable: int | str, wrong: list[str]) -> None:
    """Replacing one available server too many at once is seen; percents are rounded down."""
    shop = settled(unavailable)
    for server in shop.servers[:2]:
        shop.log.patch(server, spec={"incarnation": 2})
    assert broken(shop) == wrong


def test_budget_of_a_component_whose_server_may_be_back() -> None:
    """An operator that was killed as it said so was perhaps heard; the next one goes on."""
    shop = settled(1)
    shop.log.patch(shop.servers[0], spec={"incarnation": 2})
    shop.log.refuse("patch", shop.servers[0], 504)
    shop.log.patch(shop.servers[1], spec={"incarnation": 2})
    assert broken(shop) == []


def test_budget_of_a_component_whose_server_is_back_by_an_unlogged_write() -> None:
    """What an API server did as it was killed is in no log, and in what is found afterwards."""
    shop = settled(1)
    shop.log.patch(shop.servers[0], spec={"incarnation": 2})
    shop.log.patch(shop.servers[0], status={"incarnation": 2}, subresource="status")
    shop.log.lines.pop()
    shop.log.patch(shop.servers[1], spec={"incarnation": 2})
    assert broken(shop) == ["Budget"]
    shop.log.patch(shop.servers[0], spec={"power": "Stopped"})
    assert broken(shop) == []


@pytest.mark.parametrize(
    ("concurrency", "wrong"),
    [(1, ["Budget"]), (2, []), ("40%", ["Budget"]), ("70%", []), (None, ["Budget"])],
)
def test_budget_of_an_operation(concurrency: int | str | None, wrong: list[str]) -> None:
    """A server asked to work for an operation beyond its concurrency is seen.

    Where the operation names none, the component's own budget is the limit.
    """
    shop = settled(1)
    spec = {"application": "shop", "concurrency": concurrency}
    status = {"total": 53, "targets": ["db/0-49", "web/0-2"]}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status=status)
    for ordinal, server in enumerate(shop.servers[:2]):
        shop.log.patch(server, spec={"task": {"id": f"x/{ordinal}", "operation": "x"}})
    assert broken(shop) == wrong


def test_budget_of_an_operation_is_not_spent_by_servers_that_are_down() -> None:
    """Who is asked while it is down already takes nothing from anybody."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": 1}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 3})
    shop.log.patch(
        shop.servers[1],
        subresource="status",
        status={"conditions": [{"type": "Ready", "status": "False"}]},
    )
    for ordinal, server in enumerate(shop.servers[:2]):
        shop.log.patch(server, spec={"task": {"id": f"x/{ordinal}", "operation": "x"}})
    assert broken(shop) == []


@pytest.mark.parametrize(
    ("asked", "back", "wrong"), [(1, False, []), (0, False, ["Budget"]), (1, True, ["Budget"])]
)
def test_budget_of_an_operation_is_not_spent_by_a_server_whose_pod_was_evicted(
    asked: int, *, back: bool, wrong: list[str]
) -> None:
    """The operator sees the pod go before it has said so; no other server, and not for ever."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": 1}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 3})
    shop.log.patch(shop.servers[2], spec={"task": {"id": "x/2", "operation": "x"}})
    shop.log.evict(shop.pods[1])
    if back:
        shop.log.delete(shop.pods[1], by="kubelet")
        shop.log.patch(shop.pod(shop.servers[1]), status=READY, by="kubelet")
    shop.log.patch(shop.servers[asked], spec={"task": {"id": f"x/{asked}", "operation": "x"}})
    assert broken(shop) == wrong


@pytest.mark.parametrize(("later", "wrong"), [(-audit_reader.TOOK / 2, []), (60, ["Budget"])])
def test_budget_of_an_operation_is_not_spent_by_a_pod_that_is_just_being_evicted(
    later: float, wrong: list[str]
) -> None:
    """The pod goes before its eviction is answered; what is evicted afterwards was up."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": 1}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 3})
    for ordinal in (2, 1):
        task = {"id": f"x/{ordinal}", "operation": "x"}
        shop.log.patch(shop.servers[ordinal], spec={"task": task})
    shop.log.wait(later)
    shop.log.evict(shop.pods[1])
    assert broken(shop) == wrong


@pytest.mark.parametrize("gone", ["evicted", "deleted"])
@pytest.mark.parametrize(("anew", "wrong"), [(1, []), (0, ["Budget"])])
def test_budget_of_a_component_is_not_spent_by_a_server_whose_pod_had_gone(
    gone: str, anew: int, wrong: list[str]
) -> None:
    """Whoever had it gone: the operator makes that server anew, at nobody's cost, and no other."""
    shop = settled(1)
    shop.log.patch(shop.servers[2], spec={"incarnation": 2})
    if gone == "evicted":
        shop.log.evict(shop.pods[1])
    else:
        shop.log.delete(shop.pods[1], by=audit_reader.PERSON)
    shop.log.patch(shop.servers[anew], spec={"incarnation": 2})
    assert broken(shop) == wrong


@pytest.mark.parametrize(
    ("later", "back", "wrong"),
    [(60, "", ["Budget"]), (1, "", []), (60, "its pod", []), (60, "its server", [])],
)
def test_budget_of_a_component_is_spent_by_an_eviction_whatever_its_server_says(
    later: float, back: str, wrong: list[str]
) -> None:
    """One who lags behind may not know yet; until its next pod is up the server is down."""
    shop = settled(1)
    shop.log.evict(shop.pods[1])
    shop.log.delete(shop.pods[1], by="kubelet")
    if back == "its pod":
        shop.log.patch(shop.pod(shop.servers[1]), status=READY, by="kubelet")
    elif back == "its server":
        # The line of its pod is missing, as where an API server was killed.
        for status in ("False", "True"):
            told = {"conditions": [{"type": "Ready", "status": status}]}
            shop.log.patch(shop.servers[1], subresource="status", status=told)
    shop.log.wait(later)
    shop.log.patch(shop.servers[0], spec={"incarnation": 2})
    assert [each for each in broken(shop) if each == "Budget"] == wrong


@pytest.mark.parametrize(("ordinal", "wrong"), [(0, []), (1, ["Evictions"])])
def test_evictions_may_go_on_beside_a_server_whose_pod_has_gone(
    ordinal: int, wrong: list[str]
) -> None:
    """It is down by an eviction, and is told something else to run: nobody loses by that."""
    shop = settled(1)
    shop.log.create("poddisruptionbudgets", "shop-web", owner=shop.set, spec={"minAvailable": 2})
    shop.log.evict(shop.pods[0])
    shop.log.patch(shop.servers[ordinal], spec={"revision": "b"})
    assert broken(shop) == wrong


@pytest.mark.parametrize(("concurrency", "wrong"), [(1, ["Budget"]), (2, [])])
def test_budget_of_an_operation_is_spent_by_whatever_is_down(
    concurrency: int, wrong: list[str]
) -> None:
    """A server that somebody else took down counts against the operation's limit as its own do."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": concurrency}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 3})
    fallen = {"conditions": [{"type": "Ready", "status": "False"}]}
    shop.log.patch(shop.servers[1], subresource="status", status=fallen)
    shop.log.wait(60)
    shop.log.patch(shop.servers[0], spec={"task": {"id": "x/0", "operation": "x"}})
    assert broken(shop) == wrong


@pytest.mark.parametrize(("replicas", "wrong"), [(2, []), (3, ["Budget"])])
def test_budget_of_an_operation_is_not_spent_by_a_server_that_scaling_takes_away(
    replicas: int, wrong: list[str]
) -> None:
    """Whatever its ordinal: an ill server goes before a higher one, and the others are enough."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": 1}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 3})
    fallen = {"conditions": [{"type": "Ready", "status": "False"}]}
    shop.log.patch(shop.servers[1], subresource="status", status=fallen)
    shop.log.wait(60)
    shop.log.patch(shop.set, spec={"replicas": replicas})
    shop.log.patch(shop.servers[0], spec={"task": {"id": "x/0", "operation": "x"}})
    assert broken(shop) == wrong


@pytest.mark.parametrize(("spare", "wrong"), [("gone", []), ("going", []), ("at work", ["Budget"])])
def test_budget_of_an_operation_is_not_spent_by_a_server_that_went_with_its_task(
    spare: str, wrong: list[str]
) -> None:
    """A spare server that is restarted and not needed any more never tells that its task ended."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": 1}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 4})
    server = shop.server(3)
    shop.ready(shop.pod(server), server)
    shop.log.patch(server, spec={"task": {"id": "x/3", "operation": "x"}})
    if spare != "at work":
        shop.log.delete(server)
    if spare == "gone":
        shop.log.patch(server, finalizers=())
    shop.log.wait(60)
    shop.log.patch(shop.servers[0], spec={"task": {"id": "x/0", "operation": "x"}})
    assert [each for each in broken(shop) if each == "Budget"] == wrong


@pytest.mark.parametrize("lost", [{"type": "Stalled", "status": "True"}, None])
def test_what_is_lost_for_good_or_stopped_keeps_no_operation_waiting(lost: Object | None) -> None:
    """It does not come up by itself: an operation would wait for it for ever."""
    shop = settled(1)
    spec = {"application": "shop", "concurrency": 1}
    shop.log.create("operations", "x", by=audit_reader.PERSON, spec=spec, status={"total": 3})
    told = [{"type": "Ready", "status": "False"}, *([lost] if lost else [])]
    if lost is None:
        shop.log.patch(shop.servers[1], spec={"power": "Stopped"})
    shop.log.patch(shop.servers[1], subresource="status", status={"conditions": told})
    shop.log.wait(60)
    shop.log.patch(shop.servers[0], spec={"task": {"id": "x/0", "operation": "x"}})
    assert broken(shop) == []


@pytest.mark.parametrize(
    ("least", "edit", "wrong"),
    [
        (2, {"revision": "b"}, ["Evictions"]),
        (3, {"revision": "b"}, []),
        (4, {"revision": "b"}, []),
        (2, {"held": True}, []),
        (2, {"task": {"id": "x/0", "operation": "x", "action": "Restart"}}, ["Evictions"]),
        (2, {"task": {"id": "x/0", "operation": "x", "action": "Exec"}}, ["Evictions"]),
        (2, {"task": {"id": "x/0", "operation": "x", "action": "Start"}}, []),
        (3, {"task": {"id": "x/0", "operation": "x", "action": "Restart"}}, []),
        (2, {"incarnation": 2}, ["Evictions"]),
        (3, {"incarnation": 2}, []),
        (2, {"power": "Stopped"}, ["Evictions"]),
        (2, None, ["Evictions"]),
        (3, None, []),
    ],
)
def test_no_eviction_is_allowed_while_servers_are_taken_down(
    least: int, edit: Object | None, wrong: list[str]
) -> None:
    """Whoever takes a server down, or gives it a task, while evictions may take others, is seen."""
    shop = settled(1)
    spec = {"minAvailable": least}
    shop.log.create("poddisruptionbudgets", "shop-web", owner=shop.set, spec=spec)
    if edit is None:
        shop.log.delete(shop.servers[0])
    else:
        shop.log.patch(shop.servers[0], spec=edit)
    assert broken(shop) == wrong


@pytest.mark.parametrize(("limit", "wrong"), [("100%", []), (3, []), ("99%", ["Evictions"])])
def test_a_limit_that_has_become_everything_waits_for_no_budget(
    limit: int | str, wrong: list[str]
) -> None:
    """The old budget goes beside the first server: all of them may be down at once by then."""
    shop = settled(1)
    spec = {"minAvailable": 2}
    budget = shop.log.create("poddisruptionbudgets", "shop-web", owner=shop.set, spec=spec)
    shop.log.patch(shop.set, by=audit_reader.PERSON, spec={"rollout": {"maxUnavailable": limit}})
    shop.log.patch(shop.servers[0], spec={"revision": "b"})
    shop.log.delete(budget)
    assert broken(shop) == wrong


def test_evictions_are_not_judged_where_their_budget_could_not_be_written() -> None:
    """Servers go all the same, within the budget that the operator counts itself."""
    shop = settled(1)
    budget = shop.log.create(
        "poddisruptionbudgets", "shop-web", owner=shop.set, spec={"minAvailable": 2}
    )
    shop.log.refuse("patch", budget, 403)
    shop.log.patch(shop.servers[0], spec={"revision": "b"})
    assert broken(shop) == []


@pytest.mark.parametrize(("before", "wrong"), [(True, []), (False, ["Evictions"])])
def test_a_set_that_goes_with_its_kind_takes_its_servers_along(
    *, before: bool, wrong: list[str]
) -> None:
    """No line tells of its delete; a later version says since when it was on its way out."""
    shop = settled(1)
    shop.log.create("poddisruptionbudgets", "shop-web", owner=shop.set, spec={"minAvailable": 2})
    marks = shop.set["metadata"]
    if before:
        marks["deletionTimestamp"] = audit_reader.moment(shop.log.now)
    shop.log.delete(shop.servers[0])
    shop.log.wait(60)
    marks.setdefault("deletionTimestamp", audit_reader.moment(shop.log.now))
    shop.log.patch(shop.set, subresource="status", status={"replicas": 2})
    assert broken(shop) == wrong
