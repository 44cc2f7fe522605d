"""The fields of an application that no StatefulSet can say: told before `export` writes anything.

Each field that people can write has a line in one of the tables below: that a StatefulSet says the
same, or which value costs nothing and what is lost with any other. `translation` comes here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from controller.api import names
from controller.planning import amounts

Json = dict[str, Any]
_NONE = "a StatefulSet has no such field"


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """A field that goes: nobody misses `default`; all other values are told with these words."""

    default: Any = None
    words: str = _NONE


# Of the spec of an application: what goes along, or ends with Argosy's own work.
CARRIED = frozenset({"paused", "management", "replicas", "revisionHistoryLimit", "components"})
# The fleet keeps the application from being exported at all, which is told as that.
FORBIDS = frozenset({"fleet"})
LOST: Mapping[str, Lost] = {
    "deletion.protected": Lost(False),
    "deletion.order": Lost("Reverse"),
    "deletion.drainSeconds": Lost(None, "terminationGracePeriodSeconds of the template counts"),
    "deletion.timeoutSeconds": Lost(600),
    "deletion.onTimeout": Lost("Wait"),
}
# Of a component.
CARRIED_OF_COMPONENTS = frozenset(
    {
        "name",
        "replicas",
        "template",
        "start",
        "ordinals.start",
        "service.name",
        "rollout.partition",
        "rollout.minReadySeconds",
        # No pod of a StatefulSet becomes another revision in place.
        "rollout.inPlace",
        # The workload that the component was taken up from has long been gone.
        "adopt",
        "volumeClaims.name",
        "volumeClaims.spec",
        "volumeClaims.metadata",
        # One for all claims, where they agree: `translation` tells where they do not.
        "volumeClaims.whenScaled",
        "volumeClaims.whenDeleted",
    }
)
FORBIDS_OF_COMPONENTS = frozenset({"source"})
_SERVICE = "the Service stays as it is, and Argosy no longer maintains it"
LOST_OF_COMPONENTS: Mapping[str, Lost] = {
    "dependsOn": Lost(),
    "serverMetadata": Lost(None, "the Servers that have this metadata go"),
    "spread": Lost(None, "topologySpreadConstraints of the template count"),
    "drift": Lost(),
    "service.type": Lost("Headless", _SERVICE),
    "service.ports": Lost(None, _SERVICE),
    "service.publishNotReadyAddresses": Lost(None, _SERVICE),
    "service.labels": Lost(None, _SERVICE),
    "service.annotations": Lost(None, _SERVICE),
    "rollout.strategy": Lost("RollingUpdate", "a StatefulSet replaces pods one by one"),
    "rollout.maxUnavailable": Lost("10%", "a StatefulSet replaces pods one by one"),
    "rollout.evictions": Lost("Budget", "nobody keeps a PodDisruptionBudget any more"),
    "rollout.maxSurge": Lost(0),
    "rollout.oneDomainAtATime": Lost(False),
    "rollout.progressDeadlineSeconds": Lost(600),
    "rollout.onDeadline": Lost("Halt"),
    "recovery.attempts": Lost(5),
    "recovery.giveUp": Lost(False),
    "recovery.backoff.initialSeconds": Lost(1),
    "recovery.backoff.factor": Lost(2),
    "recovery.backoff.maxSeconds": Lost(60),
    "recovery.backoff.jitterPercent": Lost(20),
    "recovery.alternatives": Lost(),
    "recovery.failureBudget": Lost("10%"),
    "recovery.onBudgetSpent": Lost("Halt"),
    "recovery.remediation.afterSeconds": Lost(300),
    "recovery.remediation.maxIll": Lost("40%"),
    "recovery.remediation.per": Lost("Domain"),
    "recovery.remediation.maxHoldSeconds": Lost(1800),
}
# Values that a StatefulSet follows, or can be told in other words.
_SAID = (
    ("service.type", "None"),
    ("rollout.strategy", "OnDelete"),
    ("rollout.evictions", "Ignore"),
)


def of_application(spec: Json) -> Iterator[str]:
    """Yield what of an application's own spec is lost."""
    for path, lost in LOST.items():
        found = _at(spec, path)
        if found not in (None, [], {}, lost.default):
            yield f"{path}: {_shown(found)}{lost.words}"


def of_component(name: str, part: Json, replicas: int) -> Iterator[str]:
    """Yield what of a component is lost, whose StatefulSet is called that and has so many pods."""
    for path, lost in LOST_OF_COMPONENTS.items():
        found = _at(part, path)
        if found in (None, [], {}, lost.default) or (path, found) in _SAID:
            continue
        if not _is_as_without(path, found, part, replicas):
            yield f"{name}: {path}: {_shown(found)}{lost.words}"


def of_server(server: Json) -> Iterator[str]:
    """Yield what of a server is lost that a person asked of it alone."""
    if server["spec"].get("held"):
        yield f"{server['metadata']['name']}: held: a StatefulSet holds no single pod"


def of_pod(pod: Json, target: str) -> Iterator[str]:
    """Yield what is lost with a pod that is kept at another revision than its set's target.

    A partition, the strategy OnDelete or a hold keeps it there; a StatefulSet that is made anew has
    the target alone, and so nothing of which the pod could be made again as it is.
    """
    meta = pod["metadata"]
    revision = (meta.get("labels") or {}).get(names.REVISION_LABEL, "")
    if revision != target:
        yield (
            f"{meta['name']}: revision: the pod runs {revision or 'an unknown one'}, not {target},"
            f" and is made anew as {target} whenever it is replaced: a new StatefulSet has no other"
        )


def _is_as_without(path: str, found: Any, part: Json, replicas: int) -> bool:
    """Return whether a value that somebody chose comes to what a StatefulSet does."""
    if path == "rollout.maxUnavailable":
        return replicas == 0 or amounts.at_least_one(found, replicas) == 1
    if path == "rollout.maxSurge":
        return str(found) == "0%"
    if path == "rollout.progressDeadlineSeconds":
        # As `import` writes it.
        return int(found) - 600 == int(part["rollout"].get("minReadySeconds", 0))
    return False


def _at(found: Any, path: str) -> Any:
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _shown(found: Any) -> str:
    return f"{found}: " if isinstance(found, str | int) else ""
