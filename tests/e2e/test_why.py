"""One `kubectl argosy why application/NAME` finds the cause, in the words of a real API server.

So it does for somebody who may only look: the `view` role of Kubernetes, with what the chart adds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api import names
from devcluster import accounts, client
from tests.e2e import driving
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.test_outcomes import webhook_that_is_gone

pytestmark = pytest.mark.e2e

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
CLAIM = {
    "name": "data",
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}},
    },
}
Made = Callable[[Kube], AbstractContextManager[object]]


@contextlib.contextmanager
def nothing(kube: Kube) -> Iterator[None]:
    """Prepare nothing."""
    del kube
    yield


@contextlib.contextmanager
def quota(kube: Kube) -> Iterator[None]:
    """Let no pod be made."""
    quotas = f"/api/v1/namespaces/{kube.namespace}/resourcequotas"
    kube.api.create(quotas, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    kube.wait_until(
        "the quota counts", lambda: kube.api.get(f"{quotas}/none")["status"].get("hard")
    )
    yield


@contextlib.contextmanager
def policy(kube: Kube) -> Iterator[None]:
    """Have a policy of the cluster deny the namespace's pods."""
    name = f"fridays-{kube.namespace}"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": kube.namespace}}
    said = {"expression": "false", "message": "no pods on Fridays"}
    body = {"matchConstraints": {"resourceRules": [rule]}, "validations": [said]}
    bound = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    kube.api.create(POLICIES, {"metadata": {"name": name}, "spec": body})
    kube.api.create(BINDINGS, {"metadata": {"name": name}, "spec": bound})
    pods = f"/api/v1/namespaces/{kube.namespace}/pods?dryRun=All"
    pod = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}

    def denied() -> bool:
        try:
            kube.api.create(pods, pod)
        except client.ApiError as error:
            return "no pods on Fridays" in str(error)
        return False

    try:
        kube.wait_until("the policy is known", denied)
        yield
    finally:
        kube.api.delete(f"{BINDINGS}/{name}")
        kube.api.delete(f"{POLICIES}/{name}")


@contextlib.contextmanager
def taken(kube: Kube) -> Iterator[None]:
    """Have somebody's pod bear the name of a server."""
    pod = {
        "metadata": {"name": "shop-web-0"},
        "spec": {"containers": [{"name": "main", "image": "theirs"}]},
    }
    kube.api.create(f"/api/v1/namespaces/{kube.namespace}/pods", pod)
    yield


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cause:
    """How it comes about, and what is to be told of it."""

    object: str
    words: str
    made: Made = nothing
    pod: dict[str, Any] = dataclasses.field(default_factory=dict)
    claims: bool = False
    fleet: str = "pods"
    replicas: int = 2


CAUSES = {
    "quota": Cause(object="ResourceQuota/none", words="exceeded quota: none", made=quota),
    "webhook": Cause(
        object="Webhook/gone.example.com",
        words='failed calling webhook "gone.example.com"',
        made=webhook_that_is_gone,
    ),
    "policy": Cause(
        object="ValidatingAdmissionPolicy/fridays-{}", words="no pods on Fridays", made=policy
    ),
    "room": Cause(
        object="Fleet/pods",
        words="nodes are available",
        pod={"nodeSelector": {"kubernetes.io/hostname": "nowhere"}},
    ),
    "gate": Cause(
        object="Server/shop-web-0",
        words="Scheduling is blocked due to non-empty scheduling gates",
        pod={"schedulingGates": [{"name": "example.com/later"}]},
        # Of two that wait alike, either may be told first, and is then told on.
        replicas=1,
    ),
    "claim": Cause(
        object="PersistentVolumeClaim/data-shop-web-0",
        words="unbound immediate PersistentVolumeClaims",
        claims=True,
        replicas=1,
    ),
    "name": Cause(object="Server/shop-web-0", words="pods/shop-web-0 exists", made=taken),
    "fleet": Cause(object="Fleet/bad", words="Fleet bad does not exist.", fleet="bad"),
}


def viewer(kube: Kube, place: Place, directory: Path) -> Path:
    """Return the kubeconfig of somebody who has the role `view` in the namespace alone."""
    assert place.cluster is not None
    return accounts.account(place.cluster, kube.namespace, "eve", role="view", folder=directory)


def typed(kube: Kube, kubeconfig: Path, *words: str) -> str:
    """Type a command; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "controller", *words, "-n", kube.namespace],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=driving.PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """Return all that an answer says, as (object, reason), down to its leaves."""
    found = {(answer["object"], answer["reason"])}
    found |= {(each["object"], each["reason"]) for each in answer["waits"]}
    for each in answer["below"]:
        found |= told(each)
    return found


def printed(app: App) -> dict[str, Any]:
    """Return what `kubectl get` prints of an application: the API server makes its table."""
    wanted = "application/json;as=Table;g=meta.k8s.io;v=v1"
    table = app.kube.api.call("GET", app.path, accept=wanted)
    (row,) = table["rows"]
    names = [each["name"] for each in table["columnDefinitions"]]
    return dict(zip(names, row["cells"], strict=True))


def causing(kube: Kube, cause: Cause) -> App:
    """Apply the application that meets the cause."""
    claims = [CLAIM] if cause.claims else []
    app = kube.app(component(replicas=cause.replicas, volumeClaims=claims), fleet=cause.fleet)
    app.component()["template"]["spec"].update(cause.pod)
    app.apply()
    return app


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_the_cause_is_found_by_who_may_only_look(
    name: str, kube: Kube, operated: Place, tmp_path: Path
) -> None:
    """Ready and `kubectl get` say it, blockedBy names the object, `why` says both, to anybody."""
    if operated.cluster is None:
        pytest.skip("users are made in a cluster of ours")
    cause = CAUSES[name]
    thing = cause.object.format(kube.namespace)
    with cause.made(kube):
        app = causing(kube, cause)
        kube.wait_until("the cause is told", lambda: thing in app.blocked_by(), 120)
        kube.wait_until(
            "Ready says it", lambda: cause.words in app.says("Ready").get("message", ""), 120
        )
        assert app.says("Ready")["status"] == "False"
        assert app.blocked_by()[thing]["remedy"].startswith("kubectl ")
        shown = printed(app)
        assert (shown["Ready"], shown["Reason"]) == ("False", app.says("Ready")["reason"])
        eve = viewer(kube, operated, tmp_path)
        asked = ("why", "application/shop")
        for person in (operated.cluster.kubeconfig, eve):
            said = typed(kube, person, *asked)
            assert cause.words in said
            assert thing in said
            assert "kubectl " in said
        answers = [
            told(json.loads(typed(kube, person, *asked, "-o", "json")))
            for person in (operated.cluster.kubeconfig, eve)
        ]
        if cause.fleet == "pods":
            assert answers[0] == answers[1]


def test_a_viewer_plans_a_change(kube: Kube, operated: Place, tmp_path: Path) -> None:
    """What would come is told with read rights alone, beside the right that applying takes."""
    if operated.cluster is None:
        pytest.skip("users are made in a cluster of ours")
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    wanted = {
        "apiVersion": names.API_VERSION,
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {**app.spec, "components": [{**app.component(), "replicas": 4}]},
    }
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(wanted))
    plan = ("plan", "-f", str(file), "-o", "json")
    mine = json.loads(typed(kube, operated.cluster.kubeconfig, *plan))
    eve = viewer(kube, operated, tmp_path)
    hers = json.loads(typed(kube, eve, *plan))
    assert hers["created"] == mine["created"] == ["shop-web-2", "shop-web-3"]
    assert hers["steps"] == mine["steps"]
    assert hers["specDiff"] == mine["specDiff"]
    assert any('cannot patch resource "applications"' in each for each in hers["notes"])
    assert app.counts()["desired"] == 2
