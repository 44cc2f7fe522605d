"""The CustomResourceDefinitions of this build, as `argosy crds` prints them."""

from __future__ import annotations

from controller.api import crds
from controller.providers import models


def texts() -> dict[str, str]:
    """Return the YAML of each kind's definition by file name."""
    return crds.render(models.MODELS)
