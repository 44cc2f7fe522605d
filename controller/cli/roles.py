"""Which of the chart's roles grants a right to Argosy's own kinds.

`failures` names the role to whoever lacks the right; `tests/chart` holds the table to the chart.
"""

from __future__ import annotations

from controller.api import names
from controller.api.resources import Resource
from controller.api.rights import Lack

_READ = frozenset({"get", "list", "watch"})
_REMOVE = frozenset({"delete", "deletecollection"})
_CHANGE = frozenset({"update", "patch"})
_MAKE = frozenset({"create"})
_SCALES = frozenset({f"{Resource.APPLICATIONS}/scale", f"{Resource.SERVERSETS}/scale"})
_SETS_AND_SERVERS = frozenset({Resource.SERVERSETS, Resource.SERVERS})
_VIEWED = (
    _SCALES | _SETS_AND_SERVERS | {Resource.APPLICATIONS, Resource.OPERATIONS, Resource.BUILDS}
)

# Each role with its verbs and resources; of two that grant a right, the smaller one comes first.
_ROLES: tuple[tuple[str, frozenset[str], frozenset[str]], ...] = (
    ("argosy-viewer", _READ, _VIEWED),
    ("argosy-editor", _MAKE | _CHANGE | _REMOVE, frozenset({Resource.APPLICATIONS})),
    ("argosy-editor", _CHANGE, _SCALES | _SETS_AND_SERVERS),
    ("argosy-operation-editor", _MAKE | _CHANGE | _REMOVE, frozenset({Resource.OPERATIONS})),
    ("argosy-build-editor", _MAKE | _CHANGE | _REMOVE, frozenset({Resource.BUILDS})),
    ("argosy-admin", _MAKE | _REMOVE, _SETS_AND_SERVERS),
    ("argosy-fleet-viewer", _READ, frozenset({Resource.FLEETS})),
    ("argosy-fleet-admin", _MAKE | _CHANGE | _REMOVE, frozenset({Resource.FLEETS})),
)


def granting(lack: Lack) -> str:
    """Return the role that grants a right; empty for a right that none of these roles grants."""
    if lack.group != names.GROUP:
        return ""
    for role, verbs, resources in _ROLES:
        if lack.verb in verbs and lack.resource in resources:
            return role
    return ""
