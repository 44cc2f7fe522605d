"""The effects of applying or deleting an application.

The API server says what the object would be, the planners what would come of it. `plan` and
`delete` come here.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import yaml

from controller.api import clock, names, objects
from controller.api.choices import Management
from controller.kube import api as kube
from controller.presentation import aside, collisions, desired, forecast, inspection
from controller.presentation.forecast import Effect, Forecast
from controller.presentation.problems import Refusal

# The effects on servers that are down meanwhile, and come back.
_RETURNING = (Effect.REPLACE, Effect.CHANGE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The effects of applying one manifest."""

    application: str
    namespace: str
    exists: bool
    created: tuple[str, ...]
    replaced: tuple[str, ...]
    changed_in_place: tuple[str, ...]
    deleted: tuple[str, ...]
    claims_deleted: tuple[str, ...]
    claims_kept: tuple[str, ...]
    # The Builds that must succeed first.
    builds: tuple[str, ...]
    steps: tuple[tuple[forecast.ForecastStep, ...], ...]
    # The failure domains of the servers that are made, by their names.
    domains: Mapping[str, str]
    budgets: dict[str, tuple[int, int]]
    finished: bool
    outcome: str
    spec_diff: tuple[str, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepGroup:
    """Steps of one kind that follow each other in one component, told as one.

    `batch` is the most servers that are at it at once; `budget` how many of how many may be down,
    (0, 0) where nothing is taken down that comes back.
    """

    effect: Effect
    component: str
    servers: tuple[str, ...]
    batches: int
    batch: int
    budget: tuple[int, int]


def runs(
    steps: Sequence[Sequence[forecast.ForecastStep]], budgets: Mapping[str, tuple[int, int]]
) -> list[StepGroup]:
    """Return the steps in order, steps of one kind that follow each other as one."""
    joined: list[tuple[forecast.ForecastStep, list[tuple[str, ...]]]] = []
    for each in itertools.chain.from_iterable(steps):
        # A step goes on with the last one of its component, if that was of its kind.
        last = next((run for run in reversed(joined) if run[0].component == each.component), None)
        if last is not None and last[0].effect is each.effect:
            last[1].append(each.servers)
        else:
            joined.append((each, [each.servers]))
    return [
        StepGroup(
            effect=first.effect,
            component=first.component,
            servers=tuple(itertools.chain.from_iterable(batches)),
            batches=len(batches),
            batch=max(map(len, batches)),
            budget=budgets.get(first.component, (0, 0)) if first.effect in _RETURNING else (0, 0),
        )
        for first, batches in joined
    ]


async def read(api: kube.Api, namespace: str, manifest: Mapping[str, Any], now: float) -> Preview:
    """Return what applying the manifest would do; nothing is changed by asking."""
    asked = await desired.ask(api, namespace, manifest)
    try:
        wanted = msgspec.json.decode(msgspec.json.encode(asked.after), type=objects.Application)
    except msgspec.ValidationError as error:
        name = manifest["metadata"].get("name")
        raise Refusal(f"{name} cannot be read: {error}") from error
    async with inspection.look(api, namespace) as look:
        if look.is_hidden(wanted.spec.fleet):
            raise Refusal(
                f"you may not list fleets, so what the fleet {wanted.spec.fleet} of"
                f" {wanted.metadata.name} would do is not known"
            )
        notes = *asked.notes, *look.notes

        def work(still: aside.Wanted) -> Preview:
            told = forecast.forecast(look.sources, wanted, now, still)
            return preview(asked.before, asked.after, told, notes)

        found = await aside.run(work)
        taken = await collisions.of(api, look, wanted, found.created)
    return dataclasses.replace(found, notes=(*taken, *found.notes))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeletionPreview:
    """The servers and claims that deleting an application would take down."""

    steps: tuple[tuple[forecast.ForecastStep, ...], ...]
    claims_deleted: tuple[str, ...]
    claims_kept: tuple[str, ...]
    notes: tuple[str, ...]


async def of_delete(api: kube.Api, found: objects.Application, now: float) -> DeletionPreview:
    """Return what would go with the application."""
    going = msgspec.structs.replace(found.metadata, deletion_timestamp=clock.stamp(now))
    async with inspection.look(api, found.metadata.namespace) as look:
        gone = msgspec.structs.replace(found, metadata=going)
        told = await aside.run(lambda still: forecast.forecast(look.sources, gone, now, still))
        return DeletionPreview(
            steps=told.steps,
            claims_deleted=told.claims_deleted,
            claims_kept=told.claims_kept,
            notes=look.notes,
        )


def preview(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    told: Forecast,
    notes: tuple[str, ...],
) -> Preview:
    """Return what changes between two versions of an application, as it is told to come."""
    by_effect: dict[Effect, dict[str, None]] = {each: {} for each in Effect}
    for moment in told.steps:
        for each in moment:
            by_effect[each.effect].update(dict.fromkeys(each.servers))
    created, deleted = by_effect[Effect.CREATE], by_effect[Effect.DELETE]
    # Recreate takes servers down and makes them again.
    remade = [each for each in deleted if each in created]
    return Preview(
        application=str(after["metadata"]["name"]),
        namespace=str(after["metadata"].get("namespace", "")),
        exists=before is not None,
        created=tuple(each for each in created if each not in remade),
        # A server that is made anew, or changed, before it ever ran is no change to what runs.
        replaced=(*(each for each in by_effect[Effect.REPLACE] if each not in created), *remade),
        changed_in_place=tuple(each for each in by_effect[Effect.CHANGE] if each not in created),
        deleted=tuple(each for each in deleted if each not in remade),
        claims_deleted=told.claims_deleted,
        claims_kept=told.claims_kept,
        builds=told.builds,
        steps=told.steps,
        domains=told.domains,
        budgets=told.budgets,
        finished=told.finished,
        outcome=told.message,
        spec_diff=tuple(spec_diff(before, after)) if before is not None else (),
        notes=(*notes, *_observed(after)),
    )


def _observed(after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to say of an application that is only observed."""
    if after["spec"].get("management") != Management.OBSERVE:
        return ()
    return ("The application is only observed (management: Observe): none of this is done.",)


def spec_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of two specs that differ, as `plan` shows them."""
    old, new = (
        yaml.safe_dump(each.get("spec"), sort_keys=True).splitlines() for each in (before, after)
    )
    for line in difflib.unified_diff(old, new, n=1, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield line


def editable(found: Mapping[str, Any]) -> str:
    """Return an application that is there as YAML to edit: what people write, and no more."""
    meta = found["metadata"]
    annotations = {
        key: each for key, each in meta.get("annotations", {}).items() if key != names.LAST_APPLIED
    }
    kept = {key: meta[key] for key in ("name", "namespace", "labels") if meta.get(key)}
    document = {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": kept | ({"annotations": annotations} if annotations else {}),
        "spec": found["spec"],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text
