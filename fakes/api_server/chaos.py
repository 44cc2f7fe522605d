"""What goes wrong between a controller and its API server: by rule, or by a seed.

`server` asks `judge` once for each request. Nothing here knows what a request means.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

from controller import errors
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import faults
from controller.kube.reasons import KubeReason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as faults are chosen by it."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def writes(self) -> bool:
        """Whether it may change anything."""
        return self.verb not in ("get", "list", "watch")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens to a request: seconds lost on the way there and back, and failures.

    `before`: it never arrived, or was turned away. `after`: it was carried out, but its answer was
    lost.
    """

    there: float = 0.0
    back: float = 0.0
    before: errors.ArgosyError | None = None
    after: errors.ArgosyError | None = None


@dataclasses.dataclass(slots=True, kw_only=True)
class Rule:
    """A verdict for the next `times` requests that `matches` (None: for ever)."""

    matches: Callable[[Request], bool]
    verdict: Verdict
    times: int | None = 1


FINE = Verdict()


class Faults:
    """Rules first, then chance: each share is of all requests of the kind it can befall.

    The same seed and the same requests give the same faults.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        refused: float = 0.0,
        lost: float = 0.0,
        slow: float = 0.0,
        slow_seconds: float = 2.0,
    ) -> None:
        self.rules: list[Rule] = []
        # From now on: no request arrives, and watches break.
        self.down = False
        # Resources whose watches say nothing, and how far behind their lists are, in versions.
        self.frozen: set[Resource] = set()
        # Label selectors whose watches say nothing, of whatever resource.
        self.held: set[str] = set()
        self.stale: dict[Resource, int] = {}
        self._rng = random.Random(seed)
        self._refused = refused
        self._lost = lost
        self._slow = slow
        self._slow_seconds = slow_seconds
        self._watches: dict[object, tuple[Resource, Callable[[bytes], None]]] = {}
        # Called when watches must look again at what is said here; the server enters itself.
        self.wakers: list[Callable[[], None]] = []

    def calm(self) -> None:
        """End all faults, those of chance too."""
        self.rules.clear()
        self.down = False
        self.frozen.clear()
        self.held.clear()
        self.stale.clear()
        self._refused = self._lost = self._slow = 0.0
        self.wake()

    def on(
        self,
        verb: str = "",
        resource: Resource | None = None,
        *,
        name: str = "",
        subresource: str | None = None,
        verdict: Verdict,
        times: int | None = 1,
    ) -> Rule:
        """Give a verdict for the next requests that fit; return the rule, which can be removed."""

        def matches(request: Request) -> bool:
            return (
                (not verb or verb == request.verb)
                and (resource is None or resource is request.resource)
                and (not name or name == request.name)
                and (subresource is None or subresource == request.subresource)
            )

        rule = Rule(matches=matches, verdict=verdict, times=times)
        self.rules.append(rule)
        return rule

    def judge(self, request: Request) -> Verdict:
        """Return what happens to a request."""
        if self.down:
            return Verdict(before=refused("the API server is down"))
        for rule in self.rules:
            if rule.matches(request):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.rules.remove(rule)
                return rule.verdict
        return self._chance(request)

    def freeze(self, *resources: Resource) -> None:
        """Let the watches of these resources say nothing until thawed, nor end."""
        self.frozen.update(resources)

    def hold(self, selector: str) -> None:
        """Let the watches of a label selector say nothing until thawed, while others speak."""
        self.held.add(selector)

    def thaw(self) -> None:
        """Let all watches speak again: what was held back arrives at once."""
        self.frozen.clear()
        self.held.clear()
        self.wake()

    def drop_watches(self, resource: Resource | None = None, *, line: bytes = b"") -> None:
        """Break the open watches (of `resource`), after a last `line` that is no event."""
        for of, cut in list(self._watches.values()):
            if resource is None or of is resource:
                cut(line)

    def crash(self) -> None:
        """Take the API server down: watches break, requests are refused until `down` is False."""
        self.down = True
        self.drop_watches()

    def enter(self, resource: Resource, cut: Callable[[bytes], None]) -> object:
        """Register an open watch; for the server."""
        ticket = object()
        self._watches[ticket] = (resource, cut)
        return ticket

    def leave(self, ticket: object) -> None:
        """Forget a watch that has ended; for the server."""
        self._watches.pop(ticket, None)

    def wake(self) -> None:
        """Let watches look again whether they are frozen."""
        for each in self.wakers:
            each()

    def _chance(self, request: Request) -> Verdict:
        if not (self._refused or self._lost or self._slow) or request.verb == "watch":
            return FINE
        dice = self._rng.random
        before = busy("a fault of chance") if dice() < self._refused else None
        after = lost("a fault of chance") if request.writes and dice() < self._lost else None
        slow = self._slow_seconds if dice() < self._slow else 0.0
        return Verdict(there=slow * dice(), back=slow * dice(), before=before, after=after)


def refused(why: str) -> errors.ArgosyError:
    """Return the fault of a connection that cannot be made."""
    return faults.Unreachable(f"simulated: {why}", reason=Reason.UNREACHABLE)


def busy(why: str, retry_after: float | None = None) -> errors.ArgosyError:
    """Return the fault of an API server that turns a request away."""
    return faults.Overloaded(
        f"simulated: {why}", reason=KubeReason.TOO_MANY_REQUESTS, retry_after=retry_after
    )


def lost(why: str) -> errors.ArgosyError:
    """Return the fault of an answer that never came."""
    return faults.UnknownOutcome(f"simulated: {why}", reason=KubeReason.CONNECTION_LOST)


def kept(why: str) -> errors.ArgosyError:
    """Return the fault of a write that is not answered in time, as where a webhook keeps it."""
    return faults.Unanswered(f"simulated: {why}", reason=KubeReason.CONNECTION_LOST)


def cut(why: str) -> errors.ArgosyError:
    """Return the fault of a watch that broke."""
    return faults.ServerFailed(f"simulated: {why}", reason=KubeReason.CONNECTION_LOST)
