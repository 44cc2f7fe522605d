"""Who of the replicas is to have which slot: rendezvous hashing with a bound, which keeps what is.

`execution.sharing` asks in each replica. All of them see the same Leases, so all come to the same
answer; where they see them at different moments, the Leases still say who has a slot.

Example: of two replicas each has 32 slots. A third comes: nobody may have more than 22, so each of
the two gives the 10 slots that it wants least, and the third gets 20. No other slot moves.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping

from controller.kube.slots import SLOTS


def assign(held: Mapping[int, str], members: Collection[str]) -> dict[int, str]:
    """Return the replica that is to have each slot; none where there are no members.

    `held` is who has a slot now. Nobody gets more than ⌈slots / members⌉, and no more slots move
    than must for that. A slot that moves goes to whoever wants it most of those who have room.
    """
    if not members:
        return {}
    most = math.ceil(SLOTS / len(members))
    wanted: dict[str, list[int]] = {each: [] for each in sorted(members)}
    for slot in range(SLOTS):
        if held.get(slot) in wanted:
            wanted[held[slot]].append(slot)
    given: dict[int, str] = {}
    for member, slots in wanted.items():
        slots.sort(key=lambda slot: score(slot, member), reverse=True)
        del slots[most:]
        given |= dict.fromkeys(slots, member)
    for slot in range(SLOTS):
        if slot in given:
            continue
        free = [each for each, slots in wanted.items() if len(slots) < most]
        taker = max(free, key=lambda each: score(slot, each))
        wanted[taker].append(slot)
        given[slot] = taker
    return given


def score(slot: int, member: str) -> bytes:
    """Return how much a replica wants a slot: the highest of all members' gets it."""
    return hashlib.sha256(f"{slot}/{member}".encode()).digest()
