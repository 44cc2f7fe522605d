"""Creates of one set after some failed for one cause: few at a time, more as they succeed.

A quota, a webhook or a policy that refuses one server refuses its siblings, too. So the
first failures of a set's creates hold the others back; after a backoff one of them is tried, and
each success lets two more go, until nothing waits. A ReplicaSet starts as slowly; here only what
failed does. The dispatcher asks before each create, and tells how it went.

    100 creates, a quota of 1:   8 in flight fail, 91 wait; 1 is tried after 0.2, 0.4, … 60 s
    the quota is raised:         1 succeeds, then 2, 4, 8, … at once
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Hashable

from controller import errors
from controller.planning.keys import Key

FIRST_WAIT, LONGEST_WAIT = 0.2, 60.0
# How many different ones must fail in a row: one alone may have a trouble of its own.
ENOUGH = 2
# How many sets are remembered before those at rest are forgotten, and when they are, in seconds.
MOST, REST = 256, 600.0


@dataclasses.dataclass(slots=True, eq=False)
class _Brake:
    """One set's creates of one kind."""

    cause: errors.ArgosyError | None = None
    # Who failed since the last success, and how often it was tried since the brake was put on.
    failed: dict[Hashable, Key] = dataclasses.field(default_factory=dict)
    tries: int = 0
    until: float = 0.0
    width: int = 1
    # Creates that were let go and have not been answered.
    flying: set[Hashable] = dataclasses.field(default_factory=set)
    # Who waits: what is created, and the key that creates it, in the order of their coming.
    held: dict[Hashable, Key] = dataclasses.field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    # The last wish that one be tried at once.
    wish: Hashable = None

    def is_on(self) -> bool:
        return self.cause is not None


class SlowStart:
    """The brakes of all sets; `nudge` is called with a key that may try now."""

    def __init__(self, *, nudge: Callable[[Key], None]) -> None:
        self._nudge = nudge
        self._brakes: dict[Hashable, _Brake] = {}

    def begin(
        self, group: Hashable, made: Hashable, key: Key, *, trial: bool = False
    ) -> errors.ArgosyError | None:
        """Return why the create must wait; None where it may be made now.

        A `trial` is one of the few calls that a fleet's circuit lets through, and never waits here:
        two brakes that wait for each other would let nothing through.
        """
        brake = self._brakes.get(group)
        if brake is None:
            return None
        now = asyncio.get_running_loop().time()
        held = now < brake.until or len(brake.flying) >= brake.width
        if brake.is_on() and held and not trial:
            brake.held.setdefault(made, key)
            if brake.timer is None and not brake.flying:
                self._wake_at(brake, brake.until)
            return brake.cause
        brake.held.pop(made, None)
        brake.flying.add(made)
        return None

    def succeeded(self, group: Hashable, made: Hashable) -> None:
        """Let two more go for one that was made; nothing is held once nobody waits."""
        brake = self._brakes.get(group)
        if brake is None:
            return
        brake.flying.discard(made)
        brake.held.pop(made, None)
        brake.failed.clear()
        brake.tries = 0
        brake.width += 1
        brake.until = 0.0
        if not brake.held:
            self._drop(group)
            return
        self._call(brake, 2)

    def failed(self, group: Hashable, made: Hashable, key: Key, error: errors.ArgosyError) -> None:
        """Hold the others back, where they would meet the same."""
        brake = self._brakes.get(group)
        if brake is not None:
            brake.flying.discard(made)
        if not error.policy.shared:
            if brake is not None and brake.is_on():
                # The error says nothing of the cause: the next one may.
                self._call(brake, 1)
            return
        if brake is None:
            self._sweep()
            brake = self._brakes[group] = _Brake()
        brake.failed[made] = key
        if not brake.is_on() and len(brake.failed) < ENOUGH:
            return
        now = asyncio.get_running_loop().time()
        if now >= brake.until:
            # Creates that were in flight together fail together, and count as one try.
            brake.tries += 1
            brake.until = now + self._wait(brake.tries, error)
        brake.cause, brake.width = error, 1
        # Last in line: what ails it alone must not keep the others.
        for each in brake.failed:
            brake.held.pop(each, None)
        brake.held |= brake.failed
        self._wake_at(brake, brake.until)

    def release(self, group: Hashable, wish: Hashable) -> None:
        """Let one be tried at once: somebody says that the cause is gone.

        All of a set hear the same wish; if the one that is tried fails, the others wait after all.
        """
        brake = self._brakes.get(group)
        if brake is not None and brake.wish != wish:
            brake.wish, brake.until = wish, 0.0

    def _wait(self, tries: int, error: errors.ArgosyError) -> float:
        plain = min(FIRST_WAIT * 2.0 ** min(tries - 1, 16), LONGEST_WAIT)
        asked = getattr(error, "retry_after", None) or 0.0
        return max(plain * random.uniform(0.75, 1.0), asked)  # noqa: S311 - spreads load

    def _wake_at(self, brake: _Brake, moment: float) -> None:
        if brake.timer is not None:
            brake.timer.cancel()
        loop = asyncio.get_running_loop()

        def ring() -> None:
            brake.timer = None
            self._call(brake, brake.width)
            if brake.held:
                # Whoever was called may be gone, or not want to any more: then the next one is.
                brake.timer = loop.call_later(LONGEST_WAIT, ring)

        brake.timer = loop.call_at(moment, ring)

    def _call(self, brake: _Brake, count: int) -> None:
        for made in list(brake.held)[:count]:
            self._nudge(brake.held.pop(made))

    def _drop(self, group: Hashable) -> None:
        brake = self._brakes.pop(group)
        if brake.timer is not None:
            brake.timer.cancel()

    def _sweep(self) -> None:
        if len(self._brakes) < MOST:
            return
        now = asyncio.get_running_loop().time()
        for group in [
            each
            for each, brake in self._brakes.items()
            if not brake.held and not brake.flying and now > brake.until + REST
        ]:
            self._drop(group)
