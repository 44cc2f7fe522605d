"""Refuses that claims shrink: less storage than one of them asks for already.

`reviewer` asks it for each update that wants less than before. Storage that was asked for and never
made, or made no larger, may be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from controller import errors
from controller.admission.answers import PASSED, ReviewAnswer
from controller.api import names, objects, quantities
from controller.api.resources import Resource
from controller.kube import api as kube
from controller.planning import volumes

# Of one component's claims, those that are looked at; the operator tells of any other.
MOST = 500


class _Claims(msgspec.Struct):
    items: tuple[objects.Claim, ...] = ()


async def review(
    api: kube.Api, before: objects.Application | None, after: objects.Application
) -> ReviewAnswer:
    """Return a refusal for each claim template that asks for less than one of its claims."""
    former = {each.name: each for each in before.spec.components} if before is not None else {}
    found: list[str] = []
    for component in after.spec.components:
        known = former.get(component.name)
        less = list(volumes.shrinks(component.volume_claims, known.volume_claims)) if known else []
        if not less:
            continue
        try:
            claims = await _claims(api, after, component)
        except (errors.ArgosyError, msgspec.MsgspecError):
            # Claims that cannot be looked at are told by the operator instead.
            continue
        for each in less:
            found += _refusals(component, each, claims)
    return ReviewAnswer(errors=tuple(found)) if found else PASSED


async def _claims(
    api: kube.Api, application: objects.Application, component: objects.Component
) -> tuple[objects.Claim, ...]:
    meta = application.metadata
    selector = names.selector(meta.name, component.name)
    page = await api.list(Resource.CLAIMS, meta.namespace, label_selector=selector, limit=MOST)
    return msgspec.json.decode(page, type=_Claims).items


def _refusals(
    component: objects.Component,
    wanted: objects.VolumeClaim,
    claims: tuple[objects.Claim, ...],
) -> Iterator[str]:
    """Yield one refusal, which names the first of the claims that are larger."""
    size = volumes.storage(wanted)
    for each in sorted(claims, key=lambda claim: claim.metadata.name):
        server = each.metadata.labels.get(names.SERVER_LABEL, "")
        if each.metadata.name == names.claim(wanted.name, server) and quantities.is_less(
            size, each.asked
        ):
            yield (
                f"spec.components[{component.name}].volumeClaims[{wanted.name}].spec.resources"
                f".requests.storage: must not be less than the {each.asked} of the claim"
                f" {each.metadata.name}: claims never shrink"
            )
            return
