"""Claims that are asked to grow, on a real API server, which knows what storage classes allow."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from tests.e2e import driving, storage
from tests.e2e.driving import Kube, Object, component

pytestmark = pytest.mark.e2e

CLAIMS = ("data-shop-db-0", "data-shop-db-1")


def _db(storage_class: str, size: str) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": size}},
    }
    plan = {"backup.example.com/plan": "daily"}
    metadata: Object = {"labels": {"team": "db"}, "annotations": plan}
    claims: list[dict[str, Any]] = [{"name": "data", "spec": spec, "metadata": metadata}]
    return component("db", replicas=2, volumeClaims=claims)


def _up(kube: Kube, storage_class: str) -> driving.App:
    """Bring two servers up, each with a volume of that class, which they tell of."""
    for each in CLAIMS:
        storage.volume(kube, storage_class, each)
    app = kube.app(_db(storage_class, "1Gi"))
    app.apply()
    app.wait_ready()
    kube.wait_until(
        "the volumes are seen",
        lambda: all(
            each.get("status", {}).get("claims") == [{"name": "data", "size": "1Gi"}]
            for each in app.servers("db").values()
        ),
    )
    return app


@pytest.mark.parametrize("grows", [True, False], ids=["elastic", "rigid"])
def test_claims_grow_where_their_class_allows_it(kube: Kube, *, grows: bool) -> None:
    """No pod is restarted either way; the size, or the refusal, is seen on the objects."""
    storage_class = storage.made(kube, grows=grows)
    app = _up(kube, storage_class)
    for claim in kube.list(Resource.CLAIMS).values():
        assert claim["metadata"]["labels"]["team"] == "db"
        assert claim["metadata"]["annotations"]["backup.example.com/plan"] == "daily"
    before = driving.uids(app.pods("db"))
    app.spec["components"] = [_db(storage_class, "2Gi")]
    app.apply()
    if grows:
        kube.wait_until(
            "the claims ask for more",
            lambda: storage.asked(kube) == {"2Gi"},
        )
    else:
        told = kube.wait_until(
            "the application tells",
            lambda: [
                each for each in app.blocked_by().values() if each["reason"] == "ClaimCannotGrow"
            ],
        )
        assert "resize" in told[0]["message"]
    app.wait_ready()
    assert driving.uids(app.pods("db")) == before
    app.delete()
    app.wait_gone(Resource.CLAIMS)


def test_a_claim_that_is_deleted_under_its_server_keeps_its_data(kube: Kube) -> None:
    """A rollout leaves that server alone; once a person deletes its pod it has a new claim."""
    app = _up(kube, storage.made(kube, grows=False))
    before, claim = driving.uids(app.pods("db")), kube.uid(Resource.CLAIMS, CLAIMS[1])
    kube.delete(Resource.CLAIMS, CLAIMS[1])
    kube.wait_until(
        "the server tells",
        lambda: (
            "was deleted" in driving.condition(app.servers("db")["shop-db-1"], "Ready")["message"]
        ),
    )
    app.set_env("another", "db")
    app.apply()
    told = app.wait_for_reason("DataWouldGo")
    assert CLAIMS[1] in told["message"]
    assert kube.uid(Resource.CLAIMS, CLAIMS[1]) == claim
    assert driving.uids(app.pods("db"))["shop-db-1"] == before["shop-db-1"]
    kube.delete(Resource.PODS, "shop-db-1")
    kube.wait_until(
        "the claim is another",
        lambda: (
            kube.get(Resource.CLAIMS, CLAIMS[1]) and kube.uid(Resource.CLAIMS, CLAIMS[1]) != claim
        ),
    )
    app.delete()
    app.wait_gone(Resource.CLAIMS)
