"""Nobody gets through Argosy what they could not do themselves: users of few rights try to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from controller.kube import installs
from devcluster import accounts, client, cluster, fixtures, operator, processes
from tests.e2e import people, releases

pytestmark = pytest.mark.e2e

FORBIDDEN, INVALID = 403, 422
PATIENCE_SECONDS = 180
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
    releases.install(cluster)


@pytest.fixture
def user(cluster: cluster.Cluster, namespace: str, tmp_path: Path) -> User:
    """Make a user who has these rules, and no others, in the test's namespace."""
    made = itertools.count(1)

    def make(*rules: Rule) -> client.Client:
        return people.person(cluster, namespace, tmp_path, f"user-{next(made)}", *rules)

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


def refused(act: Callable[[], object], words: str, *, status: int = FORBIDDEN) -> None:
    """Hold an act to being refused with these words; policies are known seconds after they come."""
    said = ""

    def seen() -> bool:
        nonlocal said
        try:
            said = str(act())
        except client.ApiError as error:
            said = str(error)
            return error.status == status and words in said
        return False

    assert processes.wait_until(seen, PATIENCE_SECONDS), said


# What an application makes, and who declares it must be allowed to make himself.
MADE_OF = {
    "pods": (allow("", "pods", "create"), "must be allowed to create pods"),
    "claims": (
        allow("", "persistentvolumeclaims", "create"),
        "must be allowed to create persistentvolumeclaims",
    ),
    "deleted claims": (
        allow("", "persistentvolumeclaims", "delete"),
        "must be allowed to delete persistentvolumeclaims",
    ),
    "services": (allow("", "services", "create"), "must be allowed to create services"),
    "budgets": (
        allow("policy", "poddisruptionbudgets", "create"),
        "must be allowed to create poddisruptionbudgets",
    ),
}
ALL_MADE = tuple(right for right, _ in MADE_OF.values())
CLAIM = {"name": "data", "spec": {"accessModes": ["ReadWriteOnce"]}}


@pytest.mark.parametrize("policy", ["whenDeleted", "whenScaled"])
@pytest.mark.parametrize("lacking", MADE_OF)
def test_who_declares_applications_may_make_what_they_make(
    api: client.Client, user: User, namespace: str, lacking: str, policy: str
) -> None:
    """Whoever lacks one right of all is refused, at create and at update; who has all passes."""
    missing, words = MADE_OF[lacking]
    rest = [each for each in ALL_MADE if each is not missing]
    few, enough = user(DECLARE, *rest), user(DECLARE, *ALL_MADE)
    target = path(Resource.APPLICATIONS, namespace)
    whole = application(volumeClaims=[{**CLAIM, policy: "Delete"}])
    refused(lambda: few.create(f"{target}?dryRun=All", whole), words)
    enough.create(f"{target}?dryRun=All", whole)
    api.create(target, application())
    changed = {"spec": whole["spec"]}
    refused(lambda: few.merge(f"{target}/shop?dryRun=All", changed), words)
    enough.merge(f"{target}/shop", changed)


def test_whoever_builds_may_create_jobs(api: client.Client, user: User, namespace: str) -> None:
    """A source and a Build by hand take the right to Jobs; nobody gives a Build an application."""
    target = path(Resource.APPLICATIONS, namespace)
    builds = path(Resource.BUILDS, namespace)
    make = {"apiGroups": OURS, "resources": ["builds"], "verbs": [*WRITES, "get"]}
    few = user(DECLARE, make, *ALL_MADE)
    enough = user(DECLARE, make, *ALL_MADE, allow("batch", "jobs", "create"))
    source = {
        "git": {"url": "https://git.example.com/shop.git"},
        "image": "registry.example.com/shop/web",
    }
    api.create(target, application())
    changed = {"spec": application(source=source)["spec"]}
    refused(lambda: few.merge(f"{target}/shop", changed), "create jobs")
    enough.merge(f"{target}/shop", changed)
    spec = {"application": "shop", "component": "web", "number": 1, "source": source}
    made = whole(Resource.BUILDS, "shop-web-b1", spec)
    refused(lambda: few.create(builds, made), "create jobs")
    owner = {
        "apiVersion": "argosy.dev/v1alpha1",
        "kind": "Application",
        "name": "shop",
        "uid": api.get(f"{target}/shop")["metadata"]["uid"],
        "controller": True,
    }
    owned = {**made, "metadata": {**made["metadata"], "ownerReferences": [owner]}}
    refused(lambda: enough.create(builds, owned), "must not give it that owner")
    enough.create(builds, made)
    taken = {"metadata": {"ownerReferences": [owner]}}
    refused(lambda: enough.merge(f"{builds}/shop-web-b1", taken), "must not give it that owner")
    few.merge(f"{builds}/shop-web-b1", {"spec": {"cancelled": True}})
    for name, worse in (
        ("other-web-b2", {}),
        ("shop-web-b3", {"number": 3, "commit": "main"}),
        ("shop-web-b3", {"number": 3, "source": {**source, "image": "web:latest"}}),
        ("shop-web-b3", {"number": 3, "source": {**source, "git": {"url": "file:///etc"}}}),
        ("shop-web-b3", {"number": 3, "source": {**source, "dockerfile": "../../x"}}),
    ):
        with pytest.raises(client.ApiError):
            enough.create(builds, whole(Resource.BUILDS, name, {**spec, **worse}))


def test_who_changes_no_template_needs_no_more(
    api: client.Client, user: User, namespace: str
) -> None:
    """How many, and how they are rolled out, anybody may change who may change applications."""
    target = path(Resource.APPLICATIONS, namespace)
    few = user(DECLARE)
    api.create(target, application())
    few.merge(f"{target}/shop", {"metadata": {"labels": {"team": "a"}}, "spec": {"paused": True}})
    scaled = application(replicas=3, rollout={"maxUnavailable": 1})
    few.merge(f"{target}/shop", {"spec": scaled["spec"]})
    for worse in (
        {"template": {"spec": {"hostNetwork": True, **TEMPLATE["spec"]}}},
        {"template": {"spec": {"serviceAccountName": "admin", **TEMPLATE["spec"]}}},
        {"recovery": {"alternatives": [{"name": "a", "patch": {"spec": {"hostPID": True}}}]}},
        {"service": {"type": "ClusterIP"}},
        {"adopt": {"kind": "StatefulSet", "name": "shop-web"}},
        {"serverMetadata": {"labels": {"app": "theirs"}}},
        {"name": "other"},
    ):
        body = application(**worse)
        refused(
            lambda body=body: few.merge(f"{target}/shop", {"spec": body["spec"]}),  # type: ignore[misc]
            "must be allowed to create pods",
        )
    (component,) = api.get(f"{target}/shop")["spec"]["components"]
    assert (component["template"], component["replicas"]) == (TEMPLATE, 3)


def test_who_evicts_as_he_likes_needs_no_budget(user: User, namespace: str) -> None:
    """A component without a PodDisruptionBudget takes no right to make one, until it has one."""
    target = path(Resource.APPLICATIONS, namespace)
    few = user(DECLARE, *(right for name, (right, _) in MADE_OF.items() if name != "budgets"))
    open_to_all = application(rollout={"evictions": "Ignore"})
    refused(
        lambda: few.create(f"{target}?dryRun=All", application()), "create poddisruptionbudgets"
    )
    few.create(target, open_to_all)
    refused(
        lambda: few.merge(
            f"{target}/shop", {"spec": application(rollout={"evictions": "Budget"})["spec"]}
        ),
        "create poddisruptionbudgets",
    )


def test_another_fleet_is_used_by_whom_it_is_granted(
    cluster: cluster.Cluster, api: client.Client, user: User, namespace: str
) -> None:
    """A Fleet may make anything, so naming one takes the verb `use` on it, or the right to pods."""
    target = f"{path(Resource.APPLICATIONS, namespace)}?dryRun=All"
    body = application()
    body["spec"]["fleet"] = "cloud"
    few, pods = user(DECLARE), user(DECLARE, *ALL_MADE)
    refused(lambda: few.create(target, body), "to use the Fleet that it names")
    pods.create(target, body)
    rule = allow("argosy.dev", "fleets", "use", resourceNames=["cloud"])
    accounts.grant(api, namespace, "user-1", rule, everywhere=True)
    few.create(target, body)
    body["spec"]["fleet"] = "pods"
    refused(lambda: few.create(target, body), "must be allowed to create pods")
    assert cluster.client is not few


def test_nobody_makes_up_a_revision_to_roll_back_to(
    api: client.Client, user: User, namespace: str
) -> None:
    """A RollBack runs what a ControllerRevision says: people record none for an application."""
    target = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"
    verbs = ["create", "update", "patch", "get"]
    rule = {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": verbs}
    someone = user(rule)
    labels = {"argosy.dev/application": "shop", "argosy.dev/component": "web"}

    def body(name: str, **marks: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": marks}, "revision": 9, "data": {}}

    refused(lambda: someone.create(target, body("shop-web-x", **labels)), "recorded by Argosy")
    someone.create(target, body("theirs", app="theirs"))
    refused(
        lambda: someone.merge(f"{target}/theirs", {"metadata": {"labels": labels}}),
        "recorded by Argosy",
    )
    api.create(target, body("shop-web-y", **labels))
    someone.merge(f"{target}/shop-web-y", {"metadata": {"annotations": {"seen": "yes"}}})


def test_claims_on_namespaces_are_made_by_operators_alone(user: User, namespace: str) -> None:
    """A Lease that has an operator leave a namespace alone takes the verb `override`."""
    target = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": WRITES}
    someone = user(rule)
    spec = {"holderIdentity": "nobody", "leaseDurationSeconds": 3600}
    body = {"metadata": {"name": installs.NAMESPACE}, "spec": spec}
    refused(lambda: someone.create(target, body), "written by operators alone")
    someone.create(target, {**body, "metadata": {"name": "mine"}})


READS = {"get", "list", "watch"}
CHANGES = {"update", "patch"}
ALL = READS | CHANGES | {"create", "delete", "deletecollection"}
SCALES = {"get", "list", "watch", "update", "patch"}
# What each role of the chart gives, by kind; nothing else, and nothing in another namespace.
ROLES: dict[str, dict[str, set[str]]] = {
    "argosy-viewer": {
        "applications": READS, "serversets": READS, "servers": READS, "operations": READS,
    },
    "argosy-editor": {
        "applications": ALL - READS, "serversets": CHANGES, "servers": CHANGES,
    },
    "argosy-operation-editor": {"operations": ALL - READS},
    "argosy-admin": {
        "serversets": ALL - READS - CHANGES, "servers": ALL - READS - CHANGES,
    },
    "view": {
        "applications": READS, "serversets": READS, "servers": READS, "operations": READS,
    },
    "edit": {
        "applications": ALL, "serversets": READS | CHANGES, "servers": READS | CHANGES,
        "operations": ALL,
    },
    "admin": {"applications": ALL, "serversets": ALL, "servers": ALL, "operations": ALL},
}  # fmt: skip
OUR_KINDS = ("applications", "serversets", "servers", "operations", "fleets")


def allowed(api: client.Client, verb: str, resource: str, namespace: str, **who: Any) -> bool:
    """Return whether RBAC lets somebody do this."""
    kind, _, below = resource.partition("/")
    wanted = {
        "group": "argosy.dev",
        "resource": kind,
        "subresource": below,
        "verb": verb,
        "namespace": namespace,
    }
    body = {"spec": {"resourceAttributes": wanted, **who}}
    answer = api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    return bool(answer["status"]["allowed"])


@pytest.mark.parametrize("role", ROLES)
def test_roles_give_their_verbs_on_their_kinds_and_no_others(
    api: client.Client, namespace: str, role: str
) -> None:
    """Kind by kind, verb by verb; never a status, `override`, a Fleet, or another namespace."""
    name = f"{role}-of-{namespace}"
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
    api.create(rbac, {"metadata": {"name": role}, "roleRef": reference, "subjects": [subject]})

    def seen() -> dict[str, set[str]]:
        found = {
            kind: {verb for verb in ALL if allowed(api, verb, kind, namespace, user=name)}
            for kind in OUR_KINDS
        }
        return {kind: verbs for kind, verbs in found.items() if verbs}

    # Roles are aggregated by a controller, and known to the API server a moment later.
    assert processes.wait_until(lambda: seen() == ROLES[role], PATIENCE_SECONDS), seen()
    for kind in OUR_KINDS:
        for verb in ("patch", "update"):
            assert not allowed(api, verb, f"{kind}/status", namespace, user=name), kind
        assert not allowed(api, "override", kind, namespace, user=name), kind
        for verb in ALL:
            assert not allowed(api, verb, kind, "default", user=name), (kind, verb)


@pytest.mark.parametrize(
    ("user_name", "groups"),
    [
        ("system:anonymous", ["system:unauthenticated"]),
        ("somebody", ["system:authenticated"]),
        ("system:node:node-0", ["system:nodes", "system:authenticated"]),
    ],
)
def test_whoever_has_no_role_can_do_nothing(
    api: client.Client, namespace: str, user_name: str, groups: list[str]
) -> None:
    """Neither the public, nor a person without a role, nor a node reads or writes our kinds."""
    who = {"user": user_name, "groups": groups}
    found = {
        (kind, verb)
        for kind in OUR_KINDS
        for verb in ALL | {"override", "use"}
        if allowed(api, verb, kind, namespace, **who)
    }
    assert found == set()


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

    def body(*secrets: str) -> dict[str, Any]:
        headers = [
            {"name": f"X-{name}", "secretKeyRef": {"name": name, "key": "k"}} for name in secrets
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
            "people may write spec.held, spec.hold and metadata",
        )
    someone.merge(
        f"{target}/shop-web-0",
        {
            "spec": {"held": True, "hold": {"owner": "anna"}},
            "metadata": {"annotations": {"a": "b"}},
        },
    )
    found = api.get(f"{target}/shop-web-0")
    assert found["spec"]["held"] is True
    assert "task" not in found["spec"]


@pytest.mark.parametrize(
    "name", ["shop-web-00", "shop-web-1", "1shop-web-0", "shop-web-shop-web-0"]
)
def test_a_server_is_made_under_the_name_of_its_place(
    api: client.Client, user: User, namespace: str, name: str
) -> None:
    """Of whoever may do anything, too: two servers of one place would share what is theirs."""
    target = f"{path(Resource.SERVERS, namespace)}?dryRun=All"
    manager = user(
        allow("argosy.dev", "servers", "create"), allow("argosy.dev", "servers", "override")
    )
    for who in (api, manager):
        refused(
            lambda who=who: who.create(target, whole(Resource.SERVERS, name, SERVER)),  # type: ignore[misc]
            "metadata.name must be <application>-<component>-<ordinal>",
            status=INVALID,
        )
        who.create(target, whole(Resource.SERVERS, "shop-web-0", SERVER))


@pytest.mark.parametrize("resource", [Resource.SERVERS, Resource.SERVERSETS])
def test_owners_and_finalizers_are_changed_by_who_may_delete(
    api: client.Client, user: User, namespace: str, resource: Resource
) -> None:
    """An owner that is nobody has the cluster delete an object: that is the right to delete it."""
    is_set = resource is Resource.SERVERSETS
    spec = {"application": "shop", "component": "web", "replicas": 0, "template": TEMPLATE}
    name = "shop-web" if is_set else "shop-web-0"
    made = whole(resource, name, spec if is_set else {**SERVER})
    made["metadata"]["labels"] = {names.APPLICATION_LABEL: "shop", "app": "mine"}
    target = path(resource, namespace)
    api.create(target, made)
    few = user(TINKER)
    enough = user(TINKER, allow("argosy.dev", resource.value, "delete"))
    nobody = {
        "apiVersion": "v1", "kind": "ConfigMap", "name": "nobody",
        "uid": "00000000-0000-0000-0000-000000000000",
    }  # fmt: skip
    there = f"{target}/{name}"
    dry = f"{there}?dryRun=All"
    for change in ({"ownerReferences": [nobody]}, {"finalizers": ["example.com/never"]}):
        body = {"metadata": change}
        refused(lambda body=body: few.merge(dry, body), "allowed to delete them")  # type: ignore[misc]
        enough.merge(dry, body)
    for marks in (
        {names.APPLICATION_LABEL: "other"}, {names.APPLICATION_LABEL: None},
        {names.COMPONENT_LABEL: "web"},
    ):  # fmt: skip
        refused(
            lambda marks=marks: enough.merge(dry, {"metadata": {"labels": marks}}),  # type: ignore[misc]
            "Argosy's own",
        )
    few.merge(
        there, {"metadata": {"labels": {"app": None, "team": "a"}, "annotations": {"a": "b"}}}
    )
    api.merge(dry, {"metadata": {"labels": None, "ownerReferences": [nobody]}})


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
