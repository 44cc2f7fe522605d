"""What was so at every moment of a test, told from its history: what polling could miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from controller.api import names
from proof import history
from proof.history import journal
from proof.history import pods as pod_history

Moment = tuple[float, float]


def pods(of: history.History, component: str = "web") -> list[pod_history.Life]:
    """Return the lives of a component's pods, in order of their births."""
    found = [
        each
        for each in of.lives.values()
        if each.resource == "pods"
        and (each.last.meta.labels or {}).get(names.COMPONENT_LABEL) == component
    ]
    return sorted(found, key=lambda each: each.born.place)


def made(of: history.History, component: str = "web") -> list[pod_history.Life]:
    """Return the pods that were made, but for those that kwok took for their predecessors.

    It deletes by name, at times twice, and then the second one hits a pod that nobody told to go.
    """
    told_to_go = {each.meta.uid for each in of.ours if each.verb == "delete" and each.accepted}
    lives_of = pods(of, component)
    return [each for each in lives_of if each.gone is None or each.uid in told_to_go]


def became(life: pod_history.Life, state: Callable[[journal.Change], bool]) -> Moment:
    """Return when an object first was in some state."""
    return next(each.place for each in life.versions if state(each))


def became_ready(life: pod_history.Life) -> Moment:
    """Return when an object first was Ready."""
    return became(life, lambda each: each.status.is_true("Ready"))


def until_teardown(of: history.History, application: str) -> float:
    """Return the seconds from an application's delete to our first delete below it."""
    asked = _deleted(of, application)
    return _first_teardown(of, application).answered - asked.answered


def begun_in_teardown(
    of: history.History, application: str, lives: Iterable[pod_history.Life]
) -> list[pod_history.Life]:
    """Return the lives that began after our first delete below an application that goes.

    How soon after the application's own delete that is, watches decide, and the machine.
    """
    first = _first_teardown(of, application)
    return [each for each in lives if each.born.received > first.received]


def _deleted(of: history.History, application: str) -> journal.Change:
    (asked,) = (
        each.ending
        for each in of.lives.values()
        if (each.resource, each.name) == ("applications", application)
    )
    assert asked is not None
    return asked


def _first_teardown(of: history.History, application: str) -> journal.Change:
    asked = _deleted(of, application)
    found = (
        each
        for each in of.ours
        if each.verb == "delete"
        and each.accepted
        and each.resource in ("servers", "pods")
        and each.name.startswith(application + "-")
        and each.answered > asked.received
    )
    return min(found, key=lambda each: each.answered)


def ends(of: history.History, application: str) -> list[float]:
    """Return the seconds from an application's delete to the end of each of its operations."""
    asked = _deleted(of, application)
    found = []
    for each in of.lives.values():
        if each.resource == "operations":
            said = (version.status.condition("Succeeded") for version in each.versions)
            found += [
                version.answered - asked.answered
                for version, told in zip(each.versions, said, strict=True)
                if told is not None and told.status != "Unknown"
            ][:1]
    return sorted(found)


def fewest_ready(of: history.History, count: int, component: str = "web") -> int:
    """Return the smallest number of ready pods after `count` of them had been ready at once."""
    numbers = [len(each) for each in _ready(of, component)]
    return min(numbers[numbers.index(count) :])


def most_alive(of: history.History, resource: str, component: str = "web") -> int:
    """Return the largest number of a component's servers or pods at once."""
    alive: set[str] = set()
    most = 0
    for each in of.changes:
        if each.resource == resource and each.effective and _is_of(each, component):
            if each.effect is journal.Effect.GONE:
                alive.discard(each.meta.uid)
            else:
                alive.add(each.meta.uid)
        most = max(most, len(alive))
    return most


def _ready(of: history.History, component: str) -> Iterator[set[str]]:
    """Yield the names of the pods that are ready, after each change of one."""
    ready: set[str] = set()
    for each in of.changes:
        if each.resource != "pods" or not each.effective or each.subresource == "binding":
            continue
        if not _is_of(each, component):
            continue
        well = each.effect is not journal.Effect.GONE and not each.terminating
        if well and each.status.is_true("Ready"):
            ready.add(each.name)
        else:
            ready.discard(each.name)
        yield set(ready)


def _is_of(change: journal.Change, component: str) -> bool:
    # The answer to a final delete need not carry labels: its name says enough.
    labels = change.meta.labels
    return (
        f"-{component}-" in change.name
        if labels is None
        else (labels.get(names.COMPONENT_LABEL) == component)
    )
