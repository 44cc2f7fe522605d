"""What the Server planner looks at: a snapshot, and the attempts brought up to what is seen.

`read` counts each failure once, forgives them when the server is well again or a person says so,
and is asked first; the rules in `rules` then decide with attempts that are up to date.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import clock, objects, tags
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import Phase
from controller.kinds.server import attempts
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning.refusals import Refusal

# How long a server may fail to come up before that counts as a failed attempt, each time.
START_BOUND = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A snapshot, and the attempts as they count now."""

    snapshot: ServerSnapshot
    attempts: objects.Attempts
    refusal: Refusal | None = None
    # A person just asked to try again.
    asked: bool = False

    @property
    def seen(self) -> contract.Observation:
        """What the provider sees."""
        return self.snapshot.observation

    @property
    def spec(self) -> objects.ServerSpec:
        """What the server should be."""
        return self.snapshot.server.spec

    @property
    def name(self) -> str:
        """The server, as `blockedBy` names it."""
        return f"Server/{self.snapshot.server.metadata.name}"


def read(snapshot: ServerSnapshot) -> Situation:
    """Bring the attempts up to what is seen: forgive, or count a failure, each once."""
    server = snapshot.server
    before = attempts.current(server)
    refusal = _provider_refusal(snapshot)
    if _asked_again(snapshot, before):
        return Situation(
            snapshot=snapshot, attempts=attempts.forgiven(server, keep_way=False), asked=True
        )
    if before.count and _well(snapshot):
        return Situation(snapshot=snapshot, attempts=attempts.forgiven(server, keep_way=True))
    if refusal is not None and _counts(snapshot, refusal, before):
        return Situation(snapshot=snapshot, attempts=_refused(snapshot, refusal), refusal=refusal)
    if _failed_start(snapshot, before):
        return Situation(snapshot=snapshot, attempts=_failed(snapshot))
    return Situation(snapshot=snapshot, attempts=before, refusal=refusal)


def _provider_refusal(snapshot: ServerSnapshot) -> Refusal | None:
    """Return what the provider refused; a refused write on the Server itself is another matter."""
    own = f"{Resource.SERVERS}/"
    return next((each for each in snapshot.refusals if not each.object.startswith(own)), None)


def _refused(snapshot: ServerSnapshot, refusal: Refusal) -> objects.Attempts:
    return attempts.record(
        snapshot.server,
        instance="",
        error_class=attempts.TERMINAL if refusal.terminal else attempts.TRANSIENT,
        message=f"{refusal.reason}: {refusal.message}",
        at=refusal.time,
        now=snapshot.now,
    )


def _failed(snapshot: ServerSnapshot) -> objects.Attempts:
    seen = snapshot.observation
    return attempts.record(
        snapshot.server,
        instance=seen.id,
        error_class=seen.error_class,
        message=f"{seen.reason}: {seen.message}" if seen.reason else seen.message,
        at=snapshot.now,
        now=snapshot.now,
    )


def wish(snapshot: ServerSnapshot) -> str:
    """Return the latest wish to try again, of the server or of its application."""
    own = tags.retry_now(snapshot.server.metadata)
    if own or snapshot.application is None:
        return own
    return tags.retry_now(snapshot.application.metadata)


def _asked_again(snapshot: ServerSnapshot, before: objects.Attempts) -> bool:
    asked = wish(snapshot)
    news = asked not in ("", snapshot.server.status.last_handled_retry)
    return news and (before.count > 0 or before.alternative > 0)


def handled(situation: Situation) -> bool:
    """A wish is answered in status with whatever is written next, never by a write of its own."""
    return wish(situation.snapshot) != "" and situation.attempts.count == 0


def _well(snapshot: ServerSnapshot) -> bool:
    """Ready for long enough that earlier failures are history."""
    seen, spec = snapshot.observation, snapshot.server.spec
    if not seen.ready or seen.incarnation != spec.incarnation:
        return False
    return snapshot.now - seen.ready_since >= proof(spec)


def proof(spec: objects.ServerSpec) -> float:
    """Return for how long a server must be ready until its earlier failures are forgotten."""
    return float(max(spec.min_ready_seconds, spec.recovery.backoff.max_seconds))


def _counts(snapshot: ServerSnapshot, refusal: Refusal, before: objects.Attempts) -> bool:
    """Whether the refusal is of a create and is news; a taken name is not the server's fault."""
    if snapshot.fleet.problem or snapshot.observation.phase is not Phase.ABSENT:
        return False
    if refusal.reason == Reason.NAME_TAKEN:
        return False
    error = before.last_error
    return error is None or clock.precise(refusal.time) > (error.time or "")


def _failed_start(snapshot: ServerSnapshot, before: objects.Attempts) -> bool:
    """Whether what is seen is a failure that has not been counted yet.

    A start that hangs counts each time its backoff has passed, so that it comes to an end too.
    """
    seen, spec = snapshot.observation, snapshot.server.spec
    if seen.incarnation != spec.incarnation or snapshot.server.spec.power == "Stopped":
        return False
    if seen.phase is Phase.FAILED:
        return before.instance != seen.id
    if seen.ready or not seen.error_class or seen.phase not in (Phase.PENDING, Phase.RUNNING):
        return False
    if attempts.spent(spec.recovery, before):
        return False
    return snapshot.now >= verdict_due(snapshot, before)


def verdict_due(snapshot: ServerSnapshot, before: objects.Attempts) -> float:
    """Return when a start that hangs counts as failed, or does so again."""
    seen, error = snapshot.observation, before.last_error
    if before.instance != seen.id:
        return 0.0 if seen.error_class == attempts.TERMINAL else seen.since + START_BOUND
    counted = clock.parse(error.time if error is not None else None)
    return max(clock.parse(before.next_attempt_time), counted + START_BOUND)
