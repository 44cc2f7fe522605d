"""The meaning of a cached pod for its server: pure, from the pod alone.

`pod.py` asks it for each look at a server, thousands of times a minute, so it reads each list of
the pod once and makes nothing that it does not return.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from controller import contract
from controller.api import clock, names, objects, resources, tags
from controller.api.builtin_choices import PodConditionType, PodPhase
from controller.api.choices import ErrorClass
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.contract import Phase, alternatives
from controller.planning import ownership
from controller.providers.pod import (
    adoption,
    changes,
    crashes,
    drift,
    manifest,
    placement,
    resizing,
)
from controller.providers.pod.reasons import KubeletReason, PodReason
from controller.reasons import NOTHING, AnyReason, ForeignReason, Vocabulary

# A deletion timestamp lies at the end of the grace period: a kubelet that is still there needs
# seconds more. After this many, nobody is there to confirm that the containers ended.
UNREACHABLE_AFTER = 30.0

# The scheduler says Unschedulable of every pod whose claims are not bound yet, which takes a while
# and is no trouble. Only a pod that is older has some.
BINDING_SECONDS = 30.0

# How a pod is through that runs nothing any more.
_ENDED = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED})

# Why a container waits, where waiting longer may not help; all other reasons are ordinary.
_STUCK: Mapping[str, ErrorClass] = {
    KubeletReason.CRASH_LOOP_BACK_OFF: ErrorClass.TRANSIENT,
    KubeletReason.CREATE_CONTAINER_CONFIG_ERROR: ErrorClass.TRANSIENT,
    KubeletReason.CREATE_CONTAINER_ERROR: ErrorClass.TRANSIENT,
    KubeletReason.ERR_IMAGE_NEVER_PULL: ErrorClass.TRANSIENT,
    KubeletReason.ERR_IMAGE_PULL: ErrorClass.TRANSIENT,
    KubeletReason.IMAGE_INSPECT_ERROR: ErrorClass.TRANSIENT,
    KubeletReason.IMAGE_PULL_BACK_OFF: ErrorClass.TRANSIENT,
    KubeletReason.INVALID_IMAGE_NAME: ErrorClass.TERMINAL,
    KubeletReason.POST_START_HOOK_ERROR: ErrorClass.TRANSIENT,
    KubeletReason.REGISTRY_UNAVAILABLE: ErrorClass.TRANSIENT,
    KubeletReason.RUN_CONTAINER_ERROR: ErrorClass.TRANSIENT,
}

# One is in all that a scheduler says of a claim which keeps a pod from its node.
_OF_CLAIMS = ("persistentvolumeclaim", "storageclass")

# Why a node, or the control plane, ended a pod or did not take it: no fault of the pod's. A
# reason that begins with OutOf names what the node has too little of.
_LOST = frozenset(
    {
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "NodeShutdown",
        "Preempting",
        "Shutdown",
        "Terminated",
        "TopologyAffinityError",
        "UnexpectedAdmissionError",
    }
)
_NO_ROOM = "OutOf"
# How a kubelet's message begins where it did not take a pod, whatever it lacked.
_REJECTED = "Pod was rejected: "

_KNOWN: Mapping[str, Vocabulary] = {str(each): each for each in (*PodReason, *KubeletReason)}

# The name of a pod's or a container's end where nobody gave it a reason.
_NAMELESS_END = KubeletReason.ERROR

Trouble = tuple[AnyReason, str, str]  # reason, message, error class
NO_TROUBLE: Trouble = (NOTHING, "", "")


def is_ours(pod: objects.Pod, server: objects.Server) -> bool:
    """Return whether `server`, and not another that once had its name, controls `pod`."""
    controller = pod.metadata.controller
    return controller is not None and controller.uid == server.metadata.uid


def is_left_over(pod: objects.Pod, server: objects.Server) -> bool:
    """Return whether a server that had this one's name, and is gone, controls `pod`.

    There is but one server of a name, so the cluster collects what another one left.
    """
    owner, meta = pod.metadata.controller, server.metadata
    return (
        owner is not None
        and (owner.kind, owner.name) == (PLACES[Resource.SERVERS].kind, meta.name)
        and owner.uid != meta.uid
    )


def is_let_go(pod: objects.Pod, server: objects.Server) -> bool:
    """Return whether `pod` was made for a server of this name, and nobody controls it any more."""
    spec = server.spec
    labels = names.labels(spec.application, spec.component, server.metadata.name)
    return ownership.is_let_go(pod.metadata, labels)


def incarnation(pod: objects.Pod, server: objects.Server) -> int:
    """Return the incarnation that `pod` is, and 0 where that cannot be known.

    The record of this very pod outranks its label, which anyone may edit: the incarnation
    of a pod never changes.
    """
    status = server.status
    if status.incarnation and status.provider.id == pod.metadata.uid:
        return status.incarnation
    return tags.incarnation(pod.metadata)


def revision(pod: objects.Pod, server: objects.Server) -> str:
    """Return the revision that `pod` is at, as its label says, or as was recorded of this pod."""
    label = pod.metadata.labels.get(names.REVISION_LABEL)
    if label is not None:
        return label
    return server.status.revision if server.status.provider.id == pod.metadata.uid else ""


def own_labels(pod: objects.Pod, server: objects.Server) -> dict[str, str]:
    """Return the labels of ours that `pod` should have, being what it is."""
    return manifest.labels(
        server, incarnation=incarnation(pod, server), revision=revision(pod, server)
    )


def observe(
    pod: objects.Pod, server: objects.Server, volumes: tuple[contract.Volume, ...], now: float
) -> contract.Observation:
    """Return what is seen of `server`, whose name `pod` has."""
    meta = pod.metadata
    if not is_ours(pod, server):
        return _not_ours(pod, server, volumes)
    ready = _condition(pod, PodConditionType.READY)
    # Of another revision, a rollout decides.
    same = revision(pod, server) == server.spec.revision and not changes.is_half(pod)
    way = _alternative(meta, server)
    images, lasting = drift.of_spec(pod, server, way) if same else ((), ())
    # Put back before the kubelet saw the change, an image would replace no container.
    template = drift.made_from(server, way) if same else b""
    resize = resizing.progress(pod, template) if template else resizing.DONE
    changing = is_changing(pod) or (bool(images) and _is_unseen(pod)) or resize.under_way
    up = ready is not None and ready.status == "True" and not changing
    seen, since, (reason, message, error_class) = _phase(pod, ready, now)
    if seen is Phase.PENDING and now < since + BINDING_SECONDS and _awaits_claims(pod, server):
        error_class = ""
    if resize.message and not error_class:
        reason, message = resize.reason, resize.message
    claim = _unbound(message, server, volumes) if seen is Phase.PENDING else ""
    number = incarnation(pod, server)
    wanted = manifest.labels(server, incarnation=number, revision=revision(pod, server))
    found = (*images, *drift.labels(pod, wanted))
    left = drift.is_left(meta)
    return contract.Observation(
        phase=seen,
        id=meta.uid,
        zone=meta.labels.get(placement.ZONE) or _zone(pod),
        addresses=(pod.status.pod_ip,) if pod.status.pod_ip else (),
        revision="" if changes.is_half(pod) else wanted[names.REVISION_LABEL],
        incarnation=number,
        alternative=way,
        adopted=adoption.is_at_another(pod),
        ready=up and seen is Phase.RUNNING,
        ready_since=_ready_since(pod, ready) if up and ready is not None else 0.0,
        abandoned=seen is Phase.UNREACHABLE and meta.deletion_timestamp is not None,
        changing=changing,
        unchangeable=resize.unfit,
        resized=drift.resized(pod, template) if template else (),
        drift=() if left else found,
        altered=images,
        lasting=lasting,
        left=found if left else (),
        left_by=tags.mended(meta)[1],
        mended=tags.mended(meta)[0],
        reason=reason,
        message=message,
        remedy=_remedy(reason, server, claim) if reason else "",
        blocker=_blocker(reason, server, claim),
        error_class=error_class,
        since=since,
        grace_seconds=pod.spec.termination_grace_period_seconds,
        volumes=volumes,
    )


def _alternative(meta: objects.Meta, server: objects.Server) -> int:
    """Return in which alternative the pod was made, by its name; pods of 0.1 tell the place."""
    name = meta.annotations.get(names.ALTERNATIVE_NAME_ANNOTATION, "")
    return alternatives.place_of(server, name) if name else tags.alternative(meta)


def _not_ours(
    pod: objects.Pod, server: objects.Server, volumes: tuple[contract.Volume, ...]
) -> contract.Observation:
    """Return what is seen where the pod is an earlier server's, nobody's or another's."""
    name = pod.metadata.name
    if is_left_over(pod, server):
        return contract.Observation(
            phase=Phase.FOREIGN,
            reason=Reason.OWNER_GONE,
            message=f"the pod {name} was left by an earlier server, and waits to be collected",
            error_class=ErrorClass.WAITING,
            volumes=volumes,
        )
    if is_let_go(pod, server):
        # Creating takes it up.
        return dataclasses.replace(contract.ABSENT, volumes=volumes)
    return contract.Observation(
        phase=Phase.FOREIGN,
        reason=Reason.NAME_TAKEN,
        message=f"the pod {name} is not controlled by this server",
        volumes=volumes,
    )


def _zone(pod: objects.Pod) -> str:
    """Return where a pod is by what it was made for, or else by its node."""
    found = tags.domain(pod.metadata)
    return pod.spec.node_name if found is None else found


def _unbound(message: str, server: objects.Server, volumes: tuple[contract.Volume, ...]) -> str:
    """Return the first claim without a volume, if it is that which the scheduler waits for.

    A claim that waits for its first consumer has none either, whatever else keeps the pod.
    """
    if not any(each in message.lower() for each in _OF_CLAIMS):
        return ""
    found = (names.claim(each.name, server.metadata.name) for each in volumes if not each.size)
    return next(found, "")


def _blocker(reason: str, server: objects.Server, claim: str) -> str:
    """Return the object that a reason is about, where that is not the server alone."""
    if claim:
        return resources.thing(Resource.CLAIMS, claim)
    # Of its nodes none takes the pod: so it is with all pods that ask for the same.
    if reason != KubeletReason.UNSCHEDULABLE:
        return ""
    return resources.thing(Resource.FLEETS, server.spec.fleet)


def _remedy(reason: str, server: objects.Server, claim: str) -> str:
    """Return the command that the reason's own list has for it, the names filled in."""
    if claim:
        return f"kubectl describe pvc {claim} -n {server.metadata.namespace}"
    known = _KNOWN.get(reason)
    command = known.of(PLACES[Resource.SERVERS].kind).command if known is not None else ""
    if not command:
        return ""
    meta = server.metadata
    names_in = {"NAME": meta.name, "APPLICATION": server.spec.application}
    words = [names_in.get(each, each) for each in command.split()]
    return " ".join(words if words == command.split() else [*words, "-n", meta.namespace])


def phase(pod: objects.Pod, now: float) -> Phase:
    """Return the phase of `pod`, whosever it is."""
    return _phase(pod, _condition(pod, PodConditionType.READY), now)[0]


def is_changing(pod: objects.Pod) -> bool:
    """Return whether an in-place change was asked for and is not seen to be complete.

    Ready and a current observedGeneration say too little: the old container may run on under both
    for as long as its grace. So the containers noted at the change must be gone.
    """
    old = tags.changed_from(pod.metadata)
    if old is None:
        return False
    found, own = pod.status.container_statuses, tags.own_generation(pod.metadata)
    # An autoscaler that resizes the pod later raises its generation, too.
    unseen = 0 < pod.status.observed_generation < own if own else _is_unseen(pod)
    return unseen or any(each.container_id in old for each in found if each.container_id)


def _is_unseen(pod: objects.Pod) -> bool:
    """Return whether the kubelet says that it has not seen the latest change of the pod's spec."""
    return 0 < pod.status.observed_generation < pod.metadata.generation


def _condition(pod: objects.Pod, condition_type: PodConditionType) -> objects.PodCondition | None:
    return next((each for each in pod.status.conditions if each.type == condition_type), None)


def _ready_since(pod: objects.Pod, ready: objects.PodCondition) -> float:
    since = clock.parse(ready.last_transition_time)
    if names.CHANGED_FROM_ANNOTATION not in pod.metadata.annotations:
        return since
    # Ready need not have turned False while a container was replaced.
    runs = (each.state.running for each in pod.status.container_statuses)
    return max([since, *(clock.parse(run.started_at) for run in runs if run is not None)])


def _phase(
    pod: objects.Pod, ready: objects.PodCondition | None, now: float
) -> tuple[Phase, float, Trouble]:
    status = pod.status
    if pod.metadata.deletion_timestamp is not None:
        return _departing(pod, now)
    if status.phase in _ENDED:
        return Phase.FAILED, _ended_since(ready), _end(pod)
    if status.phase == PodPhase.UNKNOWN or status.reason == KubeletReason.NODE_LOST:
        message = status.message or f"the node {pod.spec.node_name} does not answer"
        return (
            Phase.UNREACHABLE,
            _ended_since(ready),
            (KubeletReason.NODE_LOST, message, ErrorClass.TRANSIENT),
        )
    trouble = NO_TROUBLE if ready is not None and ready.status == "True" else _trouble(pod, now)
    if status.phase == PodPhase.RUNNING:
        return Phase.RUNNING, _ended_since(ready), trouble
    return Phase.PENDING, clock.parse(pod.metadata.creation_timestamp), trouble


def _departing(pod: objects.Pod, now: float) -> tuple[Phase, float, Trouble]:
    deadline = clock.parse(pod.metadata.deletion_timestamp)
    if pod.metadata.finalizers:
        held = ", ".join(sorted(pod.metadata.finalizers))
        return (
            Phase.TERMINATING,
            deadline,
            (PodReason.FINALIZERS, f"kept by finalizers: {held}", ""),
        )
    evicted = _condition(pod, PodConditionType.DISRUPTION_TARGET)
    why = f" ({evicted.message})" if evicted is not None and evicted.message else ""
    if now < deadline + UNREACHABLE_AFTER or not pod.spec.node_name:
        return Phase.TERMINATING, deadline, _going(pod, deadline, evicted, why)
    message = f"the node {pod.spec.node_name} does not confirm that the pod has ended{why}"
    return Phase.UNREACHABLE, deadline, (KubeletReason.NODE_LOST, message, ErrorClass.TRANSIENT)


def _going(
    pod: objects.Pod, deadline: float, evicted: objects.PodCondition | None, why: str
) -> Trouble:
    """Return why a pod may go in vain: nobody may be there who ends its containers.

    The control plane marks only pods that were ready when their node fell silent. Of the others it
    says no more than that a taint evicts them, as it does of those whose node is well.
    """
    node = pod.spec.node_name
    if _is_silent(pod):
        return PodReason.NODE_SILENT, f"the node {node} does not answer{why}", ErrorClass.WAITING
    tainted = evicted is not None and evicted.reason == KubeletReason.DELETION_BY_TAINT_MANAGER
    ready = _condition(pod, PodConditionType.READY)
    told = deadline - (pod.spec.termination_grace_period_seconds or 0)
    # One that was ready until it was told to go is being ended: its node answers.
    if not tainted or ready is None or ready.status == "True" or _ended_since(ready) >= told:
        return NO_TROUBLE
    message = f"a taint of the node {node} evicts the pod{why}"
    return KubeletReason.DELETION_BY_TAINT_MANAGER, message, ErrorClass.WAITING


def _awaits_claims(pod: objects.Pod, server: objects.Server) -> bool:
    return bool(server.spec.volume_claims) and not pod.spec.node_name


def _ended_since(ready: objects.PodCondition | None) -> float:
    return clock.parse(ready.last_transition_time) if ready is not None else 0.0


def _end(pod: objects.Pod) -> Trouble:
    status = pod.status
    if status.phase == PodPhase.SUCCEEDED:
        return (
            Reason.COMPLETED,
            "all containers ended, and a server must go on",
            ErrorClass.TRANSIENT,
        )
    if status.reason:
        lost = (
            status.reason in _LOST
            or status.reason.startswith(_NO_ROOM)
            or status.message.startswith(_REJECTED)
        )
        return (
            ForeignReason(status.reason),
            status.message,
            ErrorClass.WAITING if lost else ErrorClass.TRANSIENT,
        )
    for each in (*status.init_container_statuses, *status.container_statuses):
        end = each.state.terminated
        if end is not None and end.exit_code:
            return (
                ForeignReason(end.reason) or _NAMELESS_END,
                crashes.words(each.name, end),
                ErrorClass.TRANSIENT,
            )
    return _NAMELESS_END, status.message or "the pod failed", ErrorClass.TRANSIENT


def _trouble(pod: objects.Pod, now: float) -> Trouble:
    status = pod.status
    for each in (*status.init_container_statuses, *status.container_statuses):
        crash = crashes.find(pod, each, now)
        if crash is not None:
            # A container that runs again may become ready yet: a start may take long, and is no
            # failure.
            return (
                crash.reason,
                crash.message,
                ErrorClass.WAITING if crash.runs else ErrorClass.TRANSIENT,
            )
        waiting = each.state.waiting
        if waiting is not None and waiting.reason in _STUCK:
            message = f"container {each.name}: {waiting.message or waiting.reason}"
            return ForeignReason(waiting.reason), message, _STUCK[waiting.reason]
    scheduled = _condition(pod, PodConditionType.SCHEDULED)
    if scheduled is not None and scheduled.status == "False":
        return (
            ForeignReason(scheduled.reason) or KubeletReason.UNSCHEDULABLE,
            scheduled.message,
            ErrorClass.WAITING,
        )
    return _silence(pod)


def _is_silent(pod: objects.Pod) -> bool:
    """Return whether the control plane marked the pod as one of a node that stopped answering.

    Only the control plane turns Ready to False without a reason while the containers are said to be
    ready still.
    """
    ready = _condition(pod, PodConditionType.READY)
    containers = _condition(pod, PodConditionType.CONTAINERS_READY)
    return (
        ready is not None
        and ready.status != "True"
        and not ready.reason
        and containers is not None
        and containers.status == "True"
    )


def _silence(pod: objects.Pod) -> Trouble:
    ready = _condition(pod, PodConditionType.READY)
    if _is_silent(pod):
        return (
            PodReason.NODE_SILENT,
            f"the node {pod.spec.node_name} does not answer",
            ErrorClass.WAITING,
        )
    # Of a start it is said as well, so it is no failure, however long it lasts.
    passed_on = KubeletReason.CONTAINERS_NOT_READY, KubeletReason.READINESS_GATES_NOT_READY
    if ready is not None and ready.status != "True" and ready.reason in passed_on:
        return ForeignReason(ready.reason), ready.message, ""
    return NO_TROUBLE


def instance(meta: objects.Meta, phase: contract.Phase) -> contract.Instance:
    """Return a pod as an instance: whose it says it is."""
    owner = meta.controller
    return contract.Instance(
        id=meta.uid,
        server=f"{meta.namespace}/{meta.name}",
        uid=owner.uid if owner is not None else "",
        phase=phase,
    )
