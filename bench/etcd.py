"""Empties a namespace at once, behind the API server's back, so that arms can take turns quickly.

Deleting thousands of objects one by one would take longer than making them, and is not what is
measured. Watches tell everybody of it as of any other delete. Only for clusters to throw away.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from pathlib import Path

from devcluster import controlplane
from devcluster.cluster import Cluster

# Owners come before what they own, or their controllers would make it anew.
PREFIXES = (
    "argosy.dev/operations",
    "argosy.dev/applications",
    "argosy.dev/serversets",
    "argosy.dev/servers",
    "deployments",
    "replicasets",
    "statefulsets",
    "services/specs",
    "services/endpoints",
    "endpointslices",
    "controllerrevisions",
    "pods",
    "events",
)


def wipe(owner: Cluster, namespace: str) -> int:
    """Delete everything that arms make in a namespace; return how many objects that were."""
    context = _tls(owner.dir / "pki")
    server = f"https://127.0.0.1:{owner.plan().ports[controlplane.ETCD]}"
    return sum(_delete(server, context, f"/registry/{each}/{namespace}/") for each in PREFIXES)


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "apiserver-etcd.crt", pki / "apiserver-etcd.key")
    return context


def _delete(server: str, context: ssl.SSLContext, prefix: str) -> int:
    body = {"key": _encoded(prefix), "range_end": _encoded(end_of(prefix))}
    request = urllib.request.Request(  # noqa: S310  the cluster's own etcd
        f"{server}/v3/kv/deleterange", data=json.dumps(body).encode(), method="POST"
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(request, timeout=60) as answer:
        return int(json.loads(answer.read()).get("deleted", 0))


def end_of(prefix: str) -> str:
    """Return the first key after all that begin with a prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
