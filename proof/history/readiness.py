"""Ready=True stands over a pod that is there, is not going, is ready, and is what was asked for.

That is of the revision and the incarnation that the Server's spec names and its status tells, with
the images that Argosy gave it.
I9 judges a status when it is written; this judges what people read afterwards. A Server may say
that it is Ready for as long as Argosy needs to notice that it is not, by `attention`'s clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from proof.history import instances, journal, pods, spans, verdict

INVARIANT = "Ready"
POD_FLEET = "pods"
# Seconds of attention in which a status may be behind what is so.
NOTICE_SECONDS = 30.0
# A server on its way from one spec to the next needs no words for as long: its revision,
# incarnation and observedGeneration tell that its status is of what was.
QUIET_SECONDS = 30.0


def check(history: journal.History, *, slack: float = 5.0) -> Iterator[verdict.Violation]:
    """Yield servers that say Ready over what is not."""
    owned: dict[str, list[pods.Life]] = defaultdict(list)
    for life in history.lives.values():
        if life.resource == "pods":
            for owner in life.owners:
                owned[owner].append(life)
    refused, ignored = refusals(history), left_to_others(history)
    for life in history.lives.values():
        if life.resource == "servers" and life.last.spec.fleet == POD_FLEET:
            fields = ignored[life.namespace, life.last.spec.application, life.last.spec.component]
            yield from _lies(
                history,
                life,
                owned[life.uid],
                refused(life),
                bound=slack + NOTICE_SECONDS,
                ignored=fields,
            )


def left_to_others(history: journal.History) -> Mapping[tuple[str, str, str], frozenset[str]]:
    """Return the fields of pods that components ever left to others to change."""
    found: dict[tuple[str, str, str], frozenset[str]] = defaultdict(frozenset)
    for life in history.lives.values():
        if life.resource == "serversets":
            for spec in (each.spec for each in life.versions):
                place = (life.namespace, spec.application, spec.component)
                found[place] |= frozenset(spec.drift.ignore if spec.drift else ())
    return found


def refusals(history: journal.History) -> Callable[[pods.Life], Sequence[float]]:
    """Return what knows when the operator tried in vain to write an object."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for each in history.ours:
        if each.effect is journal.Effect.REFUSED and each.verb in ("patch", "update"):
            found[each.resource, each.namespace, each.name].append(each.answered)
    return lambda life: sorted(found[life.resource, life.namespace, life.name])


def _lies(
    history: journal.History,
    server: pods.Life,
    owned: Sequence[pods.Life],
    refused: Sequence[float],
    *,
    bound: float,
    ignored: frozenset[str],
) -> Iterator[verdict.Violation]:
    claims = spans.of(server, _says_ready)
    if not claims:
        return
    moved = spans.of(server, lambda each: _says_ready(each) and is_stale(each))
    true = list(_true(server, owned, ignored))
    for since, until in spans.cut(spans.without(claims, true), refused):
        given = bound + (QUIET_SECONDS if spans.length(moved, since, until) else 0.0)
        if history.attention.seconds(since, until) > given:
            yield verdict.Violation(
                invariant=INVARIANT,
                message=f"{server.label} says Ready for more than {given:.0f} s over"
                f" {_state(owned, since)}",
                evidence=_evidence(server, owned, since),
            )


def _true(
    server: pods.Life, owned: Sequence[pods.Life], ignored: frozenset[str]
) -> Iterator[spans.Span]:
    """Yield, in order, when a server may have had a good pod that is what it asks for and tells."""
    told = [
        (_when_told(server, wanted), _when_good(owned, wanted, ignored))
        for wanted in dict.fromkeys(instances.asked(each) for each in server.versions)
    ]
    yield from spans.joined(spans.meeting(said, good) for said, good in told)


def _when_told(server: pods.Life, wanted: instances.Instance) -> list[spans.Span]:
    """Return when a server may have asked for an instance, and spoken of that one."""
    return spans.perhaps(
        server, lambda each: instances.asked(each) == instances.told(each) == wanted
    )


def _when_good(
    owned: Sequence[pods.Life], wanted: instances.Instance, ignored: frozenset[str]
) -> list[spans.Span]:
    return spans.joined(spans.perhaps(each, _good_as(each, wanted, ignored)) for each in owned)


def _good_as(
    pod: pods.Life, wanted: instances.Instance, ignored: frozenset[str]
) -> Callable[[journal.Change], bool]:
    good, made = good_of(pod, ignored), instances.made(pod)
    return lambda change: good(change) and wanted in made(change)


def _says_ready(change: journal.Change) -> bool:
    return change.status.is_true("Ready") and not change.terminating


def is_stale(change: journal.Change) -> bool:
    """Whether a server tells by itself that it speaks of something earlier."""
    spec, status = change.spec, change.status
    told = (status.revision, status.incarnation, status.power)
    return told != (spec.revision, spec.incarnation, spec.power)


def good_of(
    pod: pods.Life, ignored: frozenset[str] = frozenset()
) -> Callable[[journal.Change], bool]:
    """Return what knows of which versions of a pod a Server may say Ready.

    Whoever may change an image, as its component says, is `ignored`.
    """
    edited = {id(each) for each in _edited(pod, ignored)}
    return lambda change: (
        change.status.is_true("Ready") and not change.terminating and id(change) not in edited
    )


def _edited(pod: pods.Life, ignored: frozenset[str]) -> Iterator[journal.Change]:
    """Yield the versions of a pod whose images are others than Argosy asked for last."""
    asked: dict[str, str] = {}
    for each in pod.versions:
        images = {
            one.name: one.image
            for one in each.spec.containers
            if ignored.isdisjoint(f"containers[{name}].image" for name in (one.name, "*"))
        }
        if each.ours:
            # What an admission webhook made of the request stands in its answer.
            asked = images
        elif asked and any(images.get(name, image) != image for name, image in asked.items()):
            yield each


def _state(owned: Sequence[pods.Life], moment: float) -> str:
    there = [
        each
        for each in owned
        if each.born.received <= moment and (each.gone is None or each.gone.answered > moment)
    ]
    if not there:
        return "no pod"
    found = [one for one in there[-1].versions if one.received <= moment]
    if found and found[-1].terminating:
        return "a pod that is going"
    if found and found[-1].status.is_true("Ready"):
        told = " or ".join(map(str, instances.made(there[-1])(found[-1])))
        return f"a pod that is not what was asked for (it is of {told})"
    return "a pod that is not ready"


def _evidence(
    server: pods.Life, owned: Sequence[pods.Life], moment: float
) -> tuple[journal.Change, ...]:
    said = [each for each in server.versions if each.answered <= moment]
    seen = [one for each in owned for one in each.versions if one.received <= moment]
    gone = [each.gone for each in owned if each.gone is not None and each.gone.received <= moment]
    return (*said[-1:], *seen[-1:], *gone[-1:])
