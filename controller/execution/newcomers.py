"""Which applications are just coming up: their first creates go ahead of what others have many of.

Of two that share a server the one that has had the least so far is most likely done first, so it
goes first (least attained service). Nobody says how large an application will be, and nobody needs
to: its first creates are few, and a large one's are over in a moment. The same is asked of whole
namespaces, so that a crowd of small applications is no newcomer to another tenant's. `pool` asks.

Example: 3,000 servers of one application are being made, eight creates at a time, and each takes
30 ms. Somebody applies one of ten servers. The revision, set, Service and servers of that one come
one after the other, and each would stand beside seven others. While it comes up, one does.

Example: 200 applications of namespace a come up, each of them a newcomer. Somebody applies one in
namespace b, which has had nothing: it goes ahead of them, and stands beside one call.

L. Kleinrock: Queueing Systems, volume 2, Wiley 1976, section 4.6.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Hashable

# As many creates as a small application is made of: ten servers, their pods, and what is theirs.
FEW = 32
# A chain's next call comes with the last one's event, which takes a moment: so long others make
# room for it. A teardown is such a chain as well.
LINGER_SECONDS = 0.3


class Standing(enum.IntEnum):
    """Who makes room for whom: each for those that come before it here."""

    NEW_NAMESPACE = 0  # its application is just coming up, in a namespace that had few creates
    NEWCOMER = 1  # its application is just coming up
    OTHER = 2


@dataclasses.dataclass(slots=True)
class _Flow:
    creates: int = 0
    inside: int = 0
    seen: float = 0.0


class Newcomers:
    """How creates stand by how many their flow and its namespace had in the last moments."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._flows, self._namespaces = _Recent(clock), _Recent(clock)

    def enter(self, namespace: str, flow: Hashable) -> Standing:
        """Take in one more create of a flow; return how it stands."""
        few = self._flows.enter(flow)
        if not self._namespaces.enter(namespace):
            return Standing.NEWCOMER if few else Standing.OTHER
        return Standing.NEW_NAMESPACE

    def leave(self, namespace: str, flow: Hashable) -> None:
        """Take in that a create of a flow has ended, or was taken back."""
        self._flows.leave(flow)
        self._namespaces.leave(namespace)

    def first(self) -> Standing:
        """Return for whom room is made: who had a create come or end a moment ago.

        One that is in flight for longer waits for something else than the others' calls.
        """
        if self._namespaces.any():
            return Standing.NEW_NAMESPACE
        return Standing.NEWCOMER if self._flows.any() else Standing.OTHER


class _Recent:
    """The flows, or namespaces, that have creates in the pool or had some a moment ago."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Who was seen last stands last, so who may be forgotten stands first.
        self._few: dict[Hashable, _Flow] = {}
        self._many: dict[Hashable, _Flow] = {}

    def enter(self, flow: Hashable) -> bool:
        """Take in that a flow has one more create; return whether these are few still."""
        for flows in (self._few, self._many):
            _forget(flows, self._clock())
        each = self._take(flow)
        each.creates += 1
        each.inside += 1
        self._put(flow, each)
        return each.creates <= FEW

    def leave(self, flow: Hashable) -> None:
        """Take in that a create of a flow has ended, or was taken back."""
        each = self._take(flow)
        each.inside -= 1
        self._put(flow, each)

    def any(self) -> bool:
        """Return whether one that had few had a create come or end a moment ago."""
        last = next(reversed(self._few.values()), None)
        return last is not None and self._clock() <= last.seen + LINGER_SECONDS

    def _take(self, flow: Hashable) -> _Flow:
        return self._few.pop(flow, None) or self._many.pop(flow, None) or _Flow()

    def _put(self, flow: Hashable, each: _Flow) -> None:
        each.seen = self._clock()
        flows = self._few if each.creates <= FEW else self._many
        flows[flow] = each


def _forget(flows: dict[Hashable, _Flow], now: float) -> None:
    """Forget who has had none for a moment: the next one begins anew."""
    over = []
    for flow, each in flows.items():
        if now <= each.seen + LINGER_SECONDS:
            break
        if not each.inside:
            over.append(flow)
    for flow in over:
        del flows[flow]
