"""The revisions of each component, and what sets two of them apart.

`history` and `diff` come here. Marks are read where the planners read them.
"""

from __future__ import annotations

import collections
import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import yaml

from controller.api import clock, names, objects, tags
from controller.kinds.revisions import proven_revisions, rejection
from controller.kube import api as kube
from controller.presentation import reading
from controller.presentation.problems import UsageError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of a component; `rejected` says why it is not to run, where it is not."""

    component: str
    number: int
    revision: str
    age_seconds: int
    target: bool
    proven: bool
    rejected: str
    servers: int
    images: tuple[str, ...]
    # The Build of the image and its commit; empty where the image was not built by Argosy.
    build: str
    commit: str
    data: dict[str, object]


async def read(
    api: kube.Api, namespace: str, application: str, component: str, now: float
) -> list[Revision]:
    """Return the revisions of an application, or of one component of it, the newest first."""
    found = await reading.one(api, objects.Application, namespace, application)
    known = [each.name for each in found.spec.components]
    if component and component not in known:
        raise UsageError(f"{application} has no component {component!r}, but {known}")
    selector = f"{names.APPLICATION_LABEL}={application}"
    stored = await reading.many(api, objects.ControllerRevision, namespace, selector)
    servers = await reading.many(api, objects.Server, namespace, selector)
    return revisions(found, stored, servers, component, now)


def revisions(
    application: objects.Application,
    stored: Sequence[objects.ControllerRevision],
    servers: Sequence[objects.Server],
    component: str,
    now: float,
) -> list[Revision]:
    """Return those of the `stored` revisions that are the application's, the newest first."""
    running = collections.Counter((each.spec.component, each.status.revision) for each in servers)
    told = {each.name: each for each in application.status.components}
    mine = [
        each
        for each in stored
        if (owner := each.metadata.controller) and owner.uid == application.metadata.uid
    ]
    found = [_revision(each, told, running, now) for each in mine]
    return sorted(
        (each for each in found if component in ("", each.component)),
        key=lambda each: (each.component, -each.number),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference between the revision that a component's servers should run and another one.

    Without `other` there is none that it could be compared with.
    """

    now: Revision
    other: Revision | None

    def lines(self) -> Iterator[str]:
        """Yield a unified diff; nothing where there is nothing to compare with."""
        if self.other is not None:
            yield from difference(self.other, self.now)


def compare(found: Sequence[Revision], wanted: str) -> list[Comparison]:
    """Return a comparison for each component: with the `wanted` revision, or the one before.

    Components that have no such revision are left out; raises UsageError where none has.
    """
    if wanted and not any(each.revision.startswith(wanted) for each in found):
        known = ", ".join(each.revision for each in found)
        raise UsageError(f"there is no revision {wanted!r}, but {known}")
    by_component: dict[str, list[Revision]] = collections.defaultdict(list)
    for each in found:
        by_component[each.component].append(each)
    made = []
    for mine in by_component.values():
        now = next((each for each in mine if each.target), mine[0])
        other = _other(mine, now, wanted)
        if other is not None or not wanted:
            made.append(Comparison(now=now, other=other))
    return made


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


def _spec(data: Any) -> dict[str, Any]:
    """Return the pod's spec in a record; empty where somebody made something else of it."""
    for name in ("template", "spec"):
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _revision(
    stored: objects.ControllerRevision,
    told: Mapping[str, objects.ComponentStatus],
    running: Mapping[tuple[str, str], int],
    now: float,
) -> Revision:
    labels = stored.metadata.labels
    component = labels.get(names.COMPONENT_LABEL, "")
    revision = labels.get(names.REVISION_LABEL, "")
    status = told.get(component)
    found = msgspec.json.decode(stored.data)
    data = found if isinstance(found, dict) else {}
    containers = _spec(data).get("containers")
    mark = rejection.read(stored)
    return Revision(
        component=component,
        number=stored.revision,
        revision=revision,
        age_seconds=int(now - clock.parse(stored.metadata.creation_timestamp)),
        target=status is not None and status.revision == revision,
        proven=proven_revisions.is_marked(stored)
        or (status is not None and status.proven_revision == revision),
        rejected=_why(mark, component) if mark is not None else "",
        servers=running.get((component, revision), 0),
        images=tuple(
            str(each.get("image", ""))
            for each in (containers if isinstance(containers, list) else ())
            if isinstance(each, dict)
        ),
        build=tags.text(stored.metadata.annotations, names.BUILD_ANNOTATION),
        commit=tags.text(stored.metadata.annotations, names.COMMIT_ANNOTATION),
        data=data,
    )


def _why(mark: rejection.Rejection, component: str) -> str:
    """Return the reason of a rejection, with what failed where that is another component."""
    other = mark.component not in ("", component)
    return f"{mark.reason} of {mark.component} {mark.revision}" if other else mark.reason


def _other(revisions: Sequence[Revision], now: Revision, wanted: str) -> Revision | None:
    """Return the revision that is asked for, or the one before `now`."""
    if wanted:
        return next((each for each in revisions if each.revision.startswith(wanted)), None)
    older = [each for each in revisions if each.revision != now.revision]
    before = [each for each in older if each.number < now.number]
    return next(iter(before or older), None)
