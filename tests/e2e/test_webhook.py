"""The operator's own ports on a real API server: reviews of what is applied, and of who scrapes."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import resources
from controller.api.resources import Resource
from devcluster import client, controlplane, operator, processes
from tests.e2e import conftest, people, probes
from tests.e2e.driving import Kube, Place

pytestmark = pytest.mark.e2e

OK, UNAUTHORIZED, FORBIDDEN, UNPROCESSABLE = 200, 401, 403, 422
PATIENCE_SECONDS = 180
# How many servers a namespace may have here.
BOUND = 12
TYPO = """
apiVersion: argosy.dev/v1alpha1
kind: Application
metadata: {name: typo}
spec:
  components:
  - name: web
    replicas: 1
    template:
      metadata: {annotations: {prometheus.io/scrape: true, prometheus.io/port: 8080}}
      spec: {containers: [{name: web, image: "example.com/web:1", ressources: {limits: {cpu: 1}}}]}
"""
# What Helm renders for empty blocks, beside all that a real manifest has.
KAFKA = """
apiVersion: argosy.dev/v1alpha1
kind: Application
metadata: {name: kafka}
spec:
  components:
  - name: broker
    replicas: 0
    template:
      metadata:
        labels: {app: kafka}
        annotations:
      spec:
        terminationGracePeriodSeconds: 30
        initContainers:
        - name: init-config
          image: example.com/kafka-init:1
          env:
          - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
          command: [/bin/bash, /etc/conf/init.sh]
          volumeMounts: [{name: configmap, mountPath: /etc/conf}, {name: data, mountPath: /data}]
        containers:
        - name: broker
          image: example.com/kafka:2.4
          ports: [{name: inside, containerPort: 9092}, {name: jmx, containerPort: 5555}]
          lifecycle: {preStop: {exec: {command: [sh, -ce, "kill -s TERM 1"]}}}
          resources: {requests: {cpu: 100m, memory: 100Mi}, limits: {memory: 600Mi}}
          readinessProbe: {tcpSocket: {port: 9092}, timeoutSeconds: 1}
          volumeMounts: [{name: data, mountPath: /var/lib/kafka/data}]
        volumes:
        - {name: configmap, configMap: {name: broker-config}}
    volumeClaims:
    - name: data
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose API server asks an operator, which is a process of this machine."""
    settings = controlplane.Settings(nodes=2, audit="full")
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("webhook"), settings) as one:
        bound = f"limits.serversPerNamespace={BOUND}"
        operator.run(one, values=["admission.enabled=true", bound], secure_metrics=True)
        probe = yaml.safe_load(TYPO)

        def asks() -> bool:
            try:
                one.client.create(f"{operator.APPLICATIONS}?dryRun=All", probe)
            except client.ApiError as error:
                return error.status == UNPROCESSABLE
            return False

        assert processes.wait_until(asks, PATIENCE_SECONDS), operator.running(one)[
            0
        ].log.read_text()[-3000:]
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of the test's own."""
    yield from conftest.namespace_of(place)


@pytest.fixture
def elsewhere(place: Place) -> Iterator[Kube]:
    """Another tenant's namespace."""
    yield from conftest.namespace_of(place)


def refusal(apply: Callable[[], object]) -> str:
    """Return what whoever applies is refused with, as `kubectl` prints it."""
    with pytest.raises(client.ApiError) as refused:
        apply()
    assert refused.value.status == UNPROCESSABLE
    return str(refused.value)


def warnings(kube: Kube, body: dict[str, Any]) -> str:
    """Create an application, and return what the API server warns of."""
    kube.create(Resource.APPLICATIONS, body)
    return " ".join(kube.api.warnings)


def application(*components: dict[str, Any], name: str = "shop", **spec: Any) -> dict[str, Any]:
    """Return an application of which no server is made."""
    return {"metadata": {"name": name}, "spec": {"components": list(components), **spec}}


def idle(name: str = "web", **fields: Any) -> dict[str, Any]:
    """Return a component without servers."""
    template = {"spec": {"containers": [{"name": "main", "image": "example.com/app:1"}]}}
    return {"name": name, "replicas": 0, "template": template, **fields}


def dry_runs(place: Place, namespace: str) -> int:
    """Return how many pods were tried in a namespace."""
    assert place.audit_log is not None
    # The last line may be half written.
    whole = place.audit_log.read_text().rpartition("\n")[0]
    events = map(json.loads, whole.splitlines())
    return sum(
        f"/namespaces/{namespace}/pods?" in each["requestURI"]
        and "dryRun=All" in each["requestURI"]
        and each["stage"] == "ResponseComplete"
        for each in events
    )


def test_a_manifest_with_typos(kube: Kube) -> None:
    """Each mistake is an error at apply that names component and path; what is mended is taken."""
    body = yaml.safe_load(TYPO)
    (web,) = body["spec"]["components"]
    said = refusal(lambda: kube.create(Resource.APPLICATIONS, body))
    assert "spec.components[web].template.metadata.annotations" in said
    assert "must be of type string" in said
    web["template"]["metadata"] = {"lables": {"a": "b"}, "annotations": {"port": "8080"}}
    web["template"]["spec"]["restartPolcy"] = "Always"
    said = refusal(lambda: kube.create(Resource.APPLICATIONS, body))
    for each in ("metadata.lables", "spec.containers[0].ressources", "spec.restartPolcy"):
        assert f"spec.components[web].template.{each}: unknown field" in said
    del web["template"]["metadata"]["lables"], web["template"]["spec"]["restartPolcy"]
    (container,) = web["template"]["spec"]["containers"]
    del container["ressources"]
    assert warnings(kube, body) == ""


def test_a_real_manifest_with_empty_blocks(kube: Kube) -> None:
    """Null is absent, and claims stand for the volumes that the template mounts."""
    assert warnings(kube, yaml.safe_load(KAFKA)) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"template": {"spec": {"containers": [{"name": "UPPER", "image": "a"}]}}},
            "spec.components[web].template.spec.containers[0].name: Invalid value",
        ),
        (
            {"template": {"spec": {}}},
            "spec.components[web].template.spec.containers: Required value",
        ),
        (
            {"template": {"spec": {"containers": [{"name": "a", "image": 3}]}}},
            "spec.components[web].template.spec.containers.image: must be of type string",
        ),
        (
            {"volumeClaims": [{"name": "data", "spec": {"storageClasName": "fast"}}]},
            "spec.components[web].volumeClaims[data].spec.storageClasName: unknown field",
        ),
        (
            {
                "recovery": {
                    "alternatives": [
                        {"name": "plain", "patch": {}},
                        {"name": "b", "patch": {"spec": {"nodeSelctor": {"zone": "b"}}}},
                    ]
                }
            },
            "spec.components[web].recovery.alternatives[b].patch.spec.nodeSelctor: unknown field",
        ),
    ],
)
def test_what_is_refused(kube: Kube, change: dict[str, Any], words: str) -> None:
    """Templates, claims and alternatives are refused in the API server's words, once each."""
    body = application(idle("api"), idle("web", **change))
    said = refusal(lambda: kube.create(Resource.APPLICATIONS, body))
    assert words in said
    assert said.count("spec.components[") == 1
    assert kube.get(Resource.APPLICATIONS, "shop") is None


@pytest.fixture(autouse=True)
def deep_json() -> Iterator[None]:
    """Let this process write, and read in audit logs, what is nested as deep as servers take."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(usual)


@pytest.mark.parametrize("levels", [150, 1200, 5000])
def test_nesting_that_no_decoder_takes_is_refused_with_a_sentence(kube: Kube, levels: int) -> None:
    """However deep it is, whoever applies is told, and the next review is answered."""
    deep: dict[str, Any] = {}
    for _ in range(levels):
        deep = {"a": deep}
    body = application(idle(template={"spec": {"deep": deep}}))
    said = refusal(lambda: kube.create(Resource.APPLICATIONS, body))
    assert "nested more than 100 levels deep" in said
    assert warnings(kube, application(idle())) == ""


def test_jobs_of_operations(kube: Kube) -> None:
    """The Job of a step, and of what undoes it, is tried as well."""
    kube.create(Resource.APPLICATIONS, application(idle()))
    good = {"template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}}
    bad = {"template": {"spec": {"containers": [{"name": "a", "image": "a", "comand": ["x"]}]}}}
    step = {"name": "migrate", "job": bad, "compensate": {"job": bad}}
    spec = {"application": "shop", "action": "Steps", "steps": [step]}
    body = {"metadata": {"name": "run"}, "spec": spec}
    said = refusal(lambda: kube.create(Resource.OPERATIONS, body))
    for place in ("job", "compensate.job"):
        field = f"spec.steps[migrate].{place}.template.spec.containers[0].comand"
        assert f"{field}: unknown field" in said
    step |= {"job": good, "compensate": {"job": good}}
    kube.create(Resource.OPERATIONS, body)


def test_what_may_pass_is_a_warning(kube: Kube) -> None:
    """A fleet to come, a quota in use, a policy: stored all the same, and said in so many words."""
    assert "spec.fleet: Fleet later does not exist." in warnings(
        kube, application(idle(), name="early", fleet="later")
    )
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    kube.api.create(f"/api/v1/namespaces/{kube.namespace}/resourcequotas", quota)

    def warned() -> bool:
        kube.create(
            Resource.APPLICATIONS, {**application(idle()), "metadata": {"generateName": "crowded-"}}
        )
        return "exceeded quota: none" in " ".join(kube.api.warnings)

    assert processes.wait_until(warned, PATIENCE_SECONDS), kube.api.warnings
    assert "spec.components[web].template would be refused as things are" in kube.api.warnings[0]
    probes.restrict(kube.api, kube.namespace)
    hostile = idle(
        template={"spec": {"hostNetwork": True, "containers": [{"name": "a", "image": "a"}]}}
    )
    assert "violates PodSecurity" in warnings(kube, application(hostile, name="hostile"))


def test_nobody_is_refused_for_what_was_stored_before(place: Place, kube: Kube) -> None:
    """While no operator answers, applying goes on; later only what is changed is looked at."""
    assert place.cluster is not None
    (one,) = operator.running(place.cluster)
    bad = idle("bad", template={"spec": {"containers": [{"name": "a", "imgae": "a"}]}})
    one.kill()
    kube.create(Resource.APPLICATIONS, application(bad, idle("good")))
    one.start()
    path = resources.path(Resource.APPLICATIONS, kube.namespace, "shop")
    worse = idle("good", template={"spec": {"containers": [{"name": "a", "imgae": "b"}]}})

    def asked() -> bool:
        try:
            kube.api.merge(f"{path}?dryRun=All", {"spec": {"components": [bad, worse]}})
        except client.ApiError as error:
            return "components[good]" in str(error) and "components[bad]" not in str(error)
        return False

    assert processes.wait_until(asked, PATIENCE_SECONDS)
    kube.api.merge(path, {"spec": {"components": [bad, idle("good", replicas=1)]}})
    kube.api.merge(path, {"metadata": {"labels": {"team": "a"}}})


def test_a_large_application_is_asked_about_once(place: Place, kube: Kube) -> None:
    """Of sixty-four components one that changes costs one dry run, and a scaled one none."""
    components = [idle(f"c{number}") for number in range(64)]
    path = resources.path(Resource.APPLICATIONS, kube.namespace, "shop")
    assert warnings(kube, application(*components)) == ""
    first = dry_runs(place, kube.namespace)
    assert first == 64
    components[3]["replicas"] = 1
    kube.api.merge(path, {"spec": {"components": components}})
    assert dry_runs(place, kube.namespace) == first
    components[3] = idle("c3", template={"spec": {"containers": [{"name": "b", "image": "b"}]}})
    kube.api.merge(path, {"spec": {"components": components}})
    assert dry_runs(place, kube.namespace) == first + 1
    # And back: what has passed before is known.
    components[3] = idle("c3")
    kube.api.merge(path, {"spec": {"components": components}})
    assert dry_runs(place, kube.namespace) == first + 1


def test_an_editor_of_a_namespace_gets_no_more_servers_than_it_may_have(
    place: Place, kube: Kube, elsewhere: Kube, tmp_path: Path
) -> None:
    """By one application, several, or a scale: refused at apply if possible, and never made."""
    assert place.cluster is not None
    ours = ["applications", "serversets", "serversets/scale"]
    editor = Kube(
        people.person(
            place.cluster,
            kube.namespace,
            tmp_path,
            "editor",
            {"apiGroups": ["argosy.dev"], "resources": ours, "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["create"]},
            {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["create"]},
        ),
        kube.namespace,
    )
    with pytest.raises(client.ApiError) as refused:
        editor.create(Resource.APPLICATIONS, application(idle(replicas=BOUND + 1), name="one"))
    assert f"asks for {BOUND + 1} servers, and a namespace may have {BOUND}" in str(refused.value)
    assert "raise limits.serversPerNamespace" in str(refused.value)
    editor.create(Resource.APPLICATIONS, application(idle(replicas=8), name="first"))
    first, half = kube.app(name="first"), application(idle(replicas=8), name="second")
    first.wait_ready()
    said = refusal(lambda: editor.create(Resource.APPLICATIONS, half))
    assert "other applications ask for 8, and second for 8" in said
    assert "raise limits.serversPerNamespace" in said
    scaled = {key: each for key, each in idle().items() if key != "replicas"}
    editor.create(Resource.APPLICATIONS, application(scaled, name="second"))
    second = kube.app(name="second")
    kube.wait_until("there is a set", lambda: second.set_of() is not None)
    editor.scale("second-web", 500)
    kube.wait_until("it has what is left", lambda: len(second.pods()) == BOUND - 8)
    told = second.wait_for_reason("NamespaceFull", "Stalled")
    assert f"The namespace {kube.namespace} may have {BOUND} servers" in told["message"]
    assert len(kube.list(Resource.SERVERS)) == BOUND
    other = elsewhere.app(idle(replicas=9))
    other.apply()
    other.wait_ready()
    assert len(kube.list(Resource.SERVERS)) == BOUND


def scraped(place: Place, token: str = "") -> tuple[int, str]:
    """Return the status and text that a scraper with a token is answered; 0 where it is not."""
    assert place.cluster is not None
    (one,) = operator.running(place.cluster)
    trust = ssl.create_default_context(cafile=str(place.cluster.dir / "pki" / "ca.crt"))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"https://127.0.0.1:{one.metrics_port}/metrics"
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS, context=trust) as answer:  # noqa: S310 - ours
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_two_accounts_scrape_with_their_own_rights(place: Place, tmp_path: Path) -> None:
    """One is bound to the chart's role and reads metrics; the other is not, and nor is our own.

    The operator has the rights that the chart gives it, and none to review others by.
    """
    owner = place.cluster
    assert owner is not None
    reader = people.token(owner, "default", tmp_path, "prometheus")
    tenant = people.token(owner, "default", tmp_path, "tenant")
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
    bound = {
        "metadata": {"name": "prometheus"},
        "roleRef": {**role, "name": "argosy-metrics-reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "prometheus", "namespace": "default"}],
    }
    place.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", bound)
    # Authorizers see a binding a moment after it is written, and a no is remembered for one.
    assert processes.wait_until(lambda: scraped(place, reader)[0] == OK, PATIENCE_SECONDS)
    assert "argosy_leader" in scraped(place, reader)[1]
    status, text = scraped(place, tenant)
    assert (status, "argosy-metrics-reader" in text) == (FORBIDDEN, True)
    (one,) = operator.running(owner)
    own = yaml.safe_load(Path(one.kubeconfig).read_text())["users"][0]["user"]["token"]
    assert scraped(place, own)[0] == FORBIDDEN
    assert scraped(place)[0] == scraped(place, f"{reader[:-4]}AAAA")[0] == UNAUTHORIZED
    with urllib.request.urlopen(f"http://127.0.0.1:{one.health_port}/healthz") as answer:
        assert answer.status == OK
    log = one.log.read_text()
    assert not any(each in log for each in (reader, tenant, own, reader.rpartition(".")[2][:-4]))
