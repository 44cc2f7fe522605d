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

from controller import contract, errors
from controller.api import objects
from controller.api.choices import TaskState
from controller.api.reasons import Reason
from controller.api.resources import PLACES, Resource
from controller.execution import unreadable
from controller.execution.caches import Caches
from controller.execution.fleets import Fleets
from controller.execution.pool import Pool
from controller.kinds.kind import Kind
from controller.kinds.registry import KINDS
from controller.kube import api as kube
from controller.kube import faults, informer
from controller.kube.reasons import KubeReason
from controller.planning import keys, management
from controller.planning import plan as plans
from controller.planning.builders import Builder
from controller.planning.caches import Moment, Sources
from controller.presentation import onlooking, recollection

_WITHOUT: dict[Resource, str] = {
    Resource.BUILDS: "which images have been built is not seen",
    Resource.PODS: "what servers are made of is not seen",
    Resource.REVISIONS: "past revisions are not seen",
    Resource.SERVICES: "Services are not seen",
    Resource.CLAIMS: "claims are not seen",
    Resource.JOBS: "Jobs of steps are not seen",
    Resource.DISRUPTION_BUDGETS: "budgets for evictions are not seen",
    Resource.NODES: "which nodes take no new pods is not seen",
    Resource.FLEETS: "fleets other than the built-in one are not seen",
    Resource.NAMESPACES: "whether the namespace is going, and what its labels are, is not seen",
}
# The planned kinds; without most of them nothing can be, and the rest only refines the answer.
PLANNED = tuple(each.resource for each in KINDS if PLACES[each.resource].namespaced)
NEEDED = tuple(each for each in PLANNED if each not in _WITHOUT)
SYNC_SECONDS = 60.0
_UNSEEN = "You may not list fleets and namespaces, so what would be done next is not known."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The objects gathered at one moment; `notes` say what could not be read, and what it means."""

    caches: Caches
    fleets: Fleets
    notes: tuple[str, ...]
    # Since when the caches are full.
    since: float
    # The resources that could not be read.
    hidden: frozenset[Resource] = frozenset()

    @property
    def sources(self) -> Sources:
        """Where snapshots come from."""
        # How the operator was set up to build, and how many servers it lets a namespace have, only
        # the operator knows.
        return Sources(
            caches=self.caches,
            fleets=self.fleets,
            servers_per_namespace=None,
            builder=Builder(is_known=False),
        )

    def plan(self, key: keys.Key, *, now: float | None = None) -> tuple[Any, plans.Plan]:
        """Return what the operator would see of `key` and what it would plan; None if gone."""
        now = time.time() if now is None else now
        watched = self.caches.informers[key.resource]
        item, odd = watched.objects.get(key.path), watched.malformed.get(key.path)
        if item is None and odd is not None:
            raise errors.Stalled(
                f"{key.resource}/{key.name}: {odd.message}", reason=Reason.MALFORMED
            )
        if item is None:
            return None, plans.Plan()
        kind = self.caches.kinds[key.resource]
        moment = Moment(
            now=now,
            acting=_acting(item),
            watching_since=self.since,
            moving=recollection.moving(item),
        )
        if self.is_hidden(self._fleet_of(item)):
            # Planned without its fleet, it would be said to have none.
            return kind.gather(self.sources, item, moment), plans.Plan(notes=(_UNSEEN,))
        told = unreadable.plan_for(watched, key, now)
        if told is not None:
            return kind.gather(self.sources, item, moment), told
        if kind.seen_by is not None and not onlooking.is_seen(self.fleets, kind.seen_by(item)):
            return kind.gather(self.sources, item, moment), plans.Plan(notes=(onlooking.NOTE,))
        snapshot, made = self._planned(kind, item, moment)
        outcomes = recollection.recall(self.caches, item, made)
        if not outcomes:
            return snapshot, made
        return self._planned(kind, item, dataclasses.replace(moment, outcomes=outcomes))

    def _planned(
        self, kind: Kind[Any, Any], item: objects.Object, moment: Moment
    ) -> tuple[Any, plans.Plan]:
        """Return what is seen of an object at a moment, and the plan that would be carried out."""
        fleets = onlooking.fleets_of(self.fleets, item)
        snapshot = kind.gather(dataclasses.replace(self.sources, fleets=fleets), item, moment)
        return snapshot, management.restrict(kind.plan(snapshot), snapshot)

    def is_hidden(self, fleet: str) -> bool:
        """Return whether a fleet may be there that cannot be seen."""
        unseen = {Resource.FLEETS, Resource.NAMESPACES} & self.hidden
        return bool(unseen and fleet) and not self.fleets.is_built_in(fleet)

    def _fleet_of(self, item: objects.Object) -> str:
        """Return the fleet that an object, or the application that it is about, names."""
        spec = getattr(item, "spec", None)
        if not isinstance(spec, objects.OperationSpec):
            return str(getattr(spec, "fleet", ""))
        path = (item.metadata.namespace, spec.application)
        found = self.caches.of(objects.Application).objects.get(path)
        return found.spec.fleet if found is not None else ""


async def inspect(api: kube.Api, key: keys.Key) -> tuple[Any, plans.Plan, tuple[str, ...]]:
    """Return the snapshot and plan of one object, and notes on what could not be read."""
    async with look(api, key.namespace) as found:
        snapshot, planned = found.plan(key)
        return snapshot, planned, found.notes


@contextlib.asynccontextmanager
async def look(api: kube.Api, namespace: str) -> AsyncIterator[Inspection]:
    """Fill the caches of one namespace ("" for all) and lend them, as they were then.

    Raises Forbidden where what planning needs most may not be read.
    """
    allowed, notes = await _readable(api, namespace)
    caches = Caches(api, namespaces=(namespace,))
    hidden = frozenset(caches.informers) - allowed
    followed = [each for name, each in caches.informers.items() if name in allowed]
    tasks = [asyncio.ensure_future(each.run()) for each in followed]
    try:
        await _synced(followed)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    pool = Pool()
    context = contract.Context(api=api, informers=caches.informers, clock=time.time)
    fleets = Fleets(caches, kinds=onlooking.kinds(), context=context, pool=pool)
    await fleets.start()
    try:
        yield Inspection(
            caches=caches, fleets=fleets, notes=notes, since=time.time(), hidden=hidden
        )
    finally:
        await fleets.stop()


def _acting(item: objects.Object) -> str | None:
    """Return the task that is being carried out for an object, as far as one who looks on can tell.

    Nobody but the operator knows what it is carrying out; to take it for dead would be to say
    what is not so.
    """
    told = getattr(getattr(item, "status", None), "task", None)
    return told.id if told is not None and told.state == TaskState.STARTED else None


async def _readable(api: kube.Api, namespace: str) -> tuple[frozenset[Resource], tuple[str, ...]]:
    """Find out what may be listed, by listing one of each."""
    wanted = tuple(Caches(api, namespaces=(namespace,)).informers)

    async def ask(resource: Resource) -> faults.Forbidden | None:
        place = namespace if PLACES[resource].namespaced else ""
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
        raise faults.ServerFailed(message, reason=KubeReason.NOT_SYNCED) from error
