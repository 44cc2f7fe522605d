"""What the operator may do, and why: the one table that RBAC is made from.

`scripts/generate.py` writes it into the chart and into the reference pages; `tests/chart` holds the
rendered roles to it. A call that the engine makes and this table lacks is refused by a real
cluster.
"""

from __future__ import annotations

import dataclasses
import enum


class Scope(enum.StrEnum):
    """Where, and for whom, a permission is granted."""

    WORKLOAD = "workload"  # in every watched namespace
    CLUSTER = "cluster"  # cluster-wide installs alone
    FLEETS = "fleets"  # cluster-wide installs alone
    READ_FLEETS = "readFleets"  # namespaced installs, only where the chart value asks for it
    OWN = "own"  # in the operator's own namespace
    SECRETS = "secrets"  # in every watched namespace, only where the chart value asks for it
    UNINSTALL = "uninstall"  # the pre-delete hook, in every watched namespace
    RELEASE = "release"  # the hook, too, where uninstall.policy is Release
    RELEASE_OWN = "releaseOwn"  # the same, in the operator's own namespace


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Verbs on one resource of one API group, and what they are for."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    scope: Scope = Scope.WORKLOAD


OURS = "argosy.dev"
READ = ("get", "list", "watch")


def _read(
    group: str, resource: str, *more: str, why: str, scope: Scope = Scope.WORKLOAD
) -> Permission:
    return Permission(group=group, resource=resource, verbs=(*READ, *more), why=why, scope=scope)


def _allow(
    group: str, resource: str, *verbs: str, why: str, scope: Scope = Scope.WORKLOAD
) -> Permission:
    return Permission(group=group, resource=resource, verbs=verbs, why=why, scope=scope)


PERMISSIONS: tuple[Permission, ...] = (
    _read(OURS, "applications", "patch", why="read what users declare; add and lift the finalizer"),
    _allow(OURS, "applications/status", "patch", why="say what was observed"),
    _allow(OURS, "applications/finalizers", "update", why="own ServerSets, blocking their owner"),
    _read(OURS, "serversets", "create", "patch", "delete", why="keep one for each component"),
    _allow(OURS, "serversets/status", "patch", why="say what was observed"),
    _allow(OURS, "serversets/finalizers", "update", why="own Servers and the Service"),
    _read(
        OURS,
        "servers",
        "create",
        "patch",
        "delete",
        why="keep one for each ordinal; hand out tasks",
    ),
    _allow(OURS, "servers/status", "patch", why="say what was observed; claim tasks"),
    _allow(OURS, "servers/finalizers", "update", why="own pods and claims"),
    _read(
        OURS,
        "operations",
        "patch",
        "delete",
        why="carry them out; delete them after their time to live",
    ),
    _allow(OURS, "operations/status", "patch", why="say how far they are"),
    _allow(OURS, "operations/finalizers", "update", why="own Jobs"),
    _read("", "pods", "create", "patch", "delete", why="what servers of pod fleets are made of"),
    _allow("", "pods/exec", "create", "get", why="run exec steps; over a websocket it is a get"),
    _read("", "services", "create", "patch", why="a headless Service for each component"),
    _read(
        "", "persistentvolumeclaims", "create", "patch", "delete", why="each server's own claims"
    ),
    _read("apps", "controllerrevisions", "create", "patch", "delete", why="the revision history"),
    _read("batch", "jobs", "create", "delete", why="run job steps"),
    _allow("events.k8s.io", "events", "create", "patch", why="report changes"),
    _read(
        "", "namespaces", why="know which are going, and which a fleet allows", scope=Scope.CLUSTER
    ),
    _read(
        OURS,
        "fleets",
        "patch",
        why="know where servers come from; keep the finalizer",
        scope=Scope.FLEETS,
    ),
    _allow(
        OURS, "fleets/status", "patch", why="count servers, circuits, orphans", scope=Scope.FLEETS
    ),
    _read(OURS, "fleets", why="know where servers come from", scope=Scope.READ_FLEETS),
    _read("", "namespaces", why="know which a fleet allows", scope=Scope.READ_FLEETS),
    _allow("", "secrets", "get", why="headersFrom of http steps", scope=Scope.SECRETS),
    _allow(
        "coordination.k8s.io",
        "leases",
        "get",
        "create",
        "update",
        "patch",
        why="elect the one replica that acts",
        scope=Scope.OWN,
    ),
    _allow(OURS, "applications", "list", why="refuse, naming them", scope=Scope.UNINSTALL),
    _allow(OURS, "applications", "list", "patch", why="lift finalizers", scope=Scope.RELEASE),
    _allow(OURS, "serversets", "list", "patch", why="lift finalizers", scope=Scope.RELEASE),
    _allow(OURS, "servers", "list", "patch", why="lift finalizers", scope=Scope.RELEASE),
    _allow(OURS, "operations", "list", "patch", why="lift finalizers", scope=Scope.RELEASE),
    _allow(OURS, "fleets", "list", "patch", why="lift finalizers", scope=Scope.RELEASE),
    _allow("", "pods", "list", "delete", why="delete them if asked to", scope=Scope.RELEASE),
    _allow("apps", "deployments", "get", why="see the operator stop", scope=Scope.RELEASE_OWN),
    _allow("apps", "deployments/scale", "patch", why="stop it", scope=Scope.RELEASE_OWN),
    _allow("", "pods", "list", why="see its last process end", scope=Scope.RELEASE_OWN),
)


def rules(scope: Scope) -> list[dict[str, list[str]]]:
    """Return the RBAC rules of `scope`, one a resource, in the table's order."""
    return [
        {"apiGroups": [each.group], "resources": [each.resource], "verbs": list(each.verbs)}
        for each in PERMISSIONS
        if each.scope is scope
    ]
