"""The known servers of a fleet: in memory, and never less than what was proved.

The lister and the calls tell the register, `provider` reads it. An answer that was begun before a
call of our own ended says nothing against what that call returned. A server that a list lacks is in
doubt; only `forget` makes a server absent.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet

import msgspec

from controller import contract, errors
from controller.providers.openstack import machines, refusals
from controller.providers.openstack.machines import Machine, ServerRow, Whose

Key = tuple[str, str]
# How many ids are remembered that are proved to be gone.
_GONE = 50_000
# When a server that we had deleted is looked for by its id, where no list has told of its end until
# then: SOFT_DELETED ones are in none. Before that each look would cost the cloud more than a list
# of all: fifty, one after the other, took the ten seconds in which all fifty ended.
UNLISTED_SECONDS = 15.0
# How often a server that broke is asked for its fault: a busy cloud takes seconds to write it.
_LOOKS = 6
_NOTHING: dict[str, Machine] = {}


@dataclasses.dataclass(slots=True)
class Doubt:
    """A server that a list lacks, or that we had deleted (`expected`), and when to look for it."""

    missed: bool = False
    expected: bool = False
    due: float = 0.0
    wait: float = 0.5


class MachineRegister:
    """The servers of a fleet by id, and by the Server that each was made for."""

    def __init__(
        self,
        fleet: str,
        *,
        changed: contract.Changed,
        orphans: Callable[[], AbstractSet[str]] = frozenset,
    ) -> None:
        self.fleet = fleet
        # The instances that the fleet has on its record as let go of, by id.
        self.orphans = orphans
        self.synced = False
        self.machines: dict[str, Machine] = {}
        self.doubts: dict[str, Doubt] = {}
        # Of ids that we know by name alone, those that a cell which is down has.
        self.silent: set[str] = set()
        self._by_key: dict[Key, dict[str, Machine]] = {}
        # The Servers of which there is more than one.
        self._crowded: set[Key] = set()
        self._changed = changed
        # The servers that are on their way, by id.
        self._moving: set[str] = set()
        # How often those were looked at that are broken and do not say why.
        self._unexplained: dict[str, int] = {}
        # Which Server has an id on record that is in doubt, and is told what becomes of that.
        self._recorded: dict[str, Whose] = {}
        # Of ids that exist, the UIDs of Servers that have them on record, and whose they are not.
        self._others: dict[str, set[str]] = {}
        # Why the cloud refuses what is due of a server, such as that a double goes, by id.
        self.refused: dict[str, errors.ArgosyError] = {}
        # Servers that somebody took our marks off: whether these are back no list tells.
        self._unmarked: set[str] = set()
        # Until when what was asked before says nothing, by id.
        self._floors: dict[str, float] = {}
        # The servers that are proved to be no more, and from when on an answer that has one is
        # believed all the same: never of what we had deleted, for a list may be old.
        self._gone: collections.OrderedDict[str, float] = collections.OrderedDict()
        # The addresses outside that lead to a server, by its id.
        self._outside: dict[str, tuple[str, ...]] = {}
        # Told of each server that is put or forgotten.
        self.on_change: list[Callable[[Machine | None, Machine | None], None]] = []

    def of(self, key: Key) -> Iterable[Machine]:
        """Return what there is of the Server of that name, whosever it is.

        A server that was let go of is nobody's, though it may run on and bear the very tag of
        another.
        """
        found = self._by_key.get(key, _NOTHING).values()
        if not found:
            return found
        left = self.orphans()
        return [each for each in found if each.id not in left] if left else found

    def lead(self, identifier: str, addresses: Iterable[str]) -> None:
        """Take in which addresses outside lead to a server now."""
        self._outside[identifier] = tuple(addresses)
        if not self._outside[identifier]:
            del self._outside[identifier]

    def addresses(self, machine: Machine) -> tuple[str, ...]:
        """Return all addresses of a server, sorted: its own, and those outside."""
        return tuple(sorted({*machines.addresses(machine.row), *self._outside.get(machine.id, ())}))

    def is_gone(self, identifier: str) -> bool:
        """Return whether a server is proved to be no more."""
        return identifier in self._gone

    def is_anothers(self, identifier: str, uid: str) -> bool:
        """Return whether a server exists that is proved to be none of the Server of that UID."""
        return uid in self._others.get(identifier, ())

    def see(self, row: ServerRow, *, begun: float) -> None:
        """Take in what the cloud told of a server in an answer to what was asked at `begun`."""
        if begun < self._floors.get(row.id, 0.0) or not self._may_be(row, begun):
            return
        known = self.machines.get(row.id)
        if row.status == "UNKNOWN":
            # The cell of the server is down: all else that the row says is left out, not empty.
            if known is None:
                self.silent.add(row.id)
                self._tell_recorded(row.id)
                return
            row = msgspec.structs.replace(known.row, status="UNKNOWN", task=None)
        if row.going:
            self._postpone(row.id, begun)
        if row.status == "DELETED" or (row.going and not row.tags):
            if known is not None:
                self._end(row, known)
            return
        found = machines.machine(row, self.fleet) or self._unmarked_of(row, known)
        if found is not None:
            self._floors.pop(row.id, None)
            if row.id in self.doubts and not self.doubts[row.id].expected:
                del self.doubts[row.id]
            self.silent.discard(row.id)
            whose = self._recorded.pop(row.id, None)
            self._put(found)
            self._ask_why(found)
            if whose is not None and whose.uid != found.uid:
                self._deny(row.id, whose)

    def _postpone(self, identifier: str, begun: float) -> None:
        """Look later for what lists tell of: one of them will tell of its end."""
        doubt = self.doubts.get(identifier)
        if doubt is not None and doubt.expected:
            doubt.due = max(doubt.due, begun + UNLISTED_SECONDS)

    def _end(self, row: ServerRow, known: Machine) -> None:
        """Take in what is told of a server whose tags are gone, as those of deleted ones are.

        DELETED is proof, not inferred from what a list lacks: its host has destroyed it by then.
        SOFT_DELETED ones are in no list, but answer a GET.
        """
        if row.status == "DELETED":
            self.forget(row.id)
            return
        row = msgspec.structs.replace(row, tags=known.row.tags, metadata=known.row.metadata)
        self._put(dataclasses.replace(known, row=row))
        self.doubt(row.id)

    def _may_be(self, row: ServerRow, begun: float) -> bool:
        """Return whether a server may be there that was proved to be gone: what is seen again is.

        Nova may have lost and found it, with its database, say.
        """
        if row.id not in self._gone:
            return True
        if row.going or begun < self._gone[row.id]:
            return False
        del self._gone[row.id]
        return True

    def _unmarked_of(self, row: ServerRow, known: Machine | None) -> Machine | None:
        """Return a server that lacks our marks, and that we know to be ours or have on record."""
        if known is None:
            whose = self._recorded.get(row.id)
            return machines.unmarked(row, whose) if whose is not None else None
        # One that was only just asked for may show without them for a moment.
        return dataclasses.replace(known, row=row, marked=False) if known.listed else None

    def pass_over(self, row: ServerRow) -> None:
        """Take in that what was looked for by its id exists, and is none that is known to be ours.

        So it is not gone, whoever put it in doubt. Without our marks only the status of a Server
        tells whose it is, and that Server may be yet to be asked: an operator that starts sees
        floating IPs of the server first, for example.
        """
        if row.status == "DELETED":
            self.forget(row.id)
            return
        self.doubts.pop(row.id, None)
        self.silent.discard(row.id)
        whose = self._recorded.pop(row.id, None)
        if whose is not None:
            # `see` would have taken it for that Server's: it bears the marks of another.
            self._deny(row.id, whose)

    def _deny(self, identifier: str, whose: Whose) -> None:
        """Tell a Server that what it has on record is not its own."""
        self._others.setdefault(identifier, set()).add(whose.uid)
        self.wake((whose.namespace, whose.name))

    def _ask_why(self, machine: Machine) -> None:
        """Have a server that broke looked at again: Nova writes its fault after its status."""
        looks = self._unexplained.get(machine.id, 0)
        if machine.row.status != "ERROR" or machine.row.fault is not None:
            self._unexplained.pop(machine.id, None)
        elif looks < _LOOKS:
            self._unexplained[machine.id] = looks + 1
            if looks + 1 < _LOOKS:
                self.doubt(machine.id)
            else:
                self._changed(machine.namespace, machine.name)

    def asks_why(self, machine: Machine) -> bool:
        """Return whether a server broke and its fault may yet be told: what is deleted tells none.

        Without its fault nobody knows whether it was room that it lacked.
        """
        unexplained = machine.row.status == "ERROR" and machine.row.fault is None
        return unexplained and self._unexplained.get(machine.id, 0) < _LOOKS

    def expect(self, machine: Machine, *, now: float) -> None:
        """Take in what a call of our own has made or changed."""
        self._floors[machine.id] = now
        self._put(machine)

    def leave(self, identifier: str, *, now: float) -> None:
        """Take in that we have had a server deleted."""
        known = self.machines.get(identifier)
        self._floors[identifier] = now
        if known is not None:
            # The stamp is of the change before this one: the next answer has that of the delete.
            row = msgspec.structs.replace(known.row, task="deleting", updated="")
            self._put(dataclasses.replace(known, row=row))
        if known is not None or identifier in self.doubts:
            # Nova's next list but one tells that it is on its way out, and a later one of its end.
            found = self.doubts.setdefault(identifier, Doubt())
            found.expected, found.due = True, now + UNLISTED_SECONDS

    def look_for(self, identifier: str, whose: Whose) -> bool:
        """Have the server that a Server has on record looked for, and that Server told.

        Return whether nobody was looking for it yet. One that is looked for already may be so by
        its id alone, for its floating IPs say: from now on it is known whose it is.
        """
        if identifier in self._gone:
            return False
        self._recorded[identifier] = whose
        if identifier in self.doubts or identifier in self.silent:
            return False
        self.doubt(identifier)
        return True

    def wake(self, key: Key) -> None:
        """Have the Server of that name looked at again."""
        self._changed(*key)

    def _tell_recorded(self, identifier: str) -> None:
        whose = self._recorded.get(identifier)
        if whose is not None:
            self.wake((whose.namespace, whose.name))

    def doubt(self, identifier: str) -> None:
        """Have a server looked for by its id, now."""
        if identifier not in self._gone:
            self.doubts.setdefault(identifier, Doubt())

    def forget(self, identifier: str, *, until: float = math.inf) -> None:
        """Take in that a server is proved to be gone, unless one asked for from `until` on has it.

        For ever, where it was deleted: no id is used twice.
        """
        self.doubts.pop(identifier, None)
        self._floors.pop(identifier, None)
        self.silent.discard(identifier)
        self._gone[identifier] = until
        if len(self._gone) > _GONE:
            self._gone.popitem(last=False)
        self._moving.discard(identifier)
        self._unexplained.pop(identifier, None)
        self._unmarked.discard(identifier)
        self._others.pop(identifier, None)
        self.refused.pop(identifier, None)
        known = self.machines.pop(identifier, None)
        if known is not None:
            siblings = self._by_key[known.key]
            del siblings[identifier]
            if len(siblings) < 2:  # noqa: PLR2004 - a crowd
                self._crowded.discard(known.key)
            if not siblings:
                del self._by_key[known.key]
            self._tell(known, None)
        self._tell_recorded(identifier)
        self._recorded.pop(identifier, None)

    def missing(self, present: Iterable[str], *, begun: float) -> None:
        """Doubt all that a whole list, begun at that time, lacks, and what its cell has again.

        Nothing of that has changed while the cell was away, so no list of changes tells of it. So
        it is with what is listed though it was proved to be gone.
        """
        there = set(present)
        for identifier in there & self._gone.keys():
            if begun >= self._gone[identifier]:
                del self._gone[identifier]
                self.doubt(identifier)
        lacking = self.machines.keys() - there
        back = {each for each in there & self.machines.keys() if self._is_silent(each)}
        for identifier in lacking | back | self._unmarked:
            if begun >= self._floors.get(identifier, 0.0):
                self.doubt(identifier)

    def _is_silent(self, identifier: str) -> bool:
        return self.machines[identifier].row.status == "UNKNOWN"

    def doubles(self) -> list[Machine]:
        """Return those of several with one tag that are to go: the oldest stays.

        Two operators that ask the same cloud agree on which that is.
        """
        return [each for key in self._crowded for each in _younger(self.of(key))]

    def refuse(self, identifier: str, error: errors.ArgosyError) -> None:
        """Take in why the cloud refuses what is due of a server; its Server is told once."""
        before = self.refused.get(identifier)
        self.refused[identifier] = error
        if before is None or refusals.told(before) != refusals.told(error):
            self._wake_of(identifier)

    def allow(self, identifier: str) -> None:
        """Take in that what is due of a server is refused no more."""
        if self.refused.pop(identifier, None) is not None:
            self._wake_of(identifier)

    def _wake_of(self, identifier: str) -> None:
        known = self.machines.get(identifier)
        if known is not None:
            self.wake(known.key)

    def doubles_of(self, key: Key, stays: str) -> tuple[str, ...]:
        """Return what was made for a Server beside what stays of it and goes, in people's words."""
        return tuple(f"server {each.id}" for each in self._beside(key, stays) if each.row.going)

    def stuck_of(self, key: Key, stays: str) -> tuple[str, ...]:
        """Return what of that the cloud does not let go, and why, in people's words."""
        pairs = ((each.id, self.refused.get(each.id)) for each in self._beside(key, stays))
        return tuple(
            f"server {identifier}: {refusals.told(error)}"
            for identifier, error in pairs
            if error is not None
        )

    def _beside(self, key: Key, stays: str) -> Iterator[Machine]:
        """Yield what was made for a Server a second time, the oldest first."""
        if key not in self._crowded or stays not in self.machines:
            return
        own = self.machines[stays]
        alike = (own.uid, own.incarnation)
        for each in sorted(self.of(key), key=lambda one: one.age):
            if (each.uid, each.incarnation) == alike and each.age > own.age:
                yield each

    def resized(self) -> list[Machine]:
        """Return those whose resize has come about, and is to be confirmed."""
        moving = [self.machines[each] for each in self._moving if each in self.machines]
        return [each for each in moving if each.row.resized and each.marked]

    def unplaced(self) -> list[Machine]:
        """Return those that are being made and have no host yet."""
        moving = [self.machines[each] for each in self._moving if each in self.machines]
        return [
            each
            for each in moving
            if each.row.status == "BUILD" and not each.row.host and not each.row.going
        ]

    @property
    def moving(self) -> AbstractSet[str]:
        """The ids of what is on its way, so that another look soon will tell more."""
        return self.doubts.keys() | self._moving

    def _put(self, machine: Machine) -> None:
        before = self.machines.get(machine.id)
        machine = _dated(machine, before)
        if before == machine:
            return
        if before is not None and before.key != machine.key:
            # Somebody has rewritten its metadata: it stays whose it was made for.
            machine = dataclasses.replace(machine, namespace=before.namespace, name=before.name)
        self.machines[machine.id] = machine
        (self._unmarked.discard if machine.marked else self._unmarked.add)(machine.id)
        if is_moving(machine.row) or not machine.listed:
            self._moving.add(machine.id)
        else:
            self._moving.discard(machine.id)
        siblings = self._by_key.setdefault(machine.key, {})
        siblings[machine.id] = machine
        if len(siblings) > 1:
            self._crowded.add(machine.key)
        self._tell(before, machine)

    def _tell(self, before: Machine | None, after: Machine | None) -> None:
        for each in self.on_change:
            each(before, after)
        told = after or before
        if told is not None:
            self._changed(told.namespace, told.name)


def _dated(machine: Machine, before: Machine | None) -> Machine:
    """Return a server with the stamp of when it was first seen to be on its way out.

    Whoever asks again has Nova write another: the first one tells for how long it does not go.
    """
    if not machine.row.going:
        return dataclasses.replace(machine, leaving="") if machine.leaving else machine
    known = before.leaving if before is not None and before.row.going else ""
    return dataclasses.replace(machine, leaving=known or machine.row.updated)


def is_moving(row: ServerRow) -> bool:
    """Return whether a server is between two states."""
    between = {"BUILD", "REBUILD", "REBOOT", "HARD_REBOOT", "RESIZE"}
    return row.status in between or bool(row.task) or row.resized


def _younger(siblings: Iterable[Machine]) -> list[Machine]:
    tags: dict[tuple[str, int], list[Machine]] = {}
    for each in siblings:
        if each.listed and each.marked and not each.row.going:
            tags.setdefault((each.uid, each.incarnation), []).append(each)
    return [
        each for same in tags.values() for each in sorted(same, key=lambda found: found.age)[1:]
    ]
