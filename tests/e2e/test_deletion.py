"""Applications go on a real API server: in order, drained, at any moment, and leave nothing."""

from __future__ import annotations

import pytest

from controller.api import names
from controller.api.resources import Resource
from devcluster import client
from proof.history import pods as pod_history
from tests.e2e import driving, hindsight
from tests.e2e.driving import App, Kube, component
from tests.e2e.test_creation import claim

pytestmark = pytest.mark.e2e

FORBIDDEN = 403


def _gone(life: pod_history.Life) -> hindsight.Moment:
    assert life.gone is not None, f"{life.label} is still there"
    return life.gone.place


def _ending(life: pod_history.Life) -> hindsight.Moment:
    end = life.ending or life.gone
    assert end is not None, f"{life.label} is still there"
    return end.place


def test_components_go_in_reverse_order(kube: Kube) -> None:
    """No database server is asked to go before the last web server is gone."""
    app = kube.app(
        component("db", replicas=3),
        component("web", replicas=3, dependsOn=["db"], hooks={"delete-delay": "1s"}),
    )
    app.apply()
    app.wait_ready()
    app.delete()
    app.wait_gone()
    history = kube.history()
    last = max(_gone(each) for each in hindsight.pods(history, "web"))
    assert min(_ending(each) for each in hindsight.pods(history, "db")) > last


def test_components_go_at_once_where_that_is_wanted(kube: Kube) -> None:
    """deletion.order Parallel: the database does not wait for slow web servers."""
    app = kube.app(
        component("db"),
        component("web", dependsOn=["db"], hooks={"delete-delay": "3s"}),
        deletion={"order": "Parallel"},
    )
    app.apply()
    app.wait_ready()
    app.delete()
    app.wait_gone()
    history = kube.history()
    first = min(_gone(each) for each in hindsight.pods(history, "web"))
    assert max(_ending(each) for each in hindsight.pods(history, "db")) < first


def test_removed_component_goes_alone(kube: Kube) -> None:
    """A component that is no longer in the manifest is taken down; the others are not touched."""
    app = kube.app(component("web"), component("old"))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.spec["components"] = [app.component("web")]
    app.apply()
    kube.wait_until(
        "nothing of it is left",
        lambda: not any(kube.list(resource, component="old") for resource in driving.MADE),
    )
    app.wait_ready()
    assert driving.uids(app.pods()) == before


def test_servers_are_given_time_to_drain(kube: Kube) -> None:
    """Pods get drainSeconds as their grace; the application waits for them and says so."""
    app = kube.app(component(hooks={"delete-delay": "3s"}), deletion={"drainSeconds": 7})
    app.apply()
    app.wait_ready()
    app.delete()
    going = kube.wait_until(
        "pods are on their way out",
        lambda: [each for each in app.pods().values() if "deletionTimestamp" in each["metadata"]],
    )
    assert {each["metadata"]["deletionGracePeriodSeconds"] for each in going} == {7}
    found = app.found()
    assert found is not None
    assert driving.condition(found, "Ready")["reason"] == "Deleting"
    app.wait_gone()


@pytest.mark.parametrize(
    ("deletion", "said", "given"),
    [({}, 300, 300), ({}, 1, 1), ({}, None, 30), ({"drainSeconds": 5}, 120, 120)],
    ids=["a database", "one that is quick", "unsaid", "a shorter drain"],
)
def test_the_template_says_how_long_servers_have_to_end(
    kube: Kube, deletion: dict[str, int], said: int | None, given: int
) -> None:
    """Restarted or deleted, a pod has its own terminationGracePeriodSeconds, and never less."""
    web = component(replicas=1, hooks={"delete-delay": "3s"})
    if said is not None:
        web["template"]["spec"]["terminationGracePeriodSeconds"] = said
    app = kube.app(web, deletion=deletion)
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    restart = {"application": app.name, "action": "Restart"}
    kube.create(Resource.OPERATIONS, {"metadata": {"name": "restart"}, "spec": restart})
    assert _grace(app) == given
    kube.wait_until(
        "another pod is there",
        lambda: app.pods() and not before.items() & driving.uids(app.pods()).items(),
    )
    app.wait_ready()
    app.delete()
    assert _grace(app) == given
    app.wait_gone()


def _grace(app: App) -> int:
    """Return how long the pod that is on its way out was given to end."""
    (going,) = app.kube.wait_until(
        "a pod is on its way out",
        lambda: [each for each in app.pods().values() if "deletionTimestamp" in each["metadata"]],
    )
    return int(going["metadata"]["deletionGracePeriodSeconds"])


def test_delete_cuts_into_a_create(kube: Kube) -> None:
    """Deleted while its servers come up, an application makes no more of them and goes."""
    app = kube.app(component(replicas=200, hooks={"delay": "5s"}))
    app.apply()
    kube.wait_until("some servers are made", lambda: len(app.servers()) > 10)
    app.delete()
    app.wait_gone()
    history = kube.history()
    late = hindsight.begun_in_teardown(history, "shop", hindsight.pods(history))
    # Eight writes may be in flight; whatever was planned behind them is dropped.
    assert len(late) <= 8 + 8


def test_delete_cuts_into_an_update(kube: Kube) -> None:
    """Deleted in the middle of a rollout, stuck ones included, an application goes."""
    app = kube.app(component(replicas=6, rollout={"maxUnavailable": 2, "inPlace": "Never"}))
    app.apply()
    app.wait_ready()
    app.set_image("app:broken")
    kube.wait_until(
        "the rollout is stuck",
        lambda: [*driving.images(app.pods()).values()].count("app:broken") == 2,
    )
    app.delete()
    app.wait_gone()


def test_delete_cuts_into_a_rollback(kube: Kube) -> None:
    """Deleted while it goes back to what is proven, an application goes."""
    rollout = {"maxUnavailable": 1, "onDeadline": "RollBack", "inPlace": "Never"}
    app = kube.app(component(replicas=4, rollout=rollout, hooks={"delete-delay": "2s"}))
    app.apply()
    app.wait_ready()
    rollout["progressDeadlineSeconds"] = 3
    app.set_image("app:broken")
    app.wait_for_reason("RolledBack", "Stalled")
    app.delete()
    app.wait_gone()


def test_paused_application_can_be_deleted(kube: Kube) -> None:
    """Paused means that nothing is changed; what is deleted goes all the same."""
    app = kube.app(component())
    app.apply()
    app.wait_ready()
    app.spec["paused"] = True
    app.apply()
    app.wait_for_reason("Paused")
    app.delete()
    app.wait_gone()


def test_held_and_failed_servers_go_with_the_rest(kube: Kube) -> None:
    """Neither a hold nor a failure keeps an application from going."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    kube.patch(Resource.SERVERS, "shop-web-0", {"spec": {"held": True}})
    kube.annotate(Resource.PODS, "shop-web-0", outcome="fail")
    kube.annotate(Resource.PODS, "shop-web-1", outcome="fail")
    kube.wait_until(
        "one is held",
        lambda: driving.condition(app.servers()["shop-web-0"], "Ready").get("reason") == "Held",
    )
    app.delete()
    app.wait_gone()


def test_application_that_never_came_up_can_be_deleted(kube: Kube) -> None:
    """Servers that hang, fail or cannot be placed go as any other."""
    app = kube.app(
        component("hanging", hooks={"outcome": "hang"}),
        component("failing", hooks={"outcome": "fail"}),
        component("homeless"),
        component("pullless", image="app:broken"),
    )
    app.component("homeless")["template"]["spec"]["nodeSelector"] = {"no": "such"}
    app.apply()
    kube.wait_until(
        "all pods are there",
        lambda: len(kube.list(Resource.PODS, application="shop")) >= 6,
    )
    app.delete()
    app.wait_gone()


def test_orphaned_children_are_let_go(kube: Kube) -> None:
    """--cascade=orphan: the application goes, its servers run on; deleting its set takes them."""
    app = kube.app(component())
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.delete("Orphan")
    kube.wait_until("the application is gone", lambda: app.found() is None)
    kube.wait_until(
        "the set says so",
        lambda: driving.condition(app.set_of() or {}, "Stalled").get("reason") == "Orphaned",
    )
    found = app.set_of()
    assert found is not None
    assert not found["metadata"].get("ownerReferences")
    assert driving.uids(app.pods()) == before
    kube.delete(Resource.SERVERSETS, "shop-web")
    kube.wait_until("its servers go with it", lambda: not app.pods())
    for name in app.revisions():
        kube.delete(Resource.REVISIONS, name)


def test_foreground_delete_takes_everything(kube: Kube) -> None:
    """--cascade=foreground: children go first, the application is the last to go."""
    app = kube.app(component("db"), component("web", dependsOn=["db"]))
    app.apply()
    app.wait_ready()
    app.delete("Foreground")
    app.wait_gone()
    history = kube.history()
    ends = {
        resource: max(_gone(each) for each in history.lives.values() if each.resource == resource)
        for resource in ("applications", "serversets", "servers", "pods")
    }
    assert ends["pods"] < ends["servers"] < ends["serversets"] < ends["applications"]


def test_whole_namespace_can_be_deleted(kube: Kube) -> None:
    """A namespace with applications in it empties, also while one of them comes up."""
    app = kube.app(component("db"), component("web", dependsOn=["db"]))
    app.apply()
    app.wait_ready()
    late = kube.app(component(replicas=20, hooks={"delay": "10s"}), name="late")
    late.apply()
    kube.wait_until("it comes up", late.servers)
    path = f"/api/v1/namespaces/{kube.namespace}"
    kube.api.delete(path)

    def gone() -> bool:
        try:
            kube.api.get(path)
        except client.ApiError as error:
            return error.status == client.NOT_FOUND
        return False

    kube.wait_until("the namespace is gone", gone)


def test_protected_application_is_not_deleted(kube: Kube) -> None:
    """deletion.protected: the API server refuses, and says what to do; lifted, it goes."""
    app = kube.app(component(), deletion={"protected": True})
    app.apply()
    app.wait_ready()
    with pytest.raises(client.ApiError, match="protected must be false") as refusal:
        app.delete()
    assert refusal.value.status == FORBIDDEN
    app.spec["deletion"]["protected"] = False
    app.apply()
    app.delete()
    app.wait_gone()


def test_change_to_an_application_that_is_going_is_refused(kube: Kube) -> None:
    """A change that could only be lost is refused with a message, not swallowed."""
    app = kube.app(component(hooks={"delete-delay": "4s"}))
    app.apply()
    app.wait_ready()
    app.delete()
    app.component()["replicas"] = 5
    with pytest.raises(client.ApiError, match="is being deleted") as refusal:
        app.apply()
    assert refusal.value.status == FORBIDDEN
    app.wait_gone()
    app.apply()
    app.wait_ready()
    assert len(app.pods()) == 5


def test_same_name_can_be_used_again_at_once(kube: Kube) -> None:
    """Deleted and applied again, twice, an application comes back whole, with new objects."""
    app = kube.app(component(replicas=3))
    seen: set[str] = set()
    for _ in range(3):
        app.apply()
        app.wait_ready()
        now = set(driving.uids(app.pods()).values())
        assert len(now) == 3
        assert not now & seen
        seen |= now
        app.delete()
        kube.wait_until("it is gone", lambda: app.found() is None)
    app.wait_gone()


def test_what_others_keep_is_told_and_then_left_behind(kube: Kube) -> None:
    """A claim and a Service with somebody's finalizers: named, all else goes, not for ever."""
    data = claim("data", whenDeleted="Delete")
    app = kube.app(
        component("db", replicas=1),
        component("web", replicas=1, dependsOn=["db"], volumeClaims=[data]),
        deletion={"timeoutSeconds": 20},
    )
    app.apply()
    app.wait_ready()
    kept = {Resource.CLAIMS: "data-shop-web-0", Resource.SERVICES: "shop-web"}
    before = {each: kube.get(each, name) or {} for each, name in kept.items()}
    for each, name in kept.items():
        had = before[each]["metadata"].get("finalizers", [])
        kube.patch(each, name, {"metadata": {"finalizers": [*had, "example.com/hold"]}})
    app.delete()

    def told() -> bool:
        status = (app.found() or {}).get("status", {})
        said = {each["object"]: each["message"] for each in status.get("blockedBy", ())}
        return all(
            "example.com/hold" in said.get(each, "")
            for each in ("PersistentVolumeClaim/data-shop-web-0", "Service/shop-web")
        )

    kube.wait_until("the application names both, and the finalizer", told)
    kube.wait_until("nobody waited for them", lambda: app.found() is None)
    assert set(kube.list(Resource.SERVERS)) == set()
    assert {each: kube.uid(each, name) for each, name in kept.items()} == {
        each: found["metadata"]["uid"] for each, found in before.items()
    }

    def told_of() -> list[str]:
        found = kube.list(Resource.EVENTS).values()
        return [each["note"] for each in found if each["reason"] == "LeftBehind"]

    kube.wait_until("an Event tells it", told_of)
    (note,) = told_of()
    assert all(name in note for name in kept.values())
    for each, name in kept.items():
        kube.patch(each, name, {"metadata": {"finalizers": None}})
    app.wait_gone()


def test_stuck_teardown_is_told_and_forced(kube: Kube) -> None:
    """A pod that does not go is waited for, then deleted without grace as onTimeout says."""
    deletion = {"drainSeconds": 1, "timeoutSeconds": 2, "onTimeout": "Force"}
    app = kube.app(component(hooks={"delete-delay": "600s"}), deletion=deletion)
    app.apply()
    app.wait_ready()
    app.delete()
    app.wait_gone()
    forced = [
        each
        for each in kube.history().ours
        if each.resource == "pods" and each.verb == "delete" and each.accepted
    ]
    assert {each.name for each in forced} == {"shop-web-0", "shop-web-1"}
    assert names.FINALIZER not in (app.found() or {}).get("metadata", {}).get("finalizers", [])
