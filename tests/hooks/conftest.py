"""A receiver that listens on this machine, on a Kubernetes in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import test_utils

from controller.api import names
from controller.api.resources import Resource
from controller.hooks import keys, receiver
from fakes.api_server.server import ApiServer

KEY = b"of the shop, long enough"
URL = "https://git.example.com/Team/shop"
PUSH = {
    "ref": "refs/heads/main",
    "after": "a" * 40,
    "repository": {"clone_url": "https://Git.example.com/team/shop.git"},
}


@dataclasses.dataclass(slots=True, kw_only=True)
class Place:
    """The receiver, the cluster it writes to, and the folder of its keys."""

    api: ApiServer
    url: str
    keys: Path
    now: float = 1_000_000.0
    session: aiohttp.ClientSession

    async def send(self, body: Any, to: str = "/shops/shop", key: bytes = KEY) -> tuple[int, str]:
        """Send a body as GitHub would; return the status and the words of the answer."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"X-Hub-Signature-256": "sha256=" + mac(key, text).hex()}
        return await self.post(text, to, signed)

    async def post(
        self, body: Any, to: str = "/shops/shop", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a body with exactly these headers."""
        async with self.session.post(f"{self.url}{to}", data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    def asked(self, name: str = "shop") -> str:
        """Return what the application's annotation says; nothing where it has none."""
        found = self.api.objects[Resource.APPLICATIONS]["shops", name]
        annotations = found["metadata"].get("annotations") or {}
        return str(annotations.get(names.BUILD_REQUESTED_ANNOTATION, ""))

    def writes(self) -> int:
        """Return how often anything was written to applications."""
        return sum(each.resource is Resource.APPLICATIONS for each in self.api.writes)


def mac(key: bytes, text: bytes) -> bytes:
    """Return a HMAC as GitHub and Gitea make one."""
    return hmac.new(key, text, hashlib.sha256).digest()


def application(*refs: str, url: str = URL) -> dict[str, Any]:
    """Return an application of a component for each ref, and one that is not built."""
    built = [
        {"name": f"c{number}", "template": {}, "source": {"git": {"url": url, "ref": ref}}}
        for number, ref in enumerate(refs)
    ]
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "shops"},
        "spec": {"components": [*built, {"name": "db", "template": {}}]},
    }


Opens = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture
def opens(tmp_path: Path) -> Opens:
    """Open a receiver for an application of these refs, which has a key."""

    @contextlib.asynccontextmanager
    async def opened(*refs: str) -> AsyncGenerator[Place]:
        (tmp_path / "shops.shop").write_bytes(KEY + b"\n")
        api = ApiServer(namespaces=("shops",))
        await api.create(Resource.APPLICATIONS, "shops", application(*(refs or ("main",))))
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            place = Place(api=api, url="", keys=tmp_path, session=session)
            made = receiver.Receiver(api, keys.Keys(folder=tmp_path), lambda: place.now)
            server = test_utils.TestServer(made.application())
            await server.start_server()
            stack.push_async_callback(server.close)
            place.url = str(server.make_url("")).rstrip("/")
            yield place

    return opened
