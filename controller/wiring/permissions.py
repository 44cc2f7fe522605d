"""The operator's permissions, and why it has them: the one table that RBAC is made from.

Each kind and each provider lists what it needs in its own room; here stands what the process needs.
`scripts/generate.py` writes the table into the chart and into the reference pages; `tests/chart`
holds the rendered roles to it. A call that the engine makes and this table lacks is refused by a
real cluster.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from controller.api.permissions import Permission, Scope, allow, read
from controller.api.resources import Resource
from controller.hooks import rights as hooks
from controller.kinds.registry import KINDS
from controller.kube import installs
from controller.providers import registry

_PROCESS = (
    allow(Resource.EVENTS, "create", why="report changes"),
    allow(
        Resource.LEASES,
        "get",
        "list",
        "create",
        "patch",
        "delete",
        why="elect the one replica that acts, or share the work and sweep away old heartbeats",
        scope=Scope.OWN,
    ),
)
_CLAIMS = (
    allow(
        Resource.LEASES,
        "list",
        why="see which other installs look after single namespaces",
        scope=Scope.CLUSTER,
        names=(installs.NAMESPACE,),
    ),
    *(
        each
        for scope, name in ((Scope.CLAIM, installs.NAMESPACE), (Scope.PUBLIC, installs.CLUSTER))
        for each in (
            allow(Resource.LEASES, "create", why="claim what is looked after", scope=scope),
            allow(
                Resource.LEASES,
                "get",
                "patch",
                why="keep the claim, and see another install's",
                scope=scope,
                names=(name,),
            ),
        )
    ),
    allow(
        Resource.LEASES,
        "get",
        why="have an install for some namespaces see one for the whole cluster",
        scope=Scope.READ_PUBLIC,
        names=(installs.CLUSTER,),
    ),
)
_UNINSTALL = (
    allow(Resource.APPLICATIONS, "list", why="refuse, naming them", scope=Scope.UNINSTALL),
    allow(
        Resource.LEASES,
        "get",
        why="leave alone what another install looks after",
        scope=Scope.UNINSTALL_CLAIM,
        names=(installs.NAMESPACE,),
    ),
    allow(Resource.PODS, "list", "delete", why="delete them if asked to", scope=Scope.RELEASE),
    allow(Resource.DEPLOYMENTS, "get", why="see the operator stop", scope=Scope.RELEASE_OWN),
    allow(
        Resource.DEPLOYMENTS, "patch", subresource="scale", why="stop it", scope=Scope.RELEASE_OWN
    ),
    allow(Resource.PODS, "list", why="see its last process end", scope=Scope.RELEASE_OWN),
)
# Whatever else the dashboard shows is read with the rights of whoever looks.
_DASHBOARD = tuple(
    read(each, why="list them, to whoever may list them too", scope=Scope.DASHBOARD)
    for each in (
        Resource.APPLICATIONS,
        Resource.SERVERSETS,
        Resource.SERVERS,
        Resource.OPERATIONS,
    )
)


def _merged(rights: Iterable[Permission]) -> Iterator[Permission]:
    """Yield one permission for each scope and resource: all that any room needs of it."""
    found: dict[tuple[Scope, str, str, tuple[str, ...]], list[Permission]] = {}
    for each in rights:
        found.setdefault((each.scope, each.group, each.resource, each.names), []).append(each)
    for rows in found.values():
        verbs = dict.fromkeys(verb for each in rows for verb in each.verbs)
        why = dict.fromkeys(each.why for each in rows)
        yield dataclasses.replace(rows[0], verbs=tuple(verbs), why="; ".join(why))


def _in_order(rights: Iterable[Permission]) -> list[Permission]:
    """Return the permissions by what they are of: our own first, with their subresources."""
    order = list(Resource)
    return sorted(rights, key=lambda each: order.index(each.of))


def table(provided: Iterable[Permission]) -> tuple[Permission, ...]:
    """Return all permissions of an operator whose providers need these."""
    release = (
        allow(each.resource, "list", "patch", why="lift finalizers", scope=Scope.RELEASE)
        for each in KINDS
    )
    rooms = (*(right for each in KINDS for right in each.rights), *provided, *release)
    own = (*_PROCESS, *_CLAIMS, *hooks.RIGHTS, *_UNINSTALL, *_DASHBOARD)
    return tuple(_merged((*_in_order(rooms), *own)))


PERMISSIONS = table(registry.RIGHTS)


def rules(scope: Scope) -> list[dict[str, list[str]]]:
    """Return the RBAC rules of `scope`, one a resource, in the table's order."""
    return [
        {
            "apiGroups": [each.group],
            "resources": [each.resource],
            **({"resourceNames": list(each.names)} if each.names else {}),
            "verbs": list(each.verbs),
        }
        for each in PERMISSIONS
        if each.scope is scope
    ]
