"""Servers come to a new revision on a real API server: within budget, in place, back again."""

from __future__ import annotations

import datetime as dt

import pytest

from controller.api import names
from controller.api.resources import Resource
from tests.e2e import driving, hindsight
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e

BROKEN = "app:broken"
# How long a rollout may take: as little as a test can wait for, or more than it ever takes.
SHORT, LONG = 4, 600


def _allow(app: App, seconds: int) -> None:
    """Set how long a rollout may take without progress, from the next apply on."""
    app.component()["rollout"]["progressDeadlineSeconds"] = seconds


def _running(app: App, image: str) -> None:
    """Wait until all pods really run an image, and the application is ready."""
    app.wait_ready()
    assert set(app.pods()) == app.pod_names()
    assert driving.running(app.pods().values()) == {image}


def _whole(app: App) -> bool:
    """Whether every server has its pod, and all are ready."""
    pods = app.pods()
    return set(pods) == app.pod_names() and all(map(driving.is_ready, pods.values()))


@pytest.mark.parametrize(
    ("replicas", "allowed", "fewest"), [(6, 2, 4), (5, "50%", 3), (4, "10%", 3)]
)
def test_rolling_update_keeps_its_budget(
    kube: Kube, replicas: int, allowed: int | str, fewest: int
) -> None:
    """At no version of the world are more servers down than maxUnavailable allows."""
    app = kube.app(component(replicas=replicas, rollout={"maxUnavailable": allowed}))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.set_env("2")
    app.wait_ready()
    after = driving.uids(app.pods())
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    assert hindsight.fewest_ready(kube.history(), replicas) == fewest


@pytest.mark.parametrize("changed", [["web"], ["db", "web"]], ids="-".join)
def test_what_grows_with_an_update_grows_at_the_new_revision(
    kube: Kube, changed: list[str]
) -> None:
    """New servers are made once, also where the update has to wait for a dependency's."""
    app = kube.app(component("db"), component(replicas=2, dependsOn=["db"]))
    app.apply()
    app.wait_ready()
    app.component()["replicas"] = 5
    for each in changed:
        app.container(each)["image"] = "app:2"
    app.apply()
    _running(app, "app:2")
    # The first two were changed in place; the others are as they were made.
    assert [each["metadata"]["generation"] for _, each in sorted(app.pods().items())] == [
        *(2, 2),
        *(1, 1, 1),
    ]


@pytest.mark.parametrize(("surge", "most"), [(1, 6), ("30%", 7)])
def test_surge_adds_servers_before_any_goes(kube: Kube, surge: int | str, most: int) -> None:
    """With maxSurge alone no server is ever missing; spare ones are gone in the end."""
    rollout = {"maxUnavailable": 0, "maxSurge": surge}
    app = kube.app(component(replicas=5, rollout=rollout))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.set_env("2")
    app.wait_ready()
    kube.wait_until("spare servers are gone", lambda: set(app.pods()) == app.pod_names())
    assert not set(driving.uids(app.pods()).values()) & set(before.values())
    history = kube.history()
    assert hindsight.fewest_ready(history, 5) == 5
    assert hindsight.most_alive(history, "servers") == most


def test_partition_keeps_lower_ordinals(kube: Kube) -> None:
    """Only ordinals from the partition on are updated; lowered, the rest follows."""
    app = kube.app(component(replicas=4, rollout={"partition": 2, "maxUnavailable": "50%"}))
    app.apply()
    app.wait_ready()
    app.set_image("app:2")
    app.wait_ready()
    new, old = "app:2", "app:1"
    assert driving.images(app.pods()) == {
        "shop-web-0": old,
        "shop-web-1": old,
        "shop-web-2": new,
        "shop-web-3": new,
    }
    assert app.counts()["updated"] == 2
    kube.delete(Resource.PODS, "shop-web-0")
    kube.wait_until(
        "it comes back as the partition has it",
        lambda: driving.images(app.pods()).get("shop-web-0") == old,
    )
    app.component()["rollout"]["partition"] = 0
    app.apply()
    _running(app, "app:2")


def test_servers_are_available_only_after_their_minimum_time(kube: Kube) -> None:
    """Only minReadySeconds after the last pod became ready, the application is."""
    app = kube.app(component(rollout={"minReadySeconds": 3}))
    app.apply()
    app.wait_ready()
    pods = [driving.condition(each, "Ready") for each in app.pods().values()]
    since = max(dt.datetime.fromisoformat(each["lastTransitionTime"]) for each in pods)
    ready = dt.datetime.fromisoformat(app.says("Ready")["lastTransitionTime"])
    assert ready - since >= dt.timedelta(seconds=3)


def test_image_is_changed_in_place(kube: Kube) -> None:
    """The same pods run the new image, in new containers, within the budget."""
    app = kube.app(component(replicas=4, rollout={"maxUnavailable": 2}))
    app.apply()
    app.wait_ready()
    before, old = driving.uids(app.pods()), _containers(app)
    app.set_image("app:2")
    _running(app, "app:2")
    assert driving.uids(app.pods()) == before
    assert not _containers(app) & old
    assert app.counts()["updated"] == 4
    # Old containers run on for a second under Ready=True: that does not count as done.
    changed = [
        each
        for each in kube.history().ours
        if each.resource == "pods" and each.verb == "patch" and each.accepted
    ]
    assert len(changed) == 4
    assert changed[2].received - changed[0].received > 0.9


def _containers(app: App) -> set[str]:
    return {
        each["containerID"]
        for pod in app.pods().values()
        for each in pod["status"]["containerStatuses"]
    }


def test_pods_whose_nodes_know_no_resize_are_replaced(kube: Kube) -> None:
    """Fake nodes do not say that they can resize, so the API server refuses it of their pods."""
    app = kube.app(component(replicas=3, rollout={"maxUnavailable": 1}))
    app.container()["resources"] = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.container()["resources"] = {"requests": {"cpu": "200m", "memory": "64Mi"}}
    app.apply()
    app.wait_ready()
    assert not {*driving.uids(app.pods()).values()} & {*before.values()}
    asked = [
        pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] for pod in app.pods().values()
    ]
    assert asked == ["200m"] * 3
    assert app.counts()["updated"] == 3


def test_nothing_is_changed_in_place_where_that_is_not_wanted(kube: Kube) -> None:
    """With inPlace: Never an image, too, comes with new pods; the servers stay the same ones."""
    app = kube.app(component(rollout={"inPlace": "Never", "maxUnavailable": "100%"}))
    app.apply()
    app.wait_ready()
    before, servers = driving.uids(app.pods()), driving.uids(app.servers())
    app.set_image("app:2")
    _running(app, "app:2")
    assert not set(driving.uids(app.pods()).values()) & set(before.values())
    assert driving.uids(app.servers()) == servers


def test_recreate_takes_all_down_before_any_comes_up(kube: Kube) -> None:
    """Old and new revisions never run side by side."""
    app = kube.app(component(replicas=4, rollout={"strategy": "Recreate"}))
    app.apply()
    app.wait_ready()
    app.set_image("app:2")
    _running(app, "app:2")
    lives = hindsight.pods(kube.history())
    old, new = lives[:4], lives[4:]
    assert len(new) == 4
    assert all(each.gone is not None for each in old)
    last = max(each.gone.place for each in old if each.gone is not None)
    assert all(each.born.place > last for each in new)


def test_on_delete_changes_only_what_somebody_deletes(kube: Kube) -> None:
    """Servers keep their revision until they are deleted, one by one."""
    app = kube.app(component(replicas=3, rollout={"strategy": "OnDelete"}))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.set_env("2")
    kube.wait_until("the new revision is told", lambda: app.counts().get("updated") == 0)
    kube.delete(Resource.SERVERS, "shop-web-1")
    kube.wait_until("one is updated", lambda: app.counts().get("updated") == 1)
    kube.wait_until("all are available", lambda: app.counts().get("available") == 3)
    after = driving.uids(app.pods())
    assert {name for name in before if after[name] != before[name]} == {"shop-web-1"}
    for name in ("shop-web-0", "shop-web-2"):
        kube.delete(Resource.SERVERS, name)
    kube.wait_until("all are updated", lambda: app.counts().get("updated") == 3)
    app.wait_ready()
    assert app.counts()["updated"] == 3


@pytest.mark.parametrize("in_place", ["WhenPossible", "Never"])
def test_newer_spec_takes_over_a_stuck_rollout(kube: Kube, in_place: str) -> None:
    """A rollout stuck on an image that cannot be pulled is left behind with no manual deletes."""
    rollout = {"maxUnavailable": "50%", "inPlace": in_place}
    app = kube.app(component(replicas=4, rollout=rollout))
    app.apply()
    app.wait_ready()
    app.set_image(BROKEN)
    # In place, a pod says Ready until its node acts on the new image: what is counted is ahead.
    kube.wait_until(
        "two are stuck",
        lambda: (
            app.counts().get("available") == 2
            and sum(map(driving.is_ready, app.pods().values())) == 2
        ),
    )
    app.set_image("app:3")
    _running(app, "app:3")
    assert hindsight.fewest_ready(kube.history(), 4) == 2


def test_first_rollout_that_is_stuck_is_taken_over(kube: Kube) -> None:
    """An application that never came up does, once its manifest is corrected."""
    app = kube.app(component(replicas=3, image=BROKEN))
    app.apply()
    kube.wait_until("pods are stuck", lambda: len(app.pods()) == 3)
    kube.wait_until(
        "the reason is told",
        lambda: all(
            driving.condition(each, "Ready").get("reason") == "ImagePullBackOff"
            for each in app.servers().values()
        ),
    )
    app.set_image("app:1")
    _running(app, "app:1")


def test_missed_deadline_halts_the_rollout(kube: Kube) -> None:
    """The rollout stops where it is, says so, and goes on with the next template."""
    app = kube.app(component(replicas=4, rollout={"maxUnavailable": 1}))
    app.apply()
    app.wait_ready()
    _allow(app, SHORT)
    app.set_image(BROKEN)
    app.wait_for_reason("ProgressDeadlineExceeded", "Stalled")
    assert "ServerSet/shop-web" in app.blocked_by()
    broken = [name for name, image in driving.images(app.pods()).items() if image == BROKEN]
    assert broken == ["shop-web-3"]
    _allow(app, LONG)
    app.set_image("app:3")
    _running(app, "app:3")
    assert not app.says("Stalled")
    assert hindsight.fewest_ready(kube.history(), 4) == 3


def test_missed_deadline_rolls_back_to_what_is_proven(kube: Kube) -> None:
    """The last revision that ran in good health comes back; the spec is not touched; it is told."""
    rollout = {"maxUnavailable": 2, "onDeadline": "RollBack"}
    app = kube.app(component(replicas=4, rollout=rollout))
    app.apply()
    app.wait_ready()
    proven = app.counts()["revision"]
    _allow(app, SHORT)
    app.set_image(BROKEN)
    app.wait_for_reason("RolledBack", "Stalled")
    kube.wait_until(
        "the proven revision runs",
        lambda: _whole(app) and driving.running(app.pods().values()) == {"app:1"},
    )
    assert app.says("Ready")["status"] == "False"
    found = app.found()
    assert found is not None
    written = found["spec"]["components"][0]["template"]["spec"]["containers"][0]["image"]
    assert written == BROKEN
    rejected = {
        name
        for name, each in app.revisions().items()
        if names.REJECTED_ANNOTATION in each["metadata"].get("annotations", {})
    }
    assert len(rejected) == 1
    assert names.controller_revision("shop", "web", proven) not in rejected
    _allow(app, LONG)
    app.set_image("app:3")
    _running(app, "app:3")
    assert not app.says("Stalled")


def test_rejected_revision_is_tried_again_when_asked_to(kube: Kube) -> None:
    """retry-now clears the rejection: what could not be pulled then may be there by now."""
    app = kube.app(component(rollout={"maxUnavailable": 1, "onDeadline": "RollBack"}))
    app.apply()
    app.wait_ready()
    _allow(app, SHORT)
    app.component()["template"]["metadata"] = {
        "annotations": {driving.HOOK + "outcome": "hang", driving.HOOK + "only": "shop-web-1"}
    }
    app.apply()
    app.wait_for_reason("RolledBack", "Stalled")

    def hanging() -> bool:
        marks = app.pods().get("shop-web-1", {}).get("metadata", {}).get("annotations", {})
        return bool(marks.get(driving.HOOK + "outcome") == "hang")

    kube.wait_until("the proven revision runs", lambda: _whole(app) and not hanging())
    _allow(app, LONG)
    app.apply()
    app.wait_for_reason("RolledBack", "Stalled")
    app.annotate(retry_now="1")
    kube.wait_until("the revision is tried again", hanging)
    kube.annotate(Resource.PODS, "shop-web-1", outcome="ready")
    app.wait_ready()
    assert not app.says("Stalled")
    found = app.found()
    assert found is not None
    assert found["status"]["lastHandledRetry"] == "1"


def test_revisions_are_kept_as_history_and_used_again(kube: Kube) -> None:
    """Past templates are ControllerRevisions, as many as asked for; each is stored once."""
    app = kube.app(component(rollout={"maxUnavailable": "100%"}), revisionHistoryLimit=2)
    app.apply()
    app.wait_ready()
    seen = [app.counts()["revision"]]
    for number in range(2, 6):
        app.set_image(f"app:{number}")
        app.wait_ready()
        seen.append(app.counts()["revision"])
    assert len(set(seen)) == 5
    kube.wait_until(
        "old ones are forgotten",
        lambda: (
            set(app.revisions())
            == {names.controller_revision("shop", "web", each) for each in seen[-3:]}
        ),
    )
    before = driving.uids(app.revisions())
    app.set_image("app:4")
    app.wait_ready()
    assert app.counts()["revision"] == seen[-2]
    assert driving.uids(app.revisions()) == before


def test_dependents_are_updated_after_what_they_depend_on(kube: Kube) -> None:
    """Both changed at once: the web servers wait until the database is through."""
    app = kube.app(
        component("db", replicas=2, rollout={"maxUnavailable": 1}),
        component("web", dependsOn=["db"], rollout={"maxUnavailable": "100%"}),
    )
    app.apply()
    app.wait_ready()
    app.container("db")["env"] = [{"name": "VERSION", "value": "2"}]
    app.set_env("2")
    app.wait_ready()
    history = kube.history()
    databases, webs = hindsight.made(history, "db")[2:], hindsight.made(history, "web")[2:]
    assert len(databases) == len(webs) == 2
    last = max(hindsight.became_ready(each) for each in databases)
    assert all(each.born.place > last for each in webs)


def test_policies_change_without_touching_servers(kube: Kube) -> None:
    """Neither a policy nor the order of components is a reason to replace a pod."""
    app = kube.app(component(), component("db"))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.component()["rollout"] = {"maxUnavailable": 2}
    app.component()["dependsOn"] = ["db"]
    app.spec["deletion"] = {"drainSeconds": 3}
    written = driving.generations(app.servers())
    app.apply()
    kube.wait_until(
        "the set is told",
        lambda: (app.set_of() or {})["spec"]["deletion"].get("drainSeconds") == 3,
    )
    app.wait_ready()
    assert driving.generations(app.servers()) == written
    assert driving.uids(app.pods()) == before
    assert app.counts()["revision"] == app.counts()["provenRevision"]
