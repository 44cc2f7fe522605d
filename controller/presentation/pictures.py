"""How applications, their servers and their operations stand: one model for text, JSON and YAML.

Pure: made of what was read and of the time. `applications` and `following` read.
"""

from __future__ import annotations

import collections
import dataclasses
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.api import clock, conditions, objects
from controller.api.choices import Power
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.planning import availability, domains
from controller.presentation import estimates

READY, UPDATING, STARTING, BUSY = "ready", "updating", "starting", "in an operation"
UNREADY, FAILED, STOPPED, LEAVING = "unready", "failed", "stopped", "leaving"
# In this order they are told: what is well first, what needs a look last.
STATES = (READY, BUSY, UPDATING, STARTING, STOPPED, LEAVING, UNREADY, FAILED)
TROUBLE = frozenset({UNREADY, FAILED})
# The end of an operation that deserves no further room on the screen after this long.
RECENT_SECONDS = 600.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerPicture:
    """One server."""

    name: str
    short: str
    ordinal: int
    state: str
    reason: str
    message: str
    since: str
    # The failure domain that it is in; while it is nowhere, the one that it is to be in.
    zone: str
    # The failure domain that it was given.
    domain: str
    addresses: tuple[str, ...]
    revision: str
    held: bool
    task: str
    # Who holds it, until when and why, where that was said.
    hold: str = ""

    @property
    def place(self) -> str:
        """Where it is, and where it was to be if that is somewhere else."""
        elsewhere = self.domain and self.domain != self.zone
        return f"{self.zone}, not {self.domain}" if elsewhere else self.zone


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ComponentPicture:
    """One component: its counts, and its servers by state."""

    name: str
    server_set: str
    desired: int
    current: int
    updated: int
    available: int
    failed: int
    revision: str
    reason: str
    message: str
    states: dict[str, int]
    servers: tuple[ServerPicture, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OperationPicture:
    """One operation that runs, waits, or ended just now."""

    name: str
    action: str
    components: tuple[str, ...]
    succeeded: str
    reason: str
    message: str
    total: int
    done: int
    running: int
    failed: int
    progress: str
    age_seconds: int
    waits: tuple[Blocked, ...]
    steps: tuple[objects.StepStatus, ...] = ()
    failures: tuple[objects.FailureRecord, ...] = ()
    # How long it is still going to take, where that can be told.
    left_seconds: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationPicture:
    """One application: how it stands, what it consists of, what it waits for."""

    namespace: str
    name: str
    ready: str
    reason: str
    message: str
    stalled: bool
    paused: bool
    deleting: bool
    fleet: str
    desired: int
    available: int
    updated: int
    failed: int
    age_seconds: int
    since: str
    components: tuple[ComponentPicture, ...]
    operations: tuple[OperationPicture, ...]
    waits: tuple[Blocked, ...]


def picture(
    application: objects.Application,
    sets: Iterable[objects.ServerSet],
    servers: Iterable[objects.Server],
    operations: Iterable[objects.Operation],
    now: float,
) -> ApplicationPicture:
    """Return the picture of an application; of the rest only what is its own is looked at."""
    drawn: dict[str, list[ServerPicture]] = collections.defaultdict(list)
    for each in servers:
        if _belongs(each, application):
            drawn[each.spec.component].append(server(each))
    return assembled(application, sets, drawn, operations, now)


def assembled(
    application: objects.Application,
    sets: Iterable[objects.ServerSet],
    drawn: Mapping[str, Iterable[ServerPicture]],
    operations: Iterable[objects.Operation],
    now: float,
) -> ApplicationPicture:
    """Return the picture of an application whose servers were drawn before, by component."""
    meta, status = application.metadata, application.status
    mine = {each.spec.component: each for each in sets if _belongs(each, application)}
    ready = conditions.find(status.conditions, ConditionType.READY)
    parts = tuple(
        _component(name, application, mine.get(name), drawn.get(name, ()))
        for name in _components(application, mine)
    )
    acts = [each for each in operations if each.spec.application == meta.name]
    shown = tuple(
        operation(each, now, acts)
        for each in sorted(acts, key=lambda each: each.metadata.creation_timestamp or "")
        if each.metadata.namespace == meta.namespace and _worth_showing(each, now)
    )
    behind = status.observed_generation < meta.generation
    return ApplicationPicture(
        namespace=meta.namespace,
        name=meta.name,
        ready="Unknown" if ready is None or behind else ready.status,
        reason=ready.reason if ready else Reason.PENDING,
        message=ready.message if ready else "Argosy has not looked at the object yet.",
        stalled=conditions.is_true(status.conditions, ConditionType.STALLED),
        paused=application.spec.paused,
        deleting=meta.deletion_timestamp is not None,
        fleet=application.spec.fleet,
        desired=sum(each.desired for each in parts),
        available=sum(each.available for each in parts),
        updated=sum(each.updated for each in parts),
        failed=sum(each.failed for each in parts),
        age_seconds=_seconds(meta.creation_timestamp, now),
        since=ready.last_transition_time if ready else "",
        components=parts,
        operations=shown,
        waits=status.blocked_by,
    )


def pictures(
    applications: Iterable[objects.Application],
    sets: Iterable[objects.ServerSet],
    servers: Iterable[objects.Server],
    operations: Iterable[objects.Operation],
    now: float,
) -> list[ApplicationPicture]:
    """Return the pictures of all applications by name, each with what is its own, in one pass."""
    parts = [_by_application(each) for each in (sets, servers, operations)]
    drawn = []
    for each in applications:
        key = each.metadata.namespace, each.metadata.name
        mine, below, acts = (part.get(key, []) for part in parts)
        drawn.append(picture(each, mine, below, acts, now))
    return sorted(drawn, key=lambda each: (each.namespace, each.name))


def _by_application(found: Iterable[Any]) -> dict[tuple[str, str], list[Any]]:
    grouped: dict[tuple[str, str], list[Any]] = {}
    for each in found:
        grouped.setdefault((each.metadata.namespace, each.spec.application), []).append(each)
    return grouped


def operation(
    found: objects.Operation, now: float, before: Iterable[objects.Operation] = ()
) -> OperationPicture:
    """Return the picture of an operation; those `before` tell how long one of its kind takes."""
    status = found.status
    estimate = estimates.left(found, before, now)
    verdict = conditions.find(status.conditions, ConditionType.SUCCEEDED)
    return OperationPicture(
        name=found.metadata.name,
        action=found.spec.action,
        components=found.spec.components,
        succeeded=verdict.status if verdict else "Unknown",
        reason=verdict.reason if verdict else Reason.WAITING,
        message=verdict.message if verdict else "Argosy has not looked at the object yet.",
        total=status.total,
        done=status.succeeded,
        running=status.running,
        failed=status.failed,
        progress=status.progress,
        age_seconds=_seconds(found.metadata.creation_timestamp, now),
        waits=status.blocked_by,
        steps=status.steps,
        failures=status.failures,
        left_seconds=estimate[0] if estimate is not None else None,
    )


def server(found: objects.Server) -> ServerPicture:
    """Return the picture of a server."""
    spec, status = found.spec, found.status
    ready = conditions.find(status.conditions, ConditionType.READY)
    busy = spec.task is not None and availability.operated(found)
    return ServerPicture(
        name=found.metadata.name,
        short=f"{spec.component}-{spec.ordinal}",
        ordinal=spec.ordinal,
        state=_state(found, ready),
        reason=ready.reason if ready else Reason.PENDING,
        message=ready.message if ready else "",
        since=ready.last_transition_time if ready and status.observed_generation else "",
        zone=domains.place(found),
        domain=spec.domain,
        addresses=status.provider.addresses,
        revision=status.revision,
        held=spec.held,
        hold=_hold(spec),
        task=spec.task.operation if spec.task is not None and busy else "",
    )


def _hold(spec: objects.ServerSpec) -> str:
    said = spec.hold
    if not spec.held or said is None:
        return ""
    told = f" by {said.owner}" if said.owner else ""
    told += f" until {said.until}" if said.until else ""
    told += f": {said.reason}" if said.reason else ""
    return told


def trouble(found: ApplicationPicture) -> tuple[int, int, str, str]:
    """Return what `top` sorts by: the more trouble, the earlier."""
    if found.stalled:
        rank = 0
    elif found.failed or (found.ready == "False" and found.available < found.desired):
        rank = 1
    elif found.ready != "True":
        rank = 2
    elif found.operations:
        rank = 3
    else:
        rank = 4
    return rank, -(found.desired - found.available), found.namespace, found.name


def summary(states: dict[str, int], servers: Sequence[ServerPicture], most: int = 3) -> str:
    """Return the servers in words: "47 ready, 2 updating, 1 failed: web-13"."""
    parts = []
    for state in STATES:
        count = states.get(state, 0)
        if not count:
            continue
        names = ""
        if state in TROUBLE:
            known = [each.short for each in servers if each.state == state]
            more = ", …" if len(known) > most else ""
            names = f": {', '.join(known[:most])}{more}"
        parts.append(f"{count} {state}{names}")
    return ", ".join(parts) or "no servers yet"


def _component(
    name: str,
    application: objects.Application,
    found: objects.ServerSet | None,
    servers: Iterable[ServerPicture],
) -> ComponentPicture:
    drawn = tuple(sorted(servers, key=operator.attrgetter("ordinal")))
    told = next((each for each in application.status.components if each.name == name), None)
    declared = next((each for each in application.spec.components if each.name == name), None)
    ready = conditions.find(found.status.conditions, ConditionType.READY) if found else None
    states = collections.Counter(map(operator.attrgetter("state"), drawn))
    wanted = declared.replicas if declared and declared.replicas is not None else None
    if wanted is None:
        wanted = found.spec.replicas if found else (told.desired if told else 0)
    return ComponentPicture(
        name=name,
        server_set=found.metadata.name if found else "",
        desired=wanted if declared else 0,
        current=len(drawn),
        updated=told.updated if told else 0,
        available=told.available if told else 0,
        failed=states[FAILED],
        revision=found.spec.revision if found else "",
        reason=ready.reason if ready else Reason.PENDING,
        message=ready.message if ready else "",
        states={each: states[each] for each in STATES if states[each]},
        servers=drawn,
    )


def _components(
    application: objects.Application, sets: dict[str, objects.ServerSet]
) -> Iterable[str]:
    """Return the components as declared, then those on their way out."""
    declared = [each.name for each in application.spec.components]
    return (*declared, *sorted(set(sets) - set(declared)))


def _state(found: objects.Server, ready: conditions.Condition | None) -> str:  # noqa: PLR0911 - a table in order of weight
    spec, status = found.spec, found.status
    if found.metadata.deletion_timestamp is not None:
        return LEAVING
    if conditions.is_true(status.conditions, ConditionType.STALLED):
        return FAILED
    if spec.task is not None and availability.operated(found):
        return BUSY
    if status.observed_generation == 0:
        return STARTING
    if spec.power == Power.STOPPED:
        # A server that does not run has no revision to be at.
        return STOPPED if status.power == Power.STOPPED else UPDATING
    if ready is not None and ready.status != "True" and _failed_before(found):
        return UNREADY
    if not status.revision:
        return STARTING
    if (status.revision, status.incarnation) != (spec.revision, spec.incarnation):
        return UPDATING
    if ready is not None and ready.status == "True":
        return READY
    return (
        STARTING
        if ready is not None and ready.reason in (Reason.CREATING, Reason.STARTING)
        else UNREADY
    )


def _failed_before(found: objects.Server) -> bool:
    """Return whether an attempt to make what the server should be now has failed."""
    tried = found.status.attempts
    told = (tried.revision, tried.incarnation)
    return tried.count > 0 and told == (found.spec.revision, found.spec.incarnation)


def _belongs(each: objects.ServerSet | objects.Server, application: objects.Application) -> bool:
    meta = application.metadata
    return each.metadata.namespace == meta.namespace and each.spec.application == meta.name


def _worth_showing(found: objects.Operation, now: float) -> bool:
    ended = clock.parse(found.status.completion_time)
    return not ended or now - ended < RECENT_SECONDS


def _seconds(stamp: str | None, now: float) -> int:
    return max(0, int(now - clock.parse(stamp))) if stamp else 0
