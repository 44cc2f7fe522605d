"""A cluster whose operator makes servers of a real OpenStack, through proxies that can go wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from devcluster import client, cluster, controlplane, operator
from devcluster.openstack import api, cloud, identity, layout
from devcluster.openstack.fixtures import wait_for
from proof.faults import serving
from proof.faults.cloud import CloudProxy, Rule

GROUP = "/apis/argosy.dev/v1alpha1"
NAMESPACE = f"{GROUP}/namespaces/default"
USER = identity.TENANTS[0]
VALUES = ("fleets.clusterRole=true", "fleets.clouds=true")
# Which zones the servers of a fleet are in.
FLEETS = {"cloud": layout.ZONES, "cloud-real": (layout.REAL,)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The cluster, its operator, and the cloud as it stands behind the proxies."""

    cluster: cluster.Cluster
    proxy: CloudProxy
    cloud: cloud.Cloud
    nova: api.Client
    plan: layout.Plan

    @property
    def operator(self) -> operator.Operator:
        """The one that runs."""
        return operator.running(self.cluster)[0]

    def apply(
        self, name: str, replicas: int, spec: Mapping[str, Any], fleet: str, **more: Any
    ) -> None:
        """Create an application of one component, `web`, which says `more` as well."""
        component = {"name": "web", "replicas": replicas, "template": {"spec": spec}, **more}
        body = {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name},
            "spec": {"fleet": fleet, "components": [component]},
        }
        self.create(body)

    def survives(self, rule: Rule, name: str, ask: Callable[[], None]) -> None:
        """Kill the operator in the call that a rule is about; its successor gets `name` Ready."""
        self.proxy.rules = [rule]
        ask()
        wait_for(f"the POST of {name}", lambda: rule.times == 0)
        self.operator.kill()
        self.operator.start()
        self.wait_ready(name, 1)

    def hosts(self, zone: str) -> int:
        """Return how many hosts a zone has."""
        return list(self.plan.hosts.values()).count(zone)

    def change(self, name: str, spec: Mapping[str, Any]) -> None:
        """Give the only component of an application another template."""
        known = self.cluster.client.get(self.path(name))["spec"]["components"]
        changed = [{**each, "template": {"spec": spec}} for each in known]
        self.cluster.client.merge(self.path(name), {"spec": {"components": changed}})

    def scale(self, name: str, replicas: int) -> None:
        """Have the only component of an application have so many servers."""
        known = self.cluster.client.get(self.path(name))["spec"]["components"]
        changed = [{**each, "replicas": replicas} for each in known]
        self.cluster.client.merge(self.path(name), {"spec": {"components": changed}})

    def create(self, body: Mapping[str, Any]) -> None:
        """Create an application, or an operation."""
        plural = f"{body['kind'].lower()}s"
        self.cluster.client.create(f"{NAMESPACE}/{plural}", body)

    def path(self, name: str) -> str:
        """Return where an application is in the API."""
        return f"{NAMESPACE}/applications/{name}"

    def delete(self, name: str) -> None:
        """Delete an application, and wait until neither cluster nor cloud has anything of it."""
        self.cluster.client.delete(self.path(name))
        wait_for("no objects", lambda: not self.servers(name), lambda: self.servers(name))
        wait_for("no servers", lambda: not self.made(name), lambda: self.made(name))
        listed = f"{NAMESPACE}/applications?fieldSelector=metadata.name%3D{name}"
        wait_for(f"the end of {name}", lambda: not self.cluster.client.get(listed)["items"])

    def servers(self, name: str) -> list[Mapping[str, Any]]:
        """Return the Server objects of an application."""
        found: list[Mapping[str, Any]]
        found = self.cluster.client.get(f"{NAMESPACE}/servers")["items"]
        return [each for each in found if each["metadata"]["name"].startswith(f"{name}-")]

    def kept(self, name: str) -> dict[str, tuple[str, str]]:
        """Return the servers of an application that stay, Ready or not: UID and id in the cloud."""
        return _identities(self.servers(name))

    def standing(self, name: str) -> dict[str, tuple[str, str]]:
        """Return those of them that are Ready."""
        return _identities(each for each in self.servers(name) if cluster.ready(dict(each)))

    def words(self, name: str) -> str:
        """Return all that the servers of an application say of themselves."""
        return str([each.get("status") for each in self.servers(name)])

    def made(self, name: str) -> list[str]:
        """Return what servers Nova has of an application, by the names of the objects."""
        listed = self.nova.get("compute", "/servers/detail?limit=1000")["servers"]
        names = [str(each["metadata"].get("argosy.server", "")) for each in listed]
        return sorted(each for each in names if each.startswith(f"default/{name}-"))

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """Return Nova's servers of an application."""
        listed = self.nova.get("compute", "/servers/detail?limit=1000")["servers"]
        prefix = f"default/{name}-"
        return [
            each for each in listed if each["metadata"].get("argosy.server", "").startswith(prefix)
        ]

    def row(self, name: str) -> Mapping[str, Any]:
        """Return Nova's only server of an application."""
        (only,) = self.rows(name)
        return only

    def operate(self, name: str, action: str, **parameters: str) -> None:
        """Have an operation done on an application, and wait until it has succeeded."""
        called = f"{name}-{action.lower()}"
        spec = {"application": name, "action": action}
        given = {"parameters": parameters} if parameters else {}
        self.create(
            {
                "apiVersion": "argosy.dev/v1alpha1",
                "kind": "Operation",
                "metadata": {"name": called},
                "spec": {**spec, **given},
            }
        )

        def seen() -> list[Mapping[str, Any]]:
            found = self.cluster.client.get(f"{NAMESPACE}/operations/{called}")
            told: list[Mapping[str, Any]] = found.get("status", {}).get("conditions", [])
            return told

        wait_for(
            f"{called} to succeed",
            lambda: any(
                each["type"] == "Succeeded" and each["status"] == "True" for each in seen()
            ),
            seen,
        )

    def wait_application(self, name: str) -> None:
        """Wait until an application says that it is Ready."""

        def seen() -> dict[str, Any]:
            return dict(self.cluster.client.get(self.path(name)))

        wait_for(f"{name} to be Ready", lambda: cluster.ready(seen()), seen)

    def wait_ready(self, name: str, replicas: int) -> None:
        """Wait until so many servers are Ready."""

        def are() -> bool:
            known = self.servers(name)
            return len(known) == replicas and all(map(cluster.ready, map(dict, known)))

        wait_for(
            f"{replicas} ready", are, lambda: [each.get("status") for each in self.servers(name)]
        )


@pytest.fixture(scope="module")
def world(own_cloud: cloud.Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster with an operator that has the credentials of the proxies' cloud, and two fleets."""
    one = cluster.Cluster(tmp_path_factory.mktemp("cloud"))
    try:
        one.start(controlplane.Settings(nodes=1))
        with serving.serving(lambda: CloudProxy(own_cloud.clouds, USER)) as handle:
            operator.run(one, values=VALUES)
            wait_for("the kinds to be served", lambda: _serves(one.client))
            plan = own_cloud.plan
            _equip(one.client, handle.proxy, plan)
            nova = own_cloud.client(USER)
            yield World(cluster=one, proxy=handle.proxy, cloud=own_cloud, nova=nova, plan=plan)
            operator.stop(one)
    finally:
        one.stop()


def _serves(given: client.Client) -> bool:
    """Whether the API server answers for our kinds: of new ones it says that it is busy."""
    try:
        for path in (f"{GROUP}/fleets", f"{NAMESPACE}/applications", f"{NAMESPACE}/servers"):
            given.get(path)
    except client.ApiError:
        return False
    return True


def _equip(given: client.Client, proxy: CloudProxy, plan: layout.Plan) -> None:
    secret = {
        "metadata": {"name": "argosy-clouds"},
        "stringData": {"clouds.yaml": proxy.clouds.read_text()},
    }
    given.create(f"/api/v1/namespaces/{operator.NAMESPACE}/secrets", secret)
    for name, zones in FLEETS.items():
        spec = {
            "provider": "openstack",
            "openstack": {
                "cloud": USER,
                "rebuild": "WhenPossible",
                "resize": "WhenPossible",
                # Real guests serve pages there.
                "probeCIDRs": [plan.range],
            },
            "failureDomains": [{"name": each} for each in zones],
        }
        body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "spec": spec}
        given.create(f"{GROUP}/fleets", {**body, "metadata": {"name": name}})


def _identities(servers: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    return {
        each["metadata"]["name"]: (each["metadata"]["uid"], each["status"]["provider"]["id"])
        for each in servers
        if "deletionTimestamp" not in each["metadata"]
    }
