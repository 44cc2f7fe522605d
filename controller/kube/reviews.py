"""Reviews: the bodies by which whoever asks learns who they are, and what they may do.

`client` sends them. Everybody who is known to the API server may, so nobody needs a right for it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from controller.api import resources
from controller.api.resources import Resource
from controller.kube.api import Access

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
Spec = dict[str, Any]


def of_resource(
    verb: str, resource: Resource, namespace: str, *, name: str, subresource: str
) -> Spec:
    """Return what asks whether one may do this to objects."""
    group, _, _ = resources.PLACES[resource].api_version.rpartition("/")
    wanted = {
        "verb": verb,
        "group": group,
        "resource": resource.value,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    return {"spec": {"resourceAttributes": wanted}}


def of_path(verb: str, path: str) -> Spec:
    """Return what asks whether one may do this to a path that is no object's, such as /metrics."""
    return {"spec": {"nonResourceAttributes": {"verb": verb, "path": path}}}


def read(answer: bytes) -> Access:
    """Return what the API server answered."""
    status = msgspec.json.decode(answer)["status"]
    return Access(allowed=status.get("allowed", False), reason=status.get("reason", ""))


def user(answer: bytes) -> str:
    """Return whom the API server takes whoever asked for."""
    name: str = msgspec.json.decode(answer)["status"]["userInfo"]["username"]
    return name
