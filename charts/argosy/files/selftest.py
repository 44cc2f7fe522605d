"""Prove that the operator acts: make an application without servers, see it Ready, delete it.

Run by `helm test` in a pod with the operator's image. A probe that answers proves nothing.
"""

import http
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
NAMESPACE = os.environ["TARGET_NAMESPACE"]
NAME = os.environ["APPLICATION"]
DEADLINE = time.monotonic() + float(os.environ["TIMEOUT_SECONDS"])
COLLECTION = f"/apis/argosy.dev/v1alpha1/namespaces/{NAMESPACE}/applications"


def call(method: str, path: str, body: object = None) -> Any:
    """Return what the API server answers; None where there is nothing."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    if ":" in host:
        host = f"[{host}]"
    with open(f"{ACCOUNT}/token", encoding="ascii") as token:
        headers = {
            "Authorization": f"Bearer {token.read().strip()}",
            "Content-Type": "application/json",
        }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"https://{host}:{port}{path}", data=data, headers=headers, method=method
    )
    trust = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    try:
        with urllib.request.urlopen(request, timeout=10, context=trust) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.NOT_FOUND:
            return None
        sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Ask until `condition` holds, or give up at the deadline."""
    while not condition():
        if time.monotonic() > DEADLINE:
            sys.exit(f"gave up: {NAMESPACE}/{NAME} did not become {what}; is a leader running?")
        time.sleep(0.5)
    print(f"{NAMESPACE}/{NAME} is {what}", flush=True)


def ready() -> bool:
    """Return whether the operator has seen the application and found it in order."""
    found = call("GET", f"{COLLECTION}/{NAME}") or {}
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in found.get("status", {}).get("conditions", [])
    )


def gone() -> bool:
    """Return whether the application is gone, its finalizer lifted by the operator."""
    return call("GET", f"{COLLECTION}/{NAME}") is None


def main() -> None:
    """Make it, see it Ready, delete it, see it gone."""
    call("DELETE", f"{COLLECTION}/{NAME}")
    wait("gone", gone)
    template = {"spec": {"containers": [{"name": "none", "image": "none"}]}}
    component = {"name": "none", "replicas": 0, "template": template}
    manifest = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": NAME},
        "spec": {"components": [component]},
    }
    call("POST", COLLECTION, manifest)
    wait("ready", ready)
    call("DELETE", f"{COLLECTION}/{NAME}")
    wait("gone", gone)


main()
