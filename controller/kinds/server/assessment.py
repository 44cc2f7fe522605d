"""The situation that the Server planner sees: a snapshot, and attempts brought up to what is seen.

`read` counts each failure once, forgives them when the server is well again or a person says so,
and is asked first; the rules in `rules` then decide with attempts that are up to date.
"""

from __future__ import annotations

import dataclasses

from controller import contract, errors
from controller.api import clock, objects, tags
from controller.api.choices import ErrorClass, Power
from controller.contract import Phase
from controller.kinds.server import attempts, checks
from controller.kinds.server.snapshot import ServerSnapshot
from controller.planning import outcomes, targets, volumes
from controller.planning.obstacles import Obstacle
from controller.planning.outcomes import Outcome

# How long a server may fail to come up before that counts as a failed attempt, each time.
START_BOUND = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A snapshot, and the attempts as they count now."""

    snapshot: ServerSnapshot
    attempts: objects.Attempts
    # How the latest create went, where it did not succeed.
    answer: Outcome | None = None
    # A person just asked to try again.
    asked: bool = False
    # All that holds back what the server would do next.
    rests: tuple[Obstacle, ...] = ()

    @property
    def seen(self) -> contract.Observation:
        """The provider's observation."""
        return self.snapshot.observation

    @property
    def spec(self) -> objects.ServerSpec:
        """The spec: how the server should be."""
        return self.snapshot.server.spec

    @property
    def sizes(self) -> volumes.Sizes:
        """How its claims differ in size from what is wanted."""
        return volumes.compare(self.spec.volume_claims, self.seen.volumes)

    @property
    def name(self) -> str:
        """The server, as `blockedBy` names it."""
        return f"Server/{self.snapshot.server.metadata.name}"


def read(snapshot: ServerSnapshot) -> Situation:
    """Bring the attempts up to what is seen: forgive, or count a failure, each once."""
    server = snapshot.server
    before = attempts.given_back(server, attempts.current(server), snapshot.fleet.outage)
    answer = _answer(snapshot)
    if _asked_again(snapshot, before):
        return Situation(
            snapshot=snapshot, attempts=attempts.forgiven(server, keep_way=False), asked=True
        )
    if (before.count or before.waits or before.used_up) and _well(snapshot):
        return Situation(snapshot=snapshot, attempts=attempts.forgiven(server, keep_way=True))
    if answer is not None:
        after = _answered(snapshot, answer, before)
        return Situation(snapshot=snapshot, attempts=after, answer=answer)
    if _failed_start(snapshot, before):
        return Situation(snapshot=snapshot, attempts=_failed(snapshot, before))
    if snapshot.observation.phase in (Phase.PENDING, Phase.RUNNING):
        before = attempts.unhindered(before)
    return Situation(snapshot=snapshot, attempts=before)


def is_due(snapshot: ServerSnapshot) -> bool:
    """Return whether an instance is to be made: none is there, or none but what was let go of."""
    seen = snapshot.observation
    abandoned = bool(seen.id) and seen.id in snapshot.fleet.orphans
    return seen.phase is Phase.ABSENT or abandoned


def _answer(snapshot: ServerSnapshot) -> Outcome | None:
    """Return what the provider answered to the create, while one is asked for."""
    if checks.is_without_fleet(snapshot) or not is_due(snapshot):
        return None
    return next((each for each in outcomes.of(snapshot.outcomes).told if is_create(each)), None)


def is_create(found: Outcome) -> bool:
    """Return whether it is how the create of a server went."""
    return isinstance(found.target, targets.ServerTarget) and found.verb is contract.Verb.CREATE


def _answered(
    snapshot: ServerSnapshot, answer: Outcome, before: objects.Attempts
) -> objects.Attempts:
    """Count the answer, if it is news and a failure of the server; else tell what is in the way."""
    server, now = snapshot.server, snapshot.now
    error = objects.LastError(
        class_=_class(answer),
        reason=answer.reason,
        object=_in_the_way(snapshot, answer),
        message=answer.message,
        time=clock.precise(answer.time),
    )
    if not answer.costs_attempt:
        return attempts.hindered(server, error, due=answer.again, now=now)
    told = before.last_error
    if told is not None and clock.precise(answer.time) <= (told.time or ""):
        return before
    if _may_be_an_outage(snapshot.fleet, answer):
        return attempts.in_doubt(server, error, before=before, count=answer.count, now=now)
    if before.exhausted and attempts.ways(server.spec.recovery) == 1:
        # An exhausted server is tried on for ever: only what is new of that is worth a write.
        return attempts.hindered(server, error, due=due_again(server, answer), now=now)
    return attempts.record(server, error, before=before, instance="", now=now)


def _may_be_an_outage(fleet: contract.FleetFacts, answer: Outcome) -> bool:
    """Return whether an answer was lost that may have been lost because the provider is away.

    Whether it is, the fleet's circuit knows when calls have failed for a whole window.
    """
    if answer.kind is not errors.FailureKind.UNKNOWN:
        return False
    return fleet.outage.includes(answer.time) or answer.time - answer.since < fleet.window


def due_again(server: objects.Server, answer: Outcome) -> float:
    """Return when a server that used its attempts is tried again after this answer."""
    wait = attempts.longest_delay(server.spec.recovery.backoff, server.metadata.uid)
    return max(answer.again, answer.time + wait)


def _in_the_way(snapshot: ServerSnapshot, answer: Outcome) -> str:
    """Return what keeps the server from being made; nothing where that is the server itself."""
    own = answer.costs_attempt and (answer.refused or snapshot.fleet.in_cluster)
    return answer.blocker or ("" if own else answer.object(snapshot.server))


def _class(answer: Outcome) -> ErrorClass:
    if not answer.costs_attempt:
        return ErrorClass.BLOCKED if answer.refused else ErrorClass.WAITING
    if answer.refused:
        return ErrorClass.TERMINAL
    return ErrorClass.UNKNOWN if answer.kind is errors.FailureKind.UNKNOWN else ErrorClass.TRANSIENT


def _failed(snapshot: ServerSnapshot, before: objects.Attempts) -> objects.Attempts:
    seen, server = snapshot.observation, snapshot.server
    error = objects.LastError(
        class_=seen.error_class or ErrorClass.TRANSIENT,
        reason=seen.reason,
        message=f"{seen.reason}: {seen.message}" if seen.reason else seen.message,
        time=clock.precise(snapshot.now),
    )
    if seen.phase is Phase.FAILED and error.class_ == ErrorClass.WAITING:
        return attempts.lost(server, error, instance=seen.id, now=snapshot.now)
    return attempts.record(server, error, before=before, instance=seen.id, now=snapshot.now)


def wish(server: objects.Server, application: objects.Application | None) -> str:
    """Return the latest request to try again, of the server or of its application."""
    own = tags.retry_now(server.metadata)
    if own or application is None:
        return own
    return tags.retry_now(application.metadata)


def _asked_again(snapshot: ServerSnapshot, before: objects.Attempts) -> bool:
    asked = wish(snapshot.server, snapshot.application)
    news = asked not in ("", snapshot.server.status.last_handled_retry)
    tried = before.count or before.alternative or before.waits or before.next_attempt_time
    return news and bool(tried)


def handled(situation: Situation) -> bool:
    """A request is answered in the status that is written next, never by a write of its own."""
    tried = situation.attempts.count or situation.attempts.next_attempt_time
    return wish(situation.snapshot.server, situation.snapshot.application) != "" and not tried


def _well(snapshot: ServerSnapshot) -> bool:
    """Ready for long enough that earlier failures are history."""
    seen, spec = snapshot.observation, snapshot.server.spec
    if not seen.ready or seen.incarnation != spec.incarnation:
        return False
    return snapshot.now - seen.ready_since >= proof(spec)


def proof(spec: objects.ServerSpec) -> float:
    """Return for how long a server must be ready until its earlier failures are forgotten."""
    return float(max(spec.min_ready_seconds, spec.recovery.backoff.max_seconds))


def _failed_start(snapshot: ServerSnapshot, before: objects.Attempts) -> bool:
    """Whether what is seen is a failure that has not been counted yet.

    A start that hangs counts each time its backoff has passed, so that it comes to an end too.
    """
    seen, spec = snapshot.observation, snapshot.server.spec
    if seen.incarnation != spec.incarnation or snapshot.server.spec.power == Power.STOPPED:
        return False
    if seen.phase is Phase.FAILED:
        return before.instance != seen.id
    if seen.ready or not seen.error_class or seen.phase not in (Phase.PENDING, Phase.RUNNING):
        return False
    if attempts.spent(spec.recovery, before):
        return False
    elsewhere = attempts.ways(spec.recovery) > 1 and seen.phase is Phase.PENDING
    if seen.error_class == ErrorClass.WAITING and not elsewhere:
        # Nothing is wrong with it, and there is nowhere else to look for what it waits for.
        return False
    return snapshot.now >= verdict_due(snapshot, before)


def verdict_due(snapshot: ServerSnapshot, before: objects.Attempts) -> float:
    """Return when a start that hangs counts as failed, or does so again."""
    seen, error, outage = snapshot.observation, before.last_error, snapshot.fleet.outage
    if before.instance != seen.id:
        if seen.error_class == ErrorClass.TERMINAL:
            return 0.0
        return outage.clock(seen.since, snapshot.now) + START_BOUND
    counted = clock.parse(error.time if error is not None else None)
    bound = outage.clock(counted, snapshot.now) + START_BOUND
    return max(clock.parse(before.next_attempt_time), bound)
