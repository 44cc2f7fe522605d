"""How the source of each component stands: which image is in use, and which Builds are wanted.

Called by the Application planner. A Build that fails, is lost or takes its time changes nothing of
what runs: until there is an image of the source that is asked for, the component stays as it is,
with all that was changed together with its source.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from controller.api import clock, names, objects, tags
from controller.kinds.application import build_manifests
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.revisions import contents, images, proven_revisions, rejection
from controller.planning import builds, verdict, writes
from controller.planning.ownership import owned_by
from controller.planning.plan import Action, soonest


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildStanding:
    """The source of one component, its Builds, and the image that is in use."""

    application: str
    component: objects.Component
    source: objects.Source
    # The source that is asked for, as a hash.
    key: str
    # The Builds that the application controls, by their numbers, and those that nobody does.
    own: tuple[objects.Build, ...]
    found: tuple[objects.Build, ...]
    # Names that are taken, by whomever.
    taken: frozenset[str]
    # The component's image as the application's status remembers it from before.
    told: objects.ComponentImage
    # The image of the source that is asked for, whose it is, and its commit; empty: there is none.
    image: str = ""
    build: str = ""
    commit: str = ""

    @property
    def latest(self) -> objects.Build | None:
        """The Build of the highest number."""
        return self.own[-1] if self.own else None

    @property
    def number(self) -> int:
        """The highest number that a Build of the component had."""
        return max(self.told.number, self.latest.spec.number if self.latest else 0)

    @property
    def next_number(self) -> int:
        """The number of the next Build: names that others took are left to them."""
        number = self.number + 1
        while names.build(self.application, self.component.name, number) in self.taken:
            number += 1
        return number

    @property
    def request(self) -> str:
        """The latest request that has its Build."""
        asked = [each.spec.request for each in self.own if each.spec.request]
        return asked[-1] if asked else self.told.request

    @property
    def built_last(self) -> str:
        """The source that the latest Build was made for, as a hash."""
        return builds.source_key(self.latest.spec.source) if self.latest else self.told.source

    @property
    def unfinished(self) -> tuple[objects.Build, ...]:
        """The Builds that have not ended."""
        return tuple(each for each in self.own if not verdict.finished(each))

    @property
    def failure(self) -> objects.Build | None:
        """The latest Build that ended, where it failed and no other is to come."""
        ended = [each for each in self.own if verdict.finished(each)]
        if self.unfinished or not ended or builds.has_succeeded(ended[-1]):
            return None
        return ended[-1]

    @property
    def record(self) -> objects.ComponentImage:
        """The record that the application keeps of the image, should all Builds be gone."""
        kept = self.told
        return objects.ComponentImage(
            number=self.number,
            source=self.built_last,
            request=self.request,
            build=self.build or kept.build,
            built_from=self.key if self.image else kept.built_from,
            commit=self.commit or kept.commit,
            image=self.image or kept.image,
        )


def stand(
    snapshot: ApplicationSnapshot, revisions: Sequence[objects.ControllerRevision]
) -> dict[str, BuildStanding]:
    """Return how the source of each component that has one stands."""
    application = snapshot.application
    told = {each.name: each.image for each in application.status.components}
    return {
        each.name: _standing(snapshot, each, each.source, told.get(each.name), revisions)
        for each in application.spec.components
        if each.source is not None
    }


def _standing(
    snapshot: ApplicationSnapshot,
    component: objects.Component,
    source: objects.Source,
    told: objects.ComponentImage | None,
    revisions: Sequence[objects.ControllerRevision],
) -> BuildStanding:
    application = snapshot.application
    every = [each for each in snapshot.builds if each.spec.component == component.name]
    own = builds.in_order(each for each in every if owned_by(each, application))
    bare = BuildStanding(
        application=application.metadata.name,
        component=component,
        source=source,
        key=builds.source_key(source),
        own=own,
        found=builds.in_order(each for each in every if each.metadata.controller is None),
        taken=frozenset(each.metadata.name for each in snapshot.builds),
        told=told or objects.ComponentImage(),
    )
    used = _in_use(bare, revisions)
    if used is not None:
        return dataclasses.replace(
            bare, image=used.status.image, build=used.metadata.name, commit=used.status.commit
        )
    kept = bare.told
    if kept.built_from == bare.key and kept.image:
        return dataclasses.replace(bare, image=kept.image, build=kept.build, commit=kept.commit)
    return bare


def _in_use(
    bare: BuildStanding, revisions: Sequence[objects.ControllerRevision]
) -> objects.Build | None:
    """Return the Build whose image is used: the highest number that succeeded for the source.

    A rejected image is left when another commit is built, not when the same one is built again: so
    the image of a rejected revision stands for all that were built from its commit.
    """
    good = builds.good(bare.own, bare.key)
    if not good:
        return None
    latest = good[-1]
    for each in good[:-1]:
        if each.status.commit and each.status.commit == latest.status.commit:
            asked = contents.of_component(images.with_image(bare.component, each.status.image))
            past = proven_revisions.past(revisions, bare.component.name, "")
            stored = past.find(asked.revision)
            if stored is not None and rejection.read(stored) is not None:
                return each
    return latest


# ---- what the component is to run


def built(
    standing: BuildStanding,
    server_set: objects.ServerSet | None,
    kept: objects.ControllerRevision | None,
) -> objects.Component | None:
    """Return the component as it is to run; None where it cannot be yet, for want of any image.

    Without an image of its source it stays as its set has it, or as the `kept` record of that.
    """
    if standing.image:
        return images.with_image(standing.component, standing.image)
    component = standing.component
    content = contents.of_server_set(server_set.spec) if server_set is not None else None
    if content is None and kept is not None:
        revision = proven_revisions.revision_of(kept)
        content = contents.on_record(kept, revision, component.volume_claims)
    if content is None:
        return None
    return images.as_is(component, content)


# ---- which Builds are wanted


def decide(snapshot: ApplicationSnapshot, standings: Mapping[str, BuildStanding]) -> list[Action]:
    """Return the Builds to make, to take up, and to forget."""
    actions: list[Action] = []
    for each in standings.values():
        actions += _take_up(snapshot.application, each)
        actions += _make(snapshot, each)
        actions += _forget(each)
    for build in _owned(snapshot):
        if build.spec.component not in standings:
            actions += _delete(build, "the component has no source any more")
    return actions


def take_down(snapshot: ApplicationSnapshot) -> list[Action]:
    """Return the deletes of all Builds: nothing waits for them."""
    return [
        action
        for each in _owned(snapshot)
        for action in _delete(each, "the application is deleted")
    ]


def wake_after(
    snapshot: ApplicationSnapshot, standings: Mapping[str, BuildStanding]
) -> float | None:
    """Return when to look for a new commit."""
    # A Build that is due now is asked for already.
    waits = (_until_poll(each, snapshot.now) or None for each in standings.values())
    return soonest(*waits)


def _owned(snapshot: ApplicationSnapshot) -> Iterable[objects.Build]:
    return (each for each in snapshot.builds if owned_by(each, snapshot.application))


def _take_up(application: objects.Application, standing: BuildStanding) -> Iterable[Action]:
    """Take up what somebody made by hand."""
    for each in _offered(standing):
        yield writes.patch(
            each,
            body={"metadata": {"ownerReferences": [build_manifests.owner(application)]}},
            why="somebody asked for it by hand",
            guarded=True,
        )


def _offered(standing: BuildStanding) -> tuple[objects.Build, ...]:
    """Return the Builds made by hand that are of the very source that the component has.

    Not one whose number is ahead of the next one: it could be so high that none came after it.
    """
    return tuple(
        each
        for each in standing.found
        if each.metadata.deletion_timestamp is None
        and each.spec.number <= standing.number + 1
        and builds.source_key(each.spec.source) == standing.key
    )


def _make(snapshot: ApplicationSnapshot, standing: BuildStanding) -> Iterable[Action]:
    request = tags.build_requested(snapshot.application.metadata)
    name = standing.component.name
    asked = request.means(name) and request.value != standing.request
    if asked:
        why = "somebody asked for it"
    elif standing.built_last != standing.key and not _offered(standing):
        why = "the component's source is new"
    elif _until_poll(standing, snapshot.now) == 0:
        why = "the time to look for a new commit has come"
    else:
        return
    yield writes.create(
        build_manifests.build(
            snapshot.application,
            standing.component.name,
            standing.source,
            number=standing.next_number,
            request=request if asked else tags.BuildRequest(value=""),
            only_if_changed=not asked and standing.built_last == standing.key,
        ),
        why=why,
    )


def _until_poll(standing: BuildStanding, now: float) -> float | None:
    """Return in how many seconds to look for a new commit; None where nobody wants that."""
    poll, latest = standing.source.poll_seconds, standing.latest
    if not poll or standing.unfinished or standing.built_last != standing.key:
        return None
    since = _looked_at(latest) if latest is not None else now - poll
    return max(0.0, since + poll - now)


def _looked_at(build: objects.Build) -> float:
    """Return when a Build looked for its commit, by the clock of whoever asks when to look again.

    The API server's clock may be behind by more than the poll, and each Build would be due at once.
    """
    status = build.status
    return clock.parse(
        status.start_time or status.completion_time or build.metadata.creation_timestamp
    )


def _forget(standing: BuildStanding) -> Iterable[Action]:
    """Delete the oldest Builds that are more than are to be kept; never what is needed."""
    keep, latest = standing.source.keep, standing.latest
    needed = {standing.build, latest.metadata.name if latest is not None else ""}
    over = [each for each in standing.own if verdict.finished(each)]
    for most, good in ((keep.succeeded, True), (keep.failed, False)):
        kind = [each for each in over if builds.has_succeeded(each) is good]
        for each in kind[: max(0, len(kind) - most)]:
            if each.metadata.name not in needed:
                yield from _delete(each, f"more than {most} older Builds (source.keep)")


def _delete(build: objects.Build, why: str) -> Iterable[Action]:
    if build.metadata.deletion_timestamp is None:
        yield writes.delete(build, why=why, guarded=False)


def marks(standing: BuildStanding | None) -> dict[str, str]:
    """Return what the record of a revision with a built image says of the image."""
    if standing is None or not standing.image:
        return {}
    return {
        names.BUILD_ANNOTATION: standing.build,
        names.COMMIT_ANNOTATION: standing.commit,
    }
