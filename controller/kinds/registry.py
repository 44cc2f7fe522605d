"""Which kinds there are: one line each, and the only list of them that is planned from.

`controller.api.kinds` lists their models, which are the manifests that people write, apart: neither
the operator nor most commands need pydantic.
"""

from __future__ import annotations

from typing import Any

from controller.api.resources import Resource
from controller.kinds.application.kind import APPLICATION
from controller.kinds.build.kind import BUILD
from controller.kinds.fleet.kind import FLEET
from controller.kinds.kind import Kind
from controller.kinds.operation.kind import OPERATION
from controller.kinds.server.kind import SERVER
from controller.kinds.serverset.kind import SERVER_SET

# Owners before what they own.
KINDS: tuple[Kind[Any, Any], ...] = (FLEET, APPLICATION, SERVER_SET, SERVER, OPERATION, BUILD)

_BY_RESOURCE = {each.resource: each for each in KINDS}


def of(resource: Resource) -> Kind[Any, Any]:
    """Return the kind whose objects are that resource."""
    return _BY_RESOURCE[resource]
