"""A container that ends again and again, told alike at each moment of that.

Between two ends a kubelet says in turn that the container ended, that it waits to be started again
(CrashLoopBackOff), that it runs and, where nothing probes it, that it is ready. To people that is
one thing, and what is kept of the latest end tells it throughout. Called by `observation` for pods
that are not ready.
"""

from __future__ import annotations

import dataclasses

from controller.api import clock, objects, tags
from controller.providers.pod.reasons import KubeletReason
from controller.reasons import AnyReason, ForeignReason

# A kubelet starts a container at once again that ran for so long.
FORGIVEN_SECONDS = 600.0
# The first end makes no loop: it may be on purpose, as where a container gets another size.
_LOOP = 2
# Of a container's own last line.
_LONGEST = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Crash:
    """How a container ended, and whether it runs again, for now."""

    reason: AnyReason
    message: str
    runs: bool


def find(pod: objects.Pod, each: objects.ContainerStatus, now: float) -> Crash | None:
    """Return how a container crashed, where that may be why its pod is not ready."""
    end = each.state.terminated or each.last_state.terminated
    replaced = tags.changed_from(pod.metadata)
    if end is None or end.container_id in (replaced or ()):
        return None
    run, wait = each.state.running, each.state.waiting
    loops = wait is not None or _loops(each, end)
    # A container that ended with 0 may have done its part; one that is resized is ended for that.
    found = loops or (end.exit_code != 0 and replaced is None)
    if run is not None:
        found = found and now - clock.parse(run.started_at) < FORGIVEN_SECONDS
    elif wait is not None:
        found = wait.reason == KubeletReason.CRASH_LOOP_BACK_OFF
    if not found:
        return None
    own = ForeignReason(end.reason) or KubeletReason.ERROR
    reason = KubeletReason.CRASH_LOOP_BACK_OFF if loops else own
    return Crash(reason, words(each.name, end), runs=run is not None)


def words(container: str, end: objects.ContainerEnd) -> str:
    """Return how a container ended: with which code, why, and what it said last where that is kept.

    Neither times nor counts are in it: the same end again is no news.
    """
    why = f" ({end.reason})" if end.reason else ""
    said = [line.strip() for line in end.message.splitlines() if line.strip()]
    last = f": {said[-1][:_LONGEST]}" if said else ""
    return f"container {container} exited with {end.exit_code}{why}{last}"


def _loops(each: objects.ContainerStatus, end: objects.ContainerEnd) -> bool:
    ran = clock.parse(end.finished_at) - clock.parse(end.started_at)
    return each.restart_count >= _LOOP and ran < FORGIVEN_SECONDS
