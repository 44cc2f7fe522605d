"""Reads of whole collections and single objects, decoded into views.

Commands that show what is there come here; those that plan go to `execution.inspection`.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec

from controller.api import names, objects, resources
from controller.api.resources import Resource
from controller.kube import api as door
from controller.kube import wire

T = TypeVar("T", bound=objects.Object)
PAGE = 500


async def one(api: door.Api, view: type[T], namespace: str, name: str) -> T:
    """Return an object; raises NotFound."""
    return msgspec.json.decode(await api.get(_resource(view), namespace, name), type=view)


async def many(api: door.Api, view: type[T], namespace: str, selector: str = "") -> list[T]:
    """Return all objects of a kind in a namespace ("" for all), those that fit their view."""
    resource = _resource(view)
    decoder = wire.Decoder(view, f"list {resource}")
    found: list[T] = []
    token = ""
    while True:
        text = await api.list(
            resource, namespace, label_selector=selector, limit=PAGE, continue_token=token
        )
        page = decoder.page(text)
        found += page.items
        token = page.continue_token
        if not token:
            return found


async def below(
    api: door.Api, namespace: str, application: str = ""
) -> tuple[list[objects.ServerSet], list[objects.Server], list[objects.Operation]]:
    """Return the sets and servers of an application (of all if none), and all operations."""
    selector = f"{names.APPLICATION_LABEL}={application}" if application else ""
    sets, servers, operations = await asyncio.gather(
        many(api, objects.ServerSet, namespace, selector),
        many(api, objects.Server, namespace, selector),
        many(api, objects.Operation, namespace),
    )
    return sets, servers, operations


async def raw(api: door.Api, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
    """Return an object as it is on the wire."""
    found: dict[str, Any] = msgspec.json.decode(await api.get(resource, namespace, name))
    return found


def _resource(view: type[objects.Object]) -> Resource:
    return next(each for each, place in resources.PLACES.items() if place.view is view)
