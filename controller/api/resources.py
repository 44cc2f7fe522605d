"""The resources that Argosy reads or writes: where each is found in the API and what decodes it."""

from __future__ import annotations

import dataclasses
import enum
from urllib import parse

from controller.api import names, objects
from controller.api.conditions import ConditionType


class Resource(enum.StrEnum):
    """A resource by its plural name."""

    APPLICATIONS = "applications"
    SERVERSETS = "serversets"
    SERVERS = "servers"
    OPERATIONS = "operations"
    BUILDS = "builds"
    FLEETS = "fleets"
    PODS = "pods"
    SERVICES = "services"
    DISRUPTION_BUDGETS = "poddisruptionbudgets"
    CLAIMS = "persistentvolumeclaims"
    REVISIONS = "controllerrevisions"
    JOBS = "jobs"
    NAMESPACES = "namespaces"
    EVENTS = "events"
    LEASES = "leases"
    NODES = "nodes"
    EVICTION_REQUESTS = "evictionrequests"
    DEPLOYMENTS = "deployments"
    STATEFULSETS = "statefulsets"
    AUTOSCALERS = "horizontalpodautoscalers"
    SECRETS = "secrets"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a resource is found, and the view that reads it (None: never cached).

    `labelled`: of kinds that others own, only what carries our label is watched; of some, only what
    `fields` selects. A kind that is `bucketed` bears the label of its part of the work. A kind that
    is not served `everywhere` is watched where it is. `verdict` is the condition that says in a
    word how an object of ours stands.
    """

    kind: str
    api_version: str
    view: type[objects.Object] | None = None
    namespaced: bool = True
    labelled: bool = True
    bucketed: bool = False
    everywhere: bool = True
    fields: str = ""
    verdict: ConditionType = ConditionType.READY
    # The names that people may type for a kind of ours; the first is the CRD's short name.
    short_names: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """The path of the resource's group and version, without a trailing slash."""
        return (
            f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        )


_OURS = names.API_VERSION

PLACES: dict[Resource, Place] = {
    Resource.APPLICATIONS: Place(
        kind="Application",
        api_version=_OURS,
        view=objects.Application,
        short_names=("argapp", "app"),
    ),
    Resource.SERVERSETS: Place(
        kind="ServerSet",
        api_version=_OURS,
        view=objects.ServerSet,
        short_names=("argset", "set"),
    ),
    Resource.SERVERS: Place(
        kind="Server",
        api_version=_OURS,
        view=objects.Server,
        bucketed=True,
        short_names=("argsrv",),
    ),
    Resource.OPERATIONS: Place(
        kind="Operation",
        api_version=_OURS,
        view=objects.Operation,
        verdict=ConditionType.SUCCEEDED,
        short_names=("argop", "op"),
    ),
    Resource.BUILDS: Place(
        kind="Build",
        api_version=_OURS,
        view=objects.Build,
        verdict=ConditionType.SUCCEEDED,
        short_names=("argbuild",),
    ),
    Resource.FLEETS: Place(
        kind="Fleet",
        api_version=_OURS,
        view=objects.Fleet,
        namespaced=False,
        short_names=("argfleet",),
    ),
    Resource.PODS: Place(kind="Pod", api_version="v1", view=objects.Pod, bucketed=True),
    Resource.SERVICES: Place(kind="Service", api_version="v1", view=objects.Service),
    Resource.DISRUPTION_BUDGETS: Place(
        kind="PodDisruptionBudget",
        api_version="policy/v1",
        view=objects.DisruptionBudget,
        labelled=False,
    ),
    Resource.CLAIMS: Place(
        kind="PersistentVolumeClaim", api_version="v1", view=objects.Claim, bucketed=True
    ),
    Resource.REVISIONS: Place(
        kind="ControllerRevision", api_version="apps/v1", view=objects.ControllerRevision
    ),
    Resource.JOBS: Place(kind="Job", api_version="batch/v1", view=objects.Job),
    Resource.NAMESPACES: Place(
        kind="Namespace", api_version="v1", view=objects.Namespace, namespaced=False
    ),
    Resource.EVENTS: Place(kind="Event", api_version="events.k8s.io/v1"),
    Resource.LEASES: Place(kind="Lease", api_version="coordination.k8s.io/v1"),
    # Nodes that take no new pods: a cluster has thousands of nodes, a drain is of few of them.
    Resource.NODES: Place(
        kind="Node",
        api_version="v1",
        view=objects.Node,
        namespaced=False,
        fields="spec.unschedulable=true",
    ),
    Resource.EVICTION_REQUESTS: Place(
        kind="EvictionRequest",
        api_version="lifecycle.k8s.io/v1alpha1",
        view=objects.EvictionRequest,
        labelled=False,
        everywhere=False,
    ),
    Resource.DEPLOYMENTS: Place(kind="Deployment", api_version="apps/v1"),
    Resource.STATEFULSETS: Place(kind="StatefulSet", api_version="apps/v1"),
    Resource.AUTOSCALERS: Place(kind="HorizontalPodAutoscaler", api_version="autoscaling/v2"),
    Resource.SECRETS: Place(kind="Secret", api_version="v1"),
}

# The kinds that are Argosy's own, in the order in which a bare name is looked for.
OURS = tuple(resource for resource, place in PLACES.items() if place.api_version == _OURS)

_BY_VIEW = {place.view: resource for resource, place in PLACES.items() if place.view is not None}
_BY_KIND = {(place.api_version, place.kind): resource for resource, place in PLACES.items()}


def of(view: type[objects.Object]) -> Resource:
    """Return the resource whose objects are cached as `view`."""
    return _BY_VIEW[view]


def thing(resource: Resource, name: str) -> str:
    """Return an object as `blockedBy` and people name it: Kind/name."""
    return f"{PLACES[resource].kind}/{name}"


def parts(thing: str) -> tuple[str, str]:
    """Return the Kind and the name of what `thing` wrote; of anything else, what stands there."""
    kind, _, name = thing.partition("/")
    return kind, name


def named(api_version: str, kind: str) -> Resource:
    """Return the resource whose manifests say so."""
    return _BY_KIND[api_version, kind]


def path(resource: Resource, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the URL path of a collection, an object or its subresource.

    Names are escaped: somebody may have written one that leads elsewhere.
    """
    place = PLACES[resource]
    parts = [place.prefix]
    if place.namespaced and namespace:
        parts.append(f"namespaces/{parse.quote(namespace, safe='')}")
    parts.append(resource.value)
    parts += [parse.quote(part, safe="") for part in (name, subresource) if part]
    return "/".join(parts)
