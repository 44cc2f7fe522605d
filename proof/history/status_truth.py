"""I9: what a status says was so, at some moment while its writer could have been looking.

A status is written a little after it was seen, so each claim is held against everything that was
true from `slack` seconds before the write was sent until it was answered.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from proof.history import instances, journal, pods, salvage, verdict

POD_FLEET = "pods"
# What a moment of Kubernetes leaves out.
WHOLE_SECOND = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The time in which the writer may have looked."""

    since: float
    until: float


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield claims of the operator's statuses that were not true."""
    children: dict[str, list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        # Whoever let go of it since could speak of it before.
        for owner in life.owners:
            children[owner].append(life)
    before: dict[str, journal.Change] = {}
    for each in history.changes:
        if not each.effective or each.effect is journal.Effect.GONE:
            continue
        former = before.get(each.meta.uid)
        before[each.meta.uid] = each
        if each.ours and (former is None or each.status != former.status):
            window = _Window(since=each.received - slack, until=each.answered)
            yield from _ahead(each)
            yield from _claims(each, former, children, window)


def _ahead(change: journal.Change) -> Iterator[verdict.Violation]:
    seen = [change.status.observed_generation]
    if change.resource != "pods":
        seen += [each.observed_generation for each in change.status.conditions]
    if change.meta.generation and max(seen) > change.meta.generation:
        yield _violation(
            change,
            f"{change.object} claims to have seen generation {max(seen)} of"
            f" {change.meta.generation}",
        )


def _claims(
    change: journal.Change,
    former: journal.Change | None,
    children: Mapping[str, Sequence[pods.Life]],
    window: _Window,
) -> Iterator[verdict.Violation]:
    below = children.get(change.meta.uid, ())
    became_ready = _ready(change) and not (former and _ready(former))
    if change.resource == "servers" and (became_ready or _speaks_anew(change, former)):
        yield from _server_claims(change, below, window)
    elif change.resource == "serversets":
        yield from _set_claims(change, below, window, became_ready=became_ready)
    elif change.resource == "applications" and became_ready:
        sets = [each for each in below if each.resource == "serversets" and _there(each, change)]
        idle = [each for each in sets if not _count([each], _ready, window)]
        if idle or not sets:
            names = ", ".join(sorted(each.label for each in idle)) or "any set"
            yield _violation(change, f"{change.object} became Ready before {names}")


def _speaks_anew(change: journal.Change, former: journal.Change | None) -> bool:
    """Whether a server stays Ready, and says so of another pod than before."""
    if former is None or change.subresource != "status":
        return False  # what an earlier write told shows in it, which may be on no record
    return _ready(change) and instances.told(former) != instances.told(change)


def _server_claims(
    change: journal.Change, below: Sequence[pods.Life], window: _Window
) -> Iterator[verdict.Violation]:
    if change.spec.fleet != POD_FLEET:
        return
    own = [each for each in below if each.resource == "pods"]
    if not any(_held(each, _ready_as(each, change), window) for each in own):
        told = instances.told(change)
        yield _violation(change, f"{change.object} became Ready without a ready pod of {told}")


def _set_claims(
    change: journal.Change, below: Sequence[pods.Life], window: _Window, *, became_ready: bool
) -> Iterator[verdict.Violation]:
    servers = [each for each in below if each.resource == "servers"]
    ready = _count(servers, _ready, window)
    if change.status.ready > ready:
        yield _violation(
            change, f"{change.object} counts {change.status.ready} ready servers of {ready}"
        )
    desired = 1 if change.spec.replicas is None else change.spec.replicas
    current = change.status.observed_generation == change.meta.generation
    if became_ready and current and ready < desired:
        yield _violation(
            change, f"{change.object} became Ready with {ready} ready servers of {desired}"
        )


def _there(life: pods.Life, change: journal.Change) -> bool:
    """Whether an object was there when something else changed."""
    return life.born.place < change.place and (life.gone is None or life.gone.place > change.place)


def _ready(change: journal.Change) -> bool:
    return change.status.is_true("Ready")


def _ready_as(pod: pods.Life, server: journal.Change) -> Callable[[journal.Change], bool]:
    """Return what knows of which versions of a pod a Server may say what it tells."""
    made, told = instances.made(pod), instances.told(server)
    return lambda change: _ready(change) and told in made(change)


def _count(
    found: Sequence[pods.Life], holds: Callable[[journal.Change], bool], window: _Window
) -> int:
    """Count the objects for which something was so at any moment of the window."""
    return sum(_held(life, holds, window) for life in found)


def _held(life: pods.Life, holds: Callable[[journal.Change], bool], window: _Window) -> bool:
    ends = [each.answered for each in life.versions[1:]]
    ends.append(life.gone.answered if life.gone else float("inf"))
    return (
        any(
            holds(version) and version.received <= window.until and end >= window.since
            for version, end in zip(life.versions, ends, strict=True)
        )
        or any(
            # Whoever was killed while it said so may have been heard.
            doubt.received <= window.until
            and all(
                each.place < doubt.place or each.answered >= window.since for each in life.versions
            )
            for doubt in life.doubts
        )
        or any(_told_later(life, version, holds, window) for version in life.versions)
    )


def _told_later(
    life: pods.Life,
    version: journal.Change,
    holds: Callable[[journal.Change], bool],
    window: _Window,
) -> bool:
    """Whether a later version tells that the object has been Ready since then.

    An API server that is killed after it stored `Ready=True` and before it wrote that down leaves
    a change on no record, which others then see. The next answer shows it, with a moment in whole
    seconds: Ready since 10:45:35 is held against what is on record from 10:45:36 on.
    """
    if version.received <= window.until or not holds(version):
        return False
    ready = version.status.condition("Ready")
    since = salvage.moment(ready.last_transition_time if ready else None)
    return (
        since is not None
        and since <= window.until
        and all(
            holds(each)
            for each in life.versions
            if each.place < version.place and each.received >= since + WHOLE_SECOND
        )
    )


def _violation(change: journal.Change, message: str) -> verdict.Violation:
    return verdict.Violation(invariant="I9", message=message, evidence=(change,))
