"""`port-forward` and `open`: a port of this machine that leads to servers.

Each connection finds its server anew, so a server that was replaced is reached again without
starting over. Whatever a connection fails at is told, and the port stays open.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from controller import errors
from controller.api import names, objects
from controller.api.builtin_choices import PodConditionType
from controller.api.resources import Resource
from controller.cli import browsers, screen
from controller.cli.session import Session
from controller.kube import tunnel
from controller.presentation import reading
from controller.presentation.problems import Refusal, UsageError

HERE = "127.0.0.1"
CHUNK = 1 << 16
MOST = 65535
# A client that has said all may still read; one that is gone never says so. HTTP ends by itself.
LINGER_SECONDS = 60.0
HTTP = ("http", "web", "https")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ForwardTarget:
    """Whose ports are meant: one server's, or those of all servers of a component."""

    application: str = ""
    component: str = ""
    server: str = ""

    def __str__(self) -> str:
        part = f" of {self.component}" if self.component else ""
        return f"server/{self.server}" if self.server else f"application/{self.application}{part}"

    @property
    def selector(self) -> str:
        """The labels of its pods; those of Builds have no component."""
        if self.server:
            return f"{names.SERVER_LABEL}={self.server}"
        part = f"={self.component}" if self.component else ""
        return f"{names.APPLICATION_LABEL}={self.application},{names.COMPONENT_LABEL}{part}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A port of this machine, 0 for a free one, and the one of servers, by number or name."""

    local: int
    remote: str


def pair(text: str) -> Pair:
    """Return what PORT, LOCAL:PORT or :PORT means; a name alone takes any free port."""
    local, colon, remote = text.rpartition(":")
    if not colon:
        local = remote if remote.isdecimal() else "0"
    if not remote or not (local or "0").isdecimal():
        raise UsageError(f"{text!r} must be PORT, LOCAL:PORT or :PORT")
    for each in (local or "0", remote):
        if each.isdecimal() and (len(each) > len(str(MOST)) or int(each) > MOST):
            raise UsageError(f"{text!r}: a port must be at most {MOST}")
    if remote.isdecimal() and not int(remote):
        raise UsageError(f"{text!r}: a server's port must be at least 1")
    return Pair(local=int(local or "0"), remote=remote)


async def forward(
    session: Session,
    thing: Sequence[str],
    component: str,
    ports: Sequence[str],
    *,
    address: str,
) -> int:
    """Forward ports until Ctrl-C; each line tells one."""
    pairs = [pair(each) for each in ports]
    target = await find(session, thing, component)
    async with contextlib.AsyncExitStack() as stack:
        for each in pairs:
            port = await stack.enter_async_context(listen(session, target, each, address))
            screen.say(f"{_url(address, port)} leads to port {each.remote} of {target}.")
        screen.say("Ctrl-C ends this.")
        await asyncio.Event().wait()
    return 0


async def browse(
    session: Session, thing: Sequence[str], component: str, port: str, *, browser: bool
) -> int:
    """Show a server's page in the browser, and keep its port open until Ctrl-C."""
    target = await find(session, thing, component)
    chosen = port or _chosen(await _pods(session, target), target)
    wanted = pair(chosen)
    wanted = dataclasses.replace(wanted, local=wanted.local if ":" in chosen else 0)
    async with listen(session, target, wanted, HERE) as local:
        scheme = "https" if wanted.remote in {"https", "443", "8443"} else "http"
        url = f"{scheme}://{_url(HERE, local)}/"
        screen.say(f"{url} leads to port {wanted.remote} of {target}. Ctrl-C ends this.")
        async with browsers.showing(url) if browser else contextlib.nullcontext():
            await asyncio.Event().wait()
    return 0


async def find(session: Session, thing: Sequence[str], component: str) -> ForwardTarget:
    """Return whose ports are meant; raises Refusal where no server has any."""
    meant = await session.find(thing, Resource.APPLICATIONS, Resource.SERVERS)
    if meant.resource is Resource.SERVERS:
        if component:
            raise UsageError(f"{meant} has one component: leave --component out")
        return ForwardTarget(server=meant.name)
    application = await reading.one(session.api, objects.Application, session.namespace, meant.name)
    known = [each.name for each in application.spec.components]
    if component and component not in known:
        raise Refusal(f"{meant} has no component {component}: it has {', '.join(known)}")
    if not component and len(known) > 1:
        raise UsageError(f"{meant} has {len(known)} components: add --component {known[-1]}")
    return ForwardTarget(application=meant.name, component=component)


@contextlib.asynccontextmanager
async def listen(
    session: Session, target: ForwardTarget, wanted: Pair, address: str
) -> AsyncIterator[int]:
    """Take connections at a port of this machine; yields its number."""
    # Found out at once: a port that no server has would be told at the first connection only.
    _number(await _pods(session, target), wanted.remote, target)
    turns = itertools.count()
    served: set[asyncio.Future[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = next(turns)

        async def lead() -> None:
            """Lead one connection; how it fails is told, and costs no other."""
            try:
                await _lead(session, target, wanted.remote, turn, reader=reader, writer=writer)
            except (errors.ArgosyError, OSError) as error:
                screen.note(f"a connection to {target} failed: {error}")
            finally:
                writer.close()

        task = asyncio.ensure_future(lead())
        served.add(task)
        task.add_done_callback(served.discard)

    with _bound(address, wanted) as bound:
        server = await asyncio.start_server(take, sock=bound)
        try:
            yield bound.getsockname()[1]
        finally:
            server.close()
            for each in tuple(served):
                each.cancel()
            await asyncio.gather(*served, return_exceptions=True)


async def _lead(
    session: Session,
    target: ForwardTarget,
    remote: str,
    turn: int,
    *,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Pass bytes on to a server and back: one that is ready, where there are several by turns."""
    pods = await _pods(session, target)
    ready = [each for each in pods if _is_ready(each)] or pods
    pod = ready[turn % len(ready)]
    port = _number([pod], remote, target)
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    async with session.api.open_port(namespace, name, port) as opened:
        sending = asyncio.ensure_future(_send(reader, opened))
        try:
            async for data in opened.output():
                writer.write(data)
                await writer.drain()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(reader: asyncio.StreamReader, opened: tunnel.Tunnel) -> None:
    while data := await reader.read(CHUNK):
        await opened.write(data)
    await asyncio.sleep(LINGER_SECONDS)
    await opened.close()


async def _pods(session: Session, target: ForwardTarget) -> list[dict[str, Any]]:
    """Return pods that servers are, as they are on the wire; raises Refusal if there is none.

    The view of a watched pod leaves out its ports. A page of pods is enough to take turns.
    """
    text = await session.api.list(
        Resource.PODS, session.namespace, label_selector=target.selector, limit=reading.PAGE
    )
    found: list[dict[str, Any]] = msgspec.json.decode(text)["items"]
    if not found:
        about = f"why server/{target.server}" if target.server else f"status {target.application}"
        raise Refusal(f"{target} has no pod: {session.target.typed(about)}")
    stays = [each for each in found if not each["metadata"].get("deletionTimestamp")]
    return stays or found


def _ports(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for container in pod["spec"].get("containers") or []:
        for each in container.get("ports") or []:
            if each.get("protocol", "TCP") == "TCP":
                yield each


def _number(pods: Sequence[dict[str, Any]], remote: str, target: ForwardTarget) -> int:
    """Return the number of a port; one by number needs to be declared nowhere."""
    if remote.isdecimal():
        return int(remote)
    known: dict[str, int] = {}
    for pod in pods:
        for each in _ports(pod):
            if name := each.get("name"):
                known.setdefault(str(name), int(each["containerPort"]))
    if remote not in known:
        there = f"name one of {', '.join(known)}" if known else "give its number"
        raise Refusal(f"{target} has no port named {remote}: {there}")
    return known[remote]


def _chosen(pods: Sequence[dict[str, Any]], target: ForwardTarget) -> str:
    """Return the port that pages are most likely at."""
    ports = [each for pod in pods[:1] for each in _ports(pod)]
    if not ports:
        raise Refusal(f"the template of {target} names no port: give its number")
    named = {each.get("name", ""): each for each in ports}
    best = next((named[each] for each in HTTP if each in named), ports[0])
    return str(best.get("name") or best["containerPort"])


def _is_ready(pod: dict[str, Any]) -> bool:
    found = pod.get("status", {}).get("conditions") or []
    return any(
        each["type"] == PodConditionType.READY and each["status"] == "True" for each in found
    )


def _url(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@contextlib.contextmanager
def _bound(address: str, wanted: Pair) -> Iterator[socket.socket]:
    """Lend a socket of this machine's; raises Refusal where the port cannot be had."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((address, wanted.local))
            bound.listen()
        except OSError as error:
            message = (
                f"local port {wanted.local} at {address} cannot be used: {error.strerror};"
                f" :{wanted.remote} takes a free one"
            )
            raise Refusal(message) from error
        yield bound
