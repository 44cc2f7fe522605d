"""A Kubernetes API server in memory, for tests in virtual time.

    server = ApiServer(faults=Faults(seed=7), kubelet=Kubelet())
    informer = Informer(server, Resource.PODS)

Beside the API (`controller.kube.api.Api`) it has what a cluster has: a garbage collector,
namespaces that end, a scheduler and kubelets. `server.writes` tells every write in the order of
resourceVersions; `server.objects` is what is there now. What it does not do: validate against
schemas, prune unknown fields, give fields owners.
"""

from __future__ import annotations

from fakes.api_server.chaos import Faults, Request, Rule, Verdict
from fakes.api_server.kubelet import Behaviour, Kubelet
from fakes.api_server.server import ApiServer
from fakes.api_server.storage import Event, Write

__all__ = [
    "ApiServer",
    "Behaviour",
    "Event",
    "Faults",
    "Kubelet",
    "Request",
    "Rule",
    "Verdict",
    "Write",
]
