"""The ways in which work can fail to happen, each with its own policy as data.

Every layer raises these. Where a planned call ends with one, `execution` does what the error's
policy says, and asks neither for its class nor for its reason: whoever adds a class says here all
that is done about it. Whoever makes a single request may catch a class first: a provider that asks
again or has words of its own for it, a writer that looks once more at what is there, a front end
that tells a person.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import ClassVar

from controller.reasons import AnyReason


class FailureKind(enum.StrEnum):
    """How a call went that did not succeed, as planners are told."""

    REFUSED = "Refused"  # and would be again
    FAILED = "Failed"  # and may pass by itself
    UNKNOWN = "Unknown"  # it may have taken effect
    WAITING = "Waiting"  # something else must happen first


class Level(enum.StrEnum):
    """How loudly a failure is logged; one that repeats is logged at `repeated`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The treatment of an error; each class carries one."""

    kind: FailureKind
    # Whether it is a failure of the server that was to be made: it counts as one of its attempts.
    costs_attempt: bool = False
    # Whether what else is made alike would meet the same: then its siblings wait with it.
    shared: bool = False
    # Whether a warning Event tells it, once.
    event: bool = False
    # Whether the caches are in doubt: the object is read before anything is planned again.
    doubts_caches: bool = False
    # How often in a row it must happen to be told: what usually passes at once is no news.
    told_after: int = 1
    # How often in a row it must happen to be believed; until then it counts as Failed.
    believed_after: int = 1
    # Whether it shows that the other side as a whole works, which a fleet's circuit breaker counts:
    # who refuses has answered. None: it tells nothing of that.
    works: bool | None = True
    # Whether it may be the doing of what guards one namespace: then the breaker of that namespace
    # counts it, and not the fleet's, which holds up everybody.
    local: bool = False
    # Whether the call may have begun on the other side; what was not sent is no attempt of an act.
    sent: bool = True
    # The longest wait before it is tried again, in seconds.
    longest_wait: float = 60.0
    level: Level = Level.DEBUG
    repeated: Level = Level.WARNING


class ArgosyError(Exception):
    """The root: `reason` is of a `reasons.py`, or a word of others that is passed on.

    The text says what, where and what must hold. `words` are the other side's own, where it said
    why; `blocker` names the object that is in the way, as Kind/name, where one is known; `facts`
    are what an act found out before it failed, such as an exit code; `retry_after` is what the
    other side asked for, in seconds, before it is asked again. Each class below this one has a
    policy.
    """

    policy: ClassVar[Policy]

    def __init_subclass__(cls) -> None:
        """Refuse a class that does not say what is done about it."""
        super().__init_subclass__()
        if not hasattr(cls, "policy"):
            raise TypeError(f"{cls.__name__} has no policy")

    def __init__(
        self,
        message: str,
        *,
        reason: AnyReason,
        words: str = "",
        blocker: str = "",
        facts: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.words = words or message
        self.blocker = blocker
        self.facts = facts or {}
        self.retry_after = retry_after


class Waiting(ArgosyError):  # noqa: N818 - the three are words for states, not for mishaps
    """Something else must happen first: look again when it has."""

    policy = Policy(kind=FailureKind.WAITING, told_after=3, works=None, repeated=Level.DEBUG)


class NotSent(Waiting):
    """Argosy held the call back itself, as its fleet is not open or not to be called for now."""

    policy = dataclasses.replace(Waiting.policy, sent=False)


class Warned(Waiting):
    """A warning of the cluster on an object that does not get on: told at once, and asked again."""

    policy = dataclasses.replace(Waiting.policy, told_after=1)


class Stalled(ArgosyError):  # noqa: N818 - as above
    """Retrying cannot help until a person changes something."""

    policy = Policy(
        kind=FailureKind.REFUSED,
        costs_attempt=True,
        event=True,
        longest_wait=600.0,
        level=Level.INFO,
        repeated=Level.DEBUG,
    )


class TemplateRefused(Stalled):
    """The template of servers is refused: so it would be for every one of them."""

    policy = dataclasses.replace(Stalled.policy, shared=True)


class NameTaken(Stalled):
    """Something of somebody else's has the name: no fault of the server, and over when that goes.

    A create is how to look again, so it is asked often.
    """

    policy = dataclasses.replace(Stalled.policy, costs_attempt=False, longest_wait=30.0)


class OwnerGone(Waiting):
    """The object with the name was left by an owner that is gone: the cluster will collect it."""

    policy = dataclasses.replace(Waiting.policy, told_after=1, longest_wait=30.0)


class Transient(ArgosyError):  # noqa: N818 - as above
    """May pass by itself: retried with backoff."""

    policy = Policy(kind=FailureKind.FAILED, costs_attempt=True, event=True)


class LeaseLost(Transient):
    """This process leads no more: whoever does will see to it."""

    policy = Policy(kind=FailureKind.FAILED, told_after=6, works=None, sent=False)


class Crashed(Transient):
    """A bug of ours in the call, which may have taken effect."""

    policy = Policy(
        kind=FailureKind.UNKNOWN, event=True, doubts_caches=True, works=None, level=Level.WARNING
    )


class UnknownOutcome(Transient):
    """The call may have taken effect: observe before anything is done again."""

    policy = Policy(
        kind=FailureKind.UNKNOWN,
        costs_attempt=True,
        event=True,
        doubts_caches=True,
        told_after=2,
        works=False,
    )


class Outage(Transient):
    """The other side as a whole does not work: unreachable, overloaded or failing.

    An outage is no failure of whatever was asked for; a fleet's circuit breaker counts it.
    """

    policy = Policy(kind=FailureKind.FAILED, told_after=6, works=False)
