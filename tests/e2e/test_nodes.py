"""Nodes go, and servers with them, on a real API server.

The cluster takes most of a minute to give up the pods of a node: this waits beside other files.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import driving, nodes
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e


@pytest.fixture
def own_nodes(operated: Place) -> Iterator[tuple[str, list[str]]]:
    """Two fake nodes that take the pods of one test alone, and the label that selects them."""
    if operated.cluster is None:
        pytest.skip("nodes come and go on a cluster of ours")
    with nodes.made(operated, 2) as found:
        yield found


def test_servers_leave_a_node_that_vanished(kube: Kube, own_nodes: tuple[str, list[str]]) -> None:
    """A node is deleted with all that ran on it: its servers come up elsewhere."""
    label, both = own_nodes
    app = kube.app(component(replicas=4))
    nodes.settle_on(app, label)
    places = {name: each["spec"]["nodeName"] for name, each in app.pods().items()}
    # Where the scheduler put them is its own affair.
    gone = places["shop-web-0"]
    (other,) = {*both} - {gone}
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
