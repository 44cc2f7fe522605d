"""What a revision of a component consists of, and what changing from one to another takes.

A revision is named by the hash of what the user wrote: the template, the claims and the
alternatives. Never replicas or policies, and never anything that Argosy rendered: else an upgrade
of Argosy would restart fleets. Called by the Application planner, which names revisions, and by
the ServerSet planner, which brings servers to them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import msgspec

from controller.api import names, objects
from controller.api.views import meta
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

    def __post_init__(self) -> None:
        meta.share(self, "template")


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
    return _data(component.template, component.volume_claims, component.recovery.alternatives)


def data_of(content: Content) -> bytes | None:
    """Return what the ControllerRevision of `content` holds; None where its name belies it.

    A set that somebody edited, or that has not been told all yet, is no source for a record.
    """
    found = _data(content.template, content.volume_claims, content.alternatives)
    return found if names.digest(found) == content.revision else None


def _data(
    template: objects.Json,
    claims: tuple[objects.VolumeClaim, ...],
    alternatives: tuple[objects.Alternative, ...],
) -> bytes:
    return rendering.canonical(
        {
            "template": template,
            # What becomes of a claim is a policy; what it is belongs to the revision.
            "volumeClaims": [{"name": each.name, "spec": each.spec} for each in claims],
            "alternatives": [{"name": each.name, "patch": each.patch} for each in alternatives],
        }
    )


def of_revision(
    stored: objects.ControllerRevision, name: str, policies: tuple[objects.VolumeClaim, ...]
) -> Content:
    """Return the revision `name` as it was stored, its claims under the `policies` of today."""
    held = _stored(bytes(stored.data))
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


def on_record(
    stored: objects.ControllerRevision | None,
    revision: str,
    policies: tuple[objects.VolumeClaim, ...],
) -> Content | None:
    """Return the revision as it was stored; None where it was not, or cannot be read."""
    if stored is None:
        return None
    try:
        return of_revision(stored, revision, policies)
    except (msgspec.MsgspecError, ValueError):
        return None


def of_server_set(spec: objects.ServerSetSpec) -> Content:
    """Return the revision that the set's servers should run."""
    return Content(
        revision=spec.revision,
        template=spec.template,
        volume_claims=spec.volume_claims,
        alternatives=spec.recovery.alternatives,
    )


@functools.lru_cache(maxsize=256)
def _stored(data: bytes) -> _Stored:
    return msgspec.json.decode(data, type=_Stored)


def can_change(before: Content, after: Content, able: Callable[[bytes, bytes], bool]) -> bool:
    """Return whether a server can be brought from one to the other in place.

    Its provider says of what two templates that is so; alternatives never are. Claims that are
    there stay as they are but for their size, whatever becomes of the server: only another set of
    them takes a new one.
    """
    return (
        before.alternatives == after.alternatives
        and _claim_names(before) == _claim_names(after)
        and able(bytes(before.template), bytes(after.template))
    )


def _claim_names(content: Content) -> set[str]:
    return {each.name for each in content.volume_claims}
