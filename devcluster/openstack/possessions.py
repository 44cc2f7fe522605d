"""Whatever the tenants of a cloud have, by id: tests compare it as it was before and after them.

`fixtures` does so around all tests of a cloud.
"""

from collections.abc import Mapping

from devcluster.openstack import api

# How people call a thing: the service that lists it, where, and the name of the list.
KINDS: Mapping[str, tuple[str, str, str]] = {
    "server": ("compute", "/servers?limit=1000", "servers"),
    "server group": ("compute", "/os-server-groups?limit=1000", "server_groups"),
    "port": ("network", "/ports", "ports"),
    "floating IP": ("network", "/floatingips", "floatingips"),
    "volume": ("volume", "/volumes?limit=1000", "volumes"),
    "snapshot": ("volume", "/snapshots?limit=1000", "snapshots"),
    "image": ("image", "/images?limit=1000", "images"),
}
# Whose a thing is, what it is, and its id; beside it stands its name.
Things = Mapping[tuple[str, str, str], str]


def found(clients: Mapping[str, api.Client]) -> Things:
    """Return all that tenants have of `KINDS`, each tenant asked by a client of its own."""
    return {
        (tenant, kind, str(each["id"])): str(each.get("name") or each.get("description") or "")
        for tenant, client in clients.items()
        for kind, (service, path, listed) in KINDS.items()
        if client.has(service)
        for each in client.get(service, path)[listed]
        # Images of others are listed, too, where everybody may use them.
        if each.get("owner", client.project) == client.project
    }


def differences(before: Things, after: Things) -> list[str]:
    """Return in words what has come and what has gone, sorted."""
    left = [f"{_told(each, after[each])} is left" for each in after.keys() - before.keys()]
    gone = [f"{_told(each, before[each])} is gone" for each in before.keys() - after.keys()]
    return sorted([*left, *gone])


def _told(thing: tuple[str, str, str], name: str) -> str:
    tenant, kind, identity = thing
    return f"{tenant}: {kind} {identity} {name!r}"
