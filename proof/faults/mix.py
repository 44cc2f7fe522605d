"""Lives in a storm of faults; and ratio 12: how much failing requests slow an operator down."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

from controller.api import resources
from controller.api.resources import Resource
from proof import history
from proof.faults import outcome, random_faults, rig, scenario

# A storm may hold a watch back for this long, on top of an operator's own lag.
STORM_SLACK = 60.0
# So few objects in a page that even a small world has several.
PAGE = 3
# Enough that the speed counts, not how long the last one waits for its Retry-After.
PACE_SERVERS = 500
PACE_SECONDS = 300.0


def storm(place: rig.Rig, known: outcome.Reference, seed: int) -> outcome.Outcome:
    """Live once in the storm of a seed, and return what came of it."""
    return endured(
        place, known, f"storm {seed}", random_faults.Faults(seed=seed, rates=random_faults.STORM)
    )


def endured(
    place: rig.Rig, known: outcome.Reference, name: str, faults: random_faults.Decider
) -> outcome.Outcome:
    """Live once while requests go wrong, from an operator's first on, with lists in pages."""
    place.suffer_afresh(name, faults, page=PAGE)
    found = outcome.judged(place, known, name, slack=STORM_SLACK)
    place.recover()
    return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Ratio 12: converged servers per second with faults ÷ without, and surplus servers."""

    ratio: float
    surplus: int
    seconds: tuple[tuple[float, float], ...]  # clean and faulty, pair by pair


def pace(place: rig.Rig, pairs: int, say: Callable[[str], None]) -> Pace:
    """Bring up the same application with and without 5% of failing requests, in turns."""
    seconds: list[tuple[float, float]] = []
    surplus = 0
    for number in range(pairs):
        clean, more = _bring_up(place, f"clean {number}", random_faults.Faults())
        faults = random_faults.Faults(seed=number, rates=random_faults.FIVE_PERCENT)
        faulty, worse = _bring_up(place, f"five percent {number}", faults)
        surplus += more + worse
        seconds.append((clean, faulty))
        say(f"{PACE_SERVERS} servers: {clean:.1f} s, with 5% faults {faulty:.1f} s")
    ratio = statistics.median(clean / faulty for clean, faulty in seconds)
    return Pace(ratio=ratio, surplus=surplus, seconds=tuple(seconds))


def _bring_up(place: rig.Rig, name: str, faults: random_faults.Faults) -> tuple[float, int]:
    """Return how long it took until all servers were ready, and how many were too many."""
    records = outcome.Records(place)
    namespace = scenario.open_namespace(place.client)
    place.suffer(name, faults)
    body = scenario.application()
    body["spec"]["components"] = [
        {"name": "web", "replicas": PACE_SERVERS, "template": scenario.template("web:1")}
    ]
    began = time.monotonic()
    place.client.create(resources.path(Resource.APPLICATIONS, namespace), body)
    path = resources.path(Resource.APPLICATIONS, namespace, scenario.APPLICATION)

    def ready() -> bool:
        components = place.client.get(path).get("status", {}).get("components", [])
        return any(each["ready"] == PACE_SERVERS for each in components)

    rig.wait(f"{PACE_SERVERS} ready servers", ready, PACE_SECONDS)
    took = time.monotonic() - began
    place.recover()
    verdict = history.check(
        records.audit(),
        namespaces=[namespace],
        expectations=history.Expectations(slack=STORM_SLACK),
    )
    made = history.counts(verdict.history)
    servers = sum(n for (kind, _, verb), n in made.items() if (kind, verb) == ("servers", "create"))
    place.client.delete(resources.path(Resource.APPLICATIONS, namespace, scenario.APPLICATION))
    rig.wait("an empty namespace", lambda: not scenario.listed(place.client, namespace), 300)
    return took, servers - PACE_SERVERS
