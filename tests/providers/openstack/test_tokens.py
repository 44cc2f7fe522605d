"""keystoneauth, in its thread, against a Keystone that speaks HTTP; and requests over aiohttp."""

import asyncio
import dataclasses
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.providers.openstack import refusals
from controller.providers.openstack.clouds import Cloud
from controller.providers.openstack.tokens import KeystoneTokens
from controller.providers.openstack.transport import (
    HttpRequest,
    HttpTransport,
    NoAnswerError,
    NotSentError,
    Trust,
)
from devcluster import certificates


class Keystone(http.server.ThreadingHTTPServer):
    """Gives out numbered tokens, or refuses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issued = 0
        self.status = 201
        # The services that the cloud has, by what its catalogue calls them.
        self.services = ["compute", "image", "network", "volumev3"]
        self.bodies: list[Any] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def cloud(self, **auth: str) -> Cloud:
        """Return what clouds.yaml would say of it."""
        given = {"username": "me", "password": "swordfish", "project_name": "shop"}
        domains = {"user_domain_id": "default", "project_domain_id": "default"}
        return Cloud(auth={"auth_url": f"{self.url}/v3", **given, **domains, **auth}, region="one")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as Keystone does."""

    server: Keystone

    def do_GET(self) -> None:
        """Tell the versions, or an endless page."""
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            return
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": "/v3"}]}
        version["links"] = [{"rel": "self", "href": f"{self.server.url}/v3/"}]
        self._answer(200, {"version": version})

    def do_POST(self) -> None:
        """Give a token."""
        length = int(self.headers.get("Content-Length", "0"))
        self.server.bodies.append(json.loads(self.rfile.read(length)))
        if self.server.status != 201:
            self._answer(self.server.status, {"error": {"message": "no", "code": 401}})
            return
        self.server.issued += 1
        catalog = [
            {
                "type": kind,
                "name": kind,
                "id": kind,
                "endpoints": [
                    {"interface": "public", "region_id": region, "region": region, "id": region,
                     "url": f"http://{kind}.{region}"}
                    for region in ("one", "two")
                ],
            }
            for kind in self.server.services
        ]  # fmt: skip
        token = {
            "methods": ["password"], "expires_at": "2999-01-01T00:00:00.000000Z",
            "issued_at": "2027-01-01T00:00:00.000000Z", "catalog": catalog,
            "user": {"id": "u", "name": "me", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "shop", "domain": {"id": "default", "name": "D"}},
            "audit_ids": ["a"],
        }  # fmt: skip
        self._answer(201, {"token": token}, **{"X-Subject-Token": f"t-{self.server.issued}"})

    def _answer(self, status: int, body: Any, **headers: str) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for key, each in headers.items():
            self.send_header(key, each)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def keystone() -> Iterator[Keystone]:
    """Give a Keystone."""
    served = Keystone()
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


async def test_one_token_serves_until_it_is_stale(keystone: Keystone) -> None:
    """It is asked for once, with the endpoints of the cloud's region; another one when refused."""
    cloud = keystone.cloud()
    tokens = KeystoneTokens(lambda: cloud)
    first = await tokens.session()
    assert first.endpoints["compute"] == "http://compute.one"
    assert await tokens.session() == first
    assert first.home == "project p in region one"
    second = await tokens.session(stale=first.token)
    assert (second.token, keystone.issued) == ("t-2", 2)
    assert "t-2" not in repr(second)


async def test_a_cloud_may_lack_volumes_and_call_them_as_it_likes(keystone: Keystone) -> None:
    """Cinder is found under its older name; where there is none, all else is there."""
    cloud = keystone.cloud()
    tokens = KeystoneTokens(lambda: cloud)
    first = await tokens.session()
    assert first.endpoints["block-storage"] == "http://volumev3.one"
    keystone.services.remove("volumev3")
    second = await tokens.session(stale=first.token)
    assert sorted(second.endpoints) == ["compute", "image", "network"]


async def test_a_region_that_has_no_name_in_the_secret_is_that_of_the_services(
    keystone: Keystone,
) -> None:
    """To name it later is to change nothing."""
    named = keystone.cloud()
    nameless = dataclasses.replace(named, region="")
    one, other = KeystoneTokens(lambda: named), KeystoneTokens(lambda: nameless)
    assert (await one.session()).home == (await other.session()).home == "project p in region one"


async def test_other_credentials_are_used_at_once(keystone: Keystone) -> None:
    """Whatever the Secret says now, the next session is of that."""
    now = [keystone.cloud()]
    tokens = KeystoneTokens(lambda: now[0])
    await tokens.session()
    now[0] = keystone.cloud(password="marlin")  # noqa: S106 - a fake's
    await tokens.session()
    assert keystone.issued == 2
    assert "marlin" in json.dumps(keystone.bodies[-1])


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_credentials_that_are_refused_are_told_as_such(
    keystone: Keystone, status: int
) -> None:
    """A deleted application credential answers 404; no word of the credentials is shown."""
    keystone.status = status
    tokens = KeystoneTokens(keystone.cloud)
    with pytest.raises(refusals.CredentialsRefused) as refused:
        await tokens.session()
    assert "swordfish" not in str(refused.value)


async def test_credentials_that_are_refused_are_asked_for_once_and_others_at_once(
    keystone: Keystone,
) -> None:
    """Whoever calls meanwhile has the same answer; a Secret that is put right waits for nothing."""
    keystone.status = 401
    now = [keystone.cloud()]
    tokens = KeystoneTokens(lambda: now[0])
    asked = [tokens.session() for _ in range(10)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in told] == [refusals.CredentialsRefused] * 10
    with pytest.raises(refusals.CredentialsRefused):
        await tokens.session()
    assert len(keystone.bodies) == 1
    keystone.status = 201
    now[0] = keystone.cloud(password="marlin")  # noqa: S106 - a fake's
    assert (await tokens.session()).token == "t-1"  # noqa: S105 - a fake's


async def test_a_keystone_that_fails_or_is_away_may_come_back(keystone: Keystone) -> None:
    """That is no refusal: it passes, and opens the circuit."""
    keystone.status = 503
    with pytest.raises(refusals.CloudUnreachable):
        await KeystoneTokens(keystone.cloud).session()
    away = Cloud(auth=dict(keystone.cloud().auth) | {"auth_url": "http://127.0.0.1:1/v3"})
    with pytest.raises(refusals.CloudUnreachable):
        await KeystoneTokens(lambda: away).session()


@pytest.mark.parametrize("kind", ["nonsense", "v3oidcpassword"])
async def test_a_way_to_log_in_that_does_not_work_is_refused(keystone: Keystone, kind: str) -> None:
    """An unknown auth_type, or one that lacks what it needs, is for a person to mend."""
    cloud = Cloud(auth_type=kind, auth=keystone.cloud().auth)
    with pytest.raises(refusals.CredentialsRefused):
        await KeystoneTokens(lambda: cloud).session()


async def test_a_request_that_was_not_sent_is_told_from_one_without_an_answer(
    keystone: Keystone,
) -> None:
    """Only what never left can be known not to have been carried out."""
    http_client = HttpTransport()
    try:
        with pytest.raises(NotSentError):
            await http_client.send(HttpRequest(method="POST", url="http://127.0.0.1:1/servers"))
        with pytest.raises(NoAnswerError):
            await http_client.send(HttpRequest(method="GET", url=f"{keystone.url}/cut"))
        found = await http_client.send(HttpRequest(method="GET", url=f"{keystone.url}/v3"))
        assert found.status == 200
        assert found.headers["content-type"] == "application/json"
    finally:
        await http_client.close()


async def test_certificates_that_change_are_trusted_without_a_restart(
    keystone: Keystone, tmp_path: Path
) -> None:
    """A service whose authority is another by now is reached once clouds.yaml's Secret has it."""
    authorities = [certificates.authority(tmp_path, name) for name in ("before", "after")]
    pair = authorities[1].issue("service", common_name="service", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    keystone.socket = context.wrap_socket(keystone.socket, server_side=True)
    before, after = (Trust(ca=each.pair.certificate.read_text()) for each in authorities)
    trusted = [before]
    http_client = HttpTransport(lambda: trusted[-1])
    request = HttpRequest(method="GET", url=f"https://127.0.0.1:{keystone.server_port}/v3")
    try:
        with pytest.raises(NotSentError):
            await http_client.send(request)
        trusted.append(after)
        assert (await http_client.send(request)).status == 200
        trusted.append(before)
        with pytest.raises(NotSentError):
            await http_client.send(request)
    finally:
        await http_client.close()
