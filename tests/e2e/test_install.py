"""The image and the chart as people install them: on a real node, with real containers.

The operator is built from the Dockerfile, installed by `helm install` into a namespace that only
takes restricted pods, and does the main job there with servers that answer HTTP.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import binaries, certificates, client, cluster, images, operator, processes
from proof import history
from tests.e2e import conftest, people, visiting

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "argosy"
SHOP = yaml.safe_load((ROOT / "examples" / "shop.yaml").read_text())
# Three of its web servers, for what needs no more.
TRIO = copy.deepcopy(SHOP)
TRIO["metadata"]["name"] = "trio"
(_WEB,) = (each for each in TRIO["spec"]["components"] if each["name"] == "web")
TRIO["spec"]["components"] = [_WEB]
_WEB["replicas"] = 3
del _WEB["dependsOn"]
TRIO_POD = _WEB["template"]["spec"]
# Looks names up until each has the address that it should have.
LOOK = """
import json, socket, sys, time
wanted, found, deadline = json.loads(sys.argv[1]), {}, time.monotonic() + 120
while found != wanted:
    for name in wanted:
        try:
            found[name] = socket.gethostbyname(name)
        except OSError as error:
            found[name] = str(error)
    if time.monotonic() > deadline:
        sys.exit(f"names have other addresses: {found}")
    time.sleep(0.2)
"""
OPERATOR = "argosy-system"
NAMESPACE = "shops"
PATIENCE_SECONDS = 240
# How many seconds the operator may lag behind while containers start on the same machine.
SLACK = 15.0
GROUP = f"/apis/argosy.dev/v1alpha1/namespaces/{NAMESPACE}"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    """A cluster whose only node is real, with two namespaces that take restricted pods alone."""
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("real"), conftest.REAL_NODE) as one:
        for name in (OPERATOR, NAMESPACE):
            labels = {"pod-security.kubernetes.io/enforce": "restricted"}
            body = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": labels},
            }
            one.client.create("/api/v1/namespaces", body)
        yield one


@pytest.fixture(scope="module")
def helm(real: cluster.Cluster) -> Helm:
    """Run helm against the cluster in the operator's namespace, whatever its exit status."""
    program = str(binaries.ensure(binaries.HELM, real.say) / "helm")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(real.kubeconfig)}
        return subprocess.run(
            [program, *arguments, "--namespace", OPERATOR],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture(scope="module")
def image(real: cluster.Cluster) -> str:
    """The operator's image, built from the Dockerfile as it is."""
    return images.build(real, ROOT, "docker.io/argosy-dev/argosy:e2e").image


@pytest.fixture
def judged(real: cluster.Cluster) -> Iterator[None]:
    """What the installed operator writes is held to the invariants."""
    began = real.audit_log.stat().st_size
    yield
    with real.audit_log.open("rb") as lines:
        lines.seek(began)
        verdict = history.check(
            lines,
            namespaces=[NAMESPACE],
            operators={f"system:serviceaccount:{OPERATOR}:argosy"},
            expectations=history.Expectations(slack=SLACK),
        )
    verdict.require()
    assert any(verdict.history.ours)


@pytest.fixture
def installed(real: cluster.Cluster, helm: Helm, image: str) -> Iterator[client.Client]:
    """The chart, installed with its image, all replicas Ready; gone afterwards."""
    repository, _, tag = image.rpartition(":")
    chosen = {"image.repository": repository, "image.tag": tag, "image.pullPolicy": "Never"}
    values = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
    done = helm("upgrade", "--install", "argosy", str(CHART), *values, "--wait", "--timeout", "4m")
    assert done.returncode == 0, done.stderr + logs(real.client)
    until(
        real.client,
        lambda: operator.is_admitted(real.client, f"{GROUP}/applications", SHOP),
        "admission does not know our kinds",
    )
    yield real.client
    helm("uninstall", "argosy", "--no-hooks", "--ignore-not-found")


@pytest.fixture
def shop(installed: client.Client) -> Iterator[str]:
    """The path of the example's application, Ready; deleted afterwards."""
    path = f"{GROUP}/applications/shop"
    installed.apply(path, SHOP)
    until(installed, lambda: ready(installed, path), "the shop is not ready")
    yield path
    if found(installed, path):
        installed.delete(path)
        until(installed, lambda: not found(installed, path), "the shop does not go")


@pytest.fixture
def trio(installed: client.Client) -> Iterator[str]:
    """The path of an application of three web servers, Ready; deleted afterwards."""
    path = f"{GROUP}/applications/trio"
    installed.apply(path, TRIO)
    until(installed, lambda: ready(installed, path), "the trio is not ready")
    yield path
    installed.delete(path)
    until(installed, lambda: not found(installed, path), "the trio does not go")


def until(api: client.Client, condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; a failure shows what the operator said."""
    if not processes.wait_until(condition, PATIENCE_SECONDS):
        pytest.fail(f"{what}\n{logs(api)}")


def found(api: client.Client, path: str) -> dict[str, Any] | None:
    """Return the object at a path, None where there is none."""
    try:
        answer: dict[str, Any] = api.get(path)
    except client.ApiError as error:
        if error.status == client.NOT_FOUND:
            return None
        raise
    return answer


def ready(api: client.Client, path: str) -> bool:
    """Return whether an object says that it is Ready, of its present generation."""
    each = api.get(path)
    conditions = each.get("status", {}).get("conditions", [])
    return each["status"].get("observedGeneration") == each["metadata"]["generation"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def pods(api: client.Client, application: str = "shop") -> dict[str, dict[str, Any]]:
    """Return an application's pods by name."""
    items = api.get(f"{PODS}?labelSelector=argosy.dev/application={application}")["items"]
    return {each["metadata"]["name"]: each for each in items}


def page(pod: dict[str, Any], port: int) -> str:
    """Return what a pod's server answers over HTTP."""
    url = f"http://{pod['status']['podIP']}:{port}/"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
        return str(response.read().decode())


def answers(pod: dict[str, Any], port: int) -> bool:
    """Return whether a pod's server answers HTTP."""
    return "Directory listing" in page(pod, port)


def look_up(api: client.Client, name: str, wanted: dict[str, str]) -> None:
    """Look names up in a pod of its own until all have the addresses that they should have."""
    spec = {key: TRIO_POD[key] for key in ("securityContext", "terminationGracePeriodSeconds")}
    container = {
        "name": "look",
        **{key: TRIO_POD["containers"][0][key] for key in ("image", "securityContext")},
        "command": ["python", "-c", LOOK, json.dumps(wanted)],
    }
    body = {
        "metadata": {"name": name},
        "spec": {**spec, "restartPolicy": "Never", "containers": [container]},
    }
    api.create(PODS, body)

    def ended() -> bool:
        return api.get(f"{PODS}/{name}")["status"]["phase"] in {"Succeeded", "Failed"}

    until(api, ended, "nobody looked")
    assert api.get(f"{PODS}/{name}")["status"]["phase"] == "Succeeded", api.get(
        f"{PODS}/{name}/log"
    )
    api.delete(f"{PODS}/{name}", {"gracePeriodSeconds": 0})


def logs(api: client.Client) -> str:
    """Return the last words of the operator's pods."""
    collection = f"/api/v1/namespaces/{OPERATOR}/pods"
    words = []
    for each in api.get(collection)["items"]:
        name = each["metadata"]["name"]
        try:
            text = api.get(f"{collection}/{name}/log?tailLines=30")
        except client.ApiError as error:
            text = str(error)
        words.append(f"--- {name}\n{text}")
    return "\n".join(words)


def test_helm_test_sees_the_operator_act(installed: client.Client, helm: Helm) -> None:
    """`helm test` passes: an application without servers becomes Ready and goes again."""
    done = helm("test", "argosy", "--timeout", "4m")
    assert done.returncode == 0, done.stdout + done.stderr + logs(installed)


def test_a_misspelt_field_is_an_error_at_apply(installed: client.Client, helm: Helm) -> None:
    """The API server reaches the pods by their Service, and trusts the certificate of the chart.

    An upgrade keeps that certificate: a new one would be trusted before the pods have it.
    """
    typo = copy.deepcopy(TRIO)
    typo["metadata"]["name"] = "typo"
    (container,) = typo["spec"]["components"][0]["template"]["spec"]["containers"]
    container["imgae"] = container["image"]

    def refused() -> bool:
        try:
            installed.create(f"{GROUP}/applications?dryRun=All", typo)
        except client.ApiError as error:
            place = "spec.components[web].template.spec.containers[0].imgae: unknown field"
            return place in str(error)
        return False

    # Rules of kube-proxy and the caches of the API server follow the Service by seconds.
    until(installed, refused, "nobody reviews what is applied")
    secret = f"/api/v1/namespaces/{OPERATOR}/secrets/argosy-admission"
    before = installed.get(secret)["data"]
    done = helm(
        "upgrade", "argosy", str(CHART), "--reset-then-reuse-values", "--wait", "--timeout", "4m"
    )
    assert done.returncode == 0, done.stderr + logs(installed)
    assert installed.get(secret)["data"] == before
    until(installed, refused, "nobody reviews what is applied after the upgrade")


@pytest.mark.usefixtures("judged")
def test_the_main_job_with_real_servers(installed: client.Client, shop: str) -> None:
    """Servers run and answer; they are scaled, healed and deleted, and nothing is left."""
    running = pods(installed)
    assert sorted(running) == sorted(
        [f"shop-db-{n}" for n in range(3)] + [f"shop-web-{n}" for n in range(10)]
    )
    assert all(answers(pod, 5432 if "-db-" in name else 8080) for name, pod in running.items())

    installed.apply(shop, _with_web(12))
    until(installed, lambda: len(pods(installed)) == 15 and ready(installed, shop), "not scaled")
    assert answers(pods(installed)["shop-web-11"], 8080)

    before = running["shop-web-3"]["metadata"]["uid"]
    installed.delete(f"{PODS}/shop-web-3")

    def healed() -> bool:
        pod = pods(installed).get("shop-web-3")
        return pod is not None and pod["metadata"]["uid"] != before and ready(installed, shop)

    until(installed, healed, "not healed")
    assert answers(pods(installed)["shop-web-3"], 8080)

    installed.delete(shop)
    until(installed, lambda: found(installed, shop) is None, "not deleted")
    for resource in ("serversets", "servers", "operations"):
        assert installed.get(f"{GROUP}/{resource}")["items"] == []
    until(installed, lambda: not pods(installed), "pods are left")


@pytest.mark.usefixtures("judged")
def test_the_dashboard_serves_people_with_tokens_of_their_own(
    real: cluster.Cluster, installed: client.Client, trio: str, helm: Helm, tmp_path: Path
) -> None:
    """In a pod that restricted namespaces take, with a read-only account, as its page says.

    First by a forwarded port, then over TLS at a name of its own: a reader sees and cannot pause,
    a clerk pauses under their own name, a stranger is shown nothing.
    """
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not there: no port can be forwarded as people do")
    seen = {"apiGroups": ["argosy.dev"], "verbs": ["get", "list"],
            "resources": ["applications", "serversets", "servers", "operations"]}  # fmt: skip
    lines = {"apiGroups": [""], "verbs": ["get"], "resources": ["pods", "pods/log"]}
    pauses = {"apiGroups": ["argosy.dev"], "verbs": ["patch"], "resources": ["applications"]}
    everybody = {"reader": [seen, lines], "clerk": [seen, pauses], "stranger": []}
    tokens = {
        name: people.token(real, NAMESPACE, tmp_path, name, *rules)
        for name, rules in everybody.items()
    }
    served(helm, "dashboard.enabled=true", "dashboard.writes=true")
    mine = f"/applications/{NAMESPACE}/trio"
    pause = f"/acts/pause/{NAMESPACE}/application/trio"
    words = ["--namespace", OPERATOR, "service/argosy-dashboard", ":80"]

    with visiting.forwarded(kubectl, real.kubeconfig, *words) as port:
        reader, stranger = (
            visiting.Visitor("127.0.0.1", port, host=f"localhost:{port}") for _ in range(2)
        )
        assert reader.ask("/sign-in", {"token": "guess"})[0] == 401
        assert reader.ask("/sign-in", {"token": tokens["reader"]})[0] == 303
        assert f'href="{mine}"' in reader.ask("/")[1]
        # What the server printed when it was probed, read with the reader's token.
        assert "GET /" in reader.ask(f"{mine}/logs?server=trio-web-0")[1]
        assert "Not offered: Pause" in reader.ask(mine)[1]
        assert stranger.ask("/sign-in", {"token": tokens["stranger"]})[0] == 303
        assert "trio" not in stranger.ask("/")[1]
        assert stranger.ask(mine)[0] == 404
        assert stranger.ask("/", Host="argosy.example.com")[0] == 403

    authority = certificates.authority(real.dir / "pki", "ca")
    pair = authority.issue("dashboard", common_name="dashboard", hosts=["argosy.example.com"])
    visiting.keep(installed, OPERATOR, "dashboard-tls", pair)
    served(helm, "dashboard.tls.secretName=dashboard-tls", "dashboard.hosts={argosy.example.com}")
    (pod,) = visiting.dashboards(installed, OPERATOR)
    visited = pod["status"]["podIP"], 8443
    ca = authority.pair.certificate
    clerk = visiting.Visitor(*visited, host="argosy.example.com", authority=ca)
    bearer = f"Bearer {tokens['clerk']}"
    assert clerk.ask(mine, Authorization=bearer)[0] == 200
    form = dict(people.HIDDEN.findall(clerk.ask(pause, Authorization=bearer)[1]))
    assert clerk.ask(pause, form, Authorization=f"Bearer {tokens['reader']}")[0] == 403
    assert clerk.ask(pause, form, Authorization=bearer)[0] == 303
    assert installed.get(trio)["spec"]["paused"] is True
    assert clerk.ask("/", Host="elsewhere.example.com", Authorization=bearer)[0] == 403
    # No token of anybody stands in what the pod printed, whose rights are to read.
    name = pod["metadata"]["name"]
    said = str(installed.get(f"/api/v1/namespaces/{OPERATOR}/pods/{name}/log"))
    assert not any(token in said for token in tokens.values())
    account = f"system:serviceaccount:{OPERATOR}:argosy-dashboard"
    may = {each: visiting.allowed(
        installed, account, namespace=NAMESPACE, verb=each[0], group=each[1], resource=each[2]
    ) for each in (
        ("list", "argosy.dev", "applications"), ("patch", "argosy.dev", "applications"),
        ("list", "", "pods"), ("get", "", "secrets"), ("impersonate", "", "users"),
    )}  # fmt: skip
    assert [each for each, yes in may.items() if yes] == [("list", "argosy.dev", "applications")]
    writers = {
        entry["user"]["username"]
        for entry in map(json.loads, real.audit_log.read_text().rpartition("\n")[0].splitlines())
        if entry["verb"] == "patch" and entry["requestURI"].partition("?")[0] == trio
        and "kubectl-argosy" in entry["requestURI"]
    }  # fmt: skip
    assert writers == {f"system:serviceaccount:{NAMESPACE}:clerk"}


def served(helm: Helm, *values: str) -> None:
    """Have the dashboard served like this, beside what was installed."""
    chosen = [word for each in values for word in ("--set", each)]
    done = helm(
        "upgrade", "argosy", str(CHART), "--reuse-values", *chosen, "--wait", "--timeout", "4m"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _with_web(replicas: int) -> dict[str, Any]:
    spec = SHOP["spec"]
    components = [
        {**each, "replicas": replicas} if each["name"] == "web" else each
        for each in spec["components"]
    ]
    return {**SHOP, "spec": {**spec, "components": components}}


@pytest.mark.usefixtures("judged")
def test_names_of_servers_resolve(installed: client.Client, trio: str) -> None:
    """In a pod of the namespace each server is found by name, also once its pod was replaced."""

    def addresses() -> dict[str, str]:
        return {
            f"{name}.trio-web": pod["status"]["podIP"]
            for name, pod in pods(installed, "trio").items()
        }

    assert len(addresses()) == 3
    look_up(installed, "look-1", addresses())
    before = pods(installed, "trio")["trio-web-1"]["metadata"]["uid"]
    installed.delete(f"{PODS}/trio-web-1")

    def replaced() -> bool:
        pod = pods(installed, "trio").get("trio-web-1")
        return pod is not None and pod["metadata"]["uid"] != before and ready(installed, trio)

    until(installed, replaced, "not replaced")
    look_up(installed, "look-2", addresses())


@pytest.mark.usefixtures("judged")
def test_an_image_is_changed_in_the_same_pods(
    real: cluster.Cluster, installed: client.Client, trio: str, tmp_path: Path
) -> None:
    """The moment the application says Ready again, only new containers serve, in the old pods."""
    image = TRIO_POD["containers"][0]["image"]
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN touch /tmp/second-version\n")
    second = images.build(real, tmp_path, "docker.io/argosy-dev/web:second").image
    before = pods(installed, "trio")
    changed = copy.deepcopy(TRIO)
    changed["spec"]["components"][0]["template"]["spec"]["containers"][0]["image"] = second
    installed.apply(trio, changed)
    until(installed, lambda: ready(installed, trio), "not updated")
    now = pods(installed, "trio")
    pages = {name: page(pod, 8080) for name, pod in now.items()}
    assert all("second-version" in text for text in pages.values()), pages
    for name, pod in now.items():
        assert pod["metadata"]["uid"] == before[name]["metadata"]["uid"]
        (container,) = pod["status"]["containerStatuses"]
        (old,) = before[name]["status"]["containerStatuses"]
        assert container["containerID"] != old["containerID"]
        assert container["restartCount"] == old["restartCount"] + 1


def test_uninstall_refuses_while_applications_exist(
    installed: client.Client, shop: str, helm: Helm
) -> None:
    """`helm uninstall` fails and names the application; the operator goes on running it."""
    done = helm("uninstall", "argosy", "--timeout", "4m")
    assert done.returncode != 0
    job = f"/api/v1/namespaces/{OPERATOR}/pods?labelSelector=job-name=argosy-uninstall"
    said = done.stdout + done.stderr
    for each in installed.get(job)["items"]:
        said += str(installed.get(f"{job.partition('?')[0]}/{each['metadata']['name']}/log"))
    assert f"{NAMESPACE}/shop" in said
    assert ready(installed, shop)

    installed.delete(shop)
    until(installed, lambda: found(installed, shop) is None, "not deleted")
    done = helm("uninstall", "argosy", "--timeout", "4m")
    assert done.returncode == 0, done.stdout + done.stderr
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/applications.argosy.dev"
    assert found(installed, crd) is not None


def test_release_leaves_pods_running(installed: client.Client, shop: str, helm: Helm) -> None:
    """After a refusal, too: the operator goes, the same pods stay, nothing is held.

    These are the page's commands. Helm upgrades no release that it was to uninstall, so the one
    that runs is gone back to first.
    """
    before = {name: pod["metadata"]["uid"] for name, pod in pods(installed).items()}
    assert helm("uninstall", "argosy", "--timeout", "2m").returncode != 0
    chosen = ("--set=uninstall.policy=Release", "--set=uninstall.pods=Keep")
    release = ("upgrade", "argosy", str(CHART), "--reset-then-reuse-values", *chosen, "--wait")
    assert "has no deployed releases" in helm(*release).stderr
    (last, *_) = reversed(json.loads(helm("history", "argosy", "--output=json").stdout))
    done = helm("rollback", "argosy", str(last["revision"]))
    assert done.returncode == 0, done.stderr
    done = helm(*release)
    assert done.returncode == 0, done.stderr
    done = helm("uninstall", "argosy", "--timeout", "4m")
    assert done.returncode == 0, done.stdout + done.stderr + logs(installed)

    for resource in ("applications", "serversets", "servers"):
        for each in installed.get(f"{GROUP}/{resource}")["items"]:
            assert not each["metadata"].get("finalizers"), each["metadata"]["name"]
    now = pods(installed)
    assert {name: pod["metadata"]["uid"] for name, pod in now.items()} == before
    assert answers(now["shop-web-0"], 8080)

    installed.delete(shop)
    until(installed, lambda: found(installed, shop) is None, "not deleted")
    for name in now:
        if found(installed, f"{PODS}/{name}"):
            installed.delete(f"{PODS}/{name}")
