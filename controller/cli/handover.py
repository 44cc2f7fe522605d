"""How what runs is handed over from a StatefulSet to Argosy, and back: step by step, to its end.

Each step looks at what is there before it acts, so that whoever is killed half way begins again
and goes on. All of it is done with the rights of the person who asks. Called by the commands
`import` and `export`; `translation` says what each side becomes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import yaml

from controller.api import names
from controller.api.conditions import ConditionType
from controller.api.resources import PLACES, Resource
from controller.kube import api as door
from controller.kube import faults
from controller.presentation import reading, requests, surroundings, translation
from controller.presentation.problems import Refusal, TookTooLongError
from controller.presentation.translation import Json, Translation

POLL_SECONDS = 0.5
# How often a write is tried again that somebody else's came before.
TRIES = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person allows: to lose what cannot be said, and to point autoscalers elsewhere."""

    accept_losses: bool = False
    retarget: bool = False
    timeout_seconds: float = 600.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One hand-over: where, for whom, and who hears how it goes."""

    api: door.Api
    namespace: str
    say: Callable[[str], None]
    wish: Wish = Wish()

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

    async def until(self, what: str, true: Callable[[], Awaitable[bool]]) -> None:
        """Wait until `true` says so; raises TookTooLongError, and nothing is lost by that."""
        try:
            async with asyncio.timeout(self.wish.timeout_seconds or None):
                while not await true():  # noqa: ASYNC110 - what is asked is the API server
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise TookTooLongError(
                f"{what}: not so after {self.wish.timeout_seconds:g} seconds; the same command goes"
                " on"
            ) from error

    async def lacking(self, *wanted: tuple[Resource, str]) -> list[str]:
        """Return what of all that will be needed the person may not do."""
        scaling = ((Resource.AUTOSCALERS, "patch"),) if self.wish.retarget else ()
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

    async def show(
        self, told: Translation, made: Resource, rights: Iterable[tuple[Resource, str]]
    ) -> int:
        """Say what would be written and what is in the way; whoever may only look is told as much.

        The API server judges what would be made, if the person may make it.
        """
        lacking = await self.lacking(*rights)
        if not told.problems and f"create {made}" not in lacking:
            for each in told.body.get("items") or (told.body,):
                await self.api.create(made, self.namespace, each, dry_run=True, strict=True)
        self.say(yaml.safe_dump(told.body, sort_keys=False).rstrip())
        refused = (
            f"you may not {', '.join(lacking)} in namespace {self.namespace}: whoever does this"
            " must be allowed to"
        )
        for title, parts in (
            ("in the way", told.problems),
            ("lost", told.losses),
            ("note", (*told.notes, *([refused] if lacking else []))),
        ):
            for each in parts:
                self.say(f"# {title}: {each}")
        return 1 if told.problems else 0

    def check(self, told: Translation) -> None:
        """Raise Refusal where something stands in the way, or is lost and nobody accepted that."""
        if told.problems:
            raise Refusal("; ".join(told.problems))
        if told.losses and not self.wish.accept_losses:
            raise Refusal(
                f"{'; '.join(told.losses)}. To go on without: --accept-losses. Nothing was touched"
            )

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
            self.say(f"{each['metadata']['name']} scales {place.kind}/{new} from now on")

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


def life(pod: Json) -> list[Any]:
    """Return what must not change of a pod: which one it is, and how often it was restarted."""
    states = pod.get("status", {}).get("containerStatuses", ())
    return [pod["metadata"]["uid"], sum(each.get("restartCount", 0) for each in states)]


def changed(before: dict[str, list[Any]], pods: Iterable[Json]) -> list[str]:
    """Return which pods are other ones than before, or were restarted since."""
    now = {each["metadata"]["name"]: life(each) for each in pods}
    found = []
    for name, told in sorted(before.items()):
        if name not in now:
            found.append(f"{name} is gone")
        elif now[name][0] != told[0]:
            found.append(f"{name} is another pod")
        elif now[name][1] > told[1]:
            found.append(f"{name} was restarted")
    return found


def controller(item: Json) -> tuple[str, str]:
    """Return the kind and the name of what controls an object; empty where nothing does."""
    owners = item["metadata"].get("ownerReferences") or ()
    found = next((each for each in owners if each.get("controller")), None)
    return (found["kind"], found["name"]) if found else ("", "")


def is_ready(item: Json) -> bool:
    """Return whether an object says, of its latest generation, that it is ready."""
    status = item.get("status", {})
    ready = any(
        each["type"] == ConditionType.READY and each["status"] == "True"
        for each in status.get("conditions", ())
    )
    return ready and status.get("observedGeneration") == item["metadata"].get("generation")


def mark(text: Any) -> str:
    """Return what an annotation holds that a later run goes by."""
    return json.dumps(text, sort_keys=True, separators=(",", ":"))


def with_mark(body: Json, key: str, text: Any) -> Json:
    """Return a new object with a mark among its annotations."""
    meta = body["metadata"]
    marks = {**meta.get("annotations", {}), key: mark(text)}
    return {**body, "metadata": {**meta, "annotations": marks}}


def marked(item: Json, key: str) -> Any:
    """Return what an earlier run left in an annotation; None where it left nothing readable."""
    text = (item["metadata"].get("annotations") or {}).get(key, "")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


async def check_in(errand: Errand, name: str, application: str = "") -> tuple[Json, Translation]:
    """Return a StatefulSet and what it becomes, with all that is in the way."""
    found = await reading.raw(errand.api, Resource.STATEFULSETS, errand.namespace, name)
    service = found["spec"].get("serviceName") or ""
    served = bool(service) and await errand.find(Resource.SERVICES, service) is not None
    told = translation.application_of(found, application=application, served=served)
    problems = [*told.problems]
    if not errand.wish.retarget:
        problems += [
            f"{each['metadata']['name']} scales it: have that scale its successor with"
            " --retarget-hpa"
            for each in await errand.scalers("StatefulSet", name)
        ]
    problems += await _strays(errand, found)
    problems += await _owned_claims(errand, found)
    beside = await errand.beside(found["spec"]["template"])
    notes = (*told.notes, *beside, *await _replaced(errand, found))
    return found, dataclasses.replace(told, problems=tuple(problems), notes=notes)


async def _strays(errand: Errand, found: Json) -> list[str]:
    """Tell of pods of the set's names that are not its own: no label says what they are for.

    A label that is changed by hand takes a pod out of the set, mostly for somebody to look at it.
    """
    wanted = (found["spec"].get("selector") or {}).get("matchLabels") or {}
    said = []
    for pod in await pods_of(errand, found):
        owners = pod["metadata"].get("ownerReferences") or ()
        if any(each["uid"] == found["metadata"]["uid"] for each in owners):
            continue
        why = "; ".join(differing(pod, wanted)) or "nothing controls it"
        name = found["metadata"]["name"]
        said.append(
            f"the pod {pod['metadata']['name']} is not statefulset/{name}'s ({why}): put that"
            " right, or delete the pod"
        )
    return said


def differing(pod: Json, wanted: dict[str, str]) -> list[str]:
    """Return which of the labels by which a StatefulSet knows its pods are others on this one."""
    labels = pod["metadata"].get("labels") or {}
    return [
        f"the label {key} is {labels[key]}, not {value}"
        if key in labels
        else f"no label {key}={value}"
        for key, value in sorted(wanted.items())
        if labels.get(key) != value
    ]


async def _owned_claims(errand: Errand, found: Json) -> list[str]:
    """Tell of claims that would go with something else: with the set's own goes no reference."""
    said, uid = [], found["metadata"]["uid"]
    for server in _names(found):
        for each in found["spec"].get("volumeClaimTemplates", ()):
            claim = await errand.find(
                Resource.CLAIMS, names.claim(each["metadata"]["name"], server)
            )
            owners = (claim or {"metadata": {}})["metadata"].get("ownerReferences") or ()
            said += [
                f"the claim {each['metadata']['name']}-{server} belongs to {x['kind']}/{x['name']}"
                " and would be deleted with it"
                for x in owners
                if x["uid"] != uid
            ]
    return said


async def _replaced(errand: Errand, found: Json) -> list[str]:
    """Tell which pods a rollout will replace afterwards, and why."""
    target = found.get("status", {}).get("updateRevision", "")
    said = []
    for pod in await pods_of(errand, found):
        revision = (pod["metadata"].get("labels") or {}).get(names.STATEFUL_HASH, "")
        if revision != target:
            said.append(
                f"{pod['metadata']['name']} is replaced afterwards: it runs {revision}, not"
                f" {target}"
            )
    return said


def _names(found: Json) -> list[str]:
    spec = found["spec"]
    first = translation.first_of(spec)
    numbers = range(first, first + spec.get("replicas", 1))
    return [f"{found['metadata']['name']}-{number}" for number in numbers]


async def pods_of(errand: Errand, found: Json) -> list[Json]:
    """Return the pods of a StatefulSet that are there."""
    pods = [await errand.find(Resource.PODS, each) for each in _names(found)]
    return [each for each in pods if each is not None]
