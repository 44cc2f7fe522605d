"""The rights of the person in front of the pages: asked of the API server, and remembered a moment.

A review is a hint, which decides what is offered; the API server decides what is done.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from controller import errors
from controller.api.resources import PLACES, Resource
from controller.kube import api as kube
from controller.presentation import acts
from controller.presentation.acts import OfferedAct, Right

REMEMBERED_SECONDS = 15.0
MOST_REMEMBERED = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActOffer:
    """An act that the object leaves open; `missing` says why this person may not do it."""

    act: OfferedAct
    address: str
    missing: str


class Rights:
    """Reviews of what one person may do."""

    def __init__(self, api: kube.Api, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[tuple[Right, str, str], tuple[float, str]] = {}

    async def missing(
        self, right: Right, namespace: str, name: str = "", *, fresh: bool = False
    ) -> str:
        """Return why the person may not do something; empty if they may."""
        key = right, namespace, name
        now = self._clock()
        known = self._known.get(key)
        if known is not None and not fresh and now - known[0] < REMEMBERED_SECONDS:
            return known[1]
        found = await self._api.review_access(
            right.verb, right.resource, namespace, name=name, subresource=right.subresource
        )
        where = f" in namespace {namespace}" if namespace else ""
        why = f": {found.reason}" if found.reason else ""
        said = "" if found.allowed else f"you may not {right}{where}{why}"
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = now, said
        return said

    async def offers(self, resource: Resource, found: Any) -> list[ActOffer]:
        """Return the acts that an object leaves open, each with whether this person may do it."""
        meta, kind = found.metadata, PLACES[resource].kind.lower()
        fitting = [each for each in acts.of(resource) if not each.hindrance(found)]

        async def ask(right: Right) -> str:
            name = "" if right.verb is acts.WriteVerb.CREATE else meta.name
            try:
                return await self.missing(right, meta.namespace, name)
            except errors.ArgosyError as error:
                # The page must not fail for an act that is only offered.
                return f"whether you may {right} is not known: {error}"

        needed = list(dict.fromkeys(each.right for each in fitting))
        told = dict(zip(needed, await asyncio.gather(*map(ask, needed)), strict=True))
        return [
            ActOffer(
                act=each,
                address=f"/acts/{each.name}/{meta.namespace}/{kind}/{meta.name}",
                missing=told[each.right],
            )
            for each in fitting
        ]
