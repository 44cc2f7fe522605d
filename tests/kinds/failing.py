"""Calls that failed, as tests of planners are told of them."""

from __future__ import annotations

from typing import Any

from controller import errors
from controller.contract import Verb
from controller.planning.outcomes import Outcome
from controller.planning.targets import AnyVerb, ObjectTarget, ServerTarget, Target
from controller.reasons import AnyReason

NOW = 1_700_000_000.0


def outcome(
    target: Target,
    reason: AnyReason,
    *,
    verb: AnyVerb = Verb.CREATE,
    kind: errors.FailureKind = errors.FailureKind.REFUSED,
    time: float = NOW,
    **more: Any,
) -> Outcome:
    """Return how a call went that did not succeed."""
    given: dict[str, Any] = {"message": "no", "again": time + 1, "since": time, **more}
    return Outcome(target=target, verb=verb, kind=kind, reason=reason, time=time, **given)


def made_in_vain(
    reason: AnyReason,
    *,
    fleet: str = "pods",
    kind: errors.FailureKind = errors.FailureKind.FAILED,
    **more: Any,
) -> Outcome:
    """Return the outcome of making what the server of the tests is made of."""
    return outcome(ServerTarget(fleet, "shop-web-0"), reason, kind=kind, **more)


__all__ = ["ObjectTarget", "ServerTarget", "Verb", "made_in_vain", "outcome"]
