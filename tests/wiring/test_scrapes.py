"""Who may scrape, as the API server is asked: with the scraper's token, and nothing of our own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import yaml
from aiohttp import web

from controller import errors
from controller.cli import failures
from controller.kube import reviews
from controller.telemetry.scrapers import ScrapeRefusal
from controller.telemetry.secured import SecureEndpoint
from controller.wiring import operator, scrapes
from devcluster import certificates

ANSWERS: dict[str, Callable[[], web.Response]] = {
    "Bearer reader": lambda: web.json_response({"status": {"allowed": True}}),
    "Bearer tenant": lambda: web.json_response({"status": {"allowed": False}}),
    "Bearer nobody": lambda: web.json_response({"reason": "Unauthorized"}, status=401),
    "Bearer mute": lambda: web.json_response({"reason": "Forbidden"}, status=403),
    "Bearer unlucky": lambda: web.json_response({}, status=500),
    "Bearer early": lambda: web.json_response({"reason": "TooManyRequests"}, status=429),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a certificate."""
    return certificates.folder(tmp_path / "pki", "metrics", "127.0.0.1")


def config(monkeypatch: pytest.MonkeyPatch, at: Path, server: str, user: dict[str, Any]) -> None:
    """Have the process find an API server, as this user."""
    chosen = {"context": {"cluster": "c", "user": "u"}, "name": "c"}
    written = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [chosen],
        "users": [{"name": "u", "user": user}],
    }
    at.write_text(yaml.safe_dump(written))
    monkeypatch.setenv("KUBECONFIG", str(at))


@contextlib.asynccontextmanager
async def api(asked: list[tuple[str, str, Any]]) -> AsyncIterator[str]:
    """Lend the address of an API server that answers reviews."""

    async def answer(request: web.Request) -> web.Response:
        header = request.headers["Authorization"]
        assert "Impersonate-User" not in request.headers
        asked.append((request.path, header, await request.json()))
        return ANSWERS[header]()

    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def made(folder: Path) -> SecureEndpoint:
    """Return what metrics are served with."""
    endpoint = scrapes.endpoint(str(folder), agent="argosy")
    assert endpoint is not None
    return endpoint


async def test_the_scrapers_own_token_asks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours is never sent, nor who we impersonate; each answer is told as what it is, asked once."""
    asked: list[tuple[str, str, Any]] = []
    async with api(asked) as server:
        config(monkeypatch, tmp_path / "config", server, {"token": "own", "as": "admin"})
        scrapers = made(folder).scrapers
        found: dict[str, ScrapeRefusal | None] = {
            each: await scrapers.refusal(each, f"10.0.0.{number}")
            for number, each in enumerate(ANSWERS)
        }
    told = {each: refusal.status if refusal else 200 for each, refusal in found.items()}
    assert list(told.values()) == [200, 403, 401, 403, 503, 503]
    attributes = {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}
    assert asked == [(reviews.PATH, each, {"spec": attributes}) for each in ANSWERS]


async def test_an_api_server_that_is_away_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its own trouble and not as the token's; the address of the API server is nobody's."""
    config(monkeypatch, tmp_path / "config", "http://127.0.0.1:1", {"token": "own"})
    refusal = await made(folder).scrapers.refusal("Bearer reader", "10.0.0.1")
    assert refusal is not None
    assert refusal.status == 503
    assert "API server cannot be asked" in refusal.text
    assert "127.0.0.1" not in refusal.text


def test_no_client_certificate_speaks_for_a_scraper(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API server would take every scraper for the operator: the process does not start so."""
    pair = certificates.authority(tmp_path / "pki", "ca").issue("own", common_name="own")
    user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    config(monkeypatch, tmp_path / "config", "https://127.0.0.1:1", user)
    with pytest.raises(errors.Stalled, match="would speak for everybody"):
        made(folder)


def test_without_a_folder_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves metrics in the plain needs no certificate, and no kubeconfig to be read."""
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert scrapes.endpoint("", agent="argosy") is None


async def test_a_process_without_its_certificate_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never falls back to plain HTTP; the log says which folder lacks it."""
    config(monkeypatch, tmp_path / "config", "http://127.0.0.1:1", {"token": "own"})
    options = operator.Options(
        identity="one", lease_namespace="default", metrics_certificates=str(tmp_path)
    )
    with structlog.testing.capture_logs() as logged:
        assert await operator._main(options) == operator.FAILED
    (line,) = logged
    assert (line["event"], line["folder"]) == ("metrics cannot be served", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--metrics-certificates=/tls", "--metrics-port=8081", "--health-port=8081"],
            "probes and protected metrics need ports of their own",
        ),
        (["--watch-slots"], "only replicas that share the work have a part of their own"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: list[str], told: str) -> None:
    """Before any cluster is asked: a kubelet shows no token, and who leads alone has no slots."""
    done = subprocess.run(
        [sys.executable, "-m", "controller", "run", *words],
        env={**os.environ, "COLUMNS": "1000", "NO_COLOR": "1", "KUBECONFIG": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == failures.USAGE
    assert told in done.stderr
