"""The API server over HTTP: one session, bytes in, bytes out, faults raised.

The engine and the CLI make one `Client` a process. The client adds as little as it can to what a
request costs: a converged fleet is written three requests a server.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import msgspec
import yarl

from controller import errors
from controller.api import resources
from controller.api.resources import Resource
from controller.kube import (
    bodies,
    connection,
    faults,
    reviews,
    sockets,
    streams,
    terminal,
    tunnel,
)
from controller.kube.api import WATCH_SECONDS, Access, Body, ExecResult, PatchStyle

# A write must be over before another leader may take the Lease: see `lease`.
WRITE_SECONDS = 4.5
READ_SECONDS = 60.0
CONNECT_SECONDS = 5.0

# Who asks, where nobody says.
AGENT = "argosy"

_PATCHES: dict[PatchStyle, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
# A kubelet answers 406 to a websocket where only JSON is accepted.
_ANYTHING = {"Accept": "*/*"}
_UNAUTHORIZED = 401
_BAD = 400

# Told of each write: how many seconds it took to be answered, and with which HTTP status.
Answered = Callable[[float, int], None]

_READ = aiohttp.ClientTimeout(total=READ_SECONDS, sock_connect=CONNECT_SECONDS)
_WRITE = aiohttp.ClientTimeout(total=WRITE_SECONDS, sock_connect=CONNECT_SECONDS)
_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
# A session that is over needs no goodbye of the other side, which may be gone.
_WEBSOCKET = aiohttp.ClientWSTimeout(ws_close=1.0)
# The API server gives up on a write before we do, so that none can come late.
BOUND_SECONDS = WRITE_SECONDS - 0.5
_BOUND = f"timeout={BOUND_SECONDS:.0f}s"


class Client:
    """`controller.kube.api.Api` over HTTP; make it within a running loop."""

    def __init__(self, where: connection.Connection, *, agent: str = AGENT) -> None:
        self.namespace = where.namespace
        self._credentials = where.credentials
        self._server = where.server
        self._may_write: Callable[[], bool] | None = None
        self._answered: Answered | None = None
        self._options: dict[str, Any] = {}
        if where.server_name:
            self._options["server_hostname"] = where.server_name
        if where.proxy:
            self._options["proxy"] = where.proxy
        connector = aiohttp.TCPConnector(
            limit=0,  # callers bound what is in flight; watches hold a connection each
            ssl=where.tls or True,
            keepalive_timeout=60,
            socket_factory=sockets.keep_alive,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=[*where.headers, ("Accept", _JSON), ("User-Agent", agent)],
            # Compressing costs the API server, and inflating us, more than a cluster's network.
            skip_auto_headers=("Accept-Encoding", "User-Agent", "Content-Type"),
            auto_decompress=False,
            read_bufsize=2**18,
        )

    @classmethod
    def connect(cls, *, kubeconfig: str = "", context: str = "", agent: str = AGENT) -> Self:
        """Return a client of the cluster that the kubeconfig or the pod names; sends nothing.

        `agent` is what audit logs and the API server's metrics know it by.
        """
        return cls(connection.load(kubeconfig=kubeconfig, context=context), agent=agent)

    def guarded(self, may_write: Callable[[], bool], answered: Answered | None = None) -> Self:
        """Return this client, on the same connections, writing only while `may_write()`.

        `may_write` is asked when all is ready to be sent, so that a process which is frozen in the
        middle of a request has next to no chance of sending it when it wakes. `answered` is told of
        each.
        """
        twin = copy.copy(self)
        twin._may_write = may_write  # noqa: SLF001 - its own class
        twin._answered = answered  # noqa: SLF001 - as above
        return twin

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._session.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> bytes:
        """Return the object as it is now."""
        return await self._call("GET", resources.path(resource, namespace, name))

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: Body,
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> bytes:
        """Make an object and return it."""
        path = resources.path(resource, namespace)
        known = "&fieldValidation=Strict" if strict else ""
        query = f"fieldManager=argosy&{_BOUND}{_dry(dry_run)}{known}"
        return await self._call("POST", path, query, body=body, kind=_JSON)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Body,
        *,
        subresource: str = "",
        field_manager: str = "argosy",
        style: PatchStyle = "merge",
        dry_run: bool = False,
    ) -> bytes:
        """Merge `body` into the object and return it."""
        path = resources.path(resource, namespace, name, subresource)
        query = f"fieldManager={field_manager}&{_BOUND}{_dry(dry_run)}"
        return await self._call("PATCH", path, query, body=body, kind=_PATCHES[style])

    async def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Body,
        *,
        subresource: str = "",
        field_manager: str = "argosy",
    ) -> bytes:
        """Put `body` in the object's place and return the object."""
        path = resources.path(resource, namespace, name, subresource)
        query = f"fieldManager={field_manager}&{_BOUND}"
        return await self._call("PUT", path, query, body=body, kind=_JSON)

    async def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Body,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
    ) -> bytes:
        """Apply `body` on the server's side and return the object."""
        path = resources.path(resource, namespace, name, subresource)
        forced = "true" if force else "false"
        query = f"fieldManager={field_manager}&force={forced}&{_BOUND}{_dry(dry_run)}"
        return await self._call("PATCH", path, query, body=body, kind=_APPLY)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
        dry_run: bool = False,
    ) -> bytes:
        """Begin to delete the object with this UID."""
        preconditions = {"uid": uid}
        if resource_version:
            preconditions["resourceVersion"] = resource_version
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": preconditions,
        }
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        if dry_run:
            # In the body: where there is one, a delete's query is not read, and it would be real.
            body["dryRun"] = ["All"]
        path = resources.path(resource, namespace, name)
        return await self._call("DELETE", path, _BOUND, body=body, kind=_JSON)

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        name: str = "",
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> bytes:
        """Return one page of a list."""
        query = _query(
            fieldSelector=f"metadata.name={name}" if name else field_selector,
            labelSelector=label_selector,
            limit=limit,
            resourceVersion=resource_version,
            **{"continue": continue_token},
        )
        return await self._call("GET", resources.path(resource, namespace), query)

    async def raw(self, path: str, query: str = "") -> bytes:
        """Return what a GET of `path` answers, such as /version."""
        return await self._call("GET", path, query)

    async def serves(self, resource: Resource, subresource: str) -> bool:
        """Return whether the API server's own list of resources has it."""
        found = msgspec.json.decode(await self.raw(resources.PLACES[resource].prefix))
        return any(each["name"] == f"{resource}/{subresource}" for each in found["resources"])

    async def review_access(
        self,
        verb: str,
        resource: Resource,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
    ) -> Access:
        """Return whether the caller itself may do this."""
        return await self._review(
            reviews.of_resource(verb, resource, namespace, name=name, subresource=subresource)
        )

    async def review_path(self, verb: str, path: str) -> Access:
        """Return whether the caller itself may do this to a path that is no object's."""
        return await self._review(reviews.of_path(verb, path))

    async def whoami(self) -> str:
        """Return the name of the user that the API server takes the caller for."""
        return reviews.user(await self._call("POST", reviews.SELF, body={}, kind=_JSON))

    async def _review(self, spec: reviews.Spec) -> Access:
        return reviews.read(await self._call("POST", reviews.PATH, body=spec, kind=_JSON))

    async def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = WATCH_SECONDS,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the events after `resource_version`, one JSON text each."""
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=timeout_seconds,
        )
        path = resources.path(resource, namespace)
        async for each in self._lines(f"watch {resource}", path, query):
            yield each

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str = "",
        follow: bool = False,
        tail_lines: int | None = None,
        previous: bool = False,
        since_seconds: int | None = None,
        since_time: str = "",
        timestamps: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines that a container has printed."""
        query = _query(
            container=container,
            follow="true" if follow else "",
            previous="true" if previous else "",
            tailLines="" if tail_lines is None else str(tail_lines),
            sinceSeconds="" if since_seconds is None else str(since_seconds),
            sinceTime=since_time,
            timestamps="true" if timestamps else "",
        )
        path = resources.path(Resource.PODS, namespace, pod, "log")
        async for each in self._lines(f"logs {namespace}/{pod}", path, query, partial=True):
            yield each

    async def exec(
        self,
        namespace: str,
        pod: str,
        *,
        command: Sequence[str],
        container: str = "",
        timeout: float,  # noqa: ASYNC109 - bounds the command, and raises UnknownOutcome
    ) -> ExecResult:
        """Run a command in a container and wait for its end; raises LeaseLost as writes do."""
        parts = [("command", each) for each in command]
        parts += [("container", container)] if container else []
        parts += [("stdout", "true"), ("stderr", "true")]
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in parts)
        what = f"exec {namespace}/{pod}"
        url = self._url(resources.path(Resource.PODS, namespace, pod, "exec"), query)
        headers = await self._headers() | _ANYTHING
        # A command changes things as a write does: a process that was frozen on its way here may
        # lead no more, and the next leader have run it.
        if self._may_write is not None and not self._may_write():
            raise faults.lease_lost(what)
        return await streams.execute(
            self._session,
            url,
            headers=headers,
            options=self._options,
            what=what,
            seconds=timeout,
        )

    @contextlib.asynccontextmanager
    async def open_exec(
        self, namespace: str, pod: str, *, command: Sequence[str], container: str = "", tty: bool
    ) -> AsyncGenerator[terminal.Terminal, None]:
        """Run a command in a container and lend what leads to it: input, output, its window."""
        parts = [("command", each) for each in command]
        parts += [("container", container)] if container else []
        parts += [("stdin", "true"), ("stdout", "true"), ("stderr", "false" if tty else "true")]
        parts += [("tty", "true")] if tty else []
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in parts)
        path = resources.path(Resource.PODS, namespace, pod, "exec")
        what = f"exec {namespace}/{pod}"
        async with self._socket(path, query, terminal.PROTOCOL, what) as socket:
            yield terminal.Terminal(socket, what)

    @contextlib.asynccontextmanager
    async def open_port(
        self, namespace: str, pod: str, port: int
    ) -> AsyncGenerator[tunnel.Tunnel, None]:
        """Lend one connection to a port of a pod."""
        path = resources.path(Resource.PODS, namespace, pod, "portforward")
        what = f"port {port} of {namespace}/{pod}"
        async with self._socket(path, f"ports={port}", tunnel.PROTOCOL, what) as socket:
            yield tunnel.Tunnel(socket, what)

    @contextlib.asynccontextmanager
    async def _socket(
        self, path: str, query: str, protocol: str, what: str
    ) -> AsyncGenerator[aiohttp.ClientWebSocketResponse, None]:
        try:
            async with self._session.ws_connect(
                self._url(path, query),
                protocols=(protocol,),
                headers=await self._headers() | _ANYTHING,
                max_msg_size=streams.LARGEST_MESSAGE,
                timeout=_WEBSOCKET,
                **self._options,
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            status = faults.ApiStatus(message=error.message)
            raise faults.from_status(error.status, status, what=what, writes=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise sockets.broken(error, what, writes=True) from error

    async def _lines(
        self, what: str, path: str, query: str, *, partial: bool = False
    ) -> AsyncGenerator[bytes, None]:
        try:
            async with self._session.get(
                self._url(path, query),
                headers=await self._headers(),
                timeout=_STREAM,
                **self._options,
            ) as response:
                if response.status >= _BAD:
                    raise await self._fault(response, what, writes=False)
                async for line in streams.lines(response, partial=partial):
                    yield line
        except (aiohttp.ClientError, OSError) as error:
            raise sockets.broken(error, what, writes=False) from error

    async def _call(
        self, method: str, path: str, query: str = "", *, body: Body | None = None, kind: str = ""
    ) -> bytes:
        data = None if body is None else self._body(body)
        writes, began = method != "GET", time.monotonic()
        try:
            for again in (True, False):
                headers = await self._headers()
                if kind:
                    headers["Content-Type"] = kind
                began = time.monotonic()
                async with self._session.request(
                    method,
                    self._url(path, query),
                    data=data,
                    headers=headers,
                    timeout=_WRITE if writes else _READ,
                    **self._options,
                ) as response:
                    if writes and self._answered is not None:
                        self._answered(time.monotonic() - began, response.status)
                    if response.status < _BAD:
                        return await response.read()
                    if response.status == _UNAUTHORIZED and again and self._renewable:
                        # Nothing was done; a renewed token may be accepted.
                        await self._credentials.renew()
                        continue
                    raise await self._fault(response, f"{method} {path}", writes=writes)
        except (aiohttp.ClientError, OSError) as error:
            due = time.monotonic() - began >= BOUND_SECONDS
            raise sockets.broken(error, f"{method} {path}", writes=writes, due=due) from error
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _body(self, body: Body) -> bytes | bodies.Guarded:
        text = body if isinstance(body, bytes) else bodies.encoded(body)
        return text if self._may_write is None else bodies.Guarded(text, self._may_write)

    @property
    def _renewable(self) -> bool:
        return self._credentials.fresh_until < math.inf

    async def _headers(self) -> dict[str, str]:
        known = self._credentials
        if known.fresh_until <= time.monotonic():
            await known.renew()
        return {"Authorization": known.header} if known.header else {}

    def _url(self, path: str, query: str) -> yarl.URL:
        text = f"{self._server}{path}?{query}" if query else self._server + path
        return yarl.URL(text, encoded=True)

    async def _fault(
        self, response: aiohttp.ClientResponse, what: str, *, writes: bool
    ) -> errors.ArgosyError:
        return faults.from_answer(
            response.status,
            await response.read(),
            what=what,
            writes=writes,
            retry_after=response.headers.get("Retry-After", ""),
        )


def _query(**parts: Any) -> str:
    return "&".join(f"{key}={quote(str(each), safe='')}" for key, each in parts.items() if each)


def _dry(dry_run: bool) -> str:
    return "&dryRun=All" if dry_run else ""
