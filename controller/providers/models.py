"""The models of all kinds, as this build serves them: that of Fleet is made from the registry.

`controller.api.crds` renders them; whoever parses a manifest at the edges asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller import contract
from controller.api import fleet, kinds
from controller.api.manifest import Manifest
from controller.providers import registry


def models(
    providers: Iterable[contract.ProviderKind] | None = None,
) -> dict[str, type[Manifest]]:
    """Return the model of each kind by its name, with these providers or those of this build."""
    listed = registry.kinds().values() if providers is None else providers
    offers = tuple(
        fleet.Offer(
            name=each.name, makes=each.makes, settings=each.settings() if each.settings else None
        )
        for each in listed
    )
    return {**kinds.KINDS, "Fleet": fleet.model(offers)}


MODELS = models()


def parse(document: Mapping[str, Any]) -> Manifest:
    """Return the model of a manifest, with its defaults.

    Raises ValueError when the kind is unknown, and pydantic's ValidationError, which is one too,
    when the manifest is not valid. Rules between fields are the API server's to check.
    """
    kind = MODELS.get(str(document.get("kind")))
    if kind is None:
        raise ValueError(f"kind must be one of {', '.join(MODELS)}, not {document.get('kind')!r}")
    return kind.model_validate(document)
