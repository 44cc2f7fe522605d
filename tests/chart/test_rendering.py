"""What the chart renders, for every set of values that it is tried with."""

from __future__ import annotations

import subprocess
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import crds
from controller.planning import builders
from controller.providers import models

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Helm = Callable[..., subprocess.CompletedProcess[str]]
BUILDKITD = "Deployment/argosy-buildkitd"
BUILDING = Path(__file__).parents[2] / "charts" / "argosy" / "ci" / "building-values.yaml"
CLUSTER_KINDS = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
}


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield the pod specs among `manifests`, with the name of what makes each."""
    for each in manifests:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield name, each["spec"]
        elif each["kind"] in {"Deployment", "Job"}:
            yield name, each["spec"]["template"]["spec"]


def one(manifests: list[Manifest], kind: str) -> Manifest:
    """Return the only manifest of `kind` that is the operator's own."""
    others = ("-dashboard", "-buildkitd", "-hooks")
    found = [
        each
        for each in manifests
        if each["kind"] == kind and not each["metadata"]["name"].endswith(others)
    ]
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def arguments(manifests: list[Manifest]) -> list[str]:
    """Return the operator's command line."""
    spec = one(manifests, "Deployment")["spec"]["template"]["spec"]
    given: list[str] = spec["containers"][0]["args"]
    return given


def test_lint(helm: Helm, chart: Path, values_file: Path) -> None:
    """Helm's own lint finds nothing wrong."""
    done = helm("lint", "--strict", str(chart), "--values", str(values_file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_object_is_named_once_and_labelled(render: Render, values_file: Path) -> None:
    """No two objects collide, and each says which release it belongs to."""
    manifests = render(values=values_file)
    seen = Counter(
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in manifests
    )
    assert [key for key, times in seen.items() if times > 1] == []
    for each in manifests:
        if each["metadata"]["name"].endswith("-extra"):
            continue
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "argosy"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert "app.kubernetes.io/name" in labels or each["kind"] == "Pod"


def test_namespaced_objects_name_their_namespace(render: Render, values_file: Path) -> None:
    """What is namespaced says so itself, so `helm template | kubectl apply` works too."""
    for each in render(values=values_file):
        if each["kind"] not in CLUSTER_KINDS and not each["metadata"]["name"].endswith("-extra"):
            assert each["metadata"]["namespace"], each["kind"]


def test_pods_are_restricted(render: Render, values_file: Path) -> None:
    """Every pod meets the restricted Pod Security Standard, with a read-only root beside it.

    But for BuildKit, which the chart has in a namespace of its own.
    """
    for name, spec in pods(render(values=values_file)):
        if name == BUILDKITD:
            continue
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"], name
            assert container["resources"]["limits"]["memory"], name
        for volume in spec.get("volumes", []):
            assert "hostPath" not in volume, name


@pytest.mark.parametrize("repository", ["ghcr.io/argosy-dev/argosy", "mirror.example.com/argosy"])
def test_an_image_that_has_a_digest_is_run_by_it(render: Render, repository: str) -> None:
    """A release is run as it was signed, from a mirror, too: the tag decides nothing then."""
    digest = f"sha256:{'a' * 64}"
    chosen = (f"image.repository={repository}", f"image.digest={digest}", "image.tag=latest")
    images = {each["image"] for _, spec in pods(render(*chosen)) for each in spec["containers"]}
    assert images == {f"{repository}@{digest}"}


def test_a_daemon_that_has_a_digest_is_run_by_it(render: Render) -> None:
    """Whoever builds images runs the BuildKit that was looked at, and not what a tag is by now."""
    digest = f"sha256:{'b' * 64}"
    chosen = ("build.daemon.enabled=true", "build.image=forge:1")
    for more, wanted in (
        ((), "docker.io/moby/buildkit:v0.34.2-rootless"),
        ((f"build.daemon.image.digest={digest}",), f"docker.io/moby/buildkit@{digest}"),
    ):
        images = {
            each["image"] for _, spec in pods(render(*chosen, *more)) for each in spec["containers"]
        }
        assert wanted in images


def test_buildkit_has_of_root_the_maps_of_users_alone(render: Render) -> None:
    """It runs as nobody, without the node's files or networks, in a namespace that says so.

    Two capabilities map the users of its own namespace; its token is not mounted.
    """
    manifests = render(values=BUILDING)
    ((_, spec),) = [each for each in pods(manifests) if each[0] == BUILDKITD]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert not any("hostPath" in each for each in spec["volumes"])
    (container,) = spec["containers"]
    own = container["securityContext"]
    assert own["capabilities"] == {"drop": ["ALL"], "add": ["SETUID", "SETGID"]}
    assert "privileged" not in own
    (namespace,) = [each for each in manifests if each["kind"] == "Namespace"]
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    elsewhere = {each["metadata"]["namespace"] for each in beside(manifests)}
    assert namespace["metadata"]["name"] not in elsewhere


def beside(manifests: list[Manifest]) -> list[Manifest]:
    """Return the namespaced manifests that are not BuildKit's own."""
    return [
        each
        for each in manifests
        if "namespace" in each["metadata"] and not each["metadata"]["name"].endswith("-buildkitd")
    ]


def test_buildkit_serves_nobody_without_a_certificate(render: Render) -> None:
    """Its clients' Secret has no key of the server's, and only clients' namespaces have it."""
    manifests = render(values=BUILDING)
    secrets = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["data"]
        for each in manifests
        if each["kind"] == "Secret" and "build" in each["metadata"]["name"]
    }
    server = secrets.pop(("argosy-build", "argosy-buildkitd"))
    ((where, client),) = secrets.items()
    assert where == ("shops", "argosy-build-client")
    assert client["ca.crt"] == server["ca.crt"]
    assert client["tls.key"] not in {server["tls.key"], ""}
    (config,) = [
        each["data"]["buildkitd.toml"]
        for each in manifests
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "argosy-buildkitd"
    ]
    parsed = tomllib.loads(config)
    assert parsed["grpc"]["tls"]["ca"].endswith("/ca.crt")
    assert parsed["registry"]["registry.example.com:5000"] == {"http": True}


def test_buildkit_is_not_there_unless_asked_for(render: Render) -> None:
    """Neither the daemon nor its namespace is in an install that says nothing of builds."""
    kinds = {"Deployment", "Namespace", "Secret", "ConfigMap", "Service"}
    names = {each["metadata"]["name"] for each in render() if each["kind"] in kinds}
    assert not any("build" in each for each in names)


def test_default_is_highly_available(render: Render) -> None:
    """Two replicas, spread over nodes and zones, one of which may be evicted at a time."""
    manifests = render()
    deployment = one(manifests, "Deployment")
    assert deployment["spec"]["replicas"] == 2
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    budget = one(manifests, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (budget["spec"]["selector"], deployment["spec"]["selector"]):
        assert selector["matchLabels"].items() <= labels.items()


def test_a_single_replica_has_no_budget(render: Render) -> None:
    """A budget for one replica would only hold up drains, so there is none."""
    assert "PodDisruptionBudget" not in {each["kind"] for each in render("replicas=1")}


def test_selectors_find_operators_alone(render: Render, values_file: Path) -> None:
    """Neither the hook's pod, nor the test's, nor the dashboard's is counted as a replica."""
    manifests = render(values=values_file)
    wanted = one(manifests, "Deployment")["spec"]["selector"]["matchLabels"]
    for each in manifests:
        if each["kind"] == "Pod":
            assert not wanted.items() <= each["metadata"]["labels"].items()
        template = each.get("spec", {}).get("template")
        if template is not None and each != one(manifests, "Deployment"):
            assert not wanted.items() <= template["metadata"]["labels"].items()


def test_crds_are_those_of_the_api(render: Render) -> None:
    """The chart installs exactly what the models say, to the number, and keeps it on uninstall."""
    wanted = {
        each["metadata"]["name"]: each
        for each in map(yaml.safe_load, crds.render(models.MODELS).values())
    }
    found = {
        each["metadata"]["name"]: each
        for each in render()
        if each["kind"] == "CustomResourceDefinition"
    }
    assert found.keys() == wanted.keys()
    for name, each in found.items():
        assert each["spec"] == wanted[name]["spec"]
        assert each["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_crds_can_be_left_out_or_let_go(render: Render) -> None:
    """`crds.enabled` and `crds.keep` do what they say."""
    assert not any(
        each["kind"] == "CustomResourceDefinition" for each in render("crds.enabled=false")
    )
    for each in render("crds.keep=false"):
        if each["kind"] == "CustomResourceDefinition":
            assert "annotations" not in each["metadata"]


def test_namespaced_install_has_nothing_cluster_wide(render: Render, chart: Path) -> None:
    """A tenant can install it: no object needs rights beyond the namespaces that it names."""
    manifests = render(values=chart / "ci" / "namespaced-values.yaml")
    assert {each["kind"] for each in manifests}.isdisjoint(CLUSTER_KINDS)
    namespaces = {each["metadata"]["namespace"] for each in manifests}
    assert namespaces == {"argosy-system", "team-a", "team-b"}
    assert "--namespaces=team-a,team-b" in arguments(manifests)


def test_namespaced_install_may_read_fleets(render: Render) -> None:
    """With `fleets.clusterRole` it may read Fleets cluster-wide, and is told to do so."""
    chosen = ("watchNamespaces={a}", "crds.enabled=false")
    manifests = render(*chosen, "fleets.clusterRole=true")
    role = one(manifests, "ClusterRole")
    assert role["metadata"]["name"] == "argosy-fleets"
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert "--read-fleets" in arguments(manifests)
    assert "--read-fleets" not in arguments(render(*chosen))
    assert "--read-fleets" not in arguments(render("fleets.clusterRole=true"))


def test_allowed_urls_reach_the_operator(render: Render, chart: Path) -> None:
    """Each of `steps.allowedUrls` becomes a flag."""
    manifests = render(values=chart / "ci" / "monitored-values.yaml")
    given = arguments(manifests)
    assert "--allowed-url=https://hooks.example.com/argosy" in given
    assert "--allowed-url=http://10.0.0.8:8080" in given


def test_opt_ins_are_off(render: Render) -> None:
    """A plain install needs no other operator's kinds, and fences nothing in."""
    kinds = {each["kind"] for each in render()}
    assert kinds.isdisjoint({"ServiceMonitor", "PrometheusRule", "NetworkPolicy", "ConfigMap"})
    assert not [each for each in render() if each["metadata"]["name"].endswith("-dashboard")]


def test_opt_ins_are_there(render: Render, chart: Path) -> None:
    """Asked for, each is rendered."""
    kinds = {each["kind"] for each in render(values=chart / "ci" / "monitored-values.yaml")}
    assert {"ServiceMonitor", "PrometheusRule", "NetworkPolicy", "ConfigMap"} <= kinds


def test_the_dashboard_is_apart_from_the_operator(render: Render, chart: Path) -> None:
    """It has an account that only lists, one process, and none of the operator's labels."""
    manifests = render(values=chart / "ci" / "dashboard-values.yaml")
    own = [each for each in manifests if each["metadata"]["name"] == "argosy-dashboard"]
    (deployment,) = (each for each in own if each["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    assert (deployment["spec"]["replicas"], spec["serviceAccountName"]) == (1, "argosy-dashboard")
    assert spec["containers"][0]["args"] == [
        "serve-dashboard",
        "--port=8443",
        "--host=argosy.example.com",
        "--cluster=production",
        "--certificates=/etc/argosy/tls",
        "--writes",
    ]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    operators = one(manifests, "Deployment")["spec"]["selector"]["matchLabels"]
    assert not operators.items() <= labels.items()
    for each in own:
        if each["kind"] in {"Service", "NetworkPolicy"}:
            chosen = each["spec"].get("selector") or each["spec"]["podSelector"]["matchLabels"]
            assert chosen.items() <= labels.items()
    (service,) = (each for each in own if each["kind"] == "Service")
    assert service["spec"]["ports"] == [{"name": "https", "port": 443, "targetPort": "web"}]


def test_extra_objects_are_expanded(render: Render, chart: Path) -> None:
    """Templates in `extraObjects` are expanded."""
    extra = one(render(values=chart / "ci" / "release-values.yaml"), "ConfigMap")
    assert extra["metadata"]["name"] == "argosy-extra"
    assert extra["data"] == {"chart": "argosy"}


@pytest.mark.parametrize("account", ["", "by-hand"])
def test_accounts_and_roles_are_separate(render: Render, account: str) -> None:
    """Without `serviceAccount.create` nothing is made, and roles are bound to the one named."""
    manifests = render("serviceAccount.create=false", f"serviceAccount.name={account}")
    spec = one(manifests, "Deployment")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == (account or "default")
    assert not any(
        each["kind"] == "ServiceAccount" and each["metadata"]["name"] == "argosy"
        for each in manifests
    )
    bound = [each for each in manifests if each["kind"] == "ClusterRoleBinding"]
    assert (account or "default") in {
        subject["name"] for each in bound for subject in each["subjects"]
    }


def test_uninstall_hook_runs_before_anything_goes(render: Render) -> None:
    """The hook is made before the delete, its rights before it, and is asked by policy."""
    manifests = render("uninstall.policy=Release", "uninstall.pods=Delete")
    hooks = [
        each
        for each in manifests
        if each["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-delete"
    ]
    job = one(hooks, "Job")
    weights = {
        each["kind"]: int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in hooks
    }
    assert max(weight for kind, weight in weights.items() if kind != "Job") < weights["Job"]
    assert job["spec"]["backoffLimit"] == 0
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["args"][:3] == ["uninstall", "--policy=Release", "--pods=Delete"]
    assert spec["serviceAccountName"] == "argosy-uninstall"


@pytest.mark.parametrize(
    "more", [(), ("--set", "watchNamespaces={a}", "--set", "crds.enabled=false")]
)
@pytest.mark.parametrize("api", ["", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"])
def test_who_asked_is_believed_where_a_policy_writes_it(
    helm: Helm, chart: Path, api: str, more: tuple[str, ...]
) -> None:
    """The operator is told that requesters are known exactly where the policy is rendered."""
    flags = ["--api-versions", api] if api else []
    done = helm("template", "argosy", str(chart), *flags, *more)
    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.safe_load_all(done.stdout) if each]
    guarded = any(each["kind"] == "MutatingAdmissionPolicy" for each in manifests)
    assert guarded is (bool(api) and not more)
    assert ("--requesters-known" in arguments(manifests)) is guarded


@pytest.mark.parametrize(
    ("bound", "told"), [(None, "20000"), (1_000_000, "1000000"), (12_345_678, "12345678"), (0, "")]
)
def test_the_operator_and_the_policy_keep_to_one_bound_of_a_namespace(
    render: Render, tmp_path: Path, bound: int | None, told: str
) -> None:
    """As it is written, however large, and 20,000 where nobody says; 0 bounds nothing."""
    given = tmp_path / "values.yaml"
    given.write_text(
        yaml.safe_dump({"limits": {"serversPerNamespace": bound}}) if bound is not None else "{}"
    )
    made = render(values=given)
    arguments = [
        word
        for name, pod in pods(made)
        if name.startswith("Deployment/")
        for word in pod["containers"][0]["args"]
    ]
    kept = [each for each in arguments if each.startswith("--servers-per-namespace")]
    assert kept == ([f"--servers-per-namespace={told}"] if told else [])
    asked = [
        rule["expression"]
        for each in made
        if each["kind"] == "ValidatingAdmissionPolicy"
        and each["metadata"]["name"].endswith("-servers-per-namespace")
        for rule in each["spec"]["validations"]
    ]
    assert [f"variables.wanted <= {told} " in each for each in asked] == ([True] if told else [])


def test_the_operator_is_told_of_the_charts_own_daemon(render: Render) -> None:
    """Address and Secret of the daemon are known without being said; what is said wins."""
    own = ("build.image=forge:1", "build.daemon.enabled=true")
    assert {
        "--build-image=forge:1",
        "--build-address=tcp://argosy-buildkitd.argosy-build.svc:1234",
        "--build-client-secret=argosy-build-client",
    } <= set(arguments(render(*own)))
    said = ("build.address=tcp://there:1", "build.clientSecret=theirs")
    told = set(arguments(render(*own, *said)))
    assert {"--build-address=tcp://there:1", "--build-client-secret=theirs"} <= told
    assert not any(each.startswith("--build") for each in arguments(render()))


def test_the_operator_is_told_of_the_daemons_of_tenants(render: Render) -> None:
    """Each as the operator reads it, in order; without labels of namespaces there is none."""
    given = ("build.daemons[0].address=tcp://a:1", "build.daemons[0].clientSecret=a")
    labels = ("build.daemons[0].namespaceLabels.tenant=a",)
    (told,) = (
        each.removeprefix("--build-daemon=")
        for each in arguments(render(*given, *labels))
        if each.startswith("--build-daemon=")
    )
    daemon = builders.Daemon.read(told)
    assert daemon.address == "tcp://a:1"
    assert daemon.client_secret == "a"  # noqa: S105 - the Secret's name
    assert daemon.namespace_labels == {"tenant": "a"}
    with pytest.raises(AssertionError, match="namespaceLabels"):
        render(*given)
