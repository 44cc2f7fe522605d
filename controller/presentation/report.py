"""A support bundle: what a helper would ask for, part by part, with secrets taken out.

`report` writes the parts into a file. What is a screen for people is handed over as data, to be
drawn as it is drawn elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from importlib import metadata
from typing import Any

import msgspec
import yaml

from controller import errors
from controller.api import conditions, names, nesting, objects, resources
from controller.api.resources import PLACES, Resource
from controller.planning import keys
from controller.planning.keys import Key
from controller.presentation import answers, inspection, pictures, redaction
from controller.presentation.answers import Answer
from controller.presentation.pictures import ApplicationPicture
from controller.presentation.reading import Cluster
from controller.presentation.references import Reference

WIDTH = 120
# Of each kind so many objects; what is in trouble is explained one by one, so many at most.
MOST_OBJECTS = 2000
MOST_EXPLAINED = 30
# YAML is written by code that follows it level by level, and nobody reads it so deep.
MOST_LEVELS = 50
OWN = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.OPERATIONS,
    Resource.FLEETS,
)
LABELLED = (Resource.PODS, Resource.REVISIONS, Resource.CLAIMS, Resource.JOBS)
# A name, and what is under it.
Part = tuple[str, str | ApplicationPicture | Answer]


async def parts(api: Cluster, namespace: str, application: str, now: float) -> AsyncIterator[Part]:
    """Yield the parts of the bundle of a namespace, or of one application in it."""
    yield "versions.yaml", await _versions(api, namespace, now)
    for resource in (*OWN, *LABELLED, Resource.EVENTS):
        selector = names.APPLICATION_LABEL if resource in LABELLED else ""
        if application and resource in (Resource.SERVERSETS, Resource.SERVERS, *LABELLED):
            selector = f"{names.APPLICATION_LABEL}={application}"
        space = namespace if PLACES[resource].namespaced else ""
        try:
            text = await api.list(resource, space, label_selector=selector, limit=MOST_OBJECTS)
        except errors.ArgosyError as error:
            yield f"{resource}.error.txt", f"{error}\n"
            continue
        if nesting.is_deeper(text, MOST_LEVELS):
            text = nesting.cut(text, MOST_LEVELS)
        listed = msgspec.json.decode(text)
        items = [redaction.redact(each) for each in listed.get("items") or ()]
        yield f"{resource}.yaml", yaml.safe_dump_all(items, sort_keys=False, width=WIDTH)
    try:
        async for part in _answers(api, namespace, application, now):
            yield part
    except errors.ArgosyError as error:
        yield "why.error.txt", f"{error}\n"


async def _answers(
    api: Cluster, namespace: str, application: str, now: float
) -> AsyncIterator[Part]:
    """Yield the screens that a person would look at first."""
    said = await answers.operator(api, now)
    async with inspection.look(api, namespace) as look:
        caches = look.caches
        chosen = [
            each
            for each in caches.of(objects.Application).objects.values()
            if application in ("", each.metadata.name)
        ]
        drawn = pictures.pictures(
            chosen,
            caches.of(objects.ServerSet).objects.values(),
            caches.of(objects.Server).objects.values(),
            caches.of(objects.Operation).objects.values(),
            now,
        )
        for each in drawn:
            yield f"status/{each.name}.txt", each
        for key in _troubled(look, {each.metadata.name for each in chosen}):
            meant = Reference(resource=key.resource, name=key.name)
            found = answers.walk(look, meant, key.namespace)
            if found is not None:
                told = dataclasses.replace(found, operator=said, notes=look.notes)
                yield f"why/{meant.kind.lower()}-{key.name}.txt", told


def _troubled(look: inspection.Inspection, mine: set[str]) -> list[Key]:
    found = [
        keys.of(Resource.APPLICATIONS, each)
        for each in look.caches.of(objects.Application).objects.values()
        if each.metadata.name in mine
    ]
    for view in (objects.ServerSet, objects.Operation, objects.Server):
        cached: Mapping[Any, Any] = look.caches.of(view).objects
        found += [
            keys.of(resources.of(view), each)
            for each in cached.values()
            if each.spec.application in mine
            and not conditions.is_true(each.status.conditions, PLACES[resources.of(view)].verdict)
        ]
    return found[:MOST_EXPLAINED]


async def _versions(api: Cluster, namespace: str, now: float) -> str:
    known: dict[str, Any] = {
        "argosy": metadata.version("argosy"),
        "namespace": namespace,
        "operator": await answers.operator(api, now) or "at work, or not to be seen",
    }
    try:
        known["kubernetes"] = msgspec.json.decode(await api.raw("/version"))
    except errors.ArgosyError as error:
        known["kubernetes"] = str(error)
    return yaml.safe_dump(known, sort_keys=False)
