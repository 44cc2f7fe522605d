"""The descriptor of a kind: all that the engine knows of it.

A kind's folder has one value of it, in its `kind.py`; `registry.py` lists them. So the engine and
the roles need no word about any one kind. Others name one where it is meant by its nature (a
Build has pods of its own): `tests/suite/test_kinds.py` lists each such place, with its reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from controller.api import objects, resources, tags
from controller.api.objects import Meta
from controller.api.permissions import Permission
from controller.api.resources import Resource
from controller.contract.tasks import TaskResult
from controller.planning.caches import Caches, Counter, Index, Keeper, Moment, Sources
from controller.planning.keys import Key
from controller.planning.plan import Action, Patch, Plan
from controller.planning.wakes import Wakes
from controller.reasons import Vocabulary

O = TypeVar("O", bound=objects.Object)  # noqa: E741 - the object
O_co = TypeVar("O_co", bound=objects.Object, covariant=True)


class Snapshot(Protocol[O_co]):
    """The part that every snapshot has, whatever else its planner may know."""

    @property
    def item(self) -> O_co:
        """The object that is planned."""


S = TypeVar("S", bound=Snapshot[Any])  # the snapshot that a plan is made from


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SharedBudget(Generic[O]):
    """A disruption budget that several keys count from the same objects, and that each may spend.

    A patch of what is in `spent_on`, but for its status, may take one down, or let somebody else do
    so, as that of a PodDisruptionBudget does. Whoever plans one waits until the last such patches
    of `shared_with` are seen.
    """

    spent_on: tuple[Resource, ...]
    shared_with: Callable[[Caches, O], Iterable[Key]]


def _no_act(item: objects.Object, outcome: TaskResult, now: float) -> Patch | None:
    """Nothing is written of acts by a kind that has none."""
    del item, outcome, now
    return None


def _metadata_alone(sources: Sources, meta: Meta) -> objects.Object:
    del sources
    return objects.Object(metadata=meta)


def _no_parts(snapshot: Snapshot[Any]) -> Iterable[objects.Object]:
    del snapshot
    return ()


def _own_retry(caches: Caches, item: objects.Object) -> str:
    del caches
    return tags.retry_now(item.metadata)


def _no_first(before: objects.Object, status: Any) -> tuple[str, float] | None:
    """Nobody counts how long objects of the kind take."""
    del before, status
    return None


def _named_application(item: objects.Object) -> str:
    return getattr(getattr(item, "spec", None), "application", "") or item.metadata.name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[O, S]):
    """One kind; `O` is the view of its objects, `S` the snapshot that they are planned from.

    `gather` and `plan` are what a visit does. `follows` says which changes, of its own objects and
    of others', wake whom of it. `bare_teardown` takes down, by metadata alone, what cannot be
    planned, and `remains` is as much of an object as is known when it cannot be read.
    """

    view: type[O]
    gather: Callable[[Sources, O, Moment], S]
    plan: Callable[[S], Plan]
    follows: Mapping[type[objects.Object], Wakes]
    bare_teardown: Callable[[Sources, Meta], tuple[Action, ...]]
    remains: Callable[[Sources, Meta], objects.Object] = _metadata_alone
    # The flow of an object's calls: the pool is fair between flows.
    flow: Callable[[O], Hashable]
    # How many objects a plan looks at: the more, the longer the engine lets changes below the key
    # add up. None: a plan costs next to nothing.
    weight: Callable[[S], int] | None = None
    budget: SharedBudget[O] | None = None
    # The application that an object is of, with all that shares its budget: where replicas share
    # the work, one of them has all of it. By its own name where an object names none.
    application: Callable[[O], str] = _named_application
    # An object's status sums up objects that its own plans change: they come first, and are told
    # together.
    sums_up: bool = False
    # The fleet by whose provider it is planned, beside what is cached: nobody can say what comes
    # next who does not see its servers.
    seen_by: Callable[[O], str] | None = None
    # The objects one step below it that its snapshot has, in their order: they are why it is as it
    # is, so whoever asks why goes on to those of them that are not well.
    parts: Callable[[S], Iterable[objects.Object]] = _no_parts
    # An object may wait for one of any other kind: whoever asks why walks down from it, and no
    # further where another kind waits for it.
    waits_for_anything: bool = False
    # An object's status is written whole, which costs the API server less than a patch: its view
    # must know every field that there is.
    puts_status: bool = False
    # The latest request of a person to try failed calls again; each new one ends all backoffs.
    retry: Callable[[Caches, O], str] = _own_retry
    # In which fleet an object is ready for the first time by a status that was written, and after
    # how many seconds. Whoever wrote the status counts it, so it is counted once.
    ready_first: Callable[[O, Any], tuple[str, float] | None] = _no_first
    # The write that tells how an act ended that this process carried out for an object.
    finish_act: Callable[[O, TaskResult, float], Patch | None] = _no_act
    # The reasons of its objects alone: `why` explains them, and a page for people lists them.
    reasons: tuple[type[Vocabulary], ...] = ()
    # The permissions that the operator needs for its objects; RBAC is made from them.
    rights: tuple[Permission, ...]
    # The indexes that gathering and waking look up, and what is kept from visit to visit.
    indexes: tuple[Index[Any], ...] = ()
    keepers: tuple[type[Keeper], ...] = ()
    # Which of them counts by the names of its objects what may be of any application: where
    # replicas share the work, each counts a part.
    counts: type[Counter] | None = None

    @property
    def resource(self) -> Resource:
        """Where its objects are found in the API."""
        return resources.of(self.view)
