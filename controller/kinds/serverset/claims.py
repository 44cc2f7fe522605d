"""Which of a set's claims go once their servers have: the policy decides; in doubt data is kept.

Called by the ServerSet planner. Providers make claims; only the set knows which are needed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controller import contract
from controller.api import names, objects, tags
from controller.api.choices import ClaimRetention
from controller.kinds.serverset.reasons import ServerSetReason
from controller.kinds.serverset.snapshot import ServerSetSnapshot
from controller.planning import ordinals, words, writes
from controller.planning.plan import Delete, DeleteClaim, RecordEvent

# Claims that an Event names; of more, the number.
MOST_NAMED = 10
# A claim that goes: an object, or something of its provider's.
Gone = Delete | DeleteClaim


def after_scaling(snapshot: ServerSetSnapshot) -> tuple[Gone, ...]:
    """Return the deletes of claims whose servers were scaled away and will not come back."""
    spec = snapshot.server_set.spec
    wanted = range(ordinals.first(spec), ordinals.first(spec) + spec.replicas)
    return tuple(
        _delete(snapshot, claim, "the server was scaled away and whenScaled is Delete")
        for claim, ordinal in _claims(snapshot, _with_server)
        if ordinal not in wanted and ordinal not in snapshot.servers
    )


def after_deletion(snapshot: ServerSetSnapshot) -> tuple[Gone, ...]:
    """Return the deletes of claims once the set's servers are gone.

    A component that is dropped, or renamed, is neither of what the policies speak of: its servers
    are not scaled away, nor is the application deleted. So both must let the claim go.
    """
    application = snapshot.application
    if application is None or not goes_for_good(snapshot):
        return ()
    if application.metadata.deletion_timestamp is not None:
        why, may_go = "the application is deleted and whenDeleted is Delete", _with_application
    else:
        why, may_go = "the component was dropped and both policies are Delete", _in_any_case
    return tuple(
        _delete(snapshot, claim, why)
        for claim, ordinal in _claims(snapshot, may_go)
        if ordinal not in snapshot.servers
    )


def held(snapshot: ServerSetSnapshot) -> tuple[contract.Claim, ...]:
    """Return the claims of servers that are gone which go as a policy says, and others keep."""
    spec = snapshot.server_set.spec
    wanted = range(ordinals.first(spec), ordinals.first(spec) + spec.replicas)
    going = snapshot.server_set.metadata.deletion_timestamp is not None
    return tuple(
        claim
        for claim, ordinal in _claims(snapshot, _in_some_case, going=True)
        if claim.kept and ordinal not in snapshot.servers and (going or ordinal not in wanted)
    )


def told(snapshot: ServerSetSnapshot, gone: tuple[Gone, ...]) -> tuple[RecordEvent, ...]:
    """Return the Event that names the claims that go, on the application: the set may go too."""
    message = f"Deleting {_named([_name(each) for each in gone])}, with their data."
    return _event(snapshot, ServerSetReason.CLAIMS_DELETED, message) if gone else ()


def kept(snapshot: ServerSetSnapshot) -> tuple[RecordEvent, ...]:
    """Return the Event that names the claims which outlive a set that goes for good."""
    stay = sorted(each.name for each in snapshot.claims or () if not each.going)
    if not stay or not goes_for_good(snapshot):
        return ()
    return _event(
        snapshot, ServerSetReason.CLAIMS_KEPT, f"Keeping {_named(stay)}, with their data."
    )


def is_unsure(snapshot: ServerSetSnapshot) -> bool:
    """Return whether claims that would go with the set may be there, and are not known yet."""
    application = snapshot.application
    if snapshot.claims is not None or application is None or not goes_for_good(snapshot):
        return False
    deleted = application.metadata.deletion_timestamp is not None
    may_go = _with_application if deleted else _in_any_case
    return any(map(may_go, snapshot.server_set.spec.volume_claims))


def goes_for_good(snapshot: ServerSetSnapshot) -> bool:
    """Return whether the application, or its component, goes with the set.

    A set deleted by hand comes back and needs its data, and an orphaned one leaves all behind.
    """
    application, component = snapshot.application, snapshot.server_set.spec.component
    if application is None:
        return False
    stays = any(each.name == component for each in application.spec.components)
    return application.metadata.deletion_timestamp is not None or not stays


def _with_application(policy: objects.VolumeClaim) -> bool:
    return policy.when_deleted == ClaimRetention.DELETE


def _with_server(policy: objects.VolumeClaim) -> bool:
    return policy.when_scaled == ClaimRetention.DELETE


def _in_any_case(policy: objects.VolumeClaim) -> bool:
    return _with_application(policy) and _with_server(policy)


def _in_some_case(policy: objects.VolumeClaim) -> bool:
    return _with_application(policy) or _with_server(policy)


def _named(claims: list[str]) -> str:
    return f"{words.count(len(claims), 'claim')} ({words.several(claims, MOST_NAMED)})"


def _event(
    snapshot: ServerSetSnapshot, reason: ServerSetReason, message: str
) -> tuple[RecordEvent, ...]:
    return (RecordEvent(reason=reason, message=message, about=snapshot.application),)


def _claims(
    snapshot: ServerSetSnapshot,
    may_go: Callable[[objects.VolumeClaim], bool],
    *,
    going: bool = False,
) -> Iterable[tuple[contract.Claim, int]]:
    """Yield the set's claims that its spec lets go and that are there, with their ordinals.

    Claims that are `going` already, or those that are not.

    The claims of an instance that was abandoned stay: nobody knows whether it writes there.
    """
    known = {each.name for each in snapshot.server_set.spec.volume_claims if may_go(each)}
    for claim in (snapshot.claims or ()) if known else ():
        template = claim.name.removesuffix(f"-{claim.server}")
        ordinal = tags.number(claim.server.rpartition("-")[2])
        if (
            template in known
            and ordinal is not None
            and claim.name == names.claim(template, claim.server)
            and claim.going is going
            and claim.holder not in snapshot.fleet.orphans
        ):
            yield claim, ordinal


def _delete(snapshot: ServerSetSnapshot, claim: contract.Claim, why: str) -> Gone:
    meta, fleet = snapshot.server_set.metadata, snapshot.server_set.spec.fleet
    return writes.delete_claim(claim, meta.namespace, fleet=fleet, why=why)


def _name(action: Gone) -> str:
    return action.name if isinstance(action, Delete) else action.claim.name
