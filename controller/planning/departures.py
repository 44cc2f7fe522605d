"""Whose pods are on their way out, as the cluster says it before their servers do.

An eviction that was allowed is on record in the set's PodDisruptionBudget before the pod goes: so
whoever sees that none is allowed any more sees those that still were. The record names the pod, and
not which of that name; the disruption controller takes it off once it has looked and found no
living pod of the name, and after two minutes in any case. Where a server has its next pod before
that look, the record stays, and is about a pod that is long gone. So it is asked which pod can be
meant: one that is younger than the record cannot.

Times are to the second, and of more than one clock. A pod that was made in the second of the record
may be the one that is meant, and so may one whose API server's clock is ahead: then the pod begins
to go in a moment. Until that moment has passed, each record is believed.

The disruption controller may also be ahead of whoever watches pods here: then an eviction is on
record no more, and the pod seems to stay. So what was taken off the record counts until the pod is
seen to go, as if it still stood there; of a pod alone that was there before. Once it has gone its
server counts by what its Server says, and that may come a moment later: so a record counts, too,
while the Server says that it is ready, of a pod that is no more.

Example: shop-web-3 was evicted at 10:00:07, its next pod was made in that second and came up at
once. The server counts as down until 10:00:12, not until 10:02:07. Was its pod made at 10:00:02, it
is what is meant, and has yet to go.

Who counts as down by a record alone has not lost anything yet, and may stay: nobody may take such a
server down as if that cost nothing.

The controller only overlooks that a pod has gone where the next one is quick. So the next instance
of a server waits until its eviction is off the record: a moment, where somebody looks. Else each
eviction that was overlooked would keep the next one waiting for two minutes.

Called by whoever gathers snapshots; `told` by those who say what they wait for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Self

from controller.api import clock, conditions, names, objects
from controller.api.builtin_choices import PodConditionType
from controller.api.conditions import Blocked, ConditionType
from controller.api.reasons import Reason
from controller.planning import plan, relations, remedies, words
from controller.planning.caches import Caches, Path

# After which the pod that a record is about has begun to go, and whoever watches has seen that.
SEEN_AFTER_SECONDS = 5.0
# After which the disruption controller expects no pod to go any more, whatever is on record.
RECORD_SECONDS = 120.0
# For how long the next instance waits for the disruption controller, which may not be there.
WAIT_SECONDS = 5.0
# From which on it is told that one waits for a record: until then it is over in a moment.
TOLD_AFTER_SECONDS = 2.0
# How many servers are told by name.
MOST_TOLD = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """The ordinals of a set's servers whose pods go, or may be about to."""

    ordinals: frozenset[int] = frozenset()
    # Of them: those that are there all the same, and may stay.
    doubtful: frozenset[int] = frozenset()
    # Of these: those that are on record for a while already.
    recorded: frozenset[int] = frozenset()
    # In how many seconds the records are to be looked at again.
    again: float | None = None


class TakenOff:
    """The evictions that each PodDisruptionBudget has on record no more: pods and since when."""

    follows: ClassVar[type[objects.Object]] = objects.DisruptionBudget

    def __init__(self) -> None:
        """Begin with nothing: whoever starts watching sees the pods as they are by then."""
        self._kept: dict[Path, dict[str, str]] = {}

    @classmethod
    def over(cls, caches: Caches) -> Self:
        """Return one that has kept nothing yet."""
        del caches
        return cls()

    def of(self, path: Path) -> Mapping[str, str]:
        """Return what a PodDisruptionBudget had on record; the latest for each pod's name."""
        return self._kept.get(path, {})

    def change(
        self, old: objects.DisruptionBudget | None, new: objects.DisruptionBudget | None
    ) -> None:
        """Take in what became of a PodDisruptionBudget; nobody can ask about one that is gone."""
        if new is None:
            if old is not None:
                self._kept.pop((old.metadata.namespace, old.metadata.name), None)
            return
        before = old.status.disrupted_pods if old is not None else {}
        off = {
            name: since for name, since in before.items() if name not in new.status.disrupted_pods
        }
        if off:
            path = new.metadata.namespace, new.metadata.name
            latest = max(map(clock.parse, off.values()))
            # As many as may count: those that are older are nobody's any more.
            self._kept[path] = {
                name: since
                for name, since in {**self._kept.get(path, {}), **off}.items()
                if clock.parse(since) + RECORD_SECONDS > latest
            }


def of(caches: Caches, server_set: objects.ServerSet, now: float) -> Departures:
    """Return whose pods are on their way out, whoever did that."""
    spec, meta = server_set.spec, server_set.metadata
    going = {
        ordinal
        for _, name in caches.by(
            relations.PODS_LEAVING, (meta.namespace, spec.application, spec.component)
        )
        if (ordinal := relations.ordinal(server_set, name)) is not None
    }
    kept = caches.of(objects.DisruptionBudget).objects.get((meta.namespace, meta.name))
    doubtful: set[int] = set()
    recorded: set[int] = set()
    again: float | None = None
    for record in _records(caches, server_set, kept) if kept is not None else ():
        if not record.is_believed(now):
            continue
        going.add(record.ordinal)
        again = plan.soonest(again, *record.looks(now))
        if record.is_there and not record.is_overtaken:
            doubtful.add(record.ordinal)
            if now - record.since >= TOLD_AFTER_SECONDS:
                recorded.add(record.ordinal)
    return Departures(
        ordinals=frozenset(going),
        doubtful=frozenset(doubtful),
        recorded=frozenset(recorded),
        again=again,
    )


def seconds_on_record(caches: Caches, server: objects.Server, now: float) -> float | None:
    """Return for how long at most a server's next instance waits, as its eviction is on record.

    None where there is no such record, or nobody seems to look. One from later than now is by
    another clock, of which nobody can tell when the wait is over.
    """
    meta, spec = server.metadata, server.spec
    path = meta.namespace, names.server_set(spec.application, spec.component)
    kept = caches.of(objects.DisruptionBudget).objects.get(path)
    since = kept.status.disrupted_pods.get(meta.name) if kept is not None else None
    if since is None:
        return None
    # Times of records are to the second.
    age = now - clock.parse(since)
    return WAIT_SECONDS - age if -1.0 < age < WAIT_SECONDS else None


def over(
    old: objects.DisruptionBudget | None, new: objects.DisruptionBudget | None
) -> frozenset[str]:
    """Return the pods whose evictions were on record and are not any more."""
    if old is None:
        return frozenset()
    left = new.status.disrupted_pods.keys() if new is not None else frozenset()
    return frozenset(old.status.disrupted_pods.keys() - left)


def is_one_over(old: objects.DisruptionBudget | None, new: objects.DisruptionBudget | None) -> bool:
    """Return whether an eviction was on record that is not any more."""
    return new is not None and bool(over(old, new))


def told(application: str, component: str, namespace: str, ordinals: Iterable[int]) -> Blocked:
    """Return that one waits for these servers, whose evictions are on record."""
    name = names.server_set(application, component)
    who = [names.server(application, component, each) for each in sorted(ordinals)]
    count = "counts" if len(who) == 1 else "count"
    return Blocked(
        object=f"PodDisruptionBudget/{name}",
        reason=Reason.EVICTION_ON_RECORD,
        message=f"PodDisruptionBudget {name} has the eviction of {words.several(who, MOST_TOLD)} on"
        f" record, so that {'it' if len(who) == 1 else 'they'} {count} as down, until the"
        " disruption controller has seen to that, for two minutes at most.",
        remedy=remedies.unblock(f"PodDisruptionBudget/{name}", namespace),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """An eviction that was allowed, and the pod that has the name now."""

    ordinal: int
    since: float
    pod: objects.Pod | None
    # The eviction is on record still.
    stands: bool = True
    # The pod's Server says that it is ready, of a pod that is no more.
    is_overtaken: bool = False

    def is_believed(self, now: float) -> bool:
        """Return whether the pod may be the one that was to go; one that is no more was."""
        if self.is_overtaken and now < self.since + RECORD_SECONDS:
            return True
        if self.pod is None or now < self.since + SEEN_AFTER_SECONDS:
            return self.stands or self._can_be_meant
        return now < self.since + RECORD_SECONDS and self._can_be_meant

    def looks(self, now: float) -> Iterator[float]:
        """Yield after how many seconds it may be another thing that is to be said of it."""
        for each in (TOLD_AFTER_SECONDS, SEEN_AFTER_SECONDS, RECORD_SECONDS):
            left = self.since + each - now
            if left > 0 and self.is_there:
                yield left

    @property
    def is_there(self) -> bool:
        """Whether there is a pod of the name that has not begun to go."""
        return self.pod is not None and self.pod.metadata.deletion_timestamp is None

    @property
    def _can_be_meant(self) -> bool:
        if self.pod is None:
            return False
        made = clock.parse(self.pod.metadata.creation_timestamp)
        return made < self.since or _is_marked(self.pod)


def _records(
    caches: Caches, server_set: objects.ServerSet, kept: objects.DisruptionBudget
) -> Iterator[_Record]:
    pods, namespace = caches.of(objects.Pod).objects, server_set.metadata.namespace
    servers = caches.of(objects.Server).objects
    standing, off = (
        kept.status.disrupted_pods,
        caches.kept(TakenOff).of((namespace, kept.metadata.name)),
    )
    for name, since in {**off, **standing}.items():
        ordinal = relations.ordinal(server_set, name)
        if ordinal is not None:
            pod = pods.get((namespace, name))
            yield _Record(
                ordinal=ordinal,
                since=clock.parse(since),
                pod=pod,
                stands=name in standing,
                is_overtaken=_is_overtaken(servers.get((namespace, name)), pod),
            )


def _is_overtaken(server: objects.Server | None, pod: objects.Pod | None) -> bool:
    """Return whether a Server says that it is ready, of another pod than the one that is there."""
    if server is None or not conditions.is_true(server.status.conditions, ConditionType.READY):
        return False
    told = server.status.provider.id
    return bool(told) and (pod is None or pod.metadata.uid != told)


def _is_marked(pod: objects.Pod) -> bool:
    """Return whether it was said of this very pod that it goes: an eviction's last step but one."""
    told = pod.status.conditions
    return any(
        each.type == PodConditionType.DISRUPTION_TARGET and each.status == "True" for each in told
    )
