"""A support bundle: what a helper would ask for, part by part, and nothing that is secret.

Of each object there is what `fields` names; of all text, what `redaction` leaves. The command
`report` writes the parts into a file. A screen for people is handed over as data, to be drawn as
elsewhere.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator, Mapping
from importlib import metadata
from typing import Any

import msgspec
import yaml

from controller import errors
from controller.api import conditions, names, nesting, objects, resources
from controller.api.resources import OURS, PLACES, Resource
from controller.planning import keys
from controller.planning.keys import Key
from controller.presentation import (
    answers,
    fields,
    inspection,
    operators,
    pictures,
    redaction,
)
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
# Of each of its processes, and of the one before that, so many lines.
MOST_LINES = 2000
LABELLED = (Resource.PODS, Resource.REVISIONS, Resource.CLAIMS, Resource.JOBS)
# A name, and what is under it.
Part = tuple[str, str | ApplicationPicture | Answer]


async def parts(api: Cluster, namespace: str, application: str, now: float) -> AsyncIterator[Part]:
    """Yield the parts of the bundle of a namespace, or of one application in it."""
    yield "versions.yaml", await _versions(api, namespace, now)
    for resource in (*OURS, *LABELLED, Resource.EVENTS):
        selector = names.APPLICATION_LABEL if resource in LABELLED else ""
        if application and resource in (Resource.SERVERSETS, Resource.SERVERS, *LABELLED):
            selector = f"{names.APPLICATION_LABEL}={application}"
        space = namespace if PLACES[resource].namespaced else ""
        yield await _objects(api, resource, space, selector, str(resource))
    async for name, text in _operator(api):
        yield name, text
    try:
        async for part in _answers(api, namespace, application, now):
            yield part
    except errors.ArgosyError as error:
        yield "why.error.txt", f"{error}\n"


async def _objects(
    api: Cluster, resource: Resource, namespace: str, selector: str, name: str
) -> tuple[str, str]:
    """Return the objects of a kind, or why they cannot be read."""
    try:
        items = await _listed(api, resource, namespace, selector)
    except errors.ArgosyError as error:
        return f"{name}.error.txt", f"{error}\n"
    chosen = [fields.choose(resource, each) for each in items]
    return f"{name}.yaml", yaml.safe_dump_all(chosen, sort_keys=False, width=WIDTH)


async def _listed(api: Cluster, resource: Resource, namespace: str, selector: str) -> list[Any]:
    text = await api.list(resource, namespace, label_selector=selector, limit=MOST_OBJECTS)
    if nesting.is_deeper(text, MOST_LEVELS):
        text = nesting.cut(text, MOST_LEVELS)
    return list(msgspec.json.decode(text).get("items") or ())


async def _operator(api: Cluster) -> AsyncIterator[tuple[str, str]]:
    """Yield how the operator is installed, how its pods stand, and what they have logged."""
    for resource in (Resource.DEPLOYMENTS, Resource.PODS):
        yield await _objects(api, resource, "", operators.SELECTOR, f"operator/{resource}")
    try:
        pods = await _listed(api, Resource.PODS, "", operators.SELECTOR)
    except errors.ArgosyError:
        return
    for pod, previous in itertools.product(pods, (False, True)):
        meta = pod["metadata"]
        name = f"operator/{meta['namespace']}-{meta['name']}{'-previous' if previous else ''}"
        try:
            told = api.logs(
                meta["namespace"], meta["name"], tail_lines=MOST_LINES, previous=previous
            )
            lines = [each.decode(errors="replace") async for each in told]
        except errors.ArgosyError as error:
            # Most processes have had none before them.
            if not previous:
                yield f"{name}.error.txt", f"{error}\n"
        else:
            yield f"{name}.log", "".join(f"{redaction.scrub(each.rstrip())}\n" for each in lines)


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
