"""One fleet as its supervisor keeps it: its provider's life, its pool, its circuit breakers.

`fleets` has one for each Fleet, and for the built-in one. A namespace has a breaker of its own once
the answer to one of its calls was lost as a webhook of that namespace alone may lose it: whatever
guards one namespace must not hold up the calls of another.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable, Iterable

from controller import contract, errors
from controller.api import objects, texts
from controller.contract import tasks
from controller.execution.breaker import ACTS, Begun, Breaker
from controller.execution.fleet_waiters import Waiters
from controller.execution.pool import WIDTH, Pool
from controller.execution.provider_life import ProviderLife
from controller.planning.circuit import CircuitState, Rule

# How much is kept of what a provider said of a failure.
LONGEST_WORDS = 300


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call ended: whether the provider `failed`, None where that tells nothing.

    `local` is whether it failed as it would if only this namespace's calls did.
    """

    failed: bool | None
    local: bool = False
    whose: str = ""
    words: str = ""


class Branch:
    """One fleet: its Fleet as it was last seen, its provider's life, pool and breakers."""

    def __init__(
        self, fleet: objects.Fleet, pool: Pool, waiters: Waiters, clock: Callable[[], float]
    ) -> None:
        self.fleet = fleet
        self.pool = pool
        self.life: ProviderLife | None = None
        # Until when another provider, or process, may have made servers, by the loop's clock.
        self.alone_since = -math.inf
        self._waiters = waiters
        self._clock = clock
        self.whole = Breaker(fleet, waiters, clock, held=self.held)
        self._own: dict[str, Breaker] = {}

    def breakers(self, namespace: str) -> tuple[Breaker, ...]:
        """Return what calls for servers of that namespace must pass."""
        own = self._own.get(namespace)
        return (self.whole,) if own is None else (self.whole, own)

    def every(self) -> Iterable[Breaker]:
        """Return all breakers of the fleet."""
        return (self.whole, *self._own.values())

    def outage(self, namespace: str) -> contract.OutageSpan:
        """Return the latest time in which calls for a namespace did not get through."""
        outage = self.whole.circuit.outage
        own = self._own.get(namespace)
        return outage if own is None else outage.joined(own.circuit.outage)

    def adopt(self, fleet: objects.Fleet) -> None:
        """Keep to what a Fleet asks for now."""
        self.fleet = fleet
        for each in self.every():
            each.fleet = fleet
            each.ruled(rule_of(fleet.spec.limits))

    def asked(self, namespace: str, verb: contract.Verb, action: str) -> tuple[Breaker, ...]:
        """Return what one call must pass, for that action if it is an act: a few pass by all.

        No provider has a part in a request or a Job. How a cancel ends is up to the command that it
        is for, and nobody tries it again: so it neither waits nor tells anything.
        """
        by = verb is contract.Verb.CANCEL or action in tasks.ELSEWHERE
        return () if by else self.breakers(namespace)

    def end(self, begun: tuple[tuple[Breaker, Begun], ...], namespace: str, how: CallEnd) -> None:
        """Count a call out with each breaker that it has passed.

        A failure that may be a namespace's own tells nothing of the fleet, nor the fleet's of it.
        """
        local = how.local and how.failed
        if begun and local and namespace and namespace not in self._own:
            opened = self._opened(namespace)
            begun = (*begun, (opened, opened.begin(contract.Verb.CHANGE)))
        for breaker, call in begun:
            fits = not how.failed or how.local == bool(breaker.namespace)
            breaker.end(call, failed=how.failed if fits else None, whose=how.whose, words=how.words)

    def take_over(self) -> None:
        """Take in that until now another provider, or another process, may have made servers.

        Servers that these made show in no list that was asked for before.
        """
        self.alone_since = asyncio.get_running_loop().time()

    def anew(self) -> None:
        """Forget all failures: another provider has its place."""
        for each in self.every():
            each.anew()

    def stop(self) -> None:
        """Look at no clock any more."""
        for each in self.every():
            each.stop()

    def held(self) -> frozenset[str]:
        """Return the namespaces whose calls alone are held back."""
        own = self._own.items()
        return frozenset(
            name for name, each in own if each.circuit.state is not CircuitState.CLOSED
        )

    def _opened(self, namespace: str) -> Breaker:
        """Return a namespace's breaker, which is new; those of namespaces without servers go."""
        name = self.fleet.metadata.name
        left = self._waiters.namespaces(name)
        for gone in self._own.keys() - left:
            self._own.pop(gone).stop()
        made = Breaker(self.fleet, self._waiters, self._clock, namespace=namespace)
        made.ruled(rule_of(self.fleet.spec.limits))
        self._own[namespace] = made
        return made


def ended(error: errors.ArgosyError, verb: contract.Verb, whose: str) -> CallEnd:
    """Return how a call ended that raised this."""
    return CallEnd(
        failed=_failed(error, verb),
        local=error.policy.local,
        # An answer that was lost may be that server's own trouble.
        whose=whose if error.policy.kind is errors.FailureKind.UNKNOWN else "",
        words=texts.cut(error.words, LONGEST_WORDS),
    )


def unanswered(error: OSError) -> CallEnd:
    """Return how a call ended that nobody answered."""
    return CallEnd(failed=True, words=texts.cut(str(error), LONGEST_WORDS))


def _failed(error: errors.ArgosyError, verb: contract.Verb) -> bool | None:
    """Return whether the provider does not work, by how a call ended; None: that tells nothing.

    A provider that refuses has answered. An act whose end nobody saw may have failed by itself.
    """
    policy = error.policy
    if policy.works is None or (policy.kind is errors.FailureKind.UNKNOWN and verb in ACTS):
        return None
    return not policy.works


def rule_of(limits: objects.FleetLimits) -> Rule:
    """Return when the circuit of a fleet with these limits opens, and for how long."""
    given = limits.circuit
    return Rule(
        failure_percent=given.failure_percent,
        minimum_calls=given.minimum_calls,
        window_seconds=given.window_seconds,
        open_seconds=given.open_seconds,
        width=limits.concurrent_calls or WIDTH,
    )
