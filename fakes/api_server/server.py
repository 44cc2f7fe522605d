"""The API server in memory: `controller.kube.api.Api`, with faults and time around each request."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from controller.api import names
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from controller.kube import faults as kube_faults
from controller.kube.reasons import KubeReason
from fakes.api_server import chaos, refusal
from fakes.api_server.controllers import GarbageCollector, NamespaceController
from fakes.api_server.deployments import Deployments
from fakes.api_server.kubelet import Kubelet
from fakes.api_server.registry import Registry, Selector, decode
from fakes.api_server.statefulsets import StatefulSets
from fakes.api_server.storage import Json, Key, Storage, Write
from fakes.api_server.watching import Changes, Watch

# When virtual time is 0.
EPOCH = 1_790_000_000.0

# A name for what the method `list` hides.
Texts = list[bytes]

OnExec = Callable[[str, str, Sequence[str]], Awaitable[kube.ExecResult]]


class ApiServer:
    """An API server, its storage and the controllers of a cluster, in the running loop's time.

    `latency` seconds pass in each request before it is carried out.
    """

    def __init__(
        self,
        *,
        namespaces: Iterable[str] = ("default", "argosy-system", "kube-public"),
        faults: chaos.Faults | None = None,
        kubelet: Kubelet | None = None,
        latency: float = 0.002,
        collects_garbage: bool = True,
    ) -> None:
        self.faults = faults or chaos.Faults()
        self.storage = Storage(self.now)
        self.registry = Registry(self.storage)
        self.latency = latency
        # Which subresources there are: tests take away those of later versions.
        self.subresources = {"pods/resize"}
        # Replaced by tests that care what commands in containers do.
        self.on_exec: OnExec = _obey
        self._changes = Changes()
        self._pages: dict[str, tuple[int, Texts]] = {}
        self._tokens = itertools.count(1)
        self.storage.listeners.append(lambda *_: self._changes.tell())
        self.faults.wakers.append(self._changes.tell)
        for each in namespaces:
            self.registry.create(Resource.NAMESPACES, "", _namespace(each), actor="test")
        if collects_garbage:
            GarbageCollector(self.registry)
            NamespaceController(self.registry)
        StatefulSets(self.registry)
        Deployments(self.registry)
        if kubelet is not None:
            kubelet.attach(self.registry)

    @property
    def objects(self) -> Mapping[Resource, Mapping[Key, Json]]:
        """What is there now: JSON by resource and (namespace, name); not to be changed."""
        return self.storage.objects

    @property
    def writes(self) -> Sequence[Write]:
        """Every write there was, in the order of resourceVersions."""
        return self.storage.writes

    def now(self) -> float:
        """Return the seconds since the epoch in the loop's time."""
        return EPOCH + asyncio.get_running_loop().time()

    async def get(self, resource: Resource, namespace: str, name: str) -> bytes:
        """Return the object as it is now."""
        request = chaos.Request(verb="get", resource=resource, namespace=namespace, name=name)

        def read() -> bytes:
            self.registry.need(resource, namespace, name)
            return self.storage.text(resource, (_scope(resource, namespace), name))

        return await self._serve(request, read)

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: kube.Body,
        *,
        dry_run: bool = False,
        strict: bool = False,  # noqa: ARG002 - no kind has a schema here to hold it to
    ) -> bytes:
        """Make an object and return it."""
        wanted = decode(body)
        name = wanted.get("metadata", {}).get("name", "")
        request = chaos.Request(verb="create", resource=resource, namespace=namespace, name=name)

        def write() -> bytes:
            return _text(self.registry.create(resource, namespace, wanted, dry_run=dry_run))

        return await self._serve(request, write)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: kube.Body,
        *,
        subresource: str = "",
        field_manager: str = names.SPEC_MANAGER,
        style: kube.PatchStyle = "merge",
        dry_run: bool = False,
    ) -> bytes:
        """Merge `body` into the object and return it."""
        wanted = decode(body)
        request = chaos.Request(
            verb="patch",
            resource=resource,
            namespace=namespace,
            name=name,
            subresource=subresource,
        )

        def write() -> bytes:
            if subresource == "resize" and f"{resource}/resize" not in self.subresources:
                raise refusal.not_found(resource, name)
            patched = self.registry.patch(
                resource,
                namespace,
                name,
                wanted,
                subresource=subresource,
                style=style,
                actor=field_manager,
                dry_run=dry_run,
            )
            return _text(patched)

        return await self._serve(request, write)

    async def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: kube.Body,
        *,
        subresource: str = "",
        field_manager: str = names.SPEC_MANAGER,
    ) -> bytes:
        """Put `body` in the object's place, or in that of a subresource, and return the object."""
        wanted = decode(body)
        request = chaos.Request(
            verb="update",
            resource=resource,
            namespace=namespace,
            name=name,
            subresource=subresource,
        )

        def write() -> bytes:
            return _text(
                self.registry.replace(
                    resource,
                    namespace,
                    name,
                    wanted,
                    subresource=subresource,
                    actor=field_manager,
                )
            )

        return await self._serve(request, write)

    async def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: kube.Body,
        *,
        field_manager: str,
        force: bool = False,  # noqa: ARG002 - fields have no owners here
        subresource: str = "",
        dry_run: bool = False,
    ) -> bytes:
        """Make the object, or merge `body` into it: nobody owns a field here."""
        wanted = decode(body)
        request = chaos.Request(verb="apply", resource=resource, namespace=namespace, name=name)

        def write() -> bytes:
            if self.registry.find(resource, namespace, name) is not None:
                applied = self.registry.patch(
                    resource,
                    namespace,
                    name,
                    wanted,
                    subresource=subresource,
                    style="strategic",
                    actor=field_manager,
                    dry_run=dry_run,
                )
            elif wanted.get("metadata", {}).get("uid"):
                raise refusal.conflict(resource, name, "a UID is given, but there is no object")
            else:
                applied = self.registry.create(
                    resource, namespace, wanted, actor=field_manager, dry_run=dry_run
                )
            return _text(applied)

        return await self._serve(request, write)

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
        request = chaos.Request(verb="delete", resource=resource, namespace=namespace, name=name)

        def write() -> bytes:
            deleted = self.registry.delete(
                resource,
                namespace,
                name,
                uid=uid,
                resource_version=resource_version,
                grace_seconds=grace_seconds,
                propagation=propagation,
                dry_run=dry_run,
            )
            return _text(deleted)

        return await self._serve(request, write)

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
        resource_version: str = "",  # noqa: ARG002 - every list is as new as can be, or stale by a fault
    ) -> bytes:
        """Return one page of a list; the pages of one list are of one version."""
        request = chaos.Request(verb="list", resource=resource, namespace=namespace)

        def read() -> bytes:
            if continue_token:
                if continue_token not in self._pages:
                    raise refusal.refuse(410, "Expired", "the continue token is too old")
                version, texts = self._pages.pop(continue_token)
            else:
                selector = Selector(label_selector, field_selector)
                version, texts = self._select(resource, namespace, selector, name)
            page, rest = (texts[:limit], texts[limit:]) if limit else (texts, [])
            token = ""
            if rest:
                token = f"page-{next(self._tokens)}"
                self._pages[token] = (version, rest)
            meta = _text({"resourceVersion": str(version), "continue": token})
            kind = PLACES[resource].kind.encode()
            items = b",".join(page)
            return b'{"kind":"%bList","metadata":%b,"items":[%b]}' % (kind, meta, items)

        return await self._serve(request, read)

    def forget_pages(self) -> None:
        """Let every continue token expire."""
        self._pages.clear()

    async def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = kube.WATCH_SECONDS,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the events after `resource_version`, one JSON text each, and bookmarks."""
        request = chaos.Request(verb="watch", resource=resource, namespace=namespace)
        await self._serve(request, lambda: b"")
        view = Watch(
            self.storage,
            self.faults,
            self._changes,
            resource=resource,
            namespace=namespace,
            selector=Selector(label_selector, field_selector),
            reached=int(resource_version),
            seconds=timeout_seconds,
        )
        async for line in view.lines():
            yield line

    async def exec(
        self,
        namespace: str,
        pod: str,
        *,
        command: Sequence[str],
        container: str = "",  # noqa: ARG002 - `on_exec` is not told
        timeout: float,  # noqa: ASYNC109 - as `Api` has it
    ) -> kube.ExecResult:
        """Run a command: `on_exec` says how it ends."""
        request = chaos.Request(
            verb="create",
            resource=Resource.PODS,
            namespace=namespace,
            name=pod,
            subresource="exec",
        )
        await self._serve(request, lambda: _text(self.registry.need(Resource.PODS, namespace, pod)))
        try:
            async with asyncio.timeout(timeout):
                return await self.on_exec(namespace, pod, command)
        except TimeoutError as error:
            message = f"exec {namespace}/{pod}: has not ended after {timeout:g} s"
            raise kube_faults.UnknownOutcome(message, reason=KubeReason.EXEC_TIMEOUT) from error

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str = "",  # noqa: ARG002 - containers print nothing here
        follow: bool = False,  # noqa: ARG002 - as above
        tail_lines: int | None = None,  # noqa: ARG002 - as above
        previous: bool = False,  # noqa: ARG002 - as above
        since_seconds: int | None = None,  # noqa: ARG002 - as above
        since_time: str = "",  # noqa: ARG002 - as above
        timestamps: bool = False,  # noqa: ARG002 - as above
    ) -> AsyncGenerator[bytes, None]:
        """Yield one line that names the pod."""
        self.registry.need(Resource.PODS, namespace, pod)
        yield f"{namespace}/{pod}".encode()

    async def serves(self, resource: Resource, subresource: str) -> bool:
        """Return whether a test has left it served."""
        return f"{resource}/{subresource}" in self.subresources

    async def review_access(
        self,
        verb: str,  # noqa: ARG002 - everyone may do everything here
        resource: Resource,  # noqa: ARG002 - as above
        namespace: str = "",  # noqa: ARG002 - as above
        *,
        name: str = "",  # noqa: ARG002 - as above
        subresource: str = "",  # noqa: ARG002 - as above
    ) -> kube.Access:
        """Allow it."""
        return kube.Access(allowed=True)

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    async def _serve(self, request: chaos.Request, act: Callable[[], bytes]) -> bytes:
        verdict = self.faults.judge(request)
        await asyncio.sleep(self.latency + verdict.there)
        if verdict.before is not None:
            raise verdict.before
        if self.faults.down:
            raise (
                chaos.cut("the API server went down") if not request.writes else chaos.lost("down")
            )
        answer = act()
        if verdict.back:
            await asyncio.sleep(verdict.back)
        if verdict.after is not None:
            raise verdict.after
        return answer

    def _select(
        self, resource: Resource, namespace: str, selector: Selector, name: str = ""
    ) -> tuple[int, Texts]:
        lag = self.faults.stale.get(resource, 0)
        version = self.storage.version - lag
        found = self.storage.at(resource, version) if lag else self.storage.objects[resource]
        keys = sorted(key for key in found if namespace in ("", key[0]) and name in ("", key[1]))
        if lag:
            return version, [_text(found[key]) for key in keys if selector.matches(found[key])]
        return version, [
            self.storage.text(resource, key) for key in keys if selector.matches(found[key])
        ]


async def _obey(_namespace: str, _pod: str, command: Sequence[str]) -> kube.ExecResult:
    """End as `true` and `false` do; every other command is well."""
    return kube.ExecResult(exit_code=1 if command[0] == "false" else 0)


_text: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _scope(resource: Resource, namespace: str) -> str:
    return namespace if PLACES[resource].namespaced else ""
