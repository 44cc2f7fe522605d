"""Servers that were ready and are ill are made anew by a policy, on a real API server."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from controller.api.reasons import Reason
from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e

AFTER_SECONDS = 2


def policed(kube: Kube, replicas: int, **more: Any) -> App:
    """Return an application, up, whose ill servers are made anew soon."""
    policy = {"afterSeconds": AFTER_SECONDS, "maxIll": "40%", **more}
    app = kube.app(component(replicas=replicas, recovery={"remediation": policy}))
    app.apply()
    app.wait_ready()
    return app


def turn(app: App, ordinals: range, outcome: str | None) -> None:
    """Have the pods of these servers fall ill together, or get well again.

    The application is paused meanwhile, as pods turn one by one, and one may do so seconds later.
    """
    app.spec["paused"] = True
    app.apply()
    app.wait_for_reason("Paused")
    marks = {f"{driving.HOOK}outcome": outcome}
    ready = "True" if outcome is None else "False"
    chosen = [f"shop-web-{each}" for each in ordinals]
    for name in chosen:
        app.kube.patch(Resource.PODS, name, {"metadata": {"annotations": marks}})

    def turned() -> bool:
        servers = app.servers()
        return all(driving.condition(servers[each], "Ready")["status"] == ready for each in chosen)

    app.kube.wait_until(f"Ready of {chosen} is {ready}", turned)
    app.spec["paused"] = False
    app.apply()


def ill_for(app: App, name: str) -> float:
    """Return for how many seconds a server has said that it is not Ready; 0.0 if it is."""
    told = driving.condition(app.servers()[name], "Ready")
    if told.get("status") != "False":
        return 0.0
    since = dt.datetime.fromisoformat(told["lastTransitionTime"])
    return (dt.datetime.now(dt.UTC) - since).total_seconds()


def test_most_of_a_component_ill_for_a_while_is_replaced_by_nobody(kube: Kube) -> None:
    """60% are ill for several times as long as one may be, then well: each is the pod it was."""
    app = policed(kube, 5)
    before = driving.uids(app.pods())
    turn(app, range(3), "unready")
    app.wait_for_reason(Reason.REMEDIATION_HELD)
    kube.wait_until(
        "they have been ill for long",
        lambda: all(ill_for(app, f"shop-web-{each}") > 4 * AFTER_SECONDS for each in range(3)),
    )
    assert driving.uids(app.pods()) == before
    turn(app, range(3), None)
    app.wait_ready()
    assert driving.uids(app.pods()) == before


def test_what_stays_ill_is_healed_after_the_longest_hold(kube: Kube) -> None:
    """2 of 3 are more than may be ill at once: they are made anew all the same, one by one."""
    app = policed(kube, 3, maxHoldSeconds=8)
    before = driving.uids(app.pods())
    turn(app, range(2), "unready")
    app.wait_for_reason(Reason.REMEDIATION_HELD)
    held = kube.uid(Resource.SERVERS, "shop-web-0")

    def healed() -> bool:
        after = driving.uids(app.pods())
        return app.ready() and {name for name in before if after.get(name) != before[name]} == {
            "shop-web-0",
            "shop-web-1",
        }

    kube.wait_until("both were made anew", healed)
    assert kube.uid(Resource.SERVERS, "shop-web-0") == held
    gone = [
        each
        for each in kube.history().ours
        if each.resource == "servers" and each.spec.incarnation == 2 and each.verb == "patch"
    ]
    assert len({each.name for each in gone}) == 2
