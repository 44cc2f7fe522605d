"""The words of Kubernetes' own kinds by which decisions are made, as closed lists.

The words are spelt as ours are and mean something else: a pod is Ready by its containers, a server
by its provider, its revision and its incarnation. So each field has a list of its own; those of our
kinds are in `choices` and `conditions`.
"""

from __future__ import annotations

import enum


class PodConditionType(enum.StrEnum):
    """The conditions of a pod that say something to Argosy."""

    READY = "Ready"
    CONTAINERS_READY = "ContainersReady"
    SCHEDULED = "PodScheduled"
    DISRUPTION_TARGET = "DisruptionTarget"
    RESIZE_PENDING = "PodResizePending"
    RESIZE_IN_PROGRESS = "PodResizeInProgress"


class JobConditionType(enum.StrEnum):
    """The conditions of a Job that say how it ended, or that it is about to fail."""

    COMPLETE = "Complete"
    FAILED = "Failed"
    FAILURE_TARGET = "FailureTarget"


class EvictionConditionType(enum.StrEnum):
    """The conditions by which an EvictionRequest is over."""

    TARGET_EVICTED = "TargetEvicted"
    FAILED = "Failed"


class PodPhase(enum.StrEnum):
    """How far a pod is; it says little of whether its containers work."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    # The pod's node does not answer.
    UNKNOWN = "Unknown"


class NamespacePhase(enum.StrEnum):
    """Whether anything new may be made in a namespace."""

    ACTIVE = "Active"
    TERMINATING = "Terminating"


class NodeConditionType(enum.StrEnum):
    """The condition of a node that says whether its kubelet answers."""

    READY = "Ready"


class DeploymentStrategy(enum.StrEnum):
    """How a Deployment takes its pods to another template."""

    ROLLING_UPDATE = "RollingUpdate"
    RECREATE = "Recreate"


class StatefulSetStrategy(enum.StrEnum):
    """How a StatefulSet takes its pods to another revision."""

    ROLLING_UPDATE = "RollingUpdate"
    ON_DELETE = "OnDelete"
