"""The ControllerRevisions of an application: made, numbered upwards, and kept as long as needed.

Called by the Application planner. ControllerRevisions hold what the user wrote, so that a component
can go back.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects
from controller.kinds.application import builds, set_manifests
from controller.kinds.application.components import ComponentRow, ComponentTable
from controller.kinds.revisions import contents, proven_revisions, rejection
from controller.planning import writes
from controller.planning.ownership import owned_by
from controller.planning.plan import Action, Delete

# JSON of other programs is exact up to here.
_MOST = 2**53


def decide(
    table: ComponentTable,
    application: objects.Application,
    revisions: tuple[objects.ControllerRevision, ...],
    in_use: frozenset[str],
) -> list[Action]:
    """Return the revisions to make, to number anew, and to forget; never one `in_use`.

    Servers refer to those, and could not be made again without them.
    """
    actions: list[Action] = []
    mine = [each for each in revisions if owned_by(each, application)]
    for name, row in table.rows.items():
        kept = sorted(
            (each for each in mine if _component(each) == name),
            key=lambda each: (each.revision, each.metadata.name),
        )
        actions += _record(application, row, kept)
        actions += _prove(row)
        actions += _prune(application, row, kept, in_use)
    for each in mine:
        component = _component(each)
        gone = component not in table.rows and component not in table.removed
        if gone and each.metadata.name not in in_use:
            actions.append(_delete(each, "the component is gone"))
    return actions


def _record(
    application: objects.Application, row: ComponentRow, kept: list[objects.ControllerRevision]
) -> Iterable[Action]:
    # Somebody may have numbered a record so high that the API server takes none above.
    highest = max((each.revision for each in kept if each.revision < _MOST), default=0)
    if row.unbuilt:
        return
    if row.stored is None:
        yield writes.create(
            set_manifests.controller_revision(
                application,
                row.component,
                row.wanted.revision,
                data=contents.data(row.component),
                number=highest + 1,
                annotations=builds.marks(row.standing),
            ),
            why="the revision keeps what the user wrote, for the component to go back to",
        )
    elif row.stored.revision < highest:
        yield writes.patch(
            row.stored,
            body={"revision": highest + 1},
            why="an older revision is asked for again",
            guarded=False,
        )
    yield from _restore(application, row, kept)


def _restore(
    application: objects.Application, row: ComponentRow, kept: list[objects.ControllerRevision]
) -> Iterable[Action]:
    """Make the record of what the set still says again, where somebody deleted it."""
    if row.server_set is None or row.going:
        return
    content = contents.of_server_set(row.server_set.spec)
    known = {proven_revisions.revision_of(each) for each in kept} | {row.wanted.revision}
    alternatives = row.server_set.spec.recovery.alternatives
    data = contents.data_of(content, alternatives) if content.revision not in known else None
    if data is None:
        return
    yield writes.create(
        set_manifests.controller_revision(
            application, row.component, content.revision, data=data, number=0
        ),
        why="somebody deleted it, and servers refer to it",
    )


def _prove(row: ComponentRow) -> Iterable[Action]:
    """Put on record that a revision was good, as the component leaves it: its set will forget."""
    stored = row.proven
    if stored is None or row.proven_revision == row.target.revision:
        return
    if not proven_revisions.is_marked(stored) and rejection.read(stored) is None:
        yield proven_revisions.mark(stored)


def _prune(
    application: objects.Application,
    row: ComponentRow,
    kept: list[objects.ControllerRevision],
    in_use: frozenset[str],
) -> Iterable[Action]:
    found = row.server_set
    needed = {row.wanted.revision, row.target.revision, row.proven_revision}
    if found is not None:
        needed |= {found.spec.revision, found.status.revision}
    named = {
        names.controller_revision(application.metadata.name, row.name, each) for each in needed
    }
    spare = [each for each in kept if each.metadata.name not in named | in_use]
    limit = application.spec.revision_history_limit
    for each in spare[: max(0, len(spare) - limit)]:
        yield _delete(each, f"more than {limit} older revisions (revisionHistoryLimit)")


def _component(stored: objects.ControllerRevision) -> str:
    return stored.metadata.labels.get(names.COMPONENT_LABEL, "")


def _delete(stored: objects.ControllerRevision, why: str) -> Delete:
    return writes.delete(
        stored,
        why=why,
        guarded=False,
    )
