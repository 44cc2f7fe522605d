"""Volumes of the cloud as Cinder lists them, and whose claim each is by its metadata.

A volume is of a fleet, of a Server's name and of a claim of its template: data outlives Servers, so
no UID of one is in it. Whoever writes the same metadata on a volume of theirs gives it to us. One
that we made is `new` until just before a server gets it: nobody has written to it until then.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Iterable

import msgspec

from controller import contract
from controller.api import names, objects, quantities
from controller.api.views.meta import View
from controller.planning import volumes as sizes
from controller.providers.openstack import paging, template
from controller.providers.openstack.client import COMPUTE, VOLUME, CloudClient
from controller.providers.openstack.refusals import Missing, decode

FLEET, SERVER, CLAIM = "argosy.fleet", "argosy.server", "argosy.claim"
COMPONENT, ZONE, STATE = "argosy.component", "argosy.zone", "argosy.state"
NEW, USED = "new", "used"
AVAILABLE, IN_USE, DELETING, EXTENDING = "available", "in-use", "deleting", "extending"
# Cinder keeps sizes in 32 bits.
_LARGEST = 2**31 - 1
_LONGEST_VALUE = 255


class Attachment(msgspec.Struct, frozen=True):
    """A server that has a volume."""

    server: str | None = msgspec.field(name="server_id", default=None)


class CloudVolume(msgspec.Struct, frozen=True):
    """One volume in a detailed list."""

    id: str
    status: str = ""
    size: int = 0
    created: str = msgspec.field(name="created_at", default="")
    metadata: dict[str, str] = {}
    attachments: tuple[Attachment, ...] = ()

    @property
    def claim(self) -> str:
        """The claim in the template that it is for."""
        return self.metadata.get(CLAIM, "")

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and name of the Server that it is for."""
        namespace, _, name = self.metadata.get(SERVER, "").partition("/")
        return namespace, name

    @property
    def component(self) -> tuple[str, str, str]:
        """The namespace, application and component that it is for."""
        application, _, component = self.metadata.get(COMPONENT, "").partition("/")
        return self.key[0], application, component

    @property
    def name(self) -> str:
        """How people know it."""
        return names.claim(self.claim, self.key[1])

    @property
    def holder(self) -> str:
        """The server that has it; empty for none."""
        return next((each.server for each in self.attachments if each.server), "")

    @property
    def is_new(self) -> bool:
        """Whether no server can have written to it."""
        return self.metadata.get(STATE) == NEW

    @property
    def is_spare(self) -> bool:
        """Whether it may be deleted where there is another: nobody has it, and none ever had."""
        return self.is_new and not self.attachments and self.status in {AVAILABLE, "error"}

    @property
    def going(self) -> bool:
        """Whether it is on its way out."""
        return self.status == DELETING

    @property
    def moving(self) -> bool:
        """Whether it is between two states."""
        return self.status not in {AVAILABLE, IN_USE, "maintenance"} and not self.broken

    @property
    def broken(self) -> bool:
        """Whether something went wrong with it that does not pass by itself."""
        return self.status.startswith("error")

    @property
    def rank(self) -> tuple[bool, str, str]:
        """The rank among several for one claim: the least counts; data goes before age."""
        return self.is_new, self.created, self.id


class WantedVolume(View, frozen=True, kw_only=True):
    """The part of a claim's spec that a cloud reads; its access modes are those of clusters."""

    storage_class_name: str | None = None


class _Volumes(msgspec.Struct, frozen=True):
    rows: tuple[CloudVolume, ...] = msgspec.field(name="volumes", default=())
    links: tuple[dict[str, str], ...] = msgspec.field(name="volumes_links", default=())


class _Attachment(msgspec.Struct, frozen=True):
    volume: str = msgspec.field(name="volumeId", default="")
    device: str | None = None


class _Attached(msgspec.Struct, frozen=True):
    attached: tuple[_Attachment, ...] = msgspec.field(name="volumeAttachments", default=())


class One(msgspec.Struct, frozen=True):
    """A volume by itself."""

    volume: CloudVolume


@dataclasses.dataclass(frozen=True, slots=True)
class ListedVolumes:
    """A whole list, and when it was begun by the loop's clock."""

    rows: tuple[CloudVolume, ...]
    begun: float


async def listed(client: CloudClient, metadata: dict[str, str]) -> ListedVolumes:
    """Return all volumes with that metadata, however many pages they take.

    A cloud that ignores the filter lists all: each row is checked.
    """
    begun, rows = asyncio.get_running_loop().time(), list[CloudVolume]()
    query = {"metadata": msgspec.json.encode(metadata).decode()}
    read = paging.pages(
        client, VOLUME, "/volumes/detail", _Volumes, what="list volumes", query=query
    )
    async for page, _ in read:
        rows += (each for each in page.rows if metadata.items() <= each.metadata.items())
    return ListedVolumes(tuple(rows), begun)


async def look(client: CloudClient, identifier: str) -> CloudVolume | None:
    """Return one volume by its id; None where the cloud says that there is none."""
    try:
        reply = await client.call(VOLUME, "GET", f"/volumes/{identifier}", what="see a volume")
    except Missing:
        return None
    return decode(reply.body, One).volume


async def attached(client: CloudClient, instance: str, *, root: bool) -> tuple[str, ...]:
    """Return the ids of the volumes that Nova gives a server; not that of its `root` disk."""
    reply = await client.call(
        COMPUTE, "GET", f"/servers/{instance}/os-volume_attachments",
        what=f"list the volumes of {instance}",
    )  # fmt: skip
    found = decode(reply.body, _Attached).attached
    given = sorted(found, key=lambda each: each.device or "")
    # Nova calls disks by letters, and begins with the one that it boots from.
    return tuple(each.volume for each in (given[1:] if root else given))


def gigabytes(claim: objects.VolumeClaim) -> int:
    """Return how large a volume for the claim is, in GiB, the next whole one."""
    amount = quantities.parse(sizes.storage(claim))
    size = math.ceil(amount / 2**30) if amount is not None else 0
    if not 0 < size <= _LARGEST:
        message = f"the claim {claim.name} must ask for storage, in resources.requests of its spec"
        raise template.refused(message)
    return size


def metadata(
    server: objects.Server, claim: objects.VolumeClaim, fleet: str, zone: str
) -> dict[str, str]:
    """Return the metadata of a volume that is made for a claim of a server."""
    meta, spec = server.metadata, server.spec
    given = claim.metadata.labels if claim.metadata is not None else {}
    theirs = {
        key: each[:_LONGEST_VALUE]
        for key, each in given.items()
        # A cloud's database may not tell capitals apart.
        if not key.lower().startswith("argosy.") and len(key) <= _LONGEST_VALUE
    }
    mine = {
        FLEET: fleet,
        SERVER: f"{meta.namespace}/{meta.name}",
        COMPONENT: f"{spec.application}/{spec.component}",
        CLAIM: claim.name,
        STATE: NEW,
    }
    return theirs | mine | ({ZONE: zone} if zone else {})


def body(
    server: objects.Server, claim: objects.VolumeClaim, fleet: str, zone: str
) -> dict[str, object]:
    """Return the body of the POST that makes a volume."""
    wanted = _read(claim)
    asked: dict[str, object] = {
        "name": names.claim(claim.name, server.metadata.name),
        "size": gigabytes(claim),
        "metadata": metadata(server, claim, fleet, zone),
    }
    given = {"volume_type": wanted.storage_class_name, "availability_zone": zone}
    return {"volume": asked | {key: each for key, each in given.items() if each}}


def _read(claim: objects.VolumeClaim) -> WantedVolume:
    try:
        return msgspec.json.decode(bytes(claim.spec), type=WantedVolume)
    except msgspec.DecodeError as error:
        raise template.refused(f"the claim {claim.name} is not one for a cloud: {error}") from error


def told(volume: CloudVolume) -> contract.Claim:
    """Return a volume as planning knows it."""
    return contract.Claim(
        id=volume.id, name=volume.name, namespace=volume.key[0], server=volume.key[1],
        component=volume.component[2], domain=volume.metadata.get(ZONE, ""),
        going=volume.going, holder=volume.holder,
    )  # fmt: skip


def whose(claim: contract.Claim) -> tuple[str, str, str, str]:
    """Return what tells whose data a claim's volume has: the same name is in many namespaces."""
    return claim.namespace, claim.server, claim.component, claim.name


def seen(claim: objects.VolumeClaim, volume: CloudVolume, asked: int) -> contract.Volume:
    """Return a claim as a server has it; `asked` is how large its volume is to become.

    Volumes are whole GiB: one that is just large enough is as large as was asked for.
    """
    whole = math.ceil((quantities.parse(sizes.storage(claim)) or 0) / 2**30)
    own = {whole: sizes.storage(claim)}
    size = "" if volume.status == "creating" else own.get(volume.size, f"{volume.size}Gi")
    return contract.Volume(name=claim.name, asked=own.get(asked, f"{asked}Gi"), size=size)


def chosen(found: Iterable[CloudVolume]) -> CloudVolume | None:
    """Return the one of a claim's volumes that counts."""
    return min((each for each in found if not each.going), key=lambda one: one.rank, default=None)
