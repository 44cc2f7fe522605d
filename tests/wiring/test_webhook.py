"""The webhook's server over TLS: what it takes, what it hands to kopf, and whether it listens."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.hooks import bodies
from controller.wiring import webhook
from devcluster import certificates


class Reviews:
    """What kopf would be asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def answer(self, review: Any, *, webhook: str, **_: Any) -> Any:
        """Allow everything."""
        self.asked.append((webhook, review))
        return {"response": {"uid": review["request"]["uid"], "allowed": True}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of certificates as a Secret is mounted, beside their authority."""
    pair = certificates.authority(tmp_path, "ca").issue(
        "admission", common_name="admission", hosts=["127.0.0.1", "localhost"]
    )
    shutil.copy(pair.certificate, tmp_path / "tls.crt")
    shutil.copy(pair.key, tmp_path / "tls.key")
    return tmp_path


@contextlib.asynccontextmanager
async def serving(server: webhook.AdmissionServer, reviews: Reviews) -> AsyncIterator[str]:
    """Serve, and lend the URL."""
    urls: asyncio.Queue[str] = asyncio.Queue()

    async def run() -> None:
        async for config in server(reviews.answer):
            await urls.put(str(config.get("url")))

    task = asyncio.create_task(run())
    try:
        async with asyncio.timeout(180):
            url = await urls.get()
        yield url
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def post(folder: Path, url: str, body: bytes, **headers: str) -> tuple[int, Any]:
    """Ask as an API server does, which trusts the authority alone."""
    tls = ssl.create_default_context(cafile=folder / "ca.crt")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), ssl=tls, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None) if answer.ok else None


def review(spec: str = "{}") -> bytes:
    """Return a review of an object with this spec, as text."""
    meta = json.dumps({"name": "shop", "uid": "1"})
    return (
        f'{{"request": {{"uid": "2", "object": {{"metadata": {meta}, "spec": {spec}}}}}}}'
    ).encode()


async def test_a_review_is_answered_and_leaves_nothing_behind(folder: Path) -> None:
    """The path says which kind it is of; kopf, which would keep the uid for ever, sees none."""
    server, reviews = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        Reviews(),
    )
    assert not server.listening
    async with serving(server, reviews) as url:
        assert server.listening
        status, answer = await post(folder, f"{url}/applications", review())
    assert (status, answer["response"]["allowed"]) == (200, True)
    ((kind, asked),) = reviews.asked
    assert kind == "applications"
    assert asked["request"]["object"]["metadata"] == {"name": "shop"}
    assert not server.listening


async def test_reviews_as_large_as_objects_get_are_read(folder: Path) -> None:
    """An update brings the object twice, each as large as etcd takes; more is not read at all."""
    server, reviews = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        Reviews(),
    )
    async with serving(server, reviews) as url:
        large = json.dumps({"text": "x" * 3 * 2**20})
        assert (await post(folder, f"{url}/applications", review(large)))[0] == 200
        larger = json.dumps({"text": "x" * 5 * 2**20})
        assert (await post(folder, f"{url}/applications", review(larger)))[0] == 413


@pytest.mark.parametrize("levels", [150, 1_200, 9_900])
async def test_what_is_nested_too_deep_is_still_too_deep(folder: Path, levels: int) -> None:
    """Whatever depth an API server takes can be decoded, and is not mistaken for a shallow one."""
    server, reviews = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        Reviews(),
    )
    async with serving(server, reviews) as url:
        spec = '{"a":' * levels + "1" + "}" * levels
        assert (await post(folder, f"{url}/applications", review(spec)))[0] == 200
    ((_, asked),) = reviews.asked
    depth, found = 0, asked["request"]["object"]["spec"]
    while isinstance(found, dict):
        depth, found = depth + 1, found["a"]
    assert 100 < depth <= 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"request": {}}',
        b"\xff",
        b'{"request": "\xff"}',
        b'{"request": "x"}',
        b'{"request": {"object": null}}',
        b'{"request": {"object": {"metadata": []}}}',
        b'{"request": {"object": {"metadata": "x"}}}',
        b'"x"',
    ],
)
async def test_what_is_no_review_is_refused(folder: Path, body: bytes) -> None:
    """Whoever else finds the port gets an error, and the server goes on."""
    server, reviews = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        Reviews(),
    )
    async with serving(server, reviews) as url:
        assert (await post(folder, f"{url}/applications", body))[0] == 400
        assert (await post(folder, f"{url}/applications", review()))[0] == 200


async def test_a_review_that_is_not_what_it_says_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault is the sender's: it is told so, and no log fills with tracebacks."""
    server, reviews = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        Reviews(),
    )
    async with serving(server, reviews) as url:
        packed = {"Content-Encoding": "gzip"}
        assert (await post(folder, f"{url}/applications", review(), **packed))[0] == 400
        assert (await post(folder, f"{url}/applications", review()))[0] == 200
    assert not [each for each in caplog.records if each.exc_info]


async def test_reviews_that_fill_the_memory_make_room_for_small_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the port may begin as many as they like; what people apply is reviewed."""
    monkeypatch.setattr(webhook, "MOST", 2**20)
    monkeypatch.setattr(bodies, "SECONDS", 600.0)
    server, reviews = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        Reviews(),
    )
    never = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b" " * (2**19 - 2**10)
        await never.wait()

    async def dawdle(session: aiohttp.ClientSession, url: str) -> int:
        tls = ssl.create_default_context(cafile=folder / "ca.crt")
        async with session.post(url, data=half(), ssl=tls) as answer:
            return answer.status

    async with serving(server, reviews) as url, aiohttp.ClientSession() as session:
        sent = [asyncio.create_task(dawdle(session, f"{url}/applications")) for _ in range(8)]
        while sum(each.done() for each in sent) < 6:  # noqa: ASYNC110 - any six of eight
            await asyncio.sleep(0.01)
        assert [each.result() for each in sent if each.done()] == [503] * 6
        assert (await post(folder, f"{url}/applications", review()))[0] == 200
        for each in sent:
            each.cancel()
        await asyncio.gather(*sent, return_exceptions=True)


async def test_reviews_that_are_being_answered_count_as_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review is largest once it is read, so no more are read than are to be held beside it."""
    monkeypatch.setattr(webhook, "MOST", 2**20)
    monkeypatch.setattr(bodies, "SECONDS", 600.0)
    server, never = (
        webhook.AdmissionServer(webhook.WebhookSettings(port=0, certificates=folder)),
        asyncio.Event(),
    )
    asked = []

    class Slow(Reviews):
        async def answer(self, review: Any, *, webhook: str, **_: Any) -> Any:
            asked.append((webhook, review))
            await never.wait()

    async with serving(server, Slow()) as url:
        large = review(json.dumps({"text": "x" * (2**19 - 2**10)}))
        sent = [asyncio.create_task(post(folder, f"{url}/{each}", large)) for each in range(6)]
        while sum(each.done() for each in sent) < 4:  # noqa: ASYNC110 - any four of six
            await asyncio.sleep(0.01)
        assert [each.result()[0] for each in sent if each.done()] == [503] * 4
        assert 2 <= len(asked) <= len(sent)
        # A server waits a minute for answers under way before it stops.
        never.set()
        for each in sent:
            each.cancel()
        await asyncio.gather(*sent, return_exceptions=True)
