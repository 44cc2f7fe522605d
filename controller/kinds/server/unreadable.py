"""A server that cannot be planned, or not even be read: how it goes all the same."""

from __future__ import annotations

from controller.api import objects
from controller.planning import bare_teardown
from controller.planning.caches import Sources
from controller.planning.plan import Action


def teardown(sources: Sources, meta: objects.Meta) -> tuple[Action, ...]:
    """Return what takes its instance down, and lets the server go once there is none."""
    server = sources.caches.of(objects.Server).objects.get((meta.namespace, meta.name))
    if server is None:
        return bare_teardown.instance(meta, sources.fleets.holding(meta)[1])
    provider = sources.fleets.provider(server.spec.fleet)
    return bare_teardown.instance(meta, provider.instance(meta) if provider is not None else None)


def remains(sources: Sources, meta: objects.Meta) -> objects.Server:
    """Return a server that says where its instance is, and no more."""
    fleet, _ = sources.fleets.holding(meta)
    spec = objects.ServerSpec(application="", component="", ordinal=0, fleet=fleet)
    return objects.Server(metadata=meta, spec=spec)
