"""KIND/NAME and KIND NAME as people type them: which object they mean.

Every command that acts on more than one kind comes here.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

from controller.api import names, resources
from controller.api.reasons import Reason
from controller.api.resources import OURS, PLACES, Resource
from controller.kube import api as kube
from controller.kube import faults
from controller.presentation.problems import UsageError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One object that was named."""

    resource: Resource
    name: str

    @property
    def kind(self) -> str:
        """The kind, as conditions and messages write it."""
        return PLACES[self.resource].kind

    def space(self, namespace: str) -> str:
        """Return where it is looked for by somebody in `namespace`: fleets are of none."""
        return namespace if PLACES[self.resource].namespaced else ""

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def words(resource: Resource) -> tuple[str, ...]:
    """Return what may stand for the kind."""
    full = f"{resource.value}.{names.GROUP}"
    kind = PLACES[resource].kind.lower()
    return (kind, resource.value, *PLACES[resource].short_names, full, f"{kind}.{names.GROUP}")


def told(text: str) -> Reference | None:
    """Return which object of ours a status names, as Kind/name; None where it is not of ours."""
    kind, name = resources.parts(text)
    found = next((each for each in OURS if PLACES[each].kind == kind), None)
    return Reference(resource=found, name=name) if found is not None and name else None


def parse(given: Sequence[str], *allowed: Resource) -> Reference:
    """Return what `given` means; a name alone means the first of the `allowed` kinds.

    Raises UsageError where it means nothing, or a kind that is not allowed.
    """
    kinds = allowed or OURS
    match given:
        case [one] if "/" in one:
            word, _, name = one.partition("/")
        case [one]:
            word, name = PLACES[kinds[0]].kind.lower(), one
        case [word, name] if "/" not in word:
            pass
        case _:
            raise UsageError(f"name one thing, as KIND/NAME: not {' '.join(given)!r}")
    found = next((each for each in OURS if word.lower() in words(each)), None)
    if found is None or found not in kinds or not name:
        known = ", ".join(f"{PLACES[each].kind.lower()}/NAME" for each in kinds)
        raise UsageError(f"{' '.join(given)!r} must be one of {known}")
    return Reference(resource=found, name=name)


async def find(
    api: kube.Api, namespace: str, given: Sequence[str], *allowed: Resource, gone: bool = False
) -> Reference:
    """Return what `given` means; a name alone means the one object of that name that there is.

    Raises NotFound where there is none (where it may be `gone` the first kind is meant), UsageError
    where there are several.
    """
    kinds = allowed or OURS
    if len(given) != 1 or "/" in given[0] or len(kinds) == 1:
        return parse(given, *allowed)
    named = [Reference(resource=each, name=given[0]) for each in kinds]
    seen = await asyncio.gather(*(_exists(api, each, namespace) for each in named))
    there = [each for each, exists in zip(named, seen, strict=True) if exists]
    if len(there) > 1:
        raise UsageError(f"{given[0]!r} may be {' or '.join(map(str, there))}: name its kind")
    # Where nothing may be seen, whoever goes on with the first is told which right is missing.
    if there or gone or not any(exists is False for exists in seen):
        return (there or named)[0]
    known = ", ".join(each.kind.lower() for each in named)
    raise faults.NotFound(
        f"nothing is named {given[0]!r} in namespace {namespace}: no {known}",
        reason=Reason.NOT_FOUND,
    )


async def _exists(api: kube.Api, meant: Reference, namespace: str) -> bool | None:
    """Return whether the object is there; None where that may not be seen."""
    try:
        await api.get(meant.resource, meant.space(namespace), meant.name)
    except faults.NotFound:
        return False
    except faults.Forbidden:
        return None
    return True
