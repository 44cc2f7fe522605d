"""The known volumes of a fleet: in memory, by the Server that each is for.

`claims` tells the stock what the cloud has said, and `provider` reads it. A list that was begun
before a call of our own ended says nothing against what that call returned.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from controller import contract
from controller.api import objects
from controller.planning import volumes as sizes
from controller.providers.openstack import refusals, volumes
from controller.providers.openstack.setbacks import Setbacks
from controller.providers.openstack.volumes import CloudVolume

Key = tuple[str, str]
K = TypeVar("K", bound=Hashable)
Component = tuple[str, str, str]
_NOTHING: dict[str, CloudVolume] = {}


class Stock:
    """The volumes of a fleet."""

    def __init__(
        self, fleet: str, *, changed: contract.Changed, claims_changed: Callable[..., None]
    ) -> None:
        self.fleet = fleet
        # Whether all volumes were listed; whether the cloud has nobody who would list them, now.
        self.synced = False
        self.none = False
        # The components whose servers have volumes by their status, until these can be listed.
        self._had: set[Component] = set()
        self._changed = changed
        self._claims_changed = claims_changed
        self._rows: dict[str, CloudVolume] = {}
        self._by_key: dict[Key, dict[str, CloudVolume]] = {}
        self._by_component: dict[Component, dict[str, CloudVolume]] = {}
        # Until when what was asked before says nothing, by id.
        self._floors: dict[str, float] = {}
        # The volumes that are deleted as there is another for their claim.
        self.twice: set[str] = set()
        # Which of those do not go, and why.
        self.setbacks = Setbacks(self._wake)
        # How large those are to become that were asked to grow.
        self._growing: dict[str, int] = {}

    def of(self, key: Key) -> Iterable[CloudVolume]:
        """Return the volumes of the Server of that name."""
        return self._by_key.get(key, _NOTHING).values()

    def of_claim(self, key: Key, claim: str) -> list[CloudVolume]:
        """Return the volumes for one claim of a Server, the one that counts first."""
        found = [each for each in self.of(key) if each.claim == claim]
        return sorted(found, key=lambda each: (each.going, each.rank))

    def chosen(self, key: Key, claim: str) -> CloudVolume | None:
        """Return the volume for one claim of a Server."""
        return volumes.chosen(self.of_claim(key, claim))

    def sync(self) -> None:
        """Take in that all volumes were listed: whoever waited for that is looked at again."""
        self.synced, self.none = True, False
        had, self._had = self._had, set()
        for each in had:
            self._claims_changed(*each)

    def claims(self, component: Component) -> tuple[contract.Claim, ...] | None:
        """Return the claims of a component; of all of an application, where none is named.

        None while they are not known. Where there is no Cinder nobody has any, but for those who
        had some when there was one: it may be out of the catalogue for an hour.
        """
        if not self.synced:
            places = len(component) if component[2] else 2
            had = any(each[:places] == component[:places] for each in self._had)
            return () if self.none and not had else None
        if component[2]:
            return tuple(map(volumes.told, self._by_component.get(component, _NOTHING).values()))
        found = self._rows.values()
        return tuple(volumes.told(one) for one in found if one.component[:2] == component[:2])

    def seen(self, server: objects.Server) -> tuple[contract.Volume, ...]:
        """Return what a server has of its claims; until all were listed, what its status says."""
        had = {} if self.synced else {each.name: each.size for each in server.status.claims}
        if had:
            self._remember(server)
        key, seen = (server.metadata.namespace, server.metadata.name), list[contract.Volume]()
        for claim in server.spec.volume_claims:
            found = self.chosen(key, claim.name)
            if found is not None:
                asked = max(found.size, self._growing.get(found.id, 0))
                seen.append(volumes.seen(claim, found, asked))
            elif claim.name in had:
                asked_for = sizes.storage(claim)
                seen.append(contract.Volume(name=claim.name, asked=asked_for, size=had[claim.name]))
        return tuple(seen)

    def _remember(self, server: objects.Server) -> None:
        """Remember that a component's servers had volumes, whether or not these can be listed."""
        spec = server.spec
        component = server.metadata.namespace, spec.application, spec.component
        if component not in self._had:
            self._had.add(component)
            self._claims_changed(*component)

    def doubles(self) -> list[CloudVolume]:
        """Return those of several for one claim that are to go: nobody has ever had them."""
        crowds = [each for each in self._by_key.values() if len(each) > 1]
        by_claim: dict[tuple[Key, str], list[CloudVolume]] = {}
        for crowd in crowds:
            for each in crowd.values():
                if not each.going:
                    by_claim.setdefault((each.key, each.claim), []).append(each)
        return [
            each
            for same in by_claim.values()
            for each in sorted(same, key=lambda one: one.rank)[1:]
            if each.is_spare
        ]

    def doubles_of(self, key: Key) -> tuple[str, ...]:
        """Return what was made twice for a Server and is going, as people are told."""
        found = (each.id for each in self.of(key) if each.id in self.twice)
        return tuple(f"volume {each}" for each in sorted(found))

    def stuck_of(self, key: Key) -> tuple[str, ...]:
        """Return what of that the cloud does not let go, and why, as people are told."""
        pairs = ((each.id, self.setbacks.of(each.id)) for each in self.of(key))
        return tuple(
            sorted(
                f"volume {identifier}: {refusals.told(error)}"
                for identifier, error in pairs
                if error is not None and not refusals.is_of_all(error)
            )
        )

    def row(self, identifier: str) -> CloudVolume | None:
        """Return what is known of the volume of that id."""
        return self._rows.get(identifier)

    @property
    def moving(self) -> bool:
        """Whether another look soon will tell more."""
        return any(each.moving for each in self._rows.values())

    def see(self, row: CloudVolume, *, begun: float) -> None:
        """Take in what the cloud told of a volume in an answer to what was asked at `begun`."""
        if begun < self._floors.get(row.id, 0.0):
            return
        self._floors.pop(row.id, None)
        if row.status != volumes.EXTENDING:
            self._growing.pop(row.id, None)
        self._put(row)

    def expect(self, row: CloudVolume, *, now: float, grows_to: int = 0) -> None:
        """Take in what a call of our own has made or changed."""
        self._floors[row.id] = now
        if grows_to:
            self._growing[row.id] = grows_to
        self._put(row)

    def lacking(
        self, present: Iterable[str], *, begun: float, key: Key | None = None
    ) -> list[CloudVolume]:
        """Return what a whole list, begun at that time, lacks; of one Server's, if one is given."""
        known = self._rows if key is None else self._by_key.get(key, _NOTHING)
        gone = known.keys() - set(present)
        return [known[each] for each in sorted(gone) if begun >= self._floors.get(each, 0.0)]

    def forget(self, identifier: str) -> None:
        """Take in that a volume is gone."""
        self._floors.pop(identifier, None)
        self._growing.pop(identifier, None)
        self.twice.discard(identifier)
        self.setbacks.forget(identifier)
        known = self._rows.pop(identifier, None)
        if known is not None:
            self._unlist(known)
            self._tell(known)

    def _put(self, row: CloudVolume) -> None:
        before = self._rows.get(row.id)
        if before == row:
            return
        if before is not None:
            self._unlist(before)
        self._rows[row.id] = row
        self._by_key.setdefault(row.key, {})[row.id] = row
        self._by_component.setdefault(row.component, {})[row.id] = row
        self._tell(row)

    def _unlist(self, row: CloudVolume) -> None:
        _drop(self._by_key, row.key, row.id)
        _drop(self._by_component, row.component, row.id)

    def _wake(self, identifier: str) -> None:
        known = self._rows.get(identifier)
        if known is not None:
            self._changed(*known.key)

    def _tell(self, row: CloudVolume) -> None:
        self._changed(*row.key)
        self._claims_changed(*row.component)


def _drop(index: dict[K, dict[str, CloudVolume]], key: K, identifier: str) -> None:
    same = index[key]
    del same[identifier]
    if not same:
        del index[key]
