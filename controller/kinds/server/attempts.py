"""What failed attempts to make a server mean: how long to wait, and which way to try next.

Called by the Server planner, and by others that ask whether a server failed for good. The history
stays on the Server's status, so a successor of this process goes on counting where it stood.
"""

from __future__ import annotations

import msgspec

from controller.api import clock, names, objects
from controller.planning import merge_patch

TERMINAL = "Terminal"
TRANSIENT = "Transient"
UNKNOWN = "Unknown"
_SPREAD = float(16**10)


def ways(recovery: objects.Recovery) -> int:
    """Return in how many ways a server may be made: its alternatives, or the template as it is."""
    return max(1, len(recovery.alternatives))


def current(server: objects.Server) -> objects.Attempts:
    """Return the attempts that count for what the server should be now.

    Another revision or incarnation starts afresh, in the way that last worked: in the first one
    where none did.
    """
    seen = server.status.attempts
    spec = server.spec
    if (seen.revision, seen.incarnation) == (spec.revision, spec.incarnation):
        return seen
    if seen.count == 0 and seen.alternative == 0:
        return seen
    alternative = 0 if spent(spec.recovery, seen) else seen.alternative
    return objects.Attempts(
        alternative=min(alternative, ways(spec.recovery) - 1), last_error=seen.last_error
    )


def spent(recovery: objects.Recovery, attempts: objects.Attempts) -> bool:
    """Return whether every way to make the server has been tried as often as it may be."""
    if attempts.alternative < ways(recovery) - 1 or attempts.count == 0:
        return False
    error = attempts.last_error
    return attempts.count >= recovery.attempts or (error is not None and error.class_ == TERMINAL)


def failed_for_good(server: objects.Server) -> bool:
    """Return whether Argosy has given up making this server, until something changes."""
    return spent(server.spec.recovery, current(server))


def record(
    server: objects.Server, *, instance: str, error_class: str, message: str, at: float, now: float
) -> objects.Attempts:
    """Return the attempts after one more failed, seen at the time `at`."""
    recovery = server.spec.recovery
    before = current(server)
    failed = msgspec.structs.replace(
        before,
        count=before.count + 1,
        revision=server.spec.revision,
        incarnation=server.spec.incarnation,
        instance=instance,
        last_error=objects.LastError(
            class_=error_class or TRANSIENT, message=message, time=clock.precise(at)
        ),
    )
    done_with_way = failed.count >= recovery.attempts or error_class == TERMINAL
    wait = delay(recovery.backoff, failed.count, server.metadata.uid)
    if done_with_way and failed.alternative < ways(recovery) - 1:
        failed = msgspec.structs.replace(failed, count=0, alternative=failed.alternative + 1)
        wait = delay(recovery.backoff, 1, server.metadata.uid)
    if spent(recovery, failed):
        return msgspec.structs.replace(failed, next_attempt_time=None)
    return msgspec.structs.replace(failed, next_attempt_time=clock.precise(now + wait))


def forgiven(server: objects.Server, *, keep_way: bool) -> objects.Attempts:
    """Return the attempts of a server that is well again, or that a person told to try again."""
    before = current(server)
    return objects.Attempts(
        alternative=before.alternative if keep_way else 0, last_error=before.last_error
    )


def delay(backoff: objects.Backoff, count: int, seed: str) -> float:
    """Return how long to wait after the `count`th failure; the same seed waits the same time."""
    exponent = min(max(count - 1, 0), 64)
    plain = float(min(backoff.initial_seconds * backoff.factor**exponent, backoff.max_seconds))
    fraction = int(names.digest(f"{seed}/{count}"), 16) / _SPREAD
    return plain * (1 + backoff.jitter_percent / 100 * (2 * fraction - 1))


def template(server: objects.Server, alternative: int) -> bytes:
    """Return what the server is made from in that way: its template with the alternative merged."""
    alternatives = server.spec.recovery.alternatives
    plain = bytes(server.spec.template)
    if alternative >= len(alternatives):
        return plain
    return merge_patch.merge_json(plain, bytes(alternatives[alternative].patch))
