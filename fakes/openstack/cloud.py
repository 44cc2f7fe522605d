"""The cloud in memory as a whole: its door, its tokens, and what it has.

cloud = Cloud()
cloud.images["image-1"] = Image(name="debian")
cloud.faults.append(Fault(method="POST", path="/servers$", lost=True))
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import sys
import types
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any
from urllib import parse

from controller.providers.openstack.client import CloudSession
from controller.providers.openstack.reasons import CloudReason
from controller.providers.openstack.refusals import CredentialsRefused, Reply
from controller.providers.openstack.transport import HttpRequest, NoAnswerError, NotSentError
from fakes.openstack.cinder import Cinder, Volume
from fakes.openstack.faults import Fault
from fakes.openstack.machines import EPOCH, Machine
from fakes.openstack.neutron import FloatingIP, Neutron
from fakes.openstack.nova import Nova


@dataclasses.dataclass(slots=True)
class Image:
    """An image: what its name and state are, and what it needs."""

    name: str
    status: str = "active"
    min_ram: int = 0
    min_disk: int = 0
    # What a snapshot was taken for; when it can be used; what is on it.
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    active_at: float = -math.inf
    content: str = ""


@dataclasses.dataclass(slots=True)
class Timing:
    """How long things take, in seconds."""

    answer: float = 0.02
    placing: float = 0.5
    spawn: float = 2.0
    rebuild: float = 2.0
    delete: float = 1.0
    power: float = 1.0
    image: float = 4.0
    volume: float = 1.0


class Cloud:
    """Keystone, Nova, Glance, Cinder and Neutron of one project, in the loop's time."""

    # Of which project the credentials are, and what others have; see `enter`.
    project = "project-1"
    _elsewhere: Mapping[str, tuple[Any, Any, Any]] = types.MappingProxyType({})

    def __init__(self, timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self.machines: dict[str, Machine] = {}
        self.images = {"image-1": Image(name="v1"), "image-2": Image(name="v2")}
        self.flavors: dict[str, dict[str, Any]] = {
            "flavor-1": {"name": "small", "ram": 2048, "disk": 20},
            "flavor-2": {"name": "large", "ram": 8192, "disk": 20},
        }
        self.groups: dict[str, dict[str, str]] = {}
        # Whether a resize finds a host.
        self.room = True
        # Whether hosts carry out what concerns the power of servers.
        self.powers = True
        self.networks = {"network-1": "tenant"}
        # Networks outside, where floating IPs come from, and how many of these there may be.
        self.outside = {"outside-1": "public"}
        self.floating_ips: dict[str, FloatingIP] = {}
        self.floating_quota = 100
        self.security_groups = {"group-default": "default", "group-1": "web", "group-2": "db"}
        # Of ports that were changed, the security groups that they have.
        self.groups_of_ports: dict[str, list[str]] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        # What was posted, by the path it went to.
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.quota = 1000
        # Deleted servers stay for a while, in no list, and answer a GET.
        self.soft_delete = False
        # Lists by tag are empty: the cell that has the servers does not answer.
        self.silent_cell = False
        # How far its clock goes before the operator's.
        self.ahead = 0.0
        self.newest = "2.93"
        # Called with method and path of each request before it is answered.
        self.on_request: Callable[[str, str], None] | None = None
        self.credentials = True
        self.tokens: set[str] = set()
        self._issued = 0
        # Which addresses listen at which ports.
        self.listening: set[tuple[str, int]] = set()
        self.volumes: dict[str, Volume] = {}
        # GiB that the project's volumes may have; zones that Cinder knows.
        self.gigabytes = 1000
        self.volume_zones = ["nova"]
        # Whether there is a Cinder at all.
        self.has_volumes = True
        self._nova = Nova(self)
        self._cinder = Cinder(self)
        self._neutron = Neutron(self)

    # --- Tokens -----------------------------------------------------------------------------------

    async def session(self, stale: str = "") -> CloudSession:
        """Return a session, as Keystone gives one; another one if the last is `stale`."""
        token = f"token-{self._issued}"
        if token == stale or not self._issued:
            if not self.credentials:
                message = "Keystone does not take the credentials"
                raise CredentialsRefused(message, reason=CloudReason.CREDENTIALS_REFUSED)
            self._issued += 1
            token = f"token-{self._issued}"
            self.tokens = {token}
        services = ["compute", "image", "network", *["block-storage"] * self.has_volumes]
        endpoints = {each: f"http://cloud/{each}" for each in services}
        home = f"project {self.project} in region one"
        return CloudSession(token=token, endpoints=endpoints, home=home)

    def enter(self, project: str) -> None:
        """Have the credentials be of another project, which sees nothing of what this one has."""
        has = self.machines, self.volumes, self.floating_ips
        self._elsewhere = {**self._elsewhere, self.project: has}
        self.project = project
        has = self._elsewhere.get(project, ({}, {}, {}))
        self.machines, self.volumes, self.floating_ips = has
        self.tokens.clear()

    # --- Requests ---------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The loop's time, by the cloud's clock."""
        return asyncio.get_running_loop().time() + self.ahead

    def settle(self) -> list[Machine]:
        """Let time have passed; return the servers that really exist, gone ones left out."""
        for each in self.machines.values():
            each.settle(self.now)
        self._cinder.settle()
        self._neutron.settle()
        return [each for each in self.machines.values() if not each.deleted]

    def add(self, body: dict[str, Any]) -> Machine:
        """Make a server behind Argosy's back."""
        return self._nova.add(body)

    def do(self, identifier: str, action: str) -> Reply:
        """Have something done to a server behind Argosy's back, by the name of Nova's action."""
        self.settle()
        return self._nova.act(self.machines[identifier], {action: None})

    def cut_off(self) -> None:
        """Have nothing arrive here, until `restore`."""
        self.faults.append(Fault(method="*", path="", unsent=True, times=sys.maxsize))

    def refuse_credentials(self) -> None:
        """Take neither the credentials nor what was given for them, until `restore`."""
        self.credentials = False
        self.tokens.clear()

    def restore(self) -> None:
        """Answer as before all faults, in the first project."""
        self.faults.clear()
        self.credentials = True
        if self.project != Cloud.project:
            self.enter(Cloud.project)

    def add_volume(self, body: dict[str, Any]) -> Volume:
        """Make a volume behind Argosy's back."""
        return self._cinder.add(body)

    async def send(self, request: HttpRequest) -> Reply:
        """Answer a request."""
        address = parse.urlsplit(request.url)
        path = address.path
        self.requests.append((request.method, f"{path}?{address.query}" if address.query else path))
        if self.on_request is not None:
            self.on_request(request.method, path)
        fault = self._fault(request.method, path)
        if fault is not None and fault.unsent:
            raise NotSentError("test")
        await asyncio.sleep(self.timing.answer)
        if fault is not None and fault.reply is not None and not fault.lost:
            return fault.reply
        if request.headers.get("X-Auth-Token") not in self.tokens:
            return self.reply(
                401, {"error": {"message": "The request you have made requires authentication."}}
            )
        if fault is None or not fault.lost:
            answer = self._answer(request, address, late=0.0)
            return answer if fault is None else fault.changed(answer)
        self._answer(request, address, late=fault.late)
        if fault.reply is None:
            raise NoAnswerError("test")
        return fault.reply

    async def close(self) -> None:
        """Let go of nothing."""

    def _fault(self, method: str, path: str) -> Fault | None:
        for place, each in enumerate(self.faults):
            if each.fits(method, path):
                left = each.times - 1
                self.faults[place : place + 1] = (
                    [dataclasses.replace(each, times=left)] if left else []
                )
                return each
        return None

    def _answer(self, request: HttpRequest, address: parse.SplitResult, *, late: float) -> Reply:
        self.settle()
        query = dict(parse.parse_qsl(address.query))
        service, _, path = address.path.removeprefix("/").partition("/")
        body = json.loads(request.body) if request.body else {}
        if request.method == "POST":
            self.posted.append((address.path, body))
        if service == "compute":
            version = request.headers.get("OpenStack-API-Version", "compute 2.1").split(" ")[1]
            return self._nova.answer(
                request.method, f"/{path}", query=query, body=body, version=version, late=late
            )
        if service == "block-storage":
            return self._cinder.answer(
                request.method, f"/{path}", query=query, body=body, late=late
            )
        if service == "image":
            return self._glance(path, query)
        return self._neutron.answer(request.method, f"/{path}", query, body, late)

    def _glance(self, path: str, query: dict[str, str]) -> Reply:
        def shown(identifier: str, image: Image) -> dict[str, Any]:
            status = image.status if self.now >= image.active_at else "queued"
            plain = {"name": image.name, "min_ram": image.min_ram, "min_disk": image.min_disk}
            return {"id": identifier, **plain, "status": status, **image.properties}

        _, _, identifier = path.partition("images/")
        if identifier:
            image = self.images.get(identifier)
            return self.reply(200, shown(identifier, image)) if image else self.reply(404, {})
        found = [
            shown(key, each)
            for key, each in self.images.items()
            if each.name == query.get("name", each.name)
            and all(
                each.properties.get(name) == value
                for name, value in query.items()
                if name not in {"name", "limit"}
            )
        ]
        return self.reply(200, {"images": found})

    def bodies(self, action: str) -> list[Any]:
        """Return what servers were asked to do by an action."""
        return [body[action] for _, body in self.posted if action in body]

    def photograph(self, name: str, properties: dict[str, str], of: str) -> str:
        """Have an image made of a server that runs from the image `of`."""
        identifier = f"snapshot-{len(self.images)}"
        self.images[identifier] = Image(
            name=name, properties={**properties}, active_at=self.now + self.timing.image, content=of
        )
        return identifier

    def reply(self, status: int, body: Any, **headers: str) -> Reply:
        """Return an answer, with the headers that all have."""
        date = formatdate(EPOCH + self.now, usegmt=True)
        shown = {"date": date, "x-openstack-request-id": f"req-{len(self.requests)}", **headers}
        return Reply(status=status, body=json.dumps(body).encode(), headers=shown)

    # --- Probes -----------------------------------------------------------------------------------

    async def tcp(self, address: str, port: int) -> bool:
        """Return whether a server of that address listens; asked for others, fail the test."""
        return await self.http(address, port, "/")

    async def http(self, address: str, port: int, path: str) -> bool:
        """Return whether a server of that address answers there."""
        self.requests.append(("PROBE", f"{address}:{port}{path}"))
        await asyncio.sleep(0.01)
        return (address, port) in self.listening
