"""I1: never two live servers of one ordinal, never more than desired plus surge, one pod a server.

A scale-down and the creates planned before it may cross on their way; `slack` says for how many
seconds an older desired number still excuses a create (a test that delays watches raises it).
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator

from proof.history import journal, verdict

Slot = tuple[str, str, str, int]


@dataclasses.dataclass(slots=True)
class _Bound:
    """How many servers a set may have: now, and until when each former number held."""

    current: int
    former: list[tuple[float, int]] = dataclasses.field(default_factory=list)

    def at(self, since: float) -> int:
        return max([self.current, *(number for until, number in self.former if until >= since)])


class _World:
    """The servers, sets and pods that live at one place of the history."""

    def __init__(self) -> None:
        self.slots: dict[Slot, dict[str, journal.Change]] = defaultdict(dict)
        self.members: dict[str, set[str]] = defaultdict(set)  # by the set's UID
        self.pods: dict[str, dict[str, journal.Change]] = defaultdict(dict)  # by the server's UID
        self.bounds: dict[str, _Bound] = {}

    def apply(self, change: journal.Change) -> None:
        uid = change.meta.uid
        if change.resource == "servers":
            self._server(change, uid)
        elif change.resource == "pods" and change.controller:
            self._keep(self.pods[change.controller], change, uid)
        elif change.resource == "serversets" and change.effect is not journal.Effect.GONE:
            number = _limit(change)
            bound = self.bounds.setdefault(uid, _Bound(number))
            if bound.current != number:
                bound.former.append((change.answered, bound.current))
                bound.current = number

    def _server(self, change: journal.Change, uid: str) -> None:
        spec = change.spec
        slot = (change.namespace, spec.application, spec.component, spec.ordinal)
        self._keep(self.slots[slot], change, uid)
        if change.effect is journal.Effect.GONE or change.terminating:
            self.members[change.controller].discard(uid)
        else:
            self.members[change.controller].add(uid)

    @staticmethod
    def _keep(place: dict[str, journal.Change], change: journal.Change, uid: str) -> None:
        if change.effect is journal.Effect.GONE:
            place.pop(uid, None)
        else:
            place.setdefault(uid, change)


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield what breaks I1."""
    world = _World()
    for each in history.changes:
        if not each.effective:
            continue
        known = _complete(history, each)
        world.apply(known)
        if each.ours and each.effect is journal.Effect.CREATED:
            yield from _surplus(history, world, each, slack)


def _complete(history: journal.History, change: journal.Change) -> journal.Change:
    """Return the change with what is known of its object: a final delete says almost nothing."""
    life = history.lives.get(change.meta.uid)
    bare = change.effect is journal.Effect.GONE and not change.version and life is not None
    if not bare or life is None or life.last is change:
        return change
    return dataclasses.replace(change, spec=life.last.spec, meta=life.last.meta)


def _surplus(
    history: journal.History, world: _World, change: journal.Change, slack: float
) -> Iterator[verdict.Violation]:
    if change.resource == "servers":
        spec = change.spec
        twins = world.slots[change.namespace, spec.application, spec.component, spec.ordinal]
        yield from _twins(history, change, twins, "servers have one ordinal")
        owner = change.controller
        bound, live = world.bounds.get(owner), len(world.members[owner])
        if bound is not None and live > bound.at(change.received - slack):
            yield verdict.Violation(
                invariant="I1",
                message=f"{change.object} is one of {live} live servers, where at most"
                f" {bound.at(change.received - slack)} are wanted",
                evidence=(change,),
            )
    elif change.resource == "pods" and change.controller in history.lives:
        owner_life = history.lives[change.controller]
        if owner_life.resource == "servers":
            pods = world.pods[change.controller]
            yield from _twins(history, change, pods, f"pods belong to {owner_life.label}")


def _twins(
    history: journal.History,
    change: journal.Change,
    twins: dict[str, journal.Change],
    what: str,
) -> Iterator[verdict.Violation]:
    others = [
        each
        for uid, each in twins.items()
        if uid != change.meta.uid
        and history.lives[uid].alive_throughout(change.received, change.answered)
    ]
    if others:
        names = ", ".join(sorted(each.object for each in (*others, change)))
        yield verdict.Violation(
            invariant="I1", message=f"two live {what}: {names}", evidence=(*others, change)
        )


def _limit(change: journal.Change) -> int:
    """Return desired plus surge of a ServerSet."""
    desired = 1 if change.spec.replicas is None else change.spec.replicas
    surge = change.spec.rollout.max_surge
    if isinstance(surge, str):
        surge = math.ceil(desired * int(surge.removesuffix("%")) / 100)
    return desired + surge
