"""Keeps the register like the cloud: Nova has no watch, and each list costs it, so each has a pace.

*changes* are asked for each second while something moves, slower while nothing does; *presence*
finds what is missing; *detail* is all there is, at the start, after an outage and once an hour.
A server that is missing is proved to be gone by its id, for a cell that is down makes lists empty.
"""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
import math
from collections.abc import Awaitable, Callable

import structlog

from controller import contract, errors
from controller.api import clock
from controller.providers.openstack import listing, machines, refusals
from controller.providers.openstack.client import DEADLINE, CloudClient
from controller.providers.openstack.register import Doubt, MachineRegister
from controller.providers.openstack.setbacks import Act, Setbacks

_log = structlog.get_logger(__name__)

FASTEST, SLOWEST = 1.0, 15.0
PRESENCE_SECONDS = 60.0
# A list of presence may take this share of the time at most, and one of changes that. Nova works
# them out beside all else: while fifty servers came up on two cores, each list took a second, and
# without a share there was one under way for half of the time.
PRESENCE_SHARE, CHANGES_SHARE = 20, 4
# However long a list took, the next is as soon as that while something moves: what made it slow may
# be over. Fifty deletes at once had one take five seconds; all had gone ten seconds later, unseen.
LONGEST_SPACE = 4.0
DETAIL_SECONDS = 3600.0
# How far back changes are asked for: the cloud's clocks differ.
OVERLAP = 10.0
# Between two answers that a server is not there before that is believed.
PROOF_SECONDS = 5.0
# How many are looked for by id in one round.
PROOFS = 50
LONGEST_REST = 60.0
# After so long without an answer the cloud is not heard, though nothing has failed yet: a round may
# wait for a token, say.
SILENT_SECONDS = LONGEST_REST + 3 * DEADLINE
# After so many failures in a row all is listed anew once the cloud answers.
OUTAGE = 5


async def _leave(identifier: str) -> None:
    """Do nothing."""
    del identifier


async def _rest() -> None:
    """Do nothing."""


@dataclasses.dataclass(slots=True)
class _Due:
    """When each kind of list is due, by the loop's clock, and since when changes are unknown."""

    detail: float = 0.0
    presence: float = 0.0
    changes_since: float = 0.0


class Lister:
    """Asks for lists, one at a time, for as long as it runs."""

    def __init__(self, client: CloudClient, register: MachineRegister) -> None:
        self._client = client
        self._register = register
        self._remove: Act = _leave
        self._erase: Act = _leave
        self._confirm: Act = _leave
        self._sweep: Callable[[], Awaitable[None]] = _rest
        self._due = _Due()
        # Of what is done about servers, which the cloud refuses: each Server is told of its own.
        self._setbacks = Setbacks(self._told)
        self._pause = FASTEST
        # How long the last list of changes took.
        self._took = 0.0
        self._failures = 0
        self._nudge = asyncio.Event()
        # Since when the cloud has not been heard, as the error that told it.
        self.failure: errors.ArgosyError | None = None
        # When the last request that was answered was made, by the loop's clock.
        self.heard = 0.0
        # Told that time as soon as what was answered is in the register.
        self.on_heard: list[Callable[[float], None]] = []

    def acts_by(
        self, *, remove: Act, erase: Act, confirm: Act, sweep: Callable[[], Awaitable[None]]
    ) -> None:
        """Have doubles removed, what is half deleted erased, resizes confirmed, by these.

        `sweep` deletes what servers have left behind, after each list of all.
        """
        self._remove, self._erase, self._confirm, self._sweep = remove, erase, confirm, sweep

    def nudge(self) -> None:
        """Have changes asked for soon: something was set going."""
        self._pause = FASTEST
        self._nudge.set()

    def silence(self) -> contract.Silence | None:
        """Return for how long no list of the servers has been answered, and why; None if one is."""
        seconds, error = asyncio.get_running_loop().time() - self.heard, self.failure
        if error is None and seconds > SILENT_SECONDS:
            message = "a list of the servers was asked for, and nothing came of it"
            error = refusals.unreachable(message)
        return contract.Silence(seconds=seconds, error=error) if error is not None else None

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                await self.look()
                if self._failures >= OUTAGE:
                    # A tag that somebody changed meanwhile shows in no list of changes.
                    self._due.detail = 0.0
                self._failures, self.failure = 0, None
            except errors.ArgosyError as error:
                self._failures += 1
                self.failure = error
                _log.warning("cloud not seen", reason=error.reason, error=str(error))
            await self._rest()

    async def look(self) -> None:
        """Ask for what is due, then for what is in doubt, and remove doubles.

        Only lists that fail fail the round: without them nothing new is known of any server.
        """
        now = asyncio.get_running_loop().time()
        await self._ask(now)
        self.heard = now
        for each in self.on_heard:
            each(now)
        await self._setbacks.for_each(self._in_doubt(), self._prove)
        doubles = [each.id for each in self._register.doubles()]
        await self._setbacks.for_each(doubles, self._remove_double)
        resized = [each.id for each in self._register.resized()]
        await self._setbacks.for_each(resized, self._confirm)
        self._setbacks.keep({*self._register.doubts, *doubles, *resized})

    def _told(self, identifier: str) -> None:
        """Tell a Server what is refused of its own; what all servers meet is told elsewhere."""
        error = self._setbacks.of(identifier)
        if error is None:
            self._register.allow(identifier)
        elif not refusals.is_of_all(error):
            self._register.refuse(identifier, error)

    async def _remove_double(self, identifier: str) -> None:
        await self._remove(identifier)
        _log.warning("double removed", id=identifier)

    async def _ask(self, now: float) -> None:
        if now >= self._due.detail:
            await self._whole(now)
        else:
            if now >= self._due.presence:
                await self._presence(now)
                await self._tidy()
            await self._changes()

    async def _tidy(self) -> None:
        """Have what servers left behind deleted; what fails of that hides no server."""
        try:
            await self._sweep()
        except errors.ArgosyError as error:
            _log.warning("not swept", reason=error.reason, error=str(error))

    async def _whole(self, now: float) -> None:
        tag = machines.fleet_tag(self._register.fleet)
        found = await listing.servers(self._client, {"tags": tag}, detail=True)
        for row in found.rows:
            self._register.see(row, begun=found.begun)
        self._register.missing((row.id for row in found.rows), begun=found.begun)
        self._register.synced = True
        self._due.detail = now + DETAIL_SECONDS
        self._due.changes_since = self._told_until(found)
        self._space_presence(now)

    async def _presence(self, now: float) -> None:
        tag = machines.fleet_tag(self._register.fleet)
        found = await listing.servers(self._client, {"tags": tag}, detail=False)
        self._register.missing((row.id for row in found.rows), begun=found.begun)
        self._space_presence(now)

    def _space_presence(self, began: float) -> None:
        now = asyncio.get_running_loop().time()
        took = now - began
        self._due.presence = now + max(PRESENCE_SECONDS, PRESENCE_SHARE * took)

    async def _changes(self) -> None:
        since = clock.stamp(self._due.changes_since - OVERLAP)
        # Without tags: a deleted server has none, and would never be seen to end.
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await listing.servers(self._client, {"changes-since": since}, detail=True)
        self._took = loop.time() - began
        for row in found.rows:
            self._register.see(row, begun=found.begun)
        self._due.changes_since = self._told_until(found)

    def _told_until(self, found: listing.Listed) -> float:
        """Return up to when, by the cloud's clock, a list has told all changes.

        No later than the hosts agree: what is changed before the date of one that is ahead, and
        after its list, would be asked for by nobody.
        """
        passed = asyncio.get_running_loop().time() - found.begun
        agreed = self._client.times.theirs(self._client.times.now() - passed)
        return min(found.date or agreed, agreed)

    def _in_doubt(self) -> list[str]:
        """Return whom to look for by id now: of those that are due, who is so for longest."""
        now = asyncio.get_running_loop().time()
        due = [
            (doubt.due, each)
            for each, doubt in self._register.doubts.items()
            if doubt.due <= now and self._setbacks.is_due(each)
        ]
        return [each for _, each in heapq.nsmallest(PROOFS, due)]

    async def _prove(self, identifier: str) -> None:
        doubt = self._register.doubts.get(identifier)
        if doubt is None:
            return
        if not listing.is_id(identifier):
            # An id that is none of Nova's is the id of nothing.
            self._register.forget(identifier)
            return
        begun = asyncio.get_running_loop().time()
        row = await listing.server(self._client, identifier)
        if row is None:
            self._missed(identifier, doubt)
            return
        doubt.missed, doubt.wait = False, min(doubt.wait * 2, SLOWEST)
        doubt.due = begun + doubt.wait
        if row.status == "SOFT_DELETED" and doubt.expected:
            await self._erase(identifier)
            return
        self._register.see(row, begun=begun)
        if identifier not in self._register.machines and row.status != "UNKNOWN":
            self._register.pass_over(row)

    def _missed(self, identifier: str, doubt: Doubt) -> None:
        now = asyncio.get_running_loop().time()
        if doubt.expected or doubt.missed:
            self._register.forget(identifier, until=math.inf if doubt.expected else now)
        else:
            doubt.missed = True
            doubt.due = now + PROOF_SECONDS

    async def _rest(self) -> None:
        """Wait for the next round: less while something moves, more while the cloud fails.

        Example, while servers come up: after a list that took 0.1 s the next follows in a second,
        after one that took 1.2 s in 3.6, and after one that took 5 s in four.
        """
        least = min(max(FASTEST, (CHANGES_SHARE - 1) * self._took), LONGEST_SPACE)
        if self._failures:
            wait = min(2.0 ** min(self._failures - 1, 10), LONGEST_REST)
        elif any(map(self._setbacks.is_due, self._register.moving)):
            wait, self._pause = least, FASTEST
        else:
            wait = max(self._pause, least)
            self._pause = min(self._pause * 2, SLOWEST)
        try:
            async with asyncio.timeout(wait):
                await self._nudge.wait()
                # A change that was just set going shows nothing before a while has passed.
                await asyncio.sleep(least)
        except TimeoutError:
            pass
        self._nudge.clear()
