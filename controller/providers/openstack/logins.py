"""Logins with one set of credentials: one at a time, and how it ends is everybody's answer.

`tokens` has those of what clouds.yaml says now. If each caller logged in by itself, a Keystone that
hangs would let them fail one after another: for minutes nothing failed, so that nothing was told.
One that refuses would have an account locked by so many tries.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Awaitable, Callable

from controller import errors
from controller.providers.openstack import refusals
from controller.providers.openstack.client import CloudSession
from controller.providers.openstack.reasons import CloudReason

# For how long a failure is everybody's answer: twice as long each time.
FIRST, LONGEST = 5.0, 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A session, and what tells whether it ends soon."""

    session: CloudSession
    ends_soon: Callable[[], bool]


class Logins:
    """Logs in by `log_in` when a session is asked for and there is none that serves."""

    def __init__(self, log_in: Callable[[], Awaitable[Login]]) -> None:
        self._log_in = log_in
        self._known: Login | None = None
        self._failure: errors.ArgosyError | None = None
        self._under_way: asyncio.Task[None] | None = None
        # Until when no other login begins, by the loop's clock, and for how long that was put off.
        self._until = -math.inf
        self._wait = 0.0

    async def session(self, stale: str = "") -> CloudSession:
        """Return a session with another token than `stale`; raises how the latest login failed.

        One that ends soon serves until it has, while the next one is asked for.
        """
        known = self._known
        if known is not None and known.session.token != stale:
            if known.ends_soon():
                self._begin()
            return known.session
        self._known = None
        self._begin()
        if self._under_way is not None:
            # Whoever waits for it may go: its answer is kept.
            await asyncio.shield(self._under_way)
        if self._known is None:
            raise self._refusal()
        return self._known.session

    def _begin(self) -> None:
        """Have a login begin, unless one is under way or failed a moment ago."""
        loop = asyncio.get_running_loop()
        if self._under_way is None and loop.time() >= self._until:
            self._under_way = loop.create_task(self._renew())

    async def _renew(self) -> None:
        failed = True
        try:
            self._known, self._failure = await self._log_in(), None
            failed = False
        except errors.ArgosyError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - by its kind alone: it may tell what is secret
            message = f"Keystone cannot be asked for a token: {type(error).__name__}"
            self._failure = refusals.unreachable(message)
        finally:
            self._under_way = None
            self._put_off(failed=failed)

    def _put_off(self, *, failed: bool) -> None:
        """Put off the next login after one that failed, or that soon followed another.

        Example: services that refuse each token that Keystone gives have a second one asked for at
        once, the next after 5 s, 10 s, 20 s.
        """
        now = asyncio.get_running_loop().time()
        soon = now < self._until + LONGEST
        longer = min(max(self._wait * 2, FIRST), LONGEST) if soon else FIRST
        self._wait = longer if failed or soon else 0.0
        self._until = now + self._wait

    def _refusal(self) -> errors.ArgosyError:
        """Return why there is no session, to each caller its own: whoever has it may add to it."""
        error = self._failure
        if error is None:
            message = "the cloud refuses a token that it has just given"
            return refusals.CredentialsRefused(message, reason=CloudReason.CREDENTIALS_REFUSED)
        return type(error)(str(error), reason=error.reason)
