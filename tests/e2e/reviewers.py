"""An admission webhook over the pods of one namespace, served by the test itself.

It answers as it is told to: allows, denies, keeps the API server waiting, or changes what is made.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from devcluster import certificates, client, cluster
from tests.e2e import probes
from tests.e2e.driving import Kube

COLLECTION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
HOST, NAME = "127.0.0.1", "pods.guard.example.com"
# Longer than the operator waits for any answer.
PATIENCE_SECONDS = 20
MIRROR = "mirror.example.com/"

Json = dict[str, Any]
# What is answered to a review of a pod.
Answer = Callable[["Reviewer", Json], Json]


class Reviewer:
    """Answers reviews in the way that `answer` says now, and counts them."""

    def __init__(self) -> None:
        self.answer: Answer = allow
        self.asked = 0
        # Those who are kept waiting are let go when it is set.
        self.mended = threading.Event()

    def review(self, asked: Json) -> Json:
        """Return the answer to one AdmissionReview."""
        self.asked += 1
        told = self.answer(self, asked["request"]["object"])
        return {**asked, "response": {"uid": asked["request"]["uid"], **told}}

    def wait_asked(self, kube: Kube) -> None:
        """Return once the API server asks of a pod; none is made."""

        def asked() -> bool:
            probes.pod_refusal(kube.api, kube.namespace)
            return self.asked > 0

        kube.wait_until("the API server asks", asked)

    def mend(self, answer: Answer) -> None:
        """Answer otherwise from now on; nobody waits any more."""
        self.answer = answer
        self.mended.set()


def allow(_reviewer: Reviewer, _pod: Json) -> Json:
    """Let it pass."""
    return {"allowed": True}


def deny(_reviewer: Reviewer, _pod: Json) -> Json:
    """Refuse it, in words of its own."""
    return {"allowed": False, "status": {"message": "no pods on Fridays", "code": 403}}


def linger(reviewer: Reviewer, _pod: Json) -> Json:
    """Let it pass, later than anybody waits for."""
    reviewer.mended.wait(2 * PATIENCE_SECONDS)
    return {"allowed": True}


def inject(_reviewer: Reviewer, pod: Json) -> Json:
    """Add a label and a sidecar, as a mesh does."""
    labels = {**pod["metadata"].get("labels", {}), "injected.example.com/by": "guard"}
    sidecar = {"name": "sidecar", "image": "proxy:1"}
    patch = [
        {"op": "add", "path": "/metadata/labels", "value": labels},
        {"op": "add", "path": "/spec/containers/-", "value": sidecar},
    ]
    encoded = base64.b64encode(json.dumps(patch).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


def mirror(_reviewer: Reviewer, pod: Json) -> Json:
    """Rewrite images to those of a mirror, whoever writes the pod."""
    patch = [
        {"op": "replace", "path": f"/spec/containers/{place}/image", "value": MIRROR + image}
        for place, image in enumerate(each["image"] for each in pod["spec"]["containers"])
        if not image.startswith(MIRROR)
    ]
    encoded = base64.b64encode(json.dumps(patch).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


class _Handler(http.server.BaseHTTPRequestHandler):
    reviewer: Reviewer

    def do_POST(self) -> None:
        """Answer a review."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = json.dumps(self.reviewer.review(json.loads(body))).encode()
        # Whoever was kept waiting may have gone.
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of an API server that gave up."""


@contextlib.contextmanager
def over(
    owner: cluster.Cluster, kube: Kube, answer: Answer, *operations: str
) -> Iterator[Reviewer]:
    """Have the pods of the namespace reviewed by a server of this process, which answers so.

    As they are made, where no other `operations` are named. All are, once this is entered.
    """
    reviewer = Reviewer()
    handler = type("Handler", (_Handler,), {"reviewer": reviewer})
    server = _Server((HOST, 0), handler)
    authority = certificates.authority(owner.dir / "pki", "ca")
    pair = authority.issue("guard", common_name="guard", hosts=[HOST])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    running = threading.Thread(target=server.serve_forever, name="guard", daemon=True)
    running.start()
    name = f"guard-{kube.namespace}"
    url = f"https://{HOST}:{server.server_address[1]}/"
    bundle = client.encoded(authority.pair.certificate.read_bytes())
    kube.api.create(COLLECTION, _configuration(name, kube.namespace, url, bundle, operations))
    try:
        reviewer.wait_asked(kube)
        reviewer.answer, reviewer.asked = answer, 0
        yield reviewer
    finally:
        reviewer.mended.set()
        with contextlib.suppress(client.ApiError):
            kube.api.delete(f"{COLLECTION}/{name}")
        server.shutdown()
        running.join()
        server.server_close()


def _configuration(
    name: str, namespace: str, url: str, bundle: str, operations: Sequence[str]
) -> Json:
    when = list(operations) or ["CREATE"]
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": when}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": NAME,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": PATIENCE_SECONDS,
                "failurePolicy": "Fail",
                "clientConfig": {"url": url, "caBundle": bundle},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{**rule, "resources": ["pods"]}],
            }
        ],
    }
