"""The life of one fleet's provider: opened for its Fleet, lent to calls, closed when that is over.

The supervisor of fleets has one for each Fleet, and replaces it when the Fleet changes. The one
that is replaced stays open until the calls that it was lent to have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator

import structlog

from controller import contract, errors
from controller.api import objects
from controller.api.reasons import Reason

_log = structlog.get_logger(__name__)

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 300.0


class ProviderLife:
    """Keeps the provider of `fleet` open until it is told to end; tries again where that fails."""

    def __init__(
        self,
        kind: contract.ProviderKind,
        context: contract.Context,
        fleet: objects.Fleet,
        *,
        changed: Callable[[], None],
    ) -> None:
        """Begin to open; `changed` is called when it is open, and when that has failed."""
        self.kind = kind
        self.fleet = fleet
        self.provider: contract.Provider | None = None
        # The error that stood in the way when opening was last tried.
        self.failure: errors.ArgosyError | None = None
        self._context = context
        self._changed = changed
        self._ending = asyncio.Event()
        self._settled = asyncio.Event()
        self._lent = 0
        self._returned = asyncio.Event()
        self._returned.set()
        name = f"provider of fleet {fleet.metadata.name}"
        self._task = asyncio.get_running_loop().create_task(self._live(), name=name)

    def serves(self, fleet: objects.Fleet) -> bool:
        """Return whether what was opened is what `fleet` asks for now."""
        ours, theirs = self.fleet, fleet
        return (
            ours.metadata.uid == theirs.metadata.uid
            and ours.spec.provider == theirs.spec.provider
            and _domains(ours) == _domains(theirs)
            and ours.settings == theirs.settings
        )

    @contextlib.contextmanager
    def lend(self) -> Iterator[contract.Provider]:
        """Lend the provider for one call; raises NotSent while it is not open."""
        if self.provider is None:
            message = f"the fleet {self.fleet.metadata.name} is being opened"
            raise errors.NotSent(message, reason=Reason.FLEET_OPENING)
        self._lent += 1
        self._returned.clear()
        try:
            yield self.provider
        finally:
            self._lent -= 1
            if not self._lent:
                self._returned.set()

    async def settled(self) -> None:
        """Return once it is open, or that has failed."""
        await self._settled.wait()

    def end(self) -> asyncio.Task[None]:
        """Have it closed as soon as its calls have ended; return what can be waited for."""
        self.provider = None
        self._ending.set()
        return self._task

    async def _live(self) -> None:
        failures = 0
        while not self._ending.is_set():
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001 - whatever it is, others go on, and it is told
                self.provider = None
                failures += 1
                self.failure = _explained(error)
                _log.warning(
                    "fleet not opened", fleet=self.fleet.metadata.name,
                    reason=self.failure.reason, error=str(self.failure),
                )  # fmt: skip
                self._settle()
                await self._rest(failures)

    async def _serve(self) -> None:
        async with self.kind.open(self._context, self.fleet) as provider:
            if self._ending.is_set():
                return
            self.provider, self.failure = provider, None
            self._settle()
            await self._ending.wait()
            await self._returned.wait()

    def _settle(self) -> None:
        self._settled.set()
        if not self._ending.is_set():
            self._changed()

    async def _rest(self, failures: int) -> None:
        longest = min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 16), LONGEST_BACKOFF)
        delay = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), delay)


def _domains(fleet: objects.Fleet) -> tuple[str, ...]:
    """Return the names of the fleet's domains: how much goes where, planning alone decides."""
    return tuple(each.name for each in fleet.spec.failure_domains)


def _explained(error: Exception) -> errors.ArgosyError:
    if isinstance(error, errors.ArgosyError):
        return error
    _log.exception("provider crashed", exc_info=error)
    return errors.Transient(repr(error), reason=Reason.INTERNAL_ERROR)
