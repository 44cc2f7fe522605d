"""Operations on a real node: commands, requests, Jobs and restarts of real processes.

The operator is a process of its own, under the chart's ServiceAccount, to be killed at will; what
it did to a server is asked of the server itself.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api.resources import Resource
from devcluster import operator
from tests.e2e import conftest, driving, hindsight, stations
from tests.e2e.driving import App, Kube, Place
from tests.e2e.operating import Op, births, submit, taken_down
from tests.e2e.stations import PORT, Station
from tests.e2e.test_why import typed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases/argosy-leader"
OWN = f"http://$(SERVER_ADDRESS):{PORT}"
# Leaves a line, waits until it may go on, leaves another.
WAITS = "echo begun >>/tmp/log; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo done >>/tmp/log"
FULL = '[ "$0" != 1 ] || { echo no room >&2; exit 3; }'
MIGRATE = 'echo migrate >>/tmp/log; [ "$0" = 0 ] || exit "$1"'
# Neither ends nor heeds a polite word.
NEVER = "echo begun >>/tmp/log; trap '' TERM; while :; do sleep 0.2; done"
JOB = f"""
import time, urllib.error, urllib.request
own = "http://$(SERVER_ADDRESS):{PORT}"
def tell(word):
    request = urllib.request.Request(own + "/log", method="POST")
    request.add_header("Idempotency-Key", word)
    urllib.request.urlopen(request)
tell("begun")
while True:
    try:
        urllib.request.urlopen(own + "/file/go")
        break
    except urllib.error.HTTPError:
        time.sleep(0.1)
tell("done")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, the servers' image on it, and one operator."""
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("real"), conftest.REAL_NODE) as one:
        stations.build(one, tmp_path_factory.mktemp("station"))
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(place, slack=20.0)


def strike(place: Place) -> None:
    """Kill the operator as kill -9 does, and start it again as the kubelet would.

    The Lease is cleared, as the dead cannot: else this would cost its whole duration.
    """
    assert place.cluster is not None
    (one,) = operator.running(place.cluster)
    one.kill()
    place.api.merge(LEASE, {"spec": {"holderIdentity": ""}})
    one.start()


def name_of(number: int) -> str:
    """Return the name of a server."""
    return f"shop-web-{number}"


def station(kube: Kube, number: int) -> Station:
    """Return a server as it can be asked now."""
    return Station(kube, name_of(number))


def shell(script: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """Return what runs a script in a server."""
    return {"exec": {"command": ["sh", "-c", script, *arguments], **more}}


def append(word: str) -> dict[str, Any]:
    """Return what leaves a line in a server."""
    return shell(f"echo {word} >>/tmp/log")


def run(kube: Kube, name: str, *steps: dict[str, Any], **spec: Any) -> Op:
    """Submit an operation of steps, each tried once, on all servers at the same time."""
    spec = {"concurrency": "100%", "recovery": {"attempts": 1}, **spec}
    return submit(kube, name, "Steps", steps=list(steps), **spec)


def failures(one: Op) -> list[tuple[str, str, str]]:
    """Return the servers on which an operation failed, in which step, and how."""
    told = one.status().get("failures") or []
    return [(each["server"], each["step"], each["class"]) for each in told]


def begins(kube: Kube, *numbers: int, word: str = "begun") -> None:
    """Wait until the servers have been left a line."""
    kube.wait_until(
        f"{numbers} have {word}",
        lambda: all(word in station(kube, each).lines() for each in numbers),
    )


def test_commands_run_in_servers_and_tell_how_they_ended(kube: Kube) -> None:
    """Each server is told its own words once; a failing exit status is told with its last words."""
    stations.application(kube, 3)
    one = run(
        kube,
        "go",
        {"name": "greet", **shell('echo "$0 $1" >>/tmp/log', "$(SERVER)", "$(SERVER_ORDINAL)")},
        {
            "name": "check",
            **shell('[ "$0" != 1 ] || { echo no room >&2; exit 3; }', "$(SERVER_ORDINAL)"),
        },
        failureBudget=1,
    )
    one.wait_end("Failed")
    assert one.status()["progress"] == "2/3"
    assert failures(one) == [(name_of(1), "check", "Transient")]
    assert "the command ended with 3: no room" in one.status()["failures"][0]["message"]
    for number in range(3):
        assert station(kube, number).lines() == [f"{name_of(number)} {number}"]


def test_command_that_never_returns_is_ended_in_time(kube: Kube) -> None:
    """After its time it has failed; cancelled, it is gone within the grace, with its children."""
    app = stations.application(kube, 2)
    before = driving.uids(app.pods())
    late = run(kube, "late", {"name": "hang", **shell(NEVER), "timeoutSeconds": 20}, servers="0")
    stuck = run(
        kube, "stuck", {"name": "hang", **shell(NEVER, detached=True)}, servers="1",
        cancelGraceSeconds=2,
    )  # fmt: skip
    begins(kube, 1)
    assert station(kube, 1).runs("trap")
    stuck.edit(cancelled=True)
    stuck.wait_end("Cancelled")
    kube.wait_until("its processes are gone", lambda: not station(kube, 1).runs("trap"))
    late.wait_end("Failed")
    assert failures(late) == [(name_of(0), "hang", "Unknown")]
    assert "20 seconds" in late.status()["failures"][0]["message"]
    assert [station(kube, each).lines() for each in (0, 1)] == [["begun"], ["begun"]]
    assert driving.uids(app.pods()) == before
    app.wait_ready()


def test_g2_killed_between_claim_and_result_acts_at_most_once(place: Place, kube: Kube) -> None:
    """A command is not run again unless it may; a detached one and a Job are found and followed."""
    stations.application(kube, 5)
    container = {
        "name": "main",
        "image": stations.IMAGE,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", JOB],
    }
    job = {"job": {"template": {"spec": {"containers": [container]}}}}
    request = {"http": {"method": "POST", "url": f"{OWN}/hang"}}
    steps = {
        "once": shell(WAITS),
        "again": {**shell(WAITS), "onUnknown": "Rerun"},
        "detached": shell(WAITS, detached=True),
        "job": job,
        "request": {**request, "onUnknown": "Rerun"},
    }
    ops = {
        name: run(kube, name, {"name": "act", **step}, servers=str(number))
        for number, (name, step) in enumerate(steps.items())
    }
    begins(kube, 0, 1, 2, 3)
    kube.wait_until("the request is there", lambda: station(kube, 4).lines("hang"))
    strike(place)
    begun_again = kube.wait_until(
        "it is begun again where it may be",
        lambda: (
            station(kube, 1).lines().count("begun") == 2
            and len(station(kube, 4).lines("hang")) == 2
        ),
    )
    assert begun_again
    for number in range(5):
        station(kube, number).touch("go")
    ops.pop("once").wait_end("Failed")
    for each in ops.values():
        each.wait_end("Completed")
    assert station(kube, 0).lines().count("begun") == 1
    assert station(kube, 2).lines() == ["begun", "done"]
    assert station(kube, 3).lines() == ["begun", "done"]
    assert len(kube.list(Resource.JOBS)) == 1
    # One key for both requests, so that a server that knows it does nothing twice.
    assert len(set(station(kube, 4).lines("hang"))) == 1


def test_requests_go_to_the_servers_own_address_alone(kube: Kube) -> None:
    """They carry the task's id as their key; other places and redirects are not followed."""
    stations.application(kube, 2)
    post = {"method": "POST", "url": f"{OWN}/act"}
    good = run(kube, "good", {"name": "call", "http": post})
    good.wait_end("Completed")
    for number in range(2):
        server = kube.get(Resource.SERVERS, name_of(number)) or {}
        assert station(kube, number).lines("act") == [server["status"]["task"]["id"]]
    neighbour = f"http://{station(kube, 1).address}:{PORT}/act"
    bad = {
        "neighbour": {"method": "POST", "url": neighbour},
        "cluster": {"url": "https://kubernetes.default.svc/api"},
        "moved": {"method": "POST", "url": f"{OWN}/moved"},
        "broken": {"method": "POST", "url": f"{OWN}/broken"},
    }
    told = {}
    for name, request in bad.items():
        one = run(kube, name, {"name": "call", "http": request}, servers="0")
        one.wait_end("Failed")
        told[name] = one.status()["failures"][0]
    for name in ("neighbour", "cluster"):
        assert told[name]["class"] == "Terminal"
        assert "own address" in told[name]["message"]
    assert "302" in told["moved"]["message"]
    assert "500" in told["broken"]["message"]
    assert [len(station(kube, each).lines("act")) for each in (0, 1)] == [1, 1]


def test_jobs_run_beside_servers(kube: Kube) -> None:
    """A step of scope Once is one Job; one that fails fails the operation, with its reason."""
    stations.application(kube, 2)

    def job(code: int) -> dict[str, Any]:
        container = {
            "name": "main",
            "image": stations.IMAGE,
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", f"exit {code}"],
        }
        return {"job": {"template": {"spec": {"containers": [container]}}}}

    good = run(kube, "good", {"name": "work", "scope": "Once", **job(0)})
    good.wait_end("Completed")
    assert len(kube.list(Resource.JOBS)) == 1
    bad = run(kube, "bad", {"name": "work", **job(7)}, servers="0")
    bad.wait_end("Failed")
    assert failures(bad) == [(name_of(0), "work", "Transient")]
    assert (
        "BackoffLimitExceeded" in bad.status()["failures"][0]["message"]
        or "failed" in (bad.status()["failures"][0]["message"])
    )


def test_g10_revert_undoes_last_step_first(kube: Kube) -> None:
    """When one server fails for good, all undo what they did, in the opposite order."""
    stations.application(kube, 2)
    one = run(
        kube,
        "go",
        {"name": "add", **append("add"), "compensate": append("remove")},
        {"name": "open", **append("open"), "compensate": append("close")},
        {"name": "check", **shell('[ "$0" != 1 ]', "$(SERVER_ORDINAL)")},
        onFailure="Revert",
        concurrency=1,
    )
    one.wait_end("Reverted")
    for number in range(2):
        assert station(kube, number).lines() == ["add", "open", "close", "remove"]


def test_cancel_while_reverting_lets_that_go_on_to_its_own_end(kube: Kube) -> None:
    """A compensation that never returns has its step's time; what is left undone is told."""
    app = stations.application(kube, 2)
    one = run(
        kube,
        "go",
        {"name": "add", **append("add"), "compensate": append("remove")},
        {
            "name": "open",
            **append("open"),
            "compensate": shell(NEVER, detached=True),
            "timeoutSeconds": 20,
        },
        {"name": "check", **shell("exit 1")},
        onFailure="Revert",
        cancelGraceSeconds=1,
        recovery={"attempts": 1},
    )
    one.wait_for("Reverting")
    begins(kube, 0, 1)
    one.edit(cancelled=True)
    one.wait_end("Cancelled")
    assert "2 servers could not be reverted" in one.end()["message"]
    for number in range(2):
        assert station(kube, number).lines() == ["add", "open", "begun"]
    kube.wait_until(
        "they are gone", lambda: not any(station(kube, each).runs("trap") for each in (0, 1))
    )
    app.wait_ready()


def test_g8_retry_runs_later_steps_where_they_are_needed(kube: Kube) -> None:
    """A server that has finished is left alone, the others go on at the step that failed."""
    stations.application(kube, 3)
    one = run(
        kube,
        "go",
        {"name": "prepare", **append("prepare")},
        {"name": "migrate", **shell(MIGRATE, "$(SERVER_ORDINAL)", "$(CODE)")},
        {"name": "check", **append("check")},
        parameters={"CODE": "1"},
        failureBudget=3,
    )
    one.wait_end("Failed")
    assert one.status()["progress"] == "1/3"
    one.edit(retry={"id": "2", "from": "migrate", "parameters": {"CODE": "0"}})
    kube.wait_until("the retry is under way", lambda: one.status().get("run") == "2")
    one.wait_end("Completed")
    assert station(kube, 0).lines() == ["prepare", "migrate", "check"]
    for number in (1, 2):
        assert station(kube, number).lines() == ["prepare", "migrate", "migrate", "check"]


def test_g5_restart_of_real_processes_keeps_its_concurrency(place: Place, kube: Kube) -> None:
    """A quarter of eight is down at most, through a kill -9, and each is made once more."""
    app = stations.application(kube, 8)
    before = driving.uids(app.pods())
    one = submit(kube, "go", "Restart", concurrency="25%")
    kube.wait_until("some are done", lambda: one.status().get("succeeded", 0) >= 2)
    strike(place)
    one.wait_end("Completed")
    app.wait_ready()
    after = driving.uids(app.pods())
    assert not set(after.values()) & set(before.values())
    assert all(not station(kube, number).lines() for number in range(8))
    assert max(map(len, taken_down(kube.history()))) == 2
    assert births(kube) == {name_of(number): 2 for number in range(8)}


@pytest.mark.parametrize("phase", ["running", "paused", "reverting"])
def test_delete_cuts_across_commands_that_never_return(kube: Kube, phase: str) -> None:
    """The application goes at once, whatever its operation is at; what waits ends, too."""
    app = stations.application(kube, 2)
    failing = {"name": "check", **shell("exit 1")}
    step = {"name": "hang", **shell(NEVER)}
    if phase == "reverting":
        step = {"name": "hang", **append("act"), "compensate": shell(NEVER)}
    one = run(kube, "go", step, failing, onFailure="Revert", cancelGraceSeconds=600)
    queued = submit(kube, "queued", "Restart")
    begins(kube, 0, 1)
    if phase == "paused":
        one.edit(paused=True)
        one.wait_for("Paused")
    app.delete()
    for each in (one, queued):
        each.wait_end("ApplicationDeleted")
    app.wait_gone()
    seconds = hindsight.until_teardown(kube.history(), "shop")
    print(f"{phase}: first teardown {seconds:.3f} s after the delete")  # noqa: T201 - shown by -s


def test_deleting_an_operation_cancels_its_command_first(kube: Kube) -> None:
    """The object stays until the command has been ended, and then it goes; servers run on."""
    app = stations.application(kube, 1)
    run(kube, "go", {"name": "hang", **shell(NEVER, detached=True)}, cancelGraceSeconds=1)
    begins(kube, 0)
    kube.delete(Resource.OPERATIONS, "go")
    kube.wait_until("it is gone", lambda: not kube.get(Resource.OPERATIONS, "go"))
    # It heeds nothing, so it is killed when its grace is over: as the operation ends, not before.
    kube.wait_until("its command is gone", lambda: not station(kube, 0).runs("trap"))
    app.wait_ready()


def failing(kube: Kube, name: str, pod: dict[str, Any], container: dict[str, Any]) -> App:
    """Apply an application of one station that is changed so that it cannot come up."""
    app = kube.app(stations.component(1), name=name)
    app.component()["template"]["spec"].update(pod)
    app.container().update(container)
    app.apply()
    return app


def tells(app: App, words: str) -> bool:
    """Return whether the application's Ready condition has these words."""
    return words in app.says("Ready").get("message", "")


def test_why_has_the_words_of_the_kubelet(kube: Kube, place: Place) -> None:
    """A missing image, a crash, a failing probe, a full node: told of each application, by `why`.

    They fail side by side, as a probe must have failed for minutes to be told.
    """
    assert place.cluster is not None
    (node,) = kube.api.get("/api/v1/nodes")["items"]
    nowhere = "127.0.0.1:1/nowhere:1"
    dies = ["sh", "-c", "echo no database >&2; exit 3"]
    silent = {"httpGet": {"path": "/", "port": PORT + 1}, "periodSeconds": 1}
    much = {"requests": {"cpu": "1000"}}
    here = {"nodeName": node["metadata"]["name"]}
    apps = {
        nowhere: failing(kube, "image", {}, {"image": nowhere, "imagePullPolicy": "IfNotPresent"}),
        "container main exited with 3 (Error)": failing(kube, "crash", {}, {"command": dies}),
        "containers with unready status: [main]": failing(
            kube, "probe", {}, {"readinessProbe": silent}
        ),
        "Node didn't have enough resource: cpu": failing(kube, "full", here, {"resources": much}),
    }
    for words, app in apps.items():
        kube.wait_until(
            f"{app.name} says why",
            functools.partial(tells, app, words),
            300,
        )
        assert f"Server/{app.name}-web-0" in app.blocked_by()
        said = typed(kube, place.cluster.kubeconfig, "why", f"application/{app.name}")
        assert words in said
        assert f"Server/{app.name}-web-0" in said
        assert "kubectl " in said
    for app in apps.values():
        app.delete()
        app.wait_gone()
