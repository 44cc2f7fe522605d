"""Nodes are drained by the real `kubectl drain`, on a real API server."""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from controller.api.resources import Resource
from tests.e2e import driving, hindsight, nodes, operating, watching
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.nodes import made, settle_on

pytestmark = pytest.mark.e2e
LONG = pytest.mark.long(reason="drains of minutes; the simulation plays the same")

NODES, DRAINED = 20, 10
SERVERS, LIMIT = 50, 5
DRAIN_SECONDS = 120
ZONES, IN_EACH = 3, 20
# How servers end by which a rollout is halted so.
HALTED_BY = {"ProgressDeadlineExceeded": "hang", "FailureBudgetSpent": "fail"}


@pytest.fixture
def own_nodes(operated: Place) -> Iterator[tuple[str, list[str]]]:
    """Fake nodes that take the pods of one test alone, and the label that selects them."""
    if operated.cluster is None:
        pytest.skip("nodes are drained on a cluster of ours")
    with made(operated, NODES) as found:
        yield found


@pytest.fixture
def zoned(operated: Place, kube: Kube) -> Iterator[tuple[str, list[str]]]:
    """Nodes in three zones, and a fleet of the label's name that has these for its domains."""
    if operated.cluster is None:
        pytest.skip("nodes are drained on a cluster of ours")
    with nodes.zoned(operated, kube, 4 * ZONES, ZONES) as found:
        yield found


def drain(kubeconfig: Path, node: str) -> subprocess.Popen[str]:
    """Begin to drain a node as an administrator does."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl")
    return subprocess.Popen(
        [kubectl, "drain", node, f"--timeout={DRAIN_SECONDS}s"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_ended(drains: Collection[subprocess.Popen[str]]) -> None:
    """Wait until each drain has ended, which must be well."""
    with contextlib.ExitStack() as ended:
        for each in drains:
            # One that fails leaves no other behind, for the next test to stumble over.
            ended.enter_context(each)
            ended.callback(each.kill)
        for each in drains:
            said, _ = each.communicate(timeout=DRAIN_SECONDS + 30)
            assert each.returncode == 0, said


def wait_until_all_run_on(app: App, nodes: Collection[str]) -> None:
    """Wait until there is a pod for each server, and all are on these nodes.

    The drain that ended last took a pod of which the application may not have said so yet.
    """

    def all_run() -> bool:
        found = [each["spec"].get("nodeName") for each in app.pods().values()]
        return len(found) == app.component()["replicas"] and set(found) <= set(nodes)

    app.kube.wait_until("all run on the nodes that are left", all_run, DRAIN_SECONDS)


def test_ten_nodes_are_drained_during_a_restart(
    operated: Place, kube: Kube, own_nodes: tuple[str, list[str]]
) -> None:
    """At no version are more servers down than the limit; each drain ends, and so does the restart.

    Then the budget for evictions is open again, and nobody writes it any more.
    """
    assert operated.cluster is not None
    label, nodes = own_nodes
    app = kube.app(component(replicas=SERVERS, rollout={"maxUnavailable": "10%"}))
    settle_on(app, label)
    restart = operating.submit(kube, "again", "Restart")
    kube.wait_until("the restart has begun", lambda: restart.reason() == "Running")
    drains = [drain(operated.cluster.kubeconfig, each) for each in nodes[:DRAINED]]
    wait_until_ended(drains)
    restart.wait_end("Completed", DRAIN_SECONDS)
    app.wait_ready(DRAIN_SECONDS)
    # kubectl lists a node's pods once. One that the restart makes meanwhile the scheduler may bind
    # before it hears of the cordon: whoever drains looks, and drains such a node again.
    left = {each["spec"].get("nodeName") for each in app.pods().values()} & {*nodes[:DRAINED]}
    wait_until_ended([drain(operated.cluster.kubeconfig, each) for each in sorted(left)])
    app.wait_ready(DRAIN_SECONDS)
    wait_until_all_run_on(app, nodes[DRAINED:])
    assert hindsight.fewest_ready(kube.history(), SERVERS) >= SERVERS - LIMIT

    def is_open() -> bool:
        found = kube.get(Resource.DISRUPTION_BUDGETS, "shop-web") or {}
        return bool(found.get("spec", {}).get("minAvailable") == SERVERS - LIMIT)

    kube.wait_until("evictions are allowed again", is_open)


@pytest.mark.parametrize("surge", [0, 2])
def test_a_rollout_and_drains_of_two_zones_take_servers_down_in_one_zone(
    operated: Place, kube: Kube, zoned: tuple[str, list[str]], surge: int
) -> None:
    """Three zones of 20: at no version are servers of two down; drains and rollout end.

    The drains begin first, and are waiting for one another when the rollout comes.
    """
    assert operated.cluster is not None
    label, every = zoned
    config = operated.cluster.kubeconfig
    with watching.pods(kube, config) as seen:
        _roll_out_beside_drains(kube, config, label, every, surge)
    down = watching.down(seen, ZONES * IN_EACH, lambda node: zones_of(label, every)[node])
    assert max(map(len, down)) == 1
    assert frozenset().union(*down) == set(zones_of(label, every).values())


def zones_of(label: str, every: list[str]) -> dict[str, str]:
    """Return the zone of each node."""
    return {name: nodes.zone(label, number % ZONES) for number, name in enumerate(every)}


def _roll_out_beside_drains(
    kube: Kube, config: Path, label: str, every: list[str], surge: int
) -> None:
    """Drain a node in each of two zones, roll out meanwhile, and wait until all that has ended."""
    count = ZONES * IN_EACH
    rollout = {"maxUnavailable": 10, "maxSurge": surge, "oneDomainAtATime": True}
    app = kube.app(
        component(replicas=count, rollout=rollout, spread={"require": True}), fleet=label
    )
    settle_on(app, label)
    where = collections.Counter(each["spec"]["domain"] for each in app.servers().values())
    assert where == dict.fromkeys(zones_of(label, every).values(), IN_EACH)
    before = driving.uids(app.pods())
    drains = [drain(config, each) for each in every[: ZONES - 1]]
    kube.wait_until("a pod was evicted", lambda: driving.uids(app.pods()) != before)
    app.set_env("2")
    wait_until_ended(drains)
    app.wait_ready(DRAIN_SECONDS)
    left = set(every[ZONES - 1 :])
    # Spare servers that no drain needs any more are on their way out, some of them without a node.
    kube.wait_until(
        "all run on the nodes that are left",
        lambda: {each["spec"].get("nodeName") for each in app.pods().values()} == left,
    )


def test_a_component_of_one_server_is_drained_without_being_down(
    operated: Place, kube: Kube, own_nodes: tuple[str, list[str]]
) -> None:
    """A spare server comes first, elsewhere: at no version is none up, and the drain ends."""
    assert operated.cluster is not None
    label, every = own_nodes
    app = kube.app(component(replicas=1, rollout={"maxUnavailable": 0, "maxSurge": 1}))
    settle_on(app, label)
    node = app.pods()["shop-web-0"]["spec"]["nodeName"]
    wait_until_ended([drain(operated.cluster.kubeconfig, node)])
    kube.wait_until("the spare server has gone", lambda: list(app.pods()) == ["shop-web-0"])
    app.wait_ready(DRAIN_SECONDS)
    wait_until_all_run_on(app, {*every} - {node})
    assert hindsight.fewest_ready(kube.history(), 1) == 1


@LONG
@pytest.mark.parametrize(
    ("reason", "deadline"), [("ProgressDeadlineExceeded", 10), ("FailureBudgetSpent", 600)]
)
def test_nodes_are_drained_beside_a_rollout_that_is_halted(
    operated: Place, kube: Kube, own_nodes: tuple[str, list[str]], reason: str, deadline: int
) -> None:
    """Servers of what is proven stand in: at no version are fewer up, and each drain ends.

    Afterwards the rollout is as halted as before, and goes on with a good image.
    """
    assert operated.cluster is not None
    label, _ = own_nodes
    rollout = {"maxUnavailable": 0, "maxSurge": 1, "progressDeadlineSeconds": deadline}
    recovery = {"attempts": 1, "failureBudget": 0} if reason == "FailureBudgetSpent" else {}
    app = kube.app(component(replicas=3, rollout=rollout, recovery=recovery))
    settle_on(app, label)
    before = app.pods()
    template = app.component()["template"]
    template["metadata"] = {"annotations": {f"{driving.HOOK}outcome": HALTED_BY[reason]}}
    app.set_image("app:2")
    app.wait_for_reason(reason, "Stalled")
    nodes = sorted({each["spec"]["nodeName"] for each in before.values()})
    wait_until_ended([drain(operated.cluster.kubeconfig, node) for node in nodes])
    app.wait_for_reason(reason, "Stalled")
    servers = [f"shop-web-{each}" for each in range(3)]
    kube.wait_until(
        "the three are up elsewhere",
        lambda: all(
            driving.condition(app.servers()[each], "Ready").get("status") == "True"
            and app.pods()[each]["spec"]["nodeName"] not in nodes
            for each in servers
        ),
    )
    assert hindsight.fewest_ready(kube.history(), 3) >= 3
    del template["metadata"]
    app.set_image("app:3")
    app.wait_ready(DRAIN_SECONDS)


@LONG
def test_nodes_are_drained_beside_an_operation_that_may_take_no_server_down(
    operated: Place, kube: Kube, own_nodes: tuple[str, list[str]]
) -> None:
    """The restart says what it waits for, and the drains end by servers that stand in.

    At no version are fewer up. The restart may go on with what a drain takes down anyway, and ends
    at the latest once the component lets a server be down.
    """
    assert operated.cluster is not None
    label, every = own_nodes
    app = kube.app(component(replicas=3, rollout={"maxUnavailable": 0, "maxSurge": 1}))
    settle_on(app, label)
    nodes = sorted({each["spec"]["nodeName"] for each in app.pods().values()})
    restart = operating.submit(kube, "again", "Restart")
    kube.wait_until(
        "the restart says what it waits for",
        lambda: "lets no server be down" in str(restart.status().get("blockedBy")),
    )
    wait_until_ended([drain(operated.cluster.kubeconfig, node) for node in nodes])
    app.wait_ready(DRAIN_SECONDS)
    servers = [f"shop-web-{each}" for each in range(3)]
    kube.wait_until("those that stood in are gone", lambda: sorted(app.pods()) == servers)
    wait_until_all_run_on(app, {*every} - {*nodes})
    assert hindsight.fewest_ready(kube.history(), 3) >= 3
    app.component()["rollout"] = {"maxUnavailable": 1}
    app.apply()
    restart.wait_end("Completed", DRAIN_SECONDS)


@LONG
@pytest.mark.parametrize("spec", [{"maxUnavailable": 1}, {"minAvailable": "50%"}])
def test_a_budget_that_a_person_wrote_decides_alone(
    operated: Place, kube: Kube, own_nodes: tuple[str, list[str]], spec: driving.Object
) -> None:
    """Ours steps aside, and the disruption controller can work theirs out: a drain ends."""
    assert operated.cluster is not None
    label, every = own_nodes
    app = kube.app(component(replicas=4))
    app.component()["template"]["metadata"] = {"labels": {"app": "web"}}
    body = {
        "metadata": {"name": "mine"},
        "spec": {**spec, "selector": {"matchLabels": {"app": "web"}}},
    }
    kube.create(Resource.DISRUPTION_BUDGETS, body)
    settle_on(app, label)
    assert set(kube.list(Resource.DISRUPTION_BUDGETS)) == {"mine"}
    (node,) = {app.pods()["shop-web-0"]["spec"]["nodeName"]}
    wait_until_ended([drain(operated.cluster.kubeconfig, node)])
    app.wait_ready(DRAIN_SECONDS)
    wait_until_all_run_on(app, {*every} - {node})


@LONG
def test_a_rollout_waits_for_no_eviction_that_the_disruption_controller_overlooks(
    kube: Kube,
) -> None:
    """It takes the next pod of the name for the evicted one, for two minutes, and so keeps that.

    As where it looked too late: the record is put back once the next pod is up.
    """
    app = kube.app(component(replicas=4, rollout={"maxUnavailable": 1, "inPlace": "Never"}))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "shop-web-0"}}
    kube.api.create(f"/api/v1/namespaces/{kube.namespace}/pods/shop-web-0/eviction", eviction)
    kube.wait_until(
        "the evicted server has its next pod",
        lambda: driving.uids(app.pods()).get("shop-web-0") not in (None, before["shop-web-0"]),
    )
    app.wait_ready()
    made = app.pods()["shop-web-0"]["metadata"]["creationTimestamp"]
    record = {"status": {"disruptedPods": {"shop-web-0": made}}}

    def recorded() -> bool:
        """Whether the record stands; a controller that has not seen the next pod takes it back."""
        found = kube.get(Resource.DISRUPTION_BUDGETS, "shop-web") or {}
        if list(found["status"].get("disruptedPods", {})) != ["shop-web-0"]:
            kube.patch(Resource.DISRUPTION_BUDGETS, "shop-web", record, "status")
            return False
        # Pods on record count as down, once the controller has looked.
        return bool(found["status"]["currentHealthy"] == 3)

    kube.wait_until("the disruption controller keeps the record", recorded)
    app.set_env("2")
    kube.wait_until(
        "the rollout has taken its first server down",
        lambda: driving.uids(app.pods()).get("shop-web-3") != before["shop-web-3"],
    )
    app.wait_ready(DRAIN_SECONDS)
    assert hindsight.fewest_ready(kube.history(), 4) == 3
