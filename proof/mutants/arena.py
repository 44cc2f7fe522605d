"""One operator, whole or broken, lives through stories against an API server in memory.

Virtual time: minutes of watch lag cost nothing. `python -m proof.mutants.arena FOLDER STORY…` runs
whatever `controller` is on the path and writes the audit log of each story into the folder; `trial`
calls it with a broken one.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import json
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import looptime
import structlog

from controller.api.resources import Resource
from controller.kube import lease
from fakes.api_server import ApiServer, Behaviour, Faults, Kubelet
from fakes.operator import Operator
from proof.mutants import audit

Object = dict[str, Any]
NAMESPACE = "default"
STEP_SECONDS = 900.0
POLL_SECONDS = 0.25
# How often an operator shows that it is there, as a leader does that renews its Lease.
ALIVE_SECONDS = 2.0
# Longer than an operator takes to come to rest.
REST_SECONDS = 60.0
# The longest story of a whole operator takes a few thousand.
MOST_WRITES = 10_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One operator's parts, before they run."""

    name: str
    door: audit.Audited
    elector: lease.Elector
    operator: Operator

    def task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Let a part run; whatever it writes is known to be this replica's."""
        context = contextvars.copy_context()
        context.run(audit.AGENT.set, f"argosy {self.name}")
        return asyncio.get_running_loop().create_task(work, name=name, context=context)


class Stage:
    """A cluster in memory, and the operator that lives in it; people act through its methods."""

    def __init__(self, *, seed: int = 0) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a simulation's dice
        self.faults = Faults(seed=seed)
        self.kubelet = Kubelet(self._behave)
        self.server = ApiServer(faults=self.faults, kubelet=self.kubelet)
        self.doors: list[audit.Audited] = []
        self.writers = audit.writers(self.server)
        self.slow = 0.0  # seconds that pods take to end; 0 for a moment
        # From here on there was nothing to write, until the story's end.
        self.quiet_since: float | None = None
        # How many replicas stand by or lead.
        self.replicas = 0
        self._starts = 0
        self._running: list[asyncio.Task[None]] = []

    def _behave(self, _pod: Object) -> Behaviour:
        start = 0.5 + self.chance.random()
        return Behaviour(start_seconds=start, stop_seconds=self.slow or 0.3)

    def start(self) -> None:
        """Start an operator, as a new process that leads at once."""
        made = self._operator()
        self.replicas = 1
        self._running = [
            made.task(made.operator.caches.run(), "caches"),
            made.task(made.operator.engine.lead(), "engine"),
        ]

    def stand(self) -> audit.Audited:
        """Start a replica that leads when it holds the Lease; return its way to the server.

        It ends when it has lost the Lease, and is started again as the kubelet does.
        """
        made = self._operator()
        self.replicas += 1
        running = [made.task(made.operator.caches.run(), "caches")]

        async def lead() -> None:
            try:
                await made.elector.acquire()
                async with asyncio.TaskGroup() as group:
                    group.create_task(made.elector.hold())
                    group.create_task(made.operator.engine.lead())
            except* lease.LeaseLost:
                running[0].cancel()
                made.task(again(), "kubelet")

        async def again() -> None:
            await made.door.healed()
            self.stand()

        running.append(made.task(lead(), "replica"))
        self._running += running
        return made.door

    def _operator(self) -> Replica:
        self._starts += 1
        name = f"operator-{self._starts}"
        door = audit.Audited(self.server)
        self.doors.append(door)
        api: Any = door  # as `controller.kube.api.Api`, by delegation
        elector = lease.Elector(api, NAMESPACE, lease.LEADER, name, rng=self.chance)
        return Replica(
            name=name,
            door=door,
            elector=elector,
            operator=Operator(
                api,
                name=name,
                clock=self.server.now,
                may_write=lambda: not elector.epoch or elector.leading,
            ),
        )

    async def kill(self) -> None:
        """End the operator as kill -9 does: whatever was under way is dropped."""
        # The server in memory has timers, but no tasks: all but the story are the operator's.
        theirs = asyncio.all_tasks() - {asyncio.current_task()}
        for each in theirs:
            each.cancel()
        await asyncio.gather(*theirs, return_exceptions=True)

    def put(self, resource: Resource, name: str, spec: Object, **metadata: Any) -> Object:
        """Create an object as a person does."""
        body = {"metadata": {"name": name, **metadata}, "spec": spec}
        return self.server.registry.create(resource, NAMESPACE, body, actor="person")

    def change(self, resource: Resource, name: str, spec: Object) -> None:
        """Patch an object's spec as a person does."""
        self.server.registry.patch(resource, NAMESPACE, name, {"spec": spec}, actor="person")

    def remove(self, resource: Resource, name: str, **options: Any) -> None:
        """Delete an object as a person does."""
        self.server.registry.delete(resource, NAMESPACE, name, actor="person", **options)

    def find(self, resource: Resource, name: str) -> Object | None:
        """Return an object, if it is there."""
        return self.server.registry.find(resource, NAMESPACE, name)

    def all(self, resource: Resource) -> Sequence[Object]:
        """Return all objects of a resource."""
        return list(self.server.objects[resource].values())

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; raise AssertionError that says what has not come about."""
        loop = asyncio.get_running_loop()
        end = loop.time() + STEP_SECONDS
        while not condition():
            for each in self._running:
                if each.done() and not each.cancelled():
                    each.result()
            if len(self.server.writes) > MOST_WRITES:
                raise AssertionError(f"{what}: writes without end")
            if loop.time() > end:
                raise AssertionError(f"{what}: not so after {STEP_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    async def ready(self, name: str) -> None:
        """Wait until an application says that it is what its spec says."""

        def converged() -> bool:
            body = self.find(Resource.APPLICATIONS, name) or {}
            status, metadata = body.get("status", {}), body.get("metadata", {})
            current = status.get("observedGeneration") == metadata.get("generation")
            return current and condition(body, "Ready") == "True"

        await self.until(f"{name} ready", converged)


def condition(body: Object | None, kind: str) -> str:
    """Return the status of an object's condition, or nothing."""
    conditions = (body or {}).get("status", {}).get("conditions", [])
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "")


@contextlib.asynccontextmanager
async def staged(seed: int) -> AsyncIterator[Stage]:
    """Give a stage on which an operator lives; end it."""
    stage = Stage(seed=seed)
    stage.start()
    try:
        yield stage
    finally:
        await stage.kill()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A story played: its audit log, what kept it from its end, and when it was to be quiet."""

    log: list[bytes]
    failure: str
    quiet_since: float | None
    # How many tasks each operator had at rest, before and after; 0 where it is not known.
    tasks: tuple[int, int] = (0, 0)


def play(story: Callable[[Stage], Awaitable[None]], *, seed: int = 0) -> Played:
    """Play a story in virtual time."""
    loop = looptime.new_event_loop(start=0.0)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_play(story, seed))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)


async def _play(story: Callable[[Stage], Awaitable[None]], seed: int) -> Played:
    failure, tasks = "", (0, 0)
    async with staged(seed) as stage:
        before, first = await _at_rest(), stage.replicas
        try:
            await story(stage)
            if stage.replicas == first:
                tasks = before, await _at_rest()
        except Exception as error:  # noqa: BLE001 - a broken operator may break anything
            failure = repr(error)
        log = audit.lines(stage.server, stage.doors, stage.writers, alive_every=ALIVE_SECONDS)
        return Played(log=log, failure=failure, quiet_since=stage.quiet_since, tasks=tasks)


async def _at_rest() -> int:
    """Return how many tasks there are when nothing has been asked for a while."""
    await asyncio.sleep(REST_SECONDS)
    return len(asyncio.all_tasks())


def main(folder: str, *chosen: str) -> int:
    """Play stories in turn: `STORY.log` is its audit log, `STORY.json` the rest of it."""
    from proof.mutants import stories  # noqa: PLC0415 - stories need stages

    # An operator that is broken on purpose has much to say; the history tells enough.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for name in chosen or stories.STORIES:
        played = play(stories.STORIES[name])
        rest = {
            "failure": played.failure,
            "quiet_since": played.quiet_since,
            "tasks": played.tasks,
        }
        (Path(folder) / f"{name}.log").write_bytes(b"\n".join(played.log) + b"\n")
        (Path(folder) / f"{name}.json").write_text(json.dumps(rest))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
