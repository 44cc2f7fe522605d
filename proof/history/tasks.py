"""I7: a server is asked one thing at a time, what ended stays ended, what was passed stays passed.

Looks at the tasks and checkpoints that servers carry, and at the commands run in their pods: each
command needs a claim (`status.task` Started) that was there before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from proof.history import journal, pods, records, verdict

STARTED = "Started"
# Unknown is a claim too: of a crashed operator, about to be looked at by its successor.
CLAIMED = frozenset({STARTED, "Unknown"})
ENDED = frozenset({"Succeeded", "Failed", "Cancelled"})


def check(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield what breaks I7."""
    for life in history.lives.values():
        if life.resource == "servers":
            for before, after in zip(life.versions, life.versions[1:], strict=False):
                yield from _asked_twice(before, after)
                yield from _moved_back(before, after)
                yield from _forgotten(history, before, after)
    yield from _unclaimed(history)


def _asked_twice(before: journal.Change, after: journal.Change) -> Iterator[verdict.Violation]:
    old, new = before.spec.task, after.spec.task
    if old is None or (new is not None and new.id == old.id) or not after.ours:
        return
    state = before.status.task
    ended = state is not None and state.id == old.id and state.state in ENDED
    started = state is not None and state.id == old.id and state.state in CLAIMED
    if started or (new is not None and not ended):
        asked = f"given task {new.id}" if new else "relieved of its task"
        yield _violation(f"{after.object} is {asked} while {old.id} has not ended", before, after)


def _moved_back(before: journal.Change, after: journal.Change) -> Iterator[verdict.Violation]:
    old, new = before.status.task, after.status.task
    if old is None or new is None or old.id != new.id or old == new:
        return
    if new.attempt < old.attempt:
        yield _violation(
            f"{after.object} goes back from attempt {old.attempt} to {new.attempt} of {new.id}",
            before,
            after,
        )
    elif new.state == STARTED and old.state != STARTED and new.attempt <= old.attempt:
        yield _violation(
            f"{after.object} claims attempt {new.attempt} of {new.id} twice", before, after
        )
    elif new.attempt == old.attempt and old.state in ENDED and new.state != old.state:
        yield _violation(
            f"{after.object} turns task {new.id} from {old.state} to {new.state}", before, after
        )


def _forgotten(
    history: journal.History, before: journal.Change, after: journal.Change
) -> Iterator[verdict.Violation]:
    """Yield checkpoints that vanish while the run that passed them goes on."""
    for lost in {*before.status.checkpoints} - {*after.status.checkpoints}:
        running = before.status.incarnation == after.status.incarnation == lost.incarnation
        if running and _runs(history, before, lost):
            yield _violation(
                f"{after.object} forgets that step {lost.step} of {lost.operation} has passed",
                before,
                after,
            )


def _runs(history: journal.History, change: journal.Change, lost: records.Checkpoint) -> bool:
    for life in history.lives.values():
        if (life.resource, life.namespace) != ("operations", change.namespace):
            continue
        version = life.at(change.place)
        if lost.operation in (life.name, life.uid) and version is not None:
            ended = version.status.condition("Succeeded")
            unfinished = ended is None or ended.status == "Unknown"
            return life.gone is None and unfinished and version.status.run == lost.run
    return False


def _unclaimed(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield commands that were run in a server's pod without a claim on the server."""
    servers: dict[tuple[str, str], list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        if life.resource == "servers":
            servers[life.namespace, life.name].append(life)
    for each in history.ours:
        if each.effect is journal.Effect.EXEC:
            found = servers.get((each.namespace, each.name), ())
            if found and not any(_claimed(life, each.received) for life in found):
                yield _violation(f"a command runs in {each.object} without a claim", each)


def _claimed(life: pods.Life, moment: float) -> bool:
    """Whether the server carried a claim at a moment: written before it, taken back after it."""
    ends = [each.answered for each in life.versions[1:]] + [float("inf")]
    return any(
        version.status.task is not None
        and version.status.task.state in CLAIMED
        and version.received <= moment <= end
        for version, end in zip(life.versions, ends, strict=True)
    )


def _violation(message: str, *evidence: journal.Change) -> verdict.Violation:
    return verdict.Violation(invariant="I7", message=message, evidence=evidence)
