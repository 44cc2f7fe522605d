"""The meaning of failed attempts to make a server: how long to wait, and which way to try next.

Called by the Server planner, and by others that ask whether a server failed for good. The history
stays on the Server's status, so a successor of this process goes on counting where it stood.
"""

from __future__ import annotations

import msgspec

from controller import contract
from controller.api import clock, objects
from controller.api.choices import ErrorClass
from controller.contract import alternatives
from controller.planning import backoffs, merge_patch

# Errors that are nobody's failure; a server that is blocked needs a person all the same.
HINDRANCES = frozenset({ErrorClass.WAITING, ErrorClass.BLOCKED})
# A next attempt that is told stands for so long, in seconds, and then for as long as it went on
# already: not each retry is worth a write.
COARSE = 600.0


def ways(recovery: objects.Recovery) -> int:
    """Return in how many ways a server may be made: its alternatives, or the template as it is."""
    return max(1, len(recovery.alternatives))


def current(server: objects.Server) -> objects.Attempts:
    """Return the attempts that count for what the server should be now.

    Another revision or incarnation starts afresh, in the way that last worked: in the first one
    where none did.
    """
    seen = _placed(server)
    spec = server.spec
    if (seen.revision, seen.incarnation) == (spec.revision, spec.incarnation):
        return seen
    if not seen.count and not seen.alternative and not seen.next_attempt_time:
        return seen
    alternative = 0 if spent(spec.recovery, seen) else seen.alternative
    return objects.Attempts(
        alternative=min(alternative, ways(spec.recovery) - 1), last_error=seen.last_error
    )


def _placed(server: objects.Server) -> objects.Attempts:
    """Return the attempts as they were told, in today's list of alternatives.

    Attempts of an alternative that is gone lead to whatever took its place.
    """
    seen = server.status.attempts
    if not seen.alternative_name and seen.alternative < ways(server.spec.recovery):
        return seen
    place = alternatives.place_of(server, seen.alternative_name)
    if place == alternatives.UNKNOWN:
        place = seen.alternative % ways(server.spec.recovery)
    return msgspec.structs.replace(seen, alternative=place) if place != seen.alternative else seen


def named(server: objects.Server, attempts: objects.Attempts) -> objects.Attempts:
    """Return the attempts as they are told: with the name of the alternative, where one counts."""
    counts = attempts.count or attempts.alternative or attempts.used_up or attempts.exhausted
    name = alternatives.name_of(server, attempts.alternative) if counts else ""
    return msgspec.structs.replace(attempts, alternative_name=name)


def spent(recovery: objects.Recovery, attempts: objects.Attempts) -> bool:
    """Return whether every way to make the server has been tried as often as it may be."""
    if attempts.exhausted:
        return True
    # As earlier releases wrote it: they began at the first alternative.
    if attempts.alternative_name or attempts.count == 0:
        return False
    if attempts.alternative < ways(recovery) - 1:
        return False
    error = attempts.last_error
    return attempts.count >= recovery.attempts or (
        error is not None and error.class_ == ErrorClass.TERMINAL
    )


def failed_for_good(server: objects.Server) -> bool:
    """Return whether the server counts as failed, until something changes or it comes up."""
    return spent(server.spec.recovery, current(server))


def record(
    server: objects.Server,
    error: objects.LastError,
    *,
    before: objects.Attempts,
    instance: str,
    now: float,
) -> objects.Attempts:
    """Return the attempts after one more failed."""
    recovery = server.spec.recovery
    failed = msgspec.structs.replace(
        before,
        count=before.count + 1,
        revision=server.spec.revision,
        incarnation=server.spec.incarnation,
        instance=instance,
        last_error=error,
    )
    if before.exhausted:
        return _tried_on(server, msgspec.structs.replace(failed, count=before.count), now)
    if failed.count < recovery.attempts and error.class_ != ErrorClass.TERMINAL:
        return _next(
            failed, now + backoffs.delay(recovery.backoff, failed.count, server.metadata.uid)
        )
    used_up = failed.used_up + 1
    if used_up >= ways(recovery) and error.class_ != ErrorClass.WAITING:
        exhausted = msgspec.structs.replace(failed, exhausted=True, used_up=used_up)
        return _tried_on(server, exhausted, now)
    # Each has its turn, from the one that last worked; what is waited for may come anywhere.
    failed = msgspec.structs.replace(
        failed,
        count=0,
        used_up=min(used_up, ways(recovery)),
        alternative=(failed.alternative + 1) % ways(recovery),
    )
    return _next(failed, now + backoffs.delay(recovery.backoff, 1, server.metadata.uid))


def in_doubt(
    server: objects.Server,
    error: objects.LastError,
    *,
    before: objects.Attempts,
    count: int,
    now: float,
) -> objects.Attempts:
    """Return the attempts after an answer was lost that may be the provider's trouble: none counts.

    The answer is the `count`th lost in a row, and the server is tried again as after a failure.
    """
    tried = msgspec.structs.replace(
        before,
        revision=server.spec.revision,
        incarnation=server.spec.incarnation,
        instance="",
        last_error=error,
    )
    return _next(
        tried, now + backoffs.delay(server.spec.recovery.backoff, count, server.metadata.uid)
    )


def given_back(
    server: objects.Server, before: objects.Attempts, outage: contract.OutageSpan
) -> objects.Attempts:
    """Return the attempts without those that an outage of the provider cost.

    One whose answer was lost in it says nothing of the server, which is back at the way in which it
    was tried first.
    """
    error = before.last_error
    if error is None or error.class_ != ErrorClass.UNKNOWN or before.instance:
        return before
    if not (before.count or before.used_up) or not outage.includes(clock.parse(error.time)):
        return before
    first = (before.alternative - before.used_up) % ways(server.spec.recovery)
    return objects.Attempts(alternative=first, last_error=error)


def _tried_on(server: objects.Server, failed: objects.Attempts, now: float) -> objects.Attempts:
    """Return the attempts of a server that used them up: each way has its turn, again and again."""
    recovery = server.spec.recovery
    if recovery.give_up:
        return msgspec.structs.replace(failed, next_attempt_time=None)
    after = (failed.alternative + 1) % ways(recovery)
    failed = msgspec.structs.replace(failed, alternative=after)
    return _next(failed, now + longest_delay(recovery.backoff, server.metadata.uid))


def lost(
    server: objects.Server, error: objects.LastError, *, instance: str, now: float
) -> objects.Attempts:
    """Return the attempts after an instance was lost through no fault of its own: none is spent."""
    before = current(server)
    waits = before.waits + 1
    due = now + backoffs.delay(server.spec.recovery.backoff, waits, server.metadata.uid)
    return _next(
        msgspec.structs.replace(
            before,
            waits=waits,
            revision=server.spec.revision,
            incarnation=server.spec.incarnation,
            instance=instance,
            last_error=error,
        ),
        due,
    )


def hindered(
    server: objects.Server, error: objects.LastError, *, due: float, now: float
) -> objects.Attempts:
    """Return the attempts while something keeps the server from being made: none is spent.

    Told once, and again when that is old: neither a count in the message nor the time of each
    retry is worth a write.
    """
    before = current(server)
    told, due_then = before.last_error, clock.parse(before.next_attempt_time)
    same = told is not None and (told.class_, told.reason, told.object) == (
        error.class_,
        error.reason,
        error.object,
    )
    if same and told is not None and due_then:
        begun = clock.parse(told.time)
        if now < due_then + max(COARSE, due_then - begun):
            return before
        error = msgspec.structs.replace(error, time=told.time)
    return _next(
        msgspec.structs.replace(
            before,
            revision=server.spec.revision,
            incarnation=server.spec.incarnation,
            instance="",
            last_error=error,
        ),
        due,
    )


def hindrance(attempts: objects.Attempts) -> objects.LastError | None:
    """Return what keeps the server from being made, if that is nobody's failure."""
    error = attempts.last_error
    if error is None or attempts.next_attempt_time is None or attempts.instance:
        return None
    return error if error.class_ in HINDRANCES else None


def unhindered(attempts: objects.Attempts) -> objects.Attempts:
    """Return the attempts of a server that has been made: what kept it from that is over."""
    if hindrance(attempts) is None:
        return attempts
    return msgspec.structs.replace(attempts, last_error=None, next_attempt_time=None)


def forgiven(server: objects.Server, *, keep_way: bool) -> objects.Attempts:
    """Return the attempts of a server that is well again, or that a person told to try again."""
    before = current(server)
    return objects.Attempts(
        alternative=before.alternative if keep_way else 0, last_error=before.last_error
    )


def _next(attempts: objects.Attempts, due: float) -> objects.Attempts:
    return msgspec.structs.replace(attempts, next_attempt_time=clock.precise(due))


def longest_delay(backoff: objects.Backoff, seed: str) -> float:
    """Return how long to wait between attempts of a server that used them up."""
    return max(backoffs.delay(backoff, 64, seed), 1.0)


def template(server: objects.Server, alternative: int) -> bytes:
    """Return what the server is made from in that way: its template with the alternative merged."""
    known = server.spec.recovery.alternatives
    plain = bytes(server.spec.template)
    if not 0 <= alternative < len(known):
        return plain
    return merge_patch.merge_json(plain, bytes(known[alternative].patch))
