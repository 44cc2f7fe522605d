"""How a server that is not there is made, and what is told while its attempts fail.

Called by `rules`. Attempts are up to date by then, so nothing is counted here.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller import contract
from controller.api import clock, objects
from controller.api.choices import ErrorClass
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.kinds.server import attempts
from controller.kinds.server.assessment import Situation, due_again, is_due
from controller.kinds.server.reasons import ServerReason
from controller.kinds.server.summary import ServerVerdict
from controller.planning import domains, remedies, words, writes
from controller.reasons import AnyReason, ForeignReason


def absent(situation: Situation) -> ServerVerdict | None:
    """Create the server where nothing is there, at once or when its next attempt is due."""
    if not is_due(situation.snapshot):
        return None
    found, now = situation.attempts, situation.snapshot.now
    made = _create(situation)
    if attempts.spent(situation.spec.recovery, found):
        return _tried_on(situation, made)
    error = attempts.hindrance(found)
    if error is not None and made.actions:
        # When it is due again is up to whoever makes the call.
        return _hindered(situation, error, made)
    due = clock.parse(found.next_attempt_time)
    if due > now and not _waits_for_fleet(situation):
        return _backing_off(situation, due)
    return made


def _waits_for_fleet(situation: Situation) -> bool:
    """Return whether the last answer was lost in an outage of the fleet's provider.

    When it is tried again is for the fleet's circuit to say, and at once when the outage is over:
    trials that waited for a backoff of each server's own would come later and later.
    """
    error = situation.attempts.last_error
    if error is None or error.class_ != ErrorClass.UNKNOWN or situation.attempts.count:
        return False
    return situation.snapshot.fleet.outage.includes(clock.parse(error.time))


def _create(situation: Situation) -> ServerVerdict:
    if situation.snapshot.next_revision:
        return _comes_back(situation)
    if (waiting := _closed(situation)) is not None:
        return waiting
    if (waiting := _out_of_turn(situation)) is not None:
        return waiting
    if (waiting := _on_record(situation)) is not None:
        return waiting
    way = situation.attempts.alternative
    call = contract.Call(
        verb=contract.Verb.CREATE,
        why="Create",
        template=attempts.template(situation.snapshot.server, way),
        volume_claims=situation.spec.volume_claims,
        subdomain=situation.snapshot.subdomain,
        alternative=way,
        adopt=_adopts(situation),
        placement=_placement(situation),
    )
    message = f"Creating incarnation {situation.spec.incarnation}."
    return ServerVerdict(reason=Reason.CREATING, message=message, actions=(call,))


def _adopts(situation: Situation) -> str:
    """Return what ran the server before and is to be taken up, as Kind/name; else nothing."""
    application, spec = situation.snapshot.application, situation.spec
    components = application.spec.components if application is not None else ()
    found = next((each.adopt for each in components if each.name == spec.component), None)
    return f"{found.kind}/{found.name}" if found is not None else ""


def _out_of_turn(situation: Situation) -> ServerVerdict | None:
    """Wait for the server before this one, where they start in order; it costs no attempt."""
    snapshot = situation.snapshot
    if not snapshot.behind:
        return None
    message = f"Starts once {snapshot.behind} is available (start: Ordered)."
    return ServerVerdict(
        reason=ServerReason.WAITING_FOR_TURN, message=message, wake=snapshot.behind_for
    )


def _on_record(situation: Situation) -> ServerVerdict | None:
    """Wait until the disruption controller has seen that the last instance has gone."""
    left = situation.snapshot.on_record_for
    if left is None:
        return None
    wanted = situation.spec.incarnation
    message = f"Creating incarnation {wanted}, once the last one's eviction is off the record."
    return ServerVerdict(reason=Reason.CREATING, message=message, wake=left)


def _placement(situation: Situation) -> contract.Placement:
    """Return where the server is to be; one that has volumes is where these are."""
    spread, known = situation.snapshot.spread, situation.snapshot.fleet.domains
    if situation.seen.volumes:
        return contract.Placement(domain=situation.spec.domain, spread=spread)
    return contract.Placement(
        domain=situation.spec.domain,
        must=spread is not None and spread.require,
        closed=domains.closed(known),
        spread=spread,
    )


def _closed(situation: Situation) -> ServerVerdict | None:
    """Wait for another domain, which its set chooses, where nothing new may land in this one."""
    domain, snapshot = situation.spec.domain, situation.snapshot
    if situation.seen.volumes or domains.takes(snapshot.fleet.domains, domain):
        return None
    fleet = situation.spec.fleet
    message = (
        f"Nothing new lands in failure domain {domain} of fleet {fleet}."
        if domain
        else f"All failure domains of fleet {fleet} are closed to new servers."
    )
    blocked = Blocked(
        object=f"Fleet/{fleet}",
        reason=Reason.DOMAIN_CLOSED,
        message=message,
        remedy=remedies.fleet(snapshot.fleet),
    )
    return ServerVerdict(
        reason=Reason.DOMAIN_CLOSED, message=message, trouble=True, blocked=(blocked,)
    )


def _comes_back(situation: Situation) -> ServerVerdict:
    """The instance was deleted, which is what a rollout under OnDelete waits for."""
    server, revision = situation.snapshot.server, situation.snapshot.next_revision
    patch = writes.patch(
        server,
        body={"spec": {"revision": revision}},
        why="the instance was deleted, and servers come back at the target revision (OnDelete)",
        guarded=True,
    )
    message = f"Coming back at revision {revision}, as its instance was deleted (OnDelete)."
    return ServerVerdict(reason=ServerReason.REPLACING, message=message, actions=(patch,))


def _hindered(situation: Situation, error: objects.LastError, made: ServerVerdict) -> ServerVerdict:
    """The server is asked for in vain, and is not at fault: told in the words of who answered."""
    thing, snapshot = error.object or situation.name, situation.snapshot
    blocked = Blocked(
        object=thing,
        reason=error.reason,
        message=error.message,
        next_attempt_time=situation.attempts.next_attempt_time,
        remedy=remedies.unblock(
            thing, snapshot.server.metadata.namespace, error.message, by=snapshot.fleet.display
        ),
    )
    return ServerVerdict(
        reason=ForeignReason(error.reason),
        message=error.message,
        stalled=error.class_ == ErrorClass.BLOCKED,
        trouble=True,
        blocked=(blocked,),
        actions=made.actions,
    )


def _backing_off(situation: Situation, due: float) -> ServerVerdict:
    return ServerVerdict(
        reason=ServerReason.BACKING_OFF,
        message=last_words(situation),
        trouble=True,
        blocked=(ill(situation),),
        wake=due - situation.snapshot.now,
    )


def _tried_on(situation: Situation, made: ServerVerdict) -> ServerVerdict:
    """A server that used its attempts counts as failed, and is tried again now and then."""
    verdict = exhausted(situation)
    if situation.spec.recovery.give_up:
        return verdict
    left = tries_again(situation) - situation.snapshot.now
    if left > 0:
        return dataclasses.replace(verdict, wake=left)
    return dataclasses.replace(verdict, actions=made.actions)


def tries_again(situation: Situation) -> float:
    """Return when a server that used its attempts is tried again."""
    answer, server = situation.answer, situation.snapshot.server
    if answer is not None and answer.costs_attempt:
        return due_again(server, answer)
    return clock.parse(situation.attempts.next_attempt_time)


def exhausted(situation: Situation) -> ServerVerdict:
    """Say that the server used its attempts, in the words of the last failure."""
    error, server = situation.attempts.last_error, situation.snapshot.server
    refused = error is not None and error.class_ == ErrorClass.TERMINAL and error.reason
    tried = words.count(max(situation.attempts.count, 1), "attempt")
    message = f"Failed after {tried}: {last_words(situation)}"
    if not situation.spec.recovery.give_up:
        seconds = situation.spec.recovery.backoff.max_seconds
        message = f"{message.rstrip('.')}. Still tried every {seconds} seconds."
    # An instance that is there tells best what helps; else the request, or another try, does.
    remedy = situation.seen.remedy or (
        remedies.edit(server) if refused else remedies.retry_now(server)
    )
    if error is None or not refused:
        verdict = stall(situation.name, ServerReason.ATTEMPTS_EXHAUSTED, message, remedy)
    else:
        verdict = stall(situation.name, ForeignReason(error.reason), message, remedy)
    if error is None or not error.object:
        return verdict
    (own,) = verdict.blocked
    cause = msgspec.structs.replace(own, object=error.object, reason=error.reason)
    return dataclasses.replace(verdict, blocked=(cause,))


def ill(situation: Situation) -> Blocked:
    """Return what is in the way of a server whose attempts fail, and what helps."""
    error = situation.attempts.last_error
    return Blocked(
        object=situation.seen.blocker
        or (error.object if error is not None else "")
        or situation.name,
        reason=situation.seen.reason or _reason(situation) or Reason.FAILED,
        message=situation.seen.message or last_words(situation),
        next_attempt_time=situation.attempts.next_attempt_time,
        remedy=situation.seen.remedy or remedies.retry_now(situation.snapshot.server),
    )


def stall(blocker: str, reason: AnyReason, message: str, remedy: str) -> ServerVerdict:
    """Return the verdict of a server that a person must see to."""
    blocked = Blocked(object=blocker, reason=reason, message=message, remedy=remedy)
    return ServerVerdict(
        reason=reason, message=message, stalled=True, trouble=True, blocked=(blocked,)
    )


def _reason(situation: Situation) -> str:
    error = situation.attempts.last_error
    return error.reason if error is not None else ""


def last_words(situation: Situation) -> str:
    """Return what the last failure said; what is seen, where nothing failed."""
    error = situation.attempts.last_error
    return error.message if error is not None else situation.seen.message
