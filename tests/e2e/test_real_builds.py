"""G11 on a real node: from a commit to servers that answer, and all that goes wrong on the way.

git, the registries and BuildKit are real, and so are the Jobs, in a namespace that takes restricted
pods alone. The operator is a process of its own, to be killed at will.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from controller.api.resources import Resource
from devcluster import forge, operator, registry, repositories
from tests.dashboard import browser as browsers
from tests.dashboard import people
from tests.dashboard.people import KEYBOARD, MOUSE, PLAIN
from tests.e2e import driving, hindsight, sites
from tests.e2e.driving import Kube, Place
from tests.e2e.operating import submit
from tests.e2e.shops import PATIENCE, Shop, builders, logs, plain, rooms_of, secret
from tests.e2e.test_why import typed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]
LONG = pytest.mark.long(reason="minutes of Builds; the simulation plays the same")

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases/argosy-leader"
RIGHT, WRONG = "the-right-word-7", "the-wrong-word-9"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, the chart with its BuildKit, and one operator."""
    with builders(tmp_path_factory.mktemp("real")) as built:
        yield built


@pytest.fixture(scope="module")
def started(place: Place) -> forge.Forge:
    """Where git and the registries are."""
    assert place.cluster is not None
    return forge.start(place.cluster)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster for restricted pods alone, with what shows one to BuildKit."""
    yield from rooms_of(place)


def strike(place: Place) -> None:
    """Kill the operator as kill -9 does, and start it again as the kubelet would."""
    assert place.cluster is not None
    (one,) = operator.running(place.cluster)
    one.kill()
    place.api.merge(LEASE, {"spec": {"holderIdentity": ""}})
    one.start()


def test_g11_a_commit_becomes_servers_and_a_bad_one_leaves_them(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """Three servers answer; while commits that cannot be used are built, the same ones go on.

    Then a good commit is deployed, taken back, deployed over by another, and activated again.
    """
    assert place.cluster is not None
    test = {"command": ["python", "/app/check.py"]}
    shop = Shop(place, started, kube, replicas=3, test=test)
    first = shop.commit("one")
    shop.app.apply()
    shop.wait_pages("one")
    status = shop.build(1)["status"]
    assert status["commit"] == first
    image = f"{started.registry}/{shop.name}/web@{status['digest']}"
    assert set(driving.images(shop.app.pods()).values()) == {image}
    before = driving.uids(shop.app.pods())
    for number, word, reason in ((2, "broken", "Failed"), (3, "bad", "TestFailed")):
        shop.commit(word)
        shop.ask()

        def stays(number: int = number) -> bool:
            assert shop.pages() == ["one"] * 3
            assert shop.app.ready()
            return driving.condition(shop.build(number), "Succeeded").get("status") == "False"

        kube.wait_until(f"{word} has ended", stays, PATIENCE)
        said = shop.wait_end(number, reason)
        told = shop.app.wait_for_reason(reason, "Built")
        assert told["status"] == "False"
        assert shop.app.says("Ready")["status"] == "True"
        assert f"Build/shop-web-b{number}" in shop.app.blocked_by()
        assert {"broken": "py_compile", "bad": "bad word"}[word] in said["message"]
        why = typed(kube, place.cluster.kubeconfig, "why", "application/shop")
        assert {"broken": "SyntaxError", "bad": "the page has a bad word"}[word] in why
    assert driving.uids(shop.app.pods()) == before
    shop.commit("two")
    shop.ask()
    shop.wait_pages("two")
    submit(kube, "back", "RollBack").wait_end("Completed")
    shop.wait_pages("one", "RolledBack")
    shop.commit("three")
    shop.ask()
    shop.wait_pages("three")
    typed(kube, place.cluster.kubeconfig, "activate", "build/shop-web-b4")
    shop.wait_pages("two")


@LONG
@pytest.mark.skipif(
    not browsers.PROGRAM, reason="Chromium is missing: `make test-browser` as root installs it"
)
def test_the_line_of_a_build_that_failed_is_found_in_a_browser(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """By mouse, by keyboard and without JavaScript, as the application is Ready all the while."""
    assert place.cluster is not None
    shop = Shop(place, started, kube)
    shop.commit("one")
    shop.app.apply()
    shop.wait_pages("one")
    broken = shop.commit("broken")
    shop.ask()
    shop.wait_end(2, "Failed")
    config, space = place.cluster.kubeconfig, kube.namespace
    with sites.started(config, space) as site, browsers.opened() as browser:
        for way in (MOUSE, KEYBOARD, PLAIN):
            with people.person(browser, site, way) as someone:
                page = someone.page
                someone.follow("shop", whole=True)
                expect(page.locator("#part-head")).to_contain_text("Ready")
                someone.follow("Revisions")
                row = page.get_by_role("row", name="shop-web-b2")
                expect(row).to_contain_text(broken[:12])
                expect(row).to_contain_text("Failed")
                someone.follow("shop-web-b2")
                expect(page.get_by_role("table", name="Phases")).to_contain_text("Failed")
                expect(page.locator("main")).to_contain_text("SyntaxError")
                someone.follow("Why it is so")
                expect(page.get_by_role("heading", name="shop-web-b2 is so")).to_be_visible()
                expect(page.locator("main")).to_contain_text("SyntaxError")


def test_g11_of_three_pushes_the_first_and_the_third_are_built(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """While the first is built, the second makes way for the third."""
    shop = Shop(place, started, kube)
    # Two pushes and two requests must come before its end, on a machine that builds meanwhile.
    shop.commit("one", pause=40)
    shop.app.apply()
    shop.wait_phase(1, "Building")
    for number, word in ((2, "two"), (3, "three")):
        shop.commit(word)
        shop.ask()
        kube.wait_until(f"build {number} is there", functools.partial(shop.build, number))
    for number, reason in ((1, "Completed"), (2, "Superseded"), (3, "Completed")):
        shop.wait_end(number, reason)
    shop.wait_pages("three")


@LONG
@pytest.mark.parametrize("phase", ["Resolving", "Building", "Testing"])
def test_g11_killed_in_any_phase_builds_the_same_once(
    place: Place, started: forge.Forge, kube: Kube, phase: str
) -> None:
    """There is one Job a phase, and a later push of the branch changes nothing of this Build."""
    test = {"command": ["python", "-c", "import time; time.sleep(3)"]}
    shop = Shop(place, started, kube, arguments={"PAUSE": "3"}, test=test)
    made = shop.commit("one")
    shop.app.apply()
    shop.wait_phase(1, phase)
    if phase != "Resolving":
        shop.commit("two")
    strike(place)
    shop.wait_end(1, "Completed")
    assert shop.build(1)["status"]["commit"] == made
    assert len(shop.jobs()) == 3
    shop.wait_pages("one")


def in_mid_build(place: Place, started: forge.Forge, kube: Kube) -> Shop:
    """Return a shop that answers while its second build goes on, for long."""
    shop = Shop(place, started, kube)
    shop.commit("one")
    shop.app.apply()
    shop.wait_pages("one")
    shop.app.component()["source"]["arguments"] = {"PAUSE": "600"}
    shop.app.apply()
    shop.wait_phase(2, "Building")
    return shop


def test_g11_delete_cuts_across_a_build(place: Place, started: forge.Forge, kube: Kube) -> None:
    """Servers are taken down at once, the Build ends, and no Job or pod of it is left."""
    shop = in_mid_build(place, started, kube)
    shop.app.delete()
    shop.app.wait_gone()
    kube.wait_until("no Job is left", lambda: not shop.jobs())
    kube.wait_until("no pod is left", lambda: not kube.list(Resource.PODS, application="shop"))
    assert not kube.list(Resource.BUILDS)
    seconds = hindsight.until_teardown(kube.history(), "shop")
    print(f"in mid-build: first teardown {seconds:.3f} s after the delete")  # noqa: T201 - shown by -s


def test_g11_a_build_that_is_cancelled_ends_at_once_and_another_one_builds(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """By the command, in mid-build: its Job and pod are gone, and what runs goes on."""
    assert place.cluster is not None
    shop = in_mid_build(place, started, kube)
    (running,) = (
        each["job"] for each in shop.build(2)["status"]["phases"] if "endTime" not in each
    )
    typed(kube, place.cluster.kubeconfig, "cancel", "build/shop-web-b2")
    shop.wait_end(2, "Cancelled")
    kube.wait_until("its Job is gone", lambda: running not in shop.jobs())
    pods = functools.partial(kube.list, Resource.PODS, build="shop-web-b2")
    kube.wait_until("nothing of it runs", lambda: not any(map(_runs, pods().values())))
    assert shop.pages() == ["one"]
    shop.commit("two")
    del shop.app.component()["source"]["arguments"]
    shop.app.apply()
    shop.wait_pages("two")


def _runs(pod: driving.Object) -> bool:
    return bool(pod["status"]["phase"] in {"Pending", "Running"})


@LONG
def test_g11_a_container_that_somebody_puts_into_the_pods_keeps_no_build(
    place: Place, started: forge.Forge, kube: Kube
) -> None:
    """A sidecar that never ends, as meshes have it: each phase ends with its own container."""
    policies = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies"
    version = {"apiVersion": "admissionregistration.k8s.io/v1"}
    added = (
        '[JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{'
        f'name: "proxy", image: "{started.image}", command: ["sleep", "600"],'
        " securityContext: Object.spec.containers.securityContext{allowPrivilegeEscalation: false,"
        " capabilities: Object.spec.containers.securityContext.capabilities{drop: ['ALL']}}}}]"
    )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    near = {"matchLabels": {"kubernetes.io/metadata.name": kube.namespace}}
    builds = {"matchExpressions": [{"key": "argosy.dev/build", "operator": "Exists"}]}
    policy = {
        **version,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "mesh"},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": near,
                "objectSelector": builds,
                "resourceRules": [{**rule, "resources": ["pods"]}],
            },
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": added}}],
            "reinvocationPolicy": "Never",
        },
    }
    binding = {
        **version,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "mesh"},
        "spec": {"policyName": "mesh"},
    }
    probe = {
        "metadata": {"name": "probe", "labels": {"argosy.dev/build": "none"}},
        "spec": {"containers": [{"name": "main", "image": started.image}]},
    }
    kube.api.create(policies, policy)
    kube.api.create(policies.replace("policies", "policybindings"), binding)
    try:

        def in_force() -> bool:
            path = f"/api/v1/namespaces/{kube.namespace}/pods?dryRun=All"
            made = kube.api.create(path, _hardened(probe))
            return len(made["spec"]["containers"]) == 2

        kube.wait_until("the policy is in force", in_force)
        shop = Shop(place, started, kube, test={"command": ["python", "/app/check.py"]})
        shop.commit("one")
        shop.app.apply()
        shop.wait_end(1, "Completed")
        shop.wait_pages("one")
        pods = kube.list(Resource.PODS, build="shop-web-b1").values()
        assert {len(each["spec"]["containers"]) for each in pods} == {2}
        assert "finalizers" not in shop.build(1)["metadata"]
    finally:
        kube.api.delete(f"{policies.replace('policies', 'policybindings')}/mesh")
        kube.api.delete(f"{policies}/mesh")


def _hardened(pod: driving.Object) -> driving.Object:
    """Return a pod as the restricted profile takes it."""
    safe = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    whole = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    containers = [{**each, "securityContext": safe} for each in pod["spec"]["containers"]]
    spec = {"securityContext": whole, "containers": containers}
    return {"apiVersion": "v1", "kind": "Pod", **pod, "spec": spec}


@LONG
@pytest.mark.parametrize("lost", [repositories.NAME, registry.NAME])
def test_g11_what_is_down_is_waited_for(
    place: Place, started: forge.Forge, kube: Kube, lost: str
) -> None:
    """Without git nothing is resolved, without the registry nothing pushed; both come back."""
    assert place.cluster is not None
    shop = Shop(place, started, kube, cache="None")
    shop.commit("one")
    shop.app.apply()
    # Until its servers run they need the registry, too.
    shop.wait_pages("one")
    shop.commit("two")
    place.cluster.kill(lost)
    try:
        shop.ask()

        def failed() -> bool:
            phases = shop.build(2).get("status", {}).get("phases", [])
            return any(each.get("lastError", {}).get("class") == "Transient" for each in phases)

        kube.wait_until("an attempt has failed", failed, PATIENCE)
        shop.wait_pages("one")
    finally:
        forge.start(place.cluster)
    shop.wait_end(2, "Completed")
    shop.wait_pages("two")


# What keeps a pod from starting, what the cluster says of it, and how that is mended.
KEPT = {
    "quota": "exceeded quota: few",
    "account": 'serviceaccount "missing" not found',
    "secret": 'secret "missing" not found',
}


@LONG
@pytest.mark.parametrize("cause", KEPT)
def test_g11_what_keeps_a_pod_from_starting_is_told_in_the_clusters_words(
    place: Place, started: forge.Forge, kube: Kube, cause: str
) -> None:
    """By the Build and by its application, and by `why` of the application; mended, it goes on."""
    assert place.cluster is not None
    more: dict[str, Any] = {"account": {"serviceAccountName": "missing"}}.get(cause, {})
    shop = Shop(place, started, kube, **more)
    if cause == "secret":
        shop.app.component()["source"]["git"]["secretRef"] = {"name": "missing"}
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}}
    quotas = f"/api/v1/namespaces/{kube.namespace}/resourcequotas"
    if cause == "quota":
        kube.api.create(quotas, {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    shop.commit("one")
    shop.app.apply()
    words = KEPT[cause]

    def told() -> bool:
        said = driving.condition(shop.build(1), "Succeeded").get("message", "")
        return words in said and words in shop.app.says("Built").get("message", "")

    kube.wait_until("the cause is told", told, PATIENCE)
    assert words in typed(kube, place.cluster.kubeconfig, "why", "application/shop")
    assert words in typed(kube, place.cluster.kubeconfig, "why", "build/shop-web-b1")
    if cause == "quota":
        kube.api.delete(f"{quotas}/few")
    elif cause == "account":
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "missing"}}
        kube.api.create(f"/api/v1/namespaces/{kube.namespace}/serviceaccounts", body)
    else:
        secret(kube, "missing", plain(username="nobody", password=WRONG))
    shop.wait_end(1, "Completed")
    shop.wait_pages("one")
    assert not shop.build(1)["status"].get("blockedBy")


@pytest.mark.parametrize("at", ["git", "registry"])
def test_g11_a_wrong_password_is_for_good_and_nowhere_to_be_read(
    place: Place, started: forge.Forge, kube: Kube, at: str
) -> None:
    """One attempt, and then the Build has failed; with the right word another one succeeds.

    Neither objects, logs of Jobs, Events nor the operator's log have any of the passwords.
    """
    assert place.cluster is not None
    git, push = (WRONG, RIGHT) if at == "git" else (RIGHT, WRONG)
    login = registry.login(started.guarded, password=registry.PASSWORD if push == RIGHT else WRONG)
    secret(kube, "git", plain(username="git", password=git))
    kind = "kubernetes.io/dockerconfigjson"
    secret(kube, "push", plain(**{".dockerconfigjson": login}), kind)
    shop = Shop(
        place,
        started,
        kube,
        password=RIGHT,
        git={"url": "", "secretRef": {"name": "git"}},
        pushSecretRef={"name": "push"},
        cache="None",
    )
    source = shop.app.component()["source"]
    source["git"]["url"] = shop.repository.url
    source["image"] = f"{started.guarded}/{shop.name}/web"
    shop.app.component()["template"]["spec"]["imagePullSecrets"] = [{"name": "push"}]
    shop.commit("one")
    shop.app.apply()
    shop.wait_end(1, "SourceUnavailable" if at == "git" else "PushRefused")
    assert {each["attempts"] for each in shop.build(1)["status"]["phases"]} == {1}
    texts = [*logs(kube), (place.cluster.dir / "logs" / "operator-0.log").read_text()]
    shown = (Resource.BUILDS, Resource.JOBS, Resource.PODS, Resource.EVENTS)
    texts += [str(kube.list(each)) for each in (*shown, Resource.APPLICATIONS)]
    for hidden in (RIGHT, WRONG, registry.PASSWORD):
        assert not [text for text in texts if hidden in text]
    right = plain(username="git", password=RIGHT)
    kube.patch(Resource.SECRETS, "git", {"data": right})
    right = plain(**{".dockerconfigjson": registry.login(started.guarded)})
    kube.patch(Resource.SECRETS, "push", {"data": right})
    shop.ask()
    shop.wait_end(2, "Completed")
    shop.wait_pages("one")
