"""Reads of whole collections and single objects, decoded into views.

Modules that only show what is there come here; those that plan go to `inspection`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, TypeVar, cast

import msgspec

from controller import errors
from controller.api import names, nesting, objects, resources
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.kube import wire

T = TypeVar("T", bound=objects.Object)
PAGE = 500


class Cluster(kube.Api, Protocol):
    """An API server that is also asked for what is of no kind that Argosy watches."""

    async def raw(self, path: str, query: str = "") -> bytes:
        """Return the answer to a GET."""
        ...


async def one(api: kube.Api, view: type[T], namespace: str, name: str) -> T:
    """Return an object, or what remains of one that cannot be read whole; raises NotFound."""
    resource = _resource(view)
    found = _decoder(view).one(await api.get(resource, namespace, name))
    if isinstance(found, wire.Malformed):
        if found.remains is None:
            message = f"{resource}/{name} cannot be read: {found.message}"
            raise errors.Stalled(message, reason=Reason.MALFORMED)
        return cast("T", found.remains)
    return found


async def many(api: kube.Api, view: type[T], namespace: str, selector: str = "") -> list[T]:
    """Return all objects of a kind in a namespace ("" for all), or what remains of them."""
    resource = _resource(view)
    decoder = _decoder(view)
    found: list[T] = []
    token = ""
    while True:
        text = await api.list(
            resource, namespace, label_selector=selector, limit=PAGE, continue_token=token
        )
        page = decoder.page(text)
        found += page.items
        found += [cast("T", each.remains) for each in page.malformed if each.remains]
        token = page.continue_token
        if not token:
            return found


async def below(
    api: kube.Api, namespace: str, application: str = ""
) -> tuple[list[objects.ServerSet], list[objects.Server], list[objects.Operation]]:
    """Return the sets and servers of an application (of all if none), and all operations."""
    selector = f"{names.APPLICATION_LABEL}={application}" if application else ""
    sets, servers, operations = await asyncio.gather(
        many(api, objects.ServerSet, namespace, selector),
        many(api, objects.Server, namespace, selector),
        many(api, objects.Operation, namespace),
    )
    return sets, servers, operations


async def raw(api: kube.Api, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
    """Return an object as it is on the wire: whole, as what is left out would be lost."""
    text = await api.get(resource, namespace, name)
    if nesting.is_deeper(text, nesting.READABLE):
        message = f"{resource}/{name} cannot be read: {nesting.TooDeepError(nesting.MOST)}"
        raise errors.Stalled(message, reason=Reason.MALFORMED)
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


def _decoder(view: type[T]) -> wire.Decoder[T]:
    return wire.Decoder(view, f"read {_resource(view)}")


def _resource(view: type[objects.Object]) -> Resource:
    return next(each for each, place in resources.PLACES.items() if place.view is view)
