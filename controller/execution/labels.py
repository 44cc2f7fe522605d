"""The label of its part of the work, on what lacks it or bears that of another part.

Where each replica follows its own slots, all of them see an object without the label, and only
replicas that cannot plan it see one with another slot's. So here, and nowhere else, that label is a
write of its own: its owner gives it to what has none, so many a second, and whoever follows a slot
takes it off what is in no application of that slot. Then all see the object, its owner among them.
`wiring` runs this beside the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple

import structlog

from controller import errors
from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.execution import ownership
from controller.execution.caches import Caches
from controller.execution.writer import Writer
from controller.kube import slots
from controller.planning import writes
from controller.planning.keys import Key
from controller.planning.plan import Patch
from controller.telemetry import progress

# How often everything is looked through, in seconds, and how much of it between two awaits.
ROUND_SECONDS, SLICE = 10.0, 1000
# Writes a second: ten thousand servers of before, with pods and claims, are done within the hour.
PER_SECOND = 10.0
_LATE = 60.0

_log = structlog.get_logger(__name__)


class _Odd(NamedTuple):
    """An object whose label is not as it should be; a value of `None` takes it off."""

    resource: Resource
    meta: objects.Meta
    value: str | None
    # Whom it is written for; None: for nobody, as it is no key of this replica's.
    key: Key | None


class Labels:
    """Looks through what is followed by slot, and puts labels right.

    `owns` tells of a key whether this replica plans it, `plans` the same of a slot.
    """

    def __init__(
        self,
        caches: Caches,
        writer: Writer,
        *,
        owns: Callable[[Key], bool],
        plans: Callable[[int], bool],
    ) -> None:
        self.pulse = progress.Pulse("labels of parts of the work")
        self._caches = caches
        self._owns = owns
        self._plans = plans
        self._writer = writer
        self._resources = {place.kind: each for each, place in PLACES.items()}
        # What was odd in the round before: a watch may tell of a pod before its server does, and of
        # a write of this replica's a little late.
        self._before: dict[tuple[Resource, str], str | None] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            until = loop.time() + ROUND_SECONDS
            self.pulse.beat(_LATE + ROUND_SECONDS)
            await self.turn()
            await asyncio.sleep(max(until - loop.time(), 0.0))

    async def turn(self) -> None:
        """Look once, and put right what was wrong the last time already."""
        found: dict[tuple[Resource, str], _Odd] = {}
        for resource, informer in self._caches.informers.items():
            if informer.by_slot:
                for items in _slices(tuple(informer.objects.values())):
                    for odd in self._odd(resource, items):
                        found[resource, odd.meta.uid] = odd
                    await asyncio.sleep(0)
        due = [each for where, each in found.items() if self._before.get(where, "") == each.value]
        # What its owner does not see comes first: what lacks the label can wait for its turn.
        due.sort(key=lambda odd: odd.value is not None)
        self._before = {where: each.value for where, each in found.items()}
        for each in due[: round(ROUND_SECONDS * PER_SECOND)]:
            self.pulse.beat(_LATE)
            await self._write(each)
            await asyncio.sleep(1 / PER_SECOND)

    def _odd(self, resource: Resource, items: tuple[objects.Object, ...]) -> Iterator[_Odd]:
        for item in items:
            meta = item.metadata
            if meta.deletion_timestamp is not None and self._is_seen(meta):
                continue
            key, application = self._owned_by(resource, item)
            if key is not None:
                wanted = str(names.bucket(meta.namespace, application))
                if meta.labels.get(names.BUCKET_LABEL) != wanted:
                    yield _Odd(resource, meta, wanted, key)
            elif self._is_strayed(resource, item):
                yield _Odd(resource, meta, None, None)

    def _is_seen(self, meta: objects.Meta) -> bool:
        """Return whether its owner sees it: what goes has no need of more than that."""
        return slots.labelled(meta.labels) is None

    def _owned_by(self, resource: Resource, item: objects.Object) -> tuple[Key | None, str]:
        """Return the key of this replica's that an object is planned by, and its application."""
        kind, meta = self._caches.kinds.get(resource), item.metadata
        if kind is not None:
            key = Key(resource, meta.namespace, meta.name)
            return (key if self._owns(key) else None), kind.application(item)
        owner = meta.controller
        above = self._resources.get(owner.kind) if owner is not None else None
        kind = self._caches.kinds.get(above) if above is not None else None
        if owner is None or above is None or kind is None:
            return None, ""
        found = self._caches.of(kind.view).objects.get((meta.namespace, owner.name))
        if found is None or found.metadata.uid != owner.uid:
            return None, ""
        key = Key(above, meta.namespace, owner.name)
        return (key if self._owns(key) else None), kind.application(found)

    def _is_strayed(self, resource: Resource, item: objects.Object) -> bool:
        """Return whether an object bears the label of a slot that it is not in.

        What no object of Argosy's controls is known by its labels. What somebody else controls is
        that one's, whatever its labels say.
        """
        slot, meta = slots.labelled(item.metadata.labels), item.metadata
        if slot is None:
            return False
        kind, owner = self._caches.kinds.get(resource), meta.controller
        if kind is not None:
            return slots.of(meta.namespace, kind.application(item)) != slot
        if owner is None:
            application = meta.labels.get(names.APPLICATION_LABEL, "")
            return slots.of(meta.namespace, application) != slot
        above = self._caches.kinds.get(self._resources.get(owner.kind, resource))
        if above is None:
            return False
        found = self._caches.of(above.view).objects.get((meta.namespace, owner.name))
        if found is None or found.metadata.uid != owner.uid:
            # Whoever has the slot sees all of Argosy's objects that are in it.
            return self._plans(slot)
        return slots.of(meta.namespace, above.application(found)) != slot

    async def _write(self, odd: _Odd) -> None:
        known = writes.Known(odd.resource, odd.meta)
        patch = writes.relabel(known, odd.value, why="watched by its part of the work")
        try:
            await asyncio.create_task(self._send(odd.key, patch))
        except errors.ArgosyError as error:
            # It is looked at again, as it is by then.
            _log.info("label not written", object=f"{odd.resource}/{patch.name}", why=str(error))

    async def _send(self, key: Key | None, patch: Patch) -> None:
        if key is not None:
            ownership.act_for(key)
        await self._writer.write(patch)


def _slices(items: tuple[objects.Object, ...]) -> Iterator[tuple[objects.Object, ...]]:
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
