"""I11: one operator process, life after life: memory and connections return to their baseline."""

from __future__ import annotations

import time

from proof.faults import outcome, rig, scenario
from proof.history import process

LIVES = 4
# Connections are kept open for a while after their last use; how many depends on the moment.
SPARE_CONNECTIONS = 10


def endured(place: rig.Rig, lives: int = LIVES) -> outcome.Outcome:
    """Live again and again without faults, the first life being the baseline."""
    place.suffer_afresh("growth", rig.OFF)
    began, pids = time.monotonic(), set()
    memory: list[int] = []
    connections: list[int] = []
    for _ in range(lives):
        scenario.live(place, scenario.open_namespace(place.client))
        pid = place.operator.pid
        pids.add(pid)
        memory.append(process.memory(pid))
        connections.append(process.descriptors(pid))
    wrong = [
        *process.returned(memory[0], memory[1:]),
        *process.left_over("connections", connections[0], connections[-1], spare=SPARE_CONNECTIONS),
    ]
    told = [str(each) for each in wrong]
    told += ["the operator was not one process"] if len(pids) > 1 else []
    return outcome.Outcome(
        name=f"{lives} lives of one process ({memory[0] >> 20} to {memory[-1] >> 20} MiB)",
        seconds=time.monotonic() - began,
        wrong=tuple(told),
    )
