"""An audit log for the API server in memory, in the format of a real one.

`arena` puts `Audited` between engine and server; what was committed is told by the server itself,
what was refused or run by whoever passed it on.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from controller import errors
from controller.api.resources import Resource
from controller.kube import api as kube
from fakes.api_server import ApiServer, Write, chaos
from fakes.api_server.storage import Event
from proof.history import journal

OURS = next(iter(journal.OPERATOR))
# Field managers of the operator; everybody else is called by name.
_MANAGERS = "argosy"
REFUSED = 409
_LEASE = (Resource.LEASES, "argosy", journal.LEASE, "")

Line = tuple[float, dict[str, Any]]

# Whose write it is: each replica's tasks, and all that they begin, carry their own.
AGENT = contextvars.ContextVar("agent", default="argosy")


class Audited:
    """The server's door for one operator, which notes what the server does not keep."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._reached = asyncio.Event()
        self._reached.set()
        self.noted: list[Line] = []

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._server, name)

        async def reach(*arguments: Any, **options: Any) -> Any:
            self._reach()
            return await ask(*arguments, **options)

        return reach if asyncio.iscoroutinefunction(ask) else ask

    def part(self) -> None:
        """Cut the operator off: no request arrives. Open watches are the caller's to break."""
        self._reached.clear()

    def heal(self) -> None:
        """Let it through again."""
        self._reached.set()

    async def healed(self) -> None:
        """Wait until it gets through."""
        await self._reached.wait()

    def _reach(self) -> None:
        if not self._reached.is_set():
            raise chaos.refused("cut off")

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: kube.Body,
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> bytes:
        """Make an object; a refusal is noted."""
        self._reach()
        try:
            return await self._server.create(
                resource, namespace, body, dry_run=dry_run, strict=strict
            )
        except errors.ArgosyError as error:
            if not dry_run:
                name = json.loads(body)["metadata"] if isinstance(body, bytes) else body["metadata"]
                self._refused("create", resource, namespace, name.get("name", ""), error)
            raise

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, **options: Any
    ) -> bytes:
        """Begin to delete an object; one that is going already is noted, as is a refusal."""
        self._reach()
        began = len(self._server.writes)
        try:
            answer = await self._server.delete(resource, namespace, name, uid=uid, **options)
        except errors.ArgosyError as error:
            self._refused("delete", resource, namespace, name, error, uid=uid)
            raise
        if len(self._server.writes) == began:
            request = {"preconditions": {"uid": uid}}
            self._note("delete", resource, namespace, name, 200, request, json.loads(answer))
        return answer

    async def exec(self, namespace: str, pod: str, **options: Any) -> kube.ExecResult:
        """Run a command, and note that it ran."""
        self._reach()
        self._note("create", Resource.PODS, namespace, pod, 101, {}, {}, subresource="exec")
        return await self._server.exec(namespace, pod, **options)

    def watch(self, *arguments: Any, **options: Any) -> AsyncGenerator[bytes, None]:
        """Pass a watch on."""
        self._reach()
        return self._server.watch(*arguments, **options)

    def _refused(
        self,
        verb: str,
        resource: Resource,
        namespace: str,
        name: str,
        error: errors.ArgosyError,
        *,
        uid: str = "",
    ) -> None:
        if isinstance(error, errors.UnknownOutcome) or error.reason in ("Unreachable", "Busy"):
            return  # it never arrived, or the server itself tells what became of it
        status = {"kind": "Status", "reason": error.reason}
        request = {"preconditions": {"uid": uid}} if uid else {}
        self._note(verb, resource, namespace, name, REFUSED, request, status)

    def _note(  # noqa: PLR0917 - the parts of a request, in the order of the log
        self,
        verb: str,
        resource: Resource,
        namespace: str,
        name: str,
        code: int,
        request: dict[str, Any],
        answer: dict[str, Any],
        *,
        subresource: str = "",
    ) -> None:
        now = self._server.now()
        about = (resource, namespace, name, subresource)
        self.noted.append((now, _event(now, verb, OURS, about, code, request, answer)))


def writers(server: ApiServer) -> Mapping[int, str]:
    """Return whose each write from now on is, by its version, as it grows."""
    found: dict[int, str] = {}

    def note(_resource: Resource, event: Event) -> None:
        found[event.version] = AGENT.get()

    server.storage.listeners.append(note)
    return found


def lines(
    server: ApiServer,
    doors: Sequence[Audited],
    agents: Mapping[int, str],
    *,
    alive_every: float = 0.0,
) -> list[bytes]:
    """Return the audit log of all that was done so far.

    `alive_every` has it tell, too, that the operator looked at its Lease so often.
    """
    found = [(each.time, _committed(each, agents)) for each in server.writes]
    found += [line for each in doors for line in each.noted]
    if alive_every and found:
        first, now = min(when for when, _ in found), server.now()
        moments = (
            first + alive_every * number for number in range(int((now - first) / alive_every))
        )
        found += [(each, _event(each, "get", OURS, _LEASE, 200, {}, {})) for each in moments]
    found.sort(key=lambda each: each[0])
    return [json.dumps(event).encode() for _, event in found]


def _committed(write: Write, agents: Mapping[int, str]) -> dict[str, Any]:
    cause = write.cause
    user = OURS if cause.actor.startswith(_MANAGERS) else cause.actor
    guard = {"uid": cause.uid, "resourceVersion": cause.resource_version}
    request = {"preconditions": guard} if cause.verb == "delete" else _asked(write, guard)
    body = write.after if write.after is not None else _last(write)
    code = 201 if write.before is None else 200
    about = (write.resource, write.namespace, write.name, cause.subresource)
    event = _event(write.time, cause.verb, user, about, code, request, body)
    return {**event, "userAgent": agents.get(write.version, AGENT.get())}


def _asked(write: Write, guard: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a request: whom it means, and labels, where these alone are others."""
    before, after = write.before or {}, write.after or {}
    was, now = (each.get("metadata", {}).get("labels", {}) for each in (before, after))
    if not before or was == now or {**before, "metadata": 0} != {**after, "metadata": 0}:
        return {"metadata": guard}
    labels = {key: now.get(key) for key in (*was, *now) if was.get(key) != now.get(key)}
    return {"metadata": {**guard, "labels": labels}}


def _last(write: Write) -> dict[str, Any]:
    """Return the object as it went: held by nothing."""
    before = write.before or {}
    metadata = {
        **before.get("metadata", {}),
        "finalizers": [],
        "deletionGracePeriodSeconds": 0,
        "resourceVersion": str(write.version),
    }
    return {**before, "metadata": metadata}


def _event(  # noqa: PLR0917 - the parts of a request, in the order of the log
    when: float,
    verb: str,
    user: str,
    about: tuple[Resource, str, str, str],
    code: int,
    request: dict[str, Any],
    answer: dict[str, Any],
) -> dict[str, Any]:
    resource, namespace, name, subresource = about
    moment = dt.datetime.fromtimestamp(when, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": user},
        "userAgent": AGENT.get(),
        "requestURI": "/",
        "objectRef": {
            "resource": resource.value,
            "namespace": namespace,
            "name": name,
            "subresource": subresource,
        },
        "responseStatus": {"code": code},
        "requestObject": request,
        "responseObject": answer,
        "requestReceivedTimestamp": moment,
        "stageTimestamp": moment,
    }
