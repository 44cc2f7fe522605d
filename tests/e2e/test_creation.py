"""Applications come up on a real API server: in order, at any size, found by name, with claims."""

from __future__ import annotations

import copy
import itertools
import subprocess
from typing import Any

import pytest
import yaml

from controller.api import names, resources
from controller.api.resources import Resource
from tests.e2e import driving, hindsight
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e

CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def claim(name: str, **policies: str) -> dict[str, Any]:
    """Return a volume claim of a component."""
    return {"name": name, "spec": CLAIM, **policies}


def test_components_come_up_in_the_order_of_their_dependencies(kube: Kube) -> None:
    """No web server is made before every server of the database is ready; the wait is told."""
    app = kube.app(
        component("db", replicas=3, hooks={"delay": "3s"}), component("web", dependsOn=["db"])
    )
    app.apply()
    app.wait_for_reason("WaitingForDependency")
    assert app.blocked_by()["ServerSet/shop-db"]["reason"] == "WaitingForDependency"
    app.wait_ready()
    history = kube.history()
    last = max(hindsight.became_ready(each) for each in hindsight.pods(history, "db"))
    assert len(hindsight.pods(history, "db")) == 3
    assert all(each.born.place > last for each in hindsight.pods(history, "web"))


def test_null_in_a_template_is_absent(kube: Kube) -> None:
    """An empty block as Helm renders it is as good as none, and leaving it out changes nothing."""
    app = kube.app(component())
    template = app.component()["template"]
    template.setdefault("metadata", {}).setdefault("annotations", {})["example.com/kept"] = "yes"
    sane = copy.deepcopy(template)
    template["metadata"]["labels"] = None
    template["spec"] |= {"initContainers": None, "nodeSelector": None, "volumes": None}
    template["spec"]["containers"][0]["env"] = None
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.component()["template"] = sane
    app.apply()
    app.wait_ready()
    assert driving.uids(app.pods()) == before
    assert len(app.revisions()) == 1


def test_null_in_an_application_is_absent(kube: Kube) -> None:
    """What Helm renders for an empty block of ours says nothing, and may as well be left out."""
    app = kube.app(component())
    sane = copy.deepcopy(app.component())
    app.component()["replicas"] = None
    app.component()["recovery"] = {"alternatives": None}
    app.component().update(dependsOn=None, volumeClaims=None)
    app.spec["deletion"] = {"drainSeconds": None}
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    assert len(before) == 1
    app.spec["components"] = [{key: sane[key] for key in sane if key != "replicas"}]
    app.apply()
    app.wait_ready()
    assert driving.uids(app.pods()) == before
    assert len(app.revisions()) == 1


def test_chain_of_dependencies_is_followed(kube: Kube) -> None:
    """Whoever depends on a dependent waits for both, and all come up in the end."""
    app = kube.app(
        component("web", dependsOn=["api"]), component("api", dependsOn=["db"]), component("db")
    )
    app.apply()
    app.wait_ready()
    history = kube.history()
    for first, second in (("db", "api"), ("api", "web")):
        ready = max(hindsight.became_ready(each) for each in hindsight.pods(history, first))
        assert all(each.born.place > ready for each in hindsight.pods(history, second))


def test_independent_components_do_not_wait_for_each_other(kube: Kube) -> None:
    """One component that never comes up keeps no other from coming up."""
    app = kube.app(component("stuck", hooks={"outcome": "hang"}), component("web"))
    app.apply()
    kube.wait_until("web is available", lambda: app.counts().get("available") == 2)
    assert set(app.pods("stuck")) == {"shop-stuck-0", "shop-stuck-1"}
    assert app.says("Ready")["status"] == "False"
    assert app.counts("stuck")["ready"] == 0


def test_components_without_dependencies_come_up_at_once(kube: Kube) -> None:
    """Two slow components are made side by side: each before the other one is ready."""
    app = kube.app(
        component("left", hooks={"delay": "3s"}), component("right", hooks={"delay": "3s"})
    )
    app.apply()
    app.wait_ready()
    history = kube.history()
    left, right = hindsight.pods(history, "left"), hindsight.pods(history, "right")
    born = max(each.born.place for each in (*left, *right))
    assert born < min(hindsight.became_ready(each) for each in (*left, *right))


@pytest.mark.parametrize("size", [0, 1, 12])
def test_application_has_as_many_servers_as_asked_for(kube: Kube, size: int) -> None:
    """Servers have the lowest ordinals, each with one pod of its name, at three writes a server."""
    app = kube.app(component(replicas=size))
    app.apply()
    app.wait_ready()
    assert set(app.servers()) == set(app.pods()) == app.pod_names()
    assert app.counts().get("available") == size
    written = [
        each
        for each in kube.history().ours
        if each.resource in ("servers", "pods") and each.verb != "get"
    ]
    assert len(written) <= 3 * size


def test_servers_have_stable_names_in_dns(kube: Kube) -> None:
    """A headless Service of the set's name publishes each server under its own host name."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    service = kube.get(Resource.SERVICES, "shop-web")
    assert service is not None
    assert service["spec"]["clusterIP"] == "None"
    for name, pod in app.pods().items():
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (name, "shop-web")
    path = f"/apis/discovery.k8s.io/v1/namespaces/{kube.namespace}/endpointslices"

    def has_service() -> dict[str, str]:
        found = kube.api.get(f"{path}?labelSelector=kubernetes.io/service-name=shop-web")["items"]
        return {
            each.get("hostname", ""): each["targetRef"]["uid"]
            for part in found
            for each in part["endpoints"] or []
        }

    kube.wait_until("DNS knows the servers", lambda: has_service() == driving.uids(app.pods()))
    before = kube.uid(Resource.PODS, "shop-web-1")
    kube.delete(Resource.PODS, "shop-web-1")
    kube.wait_until(
        "the new pod has the old name",
        lambda: (
            has_service().get("shop-web-1") not in (None, before)
            and has_service() == driving.uids(app.pods())
        ),
    )


def test_a_component_describes_its_service(kube: Kube) -> None:
    """Its name, ports and type are as said; what the API server fills in is nobody's to fight."""
    part = component(replicas=2, service={"name": "web-peers"})
    container = part["template"]["spec"]["containers"][0]
    container["ports"] = [{"name": "http", "containerPort": 8080}]
    app = kube.app(part)
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    assert {each["spec"]["subdomain"] for each in app.pods().values()} == {"web-peers"}
    assert kube.get(Resource.SERVICES, "shop-web") is None

    def spec() -> dict[str, Any]:
        found = kube.get(Resource.SERVICES, "web-peers")
        return found["spec"] if found is not None else {}

    def ports() -> dict[str, Any]:
        return {each["name"]: each for each in spec().get("ports", ())}

    assert spec()["clusterIP"] == "None"
    part["service"]["type"] = "ClusterIP"
    app.apply()
    kube.wait_until("the Service has an address", lambda: spec().get("clusterIP", "None") != "None")
    assert (ports()["http"]["port"], ports()["http"]["targetPort"]) == (8080, "http")
    app.wait_ready()
    debug = {"name": "debug", "port": 99, "protocol": "TCP", "targetPort": 99}
    edit = {"spec": {"ports": [debug], "sessionAffinity": "ClientIP"}}
    kube.patch(Resource.SERVICES, "web-peers", edit)
    kube.wait_until("the port is back", lambda: ports().keys() == {"http", "debug"})
    assert ports()["debug"] == debug
    assert spec()["sessionAffinity"] == "ClientIP"
    app.wait_ready()
    assert driving.uids(app.pods()) == before


def test_servers_start_in_order_from_an_ordinal_on(kube: Kube) -> None:
    """Each once the one before is Ready, of a component with a dash; all bear what is demanded."""
    demanded = {"labels": {"team": "search"}, "annotations": {"example.com/plan": "a"}}
    part = component("es-data", replicas=3, start="Ordered", ordinals={"start": 5})
    app = kube.app({**part, "serverMetadata": demanded})
    app.apply()
    app.wait_ready()
    pods = app.pods("es-data")
    assert sorted(pods) == ["shop-es-data-5", "shop-es-data-6", "shop-es-data-7"]
    for before, after in itertools.pairwise(sorted(pods)):
        ready = driving.condition(pods[before], "Ready")
        assert ready["lastTransitionTime"] <= pods[after]["metadata"]["creationTimestamp"]
    for name, body in app.servers("es-data").items():
        assert body["metadata"]["labels"].items() >= demanded["labels"].items(), name
        assert body["metadata"]["annotations"].items() >= demanded["annotations"].items(), name


def test_service_is_made_anew_when_deleted(kube: Kube) -> None:
    """Without its Service no server could be found: it comes back, and no server is touched."""
    app = kube.app(component())
    app.apply()
    app.wait_ready()
    before, pods = kube.uid(Resource.SERVICES, "shop-web"), driving.uids(app.pods())
    kube.delete(Resource.SERVICES, "shop-web")
    kube.wait_until(
        "the Service is back", lambda: kube.uid(Resource.SERVICES, "shop-web") not in ("", before)
    )
    assert driving.uids(app.pods()) == pods


def test_each_server_has_claims_of_its_own(kube: Kube) -> None:
    """Claims are made per server and mounted by its pod, also by the pod that comes after it."""
    app = kube.app(component("db", volumeClaims=[claim("data"), claim("log")]))
    app.component("db")["template"]["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "data", "mountPath": "/data"}
    ]
    app.apply()
    app.wait_ready()
    claims = kube.list(Resource.CLAIMS, application="shop")
    assert set(claims) == {
        f"{kind}-shop-db-{ordinal}" for kind in ("data", "log") for ordinal in (0, 1)
    }
    assert all(each["status"]["phase"] == "Bound" for each in claims.values())
    assert all(
        "app.kubernetes.io/instance" not in each["metadata"]["labels"] for each in claims.values()
    )
    before = driving.uids(app.pods("db"))
    kube.delete(Resource.PODS, "shop-db-1")

    def is_back() -> bool:
        return kube.uid(Resource.PODS, "shop-db-1") not in ("", before["shop-db-1"])

    kube.wait_until("the server is back", is_back)
    app.wait_ready()
    mounted = {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in app.pods("db")["shop-db-1"]["spec"]["volumes"]
        if "persistentVolumeClaim" in each
    }
    assert mounted == {"data": "data-shop-db-1", "log": "log-shop-db-1"}
    assert driving.uids(kube.list(Resource.CLAIMS, application="shop")) == driving.uids(claims)
    assert driving.uids(app.pods("db"))["shop-db-0"] == before["shop-db-0"]


def test_servers_with_claims_tell_nothing_until_they_run(kube: Kube) -> None:
    """That a pod cannot be placed before its claims are bound is not worth a write."""
    app = kube.app(component("db", replicas=3, volumeClaims=[claim("data")]))
    app.apply()
    app.wait_ready()
    told = [
        each.status.condition("Ready")
        for each in kube.history().ours
        if each.resource == "servers" and each.subresource == "status"
    ]
    assert {each.reason for each in told if each is not None} == {"Running"}


def test_claims_are_kept_or_deleted_by_policy_when_scaled(kube: Kube) -> None:
    """The policy whenScaled decides what becomes of the claims of servers that are scaled away."""
    app = kube.app(
        component(
            "db",
            replicas=3,
            volumeClaims=[claim("data"), claim("cache", whenScaled="Delete")],
        )
    )
    app.apply()
    app.wait_ready()
    before = driving.uids(kube.list(Resource.CLAIMS, application="shop"))
    app.component("db")["replicas"] = 1
    app.apply()
    kept = {"data-shop-db-0", "data-shop-db-1", "data-shop-db-2", "cache-shop-db-0"}
    kube.wait_until(
        "claims are as the policies say",
        lambda: set(kube.list(Resource.CLAIMS, application="shop")) == kept,
    )
    app.component("db")["replicas"] = 3
    app.apply()
    app.wait_ready()
    after = driving.uids(kube.list(Resource.CLAIMS, application="shop"))
    assert set(after) == set(before)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"cache-shop-db-1", "cache-shop-db-2"}


def test_claims_are_kept_or_deleted_by_policy_when_deleted(kube: Kube) -> None:
    """Claims outlive the application but by whenDeleted: Delete, and are used again by the next."""
    volumes = [claim("data"), claim("cache", whenDeleted="Delete")]
    app = kube.app(component("db", volumeClaims=volumes))
    app.apply()
    app.wait_ready()
    before = driving.uids(kube.list(Resource.CLAIMS, application="shop"))
    app.delete()
    app.wait_gone(Resource.CLAIMS)
    kept = {"data-shop-db-0", "data-shop-db-1"}
    kube.wait_until(
        "claims are as the policy says",
        lambda: set(kube.list(Resource.CLAIMS, application="shop")) == kept,
    )
    app.apply()
    app.wait_ready()
    after = driving.uids(kube.list(Resource.CLAIMS, application="shop"))
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_all_that_is_made_is_labelled_and_owned(kube: Kube) -> None:
    """Everything can be found by application, component and server, and is owned downwards."""
    app = kube.app(component(volumeClaims=[claim("data")]))
    app.apply()
    app.wait_ready()
    owners = {
        Resource.SERVERSETS: kube.uid(Resource.APPLICATIONS, "shop"),
        Resource.SERVERS: kube.uid(Resource.SERVERSETS, "shop-web"),
        Resource.SERVICES: kube.uid(Resource.SERVERSETS, "shop-web"),
    }
    for resource, owner in owners.items():
        for each in kube.list(resource, application="shop", component="web").values():
            (reference,) = each["metadata"]["ownerReferences"]
            assert (reference["uid"], reference["controller"]) == (owner, True)
    for name, pod in app.pods().items():
        wanted = names.labels("shop", "web", name)
        assert wanted.items() <= pod["metadata"]["labels"].items()
        assert pod["metadata"]["ownerReferences"][0]["uid"] == kube.uid(Resource.SERVERS, name)


def test_kubectl_applies_waits_scales_and_explains(kube: Kube, operated: Place) -> None:
    """What people type works: apply --server-side, wait, get, scale, explain, delete."""
    if operated.cluster is None:
        pytest.skip("kubectl is pointed at a cluster of ours")
    app = kube.app(component(replicas=None))
    place = resources.PLACES[Resource.APPLICATIONS]
    manifest = {
        "apiVersion": place.api_version,
        "kind": place.kind,
        "metadata": {"name": "shop"},
        "spec": app.spec,
    }

    def kubectl(*words: str, text: str = "") -> str:
        config = str(operated.cluster.kubeconfig) if operated.cluster else ""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={config}", f"--namespace={kube.namespace}", *words],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=driving.PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    kubectl("apply", "--server-side", "--filename=-", text=yaml.safe_dump(manifest))
    kubectl("wait", "--for=condition=Ready", "argapp/shop", "--timeout=90s")
    kubectl("scale", "argset/shop-web", "--replicas=3")
    kubectl("wait", "--for=jsonpath={.status.available}=3", "argset/shop-web", "--timeout=90s")
    kubectl("wait", "--for=condition=Ready", "argapp/shop", "--timeout=90s")
    listed = kubectl("get", "argosy", "--no-headers", "--output=name").split()
    assert "application.argosy.dev/shop" in listed
    assert "server.argosy.dev/shop-web-2" in listed
    row = kubectl("get", "argset", "shop-web", "--no-headers").split()
    assert row[:7] == ["shop-web", "True", "Available", "3", "3", "3", "3"]
    assert "maxUnavailable" in kubectl("explain", "argapp.spec.components.rollout")
    kubectl("delete", "argapp/shop", "--wait", "--timeout=90s")
    app.wait_gone()
