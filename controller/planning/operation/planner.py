"""What an operation does next: whose turn it is, which servers get a task, how it ends.

Called by `execution` for each Operation key, and by `explain`. Nothing of a flow is stored: where
each server is, is read from the servers; the status only keeps what they cannot tell.
"""

from __future__ import annotations

import msgspec

from controller.api import clock, conditions, names, objects
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.planning import plan as plans
from controller.planning import remedies, snapshot, words
from controller.planning.operation import (
    admission,
    assignments,
    conflicts,
    endings,
    passage,
    rollback,
    steps,
    summary,
    targets,
)
from controller.planning.operation.admission import Run
from controller.planning.operation.passage import State
from controller.planning.operation.summary import Word
from controller.planning.server import task


def plan(look: snapshot.OperationSnapshot) -> plans.Plan:
    """Return what the operation does now."""
    operation = look.operation
    if conflicts.finished(operation):
        return endings.begin_retry(look) or endings.rest(look)
    if names.FINALIZER not in operation.metadata.finalizers:
        # Nothing was begun without it: where nothing will be, it would be a write for nothing.
        return endings.cut_short(look) if _application_gone(look) else _guard(operation)
    return _advance(look)


def _guard(operation: objects.Operation) -> plans.Plan:
    """Stay until the end has been seen to."""
    if operation.metadata.deletion_timestamp is not None:
        return plans.Plan()
    finalizers = [*operation.metadata.finalizers, names.FINALIZER]
    patch = endings.patch(operation, {"metadata": {"finalizers": finalizers}}, "Guarded")
    return plans.Plan(actions=(patch,), urgency=plans.Urgency.PERSONAL)


def _advance(look: snapshot.OperationSnapshot) -> plans.Plan:
    """Go through what may be the case, the most pressing first."""
    operation = look.operation
    begun = operation.status.start_time is not None
    if _application_gone(look):
        return endings.cut_short(look)
    if operation.spec.cancelled or operation.metadata.deletion_timestamp is not None:
        return endings.call_off(look, observe(look), Reason.CANCELLED, "It was cancelled.")
    left = _left(look)
    if left <= 0:
        return _late(look)
    paused = _paused(look)
    if paused is not None:
        return _pause(look, paused)
    if operation.status.pause_time is not None:
        return _unpause(look)
    return _bounded(_run(look) if begun else _wait(look), left)


def _bounded(answer: plans.Plan, left: float) -> plans.Plan:
    """Look again when the deadline passes, whatever else happens."""
    wake = plans.soonest(answer.wake_after, left)
    return plans.Plan(
        actions=answer.actions,
        status=answer.status,
        settled=answer.settled,
        wake_after=wake,
        notes=answer.notes,
        urgency=plans.Urgency.PERSONAL,
    )


def observe(look: snapshot.OperationSnapshot) -> Run:
    """Return the run as the servers show it: of those it began with, or would begin with now."""
    operation = look.operation
    plan_steps = steps.of(operation)
    fixed = bool(operation.status.retries) or operation.status.start_time is not None
    recorded = operation.status.targets
    if operation.spec.action == "RollBack":
        keys: tuple[targets.Key, ...] = ()
    elif fixed and recorded:
        keys = targets.in_order(targets.recall(recorded), look.application, operation.spec.order)
    else:
        keys = targets.choose(operation, look.application, look.servers)
    passages = tuple(
        passage.follow(operation, plan_steps, key, look.servers.get(key), look.now) for key in keys
    )
    return Run(
        operation=operation,
        run=passage.run_id(operation),
        steps=plan_steps,
        passages=passages,
    )


# ---- deadlines, pauses, ends


def _application_gone(look: snapshot.OperationSnapshot) -> bool:
    """Whether there was an application; one that is not there yet may still come."""
    if look.namespace_terminating:
        return True
    if look.application is None:
        return look.operation.status.start_time is not None
    return look.application.metadata.deletion_timestamp is not None


def _left(look: snapshot.OperationSnapshot) -> float:
    """Return the seconds until the run's deadline; time spent paused does not count."""
    told, spec, meta = look.operation.status, look.operation.spec, look.operation.metadata
    now = clock.parse(told.pause_time) if told.pause_time else look.now
    since = told.start_time
    bound = spec.timeout_seconds
    if since is None:
        retried = told.last_progress_time if told.retries else None
        since, bound = retried or meta.creation_timestamp, spec.start_deadline_seconds
    if told.cancel_time is not None:
        return 0.0  # the deadline has passed, and acts are being ended
    return (clock.parse(since) or now) + told.paused_seconds + bound - now


def _late(look: snapshot.OperationSnapshot) -> plans.Plan:
    spec = look.operation.spec
    if look.operation.status.start_time is None:
        message = f"Its turn did not come within {spec.start_deadline_seconds} seconds."
        return endings.end(look, Reason.TIMED_OUT, message)
    message = f"It did not end within {spec.timeout_seconds} seconds."
    return endings.call_off(look, observe(look), Reason.TIMED_OUT, message)


def _paused(look: snapshot.OperationSnapshot) -> Blocked | None:
    operation, application = look.operation, look.application
    if operation.spec.paused:
        return Blocked(
            object=f"Operation/{operation.metadata.name}",
            reason=Reason.PAUSED,
            message="The operation is paused.",
            remedy=remedies.resume(operation),
        )
    if application is not None and application.spec.paused:
        return Blocked(
            object=f"Application/{application.metadata.name}",
            reason=Reason.PAUSED,
            message="The application is paused.",
            remedy=remedies.resume(application),
        )
    return None


def _pause(look: snapshot.OperationSnapshot, why: Blocked) -> plans.Plan:
    """What runs finishes, nothing new begins; before its beginning, the list of whom it is for."""
    run = observe(look)
    word = Word(reason=Reason.PAUSED, message=f"{why.message} Nothing new begins.", blocked=(why,))
    status = summary.tell(look.operation, word, look.now, run)
    since = look.operation.status.pause_time or clock.stamp(look.now)
    return _answer(look, msgspec.structs.replace(status, pause_time=since), word)


def _unpause(look: snapshot.OperationSnapshot) -> plans.Plan:
    told = look.operation.status
    paused = look.now - clock.parse(told.pause_time)
    word = Word(reason=Reason.WAITING, message="It goes on.")
    status = msgspec.structs.replace(
        summary.tell(look.operation, word, look.now),
        pause_time=None,
        paused_seconds=told.paused_seconds + max(0, round(paused)),
    )
    return _answer(look, status, word)


def _answer(
    look: snapshot.OperationSnapshot,
    status: objects.OperationStatus,
    word: Word,
    actions: tuple[plans.Action, ...] = (),
    notes: tuple[str, ...] = (),
) -> plans.Plan:
    """Progress may be told a little later; another phase is told at once."""
    before = conditions.find(look.operation.status.conditions, "Succeeded")
    moved = before is None or before.reason != word.reason
    return plans.Plan(
        actions=actions,
        status=status if status != look.operation.status else None,
        settled=moved,
        notes=(word.message, *notes),
        urgency=plans.Urgency.PERSONAL,
    )


# ---- its turn


def _wait(look: snapshot.OperationSnapshot) -> plans.Plan:
    """Wait for the application, and for those whose turn is before; then begin."""
    operation = look.operation
    turn = conflicts.turn(operation, look.others, look.servers)
    if turn.superseded_by is not None:
        later = turn.superseded_by.metadata.name
        return endings.end(look, Reason.SUPERSEDED, f"Operation {later} asks for the same.")
    blocked = _hindrances(look, turn)
    if blocked:
        word = Word(reason=Reason.WAITING, message=blocked[0].message, blocked=blocked)
        return _answer(look, summary.tell(operation, word, look.now), word)
    missing = _unsupported(look)
    if missing:
        message = f"NotSupported: fleet {look.fleet.name} cannot do {', '.join(missing)}."
        return endings.end(look, Reason.FAILED, message)
    return _begin(look)


def _unsupported(look: snapshot.OperationSnapshot) -> list[str]:
    """Return the acts that the fleet's provider cannot do: better none than some."""
    deeds = [
        deed
        for each in steps.of(look.operation)
        for deed in (each.deed, each.undoing)
        if deed is not None
    ]
    needed = {each.name: task.CAPABILITIES.get(each.name) for each in deeds}
    able = look.fleet.capabilities
    return sorted(name for name, need in needed.items() if need is not None and need not in able)


def _hindrances(look: snapshot.OperationSnapshot, turn: conflicts.Turn) -> tuple[Blocked, ...]:
    operation = look.operation
    if look.application is None:
        name, namespace = operation.spec.application, operation.metadata.namespace
        return (
            Blocked(
                object=f"Application/{name}",
                reason=Reason.NOT_FOUND,
                message=f"There is no application {name}.",
                remedy=remedies.applications(namespace),
            ),
        )
    fleet = look.fleet
    if fleet.problem:
        return (
            Blocked(
                object=f"Fleet/{fleet.name}",
                reason=fleet.problem,
                message=fleet.message,
                remedy=remedies.fleet(fleet),
            ),
        )
    return tuple(_behind(each) for each in turn.behind)


def _behind(other: objects.Operation) -> Blocked:
    name = other.metadata.name
    return Blocked(
        object=f"Operation/{name}",
        reason=Reason.CONFLICT,
        message=f"It waits for operation {name}, which acts on the same servers.",
        remedy=remedies.cancel(other),
    )


def _begin(look: snapshot.OperationSnapshot) -> plans.Plan:
    """Fix the targets and the time; tasks are given once this is seen."""
    run = observe(look)
    word = Word(reason=Reason.RUNNING, message=f"{look.operation.spec.action} is under way.")
    status = msgspec.structs.replace(
        summary.tell(look.operation, word, look.now, run),
        start_time=clock.stamp(look.now),
        last_progress_time=clock.stamp(look.now),
    )
    message = f"{look.operation.spec.action} begins on {len(run.passages)} servers."
    if look.operation.spec.action == "RollBack":
        leaving = rollback.revisions_of(look)
        status = msgspec.structs.replace(status, targets=leaving)
        message = f"RollBack begins: {', '.join(leaving) or 'nothing'} is to be left."
    event = plans.Emit(reason=Reason.STARTED, message=message)
    return _answer(look, status, word, actions=(event,), notes=(message,))


# ---- the run


def _run(look: snapshot.OperationSnapshot) -> plans.Plan:
    turn = conflicts.turn(look.operation, look.others, look.servers)
    blocked = _hindrances(look, turn)
    if look.operation.spec.action == "RollBack":
        return rollback.advance(look)
    run = observe(look)
    if blocked:
        word = Word(reason=Reason.WAITING, message=blocked[0].message, blocked=blocked)
        return _answer(look, summary.tell(look.operation, word, look.now, run), word)
    trouble = _trouble(run)
    if trouble:
        return _halt(look, run, trouble)
    given = admission.choose(run)
    if not given and _through(run):
        return _finish(look, run)
    stuck = () if given else admission.hindered(run)
    word = Word(
        reason=Reason.RUNNING, message=f"{look.operation.spec.action} is under way.", blocked=stuck
    )
    return _give(look, run, given, word)


def _give(
    look: snapshot.OperationSnapshot, run: Run, given: tuple[admission.Given, ...], word: Word
) -> plans.Plan:
    writes = tuple(
        patch for each in given if (patch := assignments.give(run, each, look.now)) is not None
    )
    notes = tuple(f"{each.step.name} begins on {_name(each)}." for each in given)
    status = summary.tell(look.operation, word, look.now, run)
    return _answer(look, status, word, actions=writes, notes=notes)


def _name(given: admission.Given) -> str:
    server = given.passage.server
    return server.metadata.name if server is not None else "/".join(map(str, given.passage.key))


def _trouble(run: Run) -> str:
    """Return why nothing new may begin any more, if so."""
    lost = admission.failed(run)
    stop = admission.barrier(run)
    if stop is not None and admission.barrier_failed(run, stop):
        return f"Step {stop.step.name} failed, and everything after it needs it."
    if len(lost) > run.budget:
        failed = words.count(len(lost), "server")
        return f"{failed} failed, more than the failureBudget of {run.budget}."
    return ""


def _halt(look: snapshot.OperationSnapshot, run: Run, trouble: str) -> plans.Plan:
    """Let what runs finish; then end, or undo what was done."""
    spec = look.operation.spec
    begun = look.operation.status
    reverting = spec.on_failure == "Revert" and bool(begun.start_time)
    undo_only = all(admission.is_undoing(each) for each in run.of(State.RUNNING))
    if run.of(State.RUNNING) and not (reverting and undo_only):
        word = Word(reason=Reason.RUNNING, message=f"{trouble} What runs finishes.")
        return _give(look, run, (), word)
    if not reverting:
        return endings.end(look, Reason.FAILED, trouble, run)
    if admission.undone(run) and not run.of(State.RUNNING):
        bad = [each for each in run.present if each.not_undone]
        if bad:
            message = f"{trouble} {words.count(len(bad), 'server')} could not be reverted."
            return endings.end(look, Reason.FAILED, message, run)
        return endings.end(look, Reason.REVERTED, f"{trouble} What was done is undone.", run)
    word = Word(reason=Reason.REVERTING, message=f"{trouble} What was done is being undone.")
    return _give(look, run, admission.choose_undo(run), word)


def _through(run: Run) -> bool:
    return not run.of(State.WAITING, State.RUNNING) and admission.barrier(run) is None


def _finish(look: snapshot.OperationSnapshot, run: Run) -> plans.Plan:
    lost = admission.failed(run)
    if not lost:
        return endings.end(look, endings.COMPLETED, f"{run.operation.spec.action} is done.", run)
    message = f"{len(lost)} of {len(run.present)} servers failed, within the failureBudget."
    return endings.end(look, Reason.FAILED, message, run)
