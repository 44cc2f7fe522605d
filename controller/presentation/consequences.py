"""The consequences of a request, in the words of `plan`: the API server and the planners tell.

The dashboard shows this before anything is confirmed.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from controller.api import objects
from controller.api.resources import Resource
from controller.kinds.operation import targets
from controller.kube import api as kube
from controller.presentation import aside, forecast, inspection, preview, reading
from controller.presentation.acts import Request, Subject, WriteVerb
from controller.presentation.preview import DeletionPreview, Preview


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """The difference that a request makes, line by line, and what it means for servers.

    `servers` are those that an operation would be about; None where it is about none in particular.
    """

    diff: tuple[str, ...] = ()
    plan: Preview | None = None
    ending: DeletionPreview | None = None
    servers: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


async def of(
    api: kube.Api, found: Subject, request: Request, after: Mapping[str, Any], now: float
) -> Consequences:
    """Return what would come of a request that the API server has answered as a dry run."""
    if request.verb is WriteVerb.DELETE:
        return Consequences(ending=await preview.of_delete(api, found.view, now))
    if request.verb is WriteVerb.CREATE:
        return await _of_operation(api, found, after)
    if request.subresource:
        count = after["spec"]["replicas"]
        return Consequences(diff=(f"+replicas: {count}",), notes=(f"of {request.name}",))
    diff = tuple(_difference(found.raw, after))
    if found.resource is Resource.APPLICATIONS and "spec" in request.body:
        wanted = msgspec.json.decode(msgspec.json.encode(after), type=objects.Application)
        async with inspection.look(api, found.meta.namespace) as look:

            def work(still: aside.Wanted) -> Preview:
                told = forecast.forecast(look.sources, wanted, now, still)
                return preview.preview(found.raw, after, told, look.notes)

            plan = await aside.run(work)
        return Consequences(diff=diff, plan=plan, notes=plan.notes)
    if found.resource is Resource.OPERATIONS:
        return Consequences(diff=diff, **_left(found.view, request))
    return Consequences(diff=diff)


async def _of_operation(api: kube.Api, found: Subject, after: Mapping[str, Any]) -> Consequences:
    made = msgspec.json.decode(msgspec.json.encode(after), type=objects.Operation)
    meta = found.meta
    _, servers, _ = await reading.below(api, meta.namespace, meta.name)
    named = {(each.spec.component, each.spec.ordinal): each for each in servers}
    chosen = targets.choose(made, found.view, named)
    return Consequences(
        diff=tuple(f"+{line}" for line in yaml.safe_dump(after["spec"]).splitlines()),
        servers=tuple(named[each].metadata.name for each in chosen),
    )


def _left(found: objects.Operation, request: Request) -> dict[str, Any]:
    """Return whom a change of an operation concerns, in words."""
    status = found.status
    if "retry" in request.body["spec"]:
        left = status.total - status.succeeded
        note = f"The operation goes on with {left} of {status.total} servers."
        return {"servers": tuple(each.server for each in status.failures), "notes": (note,)}
    note = f"Servers done: {status.succeeded} of {status.total}; in flight: {status.running}."
    return {"notes": (note,)}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what sets two versions of an object apart, of what people write into it."""
    yield from preview.spec_diff(before, after)
    old, new = (
        yaml.safe_dump(each.get("metadata", {}).get("annotations") or {}).splitlines()
        for each in (before, after)
    )
    for line in difflib.unified_diff(old, new, n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")) and line[1:] != "{}":
            yield line
