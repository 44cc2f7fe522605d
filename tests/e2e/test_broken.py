"""Unknown, broken and foreign objects stall what needs them, say so, and stop nobody else."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client
from tests.e2e import driving
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e


def _bystander(kube: Kube) -> None:
    """See another application of the namespace come up, change and go, as if nothing was."""
    other = kube.app(component(), name="other")
    other.apply()
    other.wait_ready()
    other.set_image("app:2")
    other.wait_ready()
    other.delete()
    other.wait_gone()


def _stalled(app: App, reason: str) -> dict[str, Any]:
    told = app.wait_for_reason(reason, "Stalled")
    assert told["status"] == "True"
    assert app.says("Ready")["status"] == "False"
    return app.blocked_by()


def test_unknown_fleet_stalls_its_application_alone(kube: Kube) -> None:
    """An application of a fleet that is not there says so, and comes up once it is."""
    fleet = f"later-{secrets.token_hex(4)}"
    app = kube.app(component(), fleet=fleet)
    app.apply()
    blocked = _stalled(app, "UnknownFleet")
    assert blocked[f"Fleet/{fleet}"]["remedy"]
    assert not app.servers()
    _bystander(kube)
    place = resources.PLACES[Resource.FLEETS]
    body = {
        "apiVersion": place.api_version,
        "kind": place.kind,
        "metadata": {"name": fleet},
        "spec": {"provider": "pod"},
    }
    kube.api.create(resources.path(Resource.FLEETS), body)
    try:
        app.wait_ready()
        assert set(app.pods()) == app.pod_names()
        app.delete()
        app.wait_gone()
    finally:
        kube.remove_fleet(fleet)


def test_fleet_in_use_cannot_be_deleted(kube: Kube) -> None:
    """It counts its servers, and nobody could take them down without it: they go first."""
    fleet = f"used-{secrets.token_hex(4)}"
    place = resources.PLACES[Resource.FLEETS]
    body = {"apiVersion": place.api_version, "kind": place.kind, "metadata": {"name": fleet}}
    path = resources.path(Resource.FLEETS, name=fleet)
    kube.api.create(resources.path(Resource.FLEETS), {**body, "spec": {"provider": "memory"}})
    app = kube.app(component(replicas=3), fleet=fleet)
    app.apply()
    app.wait_ready()
    kube.wait_until("it counts them", lambda: kube.api.get(path)["status"].get("servers") == 3)
    with pytest.raises(client.ApiError, match="must have none before it can be deleted"):
        kube.api.delete(path)
    app.delete()
    app.wait_gone()
    kube.remove_fleet(fleet)


def test_fleet_with_unclaimed_instances_stays_while_it_is_ready(kube: Kube) -> None:
    """Nobody else is told of them; one whose cloud cannot be reached at all may go."""
    suffix = secrets.token_hex(4)
    ready = _has_lost(kube, f"lost-{suffix}", {"provider": "pod"})
    spec = {"provider": "openstack", "openstack": {"cloud": "nowhere"}}
    away = _has_lost(kube, f"away-{suffix}", spec)
    with pytest.raises(client.ApiError, match="instances without a Server, i1 first"):
        kube.api.delete(ready)
    kube.api.delete(away)
    kube.api.merge(f"{ready}/status", {"status": {"unclaimed": []}})
    kube.api.delete(ready)


def _has_lost(kube: Kube, name: str, spec: dict[str, Any]) -> str:
    """Return the path of a Fleet that says that it has lost an instance."""
    place, path = resources.PLACES[Resource.FLEETS], resources.path(Resource.FLEETS, name=name)
    head = {"apiVersion": place.api_version, "kind": place.kind, "metadata": {"name": name}}
    kube.api.create(resources.path(Resource.FLEETS), {**head, "spec": spec})

    def looked_at() -> bool:
        told = kube.api.get(path).get("status", {}).get("conditions") or ()
        return any(each["reason"] != "Pending" for each in told)

    kube.wait_until("it is looked at", looked_at)
    lost = {"id": "i1", "server": "default/shop-web-0"}
    kube.api.merge(f"{path}/status", {"status": {"unclaimed": [lost]}})
    return path


def test_template_that_the_api_server_refuses_is_told(kube: Kube) -> None:
    """No pod can be made of it: the message is the API server's own; corrected, it comes up."""
    app = kube.app(component(), component("well"))
    app.container()["resources"] = {"requests": {"cpu": "many"}}
    app.apply()
    blocked = kube.wait_until("it is told", app.blocked_by)
    assert any("Quantity" in str(each) or "quantit" in str(each) for each in blocked.values())
    kube.wait_until("the other is available", lambda: app.counts("well").get("available") == 2)
    assert app.says("Stalled")["status"] == "True"
    assert not app.pods()
    _bystander(kube)
    del app.container()["resources"]
    app.apply()
    app.wait_ready()


def test_update_that_the_api_server_refuses_keeps_the_rest_running(kube: Kube) -> None:
    """A template that cannot be made anything of costs no more than the budget."""
    app = kube.app(component(replicas=4, rollout={"maxUnavailable": 1}))
    app.apply()
    app.wait_ready()
    app.container()["ports"] = [{"containerPort": 99_999}]
    app.apply()
    kube.wait_until("it is told", lambda: app.says("Stalled").get("status") == "True")
    assert len([each for each in app.pods().values() if driving.is_ready(each)]) >= 3
    del app.container()["ports"]
    app.apply()
    app.wait_ready()
    assert set(app.pods()) == app.pod_names()


def test_name_of_a_service_that_is_taken_is_not_stolen(kube: Kube) -> None:
    """Somebody's Service of the set's name stays and is told, and servers run beside it."""
    spec = {"selector": {"mine": "yes"}, "ports": [{"port": 80}]}
    mine = kube.create(Resource.SERVICES, {"metadata": {"name": "shop-web"}, "spec": spec})
    app = kube.app(component(), component("well"))
    app.apply()
    app.wait_ready()
    kube.wait_until("it is told", lambda: "Service/shop-web" in app.blocked_by())
    assert set(app.pods()) == app.pod_names()
    _bystander(kube)
    now = kube.get(Resource.SERVICES, "shop-web")
    assert now is not None
    assert now["metadata"]["resourceVersion"] == mine["metadata"]["resourceVersion"]
    before = driving.uids(app.pods())
    kube.delete(Resource.SERVICES, "shop-web")
    kube.wait_until("nothing is told any more", lambda: not app.blocked_by())
    assert driving.uids(app.pods()) == before


def test_name_of_a_pod_that_is_taken_is_not_stolen(kube: Kube) -> None:
    """Somebody's pod of a server's name stays, also when the application goes."""
    body = {
        "metadata": {"name": "shop-web-1", "labels": {"mine": "yes"}},
        "spec": {"containers": [{"name": "mine", "image": "mine:1"}]},
    }
    kube.create(Resource.PODS, body)
    mine = kube.uid(Resource.PODS, "shop-web-1")
    app = kube.app(component(replicas=3))
    app.apply()
    kube.wait_until("the others are available", lambda: app.counts().get("available") == 2)
    kube.wait_until(
        "it is told",
        lambda: (
            driving.condition(app.servers()["shop-web-1"], "Stalled").get("reason") == "NameTaken"
        ),
    )
    kube.wait_until("the application tells, too", app.blocked_by)
    assert app.says("Ready")["status"] == "False"
    _bystander(kube)
    kube.delete(Resource.PODS, "shop-web-1")
    app.annotate(retry_now="1")
    app.wait_ready()
    assert set(app.pods()) == app.pod_names()
    assert kube.uid(Resource.PODS, "shop-web-1") != mine


def test_strangers_pod_outlives_the_application(kube: Kube) -> None:
    """What is not ours is not torn down with the server whose name it has."""
    body = {
        "metadata": {"name": "shop-web-0"},
        "spec": {"containers": [{"name": "mine", "image": "mine:1"}]},
    }
    kube.create(Resource.PODS, body)
    mine = kube.uid(Resource.PODS, "shop-web-0")
    app = kube.app(component())
    app.apply()
    kube.wait_until("the other is available", lambda: app.counts().get("available") == 1)
    app.delete()
    app.wait_gone()
    assert kube.uid(Resource.PODS, "shop-web-0") == mine


def test_set_of_the_same_name_is_not_stolen(kube: Kube) -> None:
    """Two applications whose names meet in a set's name: the later one is told, both live."""
    first = kube.app(component("web"), name="my-shop")
    first.apply()
    first.wait_ready()
    before = driving.uids(first.pods())
    stray = {
        "metadata": {"name": "shop-web"},
        "spec": {
            "application": "shop",
            "component": "web",
            "template": {"spec": {"containers": [{"name": "main", "image": "mine:1"}]}},
        },
    }
    kube.create(Resource.SERVERSETS, stray)
    uid = kube.uid(Resource.SERVERSETS, "shop-web")
    app = kube.app(component("web"))
    app.apply()
    _stalled(app, "NameTaken")
    assert kube.uid(Resource.SERVERSETS, "shop-web") == uid
    assert not app.pods()
    assert driving.uids(first.pods()) == before
    _bystander(kube)
    kube.delete(Resource.SERVERSETS, "shop-web")
    app.annotate(retry_now="1")
    app.wait_ready()


def test_odd_servers_written_by_hand_stop_nobody(kube: Kube) -> None:
    """Servers without an owner, with an odd template or a strange fleet: left alone, and told."""
    odd = [
        {"application": "none", "component": "web", "ordinal": 0, "template": {"spec": 7}},
        {"application": "none", "component": "web", "ordinal": 1, "template": {"spec": {}}},
        {
            "application": "none",
            "component": "web",
            "ordinal": 2,
            "fleet": "nowhere",
            # Nobody can know whether something was made there: it is waited for, unless told not.
            "deletion": {"drainSeconds": 0, "timeoutSeconds": 1, "onTimeout": "Abandon"},
        },
        {
            "application": "none",
            "component": "web",
            "ordinal": 3,
            "template": {"metadata": {"labels": [1]}, "spec": {"containers": "x"}},
            "task": {"id": "t", "operation": "o", "parameters": {"command": 5}},
        },
    ]
    for spec in odd:
        name = names.server("none", "web", int(str(spec["ordinal"])))
        told = {"fleet": "pods", "incarnation": 1, "revision": "r1", "power": "Running", **spec}
        kube.create(Resource.SERVERS, {"metadata": {"name": name}, "spec": told})
    _bystander(kube)
    assert not kube.list(Resource.PODS)
    for spec in odd:
        kube.delete(Resource.SERVERS, names.server("none", "web", int(str(spec["ordinal"]))))
    kube.wait_until("they are gone", lambda: not kube.list(Resource.SERVERS))


def test_odd_sets_written_by_hand_stop_nobody(kube: Kube) -> None:
    """A ServerSet without an application makes no servers, and says why."""
    spec = {
        "application": "none",
        "component": "web",
        "replicas": 3,
        "template": {"spec": {"containers": [{"name": "main", "image": "app:1"}]}},
    }
    kube.create(Resource.SERVERSETS, {"metadata": {"name": "none-web"}, "spec": spec})

    def told() -> bool:
        found = kube.get(Resource.SERVERSETS, "none-web") or {}
        return driving.condition(found, "Stalled").get("reason") == "Orphaned"

    kube.wait_until("the set says why", told)
    _bystander(kube)
    assert not kube.list(Resource.SERVERS)
    kube.delete(Resource.SERVERSETS, "none-web")
    kube.wait_until("it is gone", lambda: not kube.list(Resource.SERVERSETS))


def test_odd_template_of_an_application_is_told(kube: Kube) -> None:
    """What the schema cannot see, such as a template that is no pod's, stalls that component."""
    app = kube.app(component("odd"), component("well"))
    app.component("odd")["template"] = {"spec": {"containers": [{"name": "main"}], "volumes": "x"}}
    app.apply()
    kube.wait_until("the other is available", lambda: app.counts("well").get("available") == 2)
    kube.wait_until("it is told", lambda: app.says("Stalled").get("status") == "True")
    assert app.blocked_by()
    _bystander(kube)
    app.delete()
    app.wait_gone()


def test_status_written_by_a_stranger_is_put_right(kube: Kube) -> None:
    """A status that somebody made up is corrected by what is seen."""
    app = kube.app(component())
    app.apply()
    app.wait_ready()
    lie = {
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "False",
                    "reason": "Lie",
                    "message": "not so",
                    "lastTransitionTime": "2020-01-01T00:00:00Z",
                }
            ]
        }
    }
    for resource, name in (
        (Resource.SERVERS, "shop-web-0"),
        (Resource.SERVERSETS, "shop-web"),
        (Resource.APPLICATIONS, "shop"),
    ):
        kube.patch(resource, name, lie, "status")

        def right(resource: Resource = resource, name: str = name) -> bool:
            found = kube.get(resource, name) or {}
            return driving.condition(found, "Ready").get("status") == "True"

        kube.wait_until(f"{resource}/{name} tells the truth", right)
    app.wait_ready()
