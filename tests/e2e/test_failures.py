"""Revisions whose servers fail for good, on a real API server: who goes back, and how far."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import driving
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e


def images(app: App) -> dict[str, set[str]]:
    """Return the images that each component's pods run."""
    return {name: driving.running(app.pods(name).values()) for name in ("api", "web")}


def shop(number: int, policy: str, *, outcome: str = "ready") -> list[dict[str, Any]]:
    """Return two components at a version; the pods of one come to that outcome."""
    recovery = {
        "attempts": 1,
        "backoff": {"initialSeconds": 1, "maxSeconds": 1},
        "failureBudget": 0,
        "onBudgetSpent": policy,
    }
    rollout = {"inPlace": "Never", "maxUnavailable": 1}
    web = component(
        image=f"web:{number}", hooks={"outcome": outcome}, recovery=recovery, rollout=rollout
    )
    return [component("api", image=f"api:{number}", rollout=rollout), web]


@pytest.mark.parametrize(
    ("policy", "api"), [("RevertComponent", "api:2"), ("RevertApplication", "api:1")]
)
def test_g10_spent_budget_takes_back_what_its_policy_says(
    kube: Kube, policy: str, api: str
) -> None:
    """The component that failed returns to what is proven, alone or with the whole application.

    Should the other one be through by then, it has proven itself, and stays.
    """
    app = kube.app(*shop(1, policy))
    app.apply()
    app.wait_ready()
    # Held back, so that it is certain who is through when the budget is spent.
    waits = {"dependsOn": ["web"]} if policy == "RevertApplication" else {}
    second = shop(2, policy, outcome="fail")
    second[0] |= waits
    app.spec["components"] = second
    app.apply()
    told = app.wait_for_reason("RolledBack", "Stalled")
    assert "web" in told["message"]
    kube.wait_until("they have settled", lambda: images(app) == {"api": {api}, "web": {"web:1"}})
    found = app.found()
    assert found is not None
    assert [
        each["template"]["spec"]["containers"][0]["image"] for each in found["spec"]["components"]
    ] == ["api:2", "web:2"]
    app.spec["components"] = shop(3, policy)
    app.apply()
    app.wait_ready()
    assert images(app) == {"api": {"api:3"}, "web": {"web:3"}}


def test_spent_budget_halts_where_nothing_is_proven(kube: Kube) -> None:
    """A first revision that fails has nothing to go back to: it halts, and says so."""
    app = kube.app(*shop(1, "RevertComponent", outcome="fail"))
    app.apply()
    told = app.wait_for_reason("NothingProven", "Stalled")
    assert "web" in told["message"]
    kube.wait_until("the other one is up", lambda: app.counts("api").get("available") == 2)
