"""Leads the API server to the admission webhook of an operator that runs as a process.

The chart's configuration names a Service, which no process of this machine stands behind.
`operator` has it replaced by one that names the process by URL, with a certificate of the cluster's
own authority.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from devcluster import certificates, client, cluster

HOST = "127.0.0.1"
NAME = "devcluster-admission"
COLLECTION = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
PORT, FOLDER = "--admission-port", "--admission-certificates"


def arguments(owner: cluster.Cluster, given: Sequence[str], port: int) -> list[str]:
    """Return what an operator is to be told instead of what the chart tells it of the webhook."""
    if not any(each.startswith(PORT) for each in given):
        return []
    folder = certificates.folder(owner.dir / "pki", "admission", HOST)
    return [PORT, str(port), FOLDER, str(folder)]


def port_of(argv: Sequence[str]) -> int:
    """Return where an operator listens for reviews; 0 where it does not."""
    words = list(argv)
    return int(words[words.index(PORT) + 1]) if PORT in words else 0


def point_at(owner: cluster.Cluster, manifest: Sequence[Mapping[str, Any]], port: int) -> None:
    """Have the API server ask at `port` of this machine; at none where the chart asks nobody."""
    _delete(owner.client, NAME)
    for each in manifest:
        if each["kind"] == "ValidatingWebhookConfiguration":
            _delete(owner.client, each["metadata"]["name"])
            owner.client.create(COLLECTION, _at(owner, each, port))


def _at(owner: cluster.Cluster, configuration: Mapping[str, Any], port: int) -> dict[str, Any]:
    wanted = copy.deepcopy(dict(configuration))
    wanted["metadata"] = {"name": NAME}
    authority = certificates.authority(owner.dir / "pki", "ca").pair.certificate
    for each in wanted["webhooks"]:
        path = each["clientConfig"]["service"]["path"]
        each["clientConfig"] = {
            "url": f"https://{HOST}:{port}{path}",
            "caBundle": client.encoded(authority.read_bytes()),
        }
    return wanted


def _delete(api: client.Client, name: str) -> None:
    try:
        api.delete(f"{COLLECTION}/{name}")
    except client.ApiError as error:
        if error.status != client.NOT_FOUND:
            raise
