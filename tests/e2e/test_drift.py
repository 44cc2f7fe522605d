"""What the world does to servers behind Argosy's back is put right on a real API server."""

from __future__ import annotations

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client
from tests.e2e import driving
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e


@pytest.fixture
def app(kube: Kube) -> App:
    """Three servers, ready."""
    made = kube.app(component(replicas=3))
    made.apply()
    made.wait_ready()
    return made


def _whole(app: App) -> bool:
    """Whether every server has its pod, and all are ready."""
    pods = app.pods()
    return set(pods) == app.pod_names() and all(map(driving.is_ready, pods.values()))


def test_deleted_pod_comes_back(kube: Kube, app: App) -> None:
    """The server stays what it was and gets a new pod; others are not touched."""
    before, servers = driving.uids(app.pods()), driving.uids(app.servers())
    kube.delete(Resource.PODS, "shop-web-1")
    kube.wait_until(
        "there is a new pod",
        lambda: (
            kube.uid(Resource.PODS, "shop-web-1") not in ("", before["shop-web-1"]) and _whole(app)
        ),
    )
    after = driving.uids(app.pods())
    assert {name for name in after if after[name] != before[name]} == {"shop-web-1"}
    assert driving.uids(app.servers()) == servers
    app.wait_ready()


def test_evicted_pod_comes_back(kube: Kube, app: App) -> None:
    """An eviction, as a drained node asks for, is a delete like any other."""
    before = kube.uid(Resource.PODS, "shop-web-2")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "shop-web-2"}}
    kube.api.create(f"/api/v1/namespaces/{kube.namespace}/pods/shop-web-2/eviction", eviction)
    kube.wait_until(
        "there is a new pod",
        lambda: kube.uid(Resource.PODS, "shop-web-2") not in ("", before) and _whole(app),
    )


def test_deleted_server_comes_back(kube: Kube, app: App) -> None:
    """A new Server of the same name takes its place, after what it was made of is gone."""
    before = kube.uid(Resource.SERVERS, "shop-web-0")
    pod = kube.uid(Resource.PODS, "shop-web-0")
    kube.delete(Resource.SERVERS, "shop-web-0")
    kube.wait_until(
        "there is a new server",
        lambda: kube.uid(Resource.SERVERS, "shop-web-0") not in ("", before) and _whole(app),
    )
    assert kube.uid(Resource.PODS, "shop-web-0") != pod
    app.wait_ready()


def test_deleted_set_comes_back_at_its_size(kube: Kube) -> None:
    """A set deleted by hand comes back with as many servers as it was last scaled to."""
    app = kube.app(component(replicas=None))
    app.apply()
    app.wait_ready()
    kube.scale("shop-web", 3)
    kube.wait_until("three are available", lambda: app.counts().get("available") == 3)
    before = kube.uid(Resource.SERVERSETS, "shop-web")
    kube.delete(Resource.SERVERSETS, "shop-web")
    kube.wait_until(
        "there is a new set", lambda: kube.uid(Resource.SERVERSETS, "shop-web") not in ("", before)
    )

    def is_whole() -> bool:
        """Whether what the set before it had, which goes with it, is the new one's."""
        owned = (Resource.SERVICES, Resource.DISRUPTION_BUDGETS)
        found = [(kube.get(each, "shop-web") or {}).get("metadata", {}) for each in owned]
        owner = kube.uid(Resource.SERVERSETS, "shop-web")
        return all(
            [owner] == [one["uid"] for one in each.get("ownerReferences", [])] for each in found
        )

    kube.wait_until("its Service and budget are the new set's", is_whole)
    kube.wait_until("three are available", lambda: app.counts().get("available") == 3)
    app.wait_ready()
    assert set(app.pods()) == {f"shop-web-{each}" for each in range(3)}


def test_hand_edited_pod_label_is_mended(kube: Kube, app: App) -> None:
    """Labels that Services and people look for are put back, on the same pod."""
    before = driving.uids(app.pods())
    edit = {names.COMPONENT_LABEL: "db", names.SERVER_LABEL: None, "mine": "kept"}
    kube.patch(Resource.PODS, "shop-web-1", {"metadata": {"labels": edit}})

    def mended() -> bool:
        labels = app.pods().get("shop-web-1", {}).get("metadata", {}).get("labels", {})
        wanted = {names.SERVER_LABEL: "shop-web-1", names.COMPONENT_LABEL: "web", "mine": "kept"}
        return bool(wanted.items() <= labels.items())

    kube.wait_until("the labels are back", mended)
    assert driving.uids(app.pods()) == before


def test_hand_edited_image_is_told_and_mended(kube: Kube, app: App) -> None:
    """The server is not Ready meanwhile, and the same pod gets its image back."""
    before = driving.uids(app.pods())
    edit = {"spec": {"containers": [{"name": "main", "image": "evil:1"}]}}
    path = resources.path(Resource.PODS, kube.namespace, "shop-web-1")
    kube.api.strategic(path, edit)
    kube.wait_until(
        "the image is back", lambda: driving.images(app.pods())["shop-web-1"] == "app:1"
    )
    app.wait_ready()
    kube.wait_until("all are well", lambda: _whole(app))
    assert driving.uids(app.pods()) == before
    told = [
        each.status.condition("Ready")
        for each in kube.history().changes
        if each.resource == "servers" and each.name == "shop-web-1" and each.ours
    ]
    assert {"Drifted", "Changing"} & {each.reason for each in told if each is not None}


def test_label_that_somebody_insists_on_is_left_and_told(kube: Kube, app: App) -> None:
    """Set again after each mend: after three Argosy says so and leaves it, and writes no more."""
    forced = {"metadata": {"labels": {names.COMPONENT_LABEL: "forced"}}}

    def insisted() -> bool:
        found = kube.get(Resource.PODS, "shop-web-1")
        assert found is not None
        if found["metadata"]["labels"].get(names.COMPONENT_LABEL) != "forced":
            kube.patch(Resource.PODS, "shop-web-1", forced)
        told = driving.condition(app.servers()["shop-web-1"], "Ready")
        return "after Argosy mended it 3 times, and left so" in told.get("message", "")

    kube.wait_until("Argosy says who has the last word", insisted)
    found = kube.get(Resource.PODS, "shop-web-1")
    assert found is not None
    assert found["metadata"]["labels"][names.COMPONENT_LABEL] == "forced"
    assert driving.is_ready(app.servers()["shop-web-1"])
    mends = [
        each
        for each in kube.history().ours
        if each.resource == "pods" and each.verb == "patch" and each.name == "shop-web-1"
    ]
    assert len(mends) == 3


def test_pod_that_goes_takes_readiness_with_it(kube: Kube, app: App) -> None:
    """Held by a stranger's finalizer while it goes: not Ready, and the finalizer is named."""
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    kube.patch(Resource.PODS, "shop-web-1", hold)
    kube.delete(Resource.PODS, "shop-web-1")

    def told() -> bool:
        server = app.servers()["shop-web-1"]
        said = [each.get("message", "") for each in server.get("status", {}).get("blockedBy", [])]
        return driving.condition(server, "Ready").get("status") == "False" and any(
            "example.com/hold" in each for each in said
        )

    kube.wait_until("the server says what holds its pod", told)
    kube.wait_until("the application says so, too", lambda: not app.ready())
    kube.patch(Resource.PODS, "shop-web-1", {"metadata": {"finalizers": None}})
    app.wait_ready()
    kube.wait_until("all are well", lambda: _whole(app))


def test_hand_edited_service_is_mended(kube: Kube, app: App) -> None:
    """Names in DNS rest on the Service's selector: an edit of it is undone, on the same Service."""
    before = kube.get(Resource.SERVICES, "shop-web")
    assert before is not None
    edit = {
        "metadata": {"labels": {names.COMPONENT_LABEL: "db", "mine": "kept"}},
        "spec": {"selector": {names.COMPONENT_LABEL: "db", "more": "lie"}},
    }
    kube.patch(Resource.SERVICES, "shop-web", edit)

    def mended() -> bool:
        found = kube.get(Resource.SERVICES, "shop-web") or {}
        labels = {**before["metadata"]["labels"], "mine": "kept"}
        return bool(
            found["metadata"]["labels"] == labels
            and found["spec"]["selector"] == before["spec"]["selector"]
        )

    kube.wait_until("selector and labels are back", mended)
    assert kube.uid(Resource.SERVICES, "shop-web") == before["metadata"]["uid"]
    app.wait_ready()


def test_hand_edited_server_is_mended(kube: Kube, app: App) -> None:
    """Its labels come back; a copy of what it refers to changes nothing, and its pod stays."""
    before = driving.uids(app.pods())
    server = app.servers()["shop-web-2"]
    template = {"spec": {"containers": [{"name": "main", "image": "evil:1"}]}}
    edit = {"template": template, "recovery": {"attempts": 77}, "minReadySeconds": 600}
    labels = {names.COMPONENT_LABEL: "db", names.SERVER_LABEL: None}
    kube.patch(Resource.SERVERS, "shop-web-2", {"spec": edit, "metadata": {"labels": labels}})

    def mended() -> bool:
        found = app.servers().get("shop-web-2", {"metadata": {}})
        return bool(found["metadata"].get("labels") == server["metadata"]["labels"])

    kube.wait_until("labels are back", mended)
    kube.wait_until("all are well", lambda: _whole(app))
    assert driving.uids(app.pods()) == before
    assert set(driving.images(app.pods()).values()) == {"app:1"}


def test_hand_edited_set_is_mended(kube: Kube, app: App) -> None:
    """A ServerSet's spec is the application's to write, replicas that it names among it."""
    found = app.set_of()
    assert found is not None
    kube.patch(
        Resource.SERVERSETS, "shop-web", {"spec": {"rollout": {"maxUnavailable": 3}, "replicas": 1}}
    )

    def mended() -> bool:
        now = app.set_of()
        return now is not None and now["spec"] == found["spec"]

    kube.wait_until("the spec is back", mended)
    kube.wait_until("all are well", lambda: _whole(app))
    app.wait_ready()


def test_lifted_finalizer_is_put_back(kube: Kube, app: App) -> None:
    """Somebody takes our finalizer off: it is back before anything else happens."""
    for resource, name in (
        (Resource.APPLICATIONS, "shop"),
        (Resource.SERVERSETS, "shop-web"),
        (Resource.SERVERS, "shop-web-0"),
    ):
        kube.patch(resource, name, {"metadata": {"finalizers": None}})

        def back(resource: Resource = resource, name: str = name) -> bool:
            found = kube.get(resource, name) or {"metadata": {}}
            return names.FINALIZER in found["metadata"].get("finalizers", [])

        kube.wait_until(f"{resource}/{name} is guarded", back)
    assert _whole(app)


def test_failed_pod_is_replaced(kube: Kube, app: App) -> None:
    """A pod that failed for good makes room for another attempt, which is on record."""
    before = driving.uids(app.pods())
    kube.annotate(Resource.PODS, "shop-web-1", outcome="fail")
    kube.wait_until(
        "there is a new pod",
        lambda: (
            kube.uid(Resource.PODS, "shop-web-1") not in ("", before["shop-web-1"]) and _whole(app)
        ),
    )
    attempts = app.servers()["shop-web-1"]["status"]["attempts"]
    assert attempts["count"] == 1
    assert attempts["lastError"]["message"]
    app.wait_ready()
    after = driving.uids(app.pods())
    assert {name for name in after if after[name] != before[name]} == {"shop-web-1"}


def test_server_that_keeps_failing_is_given_up_and_tried_again_when_asked(kube: Kube) -> None:
    """After all its attempts the server says why; the others stay; retry-now starts anew."""
    recovery = {
        "attempts": 2,
        "backoff": {"initialSeconds": 0, "maxSeconds": 1},
        "failureBudget": "50%",
    }
    app = kube.app(
        component(replicas=3, recovery=recovery, hooks={"outcome": "fail", "only": "shop-web-2"})
    )
    app.apply()
    told = app.wait_for_reason("ServersFailed")
    assert told["status"] == "False"
    assert app.counts()["failed"] == 1
    assert app.counts()["available"] == 2
    server = app.servers()["shop-web-2"]
    assert driving.condition(server, "Stalled")["status"] == "True"
    assert server["status"]["attempts"]["count"] == 2
    before = driving.uids(app.pods())
    app.annotate(retry_now="now")
    kube.wait_until(
        "it is tried again",
        lambda: (
            app.pods().get("shop-web-2", {}).get("metadata", {}).get("uid")
            not in (None, before.get("shop-web-2"))
        ),
    )
    assert driving.uids(app.pods())["shop-web-0"] == before["shop-web-0"]


def test_held_server_is_left_alone_and_says_so(kube: Kube, app: App) -> None:
    """A person looks into a failed server: it is kept as it is, rollouts pass it by."""
    kube.patch(Resource.SERVERS, "shop-web-1", {"spec": {"held": True}})
    before = driving.uids(app.pods())
    kube.annotate(Resource.PODS, "shop-web-1", outcome="fail")
    kube.wait_until(
        "it says that it is held",
        lambda: driving.condition(app.servers()["shop-web-1"], "Ready").get("reason") == "Held",
    )
    app.component()["rollout"] = {"maxUnavailable": "100%"}
    app.set_env("2")
    kube.wait_until("the others are updated", lambda: app.counts().get("updated") == 2)
    kube.wait_until("the others are available", lambda: app.counts().get("available") == 2)
    after = driving.uids(app.pods())
    assert after["shop-web-1"] == before["shop-web-1"]
    assert after["shop-web-0"] != before["shop-web-0"]
    assert not app.ready()
    kube.patch(Resource.SERVERS, "shop-web-1", {"spec": {"held": False}})
    app.wait_ready()
    assert _whole(app)
    assert driving.uids(app.pods())["shop-web-1"] != before["shop-web-1"]


def test_paused_application_is_left_alone_and_says_so(kube: Kube, app: App) -> None:
    """While paused, neither drift nor a new spec changes anything; afterwards both are seen to."""
    app.spec["paused"] = True
    app.apply()
    app.wait_for_reason("Paused")
    before = driving.uids(app.pods())
    kube.delete(Resource.PODS, "shop-web-1")
    kube.wait_until(
        "the server says what waits",
        lambda: driving.condition(app.servers()["shop-web-1"], "Ready").get("reason") == "Paused",
    )
    app.component()["replicas"] = 5
    app.set_env("2")
    told = app.wait_for_reason("Paused")
    assert told["status"] == "False"
    kept = {name: before[name] for name in ("shop-web-0", "shop-web-2")}
    kube.wait_until("the pod is gone", lambda: driving.uids(app.pods()) == kept)
    assert set(app.servers()) == set(before)
    app.spec["paused"] = False
    app.apply()
    app.wait_ready()
    assert _whole(app)
    assert len(app.pods()) == 5


def _edit(kube: Kube, pod: str, spec: driving.Object, subresource: str = "") -> None:
    """Change a living pod's spec as somebody else does."""
    path = resources.path(Resource.PODS, kube.namespace, pod, subresource)
    kube.api.strategic(path, {"spec": spec})


def _message(app: App, server: str) -> str:
    return str(driving.condition(app.servers()[server], "Ready").get("message", ""))


def test_images_are_mended_but_for_those_that_are_left_to_others(kube: Kube) -> None:
    """Of two that are edited the one that is ignored stays; the server tells that, and is Ready."""
    made = component(replicas=1, drift={"ignore": ["containers[proxy].image"]})
    made["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    app = kube.app(made)
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    both = [{"name": "main", "image": "evil:1"}, {"name": "proxy", "image": "proxy:2"}]
    _edit(kube, "shop-web-0", {"containers": both})

    def mended() -> bool:
        (pod,) = app.pods().values()
        found = {each["name"]: each["image"] for each in pod["spec"]["containers"]}
        return found == {"main": "app:1", "proxy": "proxy:2"}

    kube.wait_until("main is back, proxy is left", mended)
    kube.wait_until(
        "the server says so",
        lambda: (
            "left to them (drift.ignore): containers[proxy].image" in _message(app, "shop-web-0")
        ),
    )
    app.wait_ready()
    assert driving.uids(app.pods()) == before
    assert mended()


def test_what_no_living_pod_gives_back_is_told_and_replaces_nobody(kube: Kube, app: App) -> None:
    """A deadline and a debugger stay until a person has the server made anew."""
    before = driving.uids(app.pods())
    _edit(kube, "shop-web-0", {"activeDeadlineSeconds": 86_400})
    debugger = {"name": "debugger", "image": "sh", "targetContainerName": "main"}
    _edit(kube, "shop-web-1", {"ephemeralContainers": [debugger]}, "ephemeralcontainers")
    for server, field in (
        ("shop-web-0", "activeDeadlineSeconds"),
        ("shop-web-1", "ephemeralContainers"),
    ):
        words = f"which only a new instance undoes: {field}"
        kube.wait_until(
            f"{server} tells of {field}",
            lambda server=server, words=words: words in _message(app, server),  # type: ignore[misc]
        )
    app.wait_ready()
    assert driving.uids(app.pods()) == before


def test_tolerations_that_others_add_are_left(kube: Kube, app: App) -> None:
    """They do nothing to a pod that runs: nothing is said, and no image is touched for them."""
    before = app.pods()["shop-web-0"]
    key = {"key": "example.com/x", "operator": "Exists"}
    _edit(kube, "shop-web-0", {"tolerations": [*before["spec"].get("tolerations", []), key]})
    # A change of Argosy's own, which comes after whatever it would make of these.
    app.component()["replicas"] = 4
    app.apply()
    app.wait_ready()
    after = app.pods()["shop-web-0"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert key in after["spec"]["tolerations"]
    assert names.MENDED_ANNOTATION not in after["metadata"].get("annotations", {})
    assert _message(app, "shop-web-0") == "Running and ready."


@pytest.mark.parametrize("path", ["spec.containers", "containers[0]", "resources", ""])
def test_nonsense_is_not_ignored(kube: Kube, path: str) -> None:
    """What could never be compared is refused when it is applied."""
    app = kube.app(component(replicas=0, drift={"ignore": [path]}))
    with pytest.raises(client.ApiError, match=r"drift\.ignore"):
        kube.api.apply(
            app.path,
            {
                "apiVersion": names.API_VERSION,
                "kind": "Application",
                "metadata": {"name": "shop"},
                "spec": {"components": [app.component()]},
            },
        )
    app.component()["drift"] = {"ignore": ["containers[*].image"]}
    app.apply()
    app.wait_ready()
