"""Several replicas that share the work on one stage, each of which can be struck by itself.

    crew = Crew(stage)
    first, second = crew.join(), crew.join()
    await crew.shared(first, second)

Built as `wiring` builds them, but for the process and the network. What a replica sends goes
through a door of its own, where it is cut off or kept from seeing, and a second one that asks
whether it may write, as the real client does when the bytes go out.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Any

from controller import contract, errors
from controller.api.resources import Resource
from controller.execution import labels, ownership
from controller.execution.sharing import Sharing
from controller.kube import members, slots
from controller.kube.lease import LEADER, TOGETHER, Elector, LeaseLost
from controller.kube.reasons import KubeReason
from fakes.api_server import chaos
from fakes.operator import Operator
from proof.mutants import arena, audit

_OF_LEASES = frozenset({"list", "get", "patch"})
_WRITES = frozenset({"create", "patch", "replace", "apply", "delete", "exec"})


class Door(audit.Audited):
    """A replica's way to the server, whose watches can be held back."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self._flowing = asyncio.Event()
        self._flowing.set()
        # Verbs that fail for Leases: a replica that cannot look at them, or not renew its own.
        self.failing: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        ask = super().__getattr__(name)

        async def reach(resource: Resource, *arguments: Any, **options: Any) -> Any:
            if resource is Resource.LEASES and name in self.failing:
                raise chaos.refused("not for Leases")
            return await ask(resource, *arguments, **options)

        return reach if name in _OF_LEASES else ask

    def hold_watches(self) -> None:
        """Let this replica see no more changes."""
        self._flowing.clear()

    def release_watches(self) -> None:
        """Let it see what it has missed."""
        self._flowing.set()

    async def watch(self, *arguments: Any, **options: Any) -> AsyncGenerator[bytes, None]:
        """Pass a watch on, as long as nothing is held back."""
        self._reach()
        lines = self._server.watch(*arguments, **options)
        async with contextlib.aclosing(lines):
            async for line in lines:
                await self._flowing.wait()
                yield line


class Guarded:
    """The same door for all but Leases: nothing goes out that may not be written any more."""

    def __init__(self, door: Door, may_write: Callable[[], bool]) -> None:
        self._door = door
        self._may_write = may_write

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._door, name)
        if name not in _WRITES:
            return ask

        async def send(*arguments: Any, **options: Any) -> Any:
            if not self._may_write():
                raise errors.LeaseLost("the slot is not held", reason=KubeReason.LEASE_LOST)
            return await ask(*arguments, **options)

        return send


class Mate:
    """One replica that shares the work, and what can befall it."""

    def __init__(
        self,
        stage: arena.Stage,
        name: str,
        process: str,
        *,
        by_slot: bool = False,
        servers_per_namespace: int = 0,
        providers: Mapping[str, contract.ProviderKind] | None = None,
    ) -> None:
        self.name = name
        self.identity = f"{name}_{process}"
        self.door = Door(stage.server)
        stage.doors.append(self.door)
        api: Any = self.door  # as `controller.kube.api.Api`, by delegation
        place, own = arena.NAMESPACE, members.heartbeat(name)
        self.heartbeat = Elector(api, place, own, self.identity, rng=stage.chance)
        self.guard = Elector(api, place, LEADER, TOGETHER, shared=True, rng=stage.chance)
        self.members = members.Members(api, place, self.identity)
        # The operator asks for its ownership, which asks for the operator's caches.
        late = _Late(lambda: self.sharing)
        guarded: Any = Guarded(self.door, ownership.guard(late))
        self.operator = Operator(
            guarded,
            name=name,
            clock=stage.server.now,
            ownership=late,
            may_write=ownership.guard(late),
            sharers=late.sharers,
            holder=self.identity,
            by_slot=by_slot,
            servers_per_namespace=servers_per_namespace,
            providers=providers,
        )
        self.sharing = Sharing(
            caches=self.operator.caches,
            members=self.members,
            heartbeat=self.heartbeat,
            guard=self.guard,
            rng=stage.chance,
        )
        self.sharing.connect(self.operator.engine)
        # Why it ended by itself; empty while it has not.
        self.ended = ""
        self._context = contextvars.copy_context()
        self._context.run(audit.AGENT.set, f"argosy {self.identity}")
        self._tasks = [
            self._task(self.operator.caches.run(), "caches"),
            self._task(self._live(), "sharing"),
        ]

    def _task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        return loop.create_task(work, name=f"{self.name} {name}", context=self._context)

    async def _live(self) -> None:
        async def beside() -> dict[str, Coroutine[Any, Any, None]]:
            caches, sharing = self.operator.caches, self.sharing
            if not caches.by_slot:
                return {}
            writer = self.operator.writer
            made = labels.Labels(caches, writer, owns=sharing.owns, plans=sharing.plans)
            return {"labels": made.run()}

        await self.operator.caches.wait()
        try:
            await self.sharing.run(beside)
        except LeaseLost as error:
            self.ended = str(error)

    def owned(self) -> set[int]:
        """Return the slots that are planned here."""
        return {slot for slot in range(slots.SLOTS) if self.sharing.plans(slot)}

    async def leave(self) -> None:
        """End it as a process ends that is told to."""

        async def leave() -> None:
            await self.operator.engine.stop()
            await self.sharing.leave()

        await self._task(leave(), "leaving")
        self.door.part()
        await self._end()

    async def kill(self) -> None:
        """End it as kill -9 does: whatever was under way is dropped, nothing more is sent."""
        self.door.part()
        self.door.release_watches()
        await self._end()

    async def _end(self) -> None:
        for each in self._tasks:
            each.cancel()
        await self.operator.engine.stop()
        await self.sharing.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Late:
    """The ownership that comes after the engine that asks for it."""

    def __init__(self, whose: Callable[[], Sharing]) -> None:
        self._whose = whose

    def sharers(self) -> int:
        """Ask it."""
        return self._whose().sharers()

    def owns(self, key: Any) -> bool:
        """Ask it."""
        return self._whose().owns(key)

    def may_write(self, key: Any) -> bool:
        """Ask it."""
        return self._whose().may_write(key)

    def since(self, key: Any) -> float:
        """Ask it."""
        return self._whose().since(key)

    def moving(self, key: Any) -> str:
        """Ask it."""
        return self._whose().moving(key)

    def total(self, key: Any) -> Any:
        """Ask it."""
        return self._whose().total(key)


class Crew:
    """The replicas on a stage, in the order in which they joined.

    Each follows all there is, or, `by_slot`, what is in its own slots; `providers` are beside those
    of this build.
    """

    def __init__(
        self,
        stage: arena.Stage,
        *,
        by_slot: bool = False,
        servers_per_namespace: int = 0,
        providers: Mapping[str, contract.ProviderKind] | None = None,
    ) -> None:
        self.stage = stage
        self._providers = providers
        self._by_slot = by_slot
        self._servers_per_namespace = servers_per_namespace
        self.mates: list[Mate] = []

    def join(self, name: str = "", *, by_slot: bool | None = None) -> Mate:
        """Start a replica; one of a name that was there before is its next process.

        `by_slot` says whether this one follows its own slots alone, if not as the others do.
        """
        number = len(self.mates) + 1
        mate = Mate(
            self.stage,
            name or f"replica-{number}",
            f"p{number}",
            by_slot=self._by_slot if by_slot is None else by_slot,
            servers_per_namespace=self._servers_per_namespace,
            providers=self._providers,
        )
        self.mates.append(mate)
        return mate

    async def shared(self, *among: Mate) -> None:
        """Wait until these replicas have all slots, none too many, and plan for them."""

        def is_divided() -> bool:
            found = [each.owned() for each in among]
            most = -(-slots.SLOTS // len(among))
            whole = sum(map(len, found)) == slots.SLOTS == len(set().union(*found))
            return whole and max(map(len, found)) <= most

        await self.stage.until("shared", is_divided)
