"""Which operators are installed, by the Deployments of the chart. `version` comes here."""

from __future__ import annotations

import dataclasses

import msgspec

from controller.api.resources import Resource
from controller.kube import api as kube

# By which the chart labels the operator.
SELECTOR = "app.kubernetes.io/part-of=argosy,app.kubernetes.io/component=operator"
_VERSION = "app.kubernetes.io/version"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OperatorInstall:
    """One install: where it is, and how many of its replicas are ready."""

    namespace: str
    name: str
    version: str
    image: str
    replicas: int
    ready: int


async def read(api: kube.Api) -> list[OperatorInstall]:
    """Return all installs that there are, by where they are."""
    text = await api.list(Resource.DEPLOYMENTS, "", label_selector=SELECTOR)
    found = []
    for each in msgspec.json.decode(text).get("items") or ():
        meta, spec, status = each["metadata"], each["spec"], each.get("status", {})
        (container, *_) = spec["template"]["spec"]["containers"]
        found.append(
            OperatorInstall(
                namespace=meta["namespace"],
                name=meta["name"],
                version=meta["labels"].get(_VERSION, ""),
                image=container.get("image", ""),
                replicas=spec.get("replicas", 1),
                ready=status.get("readyReplicas", 0),
            )
        )
    return sorted(found, key=lambda each: (each.namespace, each.name))
