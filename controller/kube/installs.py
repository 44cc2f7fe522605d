"""Which install of Argosy looks after which namespaces: no two look after the same one.

Replicas of one install elect their leader by a Lease of their own (`lease`), which an install in
another namespace never sees. So a leader claims what it looks after, too, by Leases that any
install finds: one for the whole cluster, or one in each namespace that is watched. The holder is
the install, not the process, so that a successor goes on at once; nothing is given back when a
process stops, so that no other install slips in between two of them.

A claim on the whole cluster goes before claims on namespaces, as whoever may write Leases in a
namespace must not keep an administrator's install from working. Each reads the other's claim only
after its own is written, so that at least one of two sees the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from controller import errors, parts
from controller.api import clock
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.kube.lease import Elector, LeaseLost
from controller.kube.reasons import KubeReason
from controller.telemetry import progress

# Where the claim on the whole cluster is: there in every cluster, written by administrators alone,
# and meant to be read by all.
PUBLIC = "kube-public"
CLUSTER = "argosy-cluster"
# The claim on a namespace, in that namespace.
NAMESPACE = "argosy-install"
# The scope of an install for the whole cluster.
EVERYWHERE = ""

# As of the leader's Lease, and longer: an install that is there no more is missed by nobody.
DURATION, RENEW_DEADLINE, RETRY = 30.0, 20.0, 6.0
# A claim whose holder wrote so long ago is nobody's, however wrong the clocks are.
ANCIENT = 600.0
# How often whoever only asks looks whether a claim has been renewed.
_LOOK = 1.0

_log = structlog.get_logger(__name__)


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    renew_time: str | None = None


class _Meta(msgspec.Struct, frozen=True):
    namespace: str = ""


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()


class _Leases(msgspec.Struct, frozen=True):
    items: list[_Lease] = []


class ScopeClaim:
    """The claim of one install on one scope: a namespace, or everything.

    `held` is whether the scope is looked after here; `why` tells why not, once that is known.
    """

    def __init__(
        self,
        api: kube.Api,
        install: str,
        scope: str,
        *,
        taken: Callable[[], None],
        shared: bool = False,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.scope = scope
        self.why = "not claimed yet"
        self._api = api
        self._install = install
        self._taken = taken
        self._wall_clock = wall_clock
        place = (PUBLIC, CLUSTER) if scope == EVERYWHERE else (scope, NAMESPACE)
        self._place = place
        self._elector = Elector(
            api,
            *place,
            install,
            duration=DURATION,
            renew_deadline=RENEW_DEADLINE,
            retry_period=RETRY,
            shared=shared,
            wall_clock=wall_clock,
        )
        self._confirmed = False
        # Claims may not be written here, or not be read: then all is as if there were none.
        self._unclaimed = False
        self._above = _Nobody() if scope == EVERYWHERE else _Above(api, install, wall_clock)

    @property
    def held(self) -> bool:
        """Whether this scope may be planned for and written to."""
        claimed = self._unclaimed or (self._confirmed and self._elector.leading)
        return claimed and self._above.clear

    @property
    def pulse(self) -> progress.Pulse:
        """Tell whether the claim is asked for, or renewed."""
        return self._elector.pulse

    async def attempt(self) -> bool:
        """Try once to claim the scope; return whether it is claimed.

        `held` follows at once, or after the holders of single namespaces have had time to see it.
        """
        if not await self._is_free():
            return False
        ours = self.scope == EVERYWHERE and await self._was_ours()
        if not await self._elector.attempt():
            return self._failed()
        if not await self._is_free():
            # An install for the whole cluster came in between.
            await self._elector.release()
            return False
        self.why = ""
        if self.scope == EVERYWHERE and not ours and (others := await self._narrower()):
            self.why = f"waiting for {', '.join(others)} to see that this install takes over"
            _log.warning("another install gives way", others=others, seconds=DURATION)
        else:
            self._confirm()
        return True

    async def run(self) -> None:
        """Keep the claim, and ask for it again whenever it is lost, until cancelled."""
        while True:
            if not self._elector.leading:
                await self.attempt()
            if self._elector.leading:
                await self._hold()
            await asyncio.sleep(RETRY)

    async def _hold(self) -> None:
        try:
            await parts.together(
                {
                    "renew": self._elector.hold(),
                    "confirm": self._confirm_later(),
                    "look up": self._look_up(),
                }
            )
        except LeaseLost as error:
            self._confirmed = False
            self._say(str(error))

    async def _confirm_later(self) -> None:
        if not self._confirmed:
            await asyncio.sleep(DURATION)
            self._confirm()
        await asyncio.Event().wait()

    async def _look_up(self) -> None:
        """Go on until an install for the whole cluster claims what is claimed here."""
        while True:
            await asyncio.sleep(RETRY)
            before = self._above.clear
            if not await self._is_free():
                await self._elector.release()
                raise LeaseLost(self.why, reason=KubeReason.LEASE_LOST)
            if self._confirmed and self._above.clear and not before:
                self._confirm()

    async def _is_free(self) -> bool:
        """Return whether no install for the whole cluster is seen to stand above this scope."""
        await self._above.look()
        if self._above.holder:
            self._say(f"the install {self._above.holder} looks after the whole cluster")
        return not self._above.holder

    def _failed(self) -> bool:
        """Say why the scope was not claimed; go on without a claim where none may be made."""
        trouble, holder = self._elector.trouble, self._elector.holder
        if holder not in ("", self._install):
            self._unclaimed = False
            self._say(f"the install {holder} looks after {self._named()}")
        elif isinstance(trouble, self._none_here):
            if not self._unclaimed:
                _log.warning("other installs go unnoticed", why=str(trouble))
                self._unclaimed, self.why = True, ""
                self._taken()
        elif not self._unclaimed:
            self._say(f"{self._named()} cannot be claimed: {trouble}")
        return False

    @property
    def _none_here(self) -> tuple[type[errors.ArgosyError], ...]:
        """The answers that say that no claim can be made here, by nobody."""
        refused = (faults.Forbidden, faults.Denied, faults.Refused)
        # A namespace that is not there yet has nothing that could be looked after twice.
        return (*refused, faults.NotFound) if self.scope == EVERYWHERE else refused

    def _named(self) -> str:
        return f"namespace {self.scope}" if self.scope else "the whole cluster"

    def _say(self, why: str) -> None:
        if why != self.why:
            _log.warning("not looked after here", scope=self.scope or "the whole cluster", why=why)
        self.why = why

    def _confirm(self) -> None:
        self.why = ""
        self._confirmed, self._unclaimed = True, False
        self._taken()

    async def _was_ours(self) -> bool:
        """Return whether this install has held the claim until now, so that nobody else works."""
        try:
            found = _lease(await _bounded(self._api.get(Resource.LEASES, *self._place)))
        except errors.ArgosyError:
            return False
        age = abs(_age(found.spec, self._wall_clock()))
        return found.spec.holder_identity == self._install and age < RENEW_DEADLINE

    async def _narrower(self) -> list[str]:
        """Return the installs that seem to look after single namespaces."""
        try:
            text = await _bounded(self._api.list(Resource.LEASES, name=NAMESPACE))
            found = msgspec.json.decode(text, type=_Leases).items
        except errors.Stalled as error:
            _log.warning("other installs go unnoticed", why=str(error))
            return []
        except (errors.ArgosyError, msgspec.DecodeError) as error:
            return [f"any other ({error})"]
        return sorted(
            {
                each.spec.holder_identity
                for each in found
                if each.spec.holder_identity not in (None, "", self._install)
                and _age(each.spec, self._wall_clock()) < ANCIENT
            }
        )


class _Nobody:
    """The claim above that of an install for the whole cluster: there is none."""

    holder = ""
    clear = True

    async def look(self) -> None:
        """See nobody."""


class _Above:
    """The claim of another install on the whole cluster, as one for a namespace sees it."""

    def __init__(self, api: kube.Api, install: str, wall_clock: Callable[[], float]) -> None:
        self.holder = ""
        self._api = api
        self._install = install
        self._wall_clock = wall_clock
        self._seen: _Spec | None = None
        self._seen_at = 0.0
        self._looked_at = -DURATION

    @property
    def clear(self) -> bool:
        """Whether nobody was there when last looked at, not long ago."""
        return not self.holder and self._now() - self._looked_at < RENEW_DEADLINE

    async def look(self) -> None:
        """See who claims the whole cluster; what cannot be asked leaves it open."""
        began = self._now()
        try:
            found = _lease(await _bounded(self._api.get(Resource.LEASES, PUBLIC, CLUSTER))).spec
        except (faults.NotFound, errors.Stalled):
            # Whoever installs for the whole cluster has all accounts read the claim.
            found = _Spec()
        except errors.ArgosyError:
            return
        if found != self._seen:
            self._seen, self._seen_at = found, began
        alive = began - self._seen_at < DURATION and _age(found, self._wall_clock()) < ANCIENT
        other = found.holder_identity not in (None, "", self._install)
        self.holder = found.holder_identity or "" if other and alive else ""
        self._looked_at = began

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Installs:
    """All claims of one install, `install` being its name: where its leader's Lease is.

    Where replicas share the work the claims are `shared`, too: each of them keeps them.
    """

    def __init__(
        self,
        api: kube.Api,
        install: str,
        namespaces: Sequence[str] = (),
        *,
        shared: bool = False,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        # Told when a scope is looked after here from now on.
        self.taken: Callable[[], None] = lambda: None
        self._claims = {
            each: ScopeClaim(
                api, install, each, taken=self._tell, shared=shared, wall_clock=wall_clock
            )
            for each in namespaces or (EVERYWHERE,)
        }
        self._everywhere = self._claims.get(EVERYWHERE)

    def cover(self, namespace: str) -> bool:
        """Return whether what is in the namespace is looked after here, now."""
        if self._everywhere is not None:
            return self._everywhere.held
        claim = self._claims.get(namespace)
        return claim is not None and claim.held

    def refused(self) -> dict[str, str]:
        """Return why what this install is for is not looked after here, by scope."""
        return {each.scope: each.why for each in self._claims.values() if not each.held}

    @property
    def idle(self) -> bool:
        """Whether nothing at all is looked after here."""
        return len(self.refused()) == len(self._claims)

    def pulses(self) -> list[progress.Pulse]:
        """Return what tells that claims are asked for, or renewed."""
        return [each.pulse for each in self._claims.values()]

    async def attempt(self) -> None:
        """Try once to claim all that this install is for."""
        await asyncio.gather(*(each.attempt() for each in self._claims.values()))

    async def run(self) -> None:
        """Keep the claims, and go on asking for the others, until cancelled."""
        await parts.together(
            {f"claim {each.scope or CLUSTER}": each.run() for each in self._claims.values()}
        )

    def _tell(self) -> None:
        self.taken()


async def elsewhere(
    api: kube.Api,
    install: str,
    namespaces: Sequence[str] = (),
    *,
    wall_clock: Callable[[], float] = time.time,
) -> dict[str, str]:
    """Return the scopes that other installs look after, each with the install that does.

    For `helm uninstall`, which claims nothing. A claim counts that is renewed while it is watched,
    however wrong the clocks are; one that is nobody's, or cannot be read, is as if it were ours.
    """
    above = await _renewer(api, install, (PUBLIC, CLUSTER), wall_clock)
    scopes = tuple(namespaces) or (EVERYWHERE,)
    if above or not namespaces:
        return dict.fromkeys(scopes, above) if above else {}
    found = await asyncio.gather(
        *(_renewer(api, install, (each, NAMESPACE), wall_clock) for each in scopes)
    )
    return {scope: holder for scope, holder in zip(scopes, found, strict=True) if holder}


async def _renewer(
    api: kube.Api, install: str, place: tuple[str, str], wall_clock: Callable[[], float]
) -> str:
    """Return which other install renews a claim; empty where none does for as long as it lasts."""
    first: _Spec | None = None
    until = asyncio.get_running_loop().time() + DURATION
    while asyncio.get_running_loop().time() < until:
        try:
            found = _lease(await _bounded(api.get(Resource.LEASES, *place))).spec
        except (faults.NotFound, errors.Stalled):
            return ""
        except errors.ArgosyError:
            await asyncio.sleep(_LOOK)
            continue
        holder = found.holder_identity or ""
        if holder in ("", install) or _age(found, wall_clock()) > ANCIENT:
            return ""
        if first is not None and found != first:
            return holder
        first = found
        await asyncio.sleep(_LOOK)
    return ""


async def _bounded(request: Any) -> bytes:
    try:
        async with asyncio.timeout(RETRY):
            answer: bytes = await request
            return answer
    except TimeoutError as error:
        message = f"no answer for {RETRY:g} s"
        raise faults.UnknownOutcome(message, reason=KubeReason.SILENT) from error


def _lease(text: bytes) -> _Lease:
    try:
        return msgspec.json.decode(text, type=_Lease)
    except msgspec.DecodeError as error:
        message = f"a Lease that is not one: {error}"
        raise faults.UnknownOutcome(message, reason=KubeReason.GARBLED) from error


def _age(spec: _Spec, now: float) -> float:
    """Return how long ago the holder wrote by its own clock; what is no time was long ago."""
    try:
        return now - clock.parse(spec.renew_time)
    except (ValueError, OverflowError):
        return now
