"""The keys of what is looked at: each names one object that a planner answers for."""

from __future__ import annotations

from typing import NamedTuple

from controller.api import names, objects
from controller.api.resources import Resource


class Key(NamedTuple):
    """One object, by where it is found; `namespace` is empty for cluster-scoped ones."""

    resource: Resource
    namespace: str
    name: str

    @property
    def path(self) -> tuple[str, str]:
        """The key of the object within its resource's cache."""
        return self.namespace, self.name

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def of(resource: Resource, item: objects.Object) -> Key:
    """Return the key of a cached object."""
    return Key(resource, item.metadata.namespace, item.metadata.name)


def fleet(name: str) -> Key:
    """Return the key of a fleet's object."""
    return Key(Resource.FLEETS, "", name)


def server(namespace: str, name: str) -> Key:
    """Return the key of a server, by which providers know it."""
    return Key(Resource.SERVERS, namespace, name)


def component(namespace: str, application: str, name: str) -> Key:
    """Return the key of what answers for a component, by which providers know their claims."""
    return Key(Resource.SERVERSETS, namespace, names.server_set(application, name))
