"""`why` and `explain`: how an object stands, what it waits for, and what would be done next.

The operator's own snapshot and plan, made here: so it works with read-only rights, and with the
operator down.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import rich.console
import rich.text

from controller import errors
from controller.api import clock, conditions
from controller.api.conditions import Blocked
from controller.api.reasons import DESCRIPTIONS, Reason
from controller.api.resources import Resource
from controller.cli import references, screen, status_text
from controller.cli.session import Session
from controller.kinds.application.snapshot import ApplicationSnapshot
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.kube import faults
from controller.planning import narrative, remedies
from controller.planning import plan as plans
from controller.planning.keys import Key
from controller.presentation import inspection

LEASE = "argosy-leader"
# A reason may be a provider's own, of which only its message is known.
_MEANINGS = {str(reason): described for reason, described in DESCRIPTIONS.items()}
# A Lease that was not renewed for its own span has no holder that lives; clocks differ by so much.
LEASE_SECONDS, SKEW_SECONDS = 15.0, 15.0
MOST_BELOW = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Why an object is as it is."""

    object: str
    namespace: str
    ready: str
    reason: str
    message: str
    meaning: str
    remedy: str
    command: str
    since: str
    waits: tuple[Blocked, ...]
    below: tuple[str, ...]
    plan: tuple[str, ...]
    operator: str
    notes: tuple[str, ...]


async def tell(session: Session, given: Sequence[str], form: str) -> int:
    """Answer for the object that `given` names."""
    meant = references.parse(given)
    space = "" if meant.resource is Resource.FLEETS else session.namespace
    key = Key(meant.resource, space, meant.name)
    async with screen.working(f"reading namespace {space}" if space else "reading"):
        found, planned, notes = await inspection.inspect(session.api, key)
    if found is None:
        where = f" in namespace {space}" if space else ""
        raise faults.NotFound(f"{meant} does not exist{where}", reason="NotFound")
    said = await operator(session.api)
    made = answer(meant, space, found, planned, (said, *notes))
    if form in ("json", "yaml"):
        screen.data(made, form)
    else:
        screen.output().print(draw(made, screen.now()), soft_wrap=True)
    return 0


def answer(
    meant: references.Reference,
    namespace: str,
    found: Any,
    planned: plans.Plan,
    notes: Sequence[str],
) -> Answer:
    """Return the answer for the object that `found` was gathered for, by the plan of it.

    What the plan says of it is newer than what its status says; the status knows refusals that
    only the operator met.
    """
    seen = planned_object(found)
    status = planned.status if planned.status is not None else seen.status
    verdict = conditions.find(status.conditions, "Succeeded") or conditions.find(
        status.conditions, "Ready"
    )
    reason = verdict.reason if verdict else Reason.PENDING
    known = _MEANINGS.get(reason)
    told = tuple(getattr(status, "blocked_by", ()))
    also = tuple(getattr(seen.status, "blocked_by", ()))
    known_already = {(each.object, each.reason) for each in told}
    refused = [
        each
        for each in also
        if each.reason in (Reason.REFUSED, Reason.NAME_TAKEN)
        and (each.object, each.reason) not in known_already
    ]
    return Answer(
        object=f"{meant.kind}/{meant.name}",
        namespace=namespace,
        ready=verdict.status if verdict else "Unknown",
        reason=reason,
        message=verdict.message if verdict else "",
        meaning=known.meaning if known else "",
        remedy=known.remedy if known else "",
        command=_typed(known.command if known else "", meant, seen, namespace),
        since=verdict.last_transition_time if verdict else "",
        waits=(*told, *refused),
        below=tuple(_below(found))[:MOST_BELOW],
        plan=tuple(narrative.narrate(dataclasses.replace(planned, status=None))),
        operator=notes[0],
        notes=tuple(notes[1:]),
    )


def draw(found: Answer, now: float) -> rich.console.Group:
    """Return the answer for a terminal."""
    title = rich.text.Text()
    title.append(found.object, style="bold")
    title.append("  ")
    style = {"True": "green", "False": "red"}.get(found.ready, "yellow")
    title.append(found.reason, style=style)
    if clock.parse(found.since):
        title.append(f" for {screen.age(now - clock.parse(found.since))}")
    parts: list[rich.console.RenderableType] = [title]
    told = (found.message, found.meaning, found.remedy)
    parts += [rich.text.Text(each) for each in told if each]
    if found.command and not any(each.remedy for each in found.waits):
        parts.append(rich.text.Text(f"→ {found.command}", style="cyan"))
    if found.waits:
        parts.append(rich.text.Text("\nWaits for", style="bold"))
        parts += [status_text.waiting(_beyond(each, found), now) for each in found.waits]
    if found.below:
        parts.append(rich.text.Text("\nNot ready below it", style="bold"))
        parts += [rich.text.Text(f"  {each}") for each in found.below]
    parts.append(rich.text.Text("\nNext", style="bold"))
    nothing = ("nothing: it is as asked for" if found.ready == "True" else "nothing for now",)
    plan = [each for each in found.plan if each != found.message]
    parts += [rich.text.Text(f"  {each}") for each in plan or nothing]
    notes = [each for each in (found.operator, *found.notes) if each]
    parts += [rich.text.Text(f"\n{each}", style="dim") for each in notes]
    return rich.console.Group(*parts)


def _beyond(waited: Blocked, found: Answer) -> Blocked:
    """Return what is waited for, without a message that was told already."""
    return (
        msgspec.structs.replace(waited, message="") if waited.message == found.message else waited
    )


async def operator(api: Any) -> str:
    """Return in a sentence whether an operator is at work; empty where that cannot be seen."""
    query = f"fieldSelector=metadata.name%3D{LEASE}"
    try:
        found = msgspec.json.decode(await api.raw("/apis/coordination.k8s.io/v1/leases", query))
    except errors.ArgosyError:
        return ""
    leases = found.get("items") or []
    if not leases:
        return "No operator has ever led here: is Argosy installed?"
    spec = max((each["spec"] for each in leases), key=lambda each: each.get("renewTime") or "")
    silent = screen.now() - clock.parse(spec.get("renewTime"))
    span = spec.get("leaseDurationSeconds") or LEASE_SECONDS
    if spec.get("holderIdentity") and silent < span + SKEW_SECONDS:
        return ""
    return (
        f"No operator is at work: the last one renewed its Lease {screen.age(silent)} ago. Until"
        " one is, nothing of this happens: kubectl get pods -A -l app.kubernetes.io/name=argosy"
    )


def _below(found: Any) -> Iterator[str]:
    """Yield what is not ready one step below an application or a set, and the command to go on."""
    parts: Mapping[Any, Any] = getattr(found, "sets", None) or getattr(found, "servers", None) or {}
    if not isinstance(found, ApplicationSnapshot | ServerSetSnapshot):
        return
    kind = "serverset" if isinstance(found, ApplicationSnapshot) else "server"
    for _, each in sorted(parts.items()):
        ready = conditions.find(each.status.conditions, "Ready")
        if ready is not None and ready.status != "True":
            command = remedies.why(kind, each.metadata.name, each.metadata.namespace)
            yield f"{ready.reason}: {ready.message} → {command}"


def planned_object(found: Any) -> Any:
    """Return the object that a snapshot was gathered for."""
    for name in ("application", "server_set", "server", "operation", "fleet"):
        if type(found).__name__.lower().startswith(name.replace("_", "")):
            return getattr(found, name)
    raise AssertionError(f"no object in {type(found).__name__}")


def _typed(command: str, meant: references.Reference, seen: Any, namespace: str) -> str:
    """Return the command with the names in it; nothing where they are those of things below.

    Which ones those are is told thing by thing.
    """
    if not command.startswith("kubectl argosy"):
        return command
    application = (
        meant.name if meant.kind == "Application" else getattr(seen.spec, "application", "")
    )
    filled = (
        command.replace(f"{meant.kind.lower()}/NAME", str(meant))
        .replace("application/NAME", f"application/{application}")
        .replace("APPLICATION", application)
        .replace("--server NAME", f"--server {meant.name}")
    )
    return "" if "NAME" in filled else f"{filled} -n {namespace}"
