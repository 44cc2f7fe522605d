"""Which keys a change concerns: the only thing that a watch is ever asked.

Nothing is decided here. A change that takes work away (a delete, a new spec, a pause) also has the
engine withdraw what was planned before it and has not started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from controller.api import names, objects
from controller.api.resources import Resource
from controller.execution import caches as worlds
from controller.planning import keys
from controller.planning.keys import Key


class Engine(Protocol):
    """What the router tells the engine."""

    def touch(self, key: Key, *, urgent: bool = False) -> None:
        """Have `key` planned."""

    def touch_later(self, key: Key) -> None:
        """Have `key` planned, together with what else will happen to it in a moment."""

    def withdraw(self, key: Key) -> None:
        """Take back the writes of `key` that have not started, and have it planned again."""


class Router:
    """Turns changes of cached objects into keys."""

    def __init__(self, world: worlds.Caches, engine: Engine) -> None:
        self._world = world
        self._engine = engine

    def connect(self) -> None:
        """Subscribe to every cache."""
        world = self._world
        world.applications.subscribe(self._application)
        world.sets.subscribe(self._server_set)
        world.servers.subscribe(self._server)
        world.operations.subscribe(self._operation)
        world.services.subscribe(self._service)
        world.revisions.subscribe(self._owned(Resource.APPLICATIONS))
        world.claims.subscribe(self._claim)
        world.jobs.subscribe(self._job)
        if world.fleets is not None:
            world.fleets.subscribe(self._fleet)
        if world.namespaces is not None:
            world.namespaces.subscribe(self._namespace)

    def _application(
        self, old: objects.Application | None, new: objects.Application | None
    ) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        key = keys.of(Resource.APPLICATIONS, item)
        moved = _takes_work_away(old, new)
        self._look(key, moved=moved)
        spreads = old is not None and _spreads(old, new)
        if spreads:
            for below in self._below(item):
                self._engine.withdraw(below)
        if spreads:
            # Its end is theirs, and what they were about to write stands behind its teardown.
            for operation in self._open_operations(item.metadata.namespace, item.metadata.name):
                self._engine.withdraw(operation)
        elif moved:
            self._touch_operations(item.metadata.namespace, item.metadata.name, now=True)

    def _server_set(self, old: objects.ServerSet | None, new: objects.ServerSet | None) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        key = keys.of(Resource.SERVERSETS, item)
        moved = _takes_work_away(old, new)
        self._look(key, moved=moved)
        if new is not None and old is not None and old.metadata.uid == new.metadata.uid:
            self._engine.touch_later(self._application_key(item))
        else:
            self._engine.touch(self._application_key(item))
            for server in self._world.servers.by(worlds.OWNER, item.metadata.uid).values():
                self._engine.touch(keys.of(Resource.SERVERS, server))
        # A RollBack ends with what the sets say.
        self._touch_operations(item.metadata.namespace, item.spec.application)

    def _server(self, old: objects.Server | None, new: objects.Server | None) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        key = keys.of(Resource.SERVERS, item)
        moved = old is not None and _takes_work_away(old, new)
        self._look(key, moved=moved)
        owner = item.metadata.controller
        if owner is not None:
            self._engine.touch_later(Key(Resource.SERVERSETS, item.metadata.namespace, owner.name))
        self._touch_operations(item.metadata.namespace, item.spec.application)
        if old is None or new is None:
            self._touch_fleet(item.spec.fleet)

    def _touch_fleet(self, name: str) -> None:
        """Have a fleet count its servers; one that is built in has nowhere to say how many."""
        fleets = self._world.fleets
        if fleets is not None and ("", name) in fleets.objects:
            self._engine.touch_later(Key(Resource.FLEETS, "", name))

    def _operation(self, old: objects.Operation | None, new: objects.Operation | None) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        key = keys.of(Resource.OPERATIONS, item)
        moved = old is not None and _takes_work_away(old, new)
        self._look(key, moved=moved)
        if old is None or new is None or old.status != new.status or moved:
            # Its end, or its pause, is what others wait for; how far it is, they only watch.
            ended = moved or new is None or _ended(old) != _ended(new)
            self._touch_operations(item.metadata.namespace, item.spec.application, now=ended)
            if ended:
                # It remembers what was done to it.
                self._engine.touch(
                    Key(Resource.APPLICATIONS, item.metadata.namespace, item.spec.application)
                )

    def _service(self, old: objects.Service | None, new: objects.Service | None) -> None:
        self._owned(Resource.SERVERSETS)(old, new)
        owner = new.metadata.controller if new is not None else None
        if old is None and owner is not None:
            # Servers may have been waiting for it.
            for server in self._world.servers.by(worlds.OWNER, owner.uid).values():
                self._engine.touch(keys.of(Resource.SERVERS, server))

    def _claim(self, old: objects.Claim | None, new: objects.Claim | None) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        namespace, labels = item.metadata.namespace, item.metadata.labels
        server = labels.get(names.SERVER_LABEL)
        if server:
            self._engine.touch(Key(Resource.SERVERS, namespace, server))
        application = labels.get(names.APPLICATION_LABEL, "")
        component = labels.get(names.COMPONENT_LABEL, "")
        self._engine.touch_later(
            Key(Resource.SERVERSETS, namespace, names.server_set(application, component))
        )

    def _job(self, old: objects.Job | None, new: objects.Job | None) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        server = item.metadata.labels.get(names.SERVER_LABEL)
        if server:
            self._engine.touch(Key(Resource.SERVERS, item.metadata.namespace, server))

    def _fleet(self, old: objects.Fleet | None, new: objects.Fleet | None) -> None:
        item = new or old
        assert item is not None  # noqa: S101 - one of the two is always given
        self._engine.touch(keys.of(Resource.FLEETS, item))
        name = item.metadata.name
        if old is not None and new is not None and old.spec == new.spec:
            if old.status.orphans != new.status.orphans:
                self._touch_going(name)
            return
        for application in self._world.applications.objects.values():
            if application.spec.fleet == name:
                self._engine.touch(keys.of(Resource.APPLICATIONS, application))
                for key in self._below(application):
                    self._engine.touch(key)

    def _touch_going(self, fleet: str) -> None:
        """Touch the servers on their way out: their instances may be on record as orphans now."""
        for server in self._world.servers.by(worlds.FLEET, fleet).values():
            if server.metadata.deletion_timestamp:
                self._engine.touch(keys.of(Resource.SERVERS, server))

    def _namespace(self, old: objects.Namespace | None, new: objects.Namespace | None) -> None:
        if new is None:
            return
        going = new.status.phase == "Terminating"
        same_labels = old is not None and old.metadata.labels == new.metadata.labels
        if same_labels and (not going or (old is not None and old.status.phase == "Terminating")):
            return
        for application in self._world.applications.objects.values():
            if application.metadata.namespace == new.metadata.name:
                self._engine.withdraw(keys.of(Resource.APPLICATIONS, application))
                for key in self._below(application):
                    self._engine.withdraw(key)

    def _owned(
        self, resource: Resource
    ) -> Callable[[objects.Object | None, objects.Object | None], None]:
        """Return a subscriber that touches the controller, of `resource`, of whatever changed."""

        def touch(old: objects.Object | None, new: objects.Object | None) -> None:
            for item in (old, new):
                owner = item.metadata.controller if item is not None else None
                if item is not None and owner is not None:
                    self._engine.touch(Key(resource, item.metadata.namespace, owner.name))
                    return

        return touch

    def _look(self, key: Key, *, moved: bool) -> None:
        """Have the changed object planned: anew and at once, if its work may be gone."""
        if moved:
            self._engine.withdraw(key)
        else:
            self._engine.touch(key)

    def _touch_operations(self, namespace: str, application: str, *, now: bool = False) -> None:
        touch = self._engine.touch if now else self._engine.touch_later
        for operation in self._open_operations(namespace, application):
            touch(operation)

    def _open_operations(self, namespace: str, application: str) -> list[Key]:
        """Return the keys of an application's operations that have not ended."""
        found = self._world.operations.by(worlds.APPLICATION, (namespace, application))
        return [
            keys.of(Resource.OPERATIONS, each)
            for each in found.values()
            if not each.status.completion_time
        ]

    def _below(self, application: objects.Application) -> Iterable[Key]:
        """Yield the keys of everything that the application's pause or end concerns."""
        for found in self._world.sets.by(worlds.OWNER, application.metadata.uid).values():
            yield keys.of(Resource.SERVERSETS, found)
            for server in self._world.servers.by(worlds.OWNER, found.metadata.uid).values():
                yield keys.of(Resource.SERVERS, server)

    def _application_key(self, item: objects.ServerSet) -> Key:
        return Key(Resource.APPLICATIONS, item.metadata.namespace, item.spec.application)


def _ended(operation: objects.Operation | None) -> bool:
    return operation is not None and operation.status.completion_time is not None


def _takes_work_away(old: objects.Object | None, new: objects.Object | None) -> bool:
    """Return whether what was planned for `old` may no longer be wanted."""
    if old is None or new is None:
        return True
    before, after = old.metadata, new.metadata
    return (
        before.uid != after.uid
        or before.generation != after.generation
        or before.deletion_timestamp != after.deletion_timestamp
        or before.annotations.get(names.RETRY_NOW_ANNOTATION)
        != after.annotations.get(names.RETRY_NOW_ANNOTATION)
    )


def _spreads(old: objects.Application, new: objects.Application | None) -> bool:
    """Return whether the change concerns every server at once: a pause, an end, a retry-now."""
    if new is None:
        return True
    before, after = old.metadata, new.metadata
    return (
        old.spec.paused != new.spec.paused
        or before.uid != after.uid
        or before.deletion_timestamp != after.deletion_timestamp
        or before.annotations.get(names.RETRY_NOW_ANNOTATION)
        != after.annotations.get(names.RETRY_NOW_ANNOTATION)
    )
