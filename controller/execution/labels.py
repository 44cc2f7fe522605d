"""The label of its part of the work, on what lacks it or bears that of another part.

Where each replica follows its own slots, all of them see an object without the label, and only
replicas that cannot plan it see one with another slot's. So here, and nowhere else, that label is a
write of its own: its owner gives it to what has none, so many a second, and whoever follows a slot
takes it off what is in no application of that slot. Then all see the object, its owner among them.
`wiring` runs this beside the engine.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import structlog

from controller import errors
from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.execution import ownership
from controller.execution.caches import Caches
from controller.execution.writer import Writer
from controller.kube import slots
from controller.planning import management, writes
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

    @property
    def what(self) -> tuple[Resource, str]:
        """Which object it is."""
        return self.resource, self.meta.uid


class _Whose(NamedTuple):
    """Whose an object is: the key that it is planned by, and the application."""

    # None: no object of Argosy's controls it, or none that is seen here.
    key: Key | None
    # None: another than those of the slot that it is seen in.
    application: str | None


class Labels:
    """Looks through what is followed by slot, and puts labels right.

    `owns` tells of a key whether this replica plans it, `plans` the same of a slot, and `covers` of
    a namespace whether this install looks after it.
    """

    def __init__(
        self,
        caches: Caches,
        writer: Writer,
        *,
        owns: Callable[[Key], bool],
        plans: Callable[[int], bool],
        covers: Callable[[str], bool] = lambda _namespace: True,
    ) -> None:
        self.pulse = progress.Pulse("labels of parts of the work")
        self._caches = caches
        self._owns = owns
        self._plans = plans
        self._covers = covers
        self._writer = writer
        self._above = {PLACES[each].kind: each for each in caches.kinds}
        # Labels that were odd in the round before: a watch may tell of a pod before its server
        # does, and of a write of this replica's a little late.
        self._before: dict[tuple[Resource, str], str | None] = {}
        # In which round that is still odd was last written, in vain.
        self._tried: dict[tuple[Resource, str], int] = {}
        self._round = 0

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
                        found[odd.what] = odd
                    await asyncio.sleep(0)
        due = [each for what, each in found.items() if self._before.get(what, "") == each.value]
        self._before = {what: each.value for what, each in found.items()}
        self._tried = {what: self._tried[what] for what in self._tried.keys() & found.keys()}
        self._round += 1
        for each in self._ordered(due)[: round(ROUND_SECONDS * PER_SECOND)]:
            self.pulse.beat(_LATE)
            self._tried[each.what] = self._round
            await self._write(each)
            await asyncio.sleep(1 / PER_SECOND)

    def _ordered(self, due: Iterable[_Odd]) -> list[_Odd]:
        """Return what is to be written in such an order that all of it is, in the end.

        Namespaces take turns: what one refuses, or makes odd again and again, delays no other. In
        each, what was tried in vain comes last, and what its owner does not see before what lacks
        the label alone.
        """
        turns: collections.Counter[str] = collections.Counter()
        found: list[tuple[int, _Odd]] = []
        for each in sorted(due, key=lambda odd: (self._tried.get(odd.what, 0), bool(odd.value))):
            found.append((turns[each.meta.namespace], each))
            turns[each.meta.namespace] += 1
        return [each for _, each in sorted(found, key=lambda placed: placed[0])]

    def _odd(self, resource: Resource, items: tuple[objects.Object, ...]) -> Iterator[_Odd]:
        for item in items:
            meta = item.metadata
            # An object that goes need be seen by its owner, and no more than that.
            is_enough = meta.deletion_timestamp and slots.labelled(meta.labels) is None
            if is_enough or not self._covers(meta.namespace):
                continue
            whose = self._whose(resource, item)
            if whose is None:
                continue
            found = self._told(resource, meta, whose)
            if found is not None and management.may_label(self._caches, meta, whose.application):
                yield found

    def _told(self, resource: Resource, meta: objects.Meta, whose: _Whose) -> _Odd | None:
        """Return what is to be written of an object's label; None where it is as it should be."""
        label, application = meta.labels.get(names.BUCKET_LABEL), whose.application
        wanted = None if application is None else names.bucket(meta.namespace, application)
        if whose.key is not None and self._owns(whose.key):
            right = _Odd(resource, meta, str(wanted), whose.key)
            return right if label != right.value else None
        slot = slots.labelled(meta.labels)
        is_strayed = slot is not None and (wanted is None or slots.of_bucket(wanted) != slot)
        return _Odd(resource, meta, None, None) if is_strayed else None

    def _whose(self, resource: Resource, item: objects.Object) -> _Whose | None:
        """Return whose an object is; None where it is somebody else's, or that is not seen here.

        An object that nobody controls is known by its labels. One that somebody else controls is
        that one's, whatever its labels say.
        """
        kind, meta = self._caches.kinds.get(resource), item.metadata
        if kind is not None:
            return _Whose(Key(resource, meta.namespace, meta.name), kind.application(item))
        owner = meta.controller
        if owner is None:
            return _Whose(None, meta.labels.get(names.APPLICATION_LABEL, ""))
        above = self._above.get(owner.kind)
        if above is None or not owner.api_version.startswith(f"{names.GROUP}/"):
            return None
        found = self._caches.of(self._caches.kinds[above].view).objects
        there = found.get((meta.namespace, owner.name))
        if there is not None and there.metadata.uid == owner.uid:
            key = Key(above, meta.namespace, owner.name)
            return _Whose(key, self._caches.kinds[above].application(there))
        return self._unseen(meta)

    def _unseen(self, meta: objects.Meta) -> _Whose | None:
        """Return whose it is of which the server is not seen, by whoever sees all of its slot.

        As no object of Argosy's in that slot controls it, it is of another.
        """
        slot = slots.labelled(meta.labels)
        return _Whose(None, None) if slot is not None and self._plans(slot) else None

    async def _write(self, odd: _Odd) -> None:
        known = writes.HasMetadata(odd.resource, odd.meta)
        patch = writes.relabel(known, odd.value, why="watched by its part of the work")
        try:
            await asyncio.create_task(self._send(odd.key, patch))
        except errors.ArgosyError as error:
            # The object is looked at again, as it is by then.
            _log.info("label not written", object=f"{odd.resource}/{patch.name}", why=str(error))

    async def _send(self, key: Key | None, patch: Patch) -> None:
        if key is not None:
            ownership.act_for(key)
        await self._writer.write(patch)


def _slices(items: tuple[objects.Object, ...]) -> Iterator[tuple[objects.Object, ...]]:
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
