"""The fields that Argosy reads of kinds whose schema others own."""

from __future__ import annotations

import msgspec

from controller.api import nesting
from controller.api.views.meta import NULL, Json, Object, View, share


class ControllerRevision(Object, frozen=True, kw_only=True):
    """One revision of a component: `data` is what the user wrote, `revision` counts upwards."""

    data: Json = NULL
    revision: int = 0

    def __post_init__(self) -> None:
        share(self, "data", most=nesting.WRAPPED)


class ServicePort(View, frozen=True, kw_only=True):
    """One port of a Service, whole: a list that is written replaces what was there."""

    name: str = ""
    port: int = 0
    target_port: int | str | None = None
    protocol: str = "TCP"
    app_protocol: str | None = None
    node_port: int | None = None


class ServiceSpec(View, frozen=True, kw_only=True):
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    selector: dict[str, str] = {}
    publish_not_ready_addresses: bool = False
    ports: tuple[ServicePort, ...] = ()


class Service(Object, frozen=True, kw_only=True):
    """A Service: whose it is, and which pods it gives names or an address to."""

    spec: ServiceSpec = ServiceSpec()


class SelectorRequirement(View, frozen=True, kw_only=True, gc=False):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class PodSelector(View, frozen=True, kw_only=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[SelectorRequirement, ...] = ()


class DisruptionBudgetSpec(View, frozen=True, kw_only=True):
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    # None selects no pod, an empty one all of them.
    selector: PodSelector | None = None
    unhealthy_pod_eviction_policy: str = ""


class DisruptionBudgetStatus(View, frozen=True, kw_only=True):
    # Pods whose eviction was allowed and that the disruption controller has not seen go, and when.
    disrupted_pods: dict[str, str] = {}


class DisruptionBudget(Object, frozen=True, kw_only=True):
    """A PodDisruptionBudget: whose it is, which pods it is about, how many must stay."""

    spec: DisruptionBudgetSpec = DisruptionBudgetSpec()
    status: DisruptionBudgetStatus = DisruptionBudgetStatus()


class ClaimResources(View, frozen=True, kw_only=True, gc=False):
    requests: dict[str, str] = {}


class ClaimSpec(View, frozen=True, kw_only=True):
    resources: ClaimResources = ClaimResources()


class ClaimStatus(View, frozen=True, kw_only=True):
    capacity: dict[str, str] = {}


class Claim(Object, frozen=True, kw_only=True):
    """A PersistentVolumeClaim: whose it is, how much it asks for, how much its volume has."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()

    @property
    def asked(self) -> str:
        """How much storage it asks for."""
        return self.spec.resources.requests.get("storage", "")

    @property
    def size(self) -> str:
        """How much storage its volume has; empty until there is one."""
        return self.status.capacity.get("storage", "")


class NamespaceStatus(View, frozen=True, kw_only=True, gc=False):
    phase: str = "Active"


class Namespace(Object, frozen=True, kw_only=True):
    status: NamespaceStatus = NamespaceStatus()


class Node(Object, frozen=True, kw_only=True):
    """A node that takes no new pods: those that do are not watched."""


class ContainerWait(View, frozen=True, kw_only=True, gc=False):
    reason: str = ""
    message: str = ""


class ContainerEnd(View, frozen=True, kw_only=True, gc=False):
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    container_id: str = msgspec.field(name="containerID", default="")
    started_at: str | None = None
    finished_at: str | None = None


class ContainerRun(View, frozen=True, kw_only=True, gc=False):
    started_at: str | None = None


class ContainerState(View, frozen=True, kw_only=True, gc=False):
    running: ContainerRun | None = None
    waiting: ContainerWait | None = None
    terminated: ContainerEnd | None = None


class ContainerStatus(View, frozen=True, kw_only=True, gc=False):
    name: str
    container_id: str = msgspec.field(name="containerID", default="")
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Container(View, frozen=True, kw_only=True, gc=False):
    name: str
    image: str = ""
    # Of one template they are the same bytes: one object, however many pods there are.
    resources: Json = NULL

    def __post_init__(self) -> None:
        share(self, "resources")


class PodSpec(View, frozen=True, kw_only=True, gc=False):
    node_name: str = ""
    host_network: bool = False
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[Container, ...] = ()


class PodCondition(View, frozen=True, kw_only=True, gc=False):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class PodStatus(View, frozen=True, kw_only=True, gc=False):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    pod_ip: str = msgspec.field(name="podIP", default="")
    conditions: tuple[PodCondition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object, frozen=True, kw_only=True):
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class AskedPod(View, frozen=True, kw_only=True, gc=False):
    name: str = ""
    uid: str = ""


class EvictionTarget(View, frozen=True, kw_only=True, gc=False):
    pod: AskedPod = AskedPod()


class EvictionRequestSpec(View, frozen=True, kw_only=True, gc=False):
    target: EvictionTarget = EvictionTarget()
    requester: str = ""
    intent: str = ""


class EvictionRequestStatus(View, frozen=True, kw_only=True, gc=False):
    conditions: tuple[PodCondition, ...] = ()


class EvictionRequest(Object, frozen=True, kw_only=True):
    """Somebody's request that a pod leave its place (KEP-4563)."""

    spec: EvictionRequestSpec = EvictionRequestSpec()
    status: EvictionRequestStatus = EvictionRequestStatus()


class JobStatus(View, frozen=True, kw_only=True, gc=False):
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    conditions: tuple[PodCondition, ...] = ()


class Job(Object, frozen=True, kw_only=True):
    status: JobStatus = JobStatus()
