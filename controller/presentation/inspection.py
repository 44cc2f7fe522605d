"""A look from outside: the operator's own gather and plan, with nothing carried out.

`kubectl argosy why`, `plan` and `delete` come here. Caches are filled once and let go; what the
caller may not read is left out, and said.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from controller import errors
from controller.api.resources import Resource
from controller.execution import gather, planners, unreadable
from controller.execution.caches import Caches
from controller.execution.fleets import Fleets
from controller.execution.pool import Pool
from controller.kube import api as door
from controller.kube import faults, informer
from controller.planning import keys, plan
from controller.providers import registry

# Without these nothing can be planned for an application; the others only refine the answer.
NEEDED = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.OPERATIONS,
)
_WITHOUT: dict[Resource, str] = {
    Resource.PODS: "what servers are made of is not seen",
    Resource.REVISIONS: "past revisions are not seen",
    Resource.SERVICES: "Services are not seen",
    Resource.CLAIMS: "claims are not seen",
    Resource.JOBS: "Jobs of steps are not seen",
    Resource.FLEETS: "fleets other than the built-in one are not seen",
    Resource.NAMESPACES: "whether the namespace is going, and what its labels are, is not seen",
}
SYNC_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What can be gathered at one moment; `notes` say what could not be read, and what it means."""

    sources: gather.Sources
    notes: tuple[str, ...]

    def plan(
        self, key: keys.Key, *, now: float | None = None
    ) -> tuple[gather.Snapshot | None, plan.Plan]:
        """Return what the operator would see of `key` and what it would plan; None if gone."""
        moment = time.time() if now is None else now
        found = gather.gather(self.sources, key, moment)
        watched = self.sources.world.informers[key.resource]
        told = unreadable.plan_for(watched, key, moment)
        if told is not None:
            return found, told
        odd = watched.malformed.get(key.path)
        if found is None and odd is not None:
            raise errors.Stalled(f"{key.resource}/{key.name}: {odd.message}", reason="Malformed")
        return found, planners.PLANNERS[key.resource](found) if found is not None else plan.Plan()


async def inspect(
    api: door.Api, key: keys.Key
) -> tuple[gather.Snapshot | None, plan.Plan, tuple[str, ...]]:
    """Return the snapshot and plan of one object, and notes on what could not be read."""
    async with look(api, key.namespace) as found:
        snapshot, planned = found.plan(key)
        return snapshot, planned, found.notes


@contextlib.asynccontextmanager
async def look(api: door.Api, namespace: str) -> AsyncIterator[Inspection]:
    """Fill the caches of one namespace ("" for all) and lend them, as they were then.

    Raises Forbidden where what planning needs most may not be read.
    """
    allowed, notes = await _readable(api, namespace)
    world = Caches(api, namespaces=(namespace,))
    if Resource.FLEETS not in allowed:
        world.fleets = None
    if Resource.NAMESPACES not in allowed:
        world.namespaces = None
    followed = [each for name, each in world.informers.items() if name in allowed]
    tasks = [asyncio.ensure_future(each.run()) for each in followed]
    try:
        await _synced(followed)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    pool = Pool()
    made = registry.build(api=api, pods=world.pods, claims=world.claims, jobs=world.jobs)
    fleets = Fleets(world, pods=made.pods, factories=made.others, pool=pool)
    yield Inspection(sources=_sources(world, fleets), notes=notes)


def _sources(world: Caches, fleets: Fleets) -> gather.Sources:
    """Return sources of one who looks on: nothing may be claimed, and what was begun is at work.

    Nobody but the operator knows what it is carrying out; to take it for dead would be to say
    what is not so.
    """

    def acting(key: keys.Key) -> str:
        server = world.servers.objects.get(key.path)
        told = server.status.task if server is not None else None
        return told.id if told is not None and told.state == "Started" else ""

    return gather.Sources(world=world, fleets=fleets, acting=acting, since=time.time())


async def _readable(api: door.Api, namespace: str) -> tuple[frozenset[Resource], tuple[str, ...]]:
    """Find out what may be listed, by listing one of each."""
    wanted = tuple(Caches(api, namespaces=(namespace,)).informers)

    async def ask(resource: Resource) -> faults.Forbidden | None:
        place = "" if resource in (Resource.FLEETS, Resource.NAMESPACES) else namespace
        try:
            await api.list(resource, place, limit=1)
        except faults.Forbidden as error:
            return error
        return None

    answers = dict(zip(wanted, await asyncio.gather(*map(ask, wanted)), strict=True))
    for resource in NEEDED:
        refused = answers[resource]
        if refused is not None:
            raise refused
    denied = [each for each, refused in answers.items() if refused is not None]
    notes = tuple(f"you may not list {each.value}: {_WITHOUT[each]}" for each in denied)
    return frozenset(answers) - frozenset(denied), notes


async def _synced(followed: Sequence[informer.Informer[Any]]) -> None:
    """Return once every cache has seen a whole list."""
    try:
        async with asyncio.timeout(SYNC_SECONDS):
            await asyncio.gather(*(each.wait() for each in followed))
    except TimeoutError as error:
        why = next((each.failure for each in followed if each.failure), "no answer")
        message = f"not everything could be read in {SYNC_SECONDS:.0f} seconds: {why}"
        raise faults.ServerFailed(message, reason="NotSynced") from error
