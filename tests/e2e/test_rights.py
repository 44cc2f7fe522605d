"""Nobody gets through Argosy what they could not do themselves: users of few rights try to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.api import resources
from controller.api.resources import Resource
from devcluster import client, cluster, fixtures, operator, processes

pytestmark = pytest.mark.e2e

FORBIDDEN = 403
PATIENCE_SECONDS = 60
OURS = ["argosy.dev"]
WRITES = ["create", "update", "patch"]
DECLARE = {"apiGroups": OURS, "resources": ["applications"], "verbs": [*WRITES, "get"]}
OPERATE = {"apiGroups": OURS, "resources": ["operations"], "verbs": [*WRITES, "get"]}
TINKER = {"apiGroups": OURS, "resources": ["servers", "serversets"], "verbs": [*WRITES, "get"]}
TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "app"}]}}
SERVER = {
    "application": "shop",
    "component": "web",
    "ordinal": 0,
    "fleet": "pods",
    "incarnation": 1,
    "revision": "r1",
    "power": "Running",
}
Rule = dict[str, Any]
User = Callable[..., client.Client]


@pytest.fixture(scope="module", autouse=True)
def installed(cluster: cluster.Cluster) -> None:
    """The chart, installed without replicas."""
    operator.install(cluster)


@pytest.fixture
def user(cluster: cluster.Cluster, api: client.Client, namespace: str, tmp_path: Path) -> User:
    """Make a user who has these rules, and no others, in the test's namespace."""
    made = 0

    def make(*rules: Rule) -> client.Client:
        nonlocal made
        made += 1
        name = f"user-{made}"
        meta = {"name": name, "namespace": namespace}
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        api.create(accounts, {"metadata": meta})
        api.create(f"{rbac}/roles", {"metadata": meta, "rules": list(rules)})
        body = {
            "metadata": meta,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": name,
            },
            "subjects": [{"kind": "ServiceAccount", **meta}],
        }
        api.create(f"{rbac}/rolebindings", body)
        token = api.create(f"{accounts}/{name}/token", {"spec": {"expirationSeconds": 3600}})
        config = client.kubeconfig(
            tmp_path / name,
            server=api.server,
            authority=cluster.dir / "pki" / "ca.crt",
            user={"token": token["status"]["token"]},
        )
        return client.Client(config)

    return make


def allow(group: str, resource: str, verb: str, **more: Any) -> Rule:
    """Return a rule of one verb."""
    return {"apiGroups": [group], "resources": [resource], "verbs": [verb], **more}


def path(resource: Resource, namespace: str, name: str = "") -> str:
    """Return where an object or a collection is."""
    return resources.path(resource, namespace, name)


def whole(resource: Resource, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is applied."""
    place = resources.PLACES[resource]
    meta = {"name": name}
    return {"apiVersion": place.api_version, "kind": place.kind, "metadata": meta, "spec": spec}


def application(**component: Any) -> dict[str, Any]:
    """Return an application of one component without servers."""
    made = {"name": "web", "replicas": 0, "template": TEMPLATE, **component}
    return whole(Resource.APPLICATIONS, "shop", {"components": [made]})


def steps(*acts: dict[str, Any], name: str = "run") -> dict[str, Any]:
    """Return an operation of these steps."""
    named = [{"name": f"step-{number}", **act} for number, act in enumerate(acts)]
    spec = {"application": "shop", "action": "Steps", "steps": named}
    return whole(Resource.OPERATIONS, name, spec)


def refused(act: Callable[[], object], words: str) -> None:
    """Hold an act to being refused with these words; policies are known seconds after they come."""
    said = ""

    def seen() -> bool:
        nonlocal said
        try:
            said = str(act())
        except client.ApiError as error:
            said = str(error)
            return error.status == FORBIDDEN and words in said
        return False

    assert processes.wait_until(seen, PATIENCE_SECONDS), said


def test_who_declares_applications_may_create_pods(
    api: client.Client, user: User, namespace: str
) -> None:
    """An application's pods may have any ServiceAccount and Secret: so may its author's own."""
    target = path(Resource.APPLICATIONS, namespace)
    few, pods = user(DECLARE), user(DECLARE, allow("", "pods", "create"))
    refused(
        lambda: few.create(f"{target}?dryRun=All", application()), "must be allowed to create pods"
    )
    claim = {"name": "data", "spec": {"accessModes": ["ReadWriteOnce"]}}
    refused(
        lambda: pods.create(f"{target}?dryRun=All", application(volumeClaims=[claim])),
        "must be allowed to create persistentvolumeclaims",
    )
    pods.create(target, application())
    # How many, and how they are rolled out, anybody may change who may change applications.
    few.merge(f"{target}/shop", {"metadata": {"labels": {"team": "a"}}, "spec": {"paused": True}})
    scaled = application(replicas=3, rollout={"maxUnavailable": 1})
    few.merge(f"{target}/shop", {"spec": scaled["spec"]})
    worse = application(template={"spec": {"hostNetwork": True, **TEMPLATE["spec"]}})
    refused(
        lambda: few.merge(f"{target}/shop", {"spec": worse["spec"]}),
        "must be allowed to create pods",
    )
    (component,) = api.get(f"{target}/shop")["spec"]["components"]
    assert (component["template"], component["replicas"]) == (TEMPLATE, 3)


@pytest.mark.parametrize(
    ("act", "right", "words"),
    [
        ({"job": {"template": TEMPLATE}}, allow("batch", "jobs", "create"), "create jobs"),
        ({"exec": {"command": ["x"]}}, allow("", "pods/exec", "create"), "create pods/exec"),
        (
            {
                "http": {
                    "url": "http://$(SERVER_ADDRESS)/",
                    "headersFrom": [{"name": "X", "secretKeyRef": {"name": "mine", "key": "k"}}],
                }
            },
            allow("", "secrets", "get", resourceNames=["mine"]),
            "must be allowed to get secrets",
        ),
    ],
)
def test_who_starts_operations_may_do_their_steps(
    user: User, namespace: str, act: dict[str, Any], right: Rule, words: str
) -> None:
    """Steps are done and undone with the operator's rights: their author must have them."""
    target = path(Resource.OPERATIONS, namespace)
    few, enough = user(OPERATE), user(OPERATE, right)
    harmless = {"action": "Restart"}
    for body in (steps(act), steps(harmless, {**harmless, "compensate": act})):
        refused(lambda body=body: few.create(f"{target}?dryRun=All", body), words)  # type: ignore[misc]
        enough.create(f"{target}?dryRun=All", body)
    few.create(f"{target}?dryRun=All", steps(harmless))
    enough.create(target, steps(act))
    # To stop what somebody else began takes no such right, to begin it again does.
    few.merge(f"{target}/run", {"spec": {"paused": True}})
    refused(lambda: few.merge(f"{target}/run", {"spec": {"retry": {"id": "1"}}}), words)
    enough.merge(f"{target}/run", {"spec": {"retry": {"id": "1"}}})


def test_another_secret_is_not_got_by_the_right_to_one(user: User, namespace: str) -> None:
    """One Secret may be got by name; who names more must be allowed to get any."""
    all_secrets = user(OPERATE, allow("", "secrets", "get"))
    enough = user(OPERATE, allow("", "secrets", "get", resourceNames=["mine"]))

    def body(*names: str) -> dict[str, Any]:
        headers = [
            {"name": f"X-{name}", "secretKeyRef": {"name": name, "key": "k"}} for name in names
        ]
        return steps({"http": {"url": "http://$(SERVER_ADDRESS)/", "headersFrom": headers}})

    target = f"{path(Resource.OPERATIONS, namespace)}?dryRun=All"
    refused(lambda: enough.create(target, body("mine", "theirs")), "must be allowed to get secrets")
    enough.create(target, body("mine"))
    many = [f"secret-{number}" for number in range(32)]
    all_secrets.create(target, body(*many))


def test_people_hold_and_annotate_servers_and_write_nothing_else(
    api: client.Client, user: User, namespace: str
) -> None:
    """A task written by hand would run commands in a pod with the operator's rights."""
    server = whole(Resource.SERVERS, "shop-web-0", SERVER)
    target = path(Resource.SERVERS, namespace)
    someone = user(TINKER)
    refused(lambda: someone.create(target, server), "made by Argosy")
    api.create(target, server)
    task = {"id": "1", "operation": "none", "action": "Exec", "parameters": {"exec": {}}}
    for change in ({"task": task}, {"incarnation": 7}, {"power": "Stopped"}):
        refused(
            lambda change=change: someone.merge(f"{target}/shop-web-0", {"spec": change}),  # type: ignore[misc]
            "people may write spec.held and metadata",
        )
    someone.merge(
        f"{target}/shop-web-0", {"spec": {"held": True}, "metadata": {"annotations": {"a": "b"}}}
    )
    found = api.get(f"{target}/shop-web-0")
    assert found["spec"]["held"] is True
    assert "task" not in found["spec"]


def test_people_scale_sets_and_write_nothing_else(
    api: client.Client, user: User, namespace: str
) -> None:
    """A set's template makes pods: it is written by way of the Application alone."""
    spec = {"application": "shop", "component": "web", "replicas": 1, "template": TEMPLATE}
    body = whole(Resource.SERVERSETS, "shop-web", spec)
    target = path(Resource.SERVERSETS, namespace)
    someone = user(TINKER)
    refused(lambda: someone.create(target, body), "made by Argosy")
    api.create(target, body)
    hostile = {"spec": {"hostNetwork": True, **TEMPLATE["spec"]}}
    refused(
        lambda: someone.merge(f"{target}/shop-web", {"spec": {"template": hostile}}),
        "people may write spec.replicas and metadata",
    )
    someone.merge(f"{target}/shop-web", {"spec": {"replicas": 3}})
    assert (
        api.get(f"{target}/shop-web")["spec"] | {"replicas": 3, "template": TEMPLATE}
        == api.get(f"{target}/shop-web")["spec"]
    )


def test_the_operator_writes_what_people_may_not(
    cluster: cluster.Cluster, api: client.Client, namespace: str
) -> None:
    """The chart's ServiceAccount is exempt: else nothing would ever be made."""
    config = operator.service_account_config(cluster, "argosy")
    argosy = client.Client(config)
    target = path(Resource.SERVERS, namespace)
    argosy.create(target, whole(Resource.SERVERS, "shop-web-0", SERVER))
    argosy.merge(f"{target}/shop-web-0", {"spec": {"incarnation": 2}})
    assert api.get(f"{target}/shop-web-0")["spec"]["incarnation"] == 2
    assert fixtures.exists(api, f"{target}/shop-web-0")
