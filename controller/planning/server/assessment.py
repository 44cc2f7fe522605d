"""What the Server planner looks at: a snapshot, and the attempts brought up to what is seen.

`read` counts each failure once, forgives them when the server is well again or a person says so,
and is asked first; the rules in `rules` then decide with attempts that are up to date.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock, objects, tags
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.planning import snapshot
from controller.planning.server import attempts
from controller.planning.snapshot import Phase

# How long a server may fail to come up before that counts as a failed attempt, each time.
START_BOUND = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A snapshot, and the attempts as they count now."""

    at: snapshot.ServerSnapshot
    attempts: objects.Attempts
    refusal: snapshot.Refusal | None = None
    # A person just asked to try again.
    asked: bool = False

    @property
    def seen(self) -> snapshot.Observation:
        """What the provider sees."""
        return self.at.observation

    @property
    def spec(self) -> objects.ServerSpec:
        """What the server should be."""
        return self.at.server.spec

    @property
    def name(self) -> str:
        """The server, as `blockedBy` names it."""
        return f"Server/{self.at.server.metadata.name}"


def read(look: snapshot.ServerSnapshot) -> Look:
    """Bring the attempts up to what is seen: forgive, or count a failure, each once."""
    server = look.server
    before = attempts.current(server)
    refusal = _provider_refusal(look)
    if _asked_again(look, before):
        return Look(at=look, attempts=attempts.forgiven(server, keep_way=False), asked=True)
    if before.count and _well(look):
        return Look(at=look, attempts=attempts.forgiven(server, keep_way=True))
    if refusal is not None and _counts(look, refusal, before):
        return Look(at=look, attempts=_refused(look, refusal), refusal=refusal)
    if _failed_start(look, before):
        return Look(at=look, attempts=_failed(look))
    return Look(at=look, attempts=before, refusal=refusal)


def _provider_refusal(look: snapshot.ServerSnapshot) -> snapshot.Refusal | None:
    """Return what the provider refused; a refused write on the Server itself is another matter."""
    own = f"{Resource.SERVERS}/"
    return next((each for each in look.refusals if not each.object.startswith(own)), None)


def _refused(look: snapshot.ServerSnapshot, refusal: snapshot.Refusal) -> objects.Attempts:
    return attempts.record(
        look.server,
        instance="",
        error_class=attempts.TERMINAL if refusal.terminal else attempts.TRANSIENT,
        message=f"{refusal.reason}: {refusal.message}",
        at=refusal.time,
        now=look.now,
    )


def _failed(look: snapshot.ServerSnapshot) -> objects.Attempts:
    seen = look.observation
    return attempts.record(
        look.server,
        instance=seen.id,
        error_class=seen.error_class,
        message=f"{seen.reason}: {seen.message}" if seen.reason else seen.message,
        at=look.now,
        now=look.now,
    )


def wish(look: snapshot.ServerSnapshot) -> str:
    """Return the latest wish to try again, of the server or of its application."""
    own = tags.retry_now(look.server.metadata)
    if own or look.application is None:
        return own
    return tags.retry_now(look.application.metadata)


def _asked_again(look: snapshot.ServerSnapshot, before: objects.Attempts) -> bool:
    asked = wish(look)
    news = asked not in ("", look.server.status.last_handled_retry)
    return news and (before.count > 0 or before.alternative > 0)


def handled(at: Look) -> bool:
    """A wish is answered in status with whatever is written next, never by a write of its own."""
    return wish(at.at) != "" and at.attempts.count == 0


def _well(look: snapshot.ServerSnapshot) -> bool:
    """Ready for long enough that earlier failures are history."""
    seen, spec = look.observation, look.server.spec
    if not seen.ready or seen.incarnation != spec.incarnation:
        return False
    return look.now - seen.ready_since >= proof(spec)


def proof(spec: objects.ServerSpec) -> float:
    """Return for how long a server must be ready until its earlier failures are forgotten."""
    return float(max(spec.min_ready_seconds, spec.recovery.backoff.max_seconds))


def _counts(
    look: snapshot.ServerSnapshot, refusal: snapshot.Refusal, before: objects.Attempts
) -> bool:
    """Whether the refusal is of a create and is news; a taken name is not the server's fault."""
    if look.fleet.problem or look.observation.phase is not Phase.ABSENT:
        return False
    if refusal.reason == Reason.NAME_TAKEN:
        return False
    error = before.last_error
    return error is None or clock.precise(refusal.time) > (error.time or "")


def _failed_start(look: snapshot.ServerSnapshot, before: objects.Attempts) -> bool:
    """Whether what is seen is a failure that has not been counted yet.

    A start that hangs counts each time its backoff has passed, so that it comes to an end too.
    """
    seen, spec = look.observation, look.server.spec
    if seen.incarnation != spec.incarnation or look.server.spec.power == "Stopped":
        return False
    if seen.phase is Phase.FAILED:
        return before.instance != seen.id
    if seen.ready or not seen.error_class or seen.phase not in (Phase.PENDING, Phase.RUNNING):
        return False
    if attempts.spent(spec.recovery, before):
        return False
    return look.now >= verdict_due(look, before)


def verdict_due(look: snapshot.ServerSnapshot, before: objects.Attempts) -> float:
    """Return when a start that hangs counts as failed, or does so again."""
    seen, error = look.observation, before.last_error
    if before.instance != seen.id:
        return 0.0 if seen.error_class == attempts.TERMINAL else seen.since + START_BOUND
    counted = clock.parse(error.time if error is not None else None)
    return max(clock.parse(before.next_attempt_time), counted + START_BOUND)
