"""What tests leave in a cloud fails their run, by its name: counted without a cloud here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from devcluster.openstack import possessions
from devcluster.openstack.fixtures import nothing_left

TESTS = Path(__file__).parents[1]


class Tenant:
    """Answers lists as the services do: of images with those of everybody."""

    project = "own"

    def __init__(self) -> None:
        self.lacks = ""
        self.there: dict[str, list[dict[str, Any]]] = {
            listed: [{"id": f"old-{listed}", "name": "old"}]
            for _, _, listed in possessions.KINDS.values()
        }

    def has(self, service: str) -> bool:
        """Return whether the cloud has a service."""
        return service != self.lacks

    def get(self, service: str, path: str) -> dict[str, Any]:
        """Return one list."""
        kinds = possessions.KINDS.values()
        (listed,) = [name for one, place, name in kinds if (one, place) == (service, path)]
        return {listed: self.there[listed]}


def run(tenant: Tenant, listed: str, things: list[dict[str, Any]]) -> None:
    """Have tests run after which the tenant has those things in one of the lists."""
    with nothing_left({"argosy": tenant}, patience=0):  # type: ignore[dict-item]  # as much of one
        tenant.there[listed] = things


@pytest.mark.parametrize(("kind", "listed"), [(k, v[2]) for k, v in possessions.KINDS.items()])
def test_whatever_is_left_fails_the_run_by_its_name(kind: str, listed: str) -> None:
    """Of each kind; and so does whatever was there before, and is gone."""
    tenant = Tenant()
    old = tenant.there[listed]
    with pytest.raises(pytest.fail.Exception, match=f"argosy: {kind} new 'forgotten' is left"):
        run(tenant, listed, [*old, {"id": "new", "name": "forgotten"}])
    tenant.there[listed] = old
    with pytest.raises(pytest.fail.Exception, match=f"argosy: {kind} old-{listed} 'old' is gone"):
        run(tenant, listed, [])


def test_who_leaves_all_as_it_was_passes() -> None:
    """Another name is no other thing, and images of others are not the tenant's.

    Whoever has no volumes is not asked for any.
    """
    tenant = Tenant()
    tenant.lacks = "volume"
    del tenant.there["volumes"], tenant.there["snapshots"]
    run(tenant, "servers", [{"id": "old-servers", "name": "renamed"}])
    run(tenant, "images", [*tenant.there["images"], {"id": "new", "owner": "somebody"}])


def test_a_run_has_one_cloud() -> None:
    """A fixture of a session is made once for each conftest that has it: one of them does."""
    having = re.compile(
        r"^from devcluster\.openstack\.fixtures import .*\bown_cloud\b", re.MULTILINE
    )
    found = [each for each in TESTS.rglob("*.py") if having.search(each.read_text())]
    assert found == [TESTS / "conftest.py"]
