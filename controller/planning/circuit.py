"""The circuit breaker of a fleet: whether its provider may be called, by how its calls have ended.

Closed lets all calls through. The circuit opens when, within the window, many calls were made and
too great a share of them failed because the provider as a whole does not work; or, where few are
made, when for a whole window none succeeded and several failed. While it is open nothing is made or
changed for a while, which doubles each time it proves too short. Deletes go on, one at a time, and
one that succeeds is a sign of life; so is what the provider shows without being asked, until a
trial for its sake is in vain: who may be read need not be able to write. Then the circuit is half
open: one call, then 1, 2, 4 … at once, up to what the fleet allows, and it is closed again; one
that fails opens it again. Where only calls for one server fail, three of them, or one after
another's succeeded, it is closed, too: that server has trouble of its own, and may have it for
days. So does nobody open a circuit alone, or keep it open.

Pure: the supervisor of fleets feeds it, and holds calls back as it says. Times are seconds.

    closed ── half of 20 calls in 60 s failed, or ──▶ open ── 30 s · 2^k, or a delete succeeds, ──▶
              all of a few did for 60 s                       or something is seen after 30 s
    half open ── width 1, 2, 4 … reached the limit, or nobody calls any more ──▶ closed
              └─ a call failed ──▶ open, k + 1

Example with the defaults and a fleet that allows 8 calls: 20 creates a second fail from 12:00:00
on. With the 20th the circuit is open until 12:00:30, then one is tried. The trial fails: open until
12:01:30, as k is 1. The next one succeeds; then 2 may run, once both have, 4, then 8, and with the
eighth of these the circuit is closed: 15 calls that went well.
"""

from __future__ import annotations

import dataclasses
import enum

from controller.contract import OutageSpan

# The longest that a circuit stays open before one call is tried.
LONGEST_SECONDS = 600.0
# How many parts the window is kept in: outcomes leave it a part at a time.
_PARTS = 6
# How many calls, and of how many servers, must fail for a whole window where none succeeds: what
# befalls one server alone may be its own trouble.
_FEW_CALLS, _FEW_SERVERS = 3, 2
NOBODY = ""


class CircuitState(enum.StrEnum):
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
class _Row:
    """Calls that failed with none in between that succeeded: since when, how many, and whose.

    Of the servers the first few are kept. While they are one server's alone, the row is of its
    latest failure: what befalls that server for hours is no time in which all calls failed.
    Who waits twice as long after each failure calls ever more seldom: a pause of up to twice the
    time that the row has taken is none. Example with a window of 10 s: calls that fail at 0, 3, 9
    and 21 s are one row of 21 s, though 12 s lie between the last two.
    """

    since: float
    last: float
    calls: int = 0
    servers: frozenset[str] = frozenset()
    # When the failures began to be of more than one server.
    shared: float | None = None

    def with_one(self, whose: str, now: float, window: float) -> _Row:
        """Return the row with one more, or a new one where the last was long ago."""
        lasts = now - self.last <= max(window, 2.0 * (self.last - self.since))
        row = self if lasts else _Row(since=now, last=now)
        servers = _with(row.servers, whose)
        if row.shared is None and len(servers) >= _FEW_SERVERS:
            calls = min(row.calls, 1) + 1
            return _Row(since=row.last, last=now, calls=calls, servers=servers, shared=now)
        return dataclasses.replace(row, last=now, calls=row.calls + 1, servers=servers)

    def tells(self, now: float, window: float) -> bool:
        """Return whether so few calls tell as much as many."""
        lasts = self.shared is not None and now - self.shared >= window
        return self.calls >= _FEW_CALLS and lasts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Trials:
    """Trials that failed since the last that succeeded: how many, and whose.

    `proven` is whether one has succeeded since the circuit opened first.
    """

    failed: int = 0
    servers: frozenset[str] = frozenset()
    proven: bool = False

    def with_one(self, whose: str) -> _Trials:
        """Return them with one more that failed."""
        servers = _with(self.servers, whose)
        return dataclasses.replace(self, failed=self.failed + 1, servers=servers)

    @property
    def blame_one(self) -> bool:
        """Whether they tell of one server's own trouble, and nothing of the provider."""
        enough = 1 if self.proven else _FEW_CALLS
        return self.failed >= enough and len(self.servers) < _FEW_SERVERS


def _with(servers: frozenset[str], whose: str) -> frozenset[str]:
    """Return the first few servers, with one; what cannot be one server's trouble is for all."""
    if len(servers) >= _FEW_SERVERS:
        return servers
    return servers | ({whose} if whose else {f"any {number}" for number in range(_FEW_SERVERS)})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """How a fleet's calls went lately, and what follows from that."""

    rule: Rule = Rule()
    state: CircuitState = CircuitState.CLOSED
    # When it opened, when it may be tried again, and how often in a row it has opened.
    opened: float = 0.0
    until: float = 0.0
    times: int = 0
    # The circuit is half open as something was seen; and that was so before, and the trial in vain.
    sighted: bool = False
    deceived: bool = False
    # While half open: how many calls may run at once, how many do, and how many more must succeed.
    width: int = 0
    running: int = 0
    needed: int = 0
    # When the last of its trials succeeded.
    succeeded: float = 0.0
    parts: tuple[_Part, ...] = ()
    row: _Row | None = None
    trials: _Trials = _Trials()
    # The provider's words on the call whose failure opened the circuit first.
    words: str = ""
    # The latest outage: since the beginning of the window that opened it, until it was closed.
    began: float = 0.0
    over: float = 0.0

    @property
    def free(self) -> int | None:
        """How many more calls may begin now; None where the circuit sets no bound."""
        if self.state is CircuitState.CLOSED:
            return None
        return max(self.width - self.running, 0) if self.state is CircuitState.HALF_OPEN else 0

    @property
    def outage(self) -> OutageSpan:
        """The latest time in which the provider did not work."""
        return OutageSpan(
            began=self.began, over=self.over, lasts=self.state is not CircuitState.CLOSED
        )

    def at(self, now: float) -> Circuit:
        """Return the circuit as it is at that time: an open one is tried when its time is over.

        A half open one whose calls succeeded, and that nobody needs any more, is closed.
        """
        if self.state is CircuitState.OPEN and now >= self.until:
            return self._half_open()
        if self.state is CircuitState.HALF_OPEN and self.succeeded and not self.running:
            return self if now < self.succeeded + self.rule.open_seconds else self.anew(now)
        return self

    def seen(self, now: float) -> Circuit:
        """Return the circuit once the provider has shown something: a trial is due before its time.

        But never sooner than after the shortest pause, and once in an outage if that is in vain.
        """
        early = now < self.opened + self.rule.open_seconds
        if self.state is not CircuitState.OPEN or self.deceived or early:
            return self
        return dataclasses.replace(self._half_open(), sighted=True)

    def begun(self) -> Circuit:
        """Return the circuit once a call has begun."""
        if self.state is not CircuitState.HALF_OPEN:
            return self
        return dataclasses.replace(self, running=self.running + 1)

    def ended(
        self,
        now: float,
        *,
        failed: bool,
        began: CircuitState,
        probe: bool = False,
        whose: str = NOBODY,
        words: str = "",
    ) -> Circuit:
        """Return the circuit once a call has ended; `failed` if the provider did not work.

        `began` is the state in which the call began: what began under another state tells nothing
        of this one. `probe` is for deletes, which go through, one at a time, while it is open.
        `whose` is the server that it was about, where its end may be that server's own trouble.
        `words` are the provider's own about a failure.
        """
        if self.state is CircuitState.CLOSED:
            after = self._counted(now, failed=failed, whose=whose)
            opens = after.state is CircuitState.OPEN
            return dataclasses.replace(after, words=words) if opens else after
        # Example: 8 creates are in flight, and the first that fails opens the circuit. The other 7
        # fail a moment later: they do not have it open for longer, and none of them is the trial.
        if began is not self.state:
            return self
        if self.state is CircuitState.OPEN:
            alive = probe and not failed
            return dataclasses.replace(self._half_open(), succeeded=now) if alive else self
        return self._tried(now, failed=failed, whose=whose)

    def withdrawn(self, *, began: CircuitState) -> Circuit:
        """Return the circuit once a call has given its place up, and nothing is to be counted."""
        if not began is self.state is CircuitState.HALF_OPEN:
            return self
        return dataclasses.replace(self, running=max(self.running - 1, 0))

    def ruled(self, rule: Rule) -> Circuit:
        """Return the circuit under another rule."""
        return self if rule == self.rule else dataclasses.replace(self, rule=rule)

    def anew(self, now: float) -> Circuit:
        """Return the circuit with all its failures forgotten: of a provider that works again."""
        over = self.over if self.state is CircuitState.CLOSED else now
        return Circuit(rule=self.rule, began=self.began, over=over)

    def _counted(self, now: float, *, failed: bool, whose: str) -> Circuit:
        # Of a window of 60 s in 6 parts a part goes as a whole once it began 60 s ago: so no call
        # is remembered by itself, however many there are.
        span = self.rule.window_seconds / _PARTS
        kept = [each for each in self.parts if each.since > now - self.rule.window_seconds]
        last = kept.pop() if kept and now - kept[-1].since < span else _Part(since=now)
        last = dataclasses.replace(last, calls=last.calls + 1, failures=last.failures + failed)
        # One that succeeds ends the row, and is but one of the many. So 10 failures of 20 calls
        # open the circuit whatever succeeds in between, and 3 only if nothing does for a window.
        counted = dataclasses.replace(self, parts=(*kept, last), row=None)
        if not failed:
            return counted
        row = self.row or _Row(since=now, last=now)
        row = row.with_one(whose, now, self.rule.window_seconds)
        counted = dataclasses.replace(counted, row=row)
        if counted.too_many_failed:
            return self._open(now, began=min(row.since, counted.parts[0].since))
        if row.tells(now, self.rule.window_seconds):
            return self._open(now, began=row.since)
        return counted

    @property
    def too_many_failed(self) -> bool:
        """Whether too great a share of enough calls within the window failed."""
        calls = sum(each.calls for each in self.parts)
        failures = sum(each.failures for each in self.parts)
        enough = calls >= self.rule.minimum_calls
        return enough and failures * 100 >= calls * self.rule.failure_percent

    def _tried(self, now: float, *, failed: bool, whose: str) -> Circuit:
        if failed:
            trials = self.trials.with_one(whose)
            # Before it opens again, for longer: three trials that failed for web-7 alone are its
            # own trouble, and so is a single one where a trial has succeeded in this outage.
            if trials.blame_one:
                return self.anew(now)
            return dataclasses.replace(self._open(now, began=self.began), trials=trials)
        # As many must succeed as may run at once; then twice as many may: 1, 2, 4, 8.
        running = max(self.running - 1, 0)
        if self.needed > 1:
            needed, width = self.needed - 1, self.width
        elif self.width >= self.rule.width:
            return self.anew(now)
        else:
            needed = width = min(self.width * 2, self.rule.width)
        return dataclasses.replace(
            self, running=running, width=width, needed=needed, succeeded=now,
            trials=_Trials(proven=True),
        )  # fmt: skip

    def _open(self, now: float, *, began: float) -> Circuit:
        pause = min(self.rule.open_seconds * 2.0 ** min(self.times, 16), LONGEST_SECONDS)
        return Circuit(
            rule=self.rule, state=CircuitState.OPEN, opened=now, until=now + pause,
            times=self.times + 1, began=began, deceived=self.deceived or self.sighted,
            words=self.words,
        )  # fmt: skip

    def _half_open(self) -> Circuit:
        return Circuit(
            rule=self.rule, state=CircuitState.HALF_OPEN, until=self.until, times=self.times,
            width=1, needed=1, began=self.began, deceived=self.deceived, words=self.words,
            trials=self.trials,
        )  # fmt: skip


def message(whose: str, words: str) -> str:
    """Return what is told while a circuit is not closed, with what the provider said, if anything.

    The same words for as long as the outage lasts.
    """
    told = f"Many calls to {whose} failed: new ones wait for a while."
    return f"{told} The first of them: {words}" if words else told
