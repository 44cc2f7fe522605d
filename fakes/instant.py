"""A cluster on which plans take effect at once, and caches see at once what was written.

    cluster = InstantCluster(fleet)
    cluster.registry.create(Resource.APPLICATIONS, NAMESPACE, body)
    made = cluster.decide(APPLICATION, "shop")
    for call in cluster.carry_out(APPLICATION, "shop", made): …

No loop and no time but `now`: whoever holds it lets planners take turns. Servers are made of the
`machines`, which do what a plan asks of their provider, or what their specs say. The verbs are
those of the API server in memory, the snapshots those that the engine gathers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from controller import contract
from controller.api import objects
from controller.api.resources import PLACES, Resource
from controller.kinds.kind import Kind
from controller.kinds.registry import KINDS
from controller.kube import faults
from controller.kube.cache import Cache
from controller.planning import caches as reading
from controller.planning import plan, relations
from controller.planning.caches import Index, Moment, Path, Sources
from controller.providers.pod import volumes
from fakes.api_server.controllers import owners
from fakes.api_server.registry import ORPHAN, Registry
from fakes.api_server.storage import Event, Json, Storage
from fakes.machines import Machines

START = 1_700_000_000.0
NAMESPACE = "default"

O = TypeVar("O", bound=objects.Object)  # noqa: E741 - an object, as in Kind[O, S]
K = TypeVar("K", bound=reading.Keeper)
AnyKind = Kind[Any, Any]


class InstantCaches:
    """Caches of all that there are views of, fed by the storage itself."""

    def __init__(self, storage: Storage) -> None:
        self._caches: dict[type[objects.Object], Cache[Any]] = {}
        self._resources: dict[Resource, type[objects.Object]] = {}
        for resource, place in PLACES.items():
            if place.view is not None:
                self._resources[resource] = place.view
                self._caches[place.view] = Cache(resource)
                self._caches[place.view].on_crash.append(_fail)
        for index in dict.fromkeys(index for each in KINDS for index in each.indexes):
            self._caches[index.view].add_index(index, index.key)
        self._kept: dict[type[reading.Keeper], reading.Keeper] = {}
        for keeper in dict.fromkeys(keeper for each in KINDS for keeper in each.keepers):
            kept = self._kept[keeper] = keeper.over(self)
            self._caches[keeper.follows].on_change.append(kept.change)
        storage.listeners.append(self._see)

    def of(self, view: type[O]) -> reading.Cache[O]:
        """Return the cache of a view."""
        return cast("reading.Cache[O]", self._caches[view])

    def by(self, index: Index[O], key: Hashable) -> Mapping[Path, O]:
        """Return the objects that have this key in the index."""
        return self._caches[index.view].by(index, key)

    def is_whole(self, view: type[objects.Object]) -> bool:
        """Return whether there is a view of it: nothing is in any other namespace."""
        return view in self._caches

    def kept(self, keeper: type[K]) -> K:
        """Return what a kind keeps up to date beside the indexes."""
        return cast("K", self._kept[keeper])

    def shows_all(self) -> bool:
        """Return that everything is seen."""
        return True

    def shows(self, _bucket: int) -> bool:
        """Return that everything is seen."""
        return True

    def _see(self, resource: Resource, event: Event) -> None:
        view = self._resources.get(resource)
        if view is None:
            return
        if event.after is None:
            self._caches[view].drop(event.key)
        else:
            self._caches[view].put(msgspec.json.decode(event.text, type=view))


def _fail(_item: objects.Object, error: Exception) -> None:
    raise error


@dataclasses.dataclass(slots=True)
class OneFleet:
    """All that planning asks of fleets, where there is one.

    Its claims are objects, as those of pods. Where `behind` is None nobody asks its provider.
    """

    told: contract.FleetFacts
    caches: InstantCaches
    behind: contract.Provider | None = None

    def facts(self, _name: str, _namespace: str) -> contract.FleetFacts:
        """Return the facts of the one fleet."""
        return dataclasses.replace(self.told, claims=self._claims)

    def provider(self, _name: str) -> contract.Provider | None:
        """Return the provider of the one fleet."""
        return self.behind

    def _claims(self, *component: str) -> tuple[contract.Claim, ...]:
        found = self.caches.by(relations.CLAIMS_BY_COMPONENT, component)
        return tuple(volumes.told(each) for each in found.values())


class InstantCluster:
    """One namespace, its objects, its caches, the machines of its servers, and its time."""

    def __init__(self, fleet: contract.FleetFacts) -> None:
        self.now = START
        self.storage = Storage(lambda: self.now)
        self.registry = Registry(self.storage)
        self.caches = InstantCaches(self.storage)
        self.fleets = OneFleet(fleet, self.caches)
        self.sources = Sources(caches=self.caches, fleets=cast("reading.Fleets", self.fleets))
        # Since when the operator watches, by its clock.
        self.watching_since = 0.0
        self.events: list[plan.RecordEvent] = []
        self.machines = Machines(lambda: self.now)
        self.registry.create(Resource.NAMESPACES, "", {"metadata": {"name": NAMESPACE}})

    @property
    def writes(self) -> int:
        """How much has been written so far."""
        return len(self.storage.writes)

    @property
    def store(self) -> dict[tuple[Resource, str], Json]:
        """All objects of the namespace, as they are now."""
        return {
            (resource, name): body
            for resource, found in self.storage.objects.items()
            for (namespace, name), body in found.items()
            if namespace
        }

    def has(self, resource: Resource, name: str) -> bool:
        """Return whether the object exists."""
        return self.registry.find(resource, NAMESPACE, name) is not None

    def get(self, view: type[O], name: str) -> O:
        """Return an object as planners see it."""
        return self.caches.of(view).objects[NAMESPACE, name]

    def all(self, view: type[O]) -> dict[str, O]:
        """Return all objects of a view by their names, in the order of their making."""
        return {name: each for (_, name), each in self.caches.of(view).objects.items()}

    # --- What people do, and the cluster itself ---------------------------------------------------

    def put(self, resource: Resource, name: str, spec: Json) -> None:
        """Declare an object, or change the whole of its spec."""
        found = self.registry.find(resource, NAMESPACE, name)
        if found is None:
            self.registry.create(resource, NAMESPACE, {"metadata": {"name": name}, "spec": spec})
            return
        # A merge patch keeps what it does not name: so what goes is named.
        gone = dict.fromkeys(found["spec"].keys() - spec.keys())
        self.edit(resource, name, {"spec": {**gone, **spec}})

    def edit(self, resource: Resource, name: str, body: Json) -> None:
        """Change an object by hand."""
        self.registry.patch(resource, NAMESPACE, name, body, actor="user")

    def delete(self, resource: Resource, name: str, **options: Any) -> None:
        """Delete an object by hand."""
        self.registry.delete(resource, NAMESPACE, name, actor="user", **options)

    def end_namespace(self) -> None:
        """Begin to delete the namespace itself; what is in it stays for now."""
        hold = {"metadata": {"finalizers": ["kubernetes"]}}
        self.registry.patch(Resource.NAMESPACES, "", NAMESPACE, hold)
        self.registry.delete(Resource.NAMESPACES, "", NAMESPACE)

    def release_orphans(self, resource: Resource, name: str) -> None:
        """Do as the garbage collector does for an orphaning delete: cut the ties, let go."""
        found = self.registry.need(resource, NAMESPACE, name)
        for (below, each), body in self.store.items():
            kept = [one for one in owners(body) if one["uid"] != found["metadata"]["uid"]]
            if kept != owners(body):
                self.edit(below, each, {"metadata": {"ownerReferences": kept}})
        left = [each for each in found["metadata"]["finalizers"] if each != ORPHAN]
        self.edit(resource, name, {"metadata": {"finalizers": left}})

    def collect_garbage(self) -> None:
        """Delete what has lost its owners."""
        alive = {body["metadata"]["uid"] for body in self.store.values()}
        for (resource, name), body in self.store.items():
            if owners(body) and not any(each["uid"] in alive for each in owners(body)):
                self.delete(resource, name)

    # --- How plans are made and carried out -------------------------------------------------------

    def snapshot(self, kind: AnyKind, name: str, **moment: Any) -> Any:
        """Return what the kind's planner is given."""
        at = Moment(now=self.now, watching_since=self.watching_since, **moment)
        return kind.gather(self.sources, self.get(kind.view, name), at)

    def decide(self, kind: AnyKind, name: str, **moment: Any) -> plan.Plan:
        """Return what the kind's planner wants for an object now."""
        return kind.plan(self.snapshot(kind, name, **moment))

    def carry_out(self, kind: AnyKind, name: str, made: plan.Plan) -> Iterator[contract.Call]:
        """Let a plan take effect; yield what is asked of the server's provider.

        A write whose precondition does not hold is left: whoever planned it plans again.
        """
        guards = [each for each in made.actions if isinstance(each, plan.Delete | plan.Patch)]
        assert all(each.uid for each in guards), "a write without a uid"  # noqa: S101
        targets = [(each.resource, each.name) for each in guards]
        assert len(targets) == len(set(targets)), "two writes to one object in one plan"  # noqa: S101
        for action in made.actions:
            match action:
                case contract.Call():
                    yield action
                case plan.RecordEvent():
                    self.events.append(action)
                case plan.Create() | plan.Patch() | plan.Delete():
                    self.write(action)
                case plan.Hear():
                    pass
                case _:
                    raise AssertionError(action)
        if made.status is not None and self.has(kind.resource, name):
            status = msgspec.json.decode(msgspec.json.encode(made.status))
            self.tell(kind.resource, name, status)

    def write(self, action: plan.Create | plan.Patch | plan.Delete) -> None:
        """Let one write take effect, if its preconditions hold."""
        if isinstance(action, plan.Create):
            body = msgspec.json.decode(msgspec.json.encode(action.body))
            self.registry.create(action.resource, NAMESPACE, body)
            return
        guard = {"uid": action.uid}
        if action.resource_version:
            guard["resourceVersion"] = action.resource_version
        before = self.writes
        try:
            if isinstance(action, plan.Delete):
                version = action.resource_version
                self.registry.delete(
                    action.resource, NAMESPACE, action.name, uid=action.uid,
                    resource_version=version,
                )  # fmt: skip
                return
            body = msgspec.json.decode(msgspec.json.encode(action.body))
            body["metadata"] = {**body.get("metadata", {}), **guard}
            self.registry.patch(
                action.resource, NAMESPACE, action.name, body, subresource=action.subresource
            )
        except (faults.NotFound, faults.Conflict):
            return
        assert self.writes != before, f"a patch that changes nothing: {action.body}"  # noqa: S101

    def tell(self, resource: Resource, name: str, status: Json) -> None:
        """Write a whole status."""
        self.registry.set_status(resource, (NAMESPACE, name), status, actor="argosy")

    def let_go(self, resource: Resource, name: str) -> None:
        """Lift all finalizers of an object."""
        self.edit(resource, name, {"metadata": {"finalizers": []}})
