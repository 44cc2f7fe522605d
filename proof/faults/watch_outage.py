"""All watches stand still for minutes while servers go and more are wanted: none may be doubled."""

from __future__ import annotations

import time

from controller.api import resources
from controller.api.resources import Resource
from proof import history
from proof.faults import outcome, rig, scenario

SECONDS = 180.0
WANTED = 6


def endured(place: rig.Rig, seconds: float = SECONDS) -> outcome.Outcome:
    """Scale up and lose a pod without a single event for so long; return what came of it."""
    place.recover()
    records, began = outcome.Records(place), time.monotonic()
    api, namespace = place.client, scenario.open_namespace(place.client)
    scenario.create(api, namespace)
    pods = resources.path(Resource.PODS, namespace)
    place.hold_watches()
    try:
        api.delete(f"{pods}/{scenario.APPLICATION}-web-0", {"gracePeriodSeconds": 0})
        scenario.change(api, namespace, scenario.application(replicas=WANTED))
        # The time is the fault: nothing comes about that one could wait for.
        time.sleep(seconds)
    finally:
        place.release_watches()
    wrong: list[str] = []
    try:
        rig.wait(
            "all servers", lambda: len(api.get(pods)["items"]) == WANTED + 1, scenario.STEP_SECONDS
        )
        scenario.converged(api, namespace)
        scenario.delete(api, namespace)
    except TimeoutError as error:
        wrong.append(str(error))
    verdict = history.check(
        records.audit(),
        namespaces=[namespace],
        expectations=history.Expectations(slack=2 * seconds, faultless=True),
    )
    wrong += [str(verdict)] if not verdict else []
    made = history.counts(verdict.history)
    servers = sum(n for (kind, _, verb), n in made.items() if (kind, verb) == ("servers", "create"))
    if servers != WANTED + 1:
        wrong.append(f"{servers} servers were made where {WANTED + 1} were wanted")
    wrong += records.tracebacks()
    return outcome.Outcome(
        name=f"{seconds:.0f} s without events",
        seconds=time.monotonic() - began,
        wrong=tuple(wrong),
    )
