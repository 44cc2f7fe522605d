"""Which pods a label selector is about, as the API server reads it.

Called by `disruption_budget`, for the PodDisruptionBudgets that people write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from controller.api import objects, remembered


class _Metadata(objects.View, frozen=True, kw_only=True):
    # Whatever people write there: what is no label is left to the API server to refuse.
    labels: dict[str, object] | None = None


class _Template(objects.View, frozen=True, kw_only=True):
    metadata: _Metadata | None = None


def matches(selector: objects.PodSelector, labels: Mapping[str, str]) -> bool:
    """Return whether something with these labels is selected; an empty selector selects all."""
    if not selector.match_labels.items() <= labels.items():
        return False
    return all(_meets(each, labels) for each in selector.match_expressions)


def labels_of(template: msgspec.Raw) -> Mapping[str, str]:
    """Return the labels that a pod template gives."""
    return _labels(bytes(template))


@remembered.by_content(1024)
def _labels(template: bytes) -> Mapping[str, str]:
    try:
        found = msgspec.json.decode(template, type=_Template)
    except msgspec.DecodeError:
        return {}
    labels = (found.metadata and found.metadata.labels) or {}
    return {key: value for key, value in labels.items() if isinstance(value, str)}


def _meets(requirement: objects.SelectorRequirement, labels: Mapping[str, str]) -> bool:
    found, values = labels.get(requirement.key), requirement.values
    answers: Mapping[str, Callable[[], bool]] = {
        "In": lambda: found in values,
        "NotIn": lambda: found not in values,
        "Exists": lambda: found is not None,
        "DoesNotExist": lambda: found is None,
    }
    answer = answers.get(requirement.operator)
    return answer is not None and answer()
