"""`plan -f`: the API server says what the object would be, the planners what would come of it."""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import rich.console
import rich.table
import yaml

from controller.api import names, nesting, objects
from controller.api.resources import Resource
from controller.cli import failures, reading, screen
from controller.cli.session import Session
from controller.kube import api as door
from controller.kube import faults
from controller.presentation import forecast, inspection
from controller.presentation.forecast import Effect, Forecast

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The field manager of `kubectl apply --server-side`.
SERVER_SIDE = "kubectl"
# Servers that are named in one line.
MOST_NAMED = 6

_json = msgspec.json.Decoder()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What applying one manifest would do."""

    application: str
    namespace: str
    exists: bool
    created: tuple[str, ...]
    replaced: tuple[str, ...]
    changed_in_place: tuple[str, ...]
    deleted: tuple[str, ...]
    claims_deleted: tuple[str, ...]
    claims_kept: tuple[str, ...]
    steps: tuple[tuple[forecast.Step, ...], ...]
    budgets: dict[str, tuple[int, int]]
    finished: bool
    outcome: str
    spec_diff: tuple[str, ...]
    notes: tuple[str, ...]


async def show(session: Session, file: pathlib.Path, form: str) -> int:
    """Print what applying the applications in `file` would do."""
    manifests = list(_read(file))
    found = [await _preview(session, each) for each in manifests]
    if form in ("json", "yaml"):
        screen.data(found[0] if len(found) == 1 else found, form)
        return 0
    for each in found:
        for part in draw(each):
            screen.output().print(part, soft_wrap=isinstance(part, str))
    return 0


def draw(found: Preview) -> Iterator[rich.console.RenderableType]:
    """Yield the preview as lines, in rich's markup."""
    what = "would change" if found.exists else "would be created"
    yield f"[bold]{found.namespace}/{found.application}[/] {what}"
    for line in found.spec_diff:
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        yield f"  [{colour}]{screen.escape(line)}[/]"
    totals = (
        ("create", "green", found.created),
        ("replace", "yellow", found.replaced),
        ("change in place", "cyan", found.changed_in_place),
        ("delete", "red", found.deleted),
    )
    counts = [f"[{colour}]{len(who)} to {word}[/]" for word, colour, who in totals if who]
    yield f"\nServers: {', '.join(counts)}" if counts else "\nServers: none would change"
    if counts:
        yield from order(found.steps, found.budgets)
    if not found.finished:
        yield "  … and so on"
    yield from claims(found.claims_deleted, found.claims_kept)
    if found.outcome:
        yield f"\nThen, if every server comes up: {screen.escape(found.outcome)}"
    for note in found.notes:
        yield f"[dim]{screen.escape(note)}[/]"


def order(
    steps: Sequence[Sequence[forecast.Step]], budgets: Mapping[str, tuple[int, int]]
) -> Iterator[rich.table.Table]:
    """Yield the steps in order, steps of one kind that follow each other as one.

    What does not fit into a line goes on below its own beginning.
    """
    runs: list[tuple[forecast.Step, list[tuple[str, ...]]]] = []
    for moment in steps:
        for each in moment:
            # A step goes on with the last one of its component, if that was of its kind.
            last = next((run for run in reversed(runs) if run[0].component == each.component), None)
            like = last if last is not None and last[0].effect is each.effect else None
            if like is not None:
                like[1].append(each.servers)
            else:
                runs.append((each, [each.servers]))
    for number, (first, batches) in enumerate(runs, 1):
        servers = [server for batch in batches for server in batch]
        line = f"{first.component}: {first.effect} {_few(servers)}"
        if len(batches) > 1:
            line += f", {max(map(len, batches))} at a time"
        limit, desired = budgets.get(first.component, (0, 0))
        if first.effect in (Effect.REPLACE, Effect.CHANGE) and desired:
            line += f" [dim](at most {limit} of {desired} may be down)[/]"
        drawn = rich.table.Table.grid()
        drawn.add_row(f"  {number}. ", line)
        yield drawn


def claims(deleted: Sequence[str], kept: Sequence[str]) -> Iterator[str]:
    """Yield what becomes of the claims whose servers go, every one that goes by its name."""
    if deleted:
        yield f"Claims deleted [red]with their data[/]: {', '.join(deleted)}"
    if kept:
        yield f"Claims kept, with their data: {_few(kept, 'claims')}"


def _few(servers: Sequence[str], noun: str = "servers") -> str:
    if len(servers) <= MOST_NAMED:
        return ", ".join(servers)
    return f"{len(servers)} {noun}: {', '.join(servers[: MOST_NAMED - 2])}, … {servers[-1]}"


async def _preview(session: Session, manifest: dict[str, Any]) -> Preview:
    meta = manifest.setdefault("metadata", {})
    namespace = meta.get("namespace") or session.namespace
    if meta.get("namespace") and session.target.namespace not in ("", meta["namespace"]):
        raise failures.UsageError(
            f"{meta.get('name')} is of namespace {namespace}, but -n says"
            f" {session.target.namespace}"
        )
    before, after = await _dry_run(session.api, namespace, manifest)
    try:
        wanted = msgspec.json.decode(msgspec.json.encode(after), type=objects.Application)
    except msgspec.ValidationError as error:
        raise failures.Refusal(f"{meta.get('name')} cannot be read: {error}") from error
    async with (
        screen.working(f"planning {meta.get('name')}"),
        inspection.look(session.api, namespace) as look,
    ):
        told = forecast.forecast(look.sources, wanted, screen.now())
        notes = look.notes
    return preview(before, after, told, notes)


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
        # What is made anew, or changed, before it ever ran is not a change to what runs.
        replaced=(*(each for each in by_effect[Effect.REPLACE] if each not in created), *remade),
        changed_in_place=tuple(each for each in by_effect[Effect.CHANGE] if each not in created),
        deleted=tuple(each for each in deleted if each not in remade),
        claims_deleted=told.claims_deleted,
        claims_kept=told.claims_kept,
        steps=told.steps,
        budgets=told.budgets,
        finished=told.finished,
        outcome=told.message,
        spec_diff=tuple(_spec_diff(before, after)) if before is not None else (),
        notes=notes,
    )


def _spec_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = (
        yaml.safe_dump(each.get("spec"), sort_keys=True).splitlines() for each in (before, after)
    )
    for line in difflib.unified_diff(old, new, n=1, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield line


async def _dry_run(
    api: door.Api, namespace: str, manifest: dict[str, Any]
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the application as it is (None: not at all), and as `kubectl apply` would make it."""
    name = str(manifest["metadata"].get("name", ""))
    try:
        before = await reading.raw(api, Resource.APPLICATIONS, namespace, name)
    except faults.NotFound:
        made = await api.create(Resource.APPLICATIONS, namespace, manifest, dry_run=True)
        return None, nesting.decode(_json, made)
    managers = before["metadata"].get("managedFields") or []
    if any(
        each.get("manager") == SERVER_SIDE and each.get("operation") == "Apply" for each in managers
    ):
        answer = await api.apply(
            Resource.APPLICATIONS,
            namespace,
            name,
            manifest,
            field_manager=SERVER_SIDE,
            force=True,
            dry_run=True,
        )
    else:
        body = three_way(before, manifest)
        answer = await api.patch(Resource.APPLICATIONS, namespace, name, body, dry_run=True)
    return before, nesting.decode(_json, answer)


def three_way(before: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch of the spec that client-side `kubectl apply` would send.

    What the manifest says is set; what it said when it was applied last, and says no more, goes;
    what others have set stays.
    """
    annotations = before["metadata"].get("annotations") or {}
    last = msgspec.json.decode(annotations.get(LAST_APPLIED, "{}")).get("spec") or {}
    live, wanted = dict(before.get("spec") or {}), dict(manifest.get("spec") or {})
    return {"spec": joined_patch(_removals(last, wanted, live), _additions(live, wanted))}


def joined_patch(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return one merge patch that does what both do."""
    joined = dict(first)
    for key, value in second.items():
        both = isinstance(value, dict) and isinstance(joined.get(key), dict)
        joined[key] = joined_patch(joined[key], value) if both else value
    return joined


def _additions(live: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in wanted.items():
        there = live.get(key) if isinstance(live, dict) else None
        if isinstance(value, dict) and isinstance(there, dict):
            inner = _additions(there, value)
            if inner:
                found[key] = inner
        elif value != there:
            found[key] = value
    return found


def _removals(last: Any, wanted: Any, live: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not isinstance(last, dict) or not isinstance(live, dict):
        return found
    for key, value in last.items():
        if key not in live:
            continue
        if key not in wanted:
            found[key] = None
        elif isinstance(value, dict) and isinstance(wanted[key], dict):
            inner = _removals(value, wanted[key], live[key])
            if inner:
                found[key] = inner
    return found


def _read(file: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Yield the applications in a file; the rest of it is another's to plan."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        documents = [each for each in yaml.safe_load_all(text) if each]
    except OSError as error:
        raise failures.UsageError(f"{file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise failures.UsageError(f"{file} is not YAML: {error}") from error
    found = [
        each
        for each in documents
        if isinstance(each, dict)
        and each.get("kind") == "Application"
        and str(each.get("apiVersion", "")).startswith(f"{names.GROUP}/")
    ]
    if not found:
        raise failures.UsageError(f"{file} holds no Application of {names.API_VERSION}")
    yield from found
