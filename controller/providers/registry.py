"""Which providers this build has: one line each.

`wiring` hands them to the supervisor of fleets; the CRD of Fleet and the table of permissions are
rendered from them. Called anew, it returns providers that share nothing with those of before.
"""

from __future__ import annotations

from controller import contract
from controller.api import objects
from controller.api.permissions import Permission
from controller.providers.memory import kind as memory
from controller.providers.openstack import kind as openstack
from controller.providers.pod import kind as pod


def kinds() -> dict[str, contract.ProviderKind]:
    """Return the providers of this build, by the name that a Fleet's `spec.provider` has."""
    listed = (
        pod.kind(),
        memory.kind(),
        openstack.kind(),
    )
    return {each.name: each for each in listed}


# The views by which providers see servers, and what they do for them: these are watched.
SEEN_BY: tuple[type[objects.Object], ...] = tuple(
    dict.fromkeys(view for each in kinds().values() for view in each.sees)
)
# The rights that the operator must have for them.
RIGHTS: tuple[Permission, ...] = tuple(
    dict.fromkeys(right for each in kinds().values() for right in each.rights)
)
