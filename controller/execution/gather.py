"""Gathering: everything a planner may know, read from caches at one moment.

The only reader of caches for planning; `reconcile`, `explain` and `why` all come through here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import msgspec

from controller import contract
from controller.api import objects
from controller.api.resources import Resource
from controller.execution import caches as worlds
from controller.execution.fleets import Fleets
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.fleet.snapshot import FleetSnapshot
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.kinds.server.snapshot import ServerSnapshot
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import bare_teardown as teardown
from controller.planning import plan
from controller.planning.keys import Key
from controller.planning.refusals import Refusal

Snapshot = (
    ApplicationSnapshot | ServerSetSnapshot | ServerSnapshot | OperationSnapshot | FleetSnapshot
)
Refusals = tuple[Refusal, ...]
# What must be gone before an object may go.
_BELOW = {
    Resource.APPLICATIONS: Resource.SERVERSETS,
    Resource.SERVERSETS: Resource.SERVERS,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a snapshot comes from.

    `acting` tells which task this process carries out for a key, `holder` names this process;
    without one nothing may be claimed.
    """

    world: worlds.Caches
    fleets: Fleets
    acting: Callable[[Key], str] = lambda _: ""
    holder: str = ""
    # Since when this process has been watching: deadlines count from there at the earliest.
    since: float = 0.0

    def application_of(self, namespace: str, name: str) -> objects.Application | None:
        """Return the application of that name."""
        return self.world.applications.objects.get((namespace, name))

    def operations_of(self, namespace: str, application: str) -> tuple[objects.Operation, ...]:
        """Return the operations on an application, oldest first."""
        found = self.world.operations.by(worlds.APPLICATION, (namespace, application))
        return tuple(
            sorted(
                found.values(),
                key=lambda each: (each.metadata.creation_timestamp or "", each.metadata.name),
            )
        )

    def sets_of(self, application: objects.Application | None) -> dict[str, objects.ServerSet]:
        """Return the ServerSets that an application controls, by component."""
        if application is None:
            return {}
        found = dict(self.world.sets.by(worlds.OWNER, application.metadata.uid))
        for key in found.keys() & self.world.sets.malformed.keys():
            # Deleting a set takes its latest version, even where the rest of it cannot be read.
            latest = self.world.sets.malformed[key].metadata
            found[key] = msgspec.structs.replace(found[key], metadata=latest)
        return {each.spec.component: each for each in found.values()}

    def below(self, resource: Resource, uid: str) -> Iterator[tuple[Resource, objects.Meta]]:
        """Yield what the object of that UID controls, and what of it cannot be read, too."""
        kept = _BELOW.get(resource)
        if kept is None:
            return
        informer = self.world.informers[kept]
        odd = {key: each.metadata for key, each in informer.malformed.items()}
        for key, found in informer.by(worlds.OWNER, uid).items():
            if key not in odd:
                yield kept, found.metadata
        for meta in odd.values():
            if meta.controller is not None and meta.controller.uid == uid:
                yield kept, meta


def gather(sources: Sources, key: Key, now: float, refusals: Refusals = ()) -> Snapshot | None:
    """Return the snapshot for `key`, or None where its object is gone or for others to plan."""
    if key.resource in sources.world.read_only:
        return None
    return _GATHERERS[key.resource](sources, key, now, refusals)


def bare_teardown(sources: Sources, key: Key, meta: objects.Meta) -> tuple[plan.Action, ...]:
    """Return what takes down an object that cannot be planned, from metadata alone."""
    if not teardown.is_due(meta):
        return ()
    if key.resource is not Resource.SERVERS:
        return teardown.actions(key.resource, meta, sources.below(key.resource, meta.uid))
    server = sources.world.servers.objects.get(key.path)
    if server is None:
        return teardown.instance(meta, sources.fleets.holding(meta)[1])
    provider = sources.fleets.provider(server.spec.fleet)
    return teardown.instance(meta, provider.instance(meta) if provider is not None else None)


def remains(sources: Sources, key: Key, meta: objects.Meta) -> objects.Object:
    """Return an object that cannot be read as it last was, or as little of it as is known."""
    found = sources.world.informers[key.resource].objects.get(key.path)
    if found is not None or key.resource is not Resource.SERVERS:
        return found or objects.Object(metadata=meta)
    fleet, _ = sources.fleets.holding(meta)
    spec = objects.ServerSpec(application="", component="", ordinal=0, fleet=fleet)
    return objects.Server(metadata=meta, spec=spec)


def _application(sources: Sources, key: Key, now: float, refusals: Refusals) -> Snapshot | None:
    application = sources.application_of(*key.path)
    if application is None:
        return None
    uid = application.metadata.uid
    return ApplicationSnapshot(
        now=now,
        application=application,
        fleet=sources.fleets.facts(application.spec.fleet, key.namespace),
        sets=sources.sets_of(application),
        revisions=tuple(sources.world.revisions.by(worlds.OWNER, uid).values()),
        operations=sources.operations_of(key.namespace, key.name),
        refusals=refusals,
        namespace_terminating=sources.world.namespace_terminating(key.namespace),
    )


def _server_set(sources: Sources, key: Key, now: float, refusals: Refusals) -> Snapshot | None:
    world = sources.world
    found = world.sets.objects.get(key.path)
    if found is None:
        return None
    spec = found.spec
    component = (key.namespace, spec.application, spec.component)
    owner = found.metadata.controller
    return ServerSetSnapshot(
        now=now,
        server_set=found,
        servers=world.registers.of(found.metadata.uid),
        fleet=sources.fleets.facts(spec.fleet, key.namespace),
        application=_controlling_application(sources, found),
        service=world.services.objects.get(key.path),
        claims=tuple(world.claims.by(worlds.COMPONENT, component).values()),
        revisions=tuple(world.revisions.by(worlds.OWNER, owner.uid).values()) if owner else (),
        watching_since=sources.since,
        refusals=refusals,
        namespace_terminating=world.namespace_terminating(key.namespace),
    )


def _server(sources: Sources, key: Key, now: float, refusals: Refusals) -> Snapshot | None:
    server = sources.world.servers.objects.get(key.path)
    if server is None:
        return None
    provider = sources.fleets.provider(server.spec.fleet)
    return ServerSnapshot(
        now=now,
        server=server,
        observation=provider.observe(server) if provider else contract.UNKNOWN,
        fleet=sources.fleets.facts(server.spec.fleet, key.namespace),
        application=_application_above(sources, server),
        refusals=refusals,
        acting=sources.acting(key),
        holder=sources.holder,
        has_service=_has_service(sources, server),
        namespace_terminating=sources.world.namespace_terminating(key.namespace),
    )


def _has_service(sources: Sources, server: objects.Server) -> bool:
    """Return whether the Service of the server's set is there and stays."""
    owner = server.metadata.controller
    if owner is None:
        return False
    found = sources.world.services.objects.get((server.metadata.namespace, owner.name))
    if found is None or found.metadata.deletion_timestamp is not None:
        return False
    publisher = found.metadata.controller
    return publisher is not None and publisher.uid == owner.uid


def _operation(sources: Sources, key: Key, now: float, refusals: Refusals) -> Snapshot | None:
    operation = sources.world.operations.objects.get(key.path)
    if operation is None:
        return None
    name = operation.spec.application
    application = sources.application_of(key.namespace, name)
    servers = sources.world.servers.by(worlds.APPLICATION, (key.namespace, name))
    fleet = application.spec.fleet if application else ""
    return OperationSnapshot(
        now=now,
        operation=operation,
        application=application,
        fleet=sources.fleets.facts(fleet, key.namespace),
        sets=sources.sets_of(application),
        servers={(each.spec.component, each.spec.ordinal): each for each in servers.values()},
        others=tuple(
            each
            for each in sources.operations_of(key.namespace, name)
            if each.metadata.uid != operation.metadata.uid
        ),
        revisions=_revisions_of(sources, application),
        refusals=refusals,
        namespace_terminating=sources.world.namespace_terminating(key.namespace),
    )


def _revisions_of(
    sources: Sources, application: objects.Application | None
) -> tuple[objects.ControllerRevision, ...]:
    if application is None:
        return ()
    return tuple(sources.world.revisions.by(worlds.OWNER, application.metadata.uid).values())


def _fleet(sources: Sources, key: Key, now: float, refusals: Refusals) -> Snapshot | None:
    del refusals
    fleet = sources.fleets.find(key.name)
    if fleet is None:
        return None
    servers = sources.world.servers.by(worlds.FLEET, key.name)
    returned, gone = sources.fleets.looked_up(key.name)
    return FleetSnapshot(
        now=now,
        fleet=fleet,
        servers=len(servers),
        known_provider=sources.fleets.is_known(fleet.spec.provider),
        orphans=sources.fleets.abandoned(key.name),
        returned=returned,
        gone=gone,
    )


def _controlling_application(
    sources: Sources, server_set: objects.ServerSet
) -> objects.Application | None:
    """Return the application that controls the set; one of the same name made later does not."""
    found = sources.application_of(server_set.metadata.namespace, server_set.spec.application)
    owner = server_set.metadata.controller
    if found is None or owner is None or owner.uid != found.metadata.uid:
        return None
    return found


def _application_above(sources: Sources, server: objects.Server) -> objects.Application | None:
    """Return the application whose set controls the server."""
    owner = server.metadata.controller
    found = sources.world.sets.objects.get((server.metadata.namespace, owner.name if owner else ""))
    if found is None or owner is None or found.metadata.uid != owner.uid:
        return None
    return _controlling_application(sources, found)


_GATHERERS: dict[Resource, Callable[[Sources, Key, float, Refusals], Snapshot | None]] = {
    Resource.APPLICATIONS: _application,
    Resource.SERVERSETS: _server_set,
    Resource.SERVERS: _server,
    Resource.OPERATIONS: _operation,
    Resource.FLEETS: _fleet,
}
