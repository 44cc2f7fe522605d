"""The stage of a real OpenStack: its own services, fake hosts, and a proxy that loses answers.

Everything here takes its real time. What fails there is a refusal of the cloud's own kind, a server
in ERROR by the administrator's word, or a cell whose database holds its answers back.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import time
from typing import Any

import msgspec

from controller import contract
from controller.api import objects
from controller.api.resources import Resource
from controller.providers.openstack import kind as openstack
from controller.providers.openstack.rights import SECRET
from devcluster.openstack import cells, cloud, stock
from devcluster.openstack.fixtures import Tenant, wait_for
from fakes.api_server import ApiServer
from proof.faults.cloud import CloudProxy, Kind, Rule
from tests.contracts.provider_stages import NAMESPACE, Instance, eventually, owner, tell

# Why a contract cannot be staged here, by the name of its test.
NOT_STAGED = {
    "test_what_does_not_answer_goes_when_it_is_given_up": (
        "in a cell that is down Nova deletes nothing: a server there goes once the cell is back"
    ),
}
# What a call that goes wrong is to the cloud, and how its services refuse it for now.
_CALLS: dict[str, dict[str, Any]] = {
    "create": {"service": "compute", "method": "POST", "path": r"/servers$"},
    "change": {"service": "compute", "method": "POST", "path": r"/action$"},
    "delete": {"service": "compute", "method": "DELETE", "path": r"/servers/"},
    "claim": {"service": "volume", "method": "POST", "path": r"/volumes$"},
}
_REFUSALS: dict[str, dict[str, Any]] = {
    "create": {"status": 403, "text": "Quota exceeded for instances: Requested 1"},
    "claim": {"status": 413, "text": "VolumeLimitExceeded: Maximum number of volumes", "after": 0},
}
_IMAGES = dict(zip(("v1", "v2"), stock.FAKE_IMAGES, strict=True))


class RealStage:
    """Servers of one fleet, of a cloud that is this run's own."""

    # Nova takes its time, and so does a busy machine.
    prompt_seconds = 180.0
    quiet_seconds = 10.0

    def __init__(self, own: cloud.Cloud, tenant: Tenant) -> None:
        self.kind = openstack.kind()
        self.listeners: list[contract.Changed] = []
        self._own = own
        self._tenant = tenant
        self._uid = f"fleet-{secrets.token_hex(6)}"
        self._owners = 0
        self._api = ApiServer()
        self._open = contextlib.AsyncExitStack()
        self._silence = contextlib.ExitStack()

    async def begin(self) -> None:
        """Open the ways to the cloud, and a provider with credentials for them."""
        self._contents = {self._image(name): content for content, name in _IMAGES.items()}
        self._snapshots = self._taken()
        self._open.callback(self._sweep)
        proxy = CloudProxy(self._tenant.clouds, self._tenant.cloud)
        self._proxy = await self._open.enter_async_context(proxy)
        text = base64.b64encode(self._proxy.clouds.read_bytes()).decode()
        body = {"metadata": {"name": SECRET}, "data": {"clouds.yaml": text}}
        await self._api.create(Resource.SECRETS, NAMESPACE, body)
        self.provider = await self.successor()

    async def end(self) -> None:
        """Have the cell answer, stop looking, and delete whatever there is of the fleet."""
        self._silence.close()
        await self._open.aclose()

    async def server(self, ordinal: int = 0) -> objects.Server:
        """Make a Server with a uid of its own."""
        self._owners += 1
        return owner(ordinal, f"{self._uid}-{self._owners}")

    def template(self, content: str) -> bytes:
        """Return a template with the image that stands for `content`."""
        networks = [{"name": self._tenant.network}]
        spec = {"flavor": self._tenant.flavor, "image": _IMAGES[content], "networks": networks}
        return msgspec.json.encode({"spec": spec})

    def instances(self) -> list[Instance]:
        """Return the servers that stay, as Nova lists them without the proxy."""
        there = [each for each in self._servers() if each["OS-EXT-STS:task_state"] != "deleting"]
        return [
            Instance(
                id=each["id"],
                name=each["metadata"]["argosy.server"].partition("/")[2],
                incarnation=self._incarnation(each["tags"]),
                revision=each["metadata"]["argosy.revision"],
                template=self._contents[each["image"]["id"]],
                going=False,
            )
            for each in sorted(there, key=lambda row: str(row["metadata"]["argosy.server"]))
        ]

    def volumes(self) -> dict[str, str]:
        """Return the ids of Cinder's volumes; there must not be two of one name."""
        asked = "/volumes/detail?limit=1000"
        listed = self._tenant.client.get("volume", asked)["volumes"]
        found = [
            each
            for each in listed
            if each["metadata"].get("argosy.fleet") == self._uid and each["status"] != "deleting"
        ]
        assert len({each["name"] for each in found}) == len(found), found
        return {each["name"]: each["id"] for each in found}

    def disturb(self, verb: str, *, lost: bool) -> None:
        """Let the next such call be refused, or be carried out without an answer."""
        if not lost:
            said = dict(_REFUSALS[verb])
            after = said.pop("after", None)
            rule = Rule(**_CALLS[verb], kind=Kind.REFUSED, times=1, retry_after=after, **said)
        else:
            # Over a connection that breaks, HTTP clients send a DELETE once more by themselves.
            kind = Kind.SILENT if verb == "delete" else Kind.LOST
            rule = Rule(**_CALLS[verb], kind=kind, times=1)
        self._proxy.rules.append(rule)

    def break_down(self, server: objects.Server) -> None:
        """Put the server into ERROR, as an administrator does."""
        body = {"os-resetState": {"state": "error"}}
        self._own.client().post("compute", f"/servers/{self._id(server)}/action", body)

    def silence(self, server: objects.Server, *, silent: bool) -> None:
        """Keep the cell that has the server from answering, or have it answer again."""
        del server  # there is one cell
        if silent:
            self._silence.enter_context(cells.silent(self._own.plan))
        else:
            self._silence.close()

    async def successor(self) -> contract.Provider:
        """Return another provider of the fleet, once it has looked."""
        context = contract.Context(
            api=self._api,
            informers={},
            clock=time.time,
            namespace=NAMESPACE,
            changed=lambda *server: tell(self.listeners, *server),
        )
        made = await self._open.enter_async_context(self.kind.open(context, self._fleet()))
        await eventually(lambda: made.instances() is not None)
        return made

    def _fleet(self) -> objects.Fleet:
        settings = {"cloud": self._tenant.cloud, "rebuild": "WhenPossible"}
        settings |= {"probeCIDRs": [self._own.plan.range]}  # type: ignore[dict-item]  # as in YAML
        return objects.fleet(
            objects.Meta(name="anywhere", uid=self._uid),
            objects.FleetSpec(provider="openstack"),
            msgspec.Raw(msgspec.json.encode(settings)),
        )

    def _servers(self) -> list[dict[str, Any]]:
        path = f"/servers/detail?tags=argosy.fleet.{self._uid}"
        found: list[dict[str, Any]] = self._tenant.client.get("compute", path)["servers"]
        return found

    def _id(self, server: objects.Server) -> str:
        name = f"{NAMESPACE}/{server.metadata.name}"
        found = [each for each in self._servers() if each["metadata"]["argosy.server"] == name]
        return str(found[0]["id"])

    def _incarnation(self, tags: list[str]) -> int:
        own = [each for each in tags if each.startswith(f"argosy.{self._uid}-")]
        (incarnation,) = (int(each.rpartition(".")[2]) for each in own)
        return incarnation

    def _image(self, name: str) -> str:
        return str(self._tenant.client.get("image", f"/images?name={name}")["images"][0]["id"])

    def _taken(self) -> set[str]:
        """Return the images that are snapshots of servers."""
        listed = self._tenant.client.get("image", "/images?visibility=private&limit=1000")["images"]
        return {each["id"] for each in listed if "argosy_server" in each}

    def _sweep(self) -> None:
        self._tenant.delete(*(each["id"] for each in self._servers()))
        for each in self.volumes().values():
            self._tenant.client.delete("volume", f"/volumes/{each}")
        wait_for("the end of its volumes", lambda: not self.volumes(), self.volumes)
        for each in self._taken() - self._snapshots:
            self._tenant.client.delete("image", f"/images/{each}")
