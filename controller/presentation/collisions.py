"""Which names that an application would give are taken, and by whom: told before it is applied.

Nothing that is somebody else's is taken: whoever comes second waits, and says `NameTaken`. Called
by `preview`. Argosy's caches have its own pods alone, so those of others are asked for, of so many
servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from controller import errors
from controller.api import names, objects, resources
from controller.api.resources import Resource
from controller.execution.caches import Caches
from controller.kube import api as kube
from controller.presentation import inspection

MOST_ASKED = 50


async def of(
    api: kube.Api,
    look: inspection.Inspection,
    wanted: objects.Application,
    created: Sequence[str],
) -> tuple[str, ...]:
    """Return of each name that is taken whose it is, and what waits for it."""
    sets = tuple(_of_sets(look.caches, wanted))
    made = look.fleets.display(wanted.spec.fleet).resource
    if made is None:
        # The fleet's servers are no objects, so they have no names in the cluster.
        return tuple(said for _, said in sets)
    passed = {own for own, _ in sets} | {
        names.server_set(wanted.metadata.name, each.name)
        for each in wanted.spec.components
        if each.adopt is not None
    }
    asked = [each for each in created if each.rpartition("-")[0] not in passed][:MOST_ASKED]
    found = await asyncio.gather(*(_of_server(api, wanted, made, each) for each in asked))
    return (*(said for _, said in sets), *filter(None, found))


def _of_sets(caches: Caches, wanted: objects.Application) -> Iterator[tuple[str, str]]:
    space, name = wanted.metadata.namespace, wanted.metadata.name
    for each in wanted.spec.components:
        own = names.server_set(name, each.name)
        found = caches.of(objects.ServerSet).objects.get((space, own))
        if found is not None and found.spec.application != name:
            thing = resources.thing(Resource.SERVERSETS, own)
            said = (
                f"{thing} is of application {found.spec.application}: component"
                f" {each.name} waits until that name is free (NameTaken)."
            )
            yield own, said


async def _of_server(
    api: kube.Api, wanted: objects.Application, made: Resource, server: str
) -> str:
    """Return what an object of a server's name is in the way of; one let go of is taken up."""
    thing = resources.thing(made, server)
    try:
        text = await api.get(made, wanted.metadata.namespace, server)
    except errors.ArgosyError:
        return ""  # none, or none that this person may see
    found = msgspec.json.decode(text, type=objects.Object)
    if found.metadata.labels.get(names.APPLICATION_LABEL) == wanted.metadata.name:
        return ""
    return f"{thing} is not Argosy's: the server of that name waits for it (NameTaken)."
