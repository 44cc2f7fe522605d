"""Ratio 6: what is written at rest, while watches break and an operator restarts.

`large` begins it when its fleet has converged; other trials run in another cluster meanwhile, and
the stage ends it.
"""

from __future__ import annotations

import time

from bench.arena import Arena
from bench.stage import Stage
from controller.api.resources import Resource

SETTLE_SECONDS = 5.0


def begin(stage: Stage, arena: Arena) -> None:
    """Count from now on; the stage ends it when enough time has passed."""
    arena.calm()
    tally, lists = arena.tally(), arena.lists()
    began = time.monotonic()
    _disturb(arena)

    def end() -> None:
        left = began + stage.sizes.rest - time.monotonic()
        if left > 0:
            stage.say(f"at rest for another {left:.0f} s")
            time.sleep(left)
        _disturb(arena)
        time.sleep(SETTLE_SECONDS)
        counts = tally.counts()
        for (resource, subresource, verb), number in counts.items():
            stage.say(f"at rest: {number} {verb} {resource} {subresource}")
        minutes = (time.monotonic() - began) / 60
        listed = lists.counts()[Resource.SERVERS, "", "list"]
        note = f"{minutes:.1f} minutes, {stage.sizes.large} servers listed {listed} times"
        stage.book.add("6", sum(counts.values()), note)

    stage.at_the_end(end)


def _disturb(arena: Arena) -> None:
    """Restart the API server, which breaks all watches, and then the operator."""
    arena.cluster.restart_apiserver()
    arena.until("the caches are full again", arena.synced, 60)
    arena.operator.terminate()
    arena.start_operator()
