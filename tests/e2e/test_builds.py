"""Builds on a real API server: its schemas and policies take what Argosy writes, and roles suffice.

No kubelet runs here, so the Jobs are finished by the test's hand.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client, controlplane, operator
from devcluster.cluster import Cluster
from fakes.forge import digest_of
from tests.e2e.conftest import is_given, namespace_of
from tests.e2e.driving import App, Kube, Place, component, condition
from tests.e2e.test_why import typed

pytestmark = pytest.mark.e2e

BUILDER = ("build.image=forge:1", "build.address=tcp://daemon:1234")
REPOSITORY = "registry.example.com/shop/web"
ONE, TWO = "1" * 40, "2" * 40
# Whoever refuses is asked again within a minute; the Job controller waits longer each time.
MENDED_SECONDS = 180.0
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster of this module's own, whose operator was given a daemon that is not there."""
    if is_given():
        pytest.skip("this installs the chart in another way than a given cluster has it")
    owner = Cluster(tmp_path_factory.mktemp("builds"))
    owner.start(controlplane.Settings(nodes=3, audit="full"))
    operator.run(owner, values=BUILDER)
    yield Place(api=owner.client, cluster=owner)
    owner.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of the test's own."""
    yield from namespace_of(place)


def shop(kube: Kube, **more: Any) -> App:
    """Return an application with a source; without its account no pods of Jobs are made."""
    source = {
        "git": {"url": "https://git.example.com/shop.git"},
        "image": REPOSITORY,
        "serviceAccountName": "nobody",
        **more,
    }
    return kube.app(component("web", replicas=2, source=source))


GIT = "https://git.example.com/shop.git"
# What is changed of a good source, and what the API server says of it.
REFUSED = [
    ({"pollSeconds": 1}, "pollSeconds must be 0, or at least 300"),
    ({"pollSeconds": 299}, "pollSeconds must be 0, or at least 300"),
    ({"pollSeconds": -1}, "pollSeconds"),
    ({"git": {"url": "ext::sh -c touch% /tmp/x"}}, "url must begin with https:// or http://"),
    ({"git": {"url": "--upload-pack=touch /tmp/x"}}, "url must begin with https:// or http://"),
    ({"git": {"url": "-c core.sshCommand=x"}}, "url must begin with https:// or http://"),
    ({"git": {"url": "file:///etc"}}, "url must begin with https:// or http://"),
    ({"git": {"url": "git@git.example.com:shop"}}, "url must begin with https:// or http://"),
    ({"git": {"url": "https://me:word@git.example.com/x"}}, "have no user or password in it"),
    ({"git": {"url": f"{GIT}\n--upload-pack=x"}}, "url must begin with https:// or http://"),
    ({"git": {"url": GIT, "ref": "--upload-pack=touch"}}, "git.ref"),
    ({"git": {"url": GIT, "ref": "-c"}}, "git.ref"),
    ({"git": {"url": GIT, "ref": "a:refs/heads/b"}}, "git.ref"),
    ({"git": {"url": GIT, "ref": "main\n-c"}}, "git.ref"),
    ({"git": {"url": GIT, "path": "a/../../b"}}, "path must stay inside the repository"),
    ({"git": {"url": GIT, "path": "/etc"}}, "git.path"),
    ({"git": {"url": GIT, "path": "-c"}}, "git.path"),
    ({"dockerfile": "../Dockerfile"}, "dockerfile must stay inside the context"),
    ({"dockerfile": "/etc/passwd"}, "dockerfile"),
    ({"dockerfile": "--frontend=x"}, "dockerfile"),
    ({"image": "r.example.com/a,push=false"}, "image must be a repository"),
    ({"image": "r.example.com/a:latest"}, "image must be a repository"),
    ({"image": "--output=r/a"}, "image must be a repository"),
    ({"arguments": {"A=B --x": "y"}}, "the name of a build argument must be letters"),
]


@pytest.mark.parametrize(("wrong", "told"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_what_no_source_may_say_is_refused_at_apply(
    kube: Kube, wrong: dict[str, Any], told: str
) -> None:
    """By the API server itself, in an application and in a Build that a person makes."""
    app = shop(kube)
    app.apply()
    good = app.component()["source"]
    app.component()["source"] = {**good, **wrong}
    with pytest.raises(client.ApiError, match=re.escape(told)):
        app.apply()
    spec = {"application": "shop", "component": "web", "number": 9, "source": {**good, **wrong}}
    with pytest.raises(client.ApiError, match=re.escape(told)):
        kube.create(Resource.BUILDS, {"metadata": {"name": "shop-web-b9"}, "spec": spec})
    path = resources.path(Resource.BUILDS, kube.namespace)
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Build",
        "metadata": {"name": "shop-web-b9"},
        "spec": {**spec, "source": good},
    }
    # But for what is wrong it would have been taken.
    kube.api.create(f"{path}?dryRun=All", body)


CHANGES: tuple[dict[str, Any], ...] = (
    {"number": 2},
    {"application": "other"},
    {"component": "api"},
    {"source": {"image": "registry.example.com/other/web"}},
    {"source": {"git": {"url": "https://evil.example.com/x.git"}}},
    {"source": {"serviceAccountName": "admin"}},
    {"source": {"pushSecretRef": {"name": "of-others"}}},
    {"commit": ONE},
    {"request": "x"},
    {"activates": "shop-web-b1"},
    {"onlyIfChanged": True},
)


def test_of_a_build_nothing_changes_but_that_it_is_cancelled(kube: Kube) -> None:
    """By the API server itself, whoever asks; and its name must say of which component it is."""
    app = shop(kube)
    app.apply()
    kube.wait_until("it is there", lambda: bool(kube.get(Resource.BUILDS, "shop-web-b1")))
    for change in CHANGES:
        with pytest.raises(client.ApiError, match="only cancelled of a Build can change"):
            kube.patch(Resource.BUILDS, "shop-web-b1", {"spec": change})
    spec = (kube.get(Resource.BUILDS, "shop-web-b1") or {})["spec"]
    for name in ("shop-api-b1", "web-b1", "shop-web-b01", "shop-web-b2x"):
        with pytest.raises(client.ApiError, match="must be <application>-<component>-b<number>"):
            kube.create(Resource.BUILDS, {"metadata": {"name": name}, "spec": spec})
    kube.patch(Resource.BUILDS, "shop-web-b1", {"spec": {"cancelled": True}})

    def cancelled() -> bool:
        told = condition(kube.get(Resource.BUILDS, "shop-web-b1") or {}, "Succeeded")
        return (told.get("status"), told.get("reason")) == ("False", "Cancelled")

    kube.wait_until("it is cancelled", cancelled)
    kube.wait_until("its Job is gone", lambda: not kube.list(Resource.JOBS))


def finish(kube: Kube, build: str, phase: str, message: dict[str, Any], *, code: int = 0) -> None:
    """Let the Job of a Build's phase end with that message, as its pod would."""

    def job() -> dict[str, Any] | None:
        found = kube.list(Resource.JOBS, build=build).values()
        named = (each for each in found if _phase(each) == phase)
        return next((each for each in named if not each.get("status", {}).get("conditions")), None)

    kube.wait_until(f"{build} has a Job that is at {phase}", lambda: job() is not None)
    found = job()
    assert found is not None
    template, meta = found["spec"]["template"], found["metadata"]
    spec = {**template["spec"], "serviceAccountName": "default"}
    spec["schedulingGates"] = [{"name": "example.com/by-hand"}]
    name = f"{meta['name']}-hand"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    body = {
        "metadata": {
            "name": name,
            "labels": template["metadata"]["labels"],
            "finalizers": ["batch.kubernetes.io/job-tracking"],
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": False}],
        },
        "spec": spec,
    }
    kube.create(Resource.PODS, body)
    ended = {"exitCode": code, "message": json.dumps(message), "reason": "Error"}
    status = {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [
            {
                "name": phase,
                "state": {"terminated": ended},
                "ready": False,
                "restartCount": 0,
                "image": "",
                "imageID": "",
            }
        ],
    }
    kube.patch(Resource.PODS, name, {"status": status}, "status")


def _phase(job: dict[str, Any]) -> str:
    return str(job["spec"]["template"]["spec"]["containers"][0]["name"])


def test_a_commit_becomes_servers_and_a_failure_leaves_them(kube: Kube) -> None:
    """From a source to servers by digest, in a namespace that takes restricted pods alone.

    Then a commit that does not compile: Ready stays True, and Built says which line failed.
    """
    namespace = f"/api/v1/namespaces/{kube.namespace}"
    kube.api.merge(namespace, {"metadata": {"labels": {**RESTRICTED}}})
    app = shop(kube)
    hardened = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    app.container()["securityContext"] = hardened
    app.apply()
    finish(kube, "shop-web-b1", "resolve", {"commit": ONE})
    finish(kube, "shop-web-b1", "build", {"commit": ONE, "digest": digest_of(ONE)})
    app.wait_ready()
    images = {each["spec"]["containers"][0]["image"] for each in app.pods().values()}
    assert images == {f"{REPOSITORY}@{digest_of(ONE)}"}
    kube.wait_until("it is built", lambda: app.says("Built").get("status") == "True")
    app.annotate(**{"build-requested": f"sha:{TWO} push-2"})
    said = {"class": "Terminal", "reason": "Failed", "message": "RUN make: main.c:3: error"}
    finish(kube, "shop-web-b2", "build", said, code=1)
    kube.wait_until("the failure is told", lambda: app.says("Built").get("status") == "False")
    assert "main.c:3: error" in app.says("Built")["message"]
    assert app.ready()
    assert images == {each["spec"]["containers"][0]["image"] for each in app.pods().values()}
    told = condition(kube.get(Resource.BUILDS, "shop-web-b2") or {}, "Succeeded")
    assert (told["status"], told["reason"]) == ("False", "Failed")


def test_a_delete_in_the_middle_leaves_nothing(kube: Kube) -> None:
    """Neither a Build nor a Job is left, and nothing waited for them."""
    app = shop(kube)
    app.apply()
    kube.wait_until("a Job is there", lambda: bool(kube.list(Resource.JOBS)))
    app.delete()
    app.wait_gone()
    for resource in (Resource.BUILDS, Resource.JOBS):
        path = resources.path(resource, kube.namespace)
        kube.wait_until(f"no {resource} are left", lambda: not kube.api.get(path)["items"])  # noqa: B023


ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = f"{ADMISSION}/validatingadmissionpolicies"
BINDINGS = f"{ADMISSION}/validatingadmissionpolicybindings"


@contextlib.contextmanager
def no_jobs(kube: Kube) -> Iterator[str]:
    """Have a policy of the namespace refuse Jobs; what is told of it."""
    name = f"no-jobs-{kube.namespace}"
    rule = {
        "apiGroups": ["batch"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["jobs"],
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "no Jobs here"}],
    }
    kube.api.create(POLICIES, {"metadata": {"name": name}, "spec": spec})
    here = {"matchLabels": {"kubernetes.io/metadata.name": kube.namespace}}
    bound = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": here},
    }
    kube.api.create(BINDINGS, {"metadata": {"name": name}, "spec": bound})
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "probe"},
        "spec": {
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
            }
        },
    }
    path = f"{resources.path(Resource.JOBS, kube.namespace)}?dryRun=All"

    def refuses() -> bool:
        try:
            kube.api.create(path, job)
        except client.ApiError as error:
            return "no Jobs here" in str(error)
        return False

    kube.wait_until("the policy counts", refuses)
    yield "no Jobs here"
    kube.api.delete(f"{BINDINGS}/{name}")
    kube.api.delete(f"{POLICIES}/{name}")


@contextlib.contextmanager
def quota_of(kube: Kube, what: str) -> Iterator[str]:
    """Have a quota of the namespace allow none of something; what is told of it."""
    quotas = f"/api/v1/namespaces/{kube.namespace}/resourcequotas"
    kube.api.create(quotas, {"metadata": {"name": "few"}, "spec": {"hard": {what: "0"}}})
    kube.wait_until("the quota counts", lambda: kube.api.get(f"{quotas}/few")["status"].get("hard"))
    yield "exceeded quota: few"
    kube.api.delete(f"{quotas}/few")


@contextlib.contextmanager
def no_account(kube: Kube) -> Iterator[str]:
    """Leave the ServiceAccount of the source missing, and make it at the end."""
    yield 'serviceaccount "nobody" not found'
    kube.api.create(
        f"/api/v1/namespaces/{kube.namespace}/serviceaccounts", {"metadata": {"name": "nobody"}}
    )


# What refuses the Job itself, and what the pod of one that was taken.
KEEPERS: dict[str, tuple[str, Callable[[Kube], contextlib.AbstractContextManager[str]]]] = {
    "policy on Jobs": ("ValidatingAdmissionPolicy/", no_jobs),
    "quota on Jobs": ("ResourceQuota/few", lambda kube: quota_of(kube, "count/jobs.batch")),
    "quota on pods": ("Job/", lambda kube: quota_of(kube, "pods")),
    "account": ("Job/", no_account),
}


@pytest.mark.parametrize("cause", KEEPERS)
def test_who_keeps_a_build_from_starting_is_told_and_nothing_is_asked_for_again(
    place: Place, kube: Kube, cause: str
) -> None:
    """By the Build, by Built, and by `why` of both, in the API server's words.

    Once it is mended the Build goes on by itself, in the attempt that waited.
    """
    assert place.cluster is not None
    thing, keeper = KEEPERS[cause]
    app = shop(kube, **({} if cause == "account" else {"serviceAccountName": "default"}))
    with keeper(kube) as words:
        app.apply()

        def told() -> bool:
            build = kube.get(Resource.BUILDS, "shop-web-b1") or {}
            said = condition(build, "Succeeded")
            return words in said.get("message", "") and words in app.says("Built").get(
                "message", ""
            )

        kube.wait_until("the cause is told", told)
        build = kube.get(Resource.BUILDS, "shop-web-b1") or {}
        (blocked,) = build["status"]["blockedBy"]
        assert blocked["object"].startswith(thing)
        assert blocked["remedy"].startswith("kubectl ")
        assert condition(build, "Succeeded")["status"] == "Unknown"
        assert "Build/shop-web-b1" in app.blocked_by()
        for asked in ("application/shop", "build/shop-web-b1"):
            assert words in typed(kube, place.cluster.kubeconfig, "why", asked)
        (phase,) = build["status"]["phases"]
        assert phase["attempts"] == 1

    # kwok has its pod end without a word, after which there are other attempts.
    def mended() -> bool:
        jobs = kube.list(Resource.JOBS, build="shop-web-b1")
        pods = kube.list(Resource.PODS, build="shop-web-b1").values()
        return phase["job"] in jobs and any(
            owner["name"] == phase["job"]
            for pod in pods
            for owner in pod["metadata"]["ownerReferences"]
        )

    kube.wait_until("the attempt that waited has its pod", mended, MENDED_SECONDS)
    kube.wait_until(
        "the cause is told no more",
        lambda: words not in str((kube.get(Resource.BUILDS, "shop-web-b1") or {})["status"]),
        MENDED_SECONDS,
    )
