"""How an instance begins anew as the next incarnation of its server: stopped, marked, started.

`provider` asks it. A reboot is not used: nothing tells afterwards whether it has been, and a guest
that is deaf to ACPI holds a soft one up for two minutes.
"""

from __future__ import annotations

import dataclasses

import msgspec

from controller import errors
from controller.api import objects
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import machines, readiness, refusals
from controller.providers.openstack.client import COMPUTE, CloudClient
from controller.providers.openstack.machines import Machine
from controller.providers.openstack.reasons import CloudReason

# How many tags Nova lets a server have.
MOST_TAGS = 50
# The states from which an instance comes up, or is up.
_STATES = frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"})


def check(machine: Machine) -> None:
    """Raise Stalled, `CannotChange`, where only a new instance can be the next incarnation.

    Raises Waiting in a state from which it cannot be restarted now: somebody may be at it.
    """
    if readiness.is_printed(machine):
        # The server was told once what to print, in user data that no restart changes.
        message = f"{machine.id} shows on its console that it is ready, and that only once"
        raise errors.Stalled(message, reason=ProviderReason.CANNOT_CHANGE)
    if machine.row.status not in _STATES:
        message = f"{machine.id} is {machine.row.status}: it can be neither stopped nor started"
        raise refusals.Busy(message, reason=CloudReason.CHANGING)


async def prove(client: CloudClient, server: objects.Server, machine: Machine) -> None:
    """Raise Stalled, `NotSupported`, where the instance could not be marked once it is down.

    The instance would stay down. The tags that it has are written as they are: whoever may do that
    may mark it.
    """
    if len(_marked(machine, server, 1.0)) > MOST_TAGS:
        message = f"{machine.id} has no room for the tag of a restart: Nova takes {MOST_TAGS}"
        raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
    await _write(client, server, machine, machine.row.tags)


async def mark(client: CloudClient, server: objects.Server, machine: Machine) -> Machine:
    """Have an instance that is down bear the tag of its Server's incarnation; return it so.

    Before it is started: whoever comes next, where an answer was lost, starts it, and does not stop
    it again. All tags are written at once, so at no time is it of two incarnations, or of none.
    """
    # To the second, as it is written.
    began = float(int(client.times.now()))
    tags = _marked(machine, server, began)
    await _write(client, server, machine, tags)
    row = msgspec.structs.replace(machine.row, tags=tags)
    return dataclasses.replace(machine, incarnation=server.spec.incarnation, began=began, row=row)


def _marked(machine: Machine, server: objects.Server, began: float) -> tuple[str, ...]:
    """Return the tags of an instance once it is marked; those of others stay."""
    old = (machines.server_tag(machine.uid, machine.incarnation), machines.began_tag(machine.began))
    new = (
        machines.server_tag(machine.uid, server.spec.incarnation),
        machines.began_tag(began),
    )
    return (*new, *(each for each in machine.row.tags if each not in (*old, *new)))


async def _write(
    client: CloudClient, server: objects.Server, machine: Machine, tags: tuple[str, ...]
) -> None:
    try:
        await client.call(
            COMPUTE, "PUT", f"/servers/{machine.id}/tags",
            what=f"restart {server.metadata.name}", body={"tags": list(tags)},
        )  # fmt: skip
    except errors.TemplateRefused as error:
        # The refusal is no fault of the template, nor of others that are made of it.
        message = f"{machine.id} cannot be restarted, as the cloud takes no tags of it: {error}"
        raise errors.Stalled(
            message, reason=ProviderReason.NOT_SUPPORTED, words=error.words
        ) from error
