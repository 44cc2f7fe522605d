"""Boxes on a shelf: the folder of a provider, and what its line in the registry calls."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from pydantic import Field

from controller import contract, errors
from controller.api import objects, schema
from controller.api.permissions import allow
from controller.api.resources import Resource
from controller.contract import Phase
from controller.contract.reasons import ProviderReason


class ShelfSettings(schema.Model):
    """Settings of the provider shelf."""

    room: Annotated[int, Field(ge=1, le=100)]
    """How many boxes the shelf holds."""


class _Settings(objects.View, frozen=True, kw_only=True):
    room: int


@dataclasses.dataclass(slots=True)
class Shelf:
    """Boxes by server, and what became of those who asked for the shelf."""

    boxes: dict[tuple[str, str], contract.Observation] = dataclasses.field(default_factory=dict)
    uids: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    opened: list[int] = dataclasses.field(default_factory=list)
    contexts: list[contract.Context] = dataclasses.field(default_factory=list)
    closed: int = 0
    # Raised by whoever opens it.
    trouble: errors.ArgosyError | None = None

    def kind(self) -> contract.ProviderKind:
        """Return the provider of this shelf."""

        @contextlib.asynccontextmanager
        async def open_shelf(
            context: contract.Context, fleet: objects.Fleet
        ) -> AsyncIterator[contract.Provider]:
            if self.trouble is not None:
                raise self.trouble
            self.opened.append(msgspec.json.decode(bytes(fleet.settings), type=_Settings).room)
            self.contexts.append(context)
            try:
                yield _ShelfProvider(self, context)
            finally:
                self.closed += 1

        return contract.ProviderKind(
            name="shelf",
            makes="boxes on a shelf",
            capabilities=frozenset(),
            open=open_shelf,
            settings=lambda: ShelfSettings,
            rights=(allow(Resource.NODES, "get", why="measure the shelf"),),
        )


@dataclasses.dataclass(slots=True)
class _ShelfProvider(contract.AlwaysHeard, contract.NoClaims):
    shelf: Shelf
    context: contract.Context

    def observe(self, server: objects.Server) -> contract.Observation:
        return self.shelf.boxes.get(_key(server), contract.ABSENT)

    def instance(self, server: objects.Meta) -> str | None:
        found = self.shelf.boxes.get((server.namespace, server.name))
        return found.id if found is not None else ""

    def instances(self) -> list[contract.Instance]:
        return [
            contract.Instance(
                id=seen.id, server="/".join(key), uid=self.shelf.uids[key], phase=seen.phase
            )
            for key, seen in self.shelf.boxes.items()
        ]

    def can_change(self, before: bytes, after: bytes) -> bool:
        return before == after

    def writes(self, server: objects.Server, call: contract.Call) -> tuple[contract.Place, ...]:
        del server, call
        return ()

    def own_addresses(self, server: objects.Server) -> tuple[str, ...]:
        del server
        return ()

    async def create(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        del call
        spec = server.spec
        self.shelf.uids[_key(server)] = server.metadata.uid
        self.shelf.boxes[_key(server)] = contract.Observation(
            phase=Phase.RUNNING,
            id=f"box-{server.metadata.uid}-{spec.incarnation}",
            revision=spec.revision,
            incarnation=spec.incarnation,
            ready=True,
            ready_since=self.context.clock(),
        )
        self.context.changed(*_key(server))
        return contract.NOTHING

    async def change(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        raise errors.Stalled(
            f"{call.verb}: {server.metadata.name}", reason=ProviderReason.NOT_SUPPORTED
        )

    async def delete(self, server: objects.Server, call: contract.Call) -> contract.Receipt:
        del call
        self.shelf.boxes.pop(_key(server), None)
        self.context.changed(*_key(server))
        return contract.NOTHING

    async def act(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        raise errors.Stalled(
            f"{call.verb}: {server.metadata.name}", reason=ProviderReason.NOT_SUPPORTED
        )

    async def resume(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        return await self.act(server, call)

    async def cancel(self, server: objects.Server, call: contract.Call) -> contract.Facts:
        del server, call
        return {}

    async def collect(self, instance: str, server: str) -> contract.Receipt:
        del instance, server
        return contract.NOTHING


def _key(server: objects.Server) -> tuple[str, str]:
    return server.metadata.namespace, server.metadata.name
