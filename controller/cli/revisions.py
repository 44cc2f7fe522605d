"""`history` and `diff`: the revisions of each component, and what sets two of them apart."""

from __future__ import annotations

import collections
import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import rich.table
import yaml

from controller.api import clock, names, objects
from controller.cli import failures, reading, screen
from controller.cli.session import Session
from controller.kinds.revisions import rejection


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of a component."""

    component: str
    number: int
    revision: str
    age_seconds: int
    target: bool
    proven: bool
    rejected: str
    servers: int
    images: tuple[str, ...]
    data: dict[str, object]


async def history(session: Session, application: str, component: str, form: str) -> int:
    """List the revisions of an application, the newest first."""
    found = await _revisions(session, application, component)
    if form in ("json", "yaml"):
        screen.data(found, form)
    else:
        screen.output().print(table(found))
    return 0


async def diff(session: Session, application: str, component: str, revision: str) -> int:
    """Print what sets a revision apart from the one that servers should run now."""
    found = await _revisions(session, application, component)
    by_component: dict[str, list[Revision]] = collections.defaultdict(list)
    for each in found:
        by_component[each.component].append(each)
    if revision and not any(each.revision.startswith(revision) for each in found):
        known = ", ".join(each.revision for each in found)
        raise failures.UsageError(f"there is no revision {revision!r}, but {known}")
    for name, revisions in by_component.items():
        now = next((each for each in revisions if each.target), revisions[0])
        other = _other(revisions, now, revision)
        if other is None:
            if not revision:
                screen.note(f"{name}: {now.revision} is its only revision")
            continue
        for line in difference(other, now):
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            text = screen.escape(line)
            screen.say(f"[{colour}]{text}[/]" if colour else text)
    return 0


def difference(before: Revision, after: Revision) -> Iterator[str]:
    """Yield a unified diff of two revisions."""
    old, new = (yaml.safe_dump(each.data, sort_keys=True).splitlines() for each in (before, after))
    yield from difflib.unified_diff(
        old,
        new,
        f"{before.component} {before.revision} (#{before.number})",
        f"{after.component} {after.revision} (#{after.number})",
        lineterm="",
    )


def table(found: Sequence[Revision]) -> rich.table.Table:
    """Return the revisions as a table."""
    drawn = rich.table.Table(box=None, pad_edge=False, header_style="bold")
    for name in ("COMPONENT", "REVISION", "HASH", "AGE", "SERVERS", "STATE", "IMAGES"):
        drawn.add_column(name, no_wrap=name != "IMAGES", overflow="fold")
    for each in found:
        states = [
            word for word, holds in (("target", each.target), ("proven", each.proven)) if holds
        ]
        states += [f"[red]rejected: {each.rejected}[/]"] if each.rejected else []
        drawn.add_row(
            each.component,
            str(each.number),
            each.revision,
            screen.age(each.age_seconds),
            str(each.servers),
            ", ".join(states),
            ", ".join(each.images),
        )
    return drawn


async def _revisions(session: Session, application: str, component: str) -> list[Revision]:
    found = await reading.one(session.api, objects.Application, session.namespace, application)
    known = [each.name for each in found.spec.components]
    if component and component not in known:
        raise failures.UsageError(f"{application} has no component {component!r}, but {known}")
    selector = f"{names.APPLICATION_LABEL}={application}"
    stored = await reading.many(
        session.api, objects.ControllerRevision, session.namespace, selector
    )
    servers = await reading.many(session.api, objects.Server, session.namespace, selector)
    running = collections.Counter((each.spec.component, each.status.revision) for each in servers)
    told = {each.name: each for each in found.status.components}
    mine = [
        each
        for each in stored
        if (owner := each.metadata.controller) and owner.uid == found.metadata.uid
    ]
    drawn = [_revision(each, told, running) for each in mine]
    return sorted(
        (each for each in drawn if component in ("", each.component)),
        key=lambda each: (each.component, -each.number),
    )


def _revision(
    stored: objects.ControllerRevision,
    told: Mapping[str, objects.ComponentStatus],
    running: Mapping[tuple[str, str], int],
) -> Revision:
    labels = stored.metadata.labels
    component = labels.get(names.COMPONENT_LABEL, "")
    revision = labels.get(names.REVISION_LABEL, "")
    status = told.get(component)
    data = msgspec.json.decode(stored.data)
    spec = ((data.get("template") or {}).get("spec")) or {}
    return Revision(
        component=component,
        number=stored.revision,
        revision=revision,
        age_seconds=int(screen.now() - clock.parse(stored.metadata.creation_timestamp)),
        target=status is not None and status.revision == revision,
        proven=names.PROVEN_ANNOTATION in stored.metadata.annotations
        or (status is not None and status.proven_revision == revision),
        rejected=_rejection(stored),
        servers=running.get((component, revision), 0),
        images=tuple(each.get("image", "") for each in spec.get("containers") or ()),
        data=data,
    )


def _rejection(stored: objects.ControllerRevision) -> str:
    """Return why a revision is rejected; empty where it is not."""
    rejected = rejection.read(stored)
    return rejected.reason if rejected is not None else ""


def _other(revisions: Sequence[Revision], now: Revision, wanted: str) -> Revision | None:
    """Return the revision that is asked for, or the one before `now`."""
    if wanted:
        return next((each for each in revisions if each.revision.startswith(wanted)), None)
    older = [each for each in revisions if each.revision != now.revision]
    before = [each for each in older if each.number < now.number]
    return next(iter(before or older), None)
