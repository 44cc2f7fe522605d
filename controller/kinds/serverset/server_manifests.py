"""The bodies of what the ServerSet planner creates.

Everything carries its labels, its owner and, where it has one, its finalizer from the first
write, so that none of them costs a second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.api import names, objects
from controller.api.choices import Power
from controller.api.resources import Resource
from controller.planning import finalizers, ordinals, ownership
from controller.planning.plan import Manifest


class ServerManifests:
    """Makes the bodies of a set's new servers, rendering what they share only once."""

    def __init__(self, server_set: objects.ServerSet) -> None:
        """Render what is the same for all servers of `server_set`."""
        self._set = server_set
        self._asked = server_set.spec.server_metadata or objects.AskedMetadata()
        spec, meta = server_set.spec, server_set.metadata
        self._bucket = names.bucket_label(meta.namespace, spec.application)
        self._owners = [ownership.owner_reference(Resource.SERVERSETS, server_set)]

    def body(
        self,
        ordinal: int,
        revision: str,
        annotations: Mapping[str, str] | None = None,
        domain: str = "",
    ) -> Manifest:
        """Return the server of that ordinal at `revision`, to which it refers.

        The server is stopped where the set remembers that of its ordinal.
        """
        spec = self._set.spec
        stopped = ordinals.contains(spec.stopped, ordinal)
        name = names.server(spec.application, spec.component, ordinal)
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self._set.metadata.namespace,
            "labels": {
                **self._asked.labels,
                **names.labels(spec.application, spec.component, name),
                **self._bucket,
            },
            "finalizers": finalizers.with_ours(),
            "ownerReferences": self._owners,
        }
        if annotations or self._asked.annotations:
            metadata["annotations"] = {**self._asked.annotations, **(annotations or {})}
        return {
            **ownership.kind_of(Resource.SERVERS),
            "metadata": metadata,
            "spec": {
                "application": spec.application,
                "component": spec.component,
                "ordinal": ordinal,
                "fleet": spec.fleet,
                **({"domain": domain} if domain else {}),
                "incarnation": 1,
                "revision": revision,
                "power": Power.STOPPED if stopped else Power.RUNNING,
            },
        }
