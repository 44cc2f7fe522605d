"""The result of an attempt: read from its Job, and from the last word of the Job's pod.

Called by the Build planner. The pod's word is enough: the kubelet and the Job controller take over
a second longer to say that the pod and its Job have ended, too. The termination message is JSON: a
commit and a digest, or the error. The JSON comes from a container of the user's namespace, so
nothing in it is trusted: a commit and a digest must look like ones, and a message is cut and bared
of credentials.
"""

from __future__ import annotations

import dataclasses
import re

import msgspec

from controller.api import clock, objects
from controller.api.builtin_choices import JobConditionType
from controller.api.choices import ErrorClass
from controller.api.reasons import Reason
from controller.kinds.build import phases
from controller.kinds.build.reasons import BuildReason
from controller.reasons import ForeignReason

# How long to wait for the word of a pod whose Job has ended: its watch may be behind.
UNSEEN_SECONDS = 30.0
_LONGEST = 1024
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# As a Job says it: it ends its pod first, and then itself.
DEADLINE = ForeignReason("DeadlineExceeded")
_ENDS = frozenset({JobConditionType.COMPLETE, JobConditionType.FAILED})
_USERINFO = re.compile(r"://[^/\s@]*@")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
# The reasons that the program in the Job may give.
_GIVEN = {
    str(each): each
    for each in (BuildReason.SOURCE_UNAVAILABLE, BuildReason.PUSH_REFUSED, Reason.FAILED)
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an attempt ended: with what it found, or with an error."""

    commit: str = ""
    digest: str = ""
    error: objects.BuildError | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """The Job has ended, and its pod's word is not here yet; it is waited for so many seconds."""

    seconds: float


class _Word(msgspec.Struct, frozen=True, kw_only=True):
    commit: str = ""
    digest: str = ""
    class_: str = msgspec.field(name="class", default="")
    reason: str = ""
    message: str = ""


def end_of(job: objects.Job) -> objects.PodCondition | None:
    """Return the condition by which a Job has ended, or None while it runs."""
    found = (each for each in job.status.conditions if each.status == "True")
    return next((each for each in found if each.type in _ENDS), None)


def read(
    job: objects.Job, pods: tuple[objects.Pod, ...], phase: str, now: float, *, stuck: str = ""
) -> Result | Unseen | None:
    """Return how the attempt of `phase` ended; None while it runs.

    `stuck` is why its pod did not start, where it did not.
    """
    end = end_of(job)
    if end is None:
        return _early(job, pods, phase, now)
    if end.type == JobConditionType.FAILED and end.reason == DEADLINE:
        return _late(stuck, phase, now)
    said = _last_word(pods)
    if said is None:
        left = (clock.parse(end.last_transition_time) or now) + UNSEEN_SECONDS - now
        if left > 0:
            return Unseen(seconds=left)
    if end.type == JobConditionType.COMPLETE:
        return _success(said, phase, now)
    return _failure(said, pods, phase, now)


def over(job: objects.Job, pods: tuple[objects.Pod, ...]) -> bool:
    """Return whether nothing of an attempt runs any more, whether or not its Job says so."""
    return end_of(job) is not None or _early_word(job, pods) is not None


def _early(
    job: objects.Job, pods: tuple[objects.Pod, ...], phase: str, now: float
) -> Result | None:
    said = _early_word(job, pods)
    if said is None:
        return None
    return _failure(said, pods, phase, now) if said.exit_code else _success(said, phase, now)


def _early_word(job: objects.Job, pods: tuple[objects.Pod, ...]) -> objects.ContainerEnd | None:
    """Return how the container ended, where that stands although the Job has not ended yet.

    Of a pod that is deleted, or whose Job has run out of time, the container was made to end: what
    it says then is not its own word. There is no second pod: the Job tries nothing again.
    """
    if any(
        each.type == JobConditionType.FAILURE_TARGET and each.reason == DEADLINE
        for each in job.status.conditions
    ):
        return None
    return _last_word(tuple(each for each in pods if each.metadata.deletion_timestamp is None))


def _success(said: objects.ContainerEnd | None, phase: str, now: float) -> Result:
    word = _word(said)
    found = Result(commit=word.commit, digest=word.digest)
    if phase == phases.TEST:
        return Result()
    if phase == phases.RESOLVE and _COMMIT.fullmatch(word.commit):
        return found
    if phase == phases.BUILD and _DIGEST.fullmatch(word.digest):
        return found
    return _failed(
        phase, ErrorClass.TRANSIENT, f"The Job of the phase {phase} ended without a result.", now
    )


def _failure(
    said: objects.ContainerEnd | None, pods: tuple[objects.Pod, ...], phase: str, now: float
) -> Result:
    if said is None:
        lost = next((each.status for each in pods if each.status.reason), None)
        why = f": {lost.reason} {lost.message}".rstrip() if lost is not None else ""
        return _failed(
            phase, ErrorClass.TRANSIENT, f"The pod of the phase {phase} was lost{why}.", now
        )
    if phase == phases.TEST:
        return _failed(phase, ErrorClass.TERMINAL, _of_test(said), now)
    word = _word(said)
    if not word.message:
        message = f"The phase {phase} ended with the exit status {said.exit_code}"
        return _failed(phase, ErrorClass.TRANSIENT, f"{message}{_because(said.reason)}.", now)
    class_ = ErrorClass.TRANSIENT if word.class_ == ErrorClass.TRANSIENT else ErrorClass.TERMINAL
    return _failed(phase, class_, word.message, now, reason=_GIVEN.get(word.reason, ""))


def _of_test(said: objects.ContainerEnd) -> str:
    """Return how the test failed, with the last line that it printed."""
    lines = [each.strip() for each in said.message.splitlines() if each.strip()]
    ended = f"The test ended with the exit status {said.exit_code}{_because(said.reason)}"
    return f"{ended}: {lines[-1]}" if lines else f"{ended}."


def never_ran(message: str, phase: str, now: float) -> objects.BuildError:
    """Return the error of an attempt in whose time nothing ran; a commit is looked for again."""
    class_ = ErrorClass.TRANSIENT if phase == phases.RESOLVE else ErrorClass.TERMINAL
    return _error(phase, class_, message, now, reason=Reason.TIMED_OUT)


def _late(stuck: str, phase: str, now: float) -> Result:
    """Return the end of what took too long: a repository that hangs may answer later."""
    if stuck:
        words = f"The pod of the phase {phase} did not start in time. {stuck}"
        return Result(error=never_ran(words, phase, now))
    message = f"The phase {phase} took too long."
    if phase == phases.RESOLVE:
        return _failed(phase, ErrorClass.TRANSIENT, message, now)
    return _failed(phase, ErrorClass.TERMINAL, message, now, reason=Reason.TIMED_OUT)


def _failed(phase: str, class_: str, message: str, now: float, *, reason: str = "") -> Result:
    return Result(error=_error(phase, class_, message, now, reason=reason))


def _error(
    phase: str, class_: str, message: str, now: float, *, reason: str = ""
) -> objects.BuildError:
    return objects.BuildError(
        class_=class_,
        reason=reason or phases.FAILURES[phase],
        message=told(message),
        time=clock.stamp(now),
    )


def _last_word(pods: tuple[objects.Pod, ...]) -> objects.ContainerEnd | None:
    """Return how the container of the Job's pod ended, of the latest pod that did.

    Whoever puts containers of their own into pods has no say: those may end earlier, or never.
    """
    ends = [
        each.state.terminated
        for pod in sorted(pods, key=lambda each: each.metadata.creation_timestamp or "")
        for each in pod.status.container_statuses
        if each.state.terminated is not None and each.name in phases.REASONS
    ]
    return ends[-1] if ends else None


def _word(said: objects.ContainerEnd | None) -> _Word:
    try:
        return msgspec.json.decode(said.message if said is not None else "", type=_Word)
    except (msgspec.DecodeError, ValueError):
        return _Word()


def told(message: str) -> str:
    """Return a message as it may be told: in one line, short, and without credentials."""
    line = _UNPRINTABLE.sub(" ", message).strip()
    return _USERINFO.sub("://", line)[:_LONGEST]


def _because(reason: str) -> str:
    return f" ({reason})" if reason and reason not in {"Error", "Completed"} else ""
