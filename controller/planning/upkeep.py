"""What a set writes into its servers' specs: a revision, policies, and what was edited by hand.

Called by the ServerSet planner. `held`, `power` and `task` are others' to write.
"""

from __future__ import annotations

import msgspec

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning import contents, rendering
from controller.planning.census import Facts
from controller.planning.plan import Patch


def bring(
    server_set: objects.ServerSet, facts: Facts, *, in_place_possible: bool, reason: str
) -> Patch:
    """Return the patch that brings the server to the set's revision, in place where that works.

    In place only while the server is well: what is down is better off with a fresh start. Guarded
    by the version planned from: meanwhile a person may have taken hold of the server.
    """
    told = facts.server.spec
    in_place = (
        in_place_possible
        and facts.available
        and server_set.spec.rollout.in_place == "WhenPossible"
        and contents.only_images_differ(
            contents.of_server(told), contents.of_server_set(server_set.spec)
        )
    )
    spec = _differences(server_set.spec, told)
    if not in_place:
        spec["incarnation"] = told.incarnation + 1
    return _patch(facts.server, spec, reason=reason, guarded=True)


def remake(server: objects.Server, *, reason: str) -> Patch:
    """Return the patch that has the server made anew as it is."""
    return _patch(server, {"incarnation": server.spec.incarnation + 1}, reason=reason, guarded=True)


def mend(server_set: objects.ServerSet, facts: Facts) -> Patch | None:
    """Return the patch of policies that changed and of what was edited by hand, if any.

    A server that is to run another revision than the target keeps what belongs to its own.
    """
    told = facts.server.spec
    spec = _policies(server_set.spec, told) if facts.stale else _differences(server_set.spec, told)
    if not spec:
        return None
    return _patch(facts.server, spec, reason="its spec differs from its set's", guarded=False)


def retry_now(server: objects.Server, value: str) -> Patch:
    """Return the patch that tells the server to try again."""
    return Patch(
        resource=Resource.SERVERS,
        namespace=server.metadata.namespace,
        name=server.metadata.name,
        uid=server.metadata.uid,
        body={"metadata": {"annotations": {names.RETRY_NOW_ANNOTATION: value}}},
        reason="a person said to try again now",
    )


def _differences(wanted: objects.ServerSetSpec, told: objects.ServerSpec) -> dict[str, object]:
    spec: dict[str, object] = {}
    if told.revision != wanted.revision:
        spec["revision"] = wanted.revision
    if not rendering.same(told.template, wanted.template):
        spec["template"] = rendering.replacement(told.template, wanted.template)
    if told.volume_claims != wanted.volume_claims:
        spec["volumeClaims"] = rendering.full(wanted.volume_claims)
    if told.recovery != wanted.recovery:
        spec["recovery"] = rendering.full(wanted.recovery)
    return spec | _limits(wanted, told)


def _policies(wanted: objects.ServerSetSpec, told: objects.ServerSpec) -> dict[str, object]:
    spec = _limits(wanted, told)
    recovery = msgspec.structs.replace(wanted.recovery, alternatives=told.recovery.alternatives)
    if told.recovery != recovery:
        spec["recovery"] = rendering.full(recovery)
    return spec


def _limits(wanted: objects.ServerSetSpec, told: objects.ServerSpec) -> dict[str, object]:
    spec: dict[str, object] = {}
    if told.deletion != wanted.deletion:
        spec["deletion"] = rendering.full(wanted.deletion)
    if told.min_ready_seconds != wanted.rollout.min_ready_seconds:
        spec["minReadySeconds"] = wanted.rollout.min_ready_seconds
    return spec


def _patch(server: objects.Server, spec: dict[str, object], *, reason: str, guarded: bool) -> Patch:
    meta = server.metadata
    return Patch(
        resource=Resource.SERVERS,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        body={"spec": spec},
        reason=reason,
        resource_version=meta.resource_version if guarded else "",
    )
