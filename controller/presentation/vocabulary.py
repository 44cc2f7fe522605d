"""Every reason that Argosy gives, and those of others that Argosy knows, by who gives them.

`why` explains by it, and "Reasons and remedies" is generated from it. The reasons that pods give
are Kubernetes' own and open: a word that is not here is passed on with its message.

Kinds and providers bring their own by their line of a registry. A registry loads planners, and
`answers`, the only caller in a command, plans by both of them: nothing starts slower for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.api.reasons import Reason
from controller.api.resources import PLACES
from controller.contract.reasons import ProviderReason
from controller.kinds import registry as kinds
from controller.kube.reasons import KubeReason
from controller.presentation.reasons import CommandReason
from controller.providers import registry as providers
from controller.providers.steps.reasons import StepReason
from controller.reasons import UNEXPLAINED, Explanation, Vocabulary


def _of_kinds() -> Iterator[type[Vocabulary]]:
    """Yield those of kinds, as the registry has them, but of what is in no namespace last."""
    for each in sorted(kinds.KINDS, key=lambda kind: not PLACES[kind.resource].namespaced):
        yield from each.reasons


def _of_providers() -> Iterator[type[Vocabulary]]:
    """Yield those of providers by their titles: the registry's order is that of the CRD."""
    rooms = (room for each in providers.kinds().values() for room in each.reasons)
    yield from sorted(rooms, key=lambda room: room.section)


# In the order of the page.
ROOMS: tuple[type[Vocabulary], ...] = (
    Reason,
    *_of_kinds(),
    KubeReason,
    ProviderReason,
    StepReason,
    *_of_providers(),
    CommandReason,
)

KNOWN: Mapping[str, Vocabulary] = {str(each): each for room in ROOMS for each in room}


def of(kind: str) -> str:
    """Return what stands behind a reason that is explained for one kind: " of a Server"."""
    article = "an" if kind[:1] in ("A", "O") else "a"
    return f" of {article} {kind}" if kind else ""


# Each explanation by its reason, and by the kind where kinds mean different things by a word.
EXPLAINED: Mapping[str, Explanation] = {
    f"{each}{of(kind)}": told for each in KNOWN.values() for kind, told in each.explanations.items()
}


def explain(reason: str, kind: str) -> Explanation:
    """Return what a reason means that an object of `kind` gives; nothing of others' words."""
    known = KNOWN.get(reason)
    return known.of(kind) if known is not None else UNEXPLAINED
