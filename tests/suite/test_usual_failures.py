"""The twelve usual failures are made and told in simulation, and in a cluster, each of them."""

from __future__ import annotations

from tests.e2e import test_real_failures, test_why
from tests.simulation import test_causes

# Image, crash, probe, quota, webhook, no node with room, gate, claim pending, name taken, rejected
# by the node, lost node, bad fleet: as the tests call them.
TWELVE = {
    "image",
    "crash",
    "probe",
    "quota",
    "webhook",
    "room",
    "gate",
    "claim",
    "name",
    "rejected",
    "node",
    "fleet",
}


def test_each_of_the_twelve_is_told_in_simulation() -> None:
    """By the application's conditions, what blocks it, and `why` on the application."""
    assert len(TWELVE) == 12
    assert set(test_causes.FAILURES) >= TWELVE


def test_each_of_the_twelve_is_told_in_a_cluster() -> None:
    """What needs no kubelet on an API server, the others on a real node; kubectl tells each."""
    lost = {"node"} if callable(test_real_failures.test_a_lost_node_is_told) else set[str]()
    assert {*test_why.CAUSES, *test_real_failures.FAILURES, *lost} >= TWELVE
