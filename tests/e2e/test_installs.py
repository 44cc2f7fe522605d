"""Two installs on one cluster: the second harms nothing, says why it does nothing, and succeeds."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from controller.api.resources import Resource
from controller.kube import installs
from devcluster import controlplane, operator
from devcluster.cluster import Cluster
from tests.e2e import test_uninstall
from tests.e2e.conftest import is_given, namespace_of
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e

SECOND = "argosy-second"
TENANT = "argosy-tenant"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster of this module's own."""
    if is_given():
        pytest.skip("this installs the chart more often than a given cluster has it")
    owner = Cluster(tmp_path_factory.mktemp("installs"))
    owner.start(controlplane.Settings(nodes=3, audit="full"))
    yield Place(api=owner.client, cluster=owner)
    owner.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace that all installs are for."""
    yield from namespace_of(place)


def readiness(one: operator.Operator) -> str:
    """Return what the probe of an operator is answered."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{one.health_port}/readyz") as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


def test_second_install_waits_its_turn(place: Place, kube: Kube) -> None:
    """Its policies let the first one's operator pass, it writes nothing, and then takes over.

    While it is idle its uninstall asks for nothing, and lets go of nothing of the other's.
    """
    owner = place.cluster
    assert owner is not None
    (first,) = operator.run(owner)
    app = kube.app(component())
    app.apply()
    app.wait_ready()
    second = operator.run_beside(owner, SECOND)
    tenant = operator.run_beside(owner, TENANT, values=[f"watchNamespaces={{{kube.namespace}}}"])
    for each in (second, tenant):
        kube.wait_until(
            "it names who is there",
            lambda each=each: (  # type: ignore[misc]
                "the install argosy/argosy-leader looks after the whole cluster" in readiness(each)
            ),
        )
    app.component()["replicas"] = 4
    app.apply()
    app.set_env("2")
    app.wait_ready()
    assert app.pods().keys() == app.pod_names()
    assert readiness(first) == "ok\n"
    before = {name: pod["metadata"]["uid"] for name, pod in app.pods().items()}
    for home, *flags in ((SECOND,), (TENANT, f"--namespaces={kube.namespace}")):
        for policy in ("Refuse", "Release"):
            chosen = (f"--policy={policy}", "--pods=Delete", *flags)
            done = test_uninstall.uninstall(owner, *chosen, home=home)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "left alone: the install argosy/argosy-leader looks after" in done.stdout
    assert {name: pod["metadata"]["uid"] for name, pod in app.pods().items()} == before
    owner.processes.end([first.name], grace=operator.GRACE_SECONDS)
    app.set_env("3")
    app.wait_ready()
    kube.wait_until("the second is ready", lambda: readiness(second) == "ok\n")
    assert "looks after the whole cluster" in readiness(tenant)
    claim = place.api.get(
        f"/apis/coordination.k8s.io/v1/namespaces/{installs.PUBLIC}/leases/{installs.CLUSTER}"
    )
    assert claim["spec"]["holderIdentity"] == f"{SECOND}/argosy-leader"
    for each in (first, second, tenant):
        assert "orbidden" not in each.log.read_text(errors="replace")
    app.delete()
    app.wait_gone(Resource.CLAIMS)
