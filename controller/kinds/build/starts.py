"""Why an attempt does not start: told while it waits, and again where time runs out.

Called by the Build planner for a Job that is refused, or has not ended. The pod's status says most
of it. The rest stands in Events: that no pod may be made, that a Secret is not there. Events are
read once the start takes longer than it should.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from controller.api import clock, objects
from controller.api.builtin_choices import PodConditionType
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Verb
from controller.kinds.build import phases, results
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import outcomes, plan, remedies
from controller.planning.targets import ObjectVerb
from controller.reasons import ForeignReason

# How long a start may take before anybody is asked about it.
PATIENCE_SECONDS = 10.0
# The reasons for which a container waits on every start.
_ORDINARY = frozenset({"", "ContainerCreating", "PodInitializing"})
# The kubelet says these in turns; the first of them has the registry's own words.
_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobStart:
    """The obstacles that keep an attempt's pod from running, as far as known, and who is asked."""

    blocked: tuple[Blocked, ...] = ()
    actions: tuple[plan.Action, ...] = ()
    wake_after: float | None = None


def look(snapshot: BuildSnapshot, job: objects.Job) -> JobStart:
    """Return what keeps the pod of a Job from running; nothing once it runs."""
    pods = snapshot.pods.get(job.metadata.name, ())
    pod = next((each for each in pods if each.metadata.deletion_timestamp is None), None)
    if pod is not None and _runs(pod):
        return JobStart()
    told = next(_told(pod), None) if pod is not None else None
    if pod is not None and told is not None:
        return JobStart(blocked=(_of_pod(snapshot, pod, *told),))
    before = tuple(_told_of(snapshot.build, job.metadata.name))
    if pod is None and (pods or any(each.object.startswith("Pod/") for each in before)):
        # There was a pod, and its Job takes it away: all that is heard now is that time ran out.
        return JobStart(blocked=before)
    waits: objects.Job | objects.Pod = pod or job
    left = clock.parse(waits.metadata.creation_timestamp) + PATIENCE_SECONDS - snapshot.now
    if left > 0:
        return JobStart(wake_after=left)
    # Until the cluster has answered, what it said before stands: to another process, too.
    return JobStart(blocked=_heard(snapshot) or before, actions=(_ask(waits),))


def refused(snapshot: BuildSnapshot) -> tuple[Blocked, ...]:
    """Return who refuses the Job of an attempt; an API server that is away refuses nothing."""
    build = snapshot.build
    creates = outcomes.of(snapshot.outcomes).of(Verb.CREATE).told
    found = outcomes.of(each for each in creates if each.event)
    told = found.blocked(build)
    return outcomes.steady(build.status.blocked_by, told, snapshot.now)


def in_words(blocked: tuple[Blocked, ...]) -> str:
    """Return the first of what is in the way, in the cluster's words; or nothing."""
    return results.told(f"{blocked[0].reason}: {blocked[0].message}") if blocked else ""


def told_before(build: objects.Build, job: str) -> str:
    """Return why the pod of a Job did not start, as the Build has told it; or nothing."""
    return next((f"{each.reason}: {each.message}" for each in _told_of(build, job)), "")


def _told_of(build: objects.Build, job: str) -> Iterator[Blocked]:
    """Yield what the status tells of the start of a Job, and of its pod's."""
    for each in build.status.blocked_by:
        mine = each.object == f"Job/{job}" or each.object.startswith(f"Pod/{job}-")
        # A call that is tried again is told of its Job, too, and has another remedy.
        if mine and each.remedy == remedies.describe(each.object, build.metadata.namespace):
            yield each


def _runs(pod: objects.Pod) -> bool:
    # Containers that others put into it may run on their own.
    mine = (each for each in pod.status.container_statuses if each.name in phases.REASONS)
    states = [each.state for each in mine]
    return any(each.running is not None or each.terminated is not None for each in states)


def _told(pod: objects.Pod) -> Iterator[tuple[str, str]]:
    """Yield reasons with their messages, as the scheduler and the kubelet give them."""
    for condition in pod.status.conditions:
        if condition.type == PodConditionType.SCHEDULED and condition.status == "False":
            yield condition.reason, condition.message
    for each in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = each.state.waiting
        if waiting is not None and waiting.reason not in _ORDINARY:
            yield waiting.reason, waiting.message


def _of_pod(snapshot: BuildSnapshot, pod: objects.Pod, reason: str, message: str) -> Blocked:
    thing = f"Pod/{pod.metadata.name}"
    for before in snapshot.build.status.blocked_by:
        if before.object == thing and {before.reason, reason} <= _PULLS:
            return before
    return Blocked(
        object=thing,
        reason=ForeignReason(reason) or Reason.NOT_STARTED,
        message=results.told(message or reason),
        since=clock.stamp(snapshot.now),
        remedy=remedies.describe(thing, pod.metadata.namespace),
    )


def _heard(snapshot: BuildSnapshot) -> tuple[Blocked, ...]:
    """Return what the cluster has answered."""
    namespace = snapshot.build.metadata.namespace
    return tuple(
        Blocked(
            object=each.blocker,
            reason=each.reason,
            message=results.told(each.message),
            since=clock.stamp(each.since),
            next_attempt_time=clock.stamp(each.again),
            remedy=remedies.describe(each.blocker, namespace),
        )
        for each in outcomes.of(snapshot.outcomes).of(ObjectVerb.START).told
        # The deadline itself is no cause.
        if each.reason != results.DEADLINE
    )


def _ask(waits: objects.Job | objects.Pod) -> plan.Hear:
    meta = waits.metadata
    resource = Resource.PODS if isinstance(waits, objects.Pod) else Resource.JOBS
    kept = "the node has not started the pod" if resource is Resource.PODS else "the Job has no pod"
    return plan.Hear(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        otherwise=f"After {PATIENCE_SECONDS:.0f} seconds {kept}, and no Event says why.",
        why="nothing has started yet",
    )
