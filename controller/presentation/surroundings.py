"""Objects beside a workload that is taken over, and what becomes of them: told, not touched.

Services, budgets and the like select pods by labels, and go on where servers have the labels of the
template. `kubectl argosy import` asks here which of them do, and which would lose pods unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from controller.api import names, objects
from controller.kinds.serverset import selectors

Json = dict[str, Any]
# The labels that controllers of Kubernetes write on pods of theirs, and no template says: pods that
# Argosy makes are without. With each, the label to select by instead.
CONTROLLERS: Mapping[str, str] = {
    names.STATEFUL_POD: names.SERVER_LABEL,
    names.STATEFUL_HASH: names.REVISION_LABEL,
    "pod-template-hash": names.REVISION_LABEL,
}


def services(found: Iterable[Json], labels: Mapping[str, str]) -> Iterator[str]:
    """Say of each Service of pods with these labels how it goes on."""
    for each in found:
        selector: dict[str, str] = each["spec"].get("selector") or {}
        name = each["metadata"]["name"]
        theirs = sorted(CONTROLLERS.keys() & selector.keys())
        plain = {key: value for key, value in selector.items() if key not in CONTROLLERS}
        if not selector or not plain.items() <= labels.items():
            continue
        if theirs:
            wanted = ", ".join(f"{CONTROLLERS[key]} instead of {key}" for key in theirs)
            yield (
                f"service/{name} would find no pod that Argosy makes anew: have it select by"
                f" {wanted}"
            )
        else:
            yield f"service/{name} stays as it is, and selects the servers' pods too"


def budgets(found: Iterable[Json], labels: Mapping[str, str]) -> Iterator[str]:
    """Say of each PodDisruptionBudget of pods with these labels that it goes on deciding."""
    for each in found:
        spec = each["spec"]
        if spec.get("selector") is None:
            continue  # it is of no pod
        selector = msgspec.convert(spec["selector"], objects.PodSelector)
        if not selectors.matches(selector, labels):
            continue
        said = [f"{key} {spec[key]}" for key in ("maxUnavailable", "minAvailable") if key in spec]
        yield (
            f"poddisruptionbudget/{each['metadata']['name']} ({', '.join(said)}) decides over"
            " evictions as long as it is there; without it rollout.maxUnavailable does"
        )
