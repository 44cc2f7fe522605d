"""The kinds, in one table: a new kind is a new file and one line here.

`crds.py` renders them; the command line parses manifests with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api.application import Application
from controller.api.fleet import Fleet
from controller.api.manifest import Manifest
from controller.api.operation import Operation
from controller.api.server import Server
from controller.api.serverset import ServerSet

KINDS: dict[str, type[Manifest]] = {
    kind.__name__: kind for kind in (Application, ServerSet, Server, Operation, Fleet)
}


def parse(document: Mapping[str, Any]) -> Manifest:
    """Return the model of a manifest, with its defaults.

    Raises ValueError when the kind is unknown, and pydantic's ValidationError, which is one too,
    when the manifest is not valid. Rules between fields are the API server's to check.
    """
    kind = KINDS.get(str(document.get("kind")))
    if kind is None:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {document.get('kind')!r}")
    return kind.model_validate(document)
