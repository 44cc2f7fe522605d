"""The template of a server of a cloud, and the request by which Nova makes the server.

`provider` sends what is made here. Names are not resolved here, and nothing is looked up.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from controller import contract, errors
from controller.api import names, objects, remembered
from controller.api.views.meta import View
from controller.contract.reasons import ProviderReason
from controller.planning import rendering
from controller.providers.openstack import machines

# Nova takes 65,535 characters of base64, which three bytes less than 48 KiB become.
LARGEST_USER_DATA = 48 * 1024 - 3
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
_Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
_Text = Annotated[str, msgspec.Meta(max_length=255)]


class Network(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network that the server has a port in, and where the port's floating IP comes from."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    floating_ip_from: _Text = msgspec.field(name="floatingIPFrom", default="")


class Tcp(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ready while something listens there."""

    port: _Port


class Http(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ready while a GET is answered with a status below 400."""

    port: _Port
    path: Annotated[str, msgspec.Meta(pattern="^/[!-~]{0,127}$")] = "/"


class Console(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ready once the server has printed so on its console."""


class Readiness(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a server counts as ready; by its being active where none is given."""

    active: dict[str, str] | None = None
    console: Console | None = None
    tcp: Tcp | None = None
    http: Http | None = None
    start_seconds: _Seconds = 600
    period_seconds: _Seconds = 10
    failure_threshold: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


class ServerGroup(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server group that servers are in: one of the component's own, or one that is there."""

    policy: Literal["", "anti-affinity", "soft-anti-affinity", "affinity", "soft-affinity"] = ""
    id: _Text = ""


class BootVolume(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The volume that the server boots from, and that goes with it."""

    size_gib: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = msgspec.field(name="sizeGiB")
    type: _Text = ""


class Spec(View, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The spec of a template for servers of a cloud."""

    flavor: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    image: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    networks: tuple[Network, ...] = ()
    security_groups: tuple[_Text, ...] = ()
    availability_zone: _Text = ""
    server_group: ServerGroup | None = None
    boot_volume: BootVolume | None = None
    key_name: _Text = ""
    config_drive: bool = False
    user_data: str = ""
    metadata: dict[_Text, _Text] = {}  # noqa: RUF012 - msgspec copies an empty default
    readiness: Readiness = Readiness()


class _Template(View, frozen=True, kw_only=True):
    spec: Spec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The demands of a template on a server's ports, by ids."""

    # The network outside that a floating IP comes from, by the network whose port gets it.
    outside: Mapping[str, str] = dataclasses.field(default_factory=dict)
    security_groups: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The ids that the names of a template stand for in the cloud."""

    flavor: str
    flavor_name: str
    image: str
    networks: tuple[str, ...]
    links: Links = Links()
    group: str = ""
    # The volumes of the server itself, by their claims.
    volumes: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read(template: bytes) -> Spec:
    """Return what a template says; raises TemplateRefused where it is none for a cloud."""
    try:
        return _read(template)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refused(f"the template is not one for a cloud: {error}") from error


@remembered.by_content(512)
def _read(template: bytes) -> Spec:
    canonical = rendering.canonical(msgspec.Raw(template))
    spec = msgspec.json.decode(canonical, type=_Template).spec
    _check(spec)
    return spec


def _check(spec: Spec) -> None:
    kinds = (
        spec.readiness.active, spec.readiness.console, spec.readiness.tcp, spec.readiness.http
    )  # fmt: skip
    if sum(each is not None for each in kinds) > 1:
        raise refused("spec.readiness must name one of active, console, tcp and http")
    group = spec.server_group
    if group is not None and bool(group.policy) == bool(group.id):
        raise refused("spec.serverGroup must have a policy or an id")
    # A cloud's database may not tell capitals apart.
    if any(key.lower().startswith("argosy.") for key in spec.metadata):
        raise refused("spec.metadata must not have keys that begin with argosy.")
    if len(spec.user_data.encode()) > LARGEST_USER_DATA:
        raise refused("spec.userData must have 49,149 bytes at most")


def refused(message: str) -> errors.TemplateRefused:
    """Return the refusal of a template."""
    return errors.TemplateRefused(message, reason=ProviderReason.TEMPLATE_REFUSED)


def security(spec: Spec) -> str:
    """Return what tells apart servers whose ports have other security groups."""
    text = msgspec.json.encode(spec.security_groups)
    return hashlib.sha256(text).hexdigest()[:16]


def contents(spec: Spec) -> str:
    """Return what tells servers apart that only a rebuild makes the same."""
    text = msgspec.json.encode((spec.image, spec.user_data, spec.key_name))
    return hashlib.sha256(text).hexdigest()[:16]


def remains(before: Spec, after: Spec) -> bool:
    """Return whether one can become the other where it is: all that stays is as it was."""
    return _fixed(before) == _fixed(after)


def can_change(before: bytes, after: bytes, *, rebuilds: bool, resizes: bool) -> bool:
    """Return whether a server of one template becomes one of another, by what the Fleet lets it."""
    try:
        one, other = read(before), read(after)
    except errors.TemplateRefused:
        return False
    if not remains(one, other) or (one.flavor != other.flavor and not resizes):
        return False
    # A rebuild leaves a volume as it is, or costs what is on it, by the cloud's release.
    return contents(one) == contents(other) or (rebuilds and other.boot_volume is None)


def _fixed(spec: Spec) -> Spec:
    """Return a spec without what a rebuild, a resize or a change of its ports makes another."""
    networks = tuple(Network(name=each.name) for each in spec.networks)
    return msgspec.structs.replace(
        spec, flavor="", image="", user_data="", key_name="", metadata={}, readiness=Readiness(),
        networks=networks, security_groups=(),
    )  # fmt: skip


def token(server: objects.Server) -> str:
    """Return what a server prints to be known as this incarnation at this revision."""
    spec = server.spec
    return names.digest(f"{server.metadata.uid}.{spec.incarnation}.{spec.revision}")


def metadata(
    server: objects.Server, call: contract.Call, spec: Spec, links: Links
) -> dict[str, str]:
    """Return the metadata of a server that is made, or made anew, from a template."""
    known = server.spec.recovery.alternatives
    named = known[call.alternative].name if 0 <= call.alternative < len(known) else ""
    more = dict(spec.metadata)
    more[machines.CONTENTS] = contents(spec)
    more[machines.FLAVOR] = spec.flavor
    more[machines.READINESS] = readiness(spec)
    more[machines.TOKEN] = token(server)
    more[machines.SECURITY] = security(spec)
    for number, (network, outside) in enumerate(links.outside.items()):
        more[f"{machines.FLOATING}{number}"] = f"{network} {outside}"
    if spec.boot_volume is not None:
        more[machines.BOOTS_FROM] = machines.VOLUME
    return machines.metadata(
        namespace=server.metadata.namespace, name=server.metadata.name,
        revision=server.spec.revision, place=call.alternative, alternative=named, more=more,
    )  # fmt: skip


def readiness(spec: Spec) -> str:
    """Return how readiness is told, as the server's metadata keep it for the next operator."""
    return msgspec.json.encode(spec.readiness).decode()


def user_data(server: objects.Server, spec: Spec, volumes: Mapping[str, str]) -> str:
    """Return the user data of one server in base64, its names filled in; empty for none.

    `volumes` are the ids of the server's volumes by their claims.
    """
    if not spec.user_data:
        return ""
    values = {
        "$(SERVER)": server.metadata.name,
        "$(SERVER_ORDINAL)": str(server.spec.ordinal),
        "$(APPLICATION)": server.spec.application,
        "$(READY_TOKEN)": token(server),
        **{f"$(VOLUME.{claim})": each for claim, each in volumes.items()},
    }
    text = spec.user_data
    for name, value in values.items():
        text = text.replace(name, value)
    raw = text.encode()
    if len(raw) > LARGEST_USER_DATA:
        raise refused("spec.userData must have 49,149 bytes at most with its names filled in")
    return base64.b64encode(raw).decode()


def zone(spec: Spec, call: contract.Call) -> str:
    """Return the availability zone of a new server; empty for any."""
    return spec.availability_zone or call.placement.domain


def new(
    server: objects.Server, call: contract.Call, spec: Spec, ids: Ids, fleet: str
) -> dict[str, Any]:
    """Return the body of the POST that makes a server."""
    marks = metadata(server, call, spec, ids.links)
    if ids.group:
        marks[machines.GROUP] = ids.group
    body: dict[str, Any] = {
        "name": server.metadata.name,
        "flavorRef": ids.flavor,
        # A server that boots from a volume names its image there.
        "imageRef": ids.image if spec.boot_volume is None else "",
        "networks": [{"uuid": each} for each in ids.networks] or "auto",
        "tags": [
            machines.server_tag(server.metadata.uid, server.spec.incarnation),
            machines.fleet_tag(fleet),
        ],
        "metadata": marks,
        "config_drive": spec.config_drive,
    }
    given = {
        "security_groups": [{"name": each} for each in ids.links.security_groups],
        "availability_zone": zone(spec, call),
        "key_name": spec.key_name,
        "user_data": user_data(server, spec, ids.volumes),
        "block_device_mapping_v2": devices(spec, ids),
    }
    asked: dict[str, Any] = {"server": body | {key: each for key, each in given.items() if each}}
    if ids.group:
        asked["os:scheduler_hints"] = {"group": ids.group}
    return asked


def devices(spec: Spec, ids: Ids) -> list[dict[str, Any]]:
    """Return what Nova is told of a server's disks, where it has volumes: the image's goes first.

    The disk that the server boots from goes with it; the volumes that it claims outlive it.
    """
    boot = spec.boot_volume
    if not ids.volumes and boot is None:
        return []
    root: dict[str, Any] = {
        "boot_index": 0, "uuid": ids.image, "source_type": "image", "destination_type": "local",
        "delete_on_termination": True,
    }  # fmt: skip
    if boot is not None:
        root |= {"destination_type": "volume", "volume_size": boot.size_gib}
        root |= {"volume_type": boot.type} if boot.type else {}
    data = {
        "boot_index": -1, "source_type": "volume", "destination_type": "volume",
        "delete_on_termination": False,
    }  # fmt: skip
    return [root, *({**data, "uuid": each} for each in ids.volumes.values())]


def rebuilt(server: objects.Server, call: contract.Call, spec: Spec, ids: Ids) -> Mapping[str, Any]:
    """Return the body of the action that makes a server anew on what it has."""
    return {
        "rebuild": {
            "imageRef": ids.image,
            "metadata": metadata(server, call, spec, ids.links),
            "user_data": user_data(server, spec, ids.volumes) or None,
            "key_name": spec.key_name or None,
        }
    }
