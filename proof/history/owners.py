"""I10 where replicas share the work: an application has one owner an epoch of its slot.

Slots are told by their Leases, owners by the user agents that took them. Which slot an application
is in is worked out here anew: code that is under test is not asked.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Iterator, Sequence

from proof.history import journal, tenures, verdict

_EACH = 4  # buckets of a slot
_APPLICATION = "argosy.dev/application"


def check(history: journal.History) -> Iterator[verdict.Violation]:
    """Yield writes for applications whose slot was another's, or nobody's, when they arrived.

    And epochs that did not rise from one owner to the next.
    """
    for slot, found in history.slots.items():
        yield from _falling(slot, found)
    for each in history.ours:
        application = _application(each)
        if not each.effective or application is None or not history.is_shared(each):
            continue
        if each.unlabels:
            # Who watches by that label cannot plan what it misleads: all are to see it.
            continue
        found = history.slots.get(slot_of(each.namespace, application), ())
        # Whoever had it when the request came in, or has taken it before the answer, may write.
        first = max(0, bisect.bisect_right(found, each.received, key=lambda one: one.since) - 1)
        last = bisect.bisect_right(found, each.answered, key=lambda one: one.since)
        if each.agent not in {one.agent for one in found[first:last]}:
            owner = found[first].agent if found[first:last] else ""
            yield verdict.Violation(
                invariant="I10",
                message=f"{each.object} is written by {each.agent}, while"
                f" {owner or 'nobody'} has the slot of {application}",
                evidence=(each,),
            )


def slot_of(namespace: str, application: str) -> int:
    """Return the slot of an application."""
    return hashlib.sha256(f"{namespace}/{application}".encode()).digest()[-1] // _EACH


def _application(change: journal.Change) -> str | None:
    if change.resource in ("applications", "fleets"):
        return change.name
    return change.spec.application or (change.meta.labels or {}).get(_APPLICATION)


def _falling(slot: int, found: Sequence[tenures.Tenure]) -> Iterator[verdict.Violation]:
    owned = [each for each in found if each.agent]
    for before, after in itertools.pairwise(owned):
        if after.agent != before.agent and after.epoch <= before.epoch:
            yield verdict.Violation(
                invariant="I10",
                message=f"slot {slot} passes from {before.agent} to {after.agent} within epoch"
                f" {after.epoch}",
            )
