"""Nova of the cloud in memory: servers, their actions, their lists."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from controller.providers.openstack.refusals import Reply
from fakes.openstack.machines import Machine, seconds

if TYPE_CHECKING:
    from fakes.openstack.cloud import Cloud

# What Nova takes of user data, in base64.
LARGEST = 65535
# How many tags it lets a server have.
MOST_TAGS = 50
Json = dict[str, Any]
_SERVER = re.compile(r"^/servers/([^/]+)(?:/(action|metadata|tags|os-volume_attachments))?$")
# In which states it takes an action, or a write of metadata or tags.
_FROM = {
    "os-stop": {"ACTIVE", "ERROR"},
    "os-start": {"SHUTOFF"},
    "pause": {"ACTIVE"},
    "unpause": {"PAUSED"},
    "suspend": {"ACTIVE"},
    "resume": {"SUSPENDED"},
    "shelve": {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"},
    "unshelve": {"SHELVED", "SHELVED_OFFLOADED"},
    "rescue": {"ACTIVE", "SHUTOFF", "ERROR"},
    "unrescue": {"RESCUE"},
    "rebuild": {"ACTIVE", "SHUTOFF", "ERROR"},
    "resize": {"ACTIVE", "SHUTOFF"},
}
# What is under way after such an action, and in which state the server is then.
_POWER = {
    "os-stop": ("powering-off", "SHUTOFF"),
    "os-start": ("powering-on", "ACTIVE"),
    "pause": ("pausing", "PAUSED"),
    "unpause": ("unpausing", "ACTIVE"),
    "suspend": ("suspending", "SUSPENDED"),
    "resume": ("resuming", "ACTIVE"),
    "shelve": ("shelving", "SHELVED_OFFLOADED"),
    "unshelve": ("unshelving", "ACTIVE"),
    "rescue": ("rescuing", "RESCUE"),
    "unrescue": ("unrescuing", "ACTIVE"),
}
_WRITABLE = {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"}
# From where on lists know tags, and where a cell that is down is told.
_TAGS = (2, 26)


class Nova:
    """Answers what Argosy asks Nova."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._made = 0

    def answer(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str],
        body: Json,
        version: str,
        late: float,
    ) -> Reply:
        """Return the answer to one request."""
        pair = tuple(int(each) for each in version.split("."))
        if path in {"/", "/flavors/detail"}:
            return self._offers(path)
        if path == "/servers" and method == "POST":
            return self._create(body, late)
        if path in {"/servers", "/servers/detail"}:
            return self._list(query, detail=path.endswith("detail"), tags=pair >= _TAGS)
        if path.startswith("/os-server-groups"):
            return self._groups(method, path, body)
        found = _SERVER.match(path)
        machine = self._cloud.machines.get(found[1]) if found else None
        if (
            found is None
            or machine is None
            or machine.deleted
            or self._cloud.now < machine.visible_at
        ):
            return self._refuse(404, f"Instance {found[1] if found else ''} could not be found.")
        return self._of_one(method, found[2] or "", machine, body)

    def _offers(self, path: str) -> Reply:
        if path == "/":
            known = {"id": "v2.1", "version": self._cloud.newest, "min_version": "2.1"}
            return self._cloud.reply(200, {"version": known})
        shown = [{"id": key, **each} for key, each in self._cloud.flavors.items()]
        return self._cloud.reply(200, {"flavors": shown})

    def _of_one(self, method: str, part: str, machine: Machine, body: Json) -> Reply:
        if part == "os-volume_attachments":
            return self._list_volumes(machine)
        if method == "GET":
            row = machine.row(detail=True, tags=True)
            return self._cloud.reply(200, {"server": row})
        if method == "DELETE":
            return self._delete(machine)
        if part == "tags":
            return self._write_tags(machine, body["tags"])
        if part == "metadata":
            return self._write_metadata(method, machine, body["metadata"])
        return self.act(machine, body)

    def _list_volumes(self, machine: Machine) -> Reply:
        held = [each.id for each in self._cloud.volumes.values() if each.server == machine.id]
        held.sort(key=lambda each: each != machine.boot_volume)
        shown = [
            {"volumeId": each, "device": f"/dev/vd{chr(ord('a') + place)}"}
            for place, each in enumerate(held)
        ]
        return self._cloud.reply(200, {"volumeAttachments": shown})

    def _groups(self, method: str, path: str, body: Json) -> Reply:
        cloud = self._cloud
        if method == "POST":
            identifier = f"group-{len(self._cloud.posted)}"
            cloud.groups[identifier] = body["server_group"]
            return cloud.reply(200, {"server_group": {"id": identifier, **body["server_group"]}})
        if method == "DELETE":
            cloud.groups.pop(path.rpartition("/")[2])
            return cloud.reply(204, {})
        there = cloud.settle()
        shown = [
            {"id": key, **each, "members": [one.id for one in there if one.group == key]}
            for key, each in cloud.groups.items()
        ]
        return cloud.reply(200, {"server_groups": shown})

    def _create(self, body: Json, late: float) -> Reply:
        cloud, asked = self._cloud, body["server"]
        group = body.get("os:scheduler_hints", {}).get("group", "")
        if group and group not in cloud.groups:
            return self._refuse(400, f"Server group {group} could not be found.")
        if "user_data" in asked and len(asked["user_data"]) > LARGEST:
            return self._refuse(400, "User data too large")
        given = asked.get("block_device_mapping_v2", ())
        disks = [each["uuid"] for each in given if each["source_type"] == "volume"]
        for each in disks:
            volume = cloud.volumes.get(each)
            if volume is None or volume.status != "available":
                return self._refuse(400, f"Invalid volume: status of {each} must be 'available'")
        if len(cloud.settle()) >= cloud.quota:
            return self._refuse(403, "Quota exceeded for instances: Requested 1, but already used")
        machine = self.add(asked, late=late)
        machine.group, machine.placed_at = group, machine.created + cloud.timing.placing
        machine.volumes = disks
        for each in given:
            if (each["source_type"], each["destination_type"]) == ("image", "volume"):
                boot = {"name": "", "size": each["volume_size"], "metadata": {}}
                machine.boot_volume = cloud.add_volume(boot).id
                disks.append(machine.boot_volume)
        for each in disks:
            cloud.volumes[each].until = None
            cloud.volumes[each].status, cloud.volumes[each].server = "reserved", machine.id
        return cloud.reply(202, {"server": {"id": machine.id, "links": [], "adminPass": "x"}})

    def add(self, asked: Json, *, late: float = 0.0) -> Machine:
        """Have a server made as asked, `late` seconds from now."""
        cloud = self._cloud
        self._made += 1
        now = cloud.now + late
        machine = Machine(
            id=str(uuid.UUID(int=self._made * 7919 + (10**6 - self._made))),
            name=asked["name"],
            created=now,
            visible_at=now,
            updated=now,
            body=asked,
            tags=list(asked.get("tags", [])),
            metadata=dict(asked.get("metadata", {})),
            flavor=cloud.flavors.get(asked.get("flavorRef", ""), {"name": ""})["name"],
            address=f"10.0.{self._made // 250}.{self._made % 250 + 1}",
            zone=asked.get("availability_zone") or "nova",
            until=now + cloud.timing.spawn,
        )
        cloud.machines[machine.id] = machine
        return machine

    def _list(self, query: dict[str, str], *, detail: bool, tags: bool) -> Reply:
        found = [
            each
            for each in self._cloud.machines.values()
            if self._fits(each, query, tags=tags) and self._cloud.now >= each.visible_at
        ]
        found.sort(key=lambda each: (each.created, each.id), reverse=True)
        ids = [each.id for each in found]
        start = ids.index(query["marker"]) + 1 if query.get("marker") in ids else 0
        limit = min(int(query.get("limit", "1000")), 1000)
        page, left = found[start : start + limit], len(found) > start + limit
        rows = [each.row(detail=detail, tags=tags) for each in page]
        links = {"servers_links": [{"rel": "next", "href": "next"}]} if left else {}
        return self._cloud.reply(200, {"servers": rows, **links})

    def _fits(self, machine: Machine, query: dict[str, str], *, tags: bool) -> bool:
        if machine.status == "SOFT_DELETED":
            return False
        if "changes-since" in query:
            return machine.updated >= seconds(query["changes-since"])
        if machine.deleted:
            return False
        if "tags" not in query or not tags:
            # Older versions ignore what they do not know.
            return True
        if self._cloud.silent_cell:
            return False
        return set(query["tags"].split(",")) <= set(machine.tags)

    def _write_tags(self, machine: Machine, given: list[str]) -> Reply:
        if machine.status not in _WRITABLE:
            return self._refuse(409, f"Cannot update tags while it is in {machine.status}")
        if len(given) > MOST_TAGS:
            return self._refuse(400, f"Invalid input for field/attribute tags: {given} is too long")
        machine.tags = list(given)
        return self._cloud.reply(200, {"tags": given})

    def _write_metadata(self, method: str, machine: Machine, given: Json) -> Reply:
        if machine.task or machine.status not in _WRITABLE:
            return self._refuse(
                409, f"Cannot 'update metadata' while it is in vm_state {machine.status}"
            )
        machine.metadata = dict(given) if method == "PUT" else {**machine.metadata, **given}
        machine.updated = self._cloud.now
        return self._cloud.reply(200, {"metadata": machine.metadata})

    def _delete(self, machine: Machine, *, force: bool = False) -> Reply:
        cloud = self._cloud
        if machine.locked:
            return self._refuse(409, f"Instance {machine.id} is locked")
        if force:
            machine.silent = False
            machine.gone_at, machine.until = cloud.now, None
            machine.settle(cloud.now)
        elif cloud.soft_delete and machine.status != "SOFT_DELETED":
            machine.status, machine.task, machine.until = "SOFT_DELETED", None, None
            machine.updated = cloud.now
        elif machine.gone_at is None and machine.status != "SOFT_DELETED":
            machine.gone_at, machine.task = cloud.now + cloud.timing.delete, "deleting"
            machine.updated = cloud.now
        return cloud.reply(204, {})

    def act(self, machine: Machine, body: Json) -> Reply:
        """Answer a request for an action, whoever asks."""
        (action,) = body
        if action == "forceDelete":
            return self._delete(machine, force=True)
        if action == "os-getConsoleOutput":
            return self._cloud.reply(200, {"output": machine.console})
        if machine.locked:
            return self._refuse(409, f"Instance {machine.id} is locked")
        if machine.task or machine.status == "BUILD":
            return self._refuse(409, f"Cannot '{action}' instance while it is in task_state")
        if action == "createImage":
            return self._photograph(machine, body["createImage"])
        return self._change(machine, action, body[action])

    def _change(self, machine: Machine, action: str, asked: Json) -> Reply:
        cloud, now = self._cloud, self._cloud.now
        if action in _FROM and machine.status not in _FROM[action]:
            return self._refuse(409, f"Cannot '{action}' while it is in vm_state {machine.status}")
        if action in _POWER:
            machine.task, after = _POWER[action]
            machine.until = now + cloud.timing.power
            # A host that cannot leaves the server as it was, without a fault.
            machine.then = after if cloud.powers else machine.status
        elif action == "rebuild":
            self._rebuild(machine, asked)
        elif action == "resize":
            if cloud.flavors[asked["flavorRef"]]["name"] == machine.flavor:
                return self._refuse(400, "When resizing, instances must change flavor!")
            self._resize(machine, asked["flavorRef"])
        elif action == "confirmResize":
            if machine.status != "VERIFY_RESIZE":
                return self._refuse(409, f"Cannot 'confirmResize' in {machine.status}")
            if machine.until is not None:
                return self._refuse(400, "Instance has not been resized.")
            # For as long as it takes nothing else shows that it was asked for.
            machine.until, machine.then = now + 5 * cloud.timing.power, machine.before
        machine.updated = now
        return cloud.reply(202, {"server": machine.row(detail=True, tags=True)})

    def _photograph(self, machine: Machine, asked: Json) -> Reply:
        cloud = self._cloud
        identifier = cloud.photograph(asked["name"], asked["metadata"], machine.body["imageRef"])
        machine.task, machine.until = "image_uploading", cloud.now + cloud.timing.image
        machine.then, machine.updated = machine.status, cloud.now
        return cloud.reply(202, {"image_id": identifier})

    def _rebuild(self, machine: Machine, asked: Json) -> None:
        stopped = machine.status == "SHUTOFF"
        machine.body = {**machine.body, "imageRef": asked["imageRef"]}
        machine.metadata, machine.console = dict(asked["metadata"]), ""
        machine.status, machine.task = "REBUILD", "rebuilding"
        machine.until = self._cloud.now + self._cloud.timing.rebuild
        machine.then = "SHUTOFF" if stopped else "ACTIVE"

    def _resize(self, machine: Machine, flavor: str) -> None:
        """Begin a resize; without room for it the server is soon as it was, without a fault."""
        cloud = self._cloud
        machine.before, machine.task = machine.status, "resize_prep"
        machine.until = cloud.now + cloud.timing.power
        machine.then = machine.status
        if cloud.room:
            machine.status, machine.then = "RESIZE", "VERIFY_RESIZE"
            machine.flavor = cloud.flavors[flavor]["name"]

    def _refuse(self, status: int, message: str) -> Reply:
        return self._cloud.reply(status, {"error": {"message": message, "code": status}})
