"""The volumes of the cloud in memory: made with time, attached by Nova, known by metadata.

It keeps to what was seen of a real Cinder: names are not unique, a POST whose client died is
carried out, lists are by metadata, what a server has is not deleted, a quota is told with 413.
"""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from controller.providers.openstack.refusals import Reply
from fakes.openstack.machines import stamp

if TYPE_CHECKING:
    from fakes.openstack.cloud import Cloud

Json = dict[str, Any]
_VOLUME = re.compile(r"^/volumes/([^/]+)(?:/(\w+))?$")


@dataclasses.dataclass(slots=True)
class Volume:
    """A volume: what was asked for, its state, and which server has it."""

    id: str
    name: str
    size: int
    created: float
    status: str = "creating"
    type: str = ""
    zone: str = "nova"
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    server: str = ""
    # What is on it: whoever writes there is a test.
    content: str = ""
    # When what is under way ends, in which status, and how large it is then.
    until: float | None = None
    then: str = "available"
    grows_to: int = 0
    gone: bool = False

    def row(self) -> Json:
        """Return what a list shows of it."""
        held = [{"server_id": self.server}] if self.server and self.status == "in-use" else []
        return {
            "id": self.id, "name": self.name, "size": self.size, "status": self.status,
            "created_at": stamp(self.created)[:-1] + ".000000", "metadata": dict(self.metadata),
            "attachments": held, "availability_zone": self.zone, "volume_type": self.type,
        }  # fmt: skip


class Cinder:
    """Answers for the volumes of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._made = 0

    def settle(self) -> None:
        """Let what is due by now have happened, to volumes and to who has them."""
        cloud = self._cloud
        for each in cloud.volumes.values():
            if each.until is not None and cloud.now >= each.until:
                each.until, each.status = None, each.then
                each.size, each.grows_to = each.grows_to or each.size, 0
                each.gone = each.status == "deleted"
            machine = cloud.machines.get(each.server)
            if machine is not None and machine.deleted:
                each.server, each.status = "", "available"
                each.gone = each.id == machine.boot_volume
            elif machine is not None and each.status in {"reserved", "attaching"}:
                built = machine.status != "BUILD"
                each.status = "in-use" if built and machine.status != "ERROR" else "attaching"

    def there(self) -> list[Volume]:
        """Return the volumes that exist."""
        self.settle()
        return [
            each
            for each in self._cloud.volumes.values()
            if not each.gone and self._cloud.now >= each.created
        ]

    def answer(
        self, method: str, path: str, *, query: dict[str, str], body: Json, late: float
    ) -> Reply:
        """Return the answer to one request, below the project's own path."""
        cloud = self._cloud
        if path == "/os-availability-zone":
            known = [{"zoneName": each} for each in cloud.volume_zones]
            return cloud.reply(200, {"availabilityZoneInfo": known})
        if path == "/volumes":
            return self._create(body["volume"], late)
        if path == "/volumes/detail":
            return self._list(json.loads(query.get("metadata", "{}")))
        found = _VOLUME.match(path)
        volume = next((each for each in self.there() if found and each.id == found[1]), None)
        if found is None or volume is None:
            return self._refuse(404, "Volume could not be found.")
        return self._of_one(method, found[2] or "", volume, body)

    def _of_one(self, method: str, part: str, volume: Volume, body: Json) -> Reply:
        if method == "DELETE":
            return self._delete(volume)
        if part == "action":
            return self._extend(volume, body["os-extend"]["new_size"])
        if part == "metadata":
            volume.metadata |= body["metadata"]
        return self._cloud.reply(200, {"volume": volume.row()})

    def add(self, asked: Json, *, late: float = 0.0) -> Volume:
        """Have a volume made as asked, `late` seconds from now."""
        self._made += 1
        now = self._cloud.now + late
        made = Volume(
            id=str(uuid.UUID(int=self._made * 104_729)), name=asked["name"], size=asked["size"],
            created=now, type=asked.get("volume_type", ""),
            zone=asked.get("availability_zone", "nova"), metadata=dict(asked["metadata"]),
            until=now + self._cloud.timing.volume,
        )  # fmt: skip
        self._cloud.volumes[made.id] = made
        return made

    def _create(self, asked: Json, late: float) -> Reply:
        cloud = self._cloud
        zone = asked.get("availability_zone")
        if zone and zone not in cloud.volume_zones:
            return self._refuse(400, f"Availability zone '{zone}' is invalid.")
        if sum(each.size for each in self.there()) + asked["size"] > cloud.gigabytes:
            limit = {"message": "VolumeSizeExceedsAvailableQuota: Requested volume exceeds"}
            return cloud.reply(413, {"overLimit": limit}, **{"retry-after": "0"})
        return cloud.reply(202, {"volume": self.add(asked, late=late).row()})

    def _list(self, wanted: dict[str, str]) -> Reply:
        found = [each for each in self.there() if wanted.items() <= each.metadata.items()]
        return self._cloud.reply(200, {"volumes": [each.row() for each in found]})

    def _delete(self, volume: Volume) -> Reply:
        if volume.status not in {"available", "error", "error_extending"}:
            return self._refuse(400, "Invalid volume: Volume status must be available or error")
        volume.status, volume.then = "deleting", "deleted"
        volume.until = self._cloud.now + self._cloud.timing.volume
        return self._cloud.reply(202, {})

    def _extend(self, volume: Volume, size: int) -> Reply:
        if volume.status not in {"available", "in-use"}:
            return self._refuse(400, "Invalid volume: status must be available or in-use")
        volume.then, volume.status, volume.grows_to = volume.status, "extending", size
        volume.until = self._cloud.now + self._cloud.timing.volume
        return self._cloud.reply(202, {})

    def _refuse(self, status: int, message: str) -> Reply:
        return self._cloud.reply(status, {"badRequest": {"message": message, "code": status}})
