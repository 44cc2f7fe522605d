"""Empties a namespace at once, behind the API server's back, so that arms can take turns quickly.

Deleting thousands of objects one by one would take longer than making them, and is not what is
measured. Watches tell everybody of it as of any other delete. Only for clusters to throw away.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devcluster import controlplane
from devcluster.cluster import Cluster

# Owners come before what they own, or their controllers would make it anew.
OWNERS = (
    "argosy.dev/operations",
    "argosy.dev/applications",
    "argosy.dev/serversets",
    "argosy.dev/servers",
    "deployments",
    "replicasets",
    "statefulsets",
    "poddisruptionbudgets",
)
OWNED = (
    "services/specs",
    "services/endpoints",
    "endpointslices",
    "controllerrevisions",
    "pods",
)
# Controllers that miss what was taken from them say so for many minutes.
SAID = "events"


def wipe(owner: Cluster, namespace: str) -> int:
    """Delete everything that arms make in a namespace; return how many objects but Events went."""
    _delete(owner, f"/registry/{SAID}/{namespace}/")
    gone = _take(owner, namespace, OWNERS)
    # Kubernetes' own controllers have been seen to miss the end of Services that went behind its
    # back: they made the Endpoints of fifty of them anew for ever.
    services = f"/api/v1/namespaces/{namespace}/services"
    listed = len(owner.client.get(services)["items"])
    if listed:
        owner.client.delete(services)
    return gone + listed + _take(owner, namespace, OWNED)


def _take(owner: Cluster, namespace: str, prefixes: Sequence[str]) -> int:
    return sum(_delete(owner, f"/registry/{each}/{namespace}/") for each in prefixes)


def bytes_in_use(owner: Cluster) -> int:
    """Return how many bytes of etcd's database are in use."""
    answer = _post(owner, "/v3/maintenance/status", {})
    return int(answer["dbSizeInUse"])


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "apiserver-etcd.crt", pki / "apiserver-etcd.key")
    return context


def _delete(owner: Cluster, prefix: str) -> int:
    body = {"key": _encoded(prefix), "range_end": _encoded(end_of(prefix))}
    return int(_post(owner, "/v3/kv/deleterange", body).get("deleted", 0))


def _post(owner: Cluster, path: str, body: dict[str, str]) -> dict[str, Any]:
    server = f"https://127.0.0.1:{owner.plan().ports[controlplane.ETCD]}"
    request = urllib.request.Request(  # noqa: S310  the cluster's own etcd
        f"{server}{path}", data=json.dumps(body).encode(), method="POST"
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=_tls(owner.dir / "pki")),
    )
    with opener.open(request, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def end_of(prefix: str) -> str:
    """Return the first key after all that begin with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
