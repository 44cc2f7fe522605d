"""What the receiver of webhooks takes, what it writes, and all that it refuses."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import test_utils
from aiohttp.base_protocol import BaseProtocol

from controller.api.resources import Resource
from controller.hooks import bodies
from fakes.api_server import chaos
from tests.hooks.conftest import KEY, PUSH, Opens, Place, mac

ACCEPTED, OK = 202, 200
BAD, UNAUTHORIZED, MISSING, LATE, LARGE, AWAY = 400, 401, 404, 408, 413, 503


async def test_a_signed_push_asks_for_a_build(opens: Opens) -> None:
    """One write of one annotation, which names the component and no commit."""
    async with opens("main", "release") as place:
        before = place.writes()
        status, told = await place.send(PUSH)
        assert (status, told) == (ACCEPTED, "a build is requested of c0\n")
        assert place.writes() == before + 1
        first, second = place.asked().split()
        assert first.startswith("push:")
        assert second == "component:c0"
        assert "a" * 40 not in place.asked()


async def test_a_push_of_several_components_asks_for_all(opens: Opens) -> None:
    """A repository of which two components are built, and the ref of neither is in the way."""
    async with opens("main", "refs/heads/main", "other") as place:
        assert await place.send(PUSH) == (ACCEPTED, "a build is requested of c0, c1\n")
        assert "component:" not in place.asked()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": "sha256=" + mac(KEY, b"another body").hex()},
        {"X-Hub-Signature-256": "sha256=" + mac(b"another key of someone", b"{}").hex()},
        {"X-Hub-Signature-256": mac(KEY, b"{}").hex()},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256=\xe9"},
        {"X-Hub-Signature": "sha1=" + "0" * 40},
        {"X-Gitea-Signature": "0" * 64},
        {"X-Gitlab-Token": KEY.decode()},
        {"X-Other": "nothing"},
        # The first one counts: a right one behind it rescues nothing.
        {"X-Hub-Signature-256": "sha256=00", "X-Gitea-Signature": mac(KEY, b"{}").hex()},
    ],
)
async def test_a_wrong_signature_is_refused(opens: Opens, headers: dict[str, str]) -> None:
    """Nothing is written, and nothing of the body was believed."""
    async with opens() as place:
        before = place.writes()
        assert (await place.post(b"{}", headers=headers))[0] == UNAUTHORIZED
        assert place.writes() == before


async def test_gitea_and_gitlab_sign_in_ways_of_their_own(opens: Opens) -> None:
    """Gitea sends the bare digest; GitLab signs its id and the time along, as Standard Webhooks."""
    async with opens() as place:
        body = b'{"object_kind": "push", "ref": "refs/heads/main", "after": "1", "project": '
        body += b'{"git_http_url": "https://git.example.com/team/shop.git"}}'
        status, _ = await place.post(body, headers={"X-Gitea-Signature": mac(KEY, body).hex()})
        assert status == ACCEPTED
        secret = b"thirty-two bytes of a signing key"
        (place.keys / "shops.shop").write_bytes(b"whsec_" + base64.b64encode(secret))
        when = str(int(place.now))
        body += b" "
        signed = base64.b64encode(mac(secret, b"id." + when.encode() + b"." + body)).decode()
        headers = {"webhook-id": "id", "webhook-timestamp": when}
        told = {**headers, "webhook-signature": f"v1,{'0' * 44} v1,{signed}"}
        assert (await place.post(body, headers=told))[0] == ACCEPTED
        for changed in (
            {"webhook-id": "other"},
            {"webhook-timestamp": str(int(place.now) - 1)},
            {"webhook-signature": signed},
            {"webhook-timestamp": ""},
        ):
            assert (await place.post(body, headers={**told, **changed}))[0] == UNAUTHORIZED


@pytest.mark.parametrize("when", ["9" * 5000, "9" * 400, "²", "-1", "1e9", ""])
async def test_a_time_that_is_none_is_refused(opens: Opens, when: str) -> None:
    """Whatever a stranger writes as the time, the answer is the one for a wrong signature."""
    async with opens() as place:
        headers = {"webhook-id": "id", "webhook-timestamp": when, "webhook-signature": "v1,x"}
        assert (await place.post(b"{}", headers=headers))[0] == UNAUTHORIZED


async def raw(place: Place, *headers: bytes, body: bytes = b"{}") -> bytes:
    """Send a request to the byte, and hang up once it is answered; return the first line."""
    known = yarl.URL(place.url)
    reader, writer = await asyncio.open_connection(known.host, known.port)
    told = (b"Host: x", b"Content-Length: %d" % len(body), *headers)
    writer.write(b"POST /shops/shop HTTP/1.1\r\n" + b"\r\n".join(told) + b"\r\n\r\n" + body)
    await writer.drain()
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_header_that_is_no_text_is_refused(
    opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    """Its bytes count as they came: a signature of these with our key is right, as any other."""
    async with opens() as place:
        when = b"%d" % place.now
        (place.keys / "shops.shop").write_bytes(KEY)
        signed = base64.b64encode(mac(KEY, b"\xff." + when + b".{}"))
        headers = (b"webhook-id: \xff", b"webhook-timestamp: " + when)
        wrong = await raw(place, *headers, b"webhook-signature: v1,x")
        right = await raw(place, *headers, b"webhook-signature: v1," + signed)
    assert b" 401 " in wrong
    assert b" 200 " in right
    assert not caplog.records


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
async def test_a_body_that_is_not_what_it_says_is_refused(
    opens: Opens, caplog: pytest.LogCaptureFixture, coding: bytes
) -> None:
    """The fault is the sender's: it is told so, and no log fills with tracebacks."""
    async with opens() as place:
        before = place.writes()
        answer = await raw(place, b"Content-Encoding: " + coding, body=b"hello")
        assert (await place.send(PUSH))[0] == ACCEPTED
        assert place.writes() == before + 1
    assert b" 400 " in answer
    assert not caplog.records


async def test_a_sender_that_hangs_up_has_sent_no_body() -> None:
    """Half of one is none: an error of the sender's, as the others are, and no bug."""
    loop = asyncio.get_running_loop()
    content = aiohttp.StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    content.feed_data(b"{")
    content.set_exception(ConnectionResetError())
    request = test_utils.make_mocked_request("POST", "/shops/shop", payload=content)
    with pytest.raises(bodies.UnreadableError):
        await bodies.BodyMemory().read(request)


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
async def test_a_signature_of_another_time_is_refused(opens: Opens, seconds: int) -> None:
    """What GitLab signed long ago, or will have signed, is nobody's word for now."""
    async with opens() as place:
        when = str(int(place.now))
        signed = base64.b64encode(mac(KEY, b"id." + when.encode() + b".{}")).decode()
        place.now += seconds
        headers = {"webhook-id": "id", "webhook-timestamp": when}
        status, _ = await place.post(
            b"{}", headers={**headers, "webhook-signature": f"v1,{signed}"}
        )
        assert status == UNAUTHORIZED


async def test_a_replay_asks_for_nothing(opens: Opens) -> None:
    """The same request twice is one write; it is so after a restart, when it is not known again."""
    async with opens() as place:
        assert (await place.send(PUSH))[0] == ACCEPTED
        value, before = place.asked(), place.writes()
        assert await place.send(PUSH) == (OK, "this was received before\n")
        assert place.writes() == before
    async with opens() as place:
        assert (await place.send(PUSH))[0] == ACCEPTED
        assert place.asked() == value


async def test_a_request_that_failed_may_be_sent_again(opens: Opens) -> None:
    """While the API server does not answer, the sender is told to try again, and then it works."""
    async with opens() as place:
        place.api.faults.on(
            "patch",
            Resource.APPLICATIONS,
            verdict=chaos.Verdict(before=chaos.refused("the API server is down")),
        )
        assert (await place.send(PUSH))[0] == AWAY
        assert place.asked() == ""
        assert (await place.send(PUSH))[0] == ACCEPTED


@pytest.mark.parametrize(
    "body",
    [
        {**PUSH, "repository": {"clone_url": "https://git.example.com/team/other.git"}},
        {**PUSH, "repository": {"clone_url": "https://elsewhere.example.com/team/shop.git"}},
        {**PUSH, "repository": {"clone_url": "file:///team/shop"}},
        {**PUSH, "repository": {"clone_url": "https://git.example.com:8443/team/shop"}},
        {**PUSH, "repository": {"clone_url": "https://git.example.com:x/team/shop"}},
        {**PUSH, "repository": 7},
        {**PUSH, "ref": "refs/heads/feature/main"},
        {**PUSH, "ref": "refs/pull/1/main"},
    ],
)
async def test_an_unknown_repository_or_ref_asks_for_nothing(opens: Opens, body: Any) -> None:
    """A signed push of something that no component is built of is answered and left."""
    async with opens() as place:
        before = place.writes()
        status, told = await place.send(body)
        assert (status, told) == (OK, "no component is built from this repository and ref\n")
        assert place.writes() == before


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.com/team/shop",
        "https://GIT.example.com:443/Team/Shop.git",
        "https://git.example.com/team/shop/",
    ],
)
async def test_addresses_of_one_repository_are_the_same(opens: Opens, url: str) -> None:
    """They differ by scheme, by `.git`, and by upper and lower case."""
    async with opens() as place:
        body = {**PUSH, "repository": {"clone_url": url}}
        assert (await place.send(body))[0] == ACCEPTED


@pytest.mark.parametrize(
    "body",
    [
        {"zen": "Design for failure."},
        {**PUSH, "after": "0" * 40},
        {**PUSH, "ref": None},
        {**PUSH, "after": 7},
    ],
)
async def test_what_is_no_push_asks_for_nothing(opens: Opens, body: Any) -> None:
    """A greeting and a deleted branch are answered politely."""
    async with opens() as place:
        assert await place.send(body) == (OK, "nothing was pushed\n")
        assert place.asked() == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"1"])
async def test_a_signed_body_that_is_no_object_is_refused(opens: Opens, body: bytes) -> None:
    """Also one that is nested without end."""
    async with opens() as place:
        assert (await place.send(body))[0] == BAD


async def test_a_huge_body_is_refused_unread(opens: Opens) -> None:
    """Whether its size is told or not; one of just the size is read, and refused for its words."""
    async with opens() as place:

        async def endless() -> Any:
            while True:
                yield b" " * 2**16

        assert (await place.post(io.BytesIO(b" " * (bodies.LARGEST + 1))))[0] == LARGE
        assert (await place.post(endless()))[0] == LARGE
        largest = b" " * (bodies.LARGEST - 1)
        signature = "sha256=" + mac(KEY, largest).hex()
        headers = {"X-Hub-Signature-256": signature}
        assert (await place.post(io.BytesIO(largest), headers=headers))[0] == BAD


async def test_a_sender_that_dawdles_keeps_nobody_waiting(opens: Opens) -> None:
    """However many send half a body and wait, another's whole one is answered meanwhile."""
    async with opens() as place:
        begun: list[int] = []
        never = asyncio.Event()

        async def slow() -> Any:
            yield b"{"
            begun.append(1)
            await never.wait()

        dawdlers = [asyncio.create_task(place.post(slow())) for _ in range(40)]
        async with asyncio.timeout(60):
            while len(begun) < len(dawdlers):  # noqa: ASYNC110 - a sender is told nothing
                await asyncio.sleep(0)
        assert (await place.send(PUSH))[0] == ACCEPTED
        assert not any(each.done() for each in dawdlers)
        for each in dawdlers:
            each.cancel()
        await asyncio.gather(*dawdlers, return_exceptions=True)


async def test_a_body_that_does_not_come_in_time_is_refused(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is told so, and holds nothing any more."""
    monkeypatch.setattr(bodies, "SECONDS", 0.2)
    async with opens() as place:
        never = asyncio.Event()

        async def slow() -> Any:
            yield b"{"
            await never.wait()

        assert (await place.post(slow()))[0] == LATE
        assert (await place.send(PUSH))[0] == ACCEPTED


async def test_bodies_that_fill_the_memory_make_room_for_small_ones(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that are half sent a large one is given up, and no small one with it."""
    room = functools.partial(bodies.BodyMemory, 2**20)
    monkeypatch.setattr(bodies, "BodyMemory", room)
    async with opens() as place:
        never = asyncio.Event()

        async def half(size: int) -> Any:
            yield b" " * size
            await never.wait()

        large = [asyncio.create_task(place.post(half(2**19 - 2**10))) for _ in range(8)]
        small = asyncio.create_task(place.post(half(10)))
        async with asyncio.timeout(60):
            while sum(each.done() for each in large) < 6:  # noqa: ASYNC110 - any six of eight
                await asyncio.sleep(0.01)
        assert (await place.send(PUSH))[0] == ACCEPTED
        assert {each.result()[0] for each in large if each.done()} == {LATE}
        assert not small.done()
        for each in (*large, small):
            each.cancel()
        await asyncio.gather(*large, small, return_exceptions=True)


@pytest.mark.parametrize(
    "path", ["/shops/other", "/other/shop", "/shops/..%2fshops.shop", "/..%2f..%2fetc/passwd"]
)
async def test_applications_without_a_secret_are_refused_alike(opens: Opens, path: str) -> None:
    """Nobody learns by asking which applications there are, and no name becomes a path."""
    async with opens() as place:
        wrong = await place.send(PUSH, key=b"another key of someone")
        assert await place.send(PUSH, path) == wrong == (UNAUTHORIZED, wrong[1])


async def test_a_secret_of_a_namespace_is_for_all_in_it(opens: Opens) -> None:
    """It takes the word of whoever knows it for an application without one of its own."""
    async with opens() as place:
        (place.keys / "shops").write_bytes(b"of the whole namespace")
        whole = b"of the whole namespace"
        assert (await place.send(PUSH, "/shops/none", whole))[0] == MISSING
        assert (await place.send(PUSH, key=whole))[0] == UNAUTHORIZED
        (place.keys / "shops.shop").unlink()
        assert (await place.send(PUSH, key=whole))[0] == ACCEPTED


@pytest.mark.parametrize("key", [b"", b"\n", b"fifteen letters"])
async def test_a_secret_that_could_be_guessed_is_none(opens: Opens, key: bytes) -> None:
    """An empty or a short file lets nobody in, and no other file is used in its place."""
    async with opens() as place:
        (place.keys / "shops.shop").write_bytes(key)
        (place.keys / "shops").write_bytes(KEY)
        assert (await place.send(PUSH, key=key.strip()))[0] == UNAUTHORIZED
        assert (await place.send(PUSH))[0] == UNAUTHORIZED
