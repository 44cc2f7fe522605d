"""I3 and I4: nothing is made below what is going, and nothing is let go before what it guards.

I3 looks at every create and climbs its owners; I4 looks at every write that takes our finalizer
away, at every claim that is deleted, and at what is left when the history ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from proof.history import journal, pods, verdict

FINALIZER = "argosy.dev/finalizer"
APPLICATION = "argosy.dev/application"
SERVER = "argosy.dev/server"
CLAIMS = "persistentvolumeclaims"
# What must be gone below an object before its finalizer goes.
GUARDED: Mapping[str, Collection[str]] = {
    "applications": ("serversets",),
    "serversets": ("servers",),
    "servers": ("pods",),
}
# Seconds that the cluster's own garbage collector may take.
COLLECTION_SECONDS = 60.0


def no_late_creates(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield creates that were sent when their owner or application had been going for `slack`."""
    applications = _applications(history)
    for each in history.ours:
        if each.effect is not journal.Effect.CREATED:
            continue
        going = _going_above(history, each, slack)
        if going is None and not each.meta.owner_references:
            going = _application_gone(applications, each, slack)
        if going is not None:
            end = going.ending or going.gone
            yield verdict.Violation(
                invariant="I3",
                message=f"{each.object} was made when {going.label} was already going",
                evidence=(*((end,) if end else ()), each),
            )


def _going_above(
    history: journal.History, change: journal.Change, slack: float
) -> pods.Life | None:
    seen: set[str] = set()
    uid = change.controller
    while uid and uid not in seen and uid in history.lives:
        seen.add(uid)
        life = history.lives[uid]
        if _over(life, change.received - slack):
            return life
        uid = life.controller
    return None


def _over(life: pods.Life, moment: float) -> bool:
    """Whether an object was going, or gone, at a moment."""
    ends = [end.answered for end in (life.ending, life.gone) if end is not None]
    return bool(ends) and min(ends) < moment


def _applications(history: journal.History) -> dict[tuple[str, str], list[pods.Life]]:
    found: dict[tuple[str, str], list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        if life.resource == "applications":
            found[life.namespace, life.name].append(life)
    return found


def _application_gone(
    applications: Mapping[tuple[str, str], list[pods.Life]], change: journal.Change, slack: float
) -> pods.Life | None:
    """Return the application that a create without an owner came too late for, if so."""
    name = (change.meta.labels or {}).get(APPLICATION, "")
    known = applications.get((change.namespace, name), [])
    moment = change.received - slack
    if not known or not all(_over(life, moment) for life in known):
        return None
    return known[-1]


def no_early_release(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield writes that took our finalizer from an object while something below it was there."""
    children: dict[str, list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        for owner in {each.controller for each in life.versions} - {""}:
            children[owner].append(life)
    for uid, change in _releases(history):
        owner_life = history.lives[uid]
        left = [
            child
            for child in children[uid]
            if child.resource in GUARDED.get(owner_life.resource, ())
            and child.alive_throughout(change.received, change.answered)
            and _still_owned(child, change, uid)
        ]
        if left and not _abandoned(history, owner_life):
            names = ", ".join(sorted(child.label for child in left)[:5])
            yield verdict.Violation(
                invariant="I4",
                message=f"{owner_life.label} lost its finalizer while {names} was there",
                evidence=(change, *(child.born for child in left[:5])),
            )


def _releases(history: journal.History) -> Iterator[tuple[str, journal.Change]]:
    """Yield the operator's writes that took our finalizer away."""
    held: set[str] = set()
    for each in history.changes:
        uid = each.meta.uid
        if not each.effective or not uid:
            continue
        if FINALIZER in each.meta.finalizers:
            held.add(uid)
        elif uid in held and each.verb in ("patch", "update"):
            held.discard(uid)
            if each.ours:
                yield uid, each


def _still_owned(child: pods.Life, change: journal.Change, uid: str) -> bool:
    version = child.at(change.place)
    return version is not None and version.controller == uid


def _abandoned(history: journal.History, life: pods.Life) -> bool:
    """Whether it is a server whose set says that what does not go is let go of."""
    above = history.lives.get(life.controller)
    if life.resource != "servers" or above is None:
        return False
    return above.last.spec.deletion.on_timeout == "Abandon"


def no_early_loss(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield the operator's deletes of claims whose servers were there, and might still write."""
    servers: dict[tuple[str, str], list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        if life.resource == "servers":
            servers[life.namespace, life.name].append(life)
    for change in history.ours:
        claim = history.lives.get(change.meta.uid)
        if change.verb != "delete" or claim is None or claim.resource != CLAIMS:
            continue
        name = (claim.born.meta.labels or {}).get(SERVER, "")
        for each in servers.get((claim.namespace, name), []):
            if each.alive_throughout(change.received, change.answered):
                yield verdict.Violation(
                    invariant="I4",
                    message=f"{claim.label} was deleted while {each.label} was there",
                    evidence=(each.born, change),
                )


def no_orphans(
    history: journal.History, remaining: Collection[str] | None = None
) -> Iterator[verdict.Violation]:
    """Yield what is left although its owner has gone.

    `remaining` are the UIDs of a listing made when the history ended; without one, the history
    itself says what is left, and what the garbage collector may still be about to take is let off.
    What the history saw go after the listing is not left.
    """
    for life in history.lives.values():
        owner = history.lives.get(life.controller)
        if owner is None or owner.gone is None or not (life.last.ours or life.born.ours):
            continue
        if remaining is None:
            late = history.ended - owner.gone.answered < COLLECTION_SECONDS
            left = life.gone is None and not late
        else:
            left = life.gone is None and life.uid in remaining
        if left:
            yield verdict.Violation(
                invariant="I4",
                message=f"{life.label} is left, and its owner {owner.label} has gone",
                evidence=(life.born, owner.gone),
            )
