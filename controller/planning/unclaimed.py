"""Instances whose Servers are gone and that nobody let go of: when that is told, and of which.

A finalizer that somebody removed leaves them, or a cluster that was brought back from an old
backup. Such instances may be all that is left of an application, so they are told and kept: the
Fleet planner lists them, and has those collected that a person names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from controller import contract
from controller.api import clock, names, objects, tags
from controller.api.resources import Resource
from controller.contract import Phase
from controller.planning import plan, words, writes

# For how long a Server must have been gone, in seconds: whoever brings one back is given time.
TELL_AFTER = 900.0
# As many as status may hold; the others are told as these go.
MOST = 100
# How many are named where it is asked why a fleet is as it is.
MOST_NARRATED = 10
# Nothing of these is heard, or they go already.
_AWAY = frozenset({Phase.UNKNOWN, Phase.UNREACHABLE, Phase.TERMINATING})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An instance whose Server is gone, and since when this process has seen that."""

    instance: contract.Instance
    since: float

    @property
    def is_here(self) -> bool:
        """Whether the provider sees it and whose it was, and it is not on its way out."""
        return bool(self.instance.uid) and self.instance.phase not in _AWAY


def listed(
    fleet: objects.Fleet, known: Mapping[str, Sighting], now: float
) -> tuple[objects.Unclaimed, ...]:
    """Return what the Fleet's status is to list: what it lists still, and what is due by now.

    An instance on record as an orphan was let go of, and is collected by itself.
    """
    orphans = {each.id for each in fleet.status.orphans}
    before = {each.id: each for each in fleet.status.unclaimed}
    # An entry stays as it was first told, for as long as its instance may be there. Example: one is
    # listed; then its cell goes silent, so that it is not `is_here`, or another operator takes
    # over, which has seen it for a moment only. The instance stays listed, since the same time, and
    # no second Event comes.
    found = [
        before.get(identifier) or _entry(each)
        for identifier, each in known.items()
        if identifier not in orphans and (identifier in before or _is_due(each, now))
    ]
    # An instance that is told stays told, whatever comes before it by name. Example: a hundred are
    # listed, and one of db-0 is due. The one of db-0 waits: that of web-9 may be what a person has
    # just read and now names.
    told = sorted(found, key=lambda each: (each.id not in before, each.server, each.id))[:MOST]
    return tuple(sorted(told, key=lambda each: (each.server, each.id)))


def _is_due(found: Sighting, now: float) -> bool:
    return found.is_here and now >= found.since + TELL_AFTER


def _entry(found: Sighting) -> objects.Unclaimed:
    instance = found.instance
    return objects.Unclaimed(id=instance.id, server=instance.server, since=clock.stamp(found.since))


def collected(
    fleet: objects.Fleet, told: Iterable[objects.Unclaimed], known: Mapping[str, Sighting]
) -> tuple[plan.DeleteOrphan, ...]:
    """Return the deletes of those that a person names, and that the Fleet has told."""
    # Three must agree: a person names it, the Fleet lists it, and it is seen by now. An id that was
    # mistyped, or whose instance has a Server again, deletes nothing.
    asked = tags.collected(fleet.metadata)
    there = [known[each.id].instance for each in told if each.id in asked and each.id in known]
    return tuple(_delete(each) for each in there if known[each.id].is_here)


def _delete(instance: contract.Instance) -> plan.DeleteOrphan:
    namespace, name = instance.path
    claimant = plan.Claimant(
        resource=Resource.SERVERS, namespace=namespace, name=name, uid=instance.uid
    )
    return plan.DeleteOrphan(
        instance=instance.id, server=instance.server, claimant=claimant, why="Unclaimed"
    )


def withdrawn(fleet: objects.Fleet, known: Mapping[str, Sighting]) -> plan.Patch | None:
    """Return the write that takes those off the request to collect that are gone, or claimed.

    A request is good for once: what loses its Server another time is told another time.
    """
    asked = tags.collected(fleet.metadata)
    left = [each for each in asked if each in known]
    if len(left) == len(asked):
        return None
    body = {"metadata": {"annotations": {names.COLLECT_ANNOTATION: ",".join(left) or None}}}
    return writes.patch(fleet, body=body, why="what was to be collected is not there", guarded=True)


def narrated(told: tuple[objects.Unclaimed, ...]) -> Iterator[str]:
    """Yield a sentence for each of the first that are told, for whoever asks why."""
    for each in told[:MOST_NARRATED]:
        yield f"Unclaimed: {each.id} of {each.server}, whose Server is gone since {each.since}."
    if len(told) > MOST_NARRATED:
        yield f"Unclaimed: {len(told) - MOST_NARRATED} more."


def message(told: tuple[objects.Unclaimed, ...]) -> str:
    """Return what is told of them; whoever may read a Fleet finds their names in its status."""
    number = len(told)
    have, are = ("has", "is") if number == 1 else ("have", "are")
    return (
        f"{words.count(number, 'instance')} {have} no Server any more and {are} kept: see status."
    )
