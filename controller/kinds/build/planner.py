"""The next action of a Build: whose turn it is, which Job is made, what its end means.

Called by `execution` for each Build, and by `why`. Nothing of a flow is kept in memory: the status
says which attempt of which phase was begun, and the Jobs, named by that, say what became of it. The
commit is written down before anything is built, so no retry can come to another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from controller.api import clock, objects
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.kinds.build import checks, jobs, phases, results, starts, summary
from controller.kinds.build.reasons import BuildReason
from controller.kinds.build.snapshot import BuildSnapshot
from controller.planning import builds, finalizers, outcomes, remedies, verdict, writes
from controller.planning.obstacles import Obstacle
from controller.planning.plan import Action, Plan, RecordEvent, Urgency
from controller.reasons import AnyReason, ForeignReason, Vocabulary


def plan(snapshot: BuildSnapshot) -> Plan:
    """Return what the Build does now."""
    build = snapshot.build
    if verdict.finished(build):
        return _rest(snapshot)
    going = build.metadata.deletion_timestamp is not None
    if checks.ending(snapshot) is not None:
        return _end(snapshot, Reason.APPLICATION_DELETED, "The application is deleted.")
    if build.spec.cancelled or going:
        how = "cancelled" if build.spec.cancelled else "deleted"
        return _end(snapshot, Reason.CANCELLED, f"The Build was {how}.")
    if build.status.start_time is not None:
        return _go_on(snapshot)
    return _start(snapshot)


def _start(snapshot: BuildSnapshot) -> Plan:
    """Begin a Build whose turn it is."""
    build = snapshot.build
    found = checks.find(snapshot)
    if found is not None:
        return _stay(snapshot, found)
    if build.spec.activates:
        return _activate(snapshot)
    if not finalizers.is_on(build.metadata):
        made = Plan(actions=(finalizers.add(build),), urgency=Urgency.INTERACTIVE)
        return outcomes.alone(made, outcomes.of(snapshot.outcomes), lambda: _unguarded(snapshot))
    return _begin(snapshot)


def _unguarded(snapshot: BuildSnapshot) -> Plan:
    """Tell of a Build whose finalizer cannot be put on: nothing is begun without it."""
    build = snapshot.build
    failed = outcomes.of(snapshot.outcomes).blocked(build)
    told = starts.in_words(outcomes.steady(build.status.blocked_by, failed, snapshot.now))
    status = summary.tell(snapshot, Reason.WAITING, f"The Build waits for its finalizer. {told}")
    return Plan(actions=tuple(_news(snapshot)), status=status)


def _stay(snapshot: BuildSnapshot, found: Obstacle) -> Plan:
    if found.ends:
        return _end(snapshot, found.reason, found.message)
    status = summary.tell(snapshot, found.reason, found.message, blocked=found.blocked)
    return Plan(status=status, notes=(found.message,))


def _activate(snapshot: BuildSnapshot) -> Plan:
    """Use the image of an earlier Build again: its number makes it the latest."""
    build = snapshot.build
    earlier = next(
        (each for each in snapshot.others if each.metadata.name == build.spec.activates), None
    )
    image = build.spec.source.image
    if earlier is None or not builds.has_succeeded(earlier):
        message = f"{build.spec.activates} is no Build of the component that succeeded."
        return _end(snapshot, Reason.FAILED, message)
    if earlier.spec.source.image != image:
        message = f"The image of {build.spec.activates} is not in {image}."
        return _end(snapshot, Reason.FAILED, message)
    return _succeed(
        snapshot,
        Reason.COMPLETED,
        f"The image of {build.spec.activates} is used again.",
        like=earlier,
    )


# ---- phases


def _begin(snapshot: BuildSnapshot) -> Plan:
    """Write down the first attempt; its Job is made once that is seen."""
    build = snapshot.build
    phase = phases.begun(build, phases.first(build), snapshot.now)
    status = _told(
        snapshot,
        phase,
        commit=build.spec.commit,
        phases=(phase,),
        start_time=clock.stamp(snapshot.now),
    )
    return Plan(
        status=status,
        urgency=Urgency.INTERACTIVE,
        notes=(f"{build.metadata.name} begins with the phase {phase.name}.",),
    )


def _go_on(snapshot: BuildSnapshot) -> Plan:
    phase = phases.current(snapshot.build)
    if phase is None:
        # Somebody wrote into the status: what is not known to be under way is begun anew.
        return _begin(snapshot)
    if phase.next_attempt_time is not None:
        return _try_again(snapshot, phase)
    job = snapshot.jobs.get(phase.job)
    return _make(snapshot, phase) if job is None else _look(snapshot, phase, job)


def _make(snapshot: BuildSnapshot, phase: objects.BuildPhase) -> Plan:
    """Make the Job of an attempt; whoever refuses it is asked again until its time is over."""
    refused = starts.refused(snapshot)
    left = phases.time_left(snapshot.build, phase, snapshot.now)
    if refused and left <= 0:
        why = f"The Job of the phase {phase.name} could not be made in time."
        words = f"{why} {starts.in_words(refused)}"
        return _fail(snapshot, phase, results.never_ran(words, phase.name, snapshot.now))
    create = writes.create(jobs.manifest(snapshot, phase), why=_why(phase))
    return Plan(
        actions=(create, *_news(snapshot)),
        status=_told(snapshot, phase, refused=refused),
        wake_after=left if refused else None,
        urgency=Urgency.INTERACTIVE,
        notes=(_why(phase),),
    )


def _look(snapshot: BuildSnapshot, phase: objects.BuildPhase, job: objects.Job) -> Plan:
    """Go by what the Job of an attempt has come to."""
    stuck = starts.told_before(snapshot.build, phase.job)
    pods = snapshot.pods.get(phase.job, ())
    result = results.read(job, pods, phase.name, snapshot.now, stuck=stuck)
    if result is None:
        return _wait(snapshot, phase, job)
    if isinstance(result, results.Unseen):
        return Plan(wake_after=result.seconds, notes=(f"{phase.job} ended; its pod has a say.",))
    if result.error is not None:
        return _fail(snapshot, phase, result.error)
    return _advance(snapshot, phase, result)


def _wait(snapshot: BuildSnapshot, phase: objects.BuildPhase, job: objects.Job) -> Plan:
    """Let a Job run; say what keeps it from that, if something does."""
    start = starts.look(snapshot, job)
    keeps = starts.in_words(start.blocked)
    return Plan(
        actions=start.actions,
        status=_told(snapshot, phase, stuck=start.blocked),
        wake_after=start.wake_after,
        notes=(f"{phase.job} does not start: {keeps}" if keeps else f"{phase.job} runs.",),
    )


def _try_again(snapshot: BuildSnapshot, phase: objects.BuildPhase) -> Plan:
    left = clock.parse(phase.next_attempt_time) - snapshot.now
    if left > 0:
        return Plan(
            status=_told(snapshot, phase),
            wake_after=left,
            notes=(f"The phase {phase.name} is tried again in {left:.0f} s.",),
        )
    again = phases.again(snapshot.build, phase)
    status = _told(snapshot, again, phases=phases.with_phase(snapshot.build, again))
    return Plan(status=status, urgency=Urgency.INTERACTIVE, notes=(_why(again),))


def _advance(snapshot: BuildSnapshot, phase: objects.BuildPhase, result: results.Result) -> Plan:
    """Write down what a phase found, and begin the next one."""
    build, now = snapshot.build, snapshot.now
    done = phases.ended(phase, now)
    commit = build.status.commit or result.commit
    if phase.name == phases.RESOLVE and build.spec.only_if_changed:
        latest = _latest_good(snapshot)
        if latest is not None and latest.status.commit == commit:
            message = f"Commit {commit[:12]} has been built by {latest.metadata.name}."
            return _succeed(snapshot, BuildReason.UNCHANGED, message, done, like=latest)
    digest = build.status.digest or result.digest
    found: dict[str, Any] = {"commit": commit, "digest": digest}
    following = phases.after(build, phase.name)
    if not following:
        message = f"Commit {commit[:12]} is built."
        found["image"] = f"{build.spec.source.image}@{digest}"
        return _succeed(snapshot, Reason.COMPLETED, message, done, **found)
    begun = phases.begun(build, following, now)
    status = _told(snapshot, begun, phases=phases.with_phase(build, done, begun), **found)
    return Plan(
        status=status,
        urgency=Urgency.INTERACTIVE,
        notes=(f"The phase {phase.name} has succeeded; {following} begins.",),
    )


def _latest_good(snapshot: BuildSnapshot) -> objects.Build | None:
    """Return the Build before this one whose image the component has of its source."""
    key = builds.source_key(snapshot.build.spec.source)
    number = snapshot.build.spec.number
    earlier = [each for each in builds.good(snapshot.others, key) if each.spec.number < number]
    return earlier[-1] if earlier else None


def _fail(snapshot: BuildSnapshot, phase: objects.BuildPhase, error: objects.BuildError) -> Plan:
    build = snapshot.build
    told = phases.failed(build, phase, error, snapshot.now)
    changed = phases.with_phase(build, told)
    if told.end_time is not None:
        return _end(snapshot, ForeignReason(error.reason), error.message, phases=changed)
    return Plan(
        status=_told(snapshot, told, phases=changed),
        wake_after=clock.parse(told.next_attempt_time) - snapshot.now,
        urgency=Urgency.INTERACTIVE,
        notes=(error.message,),
    )


def _why(phase: objects.BuildPhase) -> str:
    return f"Attempt {phase.attempts} of the phase {phase.name} needs its Job."


def _told(
    snapshot: BuildSnapshot,
    phase: objects.BuildPhase,
    *,
    stuck: tuple[Blocked, ...] = (),
    refused: tuple[Blocked, ...] = (),
    **found: Any,
) -> objects.BuildStatus:
    """Return the status of a Build in a phase; equal for as long as nothing happens in it."""
    commit = str(found.get("commit") or snapshot.build.status.commit)
    what = {
        phases.RESOLVE: f"Finding the commit of {snapshot.build.spec.source.git.ref}.",
        phases.BUILD: f"Building commit {commit[:12]}.",
        phases.TEST: f"Testing the image of commit {commit[:12]}.",
    }[phase.name]
    error, words, blocked = phase.last_error, [what], stuck
    if refused:
        words.append(f"The Job cannot be made. {starts.in_words(refused)}")
    elif stuck:
        words.append(f"The pod does not start. {starts.in_words(stuck)}")
    elif error is not None:
        words.append(error.message)
        blocked = (_retry(snapshot, phase, error),)
    return summary.tell(
        snapshot, phases.REASONS[phase.name], " ".join(words), blocked=blocked, **found
    )


def _retry(
    snapshot: BuildSnapshot, phase: objects.BuildPhase, error: objects.BuildError
) -> Blocked:
    build = snapshot.build
    return Blocked(
        object=f"Job/{phase.job}",
        reason=error.reason,
        message=error.message,
        since=error.time,
        next_attempt_time=phase.next_attempt_time,
        remedy=remedies.logs(build),
    )


# ---- ends


def _succeed(
    snapshot: BuildSnapshot,
    reason: Vocabulary,
    message: str,
    *changed: objects.BuildPhase,
    like: objects.Build | None = None,
    **found: Any,
) -> Plan:
    """End the Build in success; with the image of one that was `like` it, where there is one."""
    if like is not None:
        told = like.status
        found = {"commit": told.commit, "digest": told.digest, "image": told.image}
    status = summary.tell(
        snapshot,
        reason,
        message,
        succeeded="True",
        phases=phases.with_phase(snapshot.build, *changed),
        start_time=snapshot.build.status.start_time or clock.stamp(snapshot.now),
        **found,
    )
    event = RecordEvent(reason=reason, message=message)
    return Plan(actions=(event,), status=status, urgency=Urgency.INTERACTIVE, notes=(message,))


def _end(snapshot: BuildSnapshot, reason: AnyReason, message: str, **found: Any) -> Plan:
    """End the Build without an image, and its Job with it: nothing waits for that Job."""
    status = summary.tell(snapshot, reason, message, succeeded="False", **found)
    event = RecordEvent(reason=reason, message=message, warning=reason not in _AS_ASKED)
    going = snapshot.build.metadata.deletion_timestamp is not None
    return Plan(
        actions=(*_ending(snapshot), *(() if going else (event,))),
        status=msgspec.structs.replace(status, blocked_by=()),
        urgency=Urgency.TEARDOWN if going else Urgency.INTERACTIVE,
        notes=(message,),
    )


def _rest(snapshot: BuildSnapshot) -> Plan:
    """Let a Build go that has ended, once no Job of it runs; tell who keeps one from ending."""
    status = summary.with_obstacles(snapshot)
    if any(_runs(snapshot, each) for each in snapshot.jobs.values()):
        return Plan(
            actions=(*_ending(snapshot), *_news(snapshot)),
            status=status,
            notes=("Jobs of the Build are being ended.",),
        )
    if not finalizers.is_on(snapshot.build.metadata):
        return Plan(status=status)
    made = Plan(actions=(finalizers.remove(snapshot.build),), notes=("The Build has ended.",))
    return outcomes.alone(
        made,
        outcomes.of(snapshot.outcomes),
        lambda: Plan(actions=tuple(_news(snapshot)), status=status),
    )


def _news(snapshot: BuildSnapshot) -> Iterator[RecordEvent]:
    """Yield a warning for each write of the Build's that somebody refuses, once."""
    return outcomes.news(
        snapshot.build.status.blocked_by, outcomes.of(snapshot.outcomes), snapshot.build
    )


def _ending(snapshot: BuildSnapshot) -> tuple[Action, ...]:
    """Return the deletes of Jobs that still run; the others stay, for their logs."""
    return tuple(
        writes.delete(each, why="its Build has ended", guarded=False)
        for _, each in sorted(snapshot.jobs.items())
        if _runs(snapshot, each) and each.metadata.deletion_timestamp is None
    )


def _runs(snapshot: BuildSnapshot, job: objects.Job) -> bool:
    return not results.over(job, snapshot.pods.get(job.metadata.name, ()))


# Ends that somebody asked for, or that mean nothing is wrong.
_AS_ASKED = frozenset({Reason.CANCELLED, Reason.SUPERSEDED, Reason.APPLICATION_DELETED})
