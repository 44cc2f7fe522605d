"""The API of Kubernetes, as the rest of the engine sees it.

`client.Client` is the real one, over HTTP; tests bring an API server in memory. Bodies go in and
come out as JSON bytes: whoever asks decodes what it wants to know. An answer that is no success is
raised as one of `controller.kube.faults`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, Protocol

from controller.api.resources import Resource

Body = Mapping[str, Any] | bytes

# How a patch treats lists: `merge` replaces them, `strategic` (built-in kinds only) merges those
# that have keys, such as a pod's containers by name.
PatchStyle = Literal["merge", "strategic"]

WATCH_SECONDS = 300


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """How a command in a container ended; of what it printed, the last few kilobytes."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whether the caller may do something, and why (not)."""

    allowed: bool
    reason: str = ""


class Api(Protocol):
    """Reads and writes of the API server, one request a call; nothing is retried here."""

    async def get(self, resource: Resource, namespace: str, name: str) -> bytes:
        """Return the object as it is now; raises NotFound."""

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: Body,
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> bytes:
        """Make an object and return it; raises AlreadyExists rather than change one.

        `strict` has fields that the kind does not know refused; else they are dropped in silence.
        """

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
        """Merge `body` into the object and return it.

        `metadata.uid` and `metadata.resourceVersion` in `body` are preconditions: raises Conflict.
        """

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
        """Put `body` in the object's place, or in that of a subresource, and return the object.

        `metadata.resourceVersion` in `body` must be the object's, and `metadata.uid`: raises
        Conflict.
        """

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
        """Apply `body` (JSON or YAML) on the server's side and return the object.

        Makes the object where there is none, unless `body` carries a `metadata.uid`.
        """

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
        """Begin to delete the object with this UID; raises Conflict where another has its name.

        With `dry_run` the answer alone is given.
        """

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
        """Return one page of a list; without a `resource_version`, one that is not stale.

        With a `name`, of what has it in any of the namespaces.
        """

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = WATCH_SECONDS,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the events after `resource_version`, one JSON text each, bookmarks among them.

        Ends when the server ends it, after `timeout_seconds` at the latest. Close it to stop.
        """

    async def exec(
        self,
        namespace: str,
        pod: str,
        *,
        command: Sequence[str],
        container: str = "",
        timeout: float,  # noqa: ASYNC109 - bounds the command, and raises UnknownOutcome
    ) -> ExecResult:
        """Run a command in a container and wait for its end.

        Raises UnknownOutcome when the end could not be seen: cutting the stream does not end what
        the command has started.
        """

    def logs(
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

    async def serves(self, resource: Resource, subresource: str) -> bool:
        """Return whether the API server has that subresource, which came with some version."""

    async def close(self) -> None:
        """Let go of all connections."""
