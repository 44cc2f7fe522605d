"""The content of a component's revision, and what changing from one to another takes.

A revision is named by the hash of what the user wrote: the template and the claims. Never replicas
or policies, to which the alternatives belong, and never anything that Argosy rendered: else an
upgrade of Argosy would restart fleets. Until 0.1 the alternatives were in the hash: what is on
record under such a name keeps it. Called by the Application planner, which names revisions, and by
the ServerSet planner, which brings servers to them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from controller.api import names, objects, remembered
from controller.api.views import meta
from controller.planning import rendering


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One revision of a component, ready to be given to servers."""

    revision: str
    template: msgspec.Raw
    volume_claims: tuple[objects.VolumeClaim, ...] = ()


class _Stored(objects.View, frozen=True, kw_only=True):
    template: objects.Json = objects.NULL
    volume_claims: tuple[objects.VolumeClaim, ...] = ()
    alternatives: tuple[objects.Alternative, ...] = ()

    def __post_init__(self) -> None:
        meta.share(self, "template")


def of_component(
    component: objects.Component,
    records: Iterable[objects.ControllerRevision] = (),
    *,
    current: str = "",
) -> Content:
    """Return the revision that the user asks for.

    Where one of the component's `records` of before holds just that, its name stays, that of the
    `current` revision before all others.
    """
    content = Content(
        revision=names.digest(data(component)),
        template=component.template,
        volume_claims=component.volume_claims,
    )
    if content.revision == current:
        return content
    older = (each for each in records if _is_of(each, component.name) and _names_alternatives(each))
    same = [each for each in older if _holds(each, component)]
    ranked = sorted(same, key=lambda each: (_revision(each) == current, each.revision))
    if not ranked:
        return content
    return dataclasses.replace(content, revision=_revision(ranked[-1]))


def data(component: objects.Component) -> bytes:
    """Return what the ControllerRevision of the component's present revision holds."""
    return _data(component.template, component.volume_claims)


def data_of(content: Content, alternatives: tuple[objects.Alternative, ...] = ()) -> bytes | None:
    """Return what the ControllerRevision of `content` holds; None where its name belies it.

    A set that somebody edited, or that has not been told all yet, is no source for a record. One
    that was named with its alternatives is made again with them.
    """
    for each in ((), alternatives):
        found = _data(content.template, content.volume_claims, each)
        if names.digest(found) == content.revision:
            return found
    return None


def _data(
    template: objects.Json,
    claims: tuple[objects.VolumeClaim, ...],
    alternatives: tuple[objects.Alternative, ...] = (),
) -> bytes:
    return rendering.canonical(
        {
            "template": template,
            # The fate of a claim is a policy; the claim's spec belongs to the revision.
            "volumeClaims": [{"name": each.name, "spec": each.spec} for each in claims],
            # As 0.1 had them; empty, so that a revision without them keeps its name.
            "alternatives": [{"name": each.name, "patch": each.patch} for each in alternatives],
        }
    )


def _is_of(record: objects.ControllerRevision, component: str) -> bool:
    return record.metadata.labels.get(names.COMPONENT_LABEL) == component


def _names_alternatives(record: objects.ControllerRevision) -> bool:
    """Return whether the record may be of 0.1 and have alternatives: cheap, and rarely so."""
    return b'"alternatives":[]' not in bytes(record.data)


def _holds(record: objects.ControllerRevision, component: objects.Component) -> bool:
    try:
        held = _stored(bytes(record.data))
    except (msgspec.MsgspecError, ValueError):
        return False
    return _data(held.template, held.volume_claims) == data(component)


def _revision(record: objects.ControllerRevision) -> str:
    return record.metadata.labels.get(names.REVISION_LABEL, "")


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


def is_readable(stored: objects.ControllerRevision) -> bool:
    """Return whether a record holds a revision, and not what somebody else made of it."""
    return on_record(stored, "", ()) is not None


def of_server_set(spec: objects.ServerSetSpec) -> Content:
    """Return the revision that the set's servers should run."""
    return Content(
        revision=spec.revision,
        template=spec.template,
        volume_claims=spec.volume_claims,
    )


@remembered.by_content(256)
def _stored(data: bytes) -> _Stored:
    return msgspec.json.decode(data, type=_Stored)


def can_change(before: Content, after: Content, able: Callable[[bytes, bytes], bool]) -> bool:
    """Return whether a server can be brought from one to the other in place.

    The server's provider says of which two templates that is so. Claims that are
    there stay as they are but for their size, whatever becomes of the server: only another set of
    them takes a new one. Two templates that differ by empty blocks alone make the same server.
    """
    if _claim_names(before) != _claim_names(after):
        return False
    one, other = bytes(before.template), bytes(after.template)
    return _without_blanks(one) == _without_blanks(other) or able(one, other)


@remembered.by_content(256)
def _without_blanks(template: bytes) -> bytes:
    """Return a template without what charts render for nothing: empty lists, empty metadata.

    An empty object may say something, as `emptyDir: {}` does; an empty list in a pod never does.
    A template that is no pod's stays as it is.
    """
    whole = rendering.canonical(msgspec.Raw(template))
    value = msgspec.json.decode(whole)
    spec = value.get("spec") if isinstance(value, dict) else None
    if not isinstance(spec, dict) or "containers" not in spec:
        return whole
    value = _without_lists(value)
    if isinstance(metadata := value.get("metadata"), dict):
        said = {key: each for key, each in metadata.items() if each != {}}
        value = {key: each for key, each in value.items() if key != "metadata"}
        value |= {"metadata": said} if said else {}
    return msgspec.json.encode(value, order="sorted")


def _without_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_lists(each) for key, each in value.items() if each != []}
    if isinstance(value, list):
        return [_without_lists(each) for each in value]
    return value


def _claim_names(content: Content) -> set[str]:
    return {each.name for each in content.volume_claims}
