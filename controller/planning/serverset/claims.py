"""Which of a set's claims go once their servers have: the policy decides; in doubt data is kept.

Called by the ServerSet planner. Providers make claims; only the set knows which are needed again.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning import snapshot
from controller.planning.plan import Delete


def after_scaling(given: snapshot.ServerSetSnapshot) -> tuple[Delete, ...]:
    """Return the deletes of claims whose servers were scaled away and will not come back."""
    desired = given.server_set.spec.replicas
    return tuple(
        _delete(claim, "its server was scaled away and whenScaled is Delete")
        for claim, policy, ordinal in _claims(given)
        if policy.when_scaled == "Delete" and ordinal >= desired and ordinal not in given.servers
    )


def after_deletion(given: snapshot.ServerSetSnapshot) -> tuple[Delete, ...]:
    """Return the deletes of claims once the set's servers are gone.

    Only where the application, or its component, goes for good: a set deleted by hand comes back
    and needs its data, and an orphaned one leaves everything behind.
    """
    application, component = given.application, given.server_set.spec.component
    if application is None:
        return ()
    stays = any(each.name == component for each in application.spec.components)
    if application.metadata.deletion_timestamp is None and stays:
        return ()
    return tuple(
        _delete(claim, "its set is deleted and whenDeleted is Delete")
        for claim, policy, ordinal in _claims(given)
        if policy.when_deleted == "Delete" and ordinal not in given.servers
    )


def _claims(
    given: snapshot.ServerSetSnapshot,
) -> Iterable[tuple[objects.Claim, objects.VolumeClaim, int]]:
    """Yield the set's claims that are not on their way out, with their policy and ordinal."""
    policies = {each.name: each for each in given.server_set.spec.volume_claims}
    for claim in given.claims:
        server = claim.metadata.labels.get(names.SERVER_LABEL, "")
        template = claim.metadata.name.removesuffix(f"-{server}")
        ordinal = server.rpartition("-")[2]
        if (
            template in policies
            and ordinal.isdecimal()
            and claim.metadata.name == names.claim(template, server)
            and claim.metadata.deletion_timestamp is None
        ):
            yield claim, policies[template], int(ordinal)


def _delete(claim: objects.Claim, reason: str) -> Delete:
    return Delete(
        resource=Resource.CLAIMS,
        namespace=claim.metadata.namespace,
        name=claim.metadata.name,
        uid=claim.metadata.uid,
        reason=reason,
    )
