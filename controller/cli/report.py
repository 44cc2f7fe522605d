"""`report`: a support bundle, a tar file of what a helper would ask for, with secrets taken out."""

from __future__ import annotations

import io
import pathlib
import re
import tarfile
import time
from collections.abc import AsyncIterator, Mapping
from importlib import metadata
from typing import Any

import msgspec
import rich.console
import yaml

from controller import errors
from controller.api import conditions, names, nesting, objects, resources
from controller.api.resources import PLACES, Resource
from controller.cli import references, screen, status, status_text, why
from controller.cli.session import Session
from controller.planning import keys
from controller.planning.keys import Key
from controller.presentation import inspection

REDACTED = "(redacted)"
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

# Fields whose values may hold what must not leave: of env, of http steps, of people's own.
_SECRET_FIELDS = frozenset(
    {"value", "headers", "body", "parameters", "stringData", "command", "args", "managedFields"}
)
_SECRET_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"  # noqa: S105 - a name
_SECRET_TEXT = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|token|secret|api[-_]?key))\s*[=:]\s*|bearer\s+)\S+"
)
_SECRET_URL = re.compile(r"(\w+://)[^/\s:@]+:[^/\s@]+@")


async def write(session: Session, application: str, file: pathlib.Path | None) -> int:
    """Write the bundle of a namespace, or of one application in it, and say where it is."""
    target = file or pathlib.Path(f"argosy-report-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz")
    count = 0
    with tarfile.open(target, "w:gz") as bundle:
        async with screen.working("collecting") as work:
            async for name, text in _parts(session, application):
                work.say(f"collecting {name}")
                data = scrub(text).encode()
                entry = tarfile.TarInfo(f"argosy-report/{name}")
                entry.size, entry.mtime = len(data), int(screen.now())
                bundle.addfile(entry, io.BytesIO(data))
                count += 1
    screen.say(f"wrote {target}: {count} files")
    screen.note(
        "Values of env, commands, arguments, headers, bodies, parameters and whatever looks like a"
        " password are taken out. Secrets were not read. Look through it before you send it."
    )
    return 0


def redact(value: Any) -> Any:
    """Return an object without what may be secret; what is there is still told to be there."""
    if isinstance(value, dict):
        return {key: _field(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [redact(each) for each in value]
    return value


def scrub(text: str) -> str:
    """Return text without what looks like a credential."""
    return _SECRET_URL.sub(rf"\1{REDACTED}@", _SECRET_TEXT.sub(rf"\1{REDACTED}", text))


def _field(key: str, value: Any) -> Any:
    if key not in _SECRET_FIELDS and key != _SECRET_ANNOTATION:
        return redact(value)
    if isinstance(value, dict):
        return dict.fromkeys(value, REDACTED)
    return (
        [REDACTED] * len(value) if isinstance(value, list) and key != "managedFields" else REDACTED
    )


async def _parts(session: Session, application: str) -> AsyncIterator[tuple[str, str]]:
    yield "versions.yaml", await _versions(session)
    for resource in (*OWN, *LABELLED, Resource.EVENTS):
        selector = names.APPLICATION_LABEL if resource in LABELLED else ""
        if application and resource in (Resource.SERVERSETS, Resource.SERVERS, *LABELLED):
            selector = f"{names.APPLICATION_LABEL}={application}"
        space = session.namespace if PLACES[resource].namespaced else ""
        try:
            text = await session.api.list(
                resource, space, label_selector=selector, limit=MOST_OBJECTS
            )
        except errors.ArgosyError as error:
            yield f"{resource}.error.txt", f"{error}\n"
            continue
        if nesting.is_deeper(text, MOST_LEVELS):
            text = nesting.cut(text, MOST_LEVELS)
        listed = msgspec.json.decode(text)
        items = [redact(each) for each in listed.get("items") or ()]
        yield f"{resource}.yaml", yaml.safe_dump_all(items, sort_keys=False, width=WIDTH)
    try:
        async for part in _answers(session, application):
            yield part
    except errors.ArgosyError as error:
        yield "why.error.txt", f"{error}\n"


async def _answers(session: Session, application: str) -> AsyncIterator[tuple[str, str]]:
    """Yield the screens that a person would look at first."""
    said = await why.operator(session.api)
    async with inspection.look(session.api, session.namespace) as look:
        caches, now = look.caches, screen.now()
        chosen = [
            each
            for each in caches.of(objects.Application).objects.values()
            if application in ("", each.metadata.name)
        ]
        drawn = status.draw_all(
            chosen,
            [*caches.of(objects.ServerSet).objects.values()],
            [*caches.of(objects.Server).objects.values()],
            [*caches.of(objects.Operation).objects.values()],
        )
        for each in drawn:
            yield f"status/{each.name}.txt", _text(status_text.draw(each, now, wide=True))
        mine = {each.metadata.name for each in chosen}
        for key in _troubled(look, mine):
            found, planned = look.plan(key)
            meant = references.Reference(resource=key.resource, name=key.name)
            if found is not None:
                answer = why.answer(meant, key.namespace, found, planned, (said, *look.notes))
                yield f"why/{meant.kind.lower()}-{key.name}.txt", _text(why.draw(answer, now))


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
            and not conditions.is_true(each.status.conditions, "Ready")
            and not conditions.is_true(each.status.conditions, "Succeeded")
        ]
    return found[:MOST_EXPLAINED]


async def _versions(session: Session) -> str:
    known: dict[str, Any] = {
        "argosy": metadata.version("argosy"),
        "namespace": session.namespace,
        "operator": await why.operator(session.api) or "at work, or not to be seen",
    }
    try:
        known["kubernetes"] = msgspec.json.decode(await session.api.raw("/version"))
    except errors.ArgosyError as error:
        known["kubernetes"] = str(error)
    return yaml.safe_dump(known, sort_keys=False)


def _text(drawn: rich.console.RenderableType) -> str:
    console = rich.console.Console(width=WIDTH, file=io.StringIO(), no_color=True, emoji=False)
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()
