"""An application's components, each with its set, its revisions, and what it waits for.

The Application planner decides from these; every decision about one component may look at those
that it depends on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from controller.api import conditions, objects
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.kinds.application import builds
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.revisions import contents, proven_revisions, rejection
from controller.kinds.revisions.contents import Content
from controller.planning import rendering
from controller.planning.ownership import owned_by


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRow:
    """One component: what is asked for, what is to run, and what is there."""

    component: objects.Component
    # The content that the user asks for, and its ControllerRevision once there is one.
    wanted: Content
    stored: objects.ControllerRevision | None
    # The last revision known to be good, or "", and the record of it if it is still stored.
    proven_revision: str
    proven: objects.ControllerRevision | None
    # The content to run if the one that is asked for is rejected: another that was good, or none.
    fallback: Content | None
    rejected: rejection.Rejection | None
    server_set: objects.ServerSet | None
    # The number of servers to be: the application's, or the one that others scaled the set to.
    replicas: int
    deletion: objects.Deletion
    # How its source stands, where it has one.
    standing: builds.BuildStanding | None = None
    # There is no image for it yet, and nothing that it could run instead.
    unbuilt: bool = False
    # The ordinals that a Stop left stopped.
    stopped: str = ""

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name

    @property
    def target(self) -> Content:
        """The revision that is to run: what is asked for, unless that is rejected."""
        if self.rejected is not None and self.fallback is not None:
            return self.fallback
        return self.wanted

    @property
    def held(self) -> bool:
        """Whether it stays as it is for want of an image of the source that is asked for."""
        return self.standing is not None and not self.standing.image and not self.unbuilt

    @property
    def reverted(self) -> bool:
        """Whether another revision runs than the user asks for."""
        return self.target.revision != self.wanted.revision

    @property
    def going(self) -> bool:
        """Whether the set is on its way out."""
        return (
            self.server_set is not None and self.server_set.metadata.deletion_timestamp is not None
        )

    @property
    def told(self) -> bool:
        """Whether the set's spec is all that it should be."""
        if self.server_set is None:
            return False
        spec = self.server_set.spec
        return (
            spec.replicas == self.replicas
            and same_content(spec, self.target)
            and spec.rollout == self.component.rollout
            and rendering.same(spec.recovery, self.component.recovery)
            and spec.deletion == self.deletion
            and spec.spread == self.component.spread
            and spec.drift == self.component.drift
            and spec.service == self.component.service
            and spec.server_metadata == self.component.server_metadata
            and (spec.start, spec.ordinals) == (self.component.start, self.component.ordinals)
        )

    @property
    def observed(self) -> bool:
        """Whether the set was told the target, and its status speaks of that."""
        found = self.server_set
        return (
            found is not None
            and not self.going
            and self.told
            and found.status.observed_generation == found.metadata.generation
            and found.status.revision == self.target.revision
        )

    @property
    def ready(self) -> conditions.Condition | None:
        """The set's own verdict on the target."""
        if self.server_set is None or not self.observed:
            return None
        return conditions.find(self.server_set.status.conditions, ConditionType.READY)

    @property
    def stalled(self) -> bool:
        """Whether the set says of the target that it does not get there by itself."""
        found = self.server_set
        if found is None or not self.observed:
            return False
        return conditions.is_true(found.status.conditions, ConditionType.STALLED)

    @property
    def converged(self) -> bool:
        """Whether every server is available at the target."""
        return self.ready is not None and self.ready.status == "True"

    @property
    def dependable(self) -> bool:
        """Whether those that depend on the component may go on.

        Servers that failed for good within the failure budget keep nobody waiting.
        """
        ready = self.ready
        return ready is not None and (
            ready.status == "True" or ready.reason == Reason.SERVERS_FAILED
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ComponentTable:
    """All components of an application, and the sets of components that it has no longer."""

    rows: Mapping[str, ComponentRow]
    removed: Mapping[str, objects.ServerSet]
    # Sets of the names that are needed but controlled by something else.
    foreign: tuple[objects.ServerSet, ...]

    def waits_for(self, row: ComponentRow) -> tuple[str, ...]:
        """Return the components that must be available at their target before `row` goes on."""
        return tuple(
            each
            for each in row.component.depends_on
            if each in self.rows and not self.rows[each].dependable
        )

    def first_made(self, row: ComponentRow) -> objects.ServerSet | None:
        """Return the first set that `row` waits for, however far off: nearer ones may not exist."""
        for each in self.waits_for(row):
            below = self.rows[each]
            found = below.server_set or self.first_made(below)
            if found is not None:
                return found
        return None

    def stuck(self, row: ComponentRow) -> bool:
        """Return whether something that `row` waits for, however far off, needs a person."""
        return any(
            self.rows[each].stalled or self.stuck(self.rows[each]) for each in self.waits_for(row)
        )

    @property
    def standings(self) -> dict[str, builds.BuildStanding]:
        """How the sources stand, of each component that has one."""
        return {name: row.standing for name, row in self.rows.items() if row.standing is not None}

    @property
    def wanted(self) -> dict[str, str]:
        """The revision that the user asks for, of each component."""
        return {name: row.wanted.revision for name, row in self.rows.items()}


def tabulate(snapshot: ApplicationSnapshot) -> ComponentTable:
    """Return the application's components with all that is known of each."""
    application = snapshot.application
    sets = {name: each for name, each in snapshot.sets.items() if owned_by(each, application)}
    foreign = tuple(each for each in snapshot.sets.values() if not owned_by(each, application))
    revisions = [each for each in snapshot.revisions if owned_by(each, application)]
    standings = builds.stand(snapshot, revisions)
    ready = {
        name: builds.built(each, sets.get(name), _kept(application, name, revisions))
        for name, each in standings.items()
    }
    parts = [ready.get(each.name) or each for each in application.spec.components]
    wanted = {
        each.name: contents.of_component(
            each, revisions, current=sets[each.name].spec.revision if each.name in sets else ""
        )
        for each in parts
    }
    asked = {name: content.revision for name, content in wanted.items()}
    rows = {
        each.name: _row(
            application,
            each,
            wanted=wanted[each.name],
            asked=asked,
            server_set=sets.get(each.name),
            revisions=revisions,
            standing=standings.get(each.name),
            unbuilt=each.name in ready and ready[each.name] is None,
        )
        for each in parts
    }
    removed = {name: each for name, each in sorted(sets.items()) if name not in rows}
    return ComponentTable(rows=rows, removed=removed, foreign=foreign)


def _kept(
    application: objects.Application,
    component: str,
    revisions: Sequence[objects.ControllerRevision],
) -> objects.ControllerRevision | None:
    """Return the record of the revision that the component last was to run."""
    told = next((each for each in application.status.components if each.name == component), None)
    past = proven_revisions.past(revisions, component, "")
    return past.find(told.revision) if told is not None and told.revision else None


def _row(
    owner: objects.Application,
    component: objects.Component,
    *,
    wanted: Content,
    asked: Mapping[str, str],
    server_set: objects.ServerSet | None,
    revisions: Sequence[objects.ControllerRevision],
    standing: builds.BuildStanding | None,
    unbuilt: bool,
) -> ComponentRow:
    told = next((each for each in owner.status.components if each.name == component.name), None)
    proven = server_set.status.proven_revision if server_set else ""
    proven = proven or (told.proven_revision if told else "")
    past = proven_revisions.past(revisions, component.name, proven)
    stored = past.find(wanted.revision)
    rejected = rejection.read(stored) if stored else None
    if rejected is not None and not rejection.stands(rejected, asked):
        rejected = None
    named = past.find(rejected.fallback) if rejected is not None and rejected.fallback else None
    return ComponentRow(
        component=component,
        wanted=wanted,
        stored=stored,
        proven_revision=proven,
        proven=past.find(proven),
        fallback=_content(named, component) or _content(past.choose({wanted.revision}), component),
        rejected=rejected,
        server_set=server_set,
        replicas=_replicas(component, server_set, told),
        deletion=owner.spec.deletion,
        standing=standing,
        unbuilt=unbuilt,
        stopped=server_set.spec.stopped if server_set else (told.stopped if told else ""),
    )


def _content(
    stored: objects.ControllerRevision | None, component: objects.Component
) -> Content | None:
    if stored is None:
        return None
    revision = proven_revisions.revision_of(stored)
    return contents.on_record(stored, revision, component.volume_claims)


def _replicas(
    component: objects.Component,
    server_set: objects.ServerSet | None,
    told: objects.ComponentStatus | None,
) -> int:
    """Return how many servers the component is to have.

    Replicas that the application names win. Left out, they are whatever somebody scaled the set to;
    and a set that was deleted by hand comes back with what its application last reported.
    """
    if component.replicas is not None:
        return component.replicas
    if server_set is not None:
        return server_set.spec.replicas
    return told.desired if told else 1


def same_content(spec: objects.ServerSetSpec, content: Content) -> bool:
    """Return whether the set has been told exactly this revision."""
    return (
        spec.revision == content.revision
        and rendering.same(spec.template, content.template)
        and rendering.same(spec.volume_claims, content.volume_claims)
    )
