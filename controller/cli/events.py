"""`events`: what happened to an application and all that belongs to it, the latest last."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import rich.table

from controller.api import clock, names, objects
from controller.api.resources import Resource
from controller.cli import reading, screen
from controller.cli.session import Session

_OURS = f"{names.GROUP}/"


async def show(session: Session, application: str, watch: bool, form: str) -> int:
    """Print the events of an application, or of all."""
    if application:
        # An application that does not exist has no events, which would read as good news.
        await reading.one(session.api, objects.Application, session.namespace, application)
    listed = msgspec.json.decode(await session.api.list(Resource.EVENTS, session.namespace))
    mine = await _belonging(session, application)
    found = sorted((each for each in listed["items"] if mine(each)), key=_when)
    if form in ("json", "yaml"):
        screen.data(found, form)
        return 0
    if not found and not watch:
        screen.note("No events: Argosy records only what a person would want to know.")
        return 0
    screen.output().print(table(found))
    if watch:
        await _watch(session, listed["metadata"]["resourceVersion"], mine)
    return 0


def table(found: Sequence[dict[str, Any]], *, header: bool = True) -> rich.table.Table:
    """Return events as a table."""
    drawn = rich.table.Table(
        box=None, pad_edge=False, header_style="bold", show_header=header, show_edge=False
    )
    for name in ("AGE", "TYPE", "REASON", "OBJECT", "MESSAGE"):
        drawn.add_column(name, no_wrap=name != "MESSAGE", overflow="fold")
    for each in found:
        regarding = each.get("regarding") or {}
        kind = each.get("type", "")
        colour = "yellow" if kind == "Warning" else "default"
        seconds = max(0.0, screen.now() - clock.parse(_when(each)))
        count = (each.get("series") or {}).get("count") or each.get("deprecatedCount") or 1
        note = screen.escape(str(each.get("note", "")))
        drawn.add_row(
            screen.age(seconds),
            f"[{colour}]{kind}[/]",
            str(each.get("reason", "")),
            f"{str(regarding.get('kind', '')).lower()}/{regarding.get('name', '')}",
            f"{note} ({count} times)" if count > 1 else note,
        )
    return drawn


async def _watch(session: Session, version: str, mine: Callable[[dict[str, Any]], bool]) -> None:
    lines = session.api.watch(Resource.EVENTS, session.namespace, resource_version=version)
    async with contextlib.aclosing(lines):
        async for line in lines:
            event = msgspec.json.decode(line)
            if event["type"] in ("ADDED", "MODIFIED") and mine(event["object"]):
                screen.output().print(table([event["object"]], header=False))


async def _belonging(session: Session, application: str) -> Callable[[dict[str, Any]], bool]:
    """Return what tells whether an event is about the application or a part of it."""
    operations = await reading.many(session.api, objects.Operation, session.namespace)
    chosen = {each.metadata.name for each in operations if each.spec.application == application}
    sets, servers, _ = await reading.below(session.api, session.namespace, application)
    parts = {each.metadata.name for each in (*sets, *servers)}

    def mine(event: dict[str, Any]) -> bool:
        regarding = event.get("regarding") or {}
        kind, name = regarding.get("kind", ""), regarding.get("name", "")
        ours = str(regarding.get("apiVersion", "")).startswith(_OURS)
        if not application:
            return ours or name in parts
        if kind == "Operation":
            return name in chosen
        return (kind == "Application" and ours and name == application) or name in parts

    return mine


def _when(event: dict[str, Any]) -> str:
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("deprecatedLastTimestamp")
        or event.get("eventTime")
        or event.get("metadata", {}).get("creationTimestamp")
        or ""
    )
