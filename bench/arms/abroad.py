"""Argosy on a cloud: an application of one component, made and deleted by a running operator.

`clouds` has it take its turn beside a plain client and Heat. The operator runs under the chart's
ServiceAccount, with the limits that a Fleet has when it names none.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.arms import place
from devcluster import client, cluster, controlplane, errors, operator, processes
from devcluster.openstack import cloud, identity

NAME = "Argosy"
FLEET = "west"
GROUP = "/apis/argosy.dev/v1alpha1"
APPLICATIONS = f"{GROUP}/namespaces/default/applications"
OPERATIONS = f"{GROUP}/namespaces/default/operations"
VALUES = ("fleets.clusterRole=true", "fleets.clouds=true")
SERVED_SECONDS = 60


class Argosy:
    """Applies an application, and deletes it."""

    name = NAME
    engine = "controller"
    survives = True

    def __init__(self, chosen: place.Place) -> None:
        if chosen.operated is None:
            raise errors.DevclusterError("Argosy needs a cluster with an operator")
        self._place = chosen
        self._operated = chosen.operated
        self._client = chosen.operated.client
        self.folders: tuple[Path, ...] = (chosen.operated.dir,)
        self._path = self._name = ""
        self._count = 0
        self._operations: list[str] = []

    def create(self, count: int) -> None:
        """Apply an application of so many servers."""
        self._name, self._count = f"fleet-{secrets.token_hex(3)}", count
        self._client.create(APPLICATIONS, self.body(self._name, count))
        self._path = f"{APPLICATIONS}/{self._name}"

    def update(self) -> None:
        """Give the application the other image; its Fleet lets servers be rebuilt."""
        body = self.body(self._name, self._count, self._place.other)
        self._client.merge(self._path, {"spec": body["spec"]})

    def restart(self) -> None:
        """Have each half restarted by an operation of its own, both at once."""
        half = self._count // 2
        for servers in (f"0-{half - 1}", f"{half}-{self._count - 1}"):
            name = f"restart-{secrets.token_hex(3)}"
            spec = {"application": self._name, "action": "Restart", "servers": servers}
            head = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Operation"}
            self._client.create(OPERATIONS, {**head, "metadata": {"name": name}, "spec": spec})
            self._operations.append(f"{OPERATIONS}/{name}")

    def delete(self) -> None:
        """Delete the application."""
        self._operations.clear()
        self._client.delete(self._path)

    def kill(self) -> None:
        """Kill the operator, and start it again as the kubelet does."""
        for each in operator.running(self._operated):
            each.restart()

    def again(self) -> None:
        """Refuse: what was asked for is still asked for."""
        raise errors.DevclusterError(f"{self._path} has stalled")

    def done(self) -> bool:
        """Whether the application is Ready, or gone; one that has stalled tells why."""
        if not all(map(self._has_succeeded, self._operations)):
            return False
        try:
            found = self._client.get(self._path)
        except client.ApiError as error:
            if error.status != client.NOT_FOUND:
                raise
            return True
        told = {each["type"]: each for each in found.get("status", {}).get("conditions", ())}
        if told.get("Stalled", {}).get("status") == "True":
            raise place.GaveUp(f"{self._path} has stalled: {told['Stalled']['message']}")
        meta = found["metadata"]
        is_seen = found["status"].get("observedGeneration") == meta.get("generation")
        is_going = "deletionTimestamp" in meta
        return is_seen and not is_going and told.get("Ready", {}).get("status") == "True"

    def _has_succeeded(self, path: str) -> bool:
        told = self._client.get(path).get("status", {}).get("conditions", ())
        (found,) = [each for each in told if each["type"] == "Succeeded"] or [{}]
        if found.get("status") == "False":
            raise place.GaveUp(f"{path}: {found['message']}")
        return bool(found.get("status") == "True")

    def body(self, name: str, count: int, image: str = "") -> dict[str, Any]:
        """Return an application whose servers are as those of the other arms, all at once."""
        spec = {
            "flavor": self._place.flavor,
            "image": image or self._place.image,
            "networks": [{"name": self._place.network}],
            "availabilityZone": self._place.zone,
        }
        component = {
            "name": "web",
            "replicas": count,
            "rollout": {"maxUnavailable": "100%"},
            "template": {"spec": spec},
        }
        return {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name},
            "spec": {"fleet": FLEET, "components": [component]},
        }


@contextlib.contextmanager
def operated(chosen: cloud.Cloud, folder: Path) -> Iterator[cluster.Cluster]:
    """Lend a cluster whose operator makes servers in a cloud."""
    one = cluster.Cluster(folder)
    try:
        one.start(controlplane.Settings(nodes=1))
        operator.run(one, values=VALUES)
        processes.wait_until(lambda: _serves(one.client), SERVED_SECONDS)
        _equip(one.client, chosen)
        yield one
        operator.stop(one)
    finally:
        one.stop()


def _serves(given: client.Client) -> bool:
    """Whether the API server answers for our kinds: of new ones it says that it is busy."""
    try:
        given.get(f"{GROUP}/fleets")
        given.get(APPLICATIONS)
    except client.ApiError:
        return False
    return True


def _equip(given: client.Client, chosen: cloud.Cloud) -> None:
    secret = {
        "metadata": {"name": "argosy-clouds"},
        "stringData": {"clouds.yaml": chosen.clouds.read_text()},
    }
    given.create(f"/api/v1/namespaces/{operator.NAMESPACE}/secrets", secret)
    settings = {"cloud": identity.TENANTS[0], "rebuild": "WhenPossible"}
    spec = {"provider": "openstack", "openstack": settings}
    body = {"apiVersion": "argosy.dev/v1alpha1", "kind": "Fleet", "spec": spec}
    given.create(f"{GROUP}/fleets", {**body, "metadata": {"name": FLEET}})
