"""Which servers get a step of an operation now, never more of a component than its limit.

A server in flight counts, and so does every server of the component that is down for whatever
reason, targeted or not: a rollout, a remediation or an eviction that took it down has used the same
allowance. A server that is lost for good counts no more, so it does not hold up the others for
ever. A server that is down already, and
that the act would take down anyway, costs nothing and goes first. Called by the Operation planner.

Example: web has five servers and a limit of 2; web-1 is being restarted and web-4 is down. There is
no room for web-2, which works. But web-4 may be restarted now: nobody loses a server by that.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from controller.api import names, objects
from controller.api.choices import OnUnknown, Power, StepScope
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.kinds.operation import allotment, steps, targets
from controller.kinds.operation.server_progress import ServerProgress, ServerState
from controller.planning import availability, departures, focus, remedies

# How many servers that are down are told, of each component.
MOST_TOLD = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of an operation, as the servers show it."""

    operation: objects.Operation
    run: str
    steps: tuple[steps.OperationStep, ...]
    progress: tuple[ServerProgress, ...]
    # By component: how many at once, and which components go first.
    allotments: Mapping[str, allotment.Allotment]
    # By component: servers that are down and not the run's to wait for, by name.
    down_beside: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    # Servers that are there, and count as down as their evictions are on record.
    recorded: frozenset[targets.Key] = frozenset()
    # By component that loses servers in one failure domain at a time: in which there are some down.
    foci: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    # The other operations that may go on: servers keep their checkpoints.
    open: tuple[str, ...] = ()
    # The names of the other operations of the application that have not ended.
    beside: frozenset[str] = frozenset()

    def of(self, *states: ServerState) -> list[ServerProgress]:
        """Return the servers in one of those states."""
        return [each for each in self.progress if each.state in states]

    @property
    def present(self) -> list[ServerProgress]:
        """The servers that the run still has to do with."""
        return [each for each in self.progress if each.state is not ServerState.LEFT]

    def index(self, name: str) -> int:
        """Return the place of the step called `name`."""
        return [each.name for each in self.steps].index(name)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """The first step of scope Component or Once that is not done: all wait before it for all.

    `owed` are the groups (a component, or "" for Once) that still have to do it. `lost` is a
    group whose server went while at it.

    Example: steps drain (Server), migrate (Component), start (Server), on db/0-1 and web/0-2. All
    five drain, within their limits. migrate is the barrier: nobody starts before it is done, and
    nobody migrates while anybody drains. Then `owed` is (db, web), and the first server of each
    that can migrates for its component; when web-0 has, `owed` is (db,). When both have, there is
    no barrier left, and all five start.
    """

    index: int
    step: steps.OperationStep
    owed: tuple[str, ...]
    lost: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One step for one server, now."""

    progress: ServerProgress
    step: steps.OperationStep
    undo: bool = False


def groups(run: Run, step: steps.OperationStep) -> tuple[str, ...]:
    """Return who does the step once: each component, or the whole operation."""
    if step.scope == StepScope.COMPONENT:
        return tuple(dict.fromkeys(each.key[0] for each in run.progress))
    return ("",)


def _members(run: Run, group: str) -> list[ServerProgress]:
    return [each for each in run.progress if group in ("", each.key[0])]


def barrier(run: Run) -> Barrier | None:
    """Return the step that all servers wait before, or None where no such step is left."""
    told = {each.name: each for each in run.operation.status.steps}
    for index, step in enumerate(run.steps):
        if step.scope == StepScope.SERVER:
            continue
        wanted = groups(run, step)
        before = told.get(step.name)
        if before is not None and before.passed >= len(wanted):
            continue
        owed = tuple(
            group
            for group in wanted
            if not any(step.name in each.ever for each in _members(run, group))
        )
        if owed:
            busy = [group for group in owed if _carriers(run, step, group)]
            at_it = before.running if before is not None else 0
            gone = [group for group in owed if group not in busy]
            lost = gone[0] if gone and at_it > len(busy) + _failed(run, step) else None
            return Barrier(index=index, step=step, owed=owed, lost=lost)
    return None


def _carriers(run: Run, step: steps.OperationStep, group: str) -> list[ServerProgress]:
    return [each for each in _members(run, group) if is_at(each, step.name)]


def _failed(run: Run, step: steps.OperationStep) -> int:
    return sum(
        1 for each in run.progress if each.failure is not None and each.failure.step == step.name
    )


def is_at(progress: ServerProgress, step: str) -> bool:
    """Return whether the server is at that step now."""
    if progress.state is not ServerState.RUNNING or progress.server is None:
        return False
    given = progress.server.spec.task
    return given is not None and given.step == step


def choose(run: Run) -> tuple[Grant, ...]:
    """Return which servers get which step now: those on their way first, then new ones."""
    # Servers go on by themselves from one barrier to the next: no step behind that is given now,
    # and half done is only who has passed one since the last.
    stop = barrier(run)
    end = stop.index if stop is not None else len(run.steps)
    start = _segment_start(run, end)
    wanted = [
        Grant(progress=each, step=step)
        for each in run.of(ServerState.WAITING)
        if (step := _next(run, each, end)) is not None
    ]
    begun = {
        each.progress.key
        for each in wanted
        if any(step.name in each.progress.reached for step in run.steps[start:end])
    }
    busy = {each.progress.key[0] for each in wanted} | {
        each.key[0] for each in run.of(ServerState.RUNNING)
    }
    turn = [each for each in wanted if _has_turn(run.allotments[each.progress.key[0]], busy)]
    # False comes first: whoever is half done, and of the others whoever is down already. Example:
    # steps drain, restart, limit 2; web-1 and web-3 have drained, and web-3 is down. These two go
    # on, web-3 first. web-2, which has not begun, does so once one of them has passed both.
    ordered = sorted(turn, key=lambda each: (each.progress.key not in begun, not _is_free(each)))
    # The step of the barrier: once nobody has, or is at, anything that comes before it.
    if stop is not None and not wanted and not _at_earlier(run, stop):
        ordered = list(_carried(run, stop))
    return _admit(run, ordered, reserved=begun)


def _has_turn(component: allotment.Allotment, busy: set[str]) -> bool:
    return component.waits is None and not component.after & busy


def _segment_start(run: Run, end: int) -> int:
    starts = [i + 1 for i, each in enumerate(run.steps[:end]) if each.scope != StepScope.SERVER]
    return starts[-1] if starts else 0


def _next(run: Run, progress: ServerProgress, end: int) -> steps.OperationStep | None:
    for step in run.steps[:end]:
        if step.scope == StepScope.SERVER and step.name not in progress.reached:
            return step
    return None


def _at_earlier(run: Run, stop: Barrier) -> bool:
    return any(not is_at(each, stop.step.name) for each in run.of(ServerState.RUNNING))


def _carried(run: Run, stop: Barrier) -> Iterable[Grant]:
    for group in stop.owed:
        if _carriers(run, stop.step, group):
            continue
        able = [
            each
            for each in _members(run, group)
            if each.state in (ServerState.WAITING, ServerState.PASSED)
            and run.allotments[each.key[0]].waits is None
            and can_take(run, Grant(progress=each, step=stop.step))
        ]
        if able:
            yield Grant(progress=able[0], step=stop.step)


def _admit(
    run: Run,
    ordered: Sequence[Grant],
    *,
    reserved: set[tuple[str, int]],
) -> tuple[Grant, ...]:
    """Let in as many as there is room for, at this instant and at the next step of those begun."""
    rooms = {
        component: _Room(limit=each.limit, others=len(run.down_beside.get(component, ())))
        for component, each in run.allotments.items()
    }
    # One that is at work is mostly down, too, and takes one place for both. One whose place is kept
    # may be down as well: `has_place` counts these sets so that nobody counts twice.
    for progress in run.progress:
        room = rooms[progress.key[0]]
        if progress.state is ServerState.RUNNING:
            room.busy.add(progress.key)
        elif progress.down:
            room.down.add(progress.key)
        if progress.key in reserved:
            room.held.add(progress.key)
    foci = {name: focus.Focus(down, on=True) for name, down in run.foci.items()}
    nowhere = focus.Focus((), on=False)
    admitted: list[Grant] = []
    for each in sorted(ordered, key=lambda each: _domain(foci, each)) if foci else ordered:
        key, server = each.progress.key, each.progress.server
        room, one = rooms[key[0]], foci.get(key[0], nowhere)
        # Who is down already needs no place, and its domain has one down as it is. Whoever is up
        # needs both: a place, and that no server of another domain is down (`take` counts its own).
        if not (_is_free(each) or room.has_place(key)) or not can_take(run, each):
            continue
        if _is_free(each) or (server is not None and one.take(server)):
            room.take(key)
            admitted.append(each)
    return tuple(admitted)


def _domain(foci: Mapping[str, focus.Focus], given: Grant) -> str:
    """Return what to order by, so that one domain is through before the next begins."""
    one, server = foci.get(given.progress.key[0]), given.progress.server
    return one.key(server) if one is not None and server is not None else ""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Room:
    """The places of one component: who is at work, who is down, whose place is kept.

    A server is at most one of these at a time, and each takes a place. `held` are those between
    two of their steps: they have begun and are not at work for the moment. Their places are kept,
    lest a new one begins and they have to wait half done.

    Example: limit 2; web-0 is at work (busy), web-1 has done its first step and is due for its
    second (held). web-2 would be the third: 1 + 1 held = 2, not below 2. For web-1 itself its own
    place counts as free: 1 busy, and 1 < 2.
    """

    limit: int
    # Servers of the component that are down and not the run's.
    others: int = 0
    busy: set[targets.Key] = dataclasses.field(default_factory=set)
    down: set[targets.Key] = dataclasses.field(default_factory=set)
    held: set[targets.Key] = dataclasses.field(default_factory=set)

    def has_place(self, key: targets.Key) -> bool:
        """Return whether one more may begin; one between its steps has a place already.

        Servers that are down beside the run keep only working ones from beginning: else two
        runs, each with a server that is down between its steps, would wait for each other for ever.
        """
        load = len(self.busy) + len(self.down) - (key in self.down)
        if key not in self.held:
            load += len(self.held - self.busy - self.down)
            load += 0 if key in self.down else self.others
        return load < self.limit

    def take(self, key: targets.Key) -> None:
        """Give the server its place."""
        self.busy.add(key)
        self.down.discard(key)


def _is_free(given: Grant) -> bool:
    """Return whether the act takes nothing from anybody: its server is down already.

    By more than the record of an eviction: that one may be about a pod that is long gone.
    """
    act = (given.step.compensation or given.step.act) if given.undo else given.step.act
    server = given.progress.server
    if server is None or act.action not in tasks.CONVERGING:
        return False
    lost = not given.progress.available and not given.progress.doubtful
    return lost and server.spec.power != Power.STOPPED


def can_take(run: Run, given: Grant) -> bool:
    """Return whether the server can be asked now: free, as it was told, and well enough."""
    server = given.progress.server
    if server is None or server.spec.held or not tasks.ended(server):
        return False
    act = (given.step.compensation or given.step.act) if given.undo else given.step.act
    converging = act.action in tasks.CONVERGING
    if converging and availability.failed_for_good(server):
        return True
    spec, status = server.spec, server.status
    settled = (spec.revision, spec.incarnation) == (status.revision, status.incarnation)
    if spec.power == Power.STOPPED:
        return act.name not in tasks.IN_SERVER
    anew = act.action in tasks.REMAKING and steps.is_in_the_making(server, run.operation)
    return anew or (settled and (converging or given.progress.available))


def pending_undo(run: Run, progress: ServerProgress) -> int:
    """Return the place of the last step that the server has begun and not undone, or -1."""
    failure = progress.failure
    begun = progress.ever | ({failure.step} if failure is not None and failure.attempts else set())
    if progress.not_undone:
        return -1
    for index in range(len(run.steps) - 1, -1, -1):
        step = run.steps[index]
        if step.compensation and step.name in begun and step.name not in progress.undone:
            return index
    return -1


def choose_undo(run: Run) -> tuple[Grant, ...]:
    """Return which servers undo a step now: the last step first, on all of them."""
    left = {each.key: pending_undo(run, each) for each in run.present}
    last = max(left.values(), default=-1)
    if last < 0:
        return ()
    ordered = [
        Grant(progress=each, step=run.steps[last], undo=True)
        for each in run.present
        if left[each.key] == last and each.state is not ServerState.RUNNING
    ]
    return _admit(run, ordered, reserved=set())


def failed(run: Run) -> list[ServerProgress]:
    """Return the servers on which the run failed, also while that is being undone."""
    return [each for each in run.present if each.failure is not None]


def barrier_failed(run: Run, stop: Barrier) -> bool:
    """Return whether a step that all wait for can no longer be done in this run."""
    told = {each.name: each for each in run.operation.status.steps}.get(stop.step.name)
    if told is not None and told.failed:
        return True
    again = stop.step.on_unknown == OnUnknown.RERUN or stop.step.act.name in tasks.IDEMPOTENT
    if stop.lost is not None and not again:
        return True
    return _failed(run, stop.step) > 0


def is_undoing(progress: ServerProgress) -> bool:
    """Return whether the server is at undoing a step."""
    given = progress.server.spec.task if progress.server is not None else None
    return given is not None and bool(tasks.undoes(given.step))


def hindered(run: Run) -> tuple[Blocked, ...]:
    """Return what keeps servers from their turn, where concurrency does not."""
    waiting = {each.key[0] for each in run.of(ServerState.WAITING)}
    templates = tuple(
        each.waits
        for name, each in run.allotments.items()
        if each.waits is not None and name in waiting
    )
    if templates:
        return templates
    closed = tuple(_closed(run, name) for name in sorted(waiting) if not run.allotments[name].limit)
    if closed:
        return closed
    at_work = collections.Counter(each.key[0] for each in run.of(ServerState.RUNNING))
    full = {name for name, each in run.allotments.items() if at_work[name] >= each.limit}
    found = _evicted(run, waiting - full)
    told = {names.server(run.operation.spec.application, *each) for each in run.recorded}
    found += [
        _hindrance(run, server)
        for each in run.present
        if (server := each.server) is not None
        and each.key[0] not in full
        and each.key not in run.recorded
        and (each.down or (each.state is ServerState.WAITING and not tasks.ended(server)))
    ]
    found += [
        _down(run, name)
        for component in sorted(waiting - full)
        for name in run.down_beside.get(component, ())[:MOST_TOLD]
        if name not in told
    ]
    return tuple({each.object: each for each in found}.values())


def _evicted(run: Run, components: Collection[str]) -> list[Blocked]:
    """Return whose evictions are on record while their pods are there, of each component."""
    meta, application = run.operation.metadata, run.operation.spec.application
    found = ((name, [key[1] for key in run.recorded if key[0] == name]) for name in components)
    return [
        departures.told(application, name, meta.namespace, ordinals)
        for name, ordinals in sorted(found)
        if ordinals
    ]


def _hindrance(run: Run, server: objects.Server) -> Blocked:
    """Return who has the server at work, if that is another operation; else the server itself."""
    name, namespace = server.metadata.name, server.metadata.namespace
    task = server.spec.task
    if task is not None and not tasks.ended(server) and task.operation in run.beside:
        return Blocked(
            object=f"Operation/{task.operation}",
            reason=Reason.CONFLICT,
            message=f"Operation {task.operation} acts on a server that this operation needs next.",
            remedy=remedies.why("operation", task.operation, namespace),
        )
    return Blocked(
        object=f"Server/{name}",
        reason=Reason.SERVERS_UNAVAILABLE,
        message=f"{name} is not available, or busy otherwise.",
        remedy=remedies.why("server", name, namespace),
    )


def _closed(run: Run, component: str) -> Blocked:
    """Return that a component lets no server be down, where the operation names no number."""
    application, namespace = run.operation.spec.application, run.operation.metadata.namespace
    return Blocked(
        object=f"ServerSet/{names.server_set(application, component)}",
        reason=Reason.SERVERS_UNAVAILABLE,
        message=f"Component {component} lets no server be down, as its maxUnavailable is 0: raise"
        " it, or ask with a concurrency instead.",
        remedy=remedies.edit_application(application, namespace),
    )


def _down(run: Run, name: str) -> Blocked:
    """Return who uses up the budget without being in the operation."""
    return Blocked(
        object=f"Server/{name}",
        reason=Reason.SERVERS_UNAVAILABLE,
        message=f"{name} is not available, and counts against the budget, too.",
        remedy=remedies.why("server", name, run.operation.metadata.namespace),
    )


def undone(run: Run) -> bool:
    """Return whether nothing is left to undo."""
    return all(pending_undo(run, each) < 0 for each in run.present)
