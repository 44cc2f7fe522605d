"""Operations on a real API server: what they do, what they wait for, and how they end."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools

import pytest

from controller.api import names
from controller.api.resources import Resource
from devcluster import client
from tests.e2e import driving, hindsight
from tests.e2e.driving import HOOK, Kube, component
from tests.e2e.operating import (
    TERMINAL,
    births,
    incarnations,
    job,
    jobs,
    life_of,
    made,
    pod,
    submit,
    taken_down,
)

pytestmark = pytest.mark.e2e

SWEEP_SECONDS = 400.0


def gates(*numbers: int) -> dict[str, str]:
    """Return hooks by which the pods of these servers do not start until they are released."""
    return {"outcome": "hang", "only": ",".join(map(pod, numbers))}


def release(kube: Kube, number: int, before: str = "") -> str:
    """Let the pod start that comes after the one with the UID `before`; return its UID."""

    def started() -> str:
        found = kube.get(Resource.PODS, pod(number))
        if found is None or found["metadata"]["uid"] == before:
            return ""
        if driving.is_ready(found):
            return str(found["metadata"]["uid"])
        # kwok deletes by name, at times twice: then yet another pod waits here.
        with contextlib.suppress(client.ApiError):
            kube.annotate(Resource.PODS, pod(number), outcome="ready")
        return ""

    return kube.wait_until(f"another {pod(number)} starts", started)


def begun(kube: Kube, *numbers: int) -> None:
    """Wait until these servers have been asked to restart."""
    kube.wait_until(
        f"{numbers} are being restarted",
        lambda: all(
            (kube.get(Resource.SERVERS, pod(each)) or {})["spec"].get("incarnation") == 2
            for each in numbers
        ),
    )


def decide(kube: Kube, number: int, step: str, outcome: str) -> None:
    """Let the Job of a server's step come to an end."""

    def waiting() -> str:
        owners = {
            name
            for name, each in kube.list(Resource.JOBS).items()
            if each["metadata"]["labels"]["argosy.dev/server"] == pod(number)
        }
        return next(
            (
                name
                for name, each in kube.list(Resource.PODS).items()
                if each["metadata"].get("annotations", {}).get("step") == step
                and each["metadata"]["ownerReferences"][0]["name"] in owners
            ),
            "",
        )

    name = kube.wait_until(f"{step} runs on {pod(number)}", waiting)
    kube.annotate(Resource.PODS, name, outcome=outcome)


def events_of(kube: Kube, application: str) -> set[str]:
    """Return the reasons of the Events about an application."""
    found = kube.api.get(f"/apis/events.k8s.io/v1/namespaces/{kube.namespace}/events")["items"]
    about = [each for each in found if each["regarding"].get("kind") == "Application"]
    return {each["reason"] for each in about if each["regarding"]["name"] == application}


def test_null_in_an_operation_is_absent(kube: Kube) -> None:
    """An empty block as Helm renders it is as good as none, and the operation can be cancelled."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    empty = dict.fromkeys(("components", "servers", "steps", "parameters", "concurrency", "retry"))
    one = submit(kube, "go", "Restart", **empty)
    one.wait_end("Completed")
    assert one.status()["progress"] == "2/2"
    undone = dict.fromkeys(("exec", "http", "compensate"))
    two = submit(kube, "steps", "Steps", steps=[{**job("one", outcome="hang"), **undone}])
    kube.wait_until("the step runs", lambda: two.status().get("running"))
    two.edit(cancelled=True)
    two.wait_end("Cancelled")


def test_g1_operation_is_created_watched_and_ends_in_one_condition(kube: Kube) -> None:
    """It says how far it is while it runs, and then its end, once and for good."""
    app = kube.app(component(replicas=4, hooks=gates(2)))
    app.apply()
    first = release(kube, 2)
    app.wait_ready()
    one = submit(kube, "go", "Restart", concurrency=1)
    kube.wait_until("two are done", lambda: one.status().get("progress") == "2/4")
    assert (one.reason(), one.status()["total"]) == ("Running", 4)
    release(kube, 2, first)
    one.wait_end("Completed")
    told = one.status()
    assert (told["progress"], told["succeeded"], told["failed"]) == ("4/4", 4, 0)
    assert told["completionTime"] >= told["startTime"]
    assert incarnations(app) == [2, 2, 2, 2]
    app.wait_ready()
    said = [
        each.status.condition("Succeeded") for each in life_of(kube, "operations", "go").versions
    ]
    seen = [(each.status, each.reason) for each in said if each is not None]
    assert ("Unknown", "Running") in seen
    first_end = seen.index(("True", "Completed"))
    assert all(status == "Unknown" for status, _ in seen[:first_end])
    assert set(seen[first_end:]) == {("True", "Completed")}


@pytest.mark.parametrize(("budget", "size"), [(1, 22), (0, 20)])
def test_g4_last_server_fails_for_good_and_the_others_are_kept(
    kube: Kube, budget: int, size: int
) -> None:
    """Within the budget work goes on, beyond it nothing more is made; 19 stay as they are."""
    recovery = {
        "attempts": 2,
        "backoff": {"initialSeconds": 1, "maxSeconds": 1},
        "failureBudget": budget,
        "giveUp": True,
    }
    hooks = {"outcome": "fail", "only": pod(19)}
    app = kube.app(component(replicas=20, recovery=recovery, hooks=hooks))
    app.apply()
    lost = kube.wait_until(
        "the last server is given up",
        lambda: (
            driving.condition(each, "Stalled")
            if (each := kube.get(Resource.SERVERS, pod(19)))
            else {}
        ),
    )
    assert (lost["status"], lost["reason"]) == ("True", "AttemptsExhausted")
    kube.wait_until("the others are up", lambda: app.counts().get("available") == 19)
    kept = driving.uids({name: each for name, each in app.pods().items() if name != pod(19)})
    assert len(kept) == 19
    if not budget:
        app.wait_for_reason("FailureBudgetSpent", "Stalled")
    app.component()["replicas"] = 22
    app.apply()
    kube.wait_until(
        "as many as the budget allows", lambda: app.counts().get("available") == size - 1
    )
    assert app.says("Ready")["status"] == "False"
    assert kept.items() <= driving.uids(app.pods()).items()
    born = births(kube)
    assert born.pop(pod(19)) == 2
    assert set(born.values()) == {1}


def test_g5_a_quarter_of_fifty_is_down_at_most_and_each_restarts_once(kube: Kube) -> None:
    """At 25% never more than 12 servers are down at once, and each is made exactly once more."""
    app = kube.app(component(replicas=50))
    app.apply()
    app.wait_ready()
    one = submit(kube, "go", "Restart", concurrency="25%")
    one.wait_end("Completed", SWEEP_SECONDS)
    assert one.status()["progress"] == "50/50"
    app.wait_ready()
    assert incarnations(app) == [2] * 50
    assert 1 < max(map(len, taken_down(kube.history()))) <= 12
    born = births(kube)
    assert (len(born), set(born.values())) == (50, {2})


def test_g6_delete_cuts_across_creates_and_operations(kube: Kube) -> None:
    """Fifty operations end at once, teardown begins while creates wait, and those are dropped."""
    idle = kube.app(component(replicas=10), name="idle")
    idle.apply()
    idle.wait_ready()
    idle.delete()
    idle.wait_gone()
    app = kube.app(component(replicas=1000, hooks={"delay": "5s"}))
    app.apply()
    kube.wait_until("some servers are made", lambda: len(app.servers()) > 10)
    queued = [submit(kube, f"go-{each}", "Restart", servers=f"0-{each}") for each in range(50)]
    app.delete()
    for each in queued:
        each.wait_end("ApplicationDeleted")
    kube.wait_until("all is gone", lambda: not app.left(), SWEEP_SECONDS)
    found = kube.history()
    servers = [
        each
        for each in found.lives.values()
        if each.resource == "servers" and each.name.startswith("shop-")
    ]
    assert 10 < len(servers) < 1000
    for several in (servers, hindsight.pods(found)):
        late = hindsight.begun_in_teardown(found, "shop", several)
        # Eight writes may be in flight; whatever was planned behind them is dropped.
        assert len(late) <= 8 + 8
    over = hindsight.ends(found, "shop")
    print(  # noqa: T201 - a measurement, shown by -s; a time is no reason to fail
        f"first teardown {hindsight.until_teardown(found, 'shop'):.3f} s after the delete,"
        f" idle {hindsight.until_teardown(found, 'idle'):.3f} s;"
        f" the first operation ended after {over[0]:.3f} s, the last after {over[-1]:.3f} s"
    )


def test_g7_disjoint_operations_overlap_and_conflicting_ones_wait(kube: Kube) -> None:
    """Two restarts of different servers run together; a third names the one that it waits for.

    Each counts what the other has down against its own limit: the second one may have two down.
    """
    app = kube.app(component(replicas=6, hooks=gates(0, 3)))
    app.apply()
    left, right = release(kube, 0), release(kube, 3)
    app.wait_ready()
    one = submit(kube, "one", "Restart", servers="0-2", concurrency=1)
    begun(kube, 0)
    two = submit(kube, "two", "Restart", servers="3-5", concurrency=2)
    begun(kube, 3)
    three = submit(kube, "uno", "Replace", servers="1")
    kube.wait_until("the third one waits", three.blocked_by)
    assert three.blocked_by() == {"Operation/one": "Conflict"}
    assert "one" in three.status()["blockedBy"][0]["remedy"]
    assert [each.reason() for each in (one, two, three)] == ["Running", "Running", "Waiting"]
    assert incarnations(app) == [2, 1, 1, 2, 1, 1]
    release(kube, 3, right)
    two.wait_end("Completed")
    assert (one.reason(), three.reason()) == ("Running", "Waiting")
    release(kube, 0, left)
    one.wait_end("Completed")
    three.wait_end("Completed")
    assert incarnations(app) == [2, 3, 2, 2, 2, 2]


def test_g8_retry_from_a_step_resumes_unfinished_servers_alone(kube: Kube) -> None:
    """What a server has passed is not done again, and a server that has finished is left alone."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    steps = [job("prepare"), job("migrate", "$(OUTCOME)"), job("check")]
    one = submit(
        kube,
        "go",
        "Steps",
        steps=steps,
        parameters={"OUTCOME": "hang"},
        concurrency=3,
        failureBudget=3,
        recovery={"attempts": 1},
    )
    for number, outcome in enumerate(("ready", "fail", "fail")):
        decide(kube, number, "migrate", outcome)
    one.wait_end("Failed")
    told = one.status()
    assert (told["progress"], told["failed"]) == ("1/3", 2)
    assert {(each["server"], each["step"]) for each in told["failures"]} == {
        (pod(1), "migrate"),
        (pod(2), "migrate"),
    }
    before = jobs(kube)
    once = {(pod(each), step): 1 for each in range(3) for step in ("prepare", "migrate")}
    assert before == {**once, (pod(0), "check"): 1}
    one.edit(retry={"id": "2", "from": "migrate", "parameters": {"OUTCOME": "ready"}})
    kube.wait_until("the retry is under way", lambda: one.status().get("run") == "2")
    one.wait_end("Completed")
    assert one.status()["progress"] == "3/3"
    again = jobs(kube) - before
    assert again == {(pod(each), step): 1 for each in (1, 2) for step in ("migrate", "check")}
    app.wait_ready()


def test_g10_alternatives_are_tried_in_turn_with_backoff(kube: Kube) -> None:
    """One server goes through the alternatives, later each time; its neighbours never change."""
    ways = {"zoneA": "fail", "zoneB": "fail", "zoneC": "ready"}
    recovery = {
        "attempts": 2,
        "backoff": {"initialSeconds": 2, "factor": 1, "maxSeconds": 2, "jitterPercent": 0},
        "alternatives": [
            {
                "name": name,
                "patch": {"metadata": {"annotations": {HOOK + "outcome": outcome, "way": name}}},
            }
            for name, outcome in ways.items()
        ],
    }
    hooks = {"outcome": "fail", "only": pod(2)}
    app = kube.app(component(replicas=3, recovery=recovery, hooks=hooks))
    app.apply()
    app.wait_ready()
    pods = made(kube)
    tried = [each for each in pods if each.name == pod(2)]
    ways_tried = [(each.born.meta.annotations or {}).get("way") for each in tried]
    assert ways_tried == ["zoneA", "zoneA", "zoneB", "zoneB", "zoneC"]
    for one, other in itertools.pairwise(tried):
        assert other.born.answered - one.born.received >= 2.0
    assert sorted(each.name for each in pods if each.name != pod(2)) == [pod(0), pod(1)]


def test_g10_retry_now_cuts_the_backoff_short(kube: Kube) -> None:
    """A server that would wait for ten minutes is tried at once when that is asked for."""
    recovery = {"backoff": {"initialSeconds": 600, "maxSeconds": 600}, "failureBudget": 1}
    hooks = {"outcome": "fail", "only": pod(1)}
    app = kube.app(component(replicas=2, recovery=recovery, hooks=hooks))
    app.apply()

    def failed(before: str) -> str:
        found = kube.get(Resource.SERVERS, pod(1)) or {}
        attempts = found.get("status", {}).get("attempts") or {}
        due, last = attempts.get("nextAttemptTime"), attempts.get("instance", "")
        return str(last) if due and last != before and attempts["count"] == 1 else ""

    def tries() -> int:
        return births(kube)[pod(1)]

    last = kube.wait_until("it backs off", lambda: failed(""))
    for number in (1, 2):
        assert tries() == number
        app.annotate(retry_now=str(number))
        last = kube.wait_until("it fails again", functools.partial(failed, last))
    assert tries() == 3


def test_pause_holds_in_the_middle_and_resume_goes_on(kube: Kube) -> None:
    """What runs finishes, nothing new starts until resumed, and then all is done."""
    app = kube.app(component(replicas=4, hooks=gates(1)))
    app.apply()
    first = release(kube, 1)
    app.wait_ready()
    one = submit(kube, "go", "Restart", concurrency=1)
    begun(kube, 1)
    one.edit(paused=True)
    one.wait_for("Paused")
    release(kube, 1, first)
    kube.wait_until("what ran is done", lambda: one.status().get("progress") == "2/4")
    assert (one.reason(), one.status()["running"]) == ("Paused", 0)
    app.wait_ready()
    assert incarnations(app) == [2, 2, 1, 1]
    one.edit(paused=False)
    one.wait_end("Completed")
    assert incarnations(app) == [2, 2, 2, 2]
    versions = life_of(kube, "operations", "go").versions
    paused, resumed = (
        next(each.place for each in versions if each.meta.generation == number) for number in (2, 3)
    )
    later = [each for each in made(kube) if each.name in (pod(2), pod(3))]
    assert len(later) == 4
    assert not [each for each in later if paused < each.born.place < resumed]


def test_cancel_ends_what_runs_and_begins_nothing(kube: Kube) -> None:
    """A cancelled operation takes its Jobs away, and the server whose turn never came has none."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    one = submit(
        kube, "go", "Steps", steps=[job("work", "hang")], concurrency=2, cancelGraceSeconds=60
    )
    kube.wait_until(
        "two are at it", lambda: one.status().get("running") == 2 and len(jobs(kube)) == 2
    )
    one.edit(cancelled=True)
    one.wait_end("Cancelled")
    kube.wait_until("their Jobs are gone", lambda: not jobs(kube))
    ever = [each for each in kube.history().lives.values() if each.resource == "jobs"]
    assert len(ever) == 2
    assert driving.uids(app.pods()) == before
    app.wait_ready()


def test_revert_after_a_cancel_undoes_what_was_done(kube: Kube) -> None:
    """Each server that passed a step has its compensation's Job, once; the end says what stays."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    first = {**job("first"), "compensate": {"job": job("unfirst")["job"]}}
    steps = [first, job("plain"), job("work", "hang")]
    one = submit(
        kube, "go", "Steps", steps=steps, concurrency=2, onFailure="Revert", cancelGraceSeconds=60
    )
    kube.wait_until(
        "both are at the last step", lambda: {(pod(0), "work"), (pod(1), "work")} <= set(jobs(kube))
    )
    one.edit(cancelled=True)
    one.wait_end("Cancelled")
    ever = collections.Counter(
        each.name for each in kube.history().lives.values() if each.resource == "jobs"
    )
    assert len(ever) == 8
    assert set(ever.values()) == {1}
    assert jobs(kube)[pod(0), "unfirst"] == jobs(kube)[pod(1), "unfirst"] == 1
    told = one.end()["message"]
    assert "Step plain has no compensate: what it did on 2 servers stays." in told
    assert "could not be reverted" not in told
    app.wait_ready()


def test_deleting_a_running_operation_cancels_it_first(kube: Kube) -> None:
    """The object stays until what runs has ended, and then it goes."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    one = submit(kube, "go", "Steps", steps=[job("work", "hang")], concurrency=1)
    kube.wait_until("one is at it", lambda: len(jobs(kube)) == 1)
    kube.delete(Resource.OPERATIONS, "go")
    kube.wait_until("the operation is gone", lambda: not one.found())
    kube.wait_until("its Job is gone", lambda: not jobs(kube))
    states = {
        each.get("status", {}).get("task", {}).get("state", "") for each in app.servers().values()
    }
    assert "Started" not in states


def test_queued_duplicate_is_superseded_by_the_later_one(kube: Kube) -> None:
    """Of two equal restarts that wait, the later one stands for both."""
    app = kube.app(component(replicas=2, hooks=gates(0)))
    app.apply()
    release(kube, 0)
    app.wait_ready()
    first = submit(kube, "first", "Restart", servers="0")
    begun(kube, 0)
    second, third = submit(kube, "second", "Restart"), submit(kube, "third", "Restart")
    second.wait_end("Superseded")
    kube.wait_until("the third one waits", lambda: "Operation/first" in third.blocked_by())

    def ended() -> bool:
        # The gate is closed for each of the two pods that come.
        with contextlib.suppress(client.ApiError):
            kube.annotate(Resource.PODS, pod(0), outcome="ready")
        return third.end()["status"] in TERMINAL

    kube.wait_until("the third one has ended", ended)
    assert (first.reason(), third.reason()) == ("Completed", "Completed")
    assert incarnations(app) == [3, 2]


def test_finished_operation_goes_after_its_time(kube: Kube) -> None:
    """After ttlSecondsAfterFinished the object is deleted; what it did stays."""
    app = kube.app(component(replicas=1))
    app.apply()
    app.wait_ready()
    submit(kube, "go", "Restart", ttlSecondsAfterFinished=1)
    kube.wait_until("it is gone", lambda: kube.get(Resource.OPERATIONS, "go") is None)
    said = life_of(kube, "operations", "go").last.status.condition("Succeeded")
    assert said is None or said.reason == "Completed"
    assert incarnations(app) == [2]


def test_paused_operation_lists_its_targets_and_touches_nothing(kube: Kube) -> None:
    """Created paused it is a dry run: status has the servers, and none of them is written."""
    app = kube.app(component(replicas=5))
    app.apply()
    app.wait_ready()
    before = {name: each["metadata"]["resourceVersion"] for name, each in app.servers().items()}
    one = submit(kube, "go", "Restart", servers="1-2,4", concurrency=1, paused=True)
    one.wait_for("Paused")
    kube.wait_until("the targets are told", lambda: one.status().get("targets"))
    assert one.status()["targets"] == ["web/1-2,4"]
    after = {name: each["metadata"]["resourceVersion"] for name, each in app.servers().items()}
    assert after == before
    one.edit(paused=False)
    one.wait_end("Completed")
    assert incarnations(app) == [1, 2, 2, 1, 2]


def test_operation_waits_for_its_application(kube: Kube) -> None:
    """Without its application it waits and says so; when the application comes, it is done."""
    one = submit(kube, "go", "Restart")
    late = submit(kube, "late", "Restart", servers="0", startDeadlineSeconds=1)
    kube.wait_until("it waits", one.blocked_by)
    assert one.blocked_by() == {"Application/shop": "NotFound"}
    assert one.reason() == "Waiting"
    late.wait_end("TimedOut")
    app = kube.app(component(replicas=1))
    app.apply()
    one.wait_end("Completed")
    app.wait_ready()


def test_stop_takes_pods_away_and_start_brings_them_back(kube: Kube) -> None:
    """Stopped servers stay as objects without pods; the others run on; Start makes new pods."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    servers, pods = driving.uids(app.servers()), driving.uids(app.pods())
    submit(kube, "stop", "Stop", servers="0-1", concurrency=2).wait_end("Completed")
    assert driving.uids(app.pods()) == {pod(2): pods[pod(2)]}
    assert driving.uids(app.servers()) == servers
    power = {name: each.get("status", {}).get("power") for name, each in app.servers().items()}
    assert power == {pod(0): "Stopped", pod(1): "Stopped", pod(2): "Running"}
    # That is as asked: nobody is at work on it.
    app.wait_for_reason("Stopped")
    assert not app.says("Reconciling")
    submit(kube, "start", "Start", servers="0-1", concurrency=2).wait_end("Completed")
    app.wait_ready()
    again = driving.uids(app.pods())
    assert set(again) == set(pods)
    assert {name for name in pods if again[name] == pods[name]} == {pod(2)}
    assert driving.uids(app.servers()) == servers


def test_stop_is_remembered_of_what_is_made_later(kube: Kube) -> None:
    """A stopped set grows, and loses a Server, without a pod; after a Start all of them run."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    submit(kube, "stop", "Stop", concurrency=2).wait_end("Completed")
    app.component("web")["replicas"] = 3
    app.apply()
    gone = driving.uids(app.servers())[pod(0)]
    kube.delete(Resource.SERVERS, pod(0))
    kube.wait_until(
        "all three are there, stopped",
        lambda: (
            len(app.servers()) == 3
            and driving.uids(app.servers()).get(pod(0), gone) != gone
            and {each.get("status", {}).get("power") for each in app.servers().values()}
            == {"Stopped"}
        ),
    )
    app.wait_for_reason("Stopped")
    assert app.pods() == {}
    assert "ServerSet/shop-web" in {each["object"] for each in app.status()["blockedBy"]}
    submit(kube, "start", "Start", concurrency=3).wait_end("Completed")
    app.wait_ready()
    assert len(app.pods()) == 3


def test_replace_makes_servers_anew(kube: Kube) -> None:
    """Each targeted server gets another pod under its name, exactly once; the object stays."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    servers, pods = driving.uids(app.servers()), driving.uids(app.pods())
    submit(kube, "go", "Replace", servers="0,2", concurrency=1).wait_end("Completed")
    app.wait_ready()
    again = driving.uids(app.pods())
    assert {name for name in pods if again[name] != pods[name]} == {pod(0), pod(2)}
    assert driving.uids(app.servers()) == servers
    assert births(kube) == {pod(0): 2, pod(1): 1, pod(2): 2}


def test_roll_back_returns_to_the_last_proven_revision(kube: Kube) -> None:
    """A rollout that is stuck goes back to what ran before; nothing proven, nothing to go to."""
    app = kube.app(component(replicas=2, rollout={"maxUnavailable": 1}))
    app.apply()
    app.wait_ready()
    early = submit(kube, "early", "RollBack")
    early.wait_end("Failed")
    assert "NothingProven" in early.end()["message"]
    app.set_image("app:broken")
    kube.wait_until(
        "the rollout is stuck",
        lambda: "app:broken" in driving.images(app.pods()).values(),
    )
    submit(kube, "go", "RollBack").wait_end("Completed")
    kube.wait_until(
        "the proven revision runs", lambda: driving.running(app.pods().values()) == {"app:1"}
    )
    app.wait_for_reason("RolledBack", "Stalled")
    found = app.found()
    assert found is not None
    written = found["spec"]["components"][0]["template"]["spec"]["containers"][0]["image"]
    assert written == "app:broken"


def test_roll_back_leaves_a_proven_revision_for_the_one_before(kube: Kube) -> None:
    """Each time one proven revision further back, until there is none; retry-now ends it all."""
    app = kube.app(component(replicas=2, rollout={"maxUnavailable": 2}))
    for number in (1, 2, 3):
        app.set_image(f"app:{number}")
        app.wait_ready()
    for number in (2, 1):
        submit(kube, f"to-{number}", "RollBack").wait_end("Completed")
        assert driving.running(app.pods().values()) == {f"app:{number}"}
        app.wait_for_reason("RolledBack", "Stalled")
    last = submit(kube, "last", "RollBack")
    last.wait_end("Failed")
    assert "NothingProven" in last.end()["message"]
    app.annotate(retry_now="1")
    app.wait_ready()
    assert driving.running(app.pods().values()) == {"app:3"}
    submit(kube, "named", "RollBack", parameters={"revision": "1"}).wait_end("Completed")
    assert driving.running(app.pods().values()) == {"app:1"}


def test_history_tells_who_asked_for_what_and_how_it_ended(kube: Kube) -> None:
    """The application remembers its operations when they are gone; who asked cannot be forged."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    forged = {"metadata": {"annotations": {names.REQUESTED_BY_ANNOTATION: "somebody else"}}}
    submit(kube, "first", "Restart").wait_end("Completed")
    kube.patch(Resource.OPERATIONS, "first", forged)
    second = submit(kube, "second", "Steps", steps=[job("work", "fail")], recovery={"attempts": 1})
    second.wait_end("Failed")
    for name in ("first", "second"):
        kube.delete(Resource.OPERATIONS, name)
    kube.wait_until("they are gone", lambda: not kube.list(Resource.OPERATIONS))
    told = kube.wait_until(
        "both are remembered",
        lambda: found if len(found := app.status().get("operations", [])) == 2 else [],
    )
    me = kube.whoami()
    assert [
        (each["name"], each["action"], each["result"], each["requestedBy"]) for each in told
    ] == [
        ("first", "Restart", "Completed", me),
        ("second", "Steps", "Failed", me),
    ]
    assert all(each["requestTime"] <= each["completionTime"] for each in told)
    kube.wait_until("Events tell it", lambda: events_of(kube, "shop") >= {"Completed", "Failed"})
    # Kubernetes collects the Job of a step in its own time, and a test is judged by what it leaves.
    kube.wait_until("the Job is collected", lambda: not kube.list(Resource.JOBS))
    assert app.ready()


def test_update_and_restart_of_the_same_servers_do_not_fight(kube: Kube) -> None:
    """Both come to their end, on servers at the new revision; no server is made more than twice."""
    app = kube.app(component(replicas=6, rollout={"maxUnavailable": 2, "inPlace": "Never"}))
    app.apply()
    app.wait_ready()
    one = submit(kube, "go", "Restart", concurrency=2)
    app.set_env("2")
    one.wait_end("Completed")
    app.wait_ready()
    assert one.status()["progress"] == "6/6"
    seen = {
        each["spec"]["containers"][0].get("env", [{}])[0].get("value")
        for each in app.pods().values()
    }
    assert seen == {"2"}
    assert set(births(kube).values()) <= {2, 3}


def test_server_that_a_new_spec_removes_ends_its_task(kube: Kube) -> None:
    """Scaled down in the middle, the operation completes with the servers that stay."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    one = submit(kube, "go", "Steps", steps=[job("work", "hang")], concurrency=3)
    kube.wait_until("all are at it", lambda: len(jobs(kube)) == 3)
    app.component()["replicas"] = 2
    app.apply()
    kube.wait_until("one is gone", lambda: len(app.servers()) == 2)
    for number in (0, 1):
        decide(kube, number, "work", "ready")
    one.wait_end("Completed")
    assert one.status()["progress"] == "2/2"
    app.wait_ready()


def test_what_the_fleet_cannot_do_is_refused_with_a_reason(kube: Kube) -> None:
    """Pods cannot be snapshot: the operation fails before any server is touched, and says why."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    before = {name: each["metadata"]["resourceVersion"] for name, each in app.servers().items()}
    for action in ("Snapshot", "Restore"):
        one = submit(kube, action.lower(), action)
        one.wait_end("Failed")
        assert f"NotSupported: fleet pods cannot do {action}" in one.end()["message"]
    after = {name: each["metadata"]["resourceVersion"] for name, each in app.servers().items()}
    assert after == before
    app.wait_ready()
