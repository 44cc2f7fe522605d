"""The cluster as kinds may read it: caches with indexes, fleets, and this process's own part.

Protocols, so that gathering is as pure as planning: `execution` lends its caches, tests lend
dictionaries. Whatever is returned is live, to be read at once and never changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from controller import contract, errors
from controller.api import objects
from controller.planning.builders import Builder
from controller.planning.circuit import Circuit
from controller.planning.outcomes import Outcome
from controller.planning.subtotals import Subtotals

O = TypeVar("O", bound=objects.Object)  # noqa: E741 - an object, as in Kind[O, S]
O_co = TypeVar("O_co", bound=objects.Object, covariant=True)
K = TypeVar("K", bound="Keeper")

Path = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Index(Generic[O]):
    """The objects of one view by what `key` says of each; None leaves an object out."""

    view: type[O]
    key: Callable[[O], Hashable | None]


class Malformed(Protocol):
    """An object that does not fit its view: all that can be read of it is its metadata."""

    @property
    def metadata(self) -> objects.Meta:
        """Whose it is, and whether it is being deleted."""


class Cache(Protocol[O_co]):
    """The objects of one view as last seen, by (namespace, name)."""

    @property
    def objects(self) -> Mapping[Path, O_co]:
        """All of them."""

    @property
    def malformed(self) -> Mapping[Path, Malformed]:
        """The objects that do not fit their view; the last good view may still be in `objects`."""


class Caches(Protocol):
    """The caches of one cluster."""

    def of(self, view: type[O]) -> Cache[O]:
        """Return the cache of a view; it is empty where this install may not watch that."""

    def by(self, index: Index[O], key: Hashable) -> Mapping[Path, O]:
        """Return the objects that have this key in the index."""

    def is_whole(self, view: type[objects.Object]) -> bool:
        """Return whether all objects of a view are cached, in whatever namespace they are."""

    def kept(self, keeper: type[K]) -> K:
        """Return what a kind keeps up to date beside the indexes."""

    def shows_all(self) -> bool:
        """Return whether all objects are seen here, in whatever part of the work."""

    def shows(self, bucket: int) -> bool:
        """Return whether all objects are seen here that are in a part of the work."""


class Keeper(Protocol):
    """The memory of a kind from visit to visit, kept up to date by each change of one view."""

    follows: ClassVar[type[objects.Object]]

    @classmethod
    def over(cls, caches: Caches) -> Self:
        """Return one that reads these caches, and has kept nothing yet."""

    def change(self, old: Any, new: Any) -> None:
        """Take in what became of an object."""


class Fleets(Protocol):
    """The fleets, and the providers behind them."""

    def find(self, name: str) -> objects.Fleet | None:
        """Return the Fleet object called `name`, if there is one."""

    def facts(self, name: str, namespace: str) -> contract.FleetFacts:
        """Return what a fleet can do for a namespace, or the problem that stands in the way."""

    def provider(self, name: str) -> contract.Provider | None:
        """Return the provider behind a fleet's name; None where there is none that is open."""

    def failure(self, name: str) -> errors.ArgosyError | None:
        """Return why a fleet's provider could not be opened when that was last tried."""

    def silence(self, name: str) -> contract.Silence | None:
        """Return for how long a fleet's provider has heard nothing of its servers, and why."""

    def circuit(self, name: str) -> Circuit:
        """Return whether calls to a fleet go through."""

    def held(self, name: str) -> tuple[str, ...]:
        """Return the namespaces whose calls alone are held back, sorted."""

    def is_known(self, provider: str) -> bool:
        """Return whether a provider of that name exists in this build."""

    def holding(self, server: objects.Meta) -> tuple[str, str | None]:
        """Return which fleet has an instance of a server whose spec cannot be read, and its id."""

    def looked_up(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return which recorded orphans can be reached again, and which are no more."""

    def is_outside(self, provider: str) -> bool:
        """Return whether a provider's servers are outside the cluster, which then collects none."""

    def instances(self, name: str) -> Iterable[contract.Instance] | None:
        """Return all instances of a fleet; None while not known."""


class Counter(Keeper, Protocol):
    """A keeper of numbers, which several replicas that see a part each can add up."""

    @property
    def numbers(self) -> Subtotals:
        """The numbers, by the names of the objects that count, and by parts of the work."""


@dataclasses.dataclass(frozen=True, slots=True)
class Total:
    """How many there are over all parts of the work; where it is not `exact`, at least so many."""

    number: int
    exact: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where snapshots come from.

    `requesters_known` is whether a policy writes at admission who asked for an operation; else
    whoever makes one may write there what he likes. `servers_per_namespace` is how many servers a
    namespace may have; 0: any number; None: that is not known here. `builder` is what builds
    images.
    """

    caches: Caches
    fleets: Fleets
    requesters_known: bool = False
    servers_per_namespace: int | None = 0
    builder: Builder = dataclasses.field(default_factory=Builder)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a snapshot is made, and what this process adds to what is cached.

    `acting` is the task that this process carries out for the object, or whose result is not yet
    seen, and `concluded` whether it has ended, so that only the result is still to be written.
    `left` is a task, and its attempt, that this process began and does not watch any more.
    `holder` names this process, and without one nothing may be claimed. Deadlines count from
    `watching_since` at the earliest. `moving` names what says which replica the object is of, where
    it passes to another once acts under way have ended. `total` is what the object counts where not
    all of that is seen here.
    """

    now: float
    outcomes: tuple[Outcome, ...] = ()
    acting: str | None = None
    concluded: bool = False
    left: tuple[str, int] | None = None
    holder: str = ""
    watching_since: float = 0.0
    moving: str = ""
    total: Total | None = None
