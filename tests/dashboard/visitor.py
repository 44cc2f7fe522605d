"""Somebody who asks a dashboard for its pages without a browser."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import yarl

from controller.api.resources import Resource
from controller.dashboard import server
from fakes.api_server.kubelet import Kubelet
from fakes.universe import Universe, application, component, operation
from tests.dashboard import stage


class Visitor:
    """Somebody with a session, or without."""

    def __init__(self, client: aiohttp.ClientSession, running: server.Running) -> None:
        self.client = client
        self.running = running

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        """Return the status, the text and the headers of a page."""
        url = yarl.URL(self.running.url + path, encoded=True)
        async with self.client.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def post(self, path: str, headers: dict[str, str], **data: str) -> tuple[int, str]:
        """Return the status and the text of what a form of the site is answered."""
        data = {"form": self.running.gate.form_token(), **data}
        async with self.client.post(
            self.running.url + path, data=data, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()

    async def sign_in(self) -> None:
        """Exchange the token for a session, as the page does."""
        status, _ = await self.post("/sign-in", {}, token=self.running.gate.token)
        assert status == aiohttp.web.HTTPSeeOther.status_code


async def fill(universe: Universe) -> None:
    """Make a shop that works, and an operation on it."""
    await universe.apply(application("shop", component("web", 3)))
    await universe.apply(operation("again", "shop", "Restart"))
    await universe.until(lambda: len(universe.names(Resource.PODS)) == 3)


@contextlib.asynccontextmanager
async def visited(
    filled: Callable[[Universe], Awaitable[None]] = fill,
    *,
    signed_in: bool = True,
    writes: bool = False,
    namespace: str = "",
) -> AsyncIterator[tuple[Visitor, Universe]]:
    """Lend a visitor of a dashboard, and the cluster that it shows."""
    async with Universe(kubelet=Kubelet(stage.behave)) as universe:
        await filled(universe)
        api = stage.cluster(universe)
        # An address of numbers is a host like any other.
        jar = aiohttp.CookieJar(unsafe=True)
        async with (
            server.run(api, stage.settings(namespace, writes=writes), clock=api.now) as running,
            aiohttp.ClientSession(cookie_jar=jar) as client,
        ):
            visitor = Visitor(client, running)
            if signed_in:
                await visitor.sign_in()
            yield visitor, universe
