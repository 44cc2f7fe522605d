"""Manifests that people brought, on a real API server: each ends as it should.

The files are those that `tests/simulation/test_cases.py` plays in virtual time. Here the control
plane itself binds claims, marks pods and counts: storage of 10 and 43, the node of 20, the holds of
24, and the half that is ill of 28.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api.resources import Resource
from proof.history import journal, spans
from tests.e2e import driving, storage
from tests.e2e.driving import App, Kube

pytestmark = pytest.mark.e2e

CASES = Path(__file__).parents[1] / "simulation" / "cases"
OUTCOME = f"{driving.HOOK}outcome"


def brought(kube: Kube, name: str) -> App:
    """Return the application of a file, not yet applied."""
    every = yaml.safe_load_all((CASES / f"{name}.yaml").read_text())
    found: dict[str, Any] = next(each for each in every if each and each["kind"] == "Application")
    spec = dict(found["spec"])
    return App(kube, found["metadata"]["name"], spec.pop("components"), spec)


def with_volumes(kube: Kube, app: App) -> dict[str, Any]:
    """Give the claims of db volumes on a class that grows; return the claims' spec."""
    part = app.component("db")
    claim: dict[str, Any] = part["volumeClaims"][0]["spec"]
    claim["storageClassName"] = storage.made(kube, grows=True)
    for number in range(part["replicas"]):
        storage.volume(kube, claim["storageClassName"], f"data-{app.name}-db-{number}")
    return claim


def test_claims_grow_and_never_shrink(kube: Kube) -> None:
    """Case 10: 2Gi are asked of the claims that there are, 1Gi takes nothing away, no pod goes."""
    app = brought(kube, "10-claim-grows")
    claim = with_volumes(kube, app)
    app.apply()
    app.wait_ready()
    pods_before, claims = driving.uids(app.pods("db")), driving.uids(kube.list(Resource.CLAIMS))
    for size in ("2Gi", "1Gi"):
        claim["resources"]["requests"]["storage"] = size
        app.apply()
        kube.wait_until("the claims ask for 2Gi", lambda: storage.asked(kube) == {"2Gi"})
        app.wait_ready()
    assert driving.uids(app.pods("db")) == pods_before
    assert driving.uids(kube.list(Resource.CLAIMS)) == claims
    assert storage.asked(kube) == {"2Gi"}


def test_a_server_of_a_dead_node_runs_elsewhere(kube: Kube) -> None:
    """Case 20: its pod is marked and never goes; a new one stands there, the others as before."""
    app = brought(kube, "20-node-lost")
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    kube.delete(Resource.PODS, "lost-web-0")
    kube.wait_until(
        "its pod is marked for deletion",
        lambda: app.pods()["lost-web-0"]["metadata"].get("deletionTimestamp"),
    )
    kube.wait_until(
        "another pod is ready there",
        lambda: (
            kube.uid(Resource.PODS, "lost-web-0") not in ("", before["lost-web-0"]) and app.ready()
        ),
    )
    after = driving.uids(app.pods())
    assert {each for each in before if after[each] != before[each]} == {"lost-web-0"}
    for name in app.pods():
        # Its node would answer never; the namespace is to be left empty all the same.
        kube.annotate(Resource.PODS, name, **{"delete-delay": "0s"})


def test_held_servers_go_last(kube: Kube) -> None:
    """Case 24: two of four go, and those where games run are the two that stay, untouched."""
    app = brought(kube, "24-held")
    app.apply()
    app.wait_ready()
    held = ("held-web-2", "held-web-3")
    for each in held:
        kube.patch(Resource.SERVERS, each, {"spec": {"held": True}})
    before = driving.uids(app.pods())
    app.component()["replicas"] = 2
    app.apply()
    kube.wait_until("two are left", lambda: len(app.pods()) == len(app.servers()) == 2)
    app.wait_ready()
    assert driving.uids(app.pods()) == {each: before[each] for each in held}


def test_the_ill_are_not_replaced_at_once(kube: Kube) -> None:
    """Case 28: all eight come to the new release, and of the four that were well two at most go."""
    app = brought(kube, "28-some-not-ready")
    app.apply()
    well = {f"ill-web-{each}" for each in range(4, 8)}
    kube.wait_until(
        "four are well",
        lambda: {name for name, each in app.pods().items() if driving.is_ready(each)} == well,
    )
    before = driving.uids(app.pods())
    app.component()["template"]["metadata"]["annotations"].pop(OUTCOME)
    app.set_image("example.com/web:2")
    app.wait_ready()
    after = app.pods()
    assert all(driving.uids(after)[each] != before[each] for each in before)
    assert {each["spec"]["containers"][0]["image"] for each in after.values()} == {
        "example.com/web:2"
    }
    assert most_down(kube, well) <= 2


def most_down(kube: Kube, names: set[str]) -> int:
    """Return how many of these pods, which all had come up, were certainly down at once."""
    up: dict[str, list[spans.Span]] = {each: [] for each in names}
    for life in kube.history().lives.values():
        if life.resource == "pods" and life.name in names:
            up[life.name] += spans.perhaps(life, _is_up)
    down = _gaps({name: spans.joined([each]) for name, each in up.items()})
    return max((sum(a <= since < b for a, b in down) for since, _ in down), default=0)


def _is_up(change: journal.Change) -> bool:
    return change.status.is_true("Ready") and not change.terminating


def _gaps(up: Mapping[str, list[spans.Span]]) -> list[spans.Span]:
    return [(one[1], other[0]) for each in up.values() for one, other in itertools.pairwise(each)]


def test_nothing_goes_before_both_agree(kube: Kube) -> None:
    """Case 43: scaled to none by hand; the application's number is back, and all that there was."""
    app = brought(kube, "43-scale-by-hand")
    with_volumes(kube, app)
    app.apply()
    app.wait_ready()
    servers = driving.uids(app.pods("db"))
    claims = driving.uids(kube.list(Resource.CLAIMS))
    kube.scale("oops-db", 0)
    kube.wait_until(
        "the application's number is back",
        lambda: kube.get(Resource.SERVERSETS, "oops-db")["spec"]["replicas"] == 3,  # type: ignore[index]  # there
    )
    kube.wait_until(
        "an Event tells who decides",
        lambda: any(
            each.get("reason") == "ReplicasOverridden"
            for each in kube.api.get(f"/api/v1/namespaces/{kube.namespace}/events")["items"]
        ),
    )
    app.wait_ready()
    assert driving.uids(app.pods("db")) == servers
    assert driving.uids(kube.list(Resource.CLAIMS)) == claims
