"""An operator for some namespaces alone does the main job there, with nothing but its Roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controller.api import resources
from controller.api.resources import Resource
from devcluster import client, controlplane, operator
from devcluster.cluster import Cluster
from tests.e2e import people
from tests.e2e.conftest import is_given, namespace_of
from tests.e2e.driving import App, Kube, Place, component, uids

pytestmark = pytest.mark.e2e

CRDS = Path(__file__).parents[2] / "crds"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FLEETS = "/apis/argosy.dev/v1alpha1/fleets"
TEAM = {"team": "allowed"}
TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "app"}]}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster of this module's own, with the CRDs that an administrator has installed."""
    if is_given():
        pytest.skip("this installs the chart in another way than a given cluster has it")
    owner = Cluster(tmp_path_factory.mktemp("namespaced"))
    owner.start(controlplane.Settings(nodes=3, audit="full"))
    for path in sorted(CRDS.glob("*.yaml")):
        body = yaml.safe_load(path.read_text())
        owner.client.apply(f"{DEFINITIONS}/{body['metadata']['name']}", body)
    yield Place(api=owner.client, cluster=owner)
    owner.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A watched namespace."""
    yield from namespace_of(place)


@pytest.fixture
def elsewhere(place: Place) -> Iterator[Kube]:
    """A namespace that is watched only where a test asks for it."""
    yield from namespace_of(place)


def run(place: Place, namespaces: list[str], *values: str) -> operator.Operator:
    """Install the chart for these namespaces, and run one operator under its account."""
    assert place.cluster is not None
    watched = f"watchNamespaces={{{','.join(namespaces)}}}"
    chosen = [watched, "crds.enabled=false", *values]
    return operator.run(place.cluster, values=chosen)[0]


def require_no_refusal(one: operator.Operator) -> None:
    """Nothing that the operator asked for was forbidden."""
    told = one.log.read_text(errors="replace")
    assert "orbidden" not in told, told[-2000:]


def live(app: App) -> None:
    """Lead an application through its life: come up, scale, roll, heal, and go, in order."""
    app.apply()
    app.wait_ready()
    app.component()["replicas"] = 4
    app.apply()
    app.wait_ready()
    assert app.pods().keys() == app.pod_names()
    app.set_env("2")
    app.wait_ready()
    before = uids(app.pods())["shop-web-1"]
    app.kube.delete(Resource.PODS, "shop-web-1")
    app.kube.wait_until(
        "the pod is another", lambda: uids(app.pods()).get("shop-web-1", "") not in ("", before)
    )
    app.wait_ready()
    restart = {"application": app.name, "action": "Restart", "components": ["web"]}
    app.kube.create(Resource.OPERATIONS, {"metadata": {"name": "restart"}, "spec": restart})
    app.kube.wait_until(
        "the operation has succeeded",
        lambda: (
            (app.kube.get(Resource.OPERATIONS, "restart") or {}).get("status", {}).get("progress")
            == "4/4"
        ),
    )
    app.delete()
    app.wait_gone(Resource.CLAIMS)


def test_it_does_the_main_job_where_it_may(place: Place, kube: Kube, elsewhere: Kube) -> None:
    """A life from apply to delete needs only the Roles; what is elsewhere stays unlooked at."""
    one = run(place, [kube.namespace])
    other = elsewhere.app(component())
    other.apply()
    live(kube.app(component("db", replicas=1), component(replicas=2, dependsOn=["db"])))
    unknown = kube.app(component(), name="cloud", fleet="cloud-eu")
    unknown.apply()
    unknown.wait_for_reason("UnknownFleet", "Stalled")
    assert one.alive
    require_no_refusal(one)
    assert other.status() == {}
    assert elsewhere.list(Resource.SERVERSETS) == {}


def test_it_reads_fleets_where_it_may(place: Place, kube: Kube, elsewhere: Kube) -> None:
    """With `fleets.clusterRole` Fleets can be named, by those they allow, and stay unwritten."""
    place.api.merge(f"/api/v1/namespaces/{kube.namespace}", {"metadata": {"labels": TEAM}})
    fleet = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Fleet",
        "metadata": {"name": "shared"},
        "spec": {"provider": "pod", "allowedNamespaces": {"matchLabels": TEAM}},
    }
    made = place.api.create(FLEETS, fleet)
    one = run(place, [kube.namespace, elsewhere.namespace], "fleets.clusterRole=true")
    live(kube.app(component(), fleet="shared"))
    stranger = elsewhere.app(component(), fleet="shared")
    stranger.apply()
    stranger.wait_for_reason("FleetNotAllowed", "Stalled")
    require_no_refusal(one)
    assert place.api.get(f"{FLEETS}/shared") == made


def test_policies_hold_people_to_their_rights_where_it_watches(
    place: Place, kube: Kube, elsewhere: Kube, tmp_path: Path
) -> None:
    """An administrator installs them along: they bind in the watched namespaces, and nowhere else.

    The operator's own writes pass, with nothing but its Roles.
    """
    assert place.cluster is not None
    one = run(place, [kube.namespace], "admissionPolicies.inWatchedNamespaces=true")
    writes = ["create", "update", "patch", "get"]
    kinds = ["applications", "operations", "servers", "serversets"]
    rule = {"apiGroups": ["argosy.dev"], "resources": kinds, "verbs": writes}
    here, there = (
        people.person(place.cluster, each.namespace, tmp_path, f"few-{number}", rule)
        for number, each in enumerate((kube, elsewhere))
    )
    step = {"name": "run", "exec": {"command": ["sh"]}}
    asked = {"application": "shop", "action": "Steps", "steps": [step]}
    made = {"name": "web", "replicas": 0, "template": TEMPLATE}
    specs = {Resource.APPLICATIONS: {"components": [made]}, Resource.OPERATIONS: asked}

    def tried(person: client.Client, resource: Resource, namespace: str) -> str:
        known = resources.PLACES[resource]
        body = {
            "apiVersion": known.api_version,
            "kind": known.kind,
            "metadata": {"name": "run"},
            "spec": specs[resource],
        }
        try:
            person.create(f"{resources.path(resource, namespace)}?dryRun=All", body)
        except client.ApiError as error:
            return str(error)
        return ""

    for resource, words in (
        (Resource.APPLICATIONS, "must be allowed to create pods"),
        (Resource.OPERATIONS, "must be allowed to create pods/exec"),
    ):
        kube.wait_until(
            f"{resource} are refused",
            lambda resource=resource, words=words: words in tried(here, resource, kube.namespace),  # type: ignore[misc]
        )
        assert tried(there, resource, elsewhere.namespace) == ""
    live(kube.app(component(replicas=2)))
    require_no_refusal(one)
