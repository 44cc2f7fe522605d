"""How end-to-end tests drive a cluster: applications as people write them, and a look at the world.

A `Kube` is one namespace, an `App` one application in it. Everything is read from the API server
each time it is asked for; whatever takes time is waited for with a deadline, never for a time.
"""

from __future__ import annotations

import copy
import dataclasses
import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client
from devcluster.cluster import Cluster
from proof import history

PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.2
HOOK = "kwok.argosy.dev/"
# All that Argosy makes for an application, by what belongs to it.
MADE = (
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.PODS,
    Resource.SERVICES,
    Resource.CLAIMS,
    Resource.REVISIONS,
)

Object = dict[str, Any]
Found = TypeVar("Found")


def component(
    name: str = "web",
    *,
    replicas: int | None = 2,
    image: str = "app:1",
    hooks: Mapping[str, str] | None = None,
    **fields: Any,
) -> Object:
    """Return a component; `hooks` tell kwok how its pods are to behave, `fields` are added."""
    template: Object = {"spec": {"containers": [{"name": "main", "image": image}]}}
    if hooks:
        marks = {HOOK + key: value for key, value in hooks.items()}
        template["metadata"] = {"annotations": marks}
    made: Object = {"name": name, "template": template, **fields}
    if replicas is not None:
        made["replicas"] = replicas
    return made


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where operators run; without a cluster of ours there is nothing to break or look into."""

    api: client.Client
    cluster: Cluster | None = None

    @property
    def audit_log(self) -> Path | None:
        """What the API server recorded."""
        return self.cluster.audit_log if self.cluster else None


class Kube:
    """One namespace, seen and changed with an administrator's rights."""

    def __init__(self, api: client.Client, namespace: str, audit_log: Path | None = None) -> None:
        self.api = api
        self.namespace = namespace
        self._audit_log = audit_log

    def app(self, *components: Object, name: str = "shop", **spec: Any) -> App:
        """Return an application, not yet applied."""
        return App(self, name, list(components), spec)

    def get(self, resource: Resource, name: str) -> Object | None:
        """Return an object, or None where there is none."""
        try:
            found: Object = self.api.get(resources.path(resource, self.namespace, name))
        except client.ApiError as error:
            if error.status == client.NOT_FOUND:
                return None
            raise
        return found

    def uid(self, resource: Resource, name: str) -> str:
        """Return the UID of an object, or nothing."""
        found = self.get(resource, name)
        return str(found["metadata"]["uid"]) if found else ""

    def list(self, resource: Resource, **labels: str) -> dict[str, Object]:
        """Return the objects of a resource with these labels of ours, by name."""
        query = ",".join(f"argosy.dev/{key}={value}" for key, value in labels.items())
        path = resources.path(resource, self.namespace)
        found = self.api.get(f"{path}?labelSelector={query}" if query else path)
        return {each["metadata"]["name"]: each for each in found["items"]}

    def create(self, resource: Resource, body: Object) -> Object:
        """Create an object as it is."""
        place = resources.PLACES[resource]
        whole = {"apiVersion": place.api_version, "kind": place.kind, **body}
        made: Object = self.api.create(resources.path(resource, self.namespace), whole)
        return made

    def patch(self, resource: Resource, name: str, body: Object, subresource: str = "") -> Object:
        """Merge a patch into an object, as `kubectl edit` does."""
        path = resources.path(resource, self.namespace, name, subresource)
        changed: Object = self.api.merge(path, body)
        return changed

    def annotate(self, resource: Resource, name: str, **hooks: str) -> None:
        """Tell kwok how a pod that is there is to behave from now on."""
        marks = {HOOK + key: value for key, value in hooks.items()}
        self.patch(resource, name, {"metadata": {"annotations": marks}})

    def delete(self, resource: Resource, name: str, policy: str = "Background") -> None:
        """Delete an object as `kubectl delete --cascade` does."""
        self.api.delete(
            resources.path(resource, self.namespace, name), {"propagationPolicy": policy}
        )

    def remove_fleet(self, name: str) -> None:
        """Delete a fleet once it says that it has no servers, as it must until then be there."""

        def removed() -> bool:
            try:
                self.api.delete(resources.path(Resource.FLEETS, name=name))
            except client.ApiError as error:
                if error.status != client.FORBIDDEN:
                    raise
                return False
            return True

        self.wait_until(f"fleet {name} is let go", removed)

    def whoami(self) -> str:
        """Return the user name under which the test acts."""
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "SelfSubjectReview",
        }
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        return str(self.api.create(path, review)["status"]["userInfo"]["username"])

    def scale(self, name: str, replicas: int) -> None:
        """Scale a ServerSet as `kubectl scale` and autoscalers do."""
        self.patch(Resource.SERVERSETS, name, {"spec": {"replicas": replicas}}, "scale")

    def wait_until(
        self, what: str, condition: Callable[[], Found], seconds: float = PATIENCE_SECONDS
    ) -> Found:
        """Return what the condition finds as soon as that is something; fail after the deadline.

        An API server that does not answer is waited for, too, or that cannot just now.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = condition()
            except (OSError, http.client.HTTPException):
                found = None
            except client.ApiError as error:
                if not error.may_pass:
                    raise
                found = None
            if found:
                return found
            if time.monotonic() > deadline:
                pytest.fail(f"not in {seconds:.0f} s: {what}\n{self.picture()}", pytrace=True)
            time.sleep(POLL_SECONDS)

    def picture(self) -> str:
        """Return what is in the namespace, and what each object says of itself."""
        lines = []
        for resource in (Resource.APPLICATIONS, *MADE):
            for name, each in self.list(resource).items():
                status = each.get("status", {})
                told = [
                    f"{one['type']}={one['status']} {one.get('reason', '')} {one.get('message')}"
                    for one in status.get("conditions", [])
                ]
                going = " GOING" if each["metadata"].get("deletionTimestamp") else ""
                lines.append(f"{resource}/{name}{going}: {'; '.join(told)}")
                lines += [f"    {json.dumps(one)}" for one in status.get("blockedBy", [])]
        return "\n".join(lines)

    def history(self) -> history.History:
        """Return everything that was written in the namespace until now."""
        if self._audit_log is None:
            pytest.skip("this looks into an audit log, and a cluster that is given has none")
        return history.read(self._audit_log, namespaces=[self.namespace])


class App:
    """An application: its manifest, to be changed and applied, and what became of it."""

    def __init__(self, kube: Kube, name: str, components: list[Object], spec: Object) -> None:
        self.kube = kube
        self.name = name
        self.spec: Object = {**spec, "components": components}

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return resources.path(Resource.APPLICATIONS, self.kube.namespace, self.name)

    def component(self, name: str = "web") -> Object:
        """Return a component of the manifest, to be changed."""
        return next(each for each in self.spec["components"] if each["name"] == name)

    def container(self, component_name: str = "web") -> Object:
        """Return the container of a component of the manifest, to be changed."""
        made: Object = self.component(component_name)["template"]["spec"]["containers"][0]
        return made

    def set_image(self, image: str, component_name: str = "web") -> None:
        """Change an image, which needs no new pods, and apply."""
        self.container(component_name)["image"] = image
        self.apply()

    def set_env(self, value: str, component_name: str = "web") -> None:
        """Change an environment variable, which needs new pods, and apply."""
        self.container(component_name)["env"] = [{"name": "VERSION", "value": value}]
        self.apply()

    def apply(self) -> Object:
        """Apply the manifest as `kubectl apply --server-side` does."""
        place = resources.PLACES[Resource.APPLICATIONS]
        body = {
            "apiVersion": place.api_version,
            "kind": place.kind,
            "metadata": {"name": self.name},
            "spec": copy.deepcopy(self.spec),
        }
        made: Object = self.kube.api.apply(self.path, body, manager="tester")
        return made

    def annotate(self, **marks: str) -> None:
        """Annotate the application, as `kubectl annotate` does."""
        marked = {f"argosy.dev/{key.replace('_', '-')}": value for key, value in marks.items()}
        self.kube.patch(Resource.APPLICATIONS, self.name, {"metadata": {"annotations": marked}})

    # --- What it says -----------------------------------------------------------------------------

    def found(self) -> Object | None:
        """Return the application as the API server has it."""
        return self.kube.get(Resource.APPLICATIONS, self.name)

    def status(self) -> Object:
        """Return its status if it speaks of the current spec, else nothing."""
        found = self.found() or {}
        status: Object = found.get("status", {})
        current = found.get("metadata", {}).get("generation")
        return status if status.get("observedGeneration") == current else {}

    def says(self, kind: str) -> Object:
        """Return a condition of the current spec, or an empty one."""
        return condition({"status": self.status()}, kind)

    def ready(self) -> bool:
        """Whether it is ready at its current spec."""
        return self.says("Ready").get("status") == "True"

    def blocked_by(self) -> dict[str, Object]:
        """Return what it waits for, by object."""
        return {each["object"]: each for each in self.status().get("blockedBy", [])}

    def counts(self, component_name: str = "web") -> Object:
        """Return what its status says of a component."""
        told = self.status().get("components", [])
        return next((each for each in told if each["name"] == component_name), {})

    def wait_ready(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it is ready at its current spec."""
        self.kube.wait_until(f"{self.name} is ready", self.ready, seconds)

    def wait_for_reason(self, reason: str, kind: str = "Ready") -> Object:
        """Wait until a condition gives this reason; return the condition."""

        def told() -> Object:
            said = self.says(kind)
            return said if said.get("reason") == reason else {}

        return self.kube.wait_until(f"{self.name} says {kind} {reason}", told)

    # --- What it consists of ----------------------------------------------------------------------

    def set_of(self, component_name: str = "web") -> Object | None:
        """Return a component's ServerSet."""
        return self.kube.get(Resource.SERVERSETS, names.server_set(self.name, component_name))

    def servers(self, component_name: str = "web") -> dict[str, Object]:
        """Return a component's Servers by name."""
        return self.kube.list(Resource.SERVERS, application=self.name, component=component_name)

    def pods(self, component_name: str = "web") -> dict[str, Object]:
        """Return a component's pods by name."""
        return self.kube.list(Resource.PODS, application=self.name, component=component_name)

    def pod_names(self, component_name: str = "web") -> set[str]:
        """Return the names that its pods should have."""
        count = self.component(component_name)["replicas"]
        return {names.server(self.name, component_name, each) for each in range(count)}

    def revisions(self) -> dict[str, Object]:
        """Return its ControllerRevisions by name."""
        return self.kube.list(Resource.REVISIONS, application=self.name)

    # --- How it goes ------------------------------------------------------------------------------

    def delete(self, policy: str = "Background") -> None:
        """Delete it as `kubectl delete --cascade` does."""
        self.kube.delete(Resource.APPLICATIONS, self.name, policy)

    def left(self, *but: Resource) -> list[str]:
        """Return what is left of it, but for these resources; of what is below it, only at last."""
        if self.found():
            return ["applications/" + self.name]
        return [
            f"{resource}/{name}"
            for resource in MADE
            if resource not in but
            for name in self.kube.list(resource, application=self.name)
        ]

    def wait_gone(self, *but: Resource) -> None:
        """Wait until nothing is left of it, but for these resources."""
        self.kube.wait_until(f"{self.name} is gone", lambda: not self.left(*but))


def condition(item: Object, kind: str) -> Object:
    """Return a condition of an object, or an empty one."""
    told = item.get("status", {}).get("conditions", [])
    return next((each for each in told if each["type"] == kind), {})


def is_ready(item: Object) -> bool:
    """Whether an object is Ready and not on its way out."""
    going = item["metadata"].get("deletionTimestamp")
    return not going and condition(item, "Ready").get("status") == "True"


def uids(objects: Mapping[str, Object]) -> dict[str, str]:
    """Return UIDs by name."""
    return {name: each["metadata"]["uid"] for name, each in objects.items()}


def generations(objects: Mapping[str, Object]) -> dict[str, int]:
    """Return by name how often specs have been written."""
    return {name: each["metadata"]["generation"] for name, each in objects.items()}


def images(pods: Mapping[str, Object]) -> dict[str, str]:
    """Return the images that pods should run, by name."""
    return {name: each["spec"]["containers"][0]["image"] for name, each in pods.items()}


def running(pods: Iterable[Object]) -> set[str]:
    """Return the images that containers really run."""
    return {
        status["image"]
        for each in pods
        for status in each["status"].get("containerStatuses", [])
        if "running" in status["state"]
    }
