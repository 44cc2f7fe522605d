"""The manifests that arms are given: one container, the same for all of them."""

from __future__ import annotations

from typing import Any

from controller.api import names
from controller.api.resources import PLACES, Resource

Object = dict[str, Any]

COMPONENT = "web"
GRACE_SECONDS = 1


def template(version: str = "", size: int = 0) -> Object:
    """Return the pod template; another version makes pods that have to be replaced.

    Its JSON has about `size` bytes, or as few as it takes.
    """
    container: Object = {"name": "main", "image": "registry.example/shop/web:1.0"}
    if version:
        container["env"] = [{"name": "VERSION", "value": version}]
    if size:
        container.setdefault("env", []).append({"name": "PADDING", "value": "x" * size})
    return {
        "spec": {"containers": [container], "terminationGracePeriodSeconds": GRACE_SECONDS},
    }


def application(name: str, replicas: int, version: str = "", size: int = 0) -> Object:
    """Return an Application of one component that may be rolled out all at once."""
    rollout = {"maxUnavailable": "100%", "inPlace": "Never"}
    component = {
        "name": COMPONENT,
        "replicas": replicas,
        "template": template(version, size),
        "rollout": rollout,
    }
    return {
        **_head(Resource.APPLICATIONS, name),
        "spec": {"components": [component]},
    }


def server_name(application_name: str, ordinal: int) -> str:
    """Return the name of a server of an application of `application`."""
    return names.server(application_name, COMPONENT, ordinal)


def restart(name: str, application_name: str, *, step: str) -> Object:
    """Return an Operation that restarts servers one at a time, in a step that no other has."""
    steps = [{"name": step, "action": "Restart"}]
    spec = {"application": application_name, "action": "Steps", "concurrency": 1, "steps": steps}
    return {**_head(Resource.OPERATIONS, name), "spec": spec}


def webhook(name: str, namespace: str, port: int, seconds: int) -> Object:
    """Return a webhook that a local port is to answer for each pod of one namespace."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "never.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": seconds,
                "failurePolicy": "Fail",
                "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
            }
        ],
    }


def deployment(name: str, replicas: int, version: str = "") -> Object:
    """Return a Deployment that may be rolled out all at once."""
    update = {"maxUnavailable": "100%", "maxSurge": 0}
    return {
        **_head(Resource.DEPLOYMENTS, name),
        "spec": {
            **_selected(name, replicas, version),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": update},
        },
    }


def stateful_set(name: str, replicas: int, version: str = "") -> Object:
    """Return a StatefulSet that does not wait for one pod before it makes the next."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            **_selected(name, replicas, version),
            "serviceName": name,
            "podManagementPolicy": "Parallel",
        },
    }


def pod(name: str, version: str = "", size: int = 0, behind: str = "") -> Object:
    """Return a pod that nobody owns; with a name in DNS where it is `behind` a Service."""
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        **template(version, size),
    }
    if behind:
        made["metadata"]["labels"] = {"app": behind}
        made["spec"] |= {"hostname": name, "subdomain": behind}
    return made


def service(name: str) -> Object:
    """Return a headless Service, which gives pods of `app: name` their names in DNS."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "clusterIP": "None",
            "selector": {"app": name},
            "publishNotReadyAddresses": True,
        },
    }


def _selected(name: str, replicas: int, version: str) -> Object:
    labels = {"app": name}
    return {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, **template(version)},
    }


def _head(resource: Resource, name: str) -> Object:
    place = PLACES[resource]
    return {"apiVersion": place.api_version, "kind": place.kind, "metadata": {"name": name}}
