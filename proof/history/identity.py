"""I2: whatever is changed or deleted is the very object that the decision was about.

A name may have changed hands between the plan and the write, so every write to an object that is
there already says which one it means: by UID, or by a resourceVersion, which includes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from proof.history import journal, pods, verdict

# What is Argosy's whoever made it, and what controls all that it makes.
OWN = frozenset({"applications", "serversets", "servers", "operations", "fleets"})
# What a StatefulSet leaves may become a server's.
TAKEN_UP = frozenset({"pods", "persistentvolumeclaims"})
KINDS = frozenset({"Application", "ServerSet", "Server", "Operation"})


def check(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield every request of the operator that could have met a stranger, refused ones too."""
    for each in history.ours:
        if each.asked.unread and not each.accepted:
            # Refused before its body was read, which may have said whom it meant.
            continue
        if each.verb == "deletecollection":
            yield _violation(each, f"deletes every one of the {each.resource} in sight")
        elif each.verb == "delete" and not each.asked.preconditions.uid:
            yield _violation(each, f"deletes {each.object} without a UID precondition")
        elif each.verb in ("patch", "update"):
            yield from _meant(each)
        if each.effective and each.verb != "create":
            yield from _touched(history, each)


def _meant(change: journal.Change) -> Iterator[verdict.Violation]:
    asked = change.asked.metadata
    if not asked.uid and not asked.resource_version:
        yield _violation(change, f"writes {change.object} without saying which UID it means")
    elif asked.uid and change.accepted and change.meta.uid not in ("", asked.uid):
        yield _violation(change, f"meant {asked.uid} and changed {change.meta.uid}")


def _touched(history: journal.History, change: journal.Change) -> Iterator[verdict.Violation]:
    """Yield a write to what neither the operator made nor anything of its kinds controls."""
    life = history.lives.get(change.meta.uid)
    if life is None or change.resource in OWN or life.born.ours or not life.seen_born:
        return
    owners = {owner.kind for owner in life.born.meta.owner_references}
    if not owners & KINDS and not _is_taken_up(life, change):
        yield _violation(change, f"changes {change.object}, which somebody else made")


def _is_taken_up(life: pods.Life, change: journal.Change) -> bool:
    """Return whether nothing controlled a pod, or owned a claim, and a server took it up so.

    By a write that holds for the very version that nobody controlled; what follows is its own.
    """
    if life.resource not in TAKEN_UP:
        return False
    first = next((each for each in life.versions if each.ours), None)
    if first is None:
        return False
    number = life.versions.index(first)
    asked = first.asked.metadata
    if change.place < first.place or not number or not (asked.uid and asked.resource_version):
        return False
    before = life.versions[number - 1]
    if life.resource == "pods":
        owners = {each.kind for each in first.meta.owner_references if each.controller}
        return not before.controller and owners == {"Server"}
    return not before.meta.owner_references


def _violation(change: journal.Change, message: str) -> verdict.Violation:
    return verdict.Violation(invariant="I2", message=message, evidence=(change,))
