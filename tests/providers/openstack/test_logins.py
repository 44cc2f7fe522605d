"""Logins are shared: a Keystone that hangs or refuses is asked once for all who wait."""

from __future__ import annotations

import asyncio

import pytest

from controller import errors
from controller.providers.openstack import refusals
from controller.providers.openstack.client import CloudSession
from controller.providers.openstack.logins import Login, Logins
from controller.providers.openstack.reasons import CloudReason

pytestmark = pytest.mark.looptime


class Keystone:
    """Gives numbered tokens, as soon as it answers; `error` is what it says instead."""

    def __init__(self, error: errors.ArgosyError | Exception | None = None) -> None:
        self.error = error
        self.seconds = 0.1
        self.asked = 0
        self.ending: set[str] = set()

    async def log_in(self) -> Login:
        """Log in."""
        self.asked += 1
        token = f"token-{self.asked}"
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return Login(session=CloudSession(token=token), ends_soon=lambda: token in self.ending)


def refused() -> errors.ArgosyError:
    """Return how a Keystone refuses."""
    return refusals.CredentialsRefused("no", reason=CloudReason.CREDENTIALS_REFUSED)


def unreachable() -> errors.ArgosyError:
    """Return what becomes of a Keystone that hangs."""
    return refusals.CloudUnreachable("no answer", reason=CloudReason.CLOUD_UNREACHABLE)


async def test_a_keystone_that_hangs_keeps_nobody_waiting_for_others() -> None:
    """All who need a token fail when the one login does, each with an error of its own."""
    keystone = Keystone(unreachable())
    keystone.seconds = 20.0
    logins = Logins(keystone.log_in)
    began = asyncio.get_running_loop().time()
    found = await asyncio.gather(*(logins.session() for _ in range(10)), return_exceptions=True)
    assert asyncio.get_running_loop().time() - began < 25
    assert [type(each) for each in found] == [refusals.CloudUnreachable] * 10
    assert len({id(each) for each in found}) == 10
    assert keystone.asked == 1


async def test_credentials_that_are_refused_are_tried_seldom() -> None:
    """Else a password that is wrong for a minute has its account locked by its own operator."""
    keystone = Keystone(refused())
    logins = Logins(keystone.log_in)
    for _ in range(60):
        with pytest.raises(refusals.CredentialsRefused):
            await logins.session()
        await asyncio.sleep(1)
    assert keystone.asked == 4
    keystone.error = None
    await asyncio.sleep(60)
    assert (await logins.session()).token == "token-5"  # noqa: S105 - a fake's


async def in_vain(logins: Logins) -> None:
    """Ask for token after token, as services take none of them."""
    while True:
        first = await logins.session()
        await logins.session(stale=first.token)


async def test_tokens_that_services_refuse_are_not_asked_for_at_each_call() -> None:
    """One that is stale is replaced at once; where the next is refused, too, it is for longer."""
    keystone = Keystone()
    logins = Logins(keystone.log_in)
    for _ in range(60):
        with pytest.raises(refusals.CredentialsRefused):
            await in_vain(logins)
        await asyncio.sleep(1)
    assert 2 <= keystone.asked <= 6
    await asyncio.sleep(300)
    fresh = await logins.session()
    assert (await logins.session(stale=fresh.token)).token != fresh.token


async def test_a_token_serves_until_it_has_ended() -> None:
    """The next one is got before, and nobody waits for it; not even where Keystone hangs then."""
    keystone = Keystone()
    logins = Logins(keystone.log_in)
    first = await logins.session()
    await asyncio.sleep(600)
    keystone.seconds, keystone.error = 20.0, unreachable()
    keystone.ending.add(first.token)
    for _ in range(100):
        async with asyncio.timeout(0.1):
            assert await logins.session() == first
        await asyncio.sleep(1)
    assert 2 <= keystone.asked <= 5
    with pytest.raises(refusals.CloudUnreachable):
        await logins.session(stale=first.token)
    keystone.seconds, keystone.error = 0.1, None
    await asyncio.sleep(60)
    assert (await logins.session()).token not in {"", first.token}


async def test_whoever_waits_may_go_and_the_answer_is_kept() -> None:
    """A call that is cancelled costs the others nothing."""
    keystone = Keystone()
    keystone.seconds = 10.0
    logins = Logins(keystone.log_in)
    gone = asyncio.create_task(logins.session())
    await asyncio.sleep(5)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    async with asyncio.timeout(6):
        await logins.session()
    assert keystone.asked == 1


async def test_a_login_that_fails_unforeseen_is_told_by_its_kind_alone() -> None:
    """Its words may have the password in them; and it is tried again."""
    keystone = Keystone(ValueError("swordfish"))
    logins = Logins(keystone.log_in)
    with pytest.raises(refusals.CloudUnreachable) as told:
        await logins.session()
    assert "ValueError" in str(told.value)
    assert "swordfish" not in f"{told.value} {told.value.words}"
    keystone.error = None
    await asyncio.sleep(10)
    await logins.session()
