"""What a cloud offers: flavors, images, networks, volume types, zones, room for thousands.

`cloud` has it laid in once the services answer; a second call finds everything there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devcluster.openstack import api, identity, layout
from devcluster.openstack.layout import Plan

# Name: MiB of memory, GiB of disk, processors. Real machines need 128 MiB.
FLAVORS: Mapping[str, tuple[int, int, int]] = {
    "m1.tiny": (128, 1, 1),
    "m1.small": (160, 1, 1),
    "m1.medium": (512, 5, 2),
    # Fits nowhere: for tests of what has no room.
    "m1.huge": (999_999_999, 1, 1),
}
FAKE_IMAGES = ("debian-13", "debian-12")
REAL_IMAGES = ("guest-1", "guest-2")
NETWORK, SECOND_NETWORK, PUBLIC = "tenant", "front", "public"
SECOND_RANGE = "10.127.0.0/16"
VOLUME_TYPES = ("standard", "ssd")
UNLIMITED = {
    "instances": -1,
    "cores": -1,
    "ram": -1,
    "metadata_items": 128,
    "server_groups": -1,
    "server_group_members": -1,
    "key_pairs": -1,
}
UNLIMITED_VOLUMES = {"volumes": -1, "gigabytes": -1, "snapshots": -1}
KERNEL_ARGUMENTS = "root=/dev/vda console=ttyS0 quiet panic=-1"


def lay_in(plan: Plan, guest: Path | None) -> None:
    """Make what is missing; `guest` is the folder of the real machines' image."""
    admin = api.Client(identity.login(plan, identity.ADMIN))
    _flavors(admin)
    _images(admin, guest)
    public = _public(admin)
    _volume_types(admin)
    for each in identity.TENANTS:
        client = api.Client(identity.login(plan, each))
        _networks(client, plan, public)
        # Only the first is without limits: quotas are for the others to meet.
        if each == identity.TENANTS[0]:
            quota = f"/os-quota-sets/{client.project}"
            admin.call("PUT", "compute", quota, {"quota_set": UNLIMITED})
            admin.call("PUT", "volume", quota, {"quota_set": UNLIMITED_VOLUMES})
            groups = {"quota": {"security_group": -1, "security_group_rule": -1}}
            admin.call("PUT", "network", f"/quotas/{client.project}", groups)


def hosts(plan: Plan) -> set[str]:
    """Return the compute hosts that the cloud gives servers to."""
    admin = api.Client(identity.login(plan, identity.ADMIN))
    found = admin.get("compute", "/os-hypervisors/detail?with_servers=false")["hypervisors"]
    return {each["service"]["host"] for each in found if each["state"] == "up"}


def divide(plan: Plan) -> None:
    """Put the hosts into their zones."""
    admin = api.Client(identity.login(plan, identity.ADMIN))
    known = {each["name"]: each for each in admin.get("compute", "/os-aggregates")["aggregates"]}
    for host, zone in plan.hosts.items():
        if zone not in known:
            body = {"aggregate": {"name": zone, "availability_zone": zone}}
            known[zone] = admin.post("compute", "/os-aggregates", body)["aggregate"]
        if host not in known[zone].get("hosts", ()):
            path = f"/os-aggregates/{known[zone]['id']}/action"
            known[zone] = admin.post("compute", path, {"add_host": {"host": host}})["aggregate"]


def _flavors(admin: api.Client) -> None:
    known = {each["name"] for each in admin.get("compute", "/flavors")["flavors"]}
    for name, (ram, disk, cpus) in FLAVORS.items():
        if name not in known:
            flavor = {"name": name, "id": name, "ram": ram, "disk": disk, "vcpus": cpus}
            admin.post("compute", "/flavors", {"flavor": flavor})


def _images(admin: api.Client, guest: Path | None) -> None:
    for name in FAKE_IMAGES:
        _image(admin, name, b"nothing boots from this\n", "raw")
    if guest is None:
        return
    kernel = _image(admin, "guest-kernel", (guest / "vmlinuz").read_bytes(), "aki")
    memory = _image(admin, "guest-initrd", (guest / "initrd").read_bytes(), "ari")
    properties = {
        "kernel_id": kernel,
        "ramdisk_id": memory,
        "hw_rng_model": "virtio",
        "os_command_line": KERNEL_ARGUMENTS,
    }
    for name in REAL_IMAGES:
        _image(admin, name, bytes(1 << 20), "raw", **properties)


def _image(admin: api.Client, name: str, data: bytes, form: str, **properties: str) -> str:
    known = admin.get("image", f"/images?name={name}")["images"]
    for each in known:
        if each["status"] == "active":
            return str(each["id"])
    container = form if form in ("aki", "ari") else "bare"
    body = {"name": name, "disk_format": form, "container_format": container, **properties}
    made = admin.post("image", "/images", {**body, "visibility": "public"})
    admin.call("PUT", "image", f"/images/{made['id']}/file", data=data)
    return str(made["id"])


def _public(admin: api.Client) -> str:
    known = admin.get("network", f"/networks?name={PUBLIC}")["networks"]
    if known:
        return str(known[0]["id"])
    outside = {"name": PUBLIC, "router:external": True, "shared": False}
    network = admin.post("network", "/networks", {"network": outside})["network"]["id"]
    _subnet(admin, str(network), layout.PUBLIC_RANGE)
    return str(network)


def _networks(client: api.Client, plan: Plan, public: str) -> None:
    known = client.get("network", f"/networks?project_id={client.project}")["networks"]
    names = {each["name"] for each in known}
    subnets = []
    for name, addresses in ((NETWORK, plan.range), (SECOND_NETWORK, SECOND_RANGE)):
        if name not in names:
            body = {"network": {"name": name}}
            network = client.post("network", "/networks", body)["network"]["id"]
            subnets.append(_subnet(client, str(network), addresses))
    if not subnets:
        return
    way = {"name": "router", "external_gateway_info": {"network_id": public}}
    router = client.post("network", "/routers", {"router": way})["router"]["id"]
    for each in subnets:
        path = f"/routers/{router}/add_router_interface"
        client.call("PUT", "network", path, {"subnet_id": each})


def _subnet(client: api.Client, network: str, addresses: str) -> str:
    start = addresses.removesuffix("0.0/16")
    subnet: dict[str, Any] = {
        "network_id": network,
        "ip_version": 4,
        "cidr": addresses,
        "gateway_ip": f"{start}0.1",
        # Nothing answers DHCP: guests find their address on the config drive.
        "enable_dhcp": False,
        "allocation_pools": [{"start": f"{start}1.0", "end": f"{start}254.254"}],
    }
    made = client.post("network", "/subnets", {"subnet": subnet})
    return str(made["subnet"]["id"])


def _volume_types(admin: api.Client) -> None:
    known = {each["name"] for each in admin.get("volume", "/types")["volume_types"]}
    for name in VOLUME_TYPES:
        if name not in known:
            body = {"volume_type": {"name": name, "os-volume-type-access:is_public": True}}
            admin.post("volume", "/types", body)
