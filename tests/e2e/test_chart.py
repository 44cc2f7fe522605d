"""The chart on a real API server: objects are accepted, policies and roles do their work."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import binaries, client, controlplane, fixtures, operator, processes
from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from tests.e2e import releases
from tests.e2e.conftest import is_given
from tests.e2e.driving import component

pytestmark = pytest.mark.e2e

CHART = Path(__file__).parents[2] / "charts" / "argosy"
VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
FINALIZER = "test.argosy.dev/held"
DEADLINE_SECONDS = 180
FORBIDDEN = 403
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PREFIXES = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ValidatingAdmissionPolicy": f"{ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{ADMISSION}/validatingadmissionpolicybindings",
    "ValidatingWebhookConfiguration": f"{ADMISSION}/validatingwebhookconfigurations",
    "Namespace": "/api/v1/namespaces",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Pod": "/api/v1/namespaces/{}/pods",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
}
# Kinds of another operator, which this cluster does not have.
UNKNOWN_HERE = {"Certificate", "Issuer", "ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module", autouse=True)
def installed(cluster: Cluster) -> None:
    """The chart, installed without replicas."""
    releases.install(cluster)


@pytest.fixture
def restricted(api: client.Client, namespace: str) -> str:
    """A namespace whose pods must meet the restricted Pod Security Standard."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": label}})
    return namespace


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_every_object_is_accepted(
    cluster: Cluster, api: client.Client, restricted: str, values: Path
) -> None:
    """The API server takes each object as it is, knows all its fields, and admits its pods."""
    program = binaries.ensure(binaries.HELM, cluster.say) / "helm"
    words = ["template", "argosy", CHART, "--namespace", restricted, "--values", values]
    argv = [str(program), *map(str, words)]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    accepted = 0
    found = [*filter(None, yaml.safe_load_all(text))]
    # Of its own namespaces, those that admit what the restricted ones refuse, and say so.
    free = {
        each["metadata"]["name"]
        for each in found
        if each["kind"] == "Namespace"
        and each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    }
    for each in found:
        if each["kind"] in UNKNOWN_HERE:
            continue
        is_free = each["metadata"].get("namespace") in free
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = restricted
        if each["kind"] == "CustomResourceDefinition":
            continue
        # Under another name: the cluster has the chart already.
        each["metadata"]["name"] += "-dry"
        if each["kind"] == "Pod":
            _admit(api, restricted, each)
            continue
        path = PREFIXES[each["kind"]].format(restricted)
        made = api.create(f"{path}?dryRun=All&fieldValidation=Strict", each)
        if each["kind"] in {"Deployment", "Job"} and not is_free:
            _admit(api, restricted, made["spec"]["template"])
        accepted += 1
    assert accepted >= 1


def _admit(api: client.Client, namespace: str, template: dict[str, Any]) -> None:
    """Create a template's pod, dry: Pod Security refuses pods, and only warns of templates."""
    spec = copy.deepcopy(template["spec"])
    spec["serviceAccountName"] = "default"
    spec.pop("priorityClassName", None)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "admitted"}, "spec": spec}
    api.create(f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)


@pytest.fixture
def application(api: client.Client, namespace: str) -> Iterator[str]:
    """The path of an application that nobody reconciles, held by a finalizer of the test's own."""
    collection = f"/apis/argosy.dev/v1alpha1/namespaces/{namespace}/applications"
    path = f"{collection}/held"
    template = {"spec": {"containers": [{"name": "main", "image": "app"}]}}
    components = [{"name": f"part{n}", "replicas": 0, "template": template} for n in range(64)]
    body = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "held", "finalizers": [FINALIZER]},
        "spec": {"paused": True, "components": components},
    }
    api.create(collection, body)
    yield path
    try:
        api.merge(path, {"metadata": {"finalizers": None}, "spec": {"deletion": None}})
        api.delete(path)
    except client.ApiError as error:
        if error.status not in {client.NOT_FOUND, FORBIDDEN}:
            raise


def refused(error: pytest.ExceptionInfo[client.ApiError], words: str) -> None:
    """Hold a refusal to its status and its message."""
    assert error.value.status == FORBIDDEN
    assert words in str(error.value)


def test_a_protected_application_is_not_deleted(api: client.Client, application: str) -> None:
    """`deletion.protected` refuses a delete, alone or of the whole collection, and says how to."""
    api.merge(application, {"spec": {"deletion": {"protected": True}}})
    with pytest.raises(client.ApiError) as error:
        api.delete(application)
    refused(error, "spec.deletion.protected must be false")
    with pytest.raises(client.ApiError) as error:
        api.delete(application.rpartition("/")[0])
    refused(error, "spec.deletion.protected must be false")
    assert "deletionTimestamp" not in api.get(application)["metadata"]

    api.merge(application, {"spec": {"deletion": {"protected": False}}})
    api.delete(application)
    assert "deletionTimestamp" in api.get(application)["metadata"]


def test_an_application_that_goes_keeps_its_spec(api: client.Client, application: str) -> None:
    """A spec change to one that is going is refused; metadata, status and more deletes are not."""
    api.delete(application)
    api.delete(application)
    with pytest.raises(client.ApiError) as error:
        api.merge(application, {"spec": {"paused": False}})
    refused(error, "is being deleted: its spec must stay as it is")
    api.merge(application, {"metadata": {"annotations": {"by": "hand"}}})
    api.merge(f"{application}/status", {"status": {"observedGeneration": 2}})
    api.merge(application, {"metadata": {"finalizers": None}})
    assert processes.wait_until(lambda: not fixtures.exists(api, application), DEADLINE_SECONDS)


def test_policies_step_aside_for_a_namespace_that_goes(
    api: client.Client, namespace: str, application: str
) -> None:
    """A namespace with a protected application can be deleted."""
    api.merge(application, {"spec": {"deletion": {"protected": True}}})
    api.delete(f"/api/v1/namespaces/{namespace}")
    going = processes.wait_until(
        lambda: "deletionTimestamp" in api.get(application)["metadata"], DEADLINE_SECONDS
    )
    assert going
    api.merge(application, {"metadata": {"finalizers": None}})
    gone = processes.wait_until(
        lambda: not fixtures.exists(api, f"/api/v1/namespaces/{namespace}"), DEADLINE_SECONDS
    )
    assert gone
    # The fixture that made the namespace deletes it once more.
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    api.create("/api/v1/namespaces", body)


@pytest.mark.parametrize(
    ("role", "verb", "resource", "allowed"),
    [
        ("view", "list", "applications", True),
        ("view", "get", "operations", True),
        ("view", "create", "applications", False),
        ("view", "create", "operations", False),
        ("edit", "create", "applications", True),
        ("edit", "create", "operations", True),
        ("edit", "patch", "serversets/scale", True),
        ("edit", "patch", "servers", True),
        ("edit", "delete", "servers", False),
        ("edit", "list", "fleets", False),
        ("admin", "delete", "servers", True),
        ("admin", "create", "fleets", False),
    ],
)
def test_people_may(
    api: client.Client, namespace: str, role: str, verb: str, resource: str, *, allowed: bool
) -> None:
    """Whoever has a built-in role in a namespace may do with applications what befits it."""
    user = f"{role}-of-{namespace}"
    group = "rbac.authorization.k8s.io"
    api.create(
        PREFIXES["RoleBinding"].format(namespace),
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        },
    )

    def answer(verb: str, resource: str) -> bool:
        plural, _, subresource = resource.partition("/")
        review = api.create(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": user,
                    "resourceAttributes": {
                        "group": "argosy.dev",
                        "namespace": namespace,
                        "verb": verb,
                        "resource": plural,
                        "subresource": subresource,
                    },
                },
            },
        )
        return bool(review["status"]["allowed"])

    # Aggregation is the controller manager's work: wait until the role has what all of them have.
    assert processes.wait_until(lambda: answer("get", "applications"), DEADLINE_SECONDS)
    assert processes.wait_until(lambda: answer(verb, resource) is allowed, DEADLINE_SECONDS)


def test_the_kinds_come_along_to_another_namespace(tmp_path: Path) -> None:
    """A release that is gone leaves the kinds, and applications; another takes them if told to.

    `--take-ownership` is what the page on installing says, and without it Helm refuses.
    """
    if is_given():
        pytest.skip("this installs the chart more often than a given cluster has it")
    owner = Cluster(tmp_path / "moving")
    owner.start(controlplane.Settings(nodes=1))
    install = ["install", operator.RELEASE, str(CHART), "--create-namespace"]
    for value in (operator.NO_ADMISSION, operator.NO_REPLICAS):
        install += ["--set", value]
    path = "/apis/argosy.dev/v1alpha1/namespaces/default/applications"
    shop = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"components": [component(replicas=0)]},
    }
    try:
        operator.helm(owner, install, "first")
        before = owner.client.apply(f"{path}/shop", shop)["metadata"]["uid"]
        # No hook runs where nothing runs pods; `test_uninstall` runs what it does.
        operator.helm(owner, ["uninstall", operator.RELEASE, "--no-hooks"], "first")
        with pytest.raises(DevclusterError, match="invalid ownership metadata"):
            operator.helm(owner, install, "second")
        operator.helm(owner, [*install, "--take-ownership"], "second")
        assert owner.client.get(f"{path}/shop")["metadata"]["uid"] == before
    finally:
        owner.stop()
