"""The circuit breaker of a fleet: whether its provider may be called, by how its calls have ended.

Closed lets all calls through. When, within the window, many calls were made and too great a share
of them failed because the provider as a whole does not work, the circuit opens: nothing is made or
changed for a while, which doubles each time it proves too short. Deletes go on, and one that
succeeds is a sign of life. Then the circuit is half open: one call, then 1, 2, 4 … at once, up to
what the fleet allows, and it is closed again; one that fails opens it again.

Pure: the supervisor of fleets feeds it, and holds calls back as it says. Times are seconds.

    closed ── half of 20 calls in 60 s failed ──▶ open ── 30 s · 2^k, or a delete succeeds ──▶
    half open ── width 1, 2, 4 … reached the limit ──▶ closed
              └─ a call failed ──▶ open, k + 1

Example with the defaults and a fleet that allows 8 calls: 20 creates a second fail from 12:00:00
on. With the 20th the circuit is open until 12:00:30, then one is tried. That one fails: open until
12:01:30, as k is 1. The next one succeeds; then 2 may run, once both have, 4, then 8, and with the
eighth of these the circuit is closed: 15 calls that went well.
"""

from __future__ import annotations

import dataclasses
import enum

# The longest that a circuit stays open before one call is tried.
LONGEST_SECONDS = 600.0
# How many parts the window is kept in: outcomes leave it a part at a time.
_PARTS = 6


class State(enum.StrEnum):
    """Whether calls go through."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a circuit opens, and for how long at first; `width` is how many calls may run."""

    failure_percent: int = 50
    minimum_calls: int = 20
    window_seconds: float = 60.0
    open_seconds: float = 30.0
    width: int = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    since: float
    calls: int = 0
    failures: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """How a fleet's calls went lately, and what follows from that."""

    rule: Rule = Rule()
    state: State = State.CLOSED
    # When it may be tried again, and how often in a row it has opened.
    until: float = 0.0
    times: int = 0
    # While half open: how many calls may run at once, how many do, and how many more must succeed.
    width: int = 0
    running: int = 0
    needed: int = 0
    parts: tuple[_Part, ...] = ()

    @property
    def free(self) -> int | None:
        """How many more calls may begin now; None where the circuit sets no bound."""
        if self.state is State.CLOSED:
            return None
        return max(self.width - self.running, 0) if self.state is State.HALF_OPEN else 0

    def at(self, now: float) -> Circuit:
        """Return the circuit as it is at that time: an open one is tried when its time is over."""
        if self.state is State.OPEN and now >= self.until:
            return self._half_open()
        return self

    def begun(self) -> Circuit:
        """Return the circuit once a call to make or change something has begun."""
        if self.state is not State.HALF_OPEN:
            return self
        return dataclasses.replace(self, running=self.running + 1)

    def ended(self, now: float, *, failed: bool, began: State, probe: bool = False) -> Circuit:
        """Return the circuit once a call has ended; `failed` if the provider did not work.

        `began` is the state in which the call began. `probe` is for deletes and cancels, which go
        through in any state. What began under another state tells nothing of this one.
        """
        if self.state is State.CLOSED:
            return self._counted(now, failed=failed)
        if began is not self.state:
            return self
        if self.state is State.OPEN:
            return self._half_open() if probe and not failed else self
        return self if probe else self._tried(now, failed=failed)

    def withdrawn(self, *, began: State) -> Circuit:
        """Return the circuit once a call has ended of which nothing is to be counted."""
        if not began is self.state is State.HALF_OPEN:
            return self
        return dataclasses.replace(self, running=max(self.running - 1, 0))

    def ruled(self, rule: Rule) -> Circuit:
        """Return the circuit under another rule."""
        return self if rule == self.rule else dataclasses.replace(self, rule=rule)

    def _counted(self, now: float, *, failed: bool) -> Circuit:
        span = self.rule.window_seconds / _PARTS
        kept = [each for each in self.parts if each.since > now - self.rule.window_seconds]
        last = kept.pop() if kept and now - kept[-1].since < span else _Part(since=now)
        last = dataclasses.replace(last, calls=last.calls + 1, failures=last.failures + failed)
        parts = (*kept, last)
        calls = sum(each.calls for each in parts)
        failures = sum(each.failures for each in parts)
        if (
            failed
            and calls >= self.rule.minimum_calls
            and failures * 100 >= calls * self.rule.failure_percent
        ):
            return self._open(now)
        return dataclasses.replace(self, parts=parts)

    def _tried(self, now: float, *, failed: bool) -> Circuit:
        if failed:
            return self._open(now)
        running = max(self.running - 1, 0)
        if self.needed > 1:
            return dataclasses.replace(self, running=running, needed=self.needed - 1)
        if self.width >= self.rule.width:
            return Circuit(rule=self.rule)
        width = min(self.width * 2, self.rule.width)
        return dataclasses.replace(self, running=running, width=width, needed=width)

    def _open(self, now: float) -> Circuit:
        pause = min(self.rule.open_seconds * 2.0 ** min(self.times, 16), LONGEST_SECONDS)
        return Circuit(rule=self.rule, state=State.OPEN, until=now + pause, times=self.times + 1)

    def _half_open(self) -> Circuit:
        return Circuit(
            rule=self.rule, state=State.HALF_OPEN, until=self.until, times=self.times,
            width=1, needed=1,
        )  # fmt: skip
