"""What a pod means for its server, state by state."""

from typing import Any

import msgspec
import pytest

from controller.api import clock, names, objects
from controller.contract import Phase
from controller.providers.pod import observation as pod_observation

NOW = clock.parse("2026-06-01T12:00:00Z")
EARLIER = "2026-06-01T11:00:00Z"
LATER = "2026-06-01T11:30:00Z"


def server(**status: Any) -> objects.Server:
    """Return shop-web-3 with a status."""
    return objects.Server(
        metadata=objects.Meta(name="shop-web-3", namespace="prod", uid="server-uid"),
        spec=objects.ServerSpec(application="shop", component="web", ordinal=3, revision="new"),
        status=objects.ServerStatus(**status),
    )


def labels(**changed: str | None) -> dict[str, str]:
    """Return the labels that Argosy gives the pod of incarnation 2, some changed or taken away."""
    wanted = names.labels("shop", "web", "shop-web-3")
    wanted |= {names.INCARNATION_LABEL: "2", names.REVISION_LABEL: "old"}
    for key, value in changed.items():
        full = f"argosy.dev/{key}"
        if value is None:
            del wanted[full]
        else:
            wanted[full] = value
    return wanted


def condition(kind: str, status: str, **more: str) -> dict[str, str]:
    """Return a pod condition."""
    return {"type": kind, "status": status, "lastTransitionTime": EARLIER, **more}


def container(state: dict[str, Any], identity: str = "c-1") -> dict[str, Any]:
    """Return the status of the container app."""
    return {"name": "app", "containerID": identity, "state": state}


READY = [condition("Ready", "True")]


def pod(
    *, meta: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **status: Any
) -> objects.Pod:
    """Return a pod of server-uid, with parts of it as given."""
    owner = {"apiVersion": "v1", "kind": "Server", "name": "s", "uid": "server-uid"}
    body = {
        "metadata": {
            "name": "shop-web-3",
            "namespace": "prod",
            "uid": "pod-uid",
            "generation": 1,
            "labels": labels(),
            "ownerReferences": [{**owner, "controller": True}],
            **(meta or {}),
        },
        "spec": {"nodeName": "node-a", **(spec or {})},
        "status": {"phase": "Running", **status},
    }
    return msgspec.json.decode(msgspec.json.encode(body), type=objects.Pod)


def observe(seen: objects.Pod, of: objects.Server | None = None) -> Any:
    """Return what is observed now."""
    return pod_observation.observe(seen, of or server(), (), NOW)


def test_a_ready_pod() -> None:
    """Running and ready since its condition says so, on its node, at its address."""
    seen = observe(pod(conditions=READY, podIP="10.0.0.1"))
    assert (seen.phase, seen.ready, seen.ready_since) == (Phase.RUNNING, True, clock.parse(EARLIER))
    assert (seen.id, seen.zone, seen.addresses) == ("pod-uid", "node-a", ("10.0.0.1",))
    assert (seen.incarnation, seen.revision, seen.drift) == (2, "old", ())


def test_the_zone_is_the_nodes_where_it_has_one() -> None:
    """The API server copies the node's zone to its pods; without one, the node is the zone."""
    placed = labels() | {"topology.kubernetes.io/zone": "az1"}
    assert observe(pod(meta={"labels": placed}, conditions=READY)).zone == "az1"
    assert observe(pod(conditions=READY)).zone == "node-a"


def test_readiness_counts_only_while_running() -> None:
    """A pod on its way out is not ready, though its condition may still say so."""
    seen = observe(pod(meta={"deletionTimestamp": "2026-06-01T12:00:10Z"}, conditions=READY))
    assert (seen.phase, seen.ready) == (Phase.TERMINATING, False)


@pytest.mark.parametrize(
    ("status", "phase", "reason", "error_class"),
    [
        ({"phase": "Pending"}, Phase.PENDING, "", ""),
        (
            {
                "phase": "Pending",
                "conditions": [
                    condition("PodScheduled", "False", reason="Unschedulable", message="0/3")
                ],
            },
            Phase.PENDING,
            "Unschedulable",
            "Waiting",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": [container({"waiting": {"reason": "ContainerCreating"}})],
            },
            Phase.PENDING,
            "",
            "",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": [container({"waiting": {"reason": "ImagePullBackOff"}})],
            },
            Phase.PENDING,
            "ImagePullBackOff",
            "Transient",
        ),
        (
            {
                "phase": "Pending",
                "initContainerStatuses": [container({"waiting": {"reason": "ErrImagePull"}})],
            },
            Phase.PENDING,
            "ErrImagePull",
            "Transient",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": [container({"waiting": {"reason": "InvalidImageName"}})],
            },
            Phase.PENDING,
            "InvalidImageName",
            "Terminal",
        ),
        (
            {
                "phase": "Running",
                "conditions": [condition("Ready", "False", reason="ContainersNotReady")],
                "containerStatuses": [container({"waiting": {"reason": "CrashLoopBackOff"}})],
            },
            Phase.RUNNING,
            "CrashLoopBackOff",
            "Transient",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, Phase.FAILED, "Evicted", "Waiting"),
        ({"phase": "Failed", "reason": "OutOfpods"}, Phase.FAILED, "OutOfpods", "Waiting"),
        (
            {
                "phase": "Failed",
                "reason": "SysctlForbidden",
                "message": "Pod was rejected: forbidden sysctl",
            },
            Phase.FAILED,
            "SysctlForbidden",
            "Waiting",
        ),
        (
            {
                "phase": "Failed",
                "reason": "DeadlineExceeded",
                "message": "Pod was active on the node longer than the specified deadline",
            },
            Phase.FAILED,
            "DeadlineExceeded",
            "Transient",
        ),
        (
            {
                "phase": "Failed",
                "containerStatuses": [
                    container({"terminated": {"reason": "OOMKilled", "exitCode": 137}})
                ],
            },
            Phase.FAILED,
            "OOMKilled",
            "Transient",
        ),
        ({"phase": "Failed"}, Phase.FAILED, "Error", "Transient"),
        ({"phase": "Succeeded"}, Phase.FAILED, "Completed", "Transient"),
        ({"phase": "Unknown"}, Phase.UNREACHABLE, "NodeLost", "Transient"),
        (
            {
                "phase": "Running",
                "conditions": [condition("Ready", "False"), condition("ContainersReady", "True")],
            },
            Phase.RUNNING,
            "NodeSilent",
            "Waiting",
        ),
        (
            {
                "phase": "Running",
                "conditions": [
                    condition("Ready", "False", reason="ReadinessGatesNotReady"),
                    condition("ContainersReady", "True"),
                ],
            },
            Phase.RUNNING,
            "ReadinessGatesNotReady",
            "",
        ),
    ],
)
def test_states_and_their_reasons(
    status: dict[str, Any], phase: Phase, reason: str, error_class: str
) -> None:
    """Each state that a pod can be in has one phase, and a reason where somebody must look."""
    seen = observe(pod(**status))
    assert (seen.phase, seen.reason, seen.error_class) == (phase, reason, error_class)
    assert not seen.ready


@pytest.mark.parametrize(
    ("made", "node", "claims", "error_class"),
    [
        ("2026-06-01T11:59:31Z", "", True, ""),
        ("2026-06-01T11:59:30Z", "", True, "Waiting"),
        ("2026-06-01T11:59:31Z", "", False, "Waiting"),
        ("2026-06-01T11:59:31Z", "node-a", True, "Waiting"),
    ],
)
def test_binding_claims_is_no_trouble(
    made: str, node: str, *, claims: bool, error_class: str
) -> None:
    """The scheduler refuses a pod until its claims are bound: trouble only once that lasts."""
    of = server()
    if claims:
        claim = objects.VolumeClaim(name="data")
        of = msgspec.structs.replace(
            of, spec=msgspec.structs.replace(of.spec, volume_claims=(claim,))
        )
    unbound = condition("PodScheduled", "False", reason="Unschedulable", message="unbound")
    found = pod(
        meta={"creationTimestamp": made},
        spec={"nodeName": node},
        phase="Pending",
        conditions=[unbound],
    )
    seen = observe(found, of)
    assert (seen.phase, seen.message, seen.error_class) == (Phase.PENDING, "unbound", error_class)


@pytest.mark.parametrize(
    ("meta", "spec", "phase", "reason"),
    [
        ({"deletionTimestamp": "2026-06-01T12:00:20Z"}, {}, Phase.TERMINATING, ""),
        ({"deletionTimestamp": "2026-06-01T11:59:45Z"}, {}, Phase.TERMINATING, ""),
        ({"deletionTimestamp": "2026-06-01T11:59:00Z"}, {}, Phase.UNREACHABLE, "NodeLost"),
        ({"deletionTimestamp": "2026-06-01T11:59:00Z"}, {"nodeName": ""}, Phase.TERMINATING, ""),
        (
            {"deletionTimestamp": "2026-06-01T11:00:00Z", "finalizers": ["example.com/x"]},
            {},
            Phase.TERMINATING,
            "Finalizers",
        ),
    ],
)
def test_a_pod_that_goes(
    meta: dict[str, Any], spec: dict[str, Any], phase: Phase, reason: str
) -> None:
    """It is going until long past its grace; then, unless held by others, its node is silent."""
    seen = observe(pod(meta=meta, spec=spec, conditions=READY))
    assert (seen.phase, seen.reason) == (phase, reason)
    assert seen.since == clock.parse(meta["deletionTimestamp"])


SILENT = [condition("Ready", "False"), condition("ContainersReady", "True")]
EVICTED = condition(
    "DisruptionTarget", "True", reason="DeletionByTaintManager", message="Taint manager: deleting"
)
DRAINED = condition("DisruptionTarget", "True", reason="EvictionByEvictionAPI", message="evicting")
UNREADY_ONE = condition("Ready", "False", reason="ContainersNotReady")
# As the pod below is told to go, and a second later.
ENDED = UNREADY_ONE | {"lastTransitionTime": "2026-06-01T12:04:30Z"}


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ([*SILENT, EVICTED], "NodeSilent"),
        (SILENT, "NodeSilent"),
        # A node that lives ends the pods that a taint evicts, and these become unready.
        ([*READY, EVICTED], ""),
        ([ENDED, EVICTED], ""),
        # One that was not ready before has no mark of its node's silence: the taint tells of it.
        ([UNREADY_ONE, EVICTED], "DeletionByTaintManager"),
        ([UNREADY_ONE, DRAINED], ""),
        ([UNREADY_ONE], ""),
    ],
)
def test_a_pod_that_goes_from_a_silent_node_says_so_at_once(
    conditions: list[dict[str, str]], reason: str
) -> None:
    """Not once its grace is over: nobody counts that. The node is named, and who evicted it."""
    told = {"deletionTimestamp": "2026-06-01T12:05:00Z"}
    seen = observe(
        pod(meta=told, spec={"terminationGracePeriodSeconds": 30}, conditions=conditions)
    )
    assert (seen.phase, seen.reason, seen.abandoned) == (Phase.TERMINATING, reason, False)
    if reason:
        assert "the node node-a" in seen.message
        assert ("Taint manager" in seen.message) is (EVICTED in conditions)


END = {
    "exitCode": 3,
    "reason": "Error",
    "startedAt": "2026-06-01T11:58:00Z",
    "finishedAt": "2026-06-01T11:58:05Z",
    "containerID": "c-0",
    "message": "usage: app\n\nno configuration\n",
}
WAIT = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}}
RUN = {"running": {"startedAt": "2026-06-01T11:59:00Z"}}
LONG_AGO = {"running": {"startedAt": "2026-06-01T11:49:00Z"}}
DONE = {"exitCode": 0, "reason": "Completed"}
UNREADY = ("ContainersNotReady", "")
LASTED = END | {"startedAt": "2026-06-01T09:00:00Z"}


@pytest.mark.parametrize(
    ("state", "last", "restarts", "meta", "told"),
    [
        ({"terminated": END}, {}, 0, {}, ("Error", "Transient")),
        (RUN, {"terminated": END}, 1, {}, ("Error", "Waiting")),
        ({"terminated": END}, {"terminated": END}, 1, {}, ("Error", "Transient")),
        (WAIT, {"terminated": END}, 1, {}, ("CrashLoopBackOff", "Transient")),
        (RUN, {"terminated": END}, 2, {}, ("CrashLoopBackOff", "Waiting")),
        ({"terminated": END}, {"terminated": END}, 2, {}, ("CrashLoopBackOff", "Transient")),
        (RUN, {"terminated": END | {"reason": "OOMKilled"}}, 1, {}, ("OOMKilled", "Waiting")),
        # It ran for hours before: that is no loop.
        (RUN, {"terminated": LASTED}, 7, {}, ("Error", "Waiting")),
        # What happened before it ran for so long is not why it is not ready now.
        (LONG_AGO, {"terminated": END}, 7, {}, UNREADY),
        ({"terminated": DONE}, {}, 0, {}, UNREADY),
        (WAIT, {"terminated": END | DONE}, 3, {}, ("CrashLoopBackOff", "Transient")),
        # On purpose: another image, another size.
        ({"terminated": END}, {}, 0, {names.CHANGED_FROM_ANNOTATION: "c-0"}, UNREADY),
        (RUN, {"terminated": END}, 9, {names.CHANGED_FROM_ANNOTATION: "c-0"}, UNREADY),
        ({"terminated": END}, {}, 0, {names.CHANGED_FROM_ANNOTATION: ""}, UNREADY),
        (RUN, {"terminated": END}, 1, {names.CHANGED_FROM_ANNOTATION: ""}, UNREADY),
    ],
)
def test_a_crash_is_told_at_each_of_its_moments(
    state: dict[str, Any],
    last: dict[str, Any],
    restarts: int,
    meta: dict[str, str],
    told: tuple[str, str],
) -> None:
    """As it ends, waits, and runs again; what was ended on purpose, or long ago, is no crash."""
    found = {**container(state), "restartCount": restarts, "lastState": last}
    seen = observe(
        pod(
            meta={"annotations": meta},
            conditions=[condition("Ready", "False", reason="ContainersNotReady", message="main")],
            containerStatuses=[found],
        )
    )
    assert (seen.reason, seen.error_class) == told
    if told != UNREADY:
        assert seen.message.startswith("container app exited with ")
        assert seen.remedy.startswith("kubectl ")


def test_the_last_line_of_a_crash_is_short_and_its_own() -> None:
    """A container may write a page, or nothing, as its last words: one line of it is told."""
    for said, ends in (("x" * 5000, "x" * 200), ("\n \n", "(Error)"), ("a\nb\n", ": b")):
        state = container({"terminated": END | {"message": said}})
        seen = observe(pod(conditions=[condition("Ready", "False")], containerStatuses=[state]))
        assert seen.message.endswith(ends)
        assert len(seen.message) < 250


def test_a_pod_of_another_is_foreign() -> None:
    """Whatever it looks like, with our labels or with no owner, but for one that was let go of."""
    owner = {"apiVersion": "v1", "kind": "Server", "name": "s", "uid": "other", "controller": True}
    assert observe(pod(meta={"ownerReferences": [owner]})).phase is Phase.FOREIGN
    unlabelled = {"ownerReferences": [], "labels": {names.SERVER_LABEL: "shop-web-3"}}
    assert observe(pod(meta=unlabelled)).phase is Phase.FOREIGN
    assert observe(pod(meta={"ownerReferences": []})).phase is Phase.ABSENT


CHANGED = {names.CHANGED_FROM_ANNOTATION: "c-1,c-2"}


@pytest.mark.parametrize(
    ("annotations", "generation", "status", "changing"),
    [
        ({}, 2, {"observedGeneration": 1, "containerStatuses": [container({})]}, False),
        (CHANGED, 2, {"observedGeneration": 1, "containerStatuses": [container({}, "c-9")]}, True),
        (CHANGED, 2, {"observedGeneration": 2, "containerStatuses": [container({}, "c-1")]}, True),
        (CHANGED, 2, {"observedGeneration": 2, "containerStatuses": [container({}, "c-9")]}, False),
        (CHANGED, 2, {"containerStatuses": [container({}, "c-2")]}, True),
        (CHANGED, 2, {"containerStatuses": [container({}, "c-9")]}, False),
        (
            {names.CHANGED_FROM_ANNOTATION: ""},
            2,
            {"observedGeneration": 2, "containerStatuses": [{"name": "app", "state": {}}]},
            False,
        ),
    ],
)
def test_a_change_in_place_is_complete_when_its_containers_are_new(
    annotations: dict[str, str], generation: int, status: dict[str, Any], changing: bool
) -> None:
    """Ready lies: while a noted container or an older generation is seen, it is not ready."""
    meta = {"annotations": annotations, "generation": generation}
    seen = observe(pod(meta=meta, conditions=READY, **status))
    assert seen.changing is changing
    assert seen.ready is not changing


def test_ready_counts_from_the_new_container() -> None:
    """Ready need not turn False in between: minReadySeconds begin with the container."""
    running = [container({"running": {"startedAt": LATER}}, "c-9")]
    changed = pod(meta={"annotations": CHANGED}, conditions=READY, containerStatuses=running)
    assert observe(changed).ready_since == clock.parse(LATER)
    unchanged = pod(conditions=READY, containerStatuses=running)
    assert observe(unchanged).ready_since == clock.parse(EARLIER)


RECORDED = server(provider=objects.ProviderStatus(id="pod-uid"), incarnation=2, revision="old")
REPLACED = server(provider=objects.ProviderStatus(id="before"), incarnation=1, revision="older")


@pytest.mark.parametrize(
    ("changed", "of", "incarnation", "revision", "drift"),
    [
        ({}, server(), 2, "old", ()),
        ({"component": "db"}, server(), 2, "old", ("label argosy.dev/component",)),
        ({"incarnation": "7"}, RECORDED, 2, "old", ("label argosy.dev/incarnation",)),
        ({"incarnation": None}, RECORDED, 2, "old", ("label argosy.dev/incarnation",)),
        ({"incarnation": "x"}, REPLACED, 0, "old", ("label argosy.dev/incarnation",)),
        ({"incarnation": "3"}, REPLACED, 3, "old", ()),
        ({"revision": None}, RECORDED, 2, "old", ("label argosy.dev/revision",)),
        ({"revision": "newer"}, RECORDED, 2, "newer", ()),
    ],
)
def test_labels_that_others_edited(
    changed: dict[str, str | None],
    of: objects.Server,
    incarnation: int,
    revision: str,
    drift: tuple[str, ...],
) -> None:
    """What was recorded of this very pod outranks labels; what is known to differ is drift."""
    seen = observe(pod(meta={"labels": labels(**changed)}, conditions=READY), of)
    assert (seen.incarnation, seen.revision, seen.drift) == (incarnation, revision, drift)


@pytest.mark.parametrize("seconds", [None, 2, 300])
def test_a_pod_tells_how_long_it_has_to_end(seconds: int | None) -> None:
    """What it was made with counts, whatever its template says today."""
    spec = {} if seconds is None else {"terminationGracePeriodSeconds": seconds}
    assert observe(pod(spec=spec)).grace_seconds == seconds
