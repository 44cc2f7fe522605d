"""Refusals of the cloud about one thing after the other, and when each is due again.

Whatever goes through a list of things, such as floating IPs that are to be deleted, hands it over:
what fails of one keeps no other waiting, and is kept to be told.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable

import structlog

from controller import errors
from controller.providers.openstack import refusals

_log = structlog.get_logger(__name__)

FASTEST, SLOWEST = 1.0, 60.0
# So many failures of the cloud itself in a row end a round: the rest would meet the same.
FAILURES = 3

# An act about the thing of that id.
Act = Callable[[str], Awaitable[None]]


@dataclasses.dataclass(slots=True)
class _Setback:
    """Why something failed, until when it is left alone, and for how long it was so."""

    error: errors.ArgosyError
    until: float = 0.0
    wait: float = FASTEST / 2


class Setbacks:
    """Recent failures, by the id of the thing concerned; `changed` is told where words differ."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._known: dict[str, _Setback] = {}
        self._busy: set[str] = set()

    async def for_each(self, identifiers: Iterable[str], act: Act) -> None:
        """Do something about each thing that is due, by itself, unless that is under way."""
        failures = 0
        for identifier in self._due(identifiers):
            if identifier in self._busy:
                continue
            self._busy.add(identifier)
            try:
                await act(identifier)
            except errors.LeaseLost:
                # Whoever leads will see to all of it.
                return
            except errors.ArgosyError as error:
                self._put_off(identifier, error)
                failures = failures + 1 if refusals.is_of_all(error) else 0
                if failures >= FAILURES:
                    return
            else:
                failures = 0
                self.forget(identifier)
            finally:
                self._busy.discard(identifier)

    def _due(self, identifiers: Iterable[str]) -> list[str]:
        """Return what may be tried now: first what never failed, then what waits for longest.

        Else the first few that fail would end each round, and the rest would never be tried.
        """
        now = asyncio.get_running_loop().time()
        until = {each: known.until for each, known in self._known.items()}
        due = [each for each in identifiers if until.get(each, 0.0) <= now]
        return sorted(due, key=lambda each: until.get(each, 0.0))

    def is_due(self, identifier: str) -> bool:
        """Return whether a thing may be tried now, as nothing failed of it a moment ago."""
        known = self._known.get(identifier)
        return known is None or known.until <= asyncio.get_running_loop().time()

    def of(self, identifier: str) -> errors.ArgosyError | None:
        """Return why the latest try failed; None where it did not."""
        known = self._known.get(identifier)
        return known.error if known is not None else None

    def forget(self, identifier: str) -> None:
        """Take in that nothing stands in the way of a thing, or that it is gone."""
        if self._known.pop(identifier, None) is not None:
            self._changed(identifier)

    def keep(self, identifiers: Iterable[str]) -> None:
        """Forget all but these: they are all that there are."""
        for each in self._known.keys() - set(identifiers):
            self.forget(each)

    def _put_off(self, identifier: str, error: errors.ArgosyError) -> None:
        _log.warning("put off", id=identifier, reason=error.reason, error=str(error))
        before = self._known.get(identifier)
        known = self._known[identifier] = before or _Setback(error)
        news = before is None or refusals.told(before.error) != refusals.told(error)
        known.error, known.wait = error, min(known.wait * 2, SLOWEST)
        known.until = asyncio.get_running_loop().time() + known.wait
        if news:
            self._changed(identifier)
