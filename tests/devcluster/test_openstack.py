"""The cloud of devcluster, or any other: servers live and die as Nova says, and services break."""

import asyncio
import base64
import dataclasses
import http.client
import re
import secrets
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from devcluster import errors
from devcluster.openstack import (
    api,
    cells,
    cloud,
    identity,
    layout,
    packages,
    services,
    stock,
)
from devcluster.openstack.fixtures import Tenant, wait_for
from proof.faults import cloud as faults
from tests.docs import pages

pytestmark = pytest.mark.cloud

READY = "argosy-ready"
# The package of each service.
RELEASES = {
    "Keystone": "keystone",
    "Nova": "nova-api",
    "Neutron": "neutron-server",
    "Glance": "glance-api",
    "Cinder": "cinder-api",
}


@pytest.fixture
def servers(tenant: Tenant) -> Iterator[list[str]]:
    """A list of servers that are gone after the test."""
    made: list[str] = []
    yield made
    tenant.delete(*made)


def shows(address: str) -> str:
    """Return the page that a machine serves; nothing while it serves none."""
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=5) as page:
            return str(page.read().decode())
    except (OSError, http.client.HTTPException):
        return ""


def image(client: api.Client, name: str) -> str:
    """Return the id of the image of this name."""
    return str(client.get("image", f"/images?name={name}")["images"][0]["id"])


def test_a_server_has_its_tags_and_an_address_and_goes(tenant: Tenant) -> None:
    """What was asked for is there when Nova says ACTIVE; after the delete it is nowhere."""
    made = tenant.create(tags=["argosy.test"], metadata={"role": "web"})
    server = tenant.until(made, "ACTIVE")
    assert server["tags"] == ["argosy.test"]
    assert server["metadata"] == {"role": "web"}
    assert [each for addresses in server["addresses"].values() for each in addresses]
    listed = tenant.client.get("compute", "/servers?tags=argosy.test")["servers"]
    assert made in [each["id"] for each in listed]
    tenant.delete(made)
    assert tenant.server(made) == {}


@pytest.mark.parametrize("zone", layout.ZONES)
def test_a_zone_has_hosts(
    own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str], zone: str
) -> None:
    """A server that asks for a zone is on one of its hosts."""
    servers.append(tenant.create(availability_zone=zone))
    assert tenant.until(servers[0], "ACTIVE")["OS-EXT-AZ:availability_zone"] == zone
    seen = own_cloud.client().get("compute", f"/servers/{servers[0]}")["server"]
    assert own_cloud.plan.hosts[seen["OS-EXT-SRV-ATTR:host"]] == zone


@pytest.mark.usefixtures("own_cloud")
def test_metadata_say_that_a_host_fails(tenant: Tenant, servers: list[str]) -> None:
    """Whoever tests a failed start asks the fake host for one; the others of its zone fail, too."""
    asked = {"argosy-host.fail": "the disk is full"}
    servers.append(tenant.create(metadata=asked, availability_zone="az2"))
    assert "retries" in tenant.until(servers[0], "ERROR")["fault"]["message"]


@pytest.mark.usefixtures("own_cloud")
def test_metadata_say_how_long_a_host_takes(tenant: Tenant, servers: list[str]) -> None:
    """A slow server is seen to be spawned before it is ACTIVE, and prints what it was told to."""
    asked = {"argosy-host.spawn": "3", "argosy-host.console": f"{READY} token"}
    servers.append(tenant.create(metadata=asked))
    seen: list[Any] = []

    def active() -> bool:
        seen.append(tenant.server(servers[0]))
        return bool(seen[-1]["status"] == "ACTIVE")

    wait_for("an active server", active, lambda: seen[-1:])
    assert "spawning" in [each["OS-EXT-STS:task_state"] for each in seen]
    said = tenant.act(servers[0], "os-getConsoleOutput", length=5)
    assert said["output"] == f"{READY} token"


def test_a_volume_outlives_the_server_that_had_it(tenant: Tenant) -> None:
    """A volume is attached, and is free again when its server is gone."""
    made = tenant.create()
    tenant.until(made, "ACTIVE")
    body = {"volume": {"size": 1, "name": "data"}}
    volume = tenant.client.post("volume", "/volumes", body)["volume"]["id"]

    def status() -> str:
        found = tenant.client.get("volume", f"/volumes/{volume}")["volume"]
        return str(found["status"])

    wait_for("a volume", lambda: status() == "available", status)
    path = f"/servers/{made}/os-volume_attachments"
    tenant.client.post("compute", path, {"volumeAttachment": {"volumeId": volume}})
    wait_for("the attachment", lambda: status() == "in-use", status)
    tenant.delete(made)
    wait_for("a free volume", lambda: status() == "available", status)
    tenant.client.delete("volume", f"/volumes/{volume}")


def test_a_snapshot_becomes_an_image(tenant: Tenant, servers: list[str]) -> None:
    """An image of a server gets active, and is found by the property it was asked for with."""
    servers.append(tenant.create())
    tenant.until(servers[0], "ACTIVE")
    wanted = {"name": "snapshot", "metadata": {"argosy_task": servers[0]}}
    made = tenant.act(servers[0], "createImage", **wanted)["image_id"]

    def found() -> list[tuple[str, str]]:
        images = tenant.client.get("image", f"/images?argosy_task={servers[0]}")["images"]
        return [(each["id"], each["status"]) for each in images]

    wait_for("an image", lambda: found() == [(made, "active")], found)
    tenant.client.delete("image", f"/images/{made}")


def test_a_floating_address_belongs_to_a_server(
    own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str]
) -> None:
    """A router leads from the tenant's network to the public one, so Neutron gives addresses."""
    servers.append(tenant.create())
    tenant.until(servers[0], "ACTIVE")
    outside = tenant.client.get("network", f"/networks?name={stock.PUBLIC}")["networks"][0]["id"]
    port = tenant.client.get("network", f"/ports?device_id={servers[0]}")["ports"][0]["id"]
    wanted = {"floatingip": {"floating_network_id": outside, "port_id": port}}
    made = tenant.client.post("network", "/floatingips", wanted)["floatingip"]

    def told() -> list[str]:
        addresses = tenant.server(servers[0])["addresses"][stock.NETWORK]
        return [each["addr"] for each in addresses if each["OS-EXT-IPS:type"] == "floating"]

    wait_for("its floating address", lambda: told() == [made["floating_ip_address"]], told)
    tenant.client.delete("network", f"/floatingips/{made['id']}")
    assert own_cloud.running


def test_the_other_tenant_sees_nothing_and_meets_its_quota(
    own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str]
) -> None:
    """Tenants are apart; the second has the limits that Nova gives everybody."""
    servers.append(tenant.create())
    tenant.until(servers[0], "ACTIVE")
    other = own_cloud.client(identity.TENANTS[1])
    assert other.get("compute", "/servers")["servers"] == []
    quota = f"/os-quota-sets/{other.project}"
    assert other.get("compute", quota)["quota_set"]["instances"] > 0
    own_cloud.client().call("PUT", "compute", quota, {"quota_set": {"instances": 0}})
    network = other.get("network", f"/networks?name={stock.NETWORK}")["networks"][0]["id"]
    wanted = {
        "name": "one-too-many",
        "flavorRef": tenant.flavor,
        "imageRef": tenant.image,
        "networks": [{"uuid": network}],
    }
    with pytest.raises(api.ApiError, match="Quota exceeded"):
        other.post("compute", "/servers", {"server": wanted})


async def test_a_server_whose_create_was_not_answered_is_found_by_its_tag(tenant: Tenant) -> None:
    """A lost answer leaves a server behind; nothing but its tag tells whose it is."""
    tag = f"argosy.{secrets.token_hex(8)}.1"
    async with faults.CloudProxy(tenant.clouds, tenant.cloud) as proxy:
        proxy.rules = [faults.Rule(kind=faults.Kind.LOST, service="compute", method="POST")]
        client = api.Client(api.Login.of(proxy.clouds, tenant.cloud))
        spoiled = dataclasses.replace(tenant, client=client)
        with pytest.raises(errors.DevclusterError):
            await asyncio.to_thread(spoiled.create, tags=[tag])
        assert [each.fault for each in proxy.made("compute", "POST")] == [faults.Kind.LOST]

    def found() -> list[str]:
        listed = tenant.client.get("compute", f"/servers?tags={tag}")["servers"]
        return [each["id"] for each in listed]

    # Nova shows what was posted a moment later.
    await asyncio.to_thread(wait_for, "the server", lambda: len(found()) == 1, found)
    await asyncio.to_thread(tenant.delete, *found())


def test_a_killed_service_is_started_again(own_cloud: cloud.Cloud, tenant: Tenant) -> None:
    """`up` on a cloud that lost a service starts that one, and leaves the others alone."""
    before = {name: each.pid for name, each in own_cloud.processes.all().items()}
    own_cloud.kill(layout.NOVA)
    with pytest.raises(errors.DevclusterError):
        tenant.client.get("compute", "/servers")
    assert not own_cloud.running
    own_cloud.start()
    tenant.client.get("compute", "/servers")
    after = {name: each.pid for name, each in own_cloud.processes.all().items()}
    assert {name for name in before if before[name] != after[name]} == {layout.NOVA}


def test_a_cell_that_is_cut_off_hides_its_servers(
    own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str]
) -> None:
    """Nova lists none of its servers, says UNKNOWN of each by its id, and has them all again."""
    servers.append(tenant.create(tags=["argosy.test-cell"]))
    tenant.until(servers[0], "ACTIVE")

    def listed() -> list[str]:
        found = tenant.client.get("compute", "/servers?tags=argosy.test-cell")["servers"]
        return [each["id"] for each in found]

    with cells.connected(own_cloud) as cut:
        assert listed() == servers
        cut.begin()
        assert listed() == []
        assert tenant.server(servers[0])["status"] == "UNKNOWN"
        cut.end()
        assert listed() == servers
    assert tenant.server(servers[0])["status"] == "ACTIVE"


def test_a_token_that_is_revoked_is_good_for_nothing(
    own_cloud: cloud.Cloud, tenant: Tenant
) -> None:
    """Nova had seen that it was good, and asks Keystone anew."""
    client = api.Client(api.Login.of(tenant.clouds, tenant.cloud))
    client.get("compute", "/servers")
    identity.revoke(own_cloud.plan, [client._token])
    with pytest.raises(api.ApiError, match="401"):
        client.get("compute", "/servers")


def test_the_guide_names_the_releases_of_this_cloud(own_cloud: cloud.Cloud) -> None:
    """By the packages that are installed, and by the newest API that Nova speaks."""
    page = (pages.ROOT / "docs/how-to/openstack.md").read_text()
    told = dict(re.findall(r"(Keystone|Nova|Neutron|Glance|Cinder) (\d+)", page))
    known = packages.versions()
    found = {
        service: known[package].partition(":")[2].partition(".")[0]
        for service, package in RELEASES.items()
    }
    assert told == found
    newest = own_cloud.client().get("compute", "/")["version"]["version"]
    assert f"Nova {found['Nova']} ({newest})" in page


def test_a_frozen_host_goes_on(own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str]) -> None:
    """While its hosts stand still a zone makes no server; then it does, and nothing was lost."""
    hosts = [services.compute(host) for host, zone in own_cloud.plan.hosts.items() if zone == "az3"]
    for each in hosts:
        own_cloud.pause(each)
    servers.append(tenant.create(availability_zone="az3"))
    wait_for("a host", lambda: bool(tenant.server(servers[0])["OS-EXT-AZ:availability_zone"]))
    assert tenant.server(servers[0])["status"] == "BUILD"
    for each in hosts:
        own_cloud.resume(each)
    tenant.until(servers[0], "ACTIVE")


def test_a_real_machine_boots_and_says_that_it_is_ready(
    own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str]
) -> None:
    """A guest runs its user data, serves HTTP, prints its readiness, and heeds stop and start."""
    told = f"#!/bin/sh\necho {READY} token-1 >/dev/console\n"
    servers.append(
        tenant.create(
            imageRef=image(tenant.client, stock.REAL_IMAGES[0]),
            availability_zone=layout.REAL,
            config_drive=True,
            user_data=base64.b64encode(told.encode()).decode(),
        )
    )
    server = tenant.until(servers[0], "ACTIVE")
    address = server["addresses"][stock.NETWORK][0]["addr"]

    def printed() -> str:
        return str(tenant.act(servers[0], "os-getConsoleOutput", length=40)["output"])

    wait_for("its page", lambda: "boots=1" in shows(address), printed)
    assert f"{READY} token-1" in printed()
    tenant.act(servers[0], "os-stop")
    tenant.until(servers[0], "SHUTOFF")
    assert shows(address) == ""
    tenant.act(servers[0], "os-start")
    tenant.until(servers[0], "ACTIVE")
    # The disk has counted: it is the same machine.
    wait_for("its page again", lambda: "boots=2" in shows(address), printed)
    assert own_cloud.running


def test_a_real_machine_whose_user_data_fails_is_active_and_serves_nothing(
    own_cloud: cloud.Cloud, tenant: Tenant, servers: list[str]
) -> None:
    """ACTIVE says that a hypervisor started something; only the console tells the rest."""
    told = "#!/bin/sh\necho argosy-failed token-2 no disk >/dev/console\nexit 3\n"
    servers.append(
        tenant.create(
            imageRef=image(tenant.client, stock.REAL_IMAGES[0]),
            availability_zone=layout.REAL,
            config_drive=True,
            user_data=base64.b64encode(told.encode()).decode(),
        )
    )
    server = tenant.until(servers[0], "ACTIVE")

    def printed() -> str:
        return str(tenant.act(servers[0], "os-getConsoleOutput", length=40)["output"])

    wait_for("the guest's end", lambda: "user_data=3" in printed(), printed)
    assert "argosy-failed token-2 no disk" in printed()
    assert shows(server["addresses"][stock.NETWORK][0]["addr"]) == ""
    assert own_cloud.running
