"""What a revision of a component consists of, and what changing from one to another takes.

A revision is named by the hash of what the user wrote: the template, the claims and the
alternatives. Never replicas or policies, and never anything that Argosy rendered: else an upgrade
of Argosy would restart fleets. Called by the Application planner, which names revisions, and by
the ServerSet planner, which brings servers to them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec

from controller.api import names, objects
from controller.planning import rendering


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One revision of a component, ready to be given to servers."""

    revision: str
    template: msgspec.Raw
    volume_claims: tuple[objects.VolumeClaim, ...] = ()
    alternatives: tuple[objects.Alternative, ...] = ()


class _Stored(objects.View, frozen=True, kw_only=True):
    template: objects.Json = objects.NULL
    volume_claims: tuple[objects.VolumeClaim, ...] = ()
    alternatives: tuple[objects.Alternative, ...] = ()


def of_component(component: objects.Component) -> Content:
    """Return the revision that the user asks for."""
    return Content(
        revision=names.digest(data(component)),
        template=component.template,
        volume_claims=component.volume_claims,
        alternatives=component.recovery.alternatives,
    )


def data(component: objects.Component) -> bytes:
    """Return what the ControllerRevision of the component's present revision holds."""
    return rendering.canonical(
        {
            "template": component.template,
            # What becomes of a claim is a policy; what it is belongs to the revision.
            "volumeClaims": [
                {"name": each.name, "spec": each.spec} for each in component.volume_claims
            ],
            "alternatives": [
                {"name": each.name, "patch": each.patch} for each in component.recovery.alternatives
            ],
        }
    )


def of_revision(
    stored: objects.ControllerRevision, name: str, policies: tuple[objects.VolumeClaim, ...]
) -> Content:
    """Return the revision `name` as it was stored, its claims under the `policies` of today."""
    held = msgspec.json.decode(bytes(stored.data), type=_Stored)
    today = {each.name: each for each in policies}
    claims = tuple(
        msgspec.structs.replace(today[each.name], spec=each.spec) if each.name in today else each
        for each in held.volume_claims
    )
    return Content(
        revision=name,
        template=held.template,
        volume_claims=claims,
        alternatives=held.alternatives,
    )


def of_server_set(spec: objects.ServerSetSpec) -> Content:
    """Return the revision that the set's servers should run."""
    return Content(
        revision=spec.revision,
        template=spec.template,
        volume_claims=spec.volume_claims,
        alternatives=spec.recovery.alternatives,
    )


def of_server(spec: objects.ServerSpec) -> Content:
    """Return the revision that the server was told to run."""
    return Content(
        revision=spec.revision,
        template=spec.template,
        volume_claims=spec.volume_claims,
        alternatives=spec.recovery.alternatives,
    )


def can_change(before: Content, after: Content, able: Callable[[bytes, bytes], bool]) -> bool:
    """Return whether a server can be brought from one to the other in place.

    Its provider says of what two templates that is so; claims and alternatives never are.
    """
    return (
        before.alternatives == after.alternatives
        and _claim_specs(before) == _claim_specs(after)
        and able(bytes(before.template), bytes(after.template))
    )


def _claim_specs(content: Content) -> list[tuple[str, msgspec.Raw]]:
    return [(each.name, each.spec) for each in content.volume_claims]
