"""In which zones a pod may be, and where it would rather be, by its node affinity.

The kubelet's scheduler asks it. Of rules it knows those of the zone, and of these In and NotIn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fakes.api_server.storage import Json

ZONE = "topology.kubernetes.io/zone"


def fitting(pod: Json, nodes: Sequence[str], zones: Mapping[str, str]) -> list[str]:
    """Return the nodes that the pod may be on; those alone that it prefers, if there are any."""
    spec = pod["spec"]
    told = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = told.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or [{}]
    selected = (spec.get("nodeSelector") or {}).get(ZONE)
    able = [
        each
        for each in nodes
        if any(_fits(term, zones.get(each, "")) for term in terms)
        and selected in (None, zones.get(each))
    ]
    preferred = told.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    liked = [
        each
        for each in able
        if all(_fits(one["preference"], zones.get(each, "")) for one in preferred)
    ]
    return liked or able


def labelled(meta: Json, zone: str) -> Json:
    """Return a pod's metadata with the label of its node's zone, as from Kubernetes 1.35 on."""
    return {**meta, "labels": {**meta.get("labels", {}), ZONE: zone}} if zone else meta


def _fits(term: Json, zone: str) -> bool:
    rules = [each for each in term.get("matchExpressions") or () if each["key"] == ZONE]
    return all((zone in each["values"]) == (each["operator"] == "In") for each in rules)
