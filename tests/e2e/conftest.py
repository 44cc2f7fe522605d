"""The fixtures of tests against a real API server."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.api import resources
from controller.api.resources import Resource
from devcluster import client, cluster, controlplane, fixtures, operator, processes
from devcluster.fixtures import api, kubeconfig, namespace, new_cluster, shared_cluster
from proof import history
from proof.history import fixtures as judging
from proof.history import journal, process
from tests.e2e import judges
from tests.e2e.driving import PATIENCE_SECONDS, Kube, Place

__all__ = ["api", "kubeconfig", "namespace", "new_cluster", "shared_cluster"]

REPLICAS = 2
REAL_NODE = controlplane.Settings(nodes=0, real_node=True, audit="full")


@pytest.fixture(scope="session")
def operated(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The cluster of all tests that leave the operators alone, shared by all workers.

    Two operators run under the chart's ServiceAccount. A cluster that is given must have them.
    """
    if given := os.environ.get(fixtures.GIVEN):
        yield Place(api=client.Client(Path(given)))
        return
    with fixtures.shared(request, "operated", _install) as one:
        yield Place(api=one.client, cluster=one)
        for each in operator.running(one):
            found = list(process.tracebacks(each.log.read_text(errors="replace")))
            assert not found, "\n".join(map(str, found))


@pytest.fixture
def kube(operated: Place) -> Iterator[Kube]:
    """A namespace of the test's own; what was written in it is held to the invariants."""
    yield from namespace_of(operated)


@pytest.fixture(autouse=True)
def _judged(request: pytest.FixtureRequest) -> None:
    """End every test before the history checker: one that nothing would judge does not begin."""
    module, test = request.path.stem, request.function.__name__
    if not judges.is_judged(module, test, set(request.fixturenames)):
        pytest.fail(f"{test} has no fixture that judges what is written: see {judges.__file__}")


def namespace_of(
    place: Place, *, slack: float = 30.0, operators: frozenset[str] = journal.OPERATOR
) -> Iterator[Kube]:
    """Make a namespace, judge its history when the test has ended, have nothing run in it any more.

    `slack` is how many seconds operators may lag behind, `operators` the accounts they have. Many
    tests share a machine here; how soon they are done, simulations hold to virtual time.
    """
    one = Kube(place.api, f"test-{secrets.token_hex(4)}", place.audit_log)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one.namespace}}
    place.api.create("/api/v1/namespaces", body)
    account = f"/api/v1/namespaces/{one.namespace}/serviceaccounts/default"
    if not processes.wait_until(lambda: fixtures.exists(place.api, account), PATIENCE_SECONDS):
        pytest.fail(f"no default ServiceAccount in namespace {one.namespace}")
    yield one
    if place.audit_log is not None:
        remaining = judging.remaining(place.api, one.namespace)
        expected = history.Expectations(remaining=remaining, slack=slack)
        verdict = history.check(
            place.audit_log,
            namespaces=[one.namespace],
            operators=operators,
            expectations=expected,
        )
        verdict.require()
        assert verdict.history.changes, "the test wrote nothing"
    with contextlib.suppress(client.ApiError):
        # Our own clusters go as a whole, and each namespace that goes costs them 150 requests.
        applications = resources.path(Resource.APPLICATIONS, one.namespace)
        place.api.delete(applications if place.cluster else f"/api/v1/namespaces/{one.namespace}")


def _install(one: cluster.Cluster) -> None:
    running = operator.running(one)
    if not running or not all(each.alive for each in running):
        operator.run(one, replicas=REPLICAS)


@contextlib.contextmanager
def cluster_of_its_own(folder: Path, settings: controlplane.Settings) -> Iterator[cluster.Cluster]:
    """A cluster to whose operators tests may do anything; none runs yet."""
    if is_given():
        pytest.skip("this needs a cluster of our own")
    one = cluster.Cluster(folder)
    try:
        one.start(settings)
        yield one
    finally:
        one.stop()


def is_given() -> bool:
    """Whether the tests run against a cluster that is not theirs to break."""
    return bool(os.environ.get(fixtures.GIVEN))


# Files that take minutes come first, so that no worker is left with one when the others are done.
FIRST = (
    "test_thousand",
    "test_cli_seeing",
    "test_crashes",
    "test_replicas",
    "test_faults",
    "test_cli",
    "test_operations",
    "test_costs",
    "test_creation",
    "test_demo",
    "test_nodes",
    "test_namespaced",
    "test_docs",
    "test_tour",
    "test_rollout",
    "test_deletion",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; pytest runs files in the order of their first tests."""
    items.sort(
        key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST)
    )
