"""A real HorizontalPodAutoscaler scales a ServerSet, by metrics that the test serves.

The API server asks us for metrics.k8s.io through its aggregation layer, as it asks metrics-server;
so what is tested is the autoscaler of Kubernetes, with its own identity, selector and scale calls.
"""

from __future__ import annotations

import datetime as dt
import http.server
import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api import resources
from controller.api.resources import Resource
from devcluster import certificates, client, controlplane, operator
from tests.e2e import conftest, driving
from tests.e2e.driving import Kube, Place, component

pytestmark = pytest.mark.e2e

GROUP = "metrics.k8s.io"
MEBI = 2**20


class Metrics(http.server.ThreadingHTTPServer):
    """Serves pods' memory: a load that all running pods share evenly."""

    daemon_threads = True

    def __init__(self, api: client.Client, pair: certificates.Pair) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.api = api
        self.load = 0
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair.certificate, pair.key)
        self.socket = tls.wrap_socket(self.socket, server_side=True)

    def answer(self, path: str) -> Any:
        """Return what the API server is to hear."""
        url = urllib.parse.urlsplit(path)
        if "/pods" not in url.path:
            pods = {"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": ["list"]}
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/v1beta1",
                "resources": [{**pods, "singularName": ""}],
            }
        namespace = url.path.split("/")[5]
        found = self.api.get(f"/api/v1/namespaces/{namespace}/pods?{url.query}")["items"]
        well = [each for each in found if driving.is_ready(each)]
        now = dt.datetime.now(dt.UTC).isoformat()
        share = str(self.load // max(len(well), 1))
        items = [
            {
                "metadata": {"name": each["metadata"]["name"], "namespace": namespace},
                "timestamp": now,
                "window": "1s",
                "containers": [{"name": "main", "usage": {"cpu": "1m", "memory": share}}],
            }
            for each in well
        ]
        return {"kind": "PodMetricsList", "apiVersion": f"{GROUP}/v1beta1", "items": items}


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Metrics

    def do_GET(self) -> None:
        """Answer in JSON."""
        body = json.dumps(self.server.answer(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose autoscaler looks every second."""
    often = "--horizontal-pod-autoscaler-sync-period=1s"
    settings = controlplane.Settings(
        nodes=2, audit="full", flags={controlplane.CONTROLLERS: [often]}
    )
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("autoscaling"), settings) as one:
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(place)


@pytest.fixture
def metrics(place: Place) -> Iterator[Metrics]:
    """The metrics API, registered with the API server."""
    assert place.cluster is not None
    pair = place.cluster.plan().authority().issue("metrics", common_name="localhost")
    with Metrics(place.api, pair) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        place.api.create(
            "/api/v1/namespaces/default/services",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "metrics"},
                "spec": {"type": "ExternalName", "externalName": "localhost"},
            },
        )
        place.api.create(
            "/apis/apiregistration.k8s.io/v1/apiservices",
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"v1beta1.{GROUP}"},
                "spec": {
                    "group": GROUP,
                    "version": "v1beta1",
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "insecureSkipTLSVerify": True,
                    "service": {"namespace": "default", "name": "metrics", "port": port},
                },
            },
        )
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("resource", "name"), [(Resource.SERVERSETS, "shop-web"), (Resource.APPLICATIONS, "shop")]
)
def test_autoscaler_owns_replicas_that_are_left_out(
    kube: Kube, metrics: Metrics, resource: Resource, name: str
) -> None:
    """A HorizontalPodAutoscaler finds the pods by the selector, and scales both ways.

    Of a set, or of an application of one component, which has a number once it was scaled. An apply
    of the manifest in between leaves the number.
    """
    app = kube.app(component(replicas=None))
    app.apply()
    app.wait_ready()
    kube.patch(resource, name, {"spec": {"replicas": 1}}, "scale")
    metrics.load = 400 * MEBI
    target = {"type": "AverageValue", "averageValue": str(100 * MEBI)}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {
                "apiVersion": resources.PLACES[resource].api_version,
                "kind": resources.PLACES[resource].kind,
                "name": name,
            },
            "minReplicas": 1,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    }
    path = f"/apis/autoscaling/v2/namespaces/{kube.namespace}/horizontalpodautoscalers"
    kube.api.create(path, autoscaler)
    kube.wait_until("four servers share the load", lambda: app.counts().get("available") == 4)
    app.set_image("app:2")
    app.wait_ready()
    assert len(app.pods()) == 4
    metrics.load = 150 * MEBI
    kube.wait_until("two are enough", lambda: len(app.pods()) == 2)
    app.wait_ready()
    scaled = [
        each.user
        for each in kube.history().changes
        if each.resource == resource and each.subresource == "scale" and each.effective
    ]
    ours = {"system:serviceaccount:kube-system:horizontal-pod-autoscaler"}
    assert {each for each in scaled if each != scaled[0] or each in ours} == ours
