"""An outage of what pods are made of, on a real API server: nobody's failure, and no stampede.

The hour is in virtual time (`tests/simulation/test_outages.py`). Here the circuit is impatient, so
that its pauses pass in seconds, and a proxy lets no write of a pod through.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api import clock, resources
from controller.api.resources import Resource
from devcluster import fixtures
from proof import history
from proof.faults import kinds, outcome, requests, rig, scenario
from tests.e2e.driving import App, Kube, component
from tests.e2e.terminals import Terminal

pytestmark = pytest.mark.e2e

PER_SECOND = 60
# Eight calls at once that are not answered for five seconds are sixteen in a window: fewer open it.
CIRCUIT = {"windowSeconds": 10, "openSeconds": 1, "minimumCalls": 10}
# Impatient policies: any failure that counts is the end. An API server
# that is busy for less than the deadline is none, and the outage lasts for longer.
DEADLINE_SECONDS = 30
STRICT: dict[str, Any] = {
    "recovery": {"attempts": 1, "giveUp": True, "failureBudget": 0,
                 "onBudgetSpent": "RevertComponent"},
    "rollout": {"progressDeadlineSeconds": DEADLINE_SECONDS, "onDeadline": "RollBack"},
}  # fmt: skip
TRIALS = 2


@dataclasses.dataclass(slots=True)
class Away:
    """What goes wrong with each write of a pod, and when one was tried."""

    kind: kinds.Kind
    tried: list[float] = dataclasses.field(default_factory=list)

    def fault(self, key: str, request: requests.Request) -> kinds.Fault:
        """Return the fault of a request."""
        del key
        if request.resource != "pods" or request.verb not in ("create", "patch", "delete"):
            return kinds.FINE
        self.tried.append(time.monotonic())
        return kinds.Fault(kind=self.kind)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Rig]:
    """Run a cluster of the tests' own, and one operator behind a proxy."""
    if fixtures.GIVEN in os.environ:
        pytest.skip(f"{fixtures.GIVEN} is set: this breaks what it runs on")
    with rig.running(tmp_path_factory.mktemp("outages"), print) as running:
        yield running


def fleet(place: rig.Rig, name: str) -> dict[str, Any]:
    """Return the status of a Fleet."""
    found = place.client.get(resources.path(Resource.FLEETS, "", name))
    return dict(found.get("status") or {})


def held(kube: Kube) -> set[str]:
    """Return why the set waits."""
    found = kube.get(Resource.SERVERSETS, "shop-web") or {}
    return {each["reason"] for each in found.get("status", {}).get("blockedBy", [])}


def blamed(app: App) -> list[str]:
    """Return the servers that have an attempt counted."""
    attempts = {
        name: each.get("status", {}).get("attempts", {}) for name, each in app.servers().items()
    }
    return [name for name, each in attempts.items() if each.get("count") or each.get("exhausted")]


@pytest.mark.parametrize(
    ("kind", "count"),
    [(kinds.Kind.UNAVAILABLE, 500), (kinds.Kind.TIMEOUT, 60)],
)
def test_an_outage_while_servers_are_made_is_nobodys_failure(
    place: rig.Rig, kind: kinds.Kind, count: int
) -> None:
    """None fails for good, nothing is reverted, and all come up within the fleet's limits."""
    place.recover()
    records, namespace = outcome.Records(place), scenario.open_namespace(place.client)
    kube, name = Kube(place.client, namespace, place.cluster.audit_log), f"pods-{kind}"
    limits = {"callsPerSecond": PER_SECOND, "concurrentCalls": 8, "circuit": CIRCUIT}
    place.client.create(
        resources.path(Resource.FLEETS, ""),
        {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": name},
            "spec": {"provider": "pod", "limits": limits},
        },
    )
    app = kube.app(component(replicas=count, **STRICT), fleet=name)
    app.apply()
    kube.wait_until("the first pods", lambda: len(app.pods()) > count // 20)
    away = Away(kind)
    began = time.monotonic()
    place.suffer(f"an outage of {name}", away)
    kube.wait_until("the circuit opens", lambda: "CircuitOpen" in held(kube))
    before = len(away.tried)
    kube.wait_until("some trials", lambda: len(away.tried) > before + TRIALS)
    # A trial is one call, and its pause is twice as long as the one before: two seconds at least.
    times = away.tried[-TRIALS:]
    assert min(after - one for one, after in itertools.pairwise(times)) >= 1.8
    kube.wait_until(
        "a rollout would have missed its deadline",
        lambda: time.monotonic() > began + DEADLINE_SECONDS + 5,
    )
    assert blamed(app) == []
    found = kube.get(Resource.SERVERSETS, "shop-web")
    assert found is not None
    revision = found["spec"]["revision"]
    assert "CircuitOpen" in held(kube)
    said = Terminal(place.cluster.kubeconfig, namespace).run("why", "application/shop")
    # What is not answered in time may be the doing of a webhook of that namespace alone.
    late = kind is kinds.Kind.TIMEOUT
    blocker = f"Namespace/{namespace}" if late else f"Fleet/{name}"
    assert f"{blocker}  CircuitOpen" in said, said
    assert fleet(place, name)["circuit"] == "Closed" or not late
    assert "The first of them: " in said, said
    assert "next try" in said, said
    assert fleet(place, name)["circuit"] != "Open" or fleet(place, name)["nextTrialTime"]
    ended = len(app.pods())
    place.recover()
    kube.wait_until("all are there", lambda: app.counts().get("available") == count, 300)
    kube.wait_until("the circuit closes", lambda: fleet(place, name)["circuit"] == "Closed")
    assert blamed(app) == []
    judge(records, kube, app, revision, count - ended)


def judge(records: outcome.Records, kube: Kube, app: App, revision: str, late: int) -> None:
    """See that nothing was reverted, no limit was broken, and the checker has nothing to say."""
    found = kube.get(Resource.SERVERSETS, "shop-web")
    assert found is not None
    assert found["spec"]["revision"] == revision
    made = [clock.parse(each["metadata"]["creationTimestamp"]) for each in app.pods().values()]
    seconds = collections.Counter(made)
    # They came no faster than the fleet allows; creationTimestamp is of whole seconds.
    assert max(seconds.values()) <= 2 * PER_SECOND
    assert max(made) - min(made) >= late / PER_SECOND - 2
    verdict = history.check(
        records.audit(),
        namespaces=[kube.namespace],
        expectations=history.Expectations(slack=30.0),
    )
    verdict.require()
    assert len(verdict.history.lives) > late
    assert list(records.tracebacks()) == []
