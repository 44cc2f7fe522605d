"""How what runs is handed over from a StatefulSet to Argosy, and back: step by step, to its end.

Each step looks at what is there before it acts, so that whoever is killed half way begins again
and goes on. All of it is done with the rights of the person who asks. `translation` says what
each side becomes; a front end makes the handover, and draws what it is told.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from controller.api.resources import PLACES, Resource, thing
from controller.kube import api as kube
from controller.kube import faults
from controller.presentation import reading, requests, surroundings
from controller.presentation.problems import Refusal, TookTooLongError
from controller.presentation.translation import Json, Translation

POLL_SECONDS = 0.5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The consent of a person: to lose what cannot be said, to point autoscalers elsewhere."""

    accept_losses: bool = False
    retarget: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One way in or out: where, with what consent, and who hears of each step as it is done.

    A wait ends after `timeout_seconds`, and with 0 never.
    """

    api: kube.Api
    namespace: str
    say: Callable[[str], None]
    consent: Consent = Consent()
    timeout_seconds: float = 600.0

    async def find(self, resource: Resource, name: str) -> Json | None:
        """Return an object as it is on the wire; None where it is not there."""
        try:
            return await reading.raw(self.api, resource, self.namespace, name)
        except faults.NotFound:
            return None

    async def every(self, resource: Resource, selector: str = "") -> list[Json]:
        """Return all objects of a kind in the namespace."""
        found: list[Json] = []
        token = ""
        while True:
            text = await self.api.list(
                resource,
                self.namespace,
                label_selector=selector,
                limit=reading.PAGE,
                continue_token=token,
            )
            page = msgspec.json.decode(text)
            found += page.get("items") or []
            token = page["metadata"].get("continue") or ""
            if not token:
                return found

    async def create(self, resource: Resource, body: Json, *, dry_run: bool = False) -> Json:
        """Make an object; a field that the API server does not know is refused.

        With `dry_run` the API server judges it, and nothing is made.
        """
        answer = await self.api.create(resource, self.namespace, body, dry_run=dry_run, strict=True)
        return dict(msgspec.json.decode(answer))

    async def patch(self, resource: Resource, found: Json, body: Json, **more: Any) -> Json:
        """Merge a change into the very object that was found."""
        meta = {**body.get("metadata", {}), "uid": found["metadata"]["uid"]}
        answer = await self.api.patch(
            resource,
            self.namespace,
            found["metadata"]["name"],
            {**body, "metadata": meta},
            field_manager=requests.MANAGER,
            **more,
        )
        return dict(msgspec.json.decode(answer))

    async def orphan(self, resource: Resource, found: Json, *, version: str = "") -> None:
        """Delete the very object that was found, and leave what is below it as it is."""
        meta = found["metadata"]
        if "deletionTimestamp" in meta:
            return
        try:
            await self.api.delete(
                resource,
                self.namespace,
                meta["name"],
                uid=meta["uid"],
                resource_version=version,
                propagation="Orphan",
            )
        except faults.NotFound:
            return

    async def unmark(self, resource: Resource, name: str, key: str) -> None:
        """Take off what a run left in an annotation for a later one: there is none to come."""
        found = await self.find(resource, name)
        if found is not None:
            await self.patch(resource, found, {"metadata": {"annotations": {key: None}}})

    async def until(self, what: str, true: Callable[[], Awaitable[bool]]) -> None:
        """Wait until `true` says so; raises TookTooLongError, and nothing is lost by that."""
        try:
            async with asyncio.timeout(self.timeout_seconds or None):
                while not await true():  # noqa: ASYNC110 - what is asked is the API server
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise TookTooLongError(
                f"{what}: not so after {self.timeout_seconds:g} seconds; the same command goes on"
            ) from error

    async def lacking(self, *wanted: tuple[Resource, str]) -> list[str]:
        """Return what of all that will be needed the person may not do."""
        scaling = ((Resource.AUTOSCALERS, "patch"),) if self.consent.retarget else ()
        return [
            f"{verb} {resource}"
            for resource, verb in (*wanted, (Resource.AUTOSCALERS, "list"), *scaling)
            if not (await self.api.review_access(verb, resource, self.namespace)).allowed
        ]

    async def allowed(self, *wanted: tuple[Resource, str]) -> None:
        """Raise Refusal unless the person may do all that will be needed, before any of it is."""
        lacking = await self.lacking(*wanted)
        if lacking:
            raise Refusal(
                f"you may not {', '.join(lacking)} in namespace {self.namespace}; nothing was"
                " touched"
            )

    async def preview(
        self, told: Translation, made: Resource, rights: Iterable[tuple[Resource, str]]
    ) -> Translation:
        """Return what would be written and what is in the way, for whoever may only look, too.

        The API server judges what would be made, if the person may make it; else the rights that
        doing it takes are among the notes.
        """
        lacking = await self.lacking(*rights)
        if not told.problems and f"create {made}" not in lacking:
            for each in told.body.get("items") or (told.body,):
                await self.create(made, each, dry_run=True)
        if not lacking:
            return told
        refused = (
            f"you may not {', '.join(lacking)} in namespace {self.namespace}: whoever does this"
            " must be allowed to"
        )
        return dataclasses.replace(told, notes=(*told.notes, refused))

    def check(self, told: Translation) -> None:
        """Raise Refusal where something stands in the way, or is lost and nobody accepted that."""
        if told.problems:
            raise Refusal("; ".join(told.problems))
        if told.losses and not self.consent.accept_losses:
            raise Refusal(
                f"{'; '.join(told.losses)}. To go on without: --accept-losses. Nothing was touched"
            )

    def begin(self, told: Translation) -> None:
        """Check what is to be written, and say what else there is to know of it."""
        self.check(told)
        for each in told.notes:
            self.say(f"note: {each}")

    async def scalers(self, kind: str, name: str) -> list[Json]:
        """Return the autoscalers that scale an object."""
        found = await self.every(Resource.AUTOSCALERS)
        return [each for each in found if _target(each) == (kind, name)]

    async def retarget(self, kind: str, name: str, to: Resource, *, called: str = "") -> None:
        """Have autoscalers scale what took the place of an object, under its name or another."""
        place, new = PLACES[to], called or name
        target = {"apiVersion": place.api_version, "kind": place.kind, "name": new}
        for each in await self.scalers(kind, name):
            body = {"spec": {"scaleTargetRef": target}}
            await self.patch(Resource.AUTOSCALERS, each, body)
            scaler = thing(Resource.AUTOSCALERS, each["metadata"]["name"])
            self.say(f"{scaler} scales {place.kind}/{new} from now on")

    async def beside(self, template: Json) -> tuple[str, ...]:
        """Tell what Services and budgets of a workload's pods come to."""
        labels = template.get("metadata", {}).get("labels") or {}
        return (
            *surroundings.services(await self.every(Resource.SERVICES), labels),
            *surroundings.budgets(await self.every(Resource.DISRUPTION_BUDGETS), labels),
        )


def _target(found: Json) -> tuple[str, str]:
    told = found["spec"]["scaleTargetRef"]
    return told["kind"], told["name"]
