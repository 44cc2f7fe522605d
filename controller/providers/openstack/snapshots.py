"""Snapshots of servers, which are images of the cloud, and restores, which are rebuilds from them.

`provider` hands over these acts. Each finds what an earlier process has begun for the same task: a
snapshot by a property of its image, a restore by the server's metadata.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from controller import contract, errors
from controller.api import objects
from controller.contract import tasks
from controller.contract.reasons import ProviderReason
from controller.providers.openstack import listing, observation
from controller.providers.openstack.client import COMPUTE, IMAGE, CloudClient
from controller.providers.openstack.machines import Machine, ServerRow
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.refusals import Busy, Missing, decode
from controller.providers.openstack.register import MachineRegister

TASK, SNAPSHOT, SERVER = "argosy_task", "argosy_snapshot", "argosy_server"
FLEET = "argosy_fleet"
# The task that a server was last restored for.
RESTORED = "argosy.restored"
LOOK_SECONDS = 2.0
ACTIONS = frozenset({tasks.SNAPSHOT, tasks.RESTORE})
_LONGEST_NAME = 200


class _Image(msgspec.Struct, frozen=True):
    id: str
    status: str = ""
    created_at: str = ""


class _Images(msgspec.Struct, frozen=True):
    images: tuple[_Image, ...] = ()


class _Made(msgspec.Struct, frozen=True):
    image_id: str = ""


class Snapshots:
    """Takes and restores snapshots of a fleet's servers."""

    def __init__(self, client: CloudClient, register: MachineRegister) -> None:
        self._client = client
        self._register = register

    async def run(self, machine: Machine, task: objects.Task) -> contract.Facts:
        """Carry out a task of `ACTIONS` to its end, within its timeout."""
        does = self.take if task.action == tasks.SNAPSHOT else self.restore
        try:
            async with asyncio.timeout(tasks.read(task).timeout_seconds):
                return await does(machine, task)
        except TimeoutError as error:
            message = f"{task.action} of {machine.name} did not end in time"
            raise errors.UnknownOutcome(message, reason=CloudReason.ACT_TIMEOUT) from error

    async def take(self, machine: Machine, task: objects.Task) -> contract.Facts:
        """Have the cloud make an image of the server, and wait until it can be used."""
        name = _name(task, tasks.read(task).arguments.get("snapshot", task.operation))
        found = await self._images({TASK: task.id, FLEET: self._register.fleet})
        identifier = found[0].id if found else await self._begin(machine, task, name)
        while True:
            image = await self._image(identifier)
            if image is None or image.status in {"killed", "deleted", "error"}:
                message = f"the image {identifier} of the snapshot {name} was not made"
                raise errors.Transient(message, reason=CloudReason.BUILD_FAILED)
            if image.status == "active":
                told = f"snapshot {name}: image {identifier}"
                return {"message": told, "snapshot": name, "image": identifier}
            await asyncio.sleep(LOOK_SECONDS)

    async def restore(self, machine: Machine, task: objects.Task) -> contract.Facts:
        """Have the cloud rebuild the server from its latest snapshot of that name, and wait."""
        name = _name(task, tasks.read(task).arguments.get("snapshot", ""))
        machine = await self._current(machine)
        if machine.row.metadata.get(RESTORED) != task.id:
            image = await self._of(machine, name)
            await self._rebuild(machine, task, image)
        row = await self._settled(machine)
        if observation.phase(row) is contract.Phase.FAILED:
            message = f"the server {machine.id} broke as it was restored"
            raise errors.Transient(message, reason=CloudReason.BUILD_FAILED)
        return {"message": f"restored {name} for {task.operation}", "snapshot": name}

    async def _current(self, machine: Machine) -> Machine:
        """Return the server as the cloud has it now; raises Waiting where it is not ours by now.

        A rebuild writes its metadata anew: what lists are yet to show, such as the note that it is
        ready, would be lost.
        """
        row = await self._look(machine)
        found = self._register.machines.get(machine.id, machine)
        if not found.marked:
            message = f"the server {machine.id} bears the marks of {machine.name} no more"
            raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED)
        if row.status == "UNKNOWN":
            raise Busy(observation.away(machine.id), reason=ProviderReason.UNHEARD)
        return found

    async def _begin(self, machine: Machine, task: objects.Task, name: str) -> str:
        marks = {
            TASK: task.id,
            SNAPSHOT: name,
            SERVER: f"{machine.namespace}/{machine.name}",
            FLEET: self._register.fleet,
        }
        body = {"createImage": {"name": f"{machine.name}-{name}"[:255], "metadata": marks}}
        reply = await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action",
            what=f"take a snapshot of {machine.name}", body=body,
        )  # fmt: skip
        return decode(reply.body, _Made).image_id

    async def _of(self, machine: Machine, name: str) -> str:
        """Return the latest image of that name that was taken of the same Server."""
        marks = {
            SNAPSHOT: name,
            SERVER: f"{machine.namespace}/{machine.name}",
            FLEET: self._register.fleet,
        }
        found = [each for each in await self._images(marks) if each.status == "active"]
        if not found:
            message = f"{machine.name} has no snapshot {name!r}: name one in `snapshot`"
            raise errors.Stalled(message, reason=CloudReason.NO_SNAPSHOT)
        return max(found, key=lambda each: (each.created_at, each.id)).id

    async def _rebuild(self, machine: Machine, task: objects.Task, image: str) -> None:
        # User data stay as they are: what has run before the snapshot does not run again, so the
        # server keeps the token that it was told, too.
        given = {**machine.row.metadata, RESTORED: task.id}
        await self._client.call(
            COMPUTE, "POST", f"/servers/{machine.id}/action", what=f"restore {machine.name}",
            body={"rebuild": {"imageRef": image, "metadata": given}},
        )  # fmt: skip

    async def _settled(self, machine: Machine) -> ServerRow:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            row = await self._look(machine)
            if not observation.is_changing(row):
                return row

    async def _look(self, machine: Machine) -> ServerRow:
        begun = asyncio.get_running_loop().time()
        row = await listing.server(self._client, machine.id)
        if row is None:
            message = f"the server {machine.id} went as it was restored"
            raise errors.Waiting(message, reason=ProviderReason.INSTANCE_CHANGED)
        self._register.see(row, begun=begun)
        return row

    async def _images(self, marks: Mapping[str, str]) -> tuple[_Image, ...]:
        query: dict[str, str] = {**marks, "limit": "1000"}
        reply = await self._client.call(
            IMAGE, "GET", "/v2/images", what="find snapshots", query=query
        )
        return decode(reply.body, _Images).images

    async def _image(self, identifier: str) -> _Image | None:
        try:
            reply = await self._client.call(
                IMAGE, "GET", f"/v2/images/{identifier}", what="see a snapshot"
            )
        except Missing:
            return None
        return decode(reply.body, _Image)


def _name(task: objects.Task, name: str) -> str:
    if not name or len(name) > _LONGEST_NAME:
        message = f"{task.action} must be given a `snapshot` of 1 to {_LONGEST_NAME} characters"
        raise errors.Stalled(message, reason=CloudReason.NO_SNAPSHOT)
    return name
