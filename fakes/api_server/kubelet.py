"""A scheduler and kubelets: pods are placed, start, become ready, restart and end, in virtual time.

Tests say by `behave` what becomes of a pod; without it every pod is ready after `start_seconds`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from controller.api import clock
from controller.api.resources import Resource
from fakes.api_server import affinity
from fakes.api_server.registry import Registry
from fakes.api_server.storage import Cause, Event, Json, Key


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What becomes of a pod.

    `fate` is Ready, Unready (its probe fails), Unschedulable or SchedulingGated, or the reason of a
    container that waits (ImagePullBackOff, CrashLoopBackOff, …), or Failed, or OutOfcpu and the
    like, for a pod that ends so. `message` is what the scheduler or the kubelet says of it.
    `ends` are how often its containers end with 1, `runs_seconds` after they began: without a probe
    they are ready until then, and after each end they wait as a kubelet has them wait. `end_reason`
    is OOMKilled where they are ended for their memory.
    `resize` is Deferred or Infeasible where the node does not give a running pod what it asks for.
    """

    fate: str = "Ready"
    resize: str = ""
    ends: int = 0
    end_reason: str = "Error"
    runs_seconds: float = 0.5
    message: str = ""
    schedule_seconds: float = 0.05
    start_seconds: float = 1.0
    stop_seconds: float = 0.5
    restart_seconds: float = 1.0


# For how long a kubelet has a container wait that ended again, at first and at most.
_BACK_OFF, _LONGEST_BACK_OFF = 10.0, 300.0
# What a scheduler says of pods that it places on no node.
_UNPLACED = ("Unschedulable", "SchedulingGated", "SchedulerError")
_BIND = Cause(verb="create", actor="scheduler", subresource="binding")
_END = Cause(verb="patch", actor="kubelet", subresource="status")

Behave = Callable[[Json], Behaviour]


class Kubelet:
    """All nodes of a cluster in one.

    Pods that are bound to a `lost` node are left as they are; no further one is bound to it, nor to
    a `cordoned` one: Kubernetes taints both, so that no scheduler places a pod there.
    Nodes are dealt out to `zones`; a pod goes where its node affinity says, and bears the zone's
    label from then on.
    """

    def __init__(
        self, behave: Behave | None = None, *, nodes: int = 3, zones: Sequence[str] = ()
    ) -> None:
        self.behave: Behave = behave or (lambda _: Behaviour())
        self.lost: set[str] = set()
        self.cordoned: set[str] = set()
        self._nodes = [f"node-{number}" for number in range(nodes)]
        # The zone of each node, where it says one: whoever changes a node's label changes this.
        self.zones = dict(zip(self._nodes, itertools.cycle(zones), strict=False)) if zones else {}
        self._turn = itertools.count()
        self._container = itertools.count(1)
        self._registry: Registry

    def attach(self, registry: Registry) -> None:
        """Serve a cluster; called by its API server."""
        self._registry = registry
        registry.storage.listeners.append(self._see)

    def fail(
        self, namespace: str, name: str, *, reason: str = "Evicted", message: str = ""
    ) -> None:
        """End a pod as Failed, as an eviction or a lost node does."""
        pod = self._registry.need(Resource.PODS, namespace, name)
        conditions = self._conditions(pod, ready=False, why="PodFailed")
        status = {**pod["status"], "phase": "Failed", "reason": reason, "conditions": conditions}
        status |= {"message": message} if message else {}
        self._registry.set_status(Resource.PODS, (namespace, name), status, actor="kubelet")

    def unready(self, namespace: str, name: str) -> None:
        """Let a pod's readiness probe fail until `ready`."""
        self._set_ready((namespace, name), ready=False)

    def ready(self, namespace: str, name: str) -> None:
        """Let a pod's readiness probe pass again."""
        self._set_ready((namespace, name), ready=True)

    def place(self, namespace: str, name: str) -> None:
        """Have a pod that found no node tried again, as when one has come."""
        key = (namespace, name)
        self._schedule(key, self._registry.need(Resource.PODS, *key))

    def resize(self, namespace: str, name: str) -> None:
        """Have the node of a pod that waits for its new size look again."""
        key = (namespace, name)
        self._restart(key, self._registry.need(Resource.PODS, *key))

    def return_node(self, node: str) -> None:
        """Let a lost node come back: what it left undone is done."""
        self.lost.discard(node)
        for key, pod in list(self._registry.storage.objects[Resource.PODS].items()):
            if pod["spec"].get("nodeName") == node:
                self._start_or_stop(key, pod)

    def _see(self, resource: Resource, event: Event) -> None:
        if resource is not Resource.PODS or event.after is None:
            return
        pod, before = event.after, event.before
        if before is None:
            self._later(self.behave(pod).schedule_seconds, self._schedule, event.key, pod)
        elif _is_going(pod) and not _is_going(before):
            self._start_or_stop(event.key, pod)
        elif _generation(pod) != _generation(before):
            # Whatever it is of the spec, the kubelet says that it has seen it.
            self._later(self.behave(pod).restart_seconds, self._restart, event.key, pod)

    def _start_or_stop(self, key: Key, pod: Json) -> None:
        behaviour = self.behave(pod)
        if _is_going(pod):
            grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
            self._later(min(behaviour.stop_seconds, grace), self._stop, key, pod)
        else:
            self._later(behaviour.start_seconds, self._start, key, pod)

    def _later(self, seconds: float, act: Callable[[Key, Json], None], key: Key, pod: Json) -> None:
        """Do something to a pod later, if it is then still there and its node too."""
        uid = pod["metadata"]["uid"]

        def run() -> None:
            now = self._registry.find(Resource.PODS, *key)
            if now is None or now["metadata"]["uid"] != uid:
                return
            if now["spec"].get("nodeName") not in self.lost:
                act(key, now)

        asyncio.get_running_loop().call_later(seconds, run)

    def _schedule(self, key: Key, pod: Json) -> None:
        if _is_going(pod) or pod["spec"].get("nodeName"):
            return
        told = self.behave(pod)
        if told.fate in _UNPLACED:
            unplaced = self._condition(pod, "PodScheduled", "False", told.fate)
            count = len(self._nodes)
            words = told.message or f"0/{count} nodes are available: {count} Insufficient cpu."
            self._status(key, {**pod["status"], "conditions": [{**unplaced, "message": words}]})
            return
        placed = self._condition(pod, "PodScheduled", "True", "")
        closed = self.cordoned | self.lost
        open_ones = affinity.fitting(
            pod, [each for each in self._nodes if each not in closed], self.zones
        )
        if not open_ones:
            self._later(1.0, self._schedule, key, pod)  # tried again as nodes take pods anew
            return
        node = open_ones[next(self._turn) % len(open_ones)]
        # Binding is a write of its own: it may set what no patch may.
        bound = {
            **pod,
            "metadata": affinity.labelled(pod["metadata"], self.zones.get(node, "")),
            "spec": {**pod["spec"], "nodeName": node},
            "status": {**pod["status"], "conditions": [placed]},
        }
        self._registry.storage.commit(Resource.PODS, key, bound, _BIND)
        self._later(self.behave(pod).start_seconds, self._start, key, pod)

    def _start(self, key: Key, pod: Json) -> None:
        if _is_going(pod) or pod["status"].get("phase") in ("Succeeded", "Failed"):
            return
        told = self.behave(pod)
        fate = told.fate
        if fate == "Failed" or fate.startswith("OutOf"):
            reason = "ContainerFailed" if fate == "Failed" else fate
            self.fail(*key, reason=reason, message=told.message)
            return
        ready = fate == "Ready"
        runs = ready or fate == "Unready"
        waiting = {"reason": fate, "message": told.message}
        states: list[Json] = []
        for each in pod["spec"].get("containers", ()):
            state: Json = {"running": {}} if runs else {"waiting": waiting}
            states.append(self._container_status(each, ready=ready, state=state, restarts=0))
        self._status(
            key,
            {
                **pod["status"],
                "phase": "Running" if runs or fate == "CrashLoopBackOff" else "Pending",
                "podIP": f"10.0.{next(self._container) // 250 % 250}.{next(self._container) % 250}",
                "observedGeneration": pod["metadata"].get("generation", 1),
                "conditions": self._conditions(pod, ready=ready),
                "containerStatuses": states,
            },
        )
        if told.ends:
            self._later(told.runs_seconds, self._end, key, pod)

    def _end(self, key: Key, pod: Json) -> None:
        """End the containers with 1, and have them wait until they are started again."""
        if _is_going(pod):
            return
        ended = [
            {**each, "ready": False, "state": {"terminated": self._exit(each, self.behave(pod))}}
            for each in pod["status"]["containerStatuses"]
        ]
        self._show(key, pod, ended)
        # The first time it begins at once.
        again = ended[0]["restartCount"] > 0
        self._later(1.0, self._wait if again else self._begin, key, pod)

    def _wait(self, key: Key, pod: Json) -> None:
        restarts = pod["status"]["containerStatuses"][0]["restartCount"]
        seconds = min(_BACK_OFF * 2 ** (restarts - 1), _LONGEST_BACK_OFF)
        message = f"back-off {seconds:.0f}s restarting failed container"
        wait = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self._show(
            key,
            pod,
            [
                {**each, "state": wait, "lastState": each["state"]}
                for each in pod["status"]["containerStatuses"]
            ],
        )
        self._later(seconds, self._begin, key, pod)

    def _begin(self, key: Key, pod: Json) -> None:
        told = self.behave(pod)
        ready = told.fate == "Ready"
        run = {"running": {"startedAt": self._stamp()}}
        states = []
        for each in pod["status"]["containerStatuses"]:
            end = each["state"].get("terminated") or each["lastState"]["terminated"]
            count = each["restartCount"] + 1
            identity = f"sim://{next(self._container):08x}"
            again = {"ready": ready, "state": run, "lastState": {"terminated": end}}
            states.append({**each, **again, "restartCount": count, "containerID": identity})
        self._show(key, pod, states)
        if states[0]["restartCount"] < told.ends:
            self._later(told.runs_seconds, self._end, key, pod)

    def _exit(self, status: Json, told: Behaviour) -> Json:
        end = {"exitCode": 1, "reason": told.end_reason, "message": told.message}
        times = {"startedAt": self._stamp(), "finishedAt": self._stamp()}
        return {**end, **times, "containerID": status["containerID"]}

    def _show(self, key: Key, pod: Json, states: list[Json]) -> None:
        conditions = self._conditions(pod, ready=all(each["ready"] for each in states))
        self._status(key, {**pod["status"], "conditions": conditions, "containerStatuses": states})

    def _stamp(self) -> str:
        return clock.stamp(self._registry.storage.now())

    def silence(self, node: str) -> None:
        """Have a node stop answering, and its pods marked as the node controller marks them."""
        self.lost.add(node)
        for key, pod in list(self._registry.storage.objects[Resource.PODS].items()):
            if pod["spec"].get("nodeName") != node:
                continue
            kept = [each for each in pod["status"]["conditions"] if each["type"] != "Ready"]
            marks = [
                self._condition(pod, "ContainersReady", "True", ""),
                self._condition(pod, "Ready", "False", ""),
            ]
            status = {**pod["status"], "conditions": [*kept, *marks]}
            self._registry.set_status(Resource.PODS, key, status, actor="node-controller")

    def _restart(self, key: Key, pod: Json) -> None:
        """Replace the containers whose image changed: until now the old ones were Ready."""
        old = {each["name"]: each for each in pod["status"].get("containerStatuses", ())}
        if _is_going(pod) or not old:
            return
        told = self.behave(pod)
        fate, waits = told.fate, False
        ready = fate == "Ready"
        states = []
        for each in pod["spec"].get("containers", ()):
            known = old.get(each["name"])
            if known is not None and known["image"] == each["image"]:
                resized = known.get("resources", {}) != each.get("resources", {})
                waits |= resized and bool(told.resize)
                if not resized or told.resize or not _restarts(each):
                    has = known if resized and told.resize else _sized(known, each)
                    states.append(has)
                    continue
            restarts = known["restartCount"] + 1 if known else 0
            state: Json = {"running": {}} if ready else {"waiting": {"reason": fate}}
            states.append(self._container_status(each, ready=ready, state=state, restarts=restarts))
        self._status(
            key,
            {
                **pod["status"],
                "observedGeneration": pod["metadata"].get("generation", 1),
                "conditions": [
                    *self._conditions(pod, ready=ready),
                    *(self._unsized(pod, told) if waits else ()),
                ],
                "containerStatuses": states,
            },
        )

    def _unsized(self, pod: Json, told: Behaviour) -> list[Json]:
        message = told.message or "Node didn't have enough resource: cpu"
        return [self._condition(pod, "PodResizePending", "True", told.resize, message)]

    def _stop(self, key: Key, pod: Json) -> None:
        if not pod["metadata"].get("finalizers"):
            self._registry.delete(Resource.PODS, *key, grace_seconds=0, actor="kubelet")
            return
        meta = {**pod["metadata"], "deletionGracePeriodSeconds": 0}
        ended = {**pod, "metadata": meta, "status": {**pod["status"], "phase": "Succeeded"}}
        self._registry.storage.commit(Resource.PODS, key, ended, _END)

    def _set_ready(self, key: Key, *, ready: bool) -> None:
        pod = self._registry.need(Resource.PODS, *key)
        states = [{**each, "ready": ready} for each in pod["status"].get("containerStatuses", ())]
        conditions = self._conditions(pod, ready=ready)
        status = {**pod["status"], "conditions": conditions, "containerStatuses": states}
        self._status(key, status)

    def _status(self, key: Key, status: Json) -> None:
        self._registry.set_status(Resource.PODS, key, status, actor="kubelet")

    def _container_status(
        self, container: Json, *, ready: bool, state: Json, restarts: int
    ) -> Json:
        return {
            "name": container["name"],
            "image": container.get("image", ""),
            "containerID": f"sim://{next(self._container):08x}",
            "ready": ready,
            "restartCount": restarts,
            "state": state,
            **({"resources": container["resources"]} if container.get("resources") else {}),
        }

    def _conditions(self, pod: Json, *, ready: bool, why: str = "") -> list[Json]:
        reason = why or ("" if ready else "ContainersNotReady")
        unready = [each["name"] for each in pod["spec"].get("containers", ())]
        told = f"containers with unready status: [{' '.join(unready)}]"
        message = told if reason == "ContainersNotReady" else ""
        return [
            self._condition(pod, "PodScheduled", "True", ""),
            self._condition(pod, "Ready", "True" if ready else "False", reason, message),
        ]

    def _condition(self, pod: Json, kind: str, status: str, reason: str, message: str = "") -> Json:
        before: list[Json] = pod["status"].get("conditions", [])
        for each in before:
            if each["type"] == kind and each["status"] == status:
                return each
        made: dict[str, Any] = {"type": kind, "status": status, "reason": reason}
        made |= {"message": message} if message else {}
        return {**made, "lastTransitionTime": clock.stamp(self._registry.storage.now())}


def _restarts(container: Json) -> bool:
    """Return whether a container starts anew where its resources change."""
    policies = container.get("resizePolicy", ())
    return any(each["restartPolicy"] == "RestartContainer" for each in policies)


def _sized(status: Json, container: Json) -> Json:
    return {**status, **({"resources": container["resources"]} if "resources" in container else {})}


def _is_going(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _generation(pod: Json) -> int:
    return int(pod["metadata"].get("generation", 1))
