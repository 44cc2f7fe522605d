"""One circuit breaker at work: of a fleet, or of one namespace's calls to it.

`fleets` asks it before each call, and tells it how that ended. The circuit decides; here are the
clock, those that are promised a trial, and those that wait.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import structlog

from controller import contract
from controller.api import objects
from controller.execution.fleet_waiters import Waiters
from controller.planning import keys
from controller.planning.circuit import Circuit, CircuitState, Rule

_log = structlog.get_logger(__name__)

# The calls that go through, one at a time, while the circuit is not closed.
PROBES = frozenset({contract.Verb.DELETE})
# The calls that take as long as whoever asks for them likes.
ACTS = frozenset({contract.Verb.ACT, contract.Verb.RESUME})
# How long a call that was planned while half open may take to begin, in seconds, and an act that is
# tried then to end; then another is tried.
PROMISE_SECONDS = 10.0


@dataclasses.dataclass(slots=True, eq=False)
class Begun:
    """A call under way that a breaker has let begin, in that state.

    `timer` is for one that may be tried for so long, and `late` once that time is over.
    """

    verb: contract.Verb
    state: CircuitState
    timer: asyncio.TimerHandle | None = None
    late: bool = False

    def stop(self) -> None:
        """Look at no clock any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Breaker:
    """The calls to a fleet that may begin: all, or those for servers of one `namespace`.

    `held` returns the namespaces that a trial of the fleet is not for.
    """

    def __init__(
        self,
        fleet: objects.Fleet,
        waiters: Waiters,
        clock: Callable[[], float],
        *,
        namespace: str = "",
        held: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.fleet = fleet
        self.namespace = namespace
        self.circuit = Circuit()
        self._waiters = waiters
        self._clock = clock
        self._held = held
        self._timer: asyncio.TimerHandle | None = None
        # Until when each call that was planned while half open may begin.
        self._promises: list[float] = []
        # Whose calls have been tried since it opened: each has its turn before the next round.
        self._tried: set[tuple[str, str]] = set()
        # The calls that began while it was not closed, and have not ended.
        self._under_way: set[Begun] = set()

    def may_begin(self, verb: contract.Verb) -> bool:
        """Return whether the circuit lets such a call begin now."""
        free = self.room is None or self.room > 0
        return free or (verb in PROBES and not self._probing())

    @property
    def room(self) -> int | None:
        """How many more calls may begin now; None where the circuit sets no bound.

        A delete that began while it was open, and has not ended, is one of those under way.
        """
        free = self.circuit.free
        before = sum(each.state is CircuitState.OPEN for each in self._under_way)
        return None if free is None else free - before

    @property
    def holds(self) -> bool:
        """Whether nothing more may be planned for now: all that may begin is promised."""
        return self.room is not None and self.room <= self._promised()

    def promise(self, verb: contract.Verb) -> None:
        """Count a call that was planned, and will begin when its turn comes, as one that tries."""
        if self.circuit.state is CircuitState.HALF_OPEN and verb not in PROBES:
            self._promises.append(self._clock() + PROMISE_SECONDS)

    def redeem(self, verb: contract.Verb) -> None:
        """Forget one promise: a call that has its turn begins now, or has come in vain."""
        if self._promises and verb not in PROBES:
            self._promises.pop(0)

    def begin(self, verb: contract.Verb) -> Begun:
        """Count a call in; return how it begins."""
        begun = Begun(verb=verb, state=self.circuit.state)
        if begun.state is CircuitState.HALF_OPEN and verb in ACTS:
            loop = asyncio.get_running_loop()
            begun.timer = loop.call_later(PROMISE_SECONDS, self._give_up, begun)
        self.redeem(verb)
        if begun.state is not CircuitState.CLOSED:
            self._under_way.add(begun)
        self.circuit = self.circuit.begun()
        return begun

    def end(self, begun: Begun, *, failed: bool | None, whose: str = "", words: str = "") -> None:
        """Count a call out; `failed` is None where it tells nothing."""
        begun.stop()
        self._under_way.discard(begun)
        began = begun.state
        if begun.late and began is CircuitState.HALF_OPEN:
            # Where all that is asked for takes long, the end of what was tried is all there is to
            # learn from: for that moment it has its place again.
            self.circuit = self.circuit.begun()
        if failed is None:
            after = self.circuit.withdrawn(began=began)
        else:
            after = self.circuit.ended(
                self._clock(), failed=failed, began=began, probe=begun.verb in PROBES,
                whose=whose, words=words,
            )  # fmt: skip
        frees = began is CircuitState.OPEN and self.circuit.state is CircuitState.HALF_OPEN
        self.turn(after)
        if frees:
            self._wake_next()

    def turn(self, after: Circuit) -> None:
        """Have the circuit be `after`, and whoever waits for that look again."""
        before, self.circuit = self.circuit, after
        if after.state is before.state:
            if after.state is CircuitState.HALF_OPEN and after is not before:
                self._wake_next()
            return
        _log.warning(
            "circuit", fleet=self.fleet.metadata.name, of=self.namespace or "all",
            state=after.state, before=before.state,
        )  # fmt: skip
        self._promises.clear()
        self.stop()
        if after.state is CircuitState.CLOSED:
            self._tried.clear()
        else:
            left = after.until - self._clock()
            self._look_again(left if after.state is CircuitState.OPEN else PROMISE_SECONDS)
        if after.state is CircuitState.HALF_OPEN:
            self._waiters.touch(keys.fleet(self.fleet.metadata.name))
            self._wake_next()
        elif before.state is CircuitState.HALF_OPEN and after.state is CircuitState.OPEN:
            # Whoever waits waits on: a trial in vain is no reason to plan all of them anew.
            self._waiters.touch(keys.fleet(self.fleet.metadata.name))
        else:
            self._wake_all()

    def seen(self) -> None:
        """Take in that the provider has shown something, which may bring the next trial forward."""
        if self.circuit.state is CircuitState.OPEN:
            self.turn(self.circuit.seen(self._clock()))

    def ruled(self, rule: Rule) -> None:
        """Have it open, and stay open, by another rule."""
        self.circuit = self.circuit.ruled(rule)

    def anew(self) -> None:
        """Forget all failures: another provider has its place."""
        self.circuit = self.circuit.anew(self._clock())

    def stop(self) -> None:
        """Look at no clock any more; what is under way as a trial is none of what comes now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in self._under_way:
            each.stop()
            if each.state is CircuitState.HALF_OPEN:
                each.state = CircuitState.CLOSED

    def _probing(self) -> int:
        return sum(each.verb in PROBES for each in self._under_way)

    def _give_up(self, begun: Begun) -> None:
        """Have another tried in the place of an act that takes long."""
        begun.timer, begun.late = None, True
        self.turn(self.circuit.withdrawn(began=begun.state))

    def _promised(self) -> int:
        now = self._clock()
        self._promises = [each for each in self._promises if each > now]
        return len(self._promises)

    def _look_again(self, delay: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(delay, 0.0), self._try_again)

    def _try_again(self) -> None:
        self._timer = None
        before = self.circuit
        self.turn(before.at(self._clock()))
        if self.circuit.state is not before.state:
            return
        if before.state is CircuitState.OPEN:  # the two clocks differ by a little
            self._look_again(1.0)
        else:
            # Whoever was to try has not.
            self._wake_waiting()
            self._look_again(PROMISE_SECONDS)

    def _wake_all(self) -> None:
        works = self.circuit.state is CircuitState.CLOSED
        self._waiters.wake_all(self.fleet, namespace=self.namespace, works=works)

    def _wake_next(self) -> None:
        """Have as many as may begin look again."""
        free = (self.room or 0) > self._promised()
        if free and not self._wake_waiting():
            # Whoever would be the next says nothing of that: a set, or an operation.
            self._wake_all()

    def _wake_waiting(self) -> int:
        """Give as many of those that wait their turn as may begin; return how many."""
        room = (self.room or 0) - self._promised()
        return self._waiters.wake_next(
            self.fleet, room, self._tried, namespace=self.namespace, held=self._held()
        )
