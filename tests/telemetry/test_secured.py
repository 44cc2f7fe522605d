"""The port that metrics have behind TLS: people try to read them, to fill it, and to hold it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import pathlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import structlog.testing
import uvloop

from controller.kube import certificates
from controller.telemetry import health, metrics, secured
from controller.telemetry.scrapers import Scrapers, UnknownTokenError
from controller.telemetry.secured import SecureEndpoint
from devcluster import certificates as authorities

TOKEN = "prometheus-0123456789"  # noqa: S105 - nobody issued it
PATIENCE_SECONDS = 300
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test on the loop that Python has, and on the one that the operator runs on."""

    def go(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await test()

        (uvloop.run if request.param == "uvloop" else asyncio.run)(bounded())

    return go


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be ended for being slow, but where a test says so."""
    for limit in ("LONGEST_SECONDS", "HANDSHAKE_SECONDS"):
        monkeypatch.setattr(secured, limit, 10 * PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with a certificate for this machine, as a Secret is mounted."""
    return authorities.folder(tmp_path_factory.mktemp("pki"), "metrics", "127.0.0.1")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Metrics that are served; `asked` are the tokens that the API server was shown."""

    folder: pathlib.Path
    probes: int
    port: int
    asked: list[str]

    def trust(self) -> ssl.SSLContext:
        """Return what a scraper verifies the certificate with."""
        return ssl.create_default_context(cafile=str(self.folder.parent / "ca.crt"))

    async def open(self, address: str = "127.0.0.1") -> Connection:
        """Return a connection from an address of this machine, once hands are shaken."""
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust(), local_addr=(address, 0)
        )

    async def plain(self, address: str = "127.0.0.1") -> Connection:
        """Return a connection on which no hand is shaken."""
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))

    async def ask(self, *lines: str, address: str = "127.0.0.1") -> str:
        """Return all that is answered to a request with these lines; empty where none is."""
        reader, writer = await self.open(address)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode())
            return (await reader.read()).decode()
        except OSError:
            return ""
        finally:
            writer.transport.abort()

    async def scrape(self, token: str = TOKEN, address: str = "127.0.0.1") -> str:
        """Return what a scraper with a token is answered, from an address of this machine."""
        header = f"Authorization: Bearer {token}"
        return await self.ask("GET /metrics HTTP/1.1", "Host: h", header, address=address)


@contextlib.asynccontextmanager
async def served(folder: pathlib.Path) -> AsyncIterator[Site]:
    """Lend metrics that one token may read."""
    asked: list[str] = []
    ports: list[int] = []
    bound = asyncio.Event()

    async def may(token: str) -> bool:
        asked.append(token)
        if token not in {TOKEN, "tenant"}:
            raise UnknownTokenError
        return token == TOKEN

    def listening(*found: int) -> None:
        ports.extend(found)
        bound.set()

    tls = certificates.served(folder)
    endpoint = SecureEndpoint(
        tls=tls, scrapers=Scrapers(may), renew=lambda: certificates.renew(tls, folder)
    )
    serving = asyncio.create_task(
        health.serve(
            health_port=-1,
            metrics_port=-2,
            healthy=lambda: "",
            ready=lambda: "",
            host="127.0.0.1",
            endpoint=endpoint,
            bound=listening,
        )
    )
    await bound.wait()
    try:
        yield Site(folder=folder, probes=ports[0], port=ports[1], asked=asked)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def ended(connections: list[Connection]) -> None:
    """Return once the other side has ended all of these."""
    for reader, writer in connections:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.transport.abort()


def status(answer: str) -> int:
    """Return the status of an answer."""
    return int(answer.split(" ", 2)[1])


def test_metrics_are_for_whoever_may_get_them(run: Run, folder: pathlib.Path) -> None:
    """Without a token, with a wrong one, and without the right, nobody sees a line of them."""

    async def test() -> None:
        async with served(folder) as site:
            answer = await site.scrape()
            assert status(answer) == 200
            assert "argosy_leader" in answer
            assert "connection: close" in answer.lower()
            none = await site.ask("GET /metrics HTTP/1.1", "Host: h")
            assert status(none) == 401
            assert "WWW-Authenticate: Bearer" in none
            wrong, rightless = await site.scrape("wrong"), await site.scrape("tenant")
            assert (status(wrong), status(rightless)) == (401, 403)
            assert "argosy-metrics-reader" in rightless
            other = await site.ask("GET / HTTP/1.1", "Host: h", f"Authorization: Bearer {TOKEN}")
            assert status(other) == 404
            assert "argosy_leader" not in none + wrong + rightless + other
            assert site.asked == [TOKEN, "wrong", "tenant"]

    run(test)


def test_probes_stay_in_the_plain(run: Run, folder: pathlib.Path) -> None:
    """A kubelet shows no token; plain HTTP to the other port is answered by nothing to read."""

    async def plain(port: int, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        try:
            return await reader.read()
        except OSError:
            return b""
        finally:
            writer.transport.abort()

    async def test() -> None:
        async with served(folder) as site:
            assert b"200 OK" in await plain(site.probes, "/healthz")
            assert b"404" in await plain(site.probes, "/metrics")
            assert b"argosy" not in await plain(site.port, "/metrics")
            assert status(await site.scrape()) == 200

    run(test)


def test_huge_and_many_headers_are_refused(run: Run, folder: pathlib.Path) -> None:
    """None is kept, none is asked about, and a scraper is served beside them."""

    async def test() -> None:
        async with served(folder) as site:
            huge = await site.scrape("a" * 1_000_000)
            right = f"Authorization: Bearer {TOKEN}"
            many = [f"X-{number}: {'a' * 1000}" for number in range(5_000)]
            filled = await site.ask("GET /metrics HTTP/1.1", "Host: h", *many, right)
            endless = await site.ask("GET /" + "a" * 1_000_000 + " HTTP/1.1", "Host: h", right)
            for each in (huge, filled, endless):
                assert each == "" or 400 <= status(each) < 500
                assert "argosy_leader" not in each
            assert site.asked == []
            assert status(await site.scrape()) == 200

    run(test)


def test_whoever_dawdles_is_ended(
    run: Run, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the handshake, within a request, in a body, and where an answer is not read."""

    async def dawdle(site: Site) -> list[Connection]:
        silent, idle, halfway, body = (
            await site.plain(), await site.open(), await site.open(), await site.open()
        )  # fmt: skip
        halfway[1].write(b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer ")
        head = f"GET /metrics HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}"
        body[1].write(f"{head}\r\nContent-Length: 1000000000\r\n\r\n".encode())
        return [silent, idle, halfway, body]

    async def test() -> None:
        async with served(folder) as site:
            # However slow the machine is, hands are shaken within one of these.
            for seconds in (0.5, 5, 50):
                monkeypatch.setattr(secured, "LONGEST_SECONDS", seconds)
                with contextlib.suppress(OSError):
                    dawdlers = await dawdle(site)
                    break
            monkeypatch.setattr(secured, "LONGEST_SECONDS", 10 * PATIENCE_SECONDS)
            await ended(dawdlers)
            assert status(await site.scrape()) == 200

    run(test)


def test_connections_from_everywhere_make_room_for_each_other(
    run: Run, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of too many the oldest are ended, before they shake hands or after; a scraper is served."""
    monkeypatch.setattr(secured, "MOST_CONNECTIONS", 30)

    async def test() -> None:
        async with served(folder) as site:
            hands = [await site.open(f"127.0.{number}.1") for number in range(10)]
            flood = [await site.plain(f"127.0.{number % 50}.2") for number in range(200)]
            assert status(await site.scrape(address="127.0.77.1")) == 200
            await ended([*hands, *flood[:-30]])
            for _, writer in flood:
                writer.transport.abort()

    run(test)


def test_connections_of_one_address_are_bounded(
    run: Run, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its share it is not shaken hands with, which is what costs; all others are."""
    monkeypatch.setattr(secured, "RATE", 0.0)

    async def test() -> None:
        async with served(folder) as site:
            share = [await site.open("127.0.6.6") for _ in range(int(secured.BURST))]
            await ended([await site.plain("127.0.6.6") for _ in range(100)])
            with pytest.raises(OSError):  # noqa: PT011 - however the loop calls it
                await site.open("127.0.6.6")
            assert status(await site.scrape(address="127.0.77.1")) == 200
            for _, writer in share:
                writer.transport.abort()

    run(test)


def test_no_token_is_in_a_log(
    run: Run, folder: pathlib.Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """Whether it is right, wrong, or a part of what cannot be read; nor in an answer."""
    caplog.set_level(logging.DEBUG)
    secret = "leaked-0123456789"  # noqa: S105 - nobody issued it

    async def test() -> None:
        async with served(folder) as site:
            answers = [await site.scrape(), await site.scrape(secret)]
            for lines in (
                [f"GET /metrics HTTP/1.1\r\nAuthorization: Bearer {secret}\x00"],
                [f"GET /metrics HTTP/1.1\r\nAuthorization: Bearer {secret} {'a' * 9000}"],
                [f"Authorization: Bearer {secret}"],
                [f"GET /metrics?token={secret} HTTP/1.1", "Host: h"],
            ):
                await site.ask(*lines)
            assert not any(TOKEN in each or secret in each for each in answers)

    with structlog.testing.capture_logs() as ours:
        run(test)
    printed = capfd.readouterr()
    told = f"{caplog.text}{ours}{printed.out}{printed.err}"
    assert TOKEN not in told
    assert secret not in told


def test_a_failure_to_tell_is_told(
    run: Run, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of requests is not heard, so a fault of our own has a line of its own."""

    def broken() -> bytes:
        raise RuntimeError("a gauge has no source")

    monkeypatch.setattr(metrics, "render", broken)

    async def test() -> None:
        async with served(folder) as site:
            assert status(await site.scrape()) == 500

    with structlog.testing.capture_logs() as ours:
        run(test)
    assert [each["event"] for each in ours] == ["metrics cannot be told"]


def test_a_renewed_certificate_is_taken_up(
    run: Run, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart; a scraper that trusts the new authority alone is served then."""
    monkeypatch.setattr(certificates, "RENEW_SECONDS", 0.01)
    old = authorities.folder(tmp_path / "old", "metrics", "127.0.0.1")
    new = authorities.folder(tmp_path / "new", "metrics", "127.0.0.1")

    async def test() -> None:
        async with served(old) as site:
            later = dataclasses.replace(site, folder=new)
            with pytest.raises(ssl.SSLError):
                await later.scrape()
            (old / "tls.crt").write_bytes((new / "tls.crt").read_bytes())
            (old / "tls.key").write_bytes((new / "tls.key").read_bytes())
            answer = ""
            while not answer:
                with contextlib.suppress(ssl.SSLError, OSError):
                    answer = await later.scrape(address="127.0.88.1")
                await asyncio.sleep(0.3)
            assert status(answer) == 200

    run(test)


def test_what_is_served_no_more_is_noticed(run: Run, folder: pathlib.Path) -> None:
    """The process ends with it, and another takes its place."""

    async def failing() -> None:
        raise RuntimeError("no more")

    async def may(_: str) -> bool:
        return True

    async def test() -> None:
        endpoint = SecureEndpoint(
            tls=certificates.served(folder), scrapers=Scrapers(may), renew=failing
        )
        with pytest.raises(RuntimeError, match="no more"):
            await health.serve(
                health_port=-1,
                metrics_port=-2,
                healthy=lambda: "",
                ready=lambda: "",
                host="127.0.0.1",
                endpoint=endpoint,
            )

    run(test)
