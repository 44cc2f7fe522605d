"""The writes of a set into its servers' specs: which revision they run, and how often made anew.

Called by the ServerSet planner. `held`, `power` and `task` are others' to write. Policies, and what
a revision consists of, are not written at all: servers refer to them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import msgspec

from controller import contract
from controller.api import names, objects
from controller.api.choices import InPlace, Power
from controller.contract import incarnations
from controller.contract.reasons import ProviderReason
from controller.kinds.revisions import contents
from controller.kinds.serverset.assigning import Assigning
from controller.kinds.serverset.records import Records
from controller.planning import availability, census, rendering, writes
from controller.planning.census import Facts
from controller.planning.plan import Patch

# The fields that servers of 0.1 carry a copy of, which goes with the next write.
_COPIES = ("template", "volumeClaims", "recovery", "deletion", "minReadySeconds")


class Upkeep:
    """Makes the patches that bring servers to a set's revision, and put right their labels."""

    def __init__(
        self, server_set: objects.ServerSet, records: Records, fleet: contract.FleetFacts
    ) -> None:
        """Prepare for the servers of `server_set`, which come from `fleet`."""
        self._spec = server_set.spec
        self._records = records
        self._possible = contract.Capability.CHANGE_IN_PLACE in fleet.capabilities
        self._stops = contract.Capability.STOP in fleet.capabilities
        self._can_change = (
            fleet.can_change if self._spec.rollout.in_place == InPlace.WHEN_POSSIBLE else _is_same
        )
        self._target = contents.of_server_set(self._spec)

    def bring(
        self, facts: Facts, *, why: str, where: Assigning | None = None, moves: bool = False
    ) -> Patch:
        """Return the patch that brings the server to the set's revision, in place where that works.

        In place only while the server is well: what is down is better off with a fresh start, and
        what `moves` is to be elsewhere. Not so what a person has stopped, or of which nobody can
        tell how it is. An instance that never left the revision stays, well or not: the size that
        it was asked to take was refused, say, and is taken back.
        Guarded by the version planned from: meanwhile a person may have taken hold of the server.
        """
        told = facts.server.spec
        spec: dict[str, object] = {}
        if told.revision != self._spec.revision:
            spec["revision"] = self._spec.revision
        well = facts.ready or _is_unheard(facts.server) or self._is_kept(told)
        well = self._possible and well and self._becomes(told)
        if moves or not (well or self._never_left(facts.server)):
            spec |= incarnations.raised(facts.server)
            # One that moves may do so within its domain, off a node.
            domain = where.again(facts.server) if where is not None else told.domain
            if domain != told.domain:
                spec["domain"] = domain
        if told.template != objects.NULL:
            spec |= dict.fromkeys(_COPIES)
        made = _patch(facts.server, spec, why=why, guarded=True)
        more = self._asked_of(facts.server.metadata)
        return dataclasses.replace(made, body={**made.body, "metadata": more}) if more else made

    def _asked_of(self, meta: objects.Meta) -> dict[str, object]:
        """Return the labels and annotations that the server lacks: they go with this write."""
        asked = self._spec.server_metadata
        if asked is None:
            return {}
        own = {**asked.labels, **names.labels(self._spec.application, self._spec.component)}
        labels = names.missing_or_changed(meta.labels, own)
        annotations = names.missing_or_changed(meta.annotations, asked.annotations)
        parts = {"labels": labels, "annotations": annotations}
        return {key: each for key, each in parts.items() if each}

    def _never_left(self, server: objects.Server) -> bool:
        """Return whether the server's instance is at the target, though it was told another."""
        told, seen = server.spec, server.status
        as_it_is = (self._spec.revision, told.incarnation)
        return (
            told.revision != self._spec.revision and (seen.revision, seen.incarnation) == as_it_is
        )

    def _is_kept(self, told: objects.ServerSpec) -> bool:
        """Return whether the server was stopped, and keeps what it has while it is down."""
        return self._stops and told.power == Power.STOPPED

    def _becomes(self, told: objects.ServerSpec) -> bool:
        """Return whether the server can become the target in place, as far as is on record."""
        before = self._records.content(told.revision) or _copied(told)
        return before is not None and contents.can_change(before, self._target, self._can_change)


def _is_unheard(server: objects.Server) -> bool:
    ready = availability.readiness(server)
    return ready is not None and ready.reason == ProviderReason.UNHEARD


def _is_same(before: bytes, after: bytes) -> bool:
    """Change in place only what is not in the template."""
    return rendering.same(msgspec.Raw(before), msgspec.Raw(after))


def _copied(told: objects.ServerSpec) -> contents.Content | None:
    """Return the copy of its revision that a server of 0.1 carries."""
    if told.template == objects.NULL:
        return None
    return contents.Content(
        revision=told.revision,
        template=told.template,
        volume_claims=told.volume_claims,
    )


def mend(facts: Facts) -> Patch | None:
    """Return the patch that gives the server back the labels that somebody took off or changed."""
    labels = census.lost_labels(facts.server)
    if not labels:
        return None
    why = "somebody changed its labels"
    return _patch(facts.server, {}, labels=labels, why=why, guarded=False)


def remediate(server: objects.Server, record: str) -> Patch:
    """Return the patch that has the ill server made anew as it is, with `record` of that."""
    return writes.patch(
        server,
        body={
            "metadata": {"annotations": {names.REMEDIATED_ANNOTATION: record}},
            "spec": incarnations.raised(server),
        },
        why="the server stayed unhealthy",
        guarded=True,
    )


def move(server: objects.Server, domain: str, *, why: str) -> Patch:
    """Return the patch that has the server made anew as it is, to be elsewhere: in that domain."""
    spec = incarnations.raised(server)
    if domain != server.spec.domain:
        spec["domain"] = domain
    return _patch(server, spec, why=why, guarded=True)


def assign(server: objects.Server, domain: str, *, why: str) -> Patch:
    """Return the patch by which a server that is nowhere is to be in another domain.

    As another incarnation: a call that makes it where it was to be may be under way.
    """
    return move(server, domain, why=why)


def retry_now(server: objects.Server, value: str) -> Patch:
    """Return the patch that tells the server to try again."""
    return writes.patch(
        server,
        body={"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: value}}},
        why="a person said to try again now",
        guarded=False,
    )


def _patch(
    server: objects.Server,
    spec: Mapping[str, object],
    *,
    why: str,
    guarded: bool,
    labels: Mapping[str, str] | None = None,
) -> Patch:
    body: dict[str, object] = {"spec": spec} if spec else {}
    if labels:
        body["metadata"] = {"labels": labels}
    return writes.patch(
        server,
        body=body,
        why=why,
        guarded=guarded,
    )
