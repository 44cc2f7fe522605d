"""Which changes by others a component says are not Argosy's to undo (`drift.ignore`).

`gather` applies it to what a provider sees, so that planning and status read one answer.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import objects

ANY = "[*]"


def apply(seen: contract.Observation, drift: objects.Drift | None) -> contract.Observation:
    """Return what is seen, with what is somebody else's to change set apart."""
    if drift is None or not drift.ignore or not (seen.drift or seen.left or seen.lasting):
        return seen
    ignored = {each for each in (*seen.drift, *seen.left, *seen.lasting) if _is_in(each, drift)}
    if not ignored:
        return seen
    return dataclasses.replace(
        seen,
        drift=_but(seen.drift, ignored),
        left=_but(seen.left, ignored),
        altered=_but(seen.altered, ignored),
        lasting=_but(seen.lasting, ignored),
        ignored=tuple(sorted(ignored)),
    )


def _is_in(field: str, drift: objects.Drift) -> bool:
    place, opened, rest = field.partition("[")
    alike = f"{place}{ANY}{rest.partition(']')[2]}" if opened else field
    return field in drift.ignore or alike in drift.ignore


def _but(fields: tuple[str, ...], ignored: set[str]) -> tuple[str, ...]:
    return tuple(each for each in fields if each not in ignored)
