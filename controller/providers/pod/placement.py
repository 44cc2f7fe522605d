"""Where pods go: what their set decided, as the scheduler understands it.

Rendered into each pod as it is made, and into no revision: so neither an upgrade nor a change of a
fleet's domains restarts anything. Rules of a template on zones, or on spread, stand as they are.
Called by `manifest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller import contract

# Of nodes. The API server copies it to a pod that is placed on one, where nodes have it.
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_FIRST = 100


def zone_of(spec: Mapping[str, Any]) -> str:
    """Return the zone that a pod's spec asks for by its nodeSelector; empty where it does not."""
    found = _part(spec, "nodeSelector").get(ZONE)
    return found if isinstance(found, str) else ""


def into(
    spec: Mapping[str, Any], placed: contract.Placement, labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return the pod's spec with its placement; `labels` are those that its component's pods share.

    A template that names zones itself wins.
    """
    found = dict(spec)
    if (placed.domain or placed.closed) and not _names_zones(spec):
        found["affinity"] = _affinity(_part(spec, "affinity"), placed)
    if placed.spread is not None and not spec.get("topologySpreadConstraints"):
        rules = [_apart(HOST, 1, labels, must=False)]
        if not placed.domain:
            must = placed.spread.require and not zone_of(spec)
            rules.insert(0, _apart(ZONE, placed.spread.max_skew, labels, must=must))
        found["topologySpreadConstraints"] = rules
    return found


def _names_zones(spec: Mapping[str, Any]) -> bool:
    """Return whether the template itself says which zones its pods are for."""
    if zone_of(spec):
        return True
    given = _part(_part(spec, "affinity"), "nodeAffinity")
    return ZONE in repr(given)


def _part(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _affinity(before: dict[str, Any], placed: contract.Placement) -> dict[str, Any]:
    """Add the zone to what a template says of nodes: each of its terms holds with ours."""
    nodes = _part(before, "nodeAffinity")
    ours = [_rule("NotIn", list(placed.closed))] if placed.closed else []
    if placed.domain and placed.must:
        ours = [_rule("In", [placed.domain])]
    if ours:
        terms = _part(nodes, REQUIRED).get("nodeSelectorTerms")
        given = terms if isinstance(terms, list) and terms else [{}]
        nodes[REQUIRED] = {"nodeSelectorTerms": [_with(each, ours) for each in given]}
    if placed.domain and not placed.must:
        told = nodes.get(PREFERRED)
        first = {
            "weight": _FIRST,
            "preference": {"matchExpressions": [_rule("In", [placed.domain])]},
        }
        nodes[PREFERRED] = [first, *(told if isinstance(told, list) else ())]
    return {**before, "nodeAffinity": nodes}


def _with(term: Any, rules: list[dict[str, Any]]) -> Any:
    """Return a term that holds with these rules, too; what is none is the API server's to refuse.

    Whoever wrote the template is told in its words, and nothing is made that ignores a closed zone.
    """
    own = term.get("matchExpressions") or [] if isinstance(term, dict) else None
    return {**term, "matchExpressions": [*own, *rules]} if isinstance(own, list) else term


def _rule(operator: str, values: list[str]) -> dict[str, Any]:
    return {"key": ZONE, "operator": operator, "values": values}


def _apart(key: str, skew: int, labels: Mapping[str, str], *, must: bool) -> dict[str, Any]:
    return {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule" if must else "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(labels)},
    }
