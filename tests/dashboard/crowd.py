"""Many people before one dashboard in a cluster, each with a token and rights of their own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp

from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.dashboard import cluster, lobby
from controller.kube import api as kube
from controller.kube import faults
from controller.kube.reasons import KubeReason
from fakes.api_server.kubelet import Kubelet
from fakes.universe import Universe, application, component
from tests.dashboard import stage

T = TypeVar("T")
OTHER = "kube-public"
EVERYWHERE = "*"
CALLS = ("get", "list", "patch", "create", "delete", "replace", "apply")


@dataclasses.dataclass(slots=True)
class Rights:
    """What somebody may do: everything in these namespaces; verbs that they lack even there."""

    namespaces: set[str]
    lacks: set[str] = dataclasses.field(default_factory=set)
    # Whether they may list fleets, which are in no namespace.
    fleets: bool = False
    # Whether the API server cannot be reached by them.
    away: bool = False
    # Whose token it is; each is somebody else's where nothing is said.
    user: str = ""

    def allow(self, verb: str, namespace: str) -> bool:
        """Return whether they may do something."""
        return verb not in self.lacks and bool(
            {namespace or EVERYWHERE, EVERYWHERE} & self.namespaces
        )


class Someone:
    """The API server as somebody with a token asks it."""

    def __init__(self, server: Any, token: str, people: Mapping[str, Rights]) -> None:
        self._server = server
        self._token = token
        self._people = people
        self.asked: list[tuple[str, str]] = []
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        plain = getattr(self._server, name)
        if name not in CALLS:
            return plain

        async def call(resource: Resource, namespace: str = "", *given: Any, **more: Any) -> bytes:
            rights = self._rights()
            is_open = rights.fleets and resource is Resource.FLEETS
            if not (is_open or rights.allow(name, namespace)):
                raise faults.Forbidden(f"no {resource} for you", reason=Reason.FORBIDDEN)
            answer: bytes = await plain(resource, namespace, *given, **more)
            return answer

        return call

    async def review_access(
        self, verb: str, resource: Resource, namespace: str = "", **_: str
    ) -> kube.Access:
        """Say what they may do; as of a real client, nothing is asked once it is closed."""
        if self.closed:
            raise RuntimeError("Session is closed")
        self.asked.append((f"{verb} {resource}", namespace))
        return kube.Access(allowed=self._rights().allow(verb, namespace))

    async def whoami(self) -> str:
        """Say who they are."""
        return self._rights().user or self._token

    async def raw(self, path: str, query: str = "") -> bytes:
        """Return what the API server has there."""
        answer: bytes = await self._server.raw(path, query)
        return answer

    async def close(self) -> None:
        """Let go of the connections."""
        self.closed = True

    def _rights(self) -> Rights:
        if self._token not in self._people:
            raise faults.Unauthorized("Unauthorized", reason=KubeReason.UNAUTHORIZED)
        found = self._people[self._token]
        if found.away:
            raise faults.Unreachable("connection refused", reason=Reason.UNREACHABLE)
        return found


class Browser:
    """What somebody looks with; it keeps their cookie."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url
        self.cookie = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return the status and the text of a page."""
        sent = self._headers(headers)
        async with self._client.get(self._url + path, headers=sent, allow_redirects=False) as told:
            return told.status, await told.text()

    async def post(
        self, path: str, headers: Mapping[str, str] | None = None, **data: str
    ) -> tuple[int, str]:
        """Return the status and the text of what a form is answered."""
        sent = self._headers(dict(headers or {}))
        async with self._client.post(
            self._url + path, data=data, headers=sent, allow_redirects=False
        ) as told:
            given = told.headers.get("Set-Cookie", "")
            if given.startswith(lobby.COOKIE):
                self.cookie = given.partition(";")[0]
                self.terms = given
            return told.status, await told.text()

    async def sign_in(self, token: str) -> int:
        """Paste a token."""
        status, _ = await self.post("/sign-in", token=token)
        return status

    def _headers(self, given: dict[str, str]) -> dict[str, str]:
        return {**({"Cookie": self.cookie} if self.cookie else {}), **given}


@dataclasses.dataclass(slots=True, kw_only=True)
class Place:
    """The cluster, its people, and a way to open browsers; `moment` is the dashboard's clock."""

    universe: Universe
    loop: asyncio.AbstractEventLoop
    people: dict[str, Rights]
    connected: list[Someone]
    client: aiohttp.ClientSession
    url: str
    moment: list[float]

    def browser(self) -> Browser:
        """Return a browser of somebody who has not signed in yet."""
        return Browser(self.client, self.url)

    def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work comes to, for somebody in another thread."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(stage.PATIENCE_SECONDS)

    async def leave(self, *, away: bool) -> None:
        """Have the API server gone, for the dashboard and for everybody, or back."""
        if away:
            self.universe.faults.crash()
        else:
            self.universe.faults.down = False
        for each in self.people.values():
            each.away = away


async def two_tenants(universe: Universe) -> None:
    """Make a shop, and a vault of another tenant."""
    await universe.apply(application("shop", component("web", 1)))
    vault = application("vault", component("gold", 7))
    vault["metadata"]["namespace"] = OTHER
    await universe.apply(vault)
    await universe.until(lambda: len(universe.names(Resource.PODS)) == 8)
    await universe.process.kill()


@contextlib.asynccontextmanager
async def crowd(
    filled: Callable[[Universe], Awaitable[None]] = two_tenants, *, writes: bool = False
) -> AsyncIterator[Place]:
    """Lend a dashboard for many, over a cluster that is filled like this.

    `clerk` may see the shop alone, `owner` everything, `nobody` nothing.
    """
    people = {
        "clerk": Rights({"default"}),
        "owner": Rights({EVERYWHERE}),
        "nobody": Rights(set()),
    }
    async with Universe(kubelet=Kubelet(stage.behave)) as universe:
        await filled(universe)
        api = stage.cluster(universe)
        connected: list[Someone] = []
        moment = [0.0]

        def connect(token: str) -> Any:
            connected.append(Someone(api, token, people))
            return connected[-1]

        settings = cluster.ClusterSettings(
            connect=connect,
            cluster="production",
            hosts=("argosy.example.com",),
            address="127.0.0.1",
            port=0,
            writes=writes,
        )
        async with (
            cluster.run(api, settings, clock=lambda: api.now() + moment[0]) as port,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
        ):
            yield Place(
                universe=universe,
                loop=asyncio.get_running_loop(),
                people=people,
                connected=connected,
                client=client,
                url=f"http://127.0.0.1:{port}",
                moment=moment,
            )
