"""The engine's memory of a key between visits; lost at a crash without harm.

Which phase a key is in, and which may come next, is a table in `phases`. The engine, dispatcher,
calls and gate say what happens, by the methods here; none of them changes a field itself.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable

from controller import contract, errors
from controller.api.resources import Resource
from controller.contract import Place, Verb
from controller.execution.phases import (
    BACKING_OFF,
    IDLE,
    IN_FLIGHT,
    MOVES,
    PARKED,
    READING,
    WRITING,
    IllegalMoveError,
    KeyPhase,
)
from controller.execution.statuses import Pacer
from controller.kube.receipts import WriteReceipt
from controller.planning import targets
from controller.planning.outcomes import Outcome
from controller.planning.targets import AnyVerb, Target
from controller.telemetry import tracing

# An outcome whose call nobody asks for again for so long, in seconds after it is due, is forgotten.
OUTCOME_LIFE = 600.0
# The longest message that is kept of a failure: it may quote what anybody wrote.
LONGEST_MESSAGE = 2000
FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 60.0
# A key that waits with its siblings is called at its turn, and comes by itself after this long.
SIBLINGS_SECONDS = 60.0
# A failure that usually passes at once is no news at first; one that has gone on for so long is,
# however seldom the call was tried.
NEWS_SECONDS = 30.0


@dataclasses.dataclass(slots=True, eq=False)
class KeyState:
    """One key: its phase, the versions that its calls returned, and how those went that failed."""

    # The phase, by what the key waits for; `move` alone changes it.
    phase: KeyPhase = IDLE

    # --- Of calls in flight, that is of WRITING and READING ---
    # Calls that were handed over and are not answered.
    pending: int = 0
    # Of the calls in flight, one has failed in a way that may pass.
    failed: bool = False
    # Something happened while writes were in flight: plan again when they are answered.
    dirty: bool = False
    # The trace that the calls of the last visit are parts of, for who asks for traces.
    trace: tracing.Trace = None

    # --- Of PARKED: what the gate looks at ---
    # The versions that the caches must have reached: the highest one written, by resource,
    # namespace and slot.
    floors: dict[tuple[Resource, str, int | None], int] = dataclasses.field(default_factory=dict)
    # Objects that were deleted, or have ended: how the caches must show that, `WriteReceipt` says.
    gone: dict[tuple[Resource, str, str], WriteReceipt] = dataclasses.field(default_factory=dict)

    # --- Of READING: what it is about ---
    # Objects whose answer was lost, or that were seen to be older in the cache: read before
    # planning.
    uncertain: set[tuple[Resource, str, str]] = dataclasses.field(default_factory=set)

    # --- Of BACKING_OFF: how long it lasts ---
    # How often in a row calls have failed in a way that may pass.
    failures: int = 0
    # No plan before this time: the API server asked for it.
    not_before: float = 0.0

    # --- Of the plans, in whatever phase ---
    outcomes: dict[tuple[Target, AnyVerb], Outcome] = dataclasses.field(default_factory=dict)
    # The generation and retry-now value that the outcomes answer to.
    epoch: tuple[int, str] = (0, "")
    # Something else was asked for, or a person said to try again, and no call was made since.
    renewed: bool = False
    pacer: Pacer = dataclasses.field(default_factory=Pacer)
    planned_at: float = 0.0
    # The shortest time between two plans that only follow what is below the key, in seconds.
    pause: float = 0.0
    # The last plan may have taken servers down, of which others must hear before they do.
    spends: bool = False
    # The error that the visits of this object ended with, told once, and how often in a row it did.
    crashed: str = ""
    crashes: int = 0
    # The message that was told of an object of which nothing could be read.
    told: str = ""

    # --- The moves ---

    def move(self, after: KeyPhase) -> None:
        """Come into another phase; raises that the table has no such move, and stays then."""
        if after not in MOVES[self.phase]:
            raise IllegalMoveError(self.phase, after)
        self.phase = after

    def park(self) -> None:
        """Wait for the caches: they do not show yet what was written."""
        if self.phase is not PARKED:
            self.move(PARKED)

    def come_through(self) -> None:
        """Wait no more: the caches show all that was written, and the key is looked at."""
        if self.phase is not IDLE:
            self.move(IDLE)

    def mend(self) -> None:
        """Be in the phase that the calls in flight say: a crash may have come before a move.

        Asks no table, so that what a bug has confused can still be told, and looked at again.
        """
        if not self.pending:
            self.phase = IDLE
        elif self.phase not in IN_FLIGHT:
            self.phase = WRITING

    @property
    def in_flight(self) -> bool:
        """Whether calls are not answered: nothing is planned meanwhile."""
        return self.pending > 0

    def ask(self, *, reads: bool = False) -> None:
        """Count a call that is handed over; the first one says what the key is doing."""
        if self.phase not in IN_FLIGHT:
            self.move(READING if reads else WRITING)
        self.pending += 1

    def answer(self) -> bool:
        """Count a call as answered; return whether it was the last one."""
        self.pending -= 1
        return not self.pending

    def settle(self) -> bool:
        """Sum up the calls, which are all answered; return whether the key is to back off."""
        failed, self.failed = self.failed, False
        if failed:
            self.failures += 1
        elif self.phase is not READING:
            # Whether a plan that is made of what was read succeeds is yet to be seen.
            self.failures = 0
        self.move(BACKING_OFF if failed else IDLE)
        return failed

    def take_back(self, count: int) -> None:
        """Count out calls that never started; how the others went is of no interest any more."""
        self.pending -= count
        if self.pending:
            return
        self.failed = False
        if self.phase in IN_FLIGHT:
            self.move(IDLE)

    # --- The plans ---

    def begin(self, at: float) -> None:
        """Begin a plan at this loop time: the next that only follows what is below comes later."""
        self.planned_at = at

    def space(self, pause: float) -> None:
        """Leave at least so many seconds between plans that only follow what is below the key."""
        self.pause = pause

    def follow(self, trace: tracing.Trace) -> None:
        """Have the calls of this visit be parts of a trace."""
        self.trace = trace

    def spend(self, *, spends: bool) -> None:
        """Remember whether the plan that is carried out may take servers down."""
        self.spends = spends

    def tell(self, message: str) -> None:
        """Remember what was told of an object of which nothing could be read."""
        self.told = message

    # --- Changes meanwhile ---

    def falter(self) -> None:
        """Have the key back off once its calls are answered: one of them failed."""
        self.failed = True

    def plan_again(self) -> None:
        """Have the key planned once more after this plan, or after the calls in flight."""
        self.dirty = True

    def plan_anew(self) -> None:
        """Begin a plan, which sees all that has happened so far."""
        self.dirty = False

    def defer(self, until: float) -> None:
        """Back off until then at least, where the key backs off: the API server asked for it."""
        self.not_before = until

    def doubt(self, places: Iterable[Place]) -> None:
        """Have these objects read before the next plan."""
        self.uncertain.update(places)

    def believe(self, place: Place) -> None:
        """Take an object as read; the caches must come to what was found."""
        self.uncertain.discard(place)

    def succeed(self) -> None:
        """Forget failures in a row: a plan has nothing left to call."""
        self.failures = 0

    def note(self, written: WriteReceipt) -> None:
        """Remember what the caches must show of a write before the next plan."""
        if written.gone or written.ended:
            where = (written.resource, written.namespace, written.name)
            self.gone[where] = written
            return
        place = (written.resource, written.namespace, written.slot)
        if written.resource_version > self.floors.get(place, 0):
            self.floors[place] = written.resource_version

    def reach(self, place: tuple[Resource, str, int | None]) -> None:
        """Wait for this cache, or slot of it, no more: what was written there is seen."""
        del self.floors[place]

    def see_gone(self, where: tuple[Resource, str, str]) -> None:
        """Wait for this object no more: the cache shows that its life, or its run, is over."""
        del self.gone[where]

    def is_blank(self) -> bool:
        """Return whether forgetting this state would change nothing."""
        return not (
            self.phase is not IDLE
            or self.dirty
            or self.failures
            or self.floors
            or self.gone
            or self.uncertain
            or self.outcomes
            or self.crashed
            or self.pause
            or not self.pacer.is_blank()
        )

    def crash(self, error: str) -> bool:
        """Count one more visit that failed; return whether the error is news."""
        self.crashes += 1
        news, self.crashed = error != self.crashed, error
        return news

    def recover(self) -> None:
        """Forget failed visits: this one succeeded."""
        self.crashed, self.crashes = "", 0

    def rest(self) -> float:
        """Return how long to wait after a visit that failed, in seconds; a change comes first."""
        return _spread(self.crashes)

    def remembered(self, now: float, epoch: tuple[int, str]) -> tuple[Outcome, ...]:
        """Return how the calls went that failed: those for this epoch that somebody still makes."""
        if epoch != self.epoch:
            if any(verb is targets.ObjectVerb.RECORD for _, verb in self.outcomes):
                # No plan asks for this one: it is tried before the next, which is due at once.
                self.plan_again()
            self.renewed |= bool(self.outcomes)
            self.outcomes.clear()
            self.epoch = epoch
        for asked in [n for n, r in self.outcomes.items() if now - r.again > OUTCOME_LIFE]:
            del self.outcomes[asked]
        return tuple(self.outcomes.values())

    def fail(
        self,
        target: Target,
        verb: AnyVerb,
        error: errors.ArgosyError,
        now: float,
        *,
        waits_with_siblings: bool = False,
        display: contract.Display = contract.PLAIN,
    ) -> Outcome:
        """Write down that a call failed once more, and when it is due again.

        One that `waits_with_siblings` was not made: what those meet is waited for. `display` is
        how the fleet that was called is seen.
        """
        before = self.outcomes.get((target, verb))
        count = before.count + 1 if before is not None else 1
        policy = error.policy
        same = before is not None and before.reason == error.reason
        since = before.since if before is not None and same else now
        told = count >= policy.told_after or now - since >= NEWS_SECONDS
        believed = count >= policy.believed_after
        wait = _spread(count, longest=policy.longest_wait)
        if waits_with_siblings:
            wait = SIBLINGS_SECONDS if told else NEWS_SECONDS
        if error.retry_after:
            wait = max(wait, error.retry_after)
        # The planner spaces the attempts at a server itself, as its recovery says.
        planned = told and policy.costs_attempt and not policy.shared and _is_attempt(target, verb)
        made = self.outcomes[target, verb] = Outcome(
            target=target,
            verb=verb,
            kind=policy.kind if believed else errors.FailureKind.FAILED,
            reason=error.reason,
            message=error.words[:LONGEST_MESSAGE],
            time=now,
            since=since,
            count=count,
            again=now if planned else now + wait,
            blocker=error.blocker,
            costs_attempt=policy.costs_attempt and believed,
            told=told,
            event=policy.event,
            waits_with_siblings=waits_with_siblings,
            display=display,
        )
        return made

    def forget(self, target: Target, verb: AnyVerb) -> None:
        """Forget how a call failed: it succeeded, or nobody asks for it any more."""
        self.outcomes.pop((target, verb), None)

    def take_renewal(self) -> bool:
        """Return whether something else was asked for since the last call; says so once."""
        renewed, self.renewed = self.renewed, False
        return renewed

    def hasten(self) -> None:
        """Let creates and a provider's calls be tried now: it is their turn, says who held them."""
        for asked, found in self.outcomes.items():
            if found.verb is Verb.CREATE or isinstance(found.target, targets.FleetTarget):
                self.outcomes[asked] = dataclasses.replace(found, again=found.time)

    def backoff(self, now: float) -> float:
        """Return how long to wait before the next plan after failures, in seconds."""
        return max(_spread(self.failures), self.not_before - now)


def _is_attempt(target: Target, verb: AnyVerb) -> bool:
    """Return whether the Server planner spaces these calls itself, as the recovery policy says."""
    return isinstance(target, targets.ServerTarget) and verb is Verb.CREATE


def _spread(count: int, *, longest: float = LONGEST_BACKOFF) -> float:
    """Return the backoff after so many failures in a row, in seconds."""
    plain = min(FIRST_BACKOFF * 2.0 ** min(max(count - 1, 0), 16), longest)
    return plain * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
