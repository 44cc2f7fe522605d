"""The phases of a Build: what each is called, which comes next, and how attempts are counted.

Called by the Build planner. An attempt is written down before its Job is made: so the name of the
Job is known from the status alone, and whoever comes after a crash makes the same one.
"""

from __future__ import annotations

import msgspec

from controller.api import clock, names, objects
from controller.api.choices import ErrorClass
from controller.api.reasons import Reason
from controller.kinds.build.reasons import BuildReason
from controller.planning import backoffs

RESOLVE, BUILD, TEST = "resolve", "build", "test"
# How each is told.
REASONS = {
    RESOLVE: BuildReason.RESOLVING,
    BUILD: BuildReason.BUILDING,
    TEST: BuildReason.TESTING,
}
# The end of a Build whose phase failed without saying why.
FAILURES = {
    RESOLVE: BuildReason.SOURCE_UNAVAILABLE,
    BUILD: Reason.FAILED,
    TEST: BuildReason.TEST_FAILED,
}
# A ref is found in seconds, or not at all.
_LONGEST_RESOLVE = 300


def first(build: objects.Build) -> str:
    """Return the phase that a Build begins with: a commit that is named needs no resolving."""
    return BUILD if build.spec.commit else RESOLVE


def after(build: objects.Build, phase: str) -> str:
    """Return the phase that follows; empty after the last one."""
    if phase == RESOLVE:
        return BUILD
    return TEST if phase == BUILD and build.spec.source.test is not None else ""


def current(build: objects.Build) -> objects.BuildPhase | None:
    """Return the phase that the Build is in."""
    return next((each for each in build.status.phases if each.end_time is None), None)


def begun(build: objects.Build, name: str, now: float) -> objects.BuildPhase:
    """Return a phase that begins with its first attempt."""
    return objects.BuildPhase(
        name=name, start_time=clock.stamp(now), job=job_name(build, name, 1), attempts=1
    )


def again(build: objects.Build, phase: objects.BuildPhase) -> objects.BuildPhase:
    """Return the phase as its next attempt begins."""
    attempt = phase.attempts + 1
    return msgspec.structs.replace(
        phase,
        attempts=attempt,
        job=job_name(build, phase.name, attempt),
        next_attempt_time=None,
    )


def failed(
    build: objects.Build, phase: objects.BuildPhase, error: objects.BuildError, now: float
) -> objects.BuildPhase:
    """Return the phase after its attempt failed: with the time of the next one, if one is left."""
    recovery = build.spec.source.recovery
    told = msgspec.structs.replace(phase, last_error=error)
    if error.class_ != ErrorClass.TRANSIENT or phase.attempts >= recovery.attempts:
        return ended(told, now)
    wait = backoffs.delay(recovery.backoff, phase.attempts, build.metadata.uid)
    return msgspec.structs.replace(told, next_attempt_time=clock.stamp(now + wait))


def ended(phase: objects.BuildPhase, now: float) -> objects.BuildPhase:
    """Return the phase at its end."""
    return msgspec.structs.replace(phase, end_time=clock.stamp(now))


def with_phase(
    build: objects.Build, *changed: objects.BuildPhase
) -> tuple[objects.BuildPhase, ...]:
    """Return all phases, with those that changed or began in their places."""
    found = {each.name: each for each in build.status.phases}
    return tuple((found | {each.name: each for each in changed}).values())


def seconds(build: objects.Build, phase: str) -> int:
    """Return how long an attempt may take."""
    source = build.spec.source
    if phase == TEST and source.test is not None:
        return source.test.timeout_seconds
    longest = _LONGEST_RESOLVE if phase == RESOLVE else source.timeout_seconds
    return min(longest, source.timeout_seconds)


def time_left(build: objects.Build, phase: objects.BuildPhase, now: float) -> float:
    """Return for how long an attempt may go on of which there is no Job that counts its time.

    Read from the status, so whoever takes over does not begin anew: an attempt begins with its
    phase, or soon after the one before it failed.
    """
    failed = phase.last_error
    began = failed.time if failed is not None else phase.start_time
    return clock.parse(began) + seconds(build, phase.name) - now


def job_name(build: objects.Build, phase: str, attempt: int) -> str:
    """Return the name of the Job of an attempt: the same, whoever makes it."""
    return names.job(f"{build.metadata.uid}/{phase}/{attempt}")
