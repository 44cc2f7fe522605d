"""The Events of an application and all that belongs to it, the latest last.

`events` comes here: once for what is there, then for what comes.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from controller.api import names, objects
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.presentation import reading

_OURS = f"{names.GROUP}/"
Raw = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One Event: what happened to which object, how often, and when last."""

    when: str
    warning: bool
    kind: str
    reason: str
    object: str
    message: str
    count: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The Events that are there; `version` is where a watch goes on from."""

    found: tuple[dict[str, Any], ...]
    version: str
    belongs: Callable[[Raw], bool]


async def read(api: kube.Api, namespace: str, application: str) -> Events:
    """Return the events of an application, or of all; raises NotFound if it does not exist."""
    if application:
        # An application that does not exist has no events, which would read as good news.
        await reading.one(api, objects.Application, namespace, application)
    listed = msgspec.json.decode(await api.list(Resource.EVENTS, namespace))
    belongs = await _belonging(api, namespace, application)
    found = sorted((each for each in listed["items"] if belongs(each)), key=_when)
    version = listed["metadata"]["resourceVersion"]
    return Events(found=tuple(found), version=version, belongs=belongs)


async def follow(api: kube.Api, namespace: str, since: Events) -> AsyncIterator[Happening]:
    """Yield what happens after `since`, as it comes."""
    lines = api.watch(Resource.EVENTS, namespace, resource_version=since.version)
    async with contextlib.aclosing(lines):
        async for line in lines:
            event = msgspec.json.decode(line)
            if event["type"] in ("ADDED", "MODIFIED") and since.belongs(event["object"]):
                yield happening(event["object"])


def happening(event: Raw) -> Happening:
    """Return an Event as it is told."""
    regarding = event.get("regarding") or {}
    kind = str(event.get("type", ""))
    count = (event.get("series") or {}).get("count") or event.get("deprecatedCount") or 1
    return Happening(
        when=_when(event),
        warning=kind == "Warning",
        kind=kind,
        reason=str(event.get("reason", "")),
        object=f"{str(regarding.get('kind', '')).lower()}/{regarding.get('name', '')}",
        message=str(event.get("note", "")),
        count=int(count),
    )


async def _belonging(api: kube.Api, namespace: str, application: str) -> Callable[[Raw], bool]:
    """Return what tells whether an event is about the application or a part of it."""
    sets, servers, operations = await reading.below(api, namespace, application)
    chosen = {each.metadata.name for each in operations if each.spec.application == application}
    parts = {each.metadata.name for each in (*sets, *servers)}

    def mine(event: Raw) -> bool:
        regarding = event.get("regarding") or {}
        kind, name = regarding.get("kind", ""), regarding.get("name", "")
        ours = str(regarding.get("apiVersion", "")).startswith(_OURS)
        if not application:
            return ours or name in parts
        if kind == "Operation":
            return name in chosen
        return (kind == "Application" and ours and name == application) or name in parts

    return mine


def _when(event: Raw) -> str:
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("deprecatedLastTimestamp")
        or event.get("eventTime")
        or event.get("metadata", {}).get("creationTimestamp")
        or ""
    )
