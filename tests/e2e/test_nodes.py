"""Nodes go, and servers with them, on a real API server.

The cluster takes most of a minute to give up the pods of a node: this waits beside other files.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from controller.api import names
from devcluster import client, kwok
from tests.e2e import driving
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e


@pytest.fixture
def own_nodes(operated: Place) -> Iterator[tuple[str, list[str]]]:
    """Two fake nodes that take the pods of one test alone, and the label that selects them."""
    if operated.cluster is None:
        pytest.skip("nodes come and go on a cluster of ours")
    label = f"test-{secrets.token_hex(4)}"
    made = []
    for number in (1, 2):
        node = kwok.node(0)
        node["metadata"]["name"] = f"{label}-{number}"
        node["metadata"]["labels"]["kubernetes.io/hostname"] = f"{label}-{number}"
        node["metadata"]["labels"]["owner"] = label
        node["spec"] = {"taints": [{"key": "owner", "value": label, "effect": "NoSchedule"}]}
        operated.api.create("/api/v1/nodes", node)
        made.append(f"{label}-{number}")
    yield label, made
    for name in made:
        try:
            operated.api.delete(f"/api/v1/nodes/{name}")
        except client.ApiError as error:
            if error.status != client.NOT_FOUND:
                raise


def test_servers_leave_a_node_that_vanished(kube: Kube, own_nodes: tuple[str, list[str]]) -> None:
    """A node is deleted with all that ran on it: its servers come up elsewhere."""
    label, nodes = own_nodes
    app = kube.app(component(replicas=4))
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {names.APPLICATION_LABEL: "shop"}},
    }
    app.component()["template"]["spec"] |= {
        "nodeSelector": {"owner": label},
        "tolerations": [{"key": "owner", "operator": "Exists"}],
        "topologySpreadConstraints": [spread],
    }
    app.apply()
    app.wait_ready()
    places = {name: each["spec"]["nodeName"] for name, each in app.pods().items()}
    # Where the scheduler put them is its own affair.
    gone = places["shop-web-0"]
    (other,) = {*nodes} - {gone}
    lost = {name for name, node in places.items() if node == gone}
    before = driving.uids(app.pods())
    kube.api.delete(f"/api/v1/nodes/{gone}")

    def moved() -> bool:
        pods = app.pods()
        return (
            set(pods) == app.pod_names()
            and all(map(driving.is_ready, pods.values()))
            and {each["spec"]["nodeName"] for each in pods.values()} == {other}
        )

    kube.wait_until("all servers run on the other node", moved)
    after = driving.uids(app.pods())
    assert {name for name in after if after[name] != before[name]} == lost
    app.wait_ready()
