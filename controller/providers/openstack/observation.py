"""Observations of one server: Nova's states in the words of the contract.

`provider` asks for them, with what its probes have found.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import conditions, objects, tags
from controller.api.choices import ErrorClass
from controller.api.conditions import ConditionType
from controller.api.reasons import Reason
from controller.contract import Phase, alternatives
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import machines
from controller.providers.openstack.machines import Machine, ServerRow
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.times import CloudTimes
from controller.reasons import NOTHING, AnyReason

_STOPPED = frozenset({"SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"})
# Any other status, one of a later Nova too, is of a server on its way from one of these to another.
_SETTLED = _STOPPED | {"ACTIVE", "BUILD", "ERROR", "UNKNOWN", "DELETED", "SOFT_DELETED"}
_NO_ROOM = ("no valid host", "not enough", "no available")
# A place in a list of alternatives is below this; anybody may write the metadata of a server.
_MOST_ALTERNATIVES = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The known readiness of a server: None for `ready` while nothing is known."""

    ready: bool | None
    since: float = 0.0
    # Why it never will be.
    failure: str = ""
    late: bool = False
    # Why nobody can tell.
    note: str = ""


def phase(row: ServerRow) -> Phase:
    """Return the phase of a server, whatever its readiness."""
    if row.going:
        return Phase.TERMINATING
    if row.status == "UNKNOWN":
        return Phase.UNREACHABLE
    if row.status == "BUILD":
        return Phase.PENDING
    if row.status in _STOPPED:
        return Phase.STOPPED
    # A server that has failed is deleted: so only that counts of which Nova itself says so.
    return Phase.FAILED if row.status == "ERROR" else Phase.RUNNING


def is_changing(row: ServerRow) -> bool:
    """Return whether something is done to a server; taking its picture does not count."""
    busy = bool(row.task) and not str(row.task).startswith("image_")
    return row.status not in _SETTLED or busy


def in_hand(row: ServerRow) -> str:
    """Return who has a server in hand, and what Argosy waits for; nothing where nobody has."""
    if row.status == "RESCUE":
        return f"somebody is rescuing {row.id}"
    if row.status == "MIGRATING":
        return f"the cloud is moving {row.id} to another host"
    if row.status == "VERIFY_RESIZE" and not row.asked_for:
        return f"somebody has resized {row.id}, and is to confirm or revert that"
    return ""


def is_up(row: ServerRow) -> bool:
    """Return whether a server does what it was last asked for, as far as Nova knows."""
    return row.status == "ACTIVE" and not is_changing(row) and not row.going


def launched(machine: Machine, times: CloudTimes) -> float:
    """Return when a server last came up as what it is: made, or begun anew; 0 before it did."""
    return max(times.ours(machine.row.launched), machine.began)


def observe(
    machine: Machine, server: objects.Server, proof: Proof, times: CloudTimes
) -> contract.Observation:
    """Return what is seen of a server that was made for `server`."""
    row = machine.row
    seen = phase(row)
    changing = is_changing(row) and seen in (Phase.RUNNING, Phase.STOPPED)
    up = is_up(row)
    if up and proof.ready is None:
        return dataclasses.replace(contract.UNKNOWN, id=machine.id)
    reason, message = _trouble(row)
    if up and (proof.failure or (proof.late and not _was_ready(machine, server))):
        seen = Phase.FAILED
        reason = CloudReason.GUEST_FAILED if proof.failure else CloudReason.NOT_READY_IN_TIME
        message = proof.failure or "the server runs, and has not shown to be ready"
    if up and proof.note and not proof.ready and not proof.failure:
        message = (
            f"{message}: {proof.note}" if message else f"{proof.note[:1].upper()}{proof.note[1:]}."
        )
    return contract.Observation(
        phase=seen,
        id=machine.id,
        zone=row.zone,
        addresses=machines.addresses(row),
        revision=_revision(machine, server, seen),
        incarnation=machine.incarnation,
        alternative=_alternative(row, server),
        ready=up and bool(proof.ready) and seen is Phase.RUNNING,
        ready_since=max(launched(machine, times), proof.since),
        changing=changing,
        hidden=seen is Phase.UNREACHABLE,
        reason=reason,
        message=message,
        error_class=ErrorClass.TRANSIENT if seen is Phase.FAILED else "",
        since=_since(machine, seen, times),
    )


def _revision(machine: Machine, server: objects.Server, seen: Phase) -> str:
    """Return the revision of a server; none for one that is to be what it only half is any more.

    Example: at "one", it was to become "two"; its ports were changed, and no host had room for the
    flavor. Told "one" again, it has its ports changed back. As long as "two" is wanted it is at
    "one", as whoever takes that back keeps instances which never left it.
    """
    row = machine.row
    revision = row.metadata.get(machines.REVISION, "")
    due = (revision, machine.incarnation) == (server.spec.revision, server.spec.incarnation)
    changes = row.is_half and due and seen in (Phase.RUNNING, Phase.STOPPED)
    return "" if changes else revision


def _was_ready(machine: Machine, server: objects.Server) -> bool:
    """Return whether the Server has on record that this very instance was ready as what it is now.

    A note of that in the cloud may be lost, or forbidden by a policy: what ran well is kept.
    """
    told, row = server.status, machine.row
    recorded = (told.provider.id, told.incarnation, told.revision)
    if recorded != (row.id, machine.incarnation, row.metadata.get(machines.REVISION, "")):
        return False
    ready = conditions.find(told.conditions, ConditionType.READY)
    return ready is not None and (ready.status == "True" or ready.reason == Reason.UNHEALTHY)


def _since(machine: Machine, seen: Phase, times: CloudTimes) -> float:
    """Return since when a server is what it is; 0 where nobody knows, as of a cell that is down."""
    if seen is Phase.UNREACHABLE:
        return 0.0
    if seen is Phase.TERMINATING:
        # How long it has been up says nothing of how long it has been going.
        return times.ours(machine.leaving)
    return launched(machine, times) or times.ours(machine.row.created)


def silent(server: objects.Server) -> contract.Observation:
    """Return what is seen of a server that a cell has which is down, and of which no list has told.

    The server is what it was by its status: no cell's trouble makes another of it.
    """
    told = server.status
    return contract.Observation(
        phase=Phase.UNREACHABLE, id=told.provider.id, zone=told.provider.zone,
        revision=told.revision, incarnation=told.incarnation, hidden=True,
        reason=ProviderReason.UNHEARD, message=away(told.provider.id),
    )  # fmt: skip


def away(identifier: str) -> str:
    """Return what is said of a server whose cell is down."""
    return f"the cell of the cloud that has {identifier} does not answer"


def unmarked(machine: Machine, server: objects.Server, fleet: str) -> contract.Observation:
    """Return what is seen of a server that somebody took our marks off: it is not ours to touch."""
    told, meta = server.status, server.metadata
    incarnation = machine.incarnation or told.incarnation
    tags_ = (machines.server_tag(machine.uid, incarnation), machines.fleet_tag(fleet))
    asked = " ".join(f"--tag {each}" for each in tags_)
    name = f"{machines.SERVER}={meta.namespace}/{meta.name}"
    return contract.Observation(
        phase=Phase.FOREIGN, id=machine.id, revision=told.revision, incarnation=incarnation,
        reason=Reason.NAME_TAKEN,
        message=(
            f"somebody took tags or metadata off the server {machine.id} in the cloud, by which it"
            f" is known as {meta.name}'s: it is left alone, and none is made in its place"
        ),
        remedy=(
            "openstack --os-compute-api-version 2.26 server set"
            f" {asked} --property {name} {machine.id}"
        ),
    )  # fmt: skip


def unexplained(seen: contract.Observation) -> contract.Observation:
    """Return what is seen of a server that has failed while the cloud is yet to say why."""
    message = "The server has failed; the cloud is yet to say why."
    return dataclasses.replace(seen, phase=Phase.PENDING, error_class="", message=message)


def _trouble(row: ServerRow) -> tuple[AnyReason, str]:
    if phase(row) is Phase.UNREACHABLE:
        return ProviderReason.UNHEARD, away(row.id)
    if told := in_hand(row):
        return CloudReason.CHANGING, told
    if phase(row) is not Phase.FAILED:
        return NOTHING, ""
    told = row.fault.message if row.fault is not None else ""
    if any(each in told.lower() for each in _NO_ROOM):
        return ProviderReason.NO_CAPACITY, told
    return CloudReason.BUILD_FAILED, told or f"the server is in the state {row.status}"


def _alternative(row: ServerRow, server: objects.Server) -> int:
    name = row.metadata.get(machines.ALTERNATIVE_NAME, "")
    if name:
        return alternatives.place_of(server, name)
    place = tags.number(row.metadata.get(machines.ALTERNATIVE, "0")) or 0
    return place if place < _MOST_ALTERNATIVES else 0
