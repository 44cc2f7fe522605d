"""A dashboard on a cluster in memory, for a browser: both live in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

from controller.api import clock
from controller.api.resources import Resource
from controller.dashboard import server
from controller.dashboard.server import DashboardSettings, Running
from fakes.api_server.kubelet import Behaviour, Kubelet
from fakes.api_server.storage import Json
from fakes.universe import Universe, application, component, operation

T = TypeVar("T")
# Ends only what would never end by itself.
PATIENCE_SECONDS = 600.0
# What anybody who may write an object can write into it, and what must never come of it.
HOSTILE = (
    '<script>document.title="taken"</script><img src=x onerror=alert(1)>"\' \u202egnp.exe \x1b[2J'
)


def settings(namespace: str = "", *, writes: bool = False) -> DashboardSettings:
    """Return a dashboard's settings; commands are as one types them."""
    return DashboardSettings(
        namespace=namespace,
        cluster="https://cluster.example.com",
        typed=lambda words, space: f"kubectl argosy {words} -n {space}",
        writes=writes,
    )


def cluster(universe: Universe) -> Any:
    """Return the API server, which is also asked who leads."""
    api: Any = universe.server

    async def raw(path: str, query: str = "") -> bytes:
        assert path == "/apis/coordination.k8s.io/v1/leases", (path, query)
        spec = {"holderIdentity": "operator-1", "renewTime": clock.precise(api.now())}
        meta = {"namespace": "argosy", "name": "argosy-leader"}
        return json.dumps({"items": [{"metadata": meta, "spec": spec}]}).encode()

    api.raw = raw
    return api


def is_ready(universe: Universe, name: str) -> bool:
    """Return whether an application is as it is asked for."""
    found = universe.get(Resource.APPLICATIONS, name)
    seen = found.get("status", {}).get("observedGeneration", 0)
    condition = universe.condition(Resource.APPLICATIONS, name)
    return bool(seen == found["metadata"]["generation"] and condition.get("status") == "True")


def behave(pod: Json) -> Behaviour:
    """Let one server's image be missing."""
    missing = pod["metadata"]["name"] == "shop-web-1"
    return Behaviour(fate="ImagePullBackOff" if missing else "Ready")


async def populate(universe: Universe) -> None:
    """Make a shop of which one server is ill, a bank of many servers, and an operation on it."""
    await universe.apply(application("shop", component("web", 3), component("db", 2)))
    await universe.apply(application("bank", component("api", 250)))
    await universe.apply(operation("again", "bank", "Restart"))


class Stage:
    """The thread; `do` runs something on its loop and returns what comes of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, universe: Universe) -> None:
        self._loop = loop
        self.universe = universe
        self.running: Running
        self._session = ""

    @property
    def session(self) -> str:
        """A session, which many browsers of one test run share: the token lets in once."""
        gate = self.running.gate
        self._session = self._session or gate.sign_in(gate.token)
        return self._session

    @property
    def cookie(self) -> str:
        """The name of the cookie that a session is in."""
        return self.running.gate.cookie

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return self.running.url

    def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work comes to."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_SECONDS)


@contextlib.contextmanager
def staged(
    fill: Callable[[Universe], Awaitable[None]] = populate, *, writes: bool = False
) -> Iterator[Stage]:
    """Lend a dashboard that shows a cluster which is filled like this."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Stage]:
        async with Universe(kubelet=Kubelet(behave)) as universe:
            stage = Stage(asyncio.get_running_loop(), universe)
            await fill(universe)
            api = cluster(universe)
            async with server.run(api, settings(writes=writes), clock=api.now) as stage.running:
                yield stage

    with aside(opened) as found:
        yield found


@contextlib.contextmanager
def aside(opened: Callable[[], contextlib.AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Lend what is opened on a loop of its own, in a thread of its own."""
    made: list[tuple[T, asyncio.AbstractEventLoop]] = []
    ready, failed, over = threading.Event(), [], asyncio.Event()

    async def live() -> None:
        async with opened() as found:
            made.append((found, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="dashboard")
    thread.start()
    is_open = ready.wait(PATIENCE_SECONDS)
    try:
        if failed:
            raise failed[0]
        assert is_open, "what was to be opened is not open yet"
        yield made[0][0]
    finally:
        for _, loop in made:
            loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_SECONDS)
    if failed:
        raise failed[0]
