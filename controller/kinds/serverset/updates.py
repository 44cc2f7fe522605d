"""What a set writes into its servers' specs: a revision, policies, and what was edited by hand.

Called by the ServerSet planner. `held`, `power` and `task` are others' to write.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from controller import contract
from controller.api import names, objects
from controller.api.resources import Resource
from controller.kinds.revisions import contents
from controller.planning import census, rendering
from controller.planning.census import Facts
from controller.planning.plan import Patch


class Upkeep:
    """Makes the patches that bring servers to a set's spec, rendering what they share only once."""

    def __init__(self, server_set: objects.ServerSet, fleet: contract.FleetFacts) -> None:
        """Prepare for the servers of `server_set`, which come from `fleet`."""
        self._spec = server_set.spec
        self._can_change = fleet.can_change
        possible = contract.Capability.CHANGE_IN_PLACE in fleet.capabilities
        self._in_place = possible and self._spec.rollout.in_place == "WhenPossible"
        self._recovery = rendering.full(self._spec.recovery)
        self._deletion = rendering.full(self._spec.deletion)
        self._claims = rendering.full(self._spec.volume_claims)
        self._content = contents.of_server_set(self._spec)

    def bring(self, facts: Facts, *, why: str) -> Patch:
        """Return the patch that brings the server to the set's revision, in place where that works.

        In place only while the server is well: what is down is better off with a fresh start.
        Guarded by the version planned from: meanwhile a person may have taken hold of the server.
        """
        told = facts.server.spec
        spec = self._differences(told)
        in_place = (
            self._in_place
            and facts.ready
            and contents.can_change(contents.of_server(told), self._content, self._can_change)
        )
        if not in_place:
            spec["incarnation"] = told.incarnation + 1
        return _patch(facts.server, spec, why=why, guarded=True)

    def mend(self, facts: Facts) -> Patch | None:
        """Return the patch of policies that changed and of what was edited by hand, labels too.

        A server that is to run another revision than the target keeps what belongs to its own.
        """
        told = facts.server.spec
        spec = self._policies(told) if facts.stale else self._differences(told)
        labels = census.lost_labels(facts.server)
        if not spec and not labels:
            return None
        return _patch(
            facts.server, spec, labels=labels, why="it differs from its set's", guarded=False
        )

    def _differences(self, told: objects.ServerSpec) -> dict[str, object]:
        wanted = self._spec
        spec: dict[str, object] = {}
        if told.revision != wanted.revision:
            spec["revision"] = wanted.revision
        if not rendering.same(told.template, wanted.template):
            spec["template"] = rendering.replacement(told.template, wanted.template)
        if told.volume_claims != wanted.volume_claims:
            spec["volumeClaims"] = self._claims
        if told.recovery != wanted.recovery:
            spec["recovery"] = self._recovery
        return spec | self._limits(told)

    def _policies(self, told: objects.ServerSpec) -> dict[str, object]:
        spec = self._limits(told)
        if told.recovery != self._spec.recovery:
            own = told.recovery.alternatives
            recovery = msgspec.structs.replace(self._spec.recovery, alternatives=own)
            if told.recovery != recovery:
                spec["recovery"] = {**self._recovery, "alternatives": rendering.full(own)}
        return spec

    def _limits(self, told: objects.ServerSpec) -> dict[str, object]:
        spec: dict[str, object] = {}
        if told.deletion != self._spec.deletion:
            spec["deletion"] = self._deletion
        if told.min_ready_seconds != self._spec.rollout.min_ready_seconds:
            spec["minReadySeconds"] = self._spec.rollout.min_ready_seconds
        return spec


def remake(server: objects.Server, *, why: str) -> Patch:
    """Return the patch that has the server made anew as it is."""
    return _patch(server, {"incarnation": server.spec.incarnation + 1}, why=why, guarded=True)


def retry_now(server: objects.Server, value: str) -> Patch:
    """Return the patch that tells the server to try again."""
    return Patch(
        resource=Resource.SERVERS,
        namespace=server.metadata.namespace,
        name=server.metadata.name,
        uid=server.metadata.uid,
        body={"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: value}}},
        why="a person said to try again now",
    )


def _patch(
    server: objects.Server,
    spec: dict[str, object],
    *,
    why: str,
    guarded: bool,
    labels: Mapping[str, str] | None = None,
) -> Patch:
    meta = server.metadata
    body: dict[str, object] = {"spec": spec} if spec else {}
    if labels:
        body["metadata"] = {"labels": labels}
    return Patch(
        resource=Resource.SERVERS,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        body=body,
        why=why,
        resource_version=meta.resource_version if guarded else "",
    )
