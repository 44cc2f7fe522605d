"""How large claims are and should be: they grow while their servers run, and never shrink.

The Server planner asks it what to do, providers what to ask for, admission what to refuse.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from controller import contract
from controller.api import objects, quantities, remembered


class _Resources(msgspec.Struct, frozen=True):
    requests: dict[str, Any] = {}


class _Spec(msgspec.Struct, frozen=True):
    resources: _Resources = _Resources()


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """How a server's claims differ in size from what is wanted."""

    # Whether any asks for less than it should.
    short: bool = False
    # The notes to tell of the claims, in the order of the template.
    notes: tuple[str, ...] = ()


def storage(claim: objects.VolumeClaim) -> str:
    """Return how much storage a claim is to ask for; empty where its spec does not say."""
    return _storage(bytes(claim.spec))


def compare(wanted: Sequence[objects.VolumeClaim], seen: Sequence[contract.Volume]) -> Sizes:
    """Return how what is seen differs from what is wanted."""
    if not seen:
        return Sizes()
    there = {each.name: each for each in seen}
    short, notes = False, []
    for each in wanted:
        found, size = there.get(each.name), storage(each)
        if found is None:
            continue
        if found.going and found.size:
            notes.append(
                f"The claim {each.name} was deleted, and goes with its data as soon as the instance"
                " does: copy what is needed."
            )
        if quantities.is_less(found.asked, size):
            short = True
            notes.append(f"The claim {each.name} is to grow from {found.asked} to {size}.")
        elif quantities.is_less(size, found.asked):
            notes.append(
                f"The claim {each.name} keeps {found.asked}, as claims never shrink: {size} is"
                " asked for."
            )
        elif found.size and quantities.is_less(found.size, found.asked):
            notes.append(f"The claim {each.name} grows from {found.size} to {found.asked}.")
    return Sizes(short, tuple(notes))


def shrinks(
    wanted: Sequence[objects.VolumeClaim], before: Sequence[objects.VolumeClaim]
) -> Iterator[objects.VolumeClaim]:
    """Yield the claims that ask for less than they did."""
    former = {each.name: storage(each) for each in before}
    for each in wanted:
        if quantities.is_less(storage(each), former.get(each.name, "")):
            yield each


@remembered.by_content(512)
def _storage(spec: bytes) -> str:
    try:
        found = msgspec.json.decode(spec, type=_Spec).resources.requests.get("storage", "")
    except msgspec.MsgspecError:
        return ""
    return str(found)
