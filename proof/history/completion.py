"""An operation says Completed when its effect is there, on every server that it was about.

The effect is looked for in the pods, and not in what Argosy wrote down of it: a restarted server
has a pod that was made since and is ready, a stopped one has none, a started one has a ready one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from proof.history import journal, pods, readiness, salvage, spans, verdict

INVARIANT = "Completed"
# Given a server's version, its pods, when the operation began, and when its writer looked; what is
# missing of the effect, or nothing.
Effect = Callable[[journal.Change, Sequence[pods.Life], float, float, float], str]


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield operations that say Completed without their effect."""
    for life in history.lives.values():
        if life.resource != "operations":
            continue
        completed = False
        for each in life.versions:
            before, completed = completed, _is_completed(each)
            if completed and not before and each.ours:
                yield from _claimed(history, life, each, slack)


def _is_completed(change: journal.Change) -> bool:
    found = change.status.condition("Succeeded")
    return found is not None and found.status == "True"


def _claimed(
    history: journal.History, operation: pods.Life, change: journal.Change, slack: float
) -> Iterator[verdict.Violation]:
    if not change.status.targets and change.spec.action != "RollBack":
        yield _violation(change, f"{change.object} says Completed and touched no server")
    effect = EFFECTS.get(change.spec.action)
    if effect is None:
        return
    since, until = change.received - slack, change.answered
    began = operation.born.received
    for server in _targets(history, operation, change):
        current = server.at(change.place)
        if current is None or current.spec.fleet != readiness.POD_FLEET:
            continue
        if current.spec.held:
            continue  # operations pass it by, as whoever holds it wants
        owned = [
            each
            for each in history.lives.values()
            if each.resource == "pods" and each.born.controller == server.uid
        ]
        if missing := effect(current, owned, began, since, until):
            yield _violation(
                change, f"{change.object} says Completed and {server.label} {missing}", current
            )


def _targets(
    history: journal.History, operation: pods.Life, change: journal.Change
) -> Iterator[pods.Life]:
    """Yield the servers that the operation was about and that are not gone or going."""
    ordinals = dict(_listed(change.status.targets))
    for life in history.lives.values():
        if life.resource != "servers" or life.namespace != change.namespace:
            continue
        current = life.at(change.place)
        if current is None or current.spec.application != operation.born.spec.application:
            continue
        over = current.terminating or (life.gone is not None and life.gone.place < change.place)
        if not over and current.spec.ordinal in ordinals.get(current.spec.component, ()):
            yield life


def _listed(targets: Sequence[str]) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield what a list such as "web/0-9,12" names: a component, and its ordinals."""
    for each in targets:
        component, _, text = each.partition("/")
        spans_of = (part.partition("-") for part in text.split(",") if part)
        found = (
            range(salvage.number(first), salvage.number(last or first) + 1)
            for first, _, last in spans_of
        )
        yield component, frozenset(one for some in found for one in some)


def _violation(change: journal.Change, message: str, *more: journal.Change) -> verdict.Violation:
    return verdict.Violation(invariant=INVARIANT, message=message, evidence=(*more, change))


def _remade(
    current: journal.Change, owned: Sequence[pods.Life], began: float, since: float, until: float
) -> str:
    if current.spec.power == "Stopped":
        return _stopped(current, owned, began, since, until)  # it starts anew when it is started
    made = any(each.born.answered > began for each in owned)
    return (
        "" if made and _has_ready(owned, since) else "has no pod that was made since and is ready"
    )


def _started(
    current: journal.Change, owned: Sequence[pods.Life], began: float, since: float, until: float
) -> str:
    del began, until
    stopped = current.spec.power == "Stopped"
    return "" if not stopped and _has_ready(owned, since) else "does not run"


def _stopped(
    current: journal.Change, owned: Sequence[pods.Life], began: float, since: float, until: float
) -> str:
    del began
    if current.spec.power != "Stopped":
        return ""  # whoever started it since is later than the operation
    return "still runs" if any(each.alive_throughout(since, until) for each in owned) else ""


def _has_ready(owned: Sequence[pods.Life], since: float) -> bool:
    return any(
        end >= since for each in owned for _, end in spans.perhaps(each, readiness.good_of(each))
    )


EFFECTS: Mapping[str, Effect] = {
    "Restart": _remade,
    "Replace": _remade,
    "Start": _started,
    "Stop": _stopped,
}
