"""What a namespace holds when a test ends: the garbage collector may finish first."""

from __future__ import annotations

from typing import Any, cast

from controller.api import resources
from controller.api.resources import Resource
from devcluster import client
from proof.history import fixtures


class Api:
    """A namespace in which the garbage collector takes what is ownerless at its `collects`-th look.

    A look is one list of ControllerRevisions.
    """

    def __init__(self, *, collects: int, owner: str) -> None:
        self.looks = 0
        self._collects = collects
        self._owner = owner

    def get(self, path: str) -> dict[str, Any]:
        """List what is there."""
        if path != resources.path(Resource.REVISIONS, "shop"):
            return {"items": []}
        self.looks += 1
        if self.looks >= self._collects:
            return {"items": []}
        owner = {"apiVersion": self._owner, "kind": "Application", "uid": "gone"}
        return {"items": [{"metadata": {"uid": "revision", "ownerReferences": [owner]}}]}


def test_the_garbage_collector_may_finish() -> None:
    """What it takes a moment after the owner went is not there when the listing is judged."""
    api = Api(collects=4, owner="argosy.dev/v1alpha1")
    assert fixtures.remaining(cast("client.Client", api), "shop") == frozenset()
    assert api.looks == 4


def test_owners_of_others_are_not_waited_for() -> None:
    """They are in no listing of ours, so nothing would end the wait."""
    api = Api(collects=4, owner="apps/v1")
    assert fixtures.remaining(cast("client.Client", api), "shop") == {"revision"}
    assert api.looks == 1


class Living:
    """A namespace in which every kind of ours owns a Job, and lives."""

    looks = 0

    def get(self, path: str) -> dict[str, Any]:
        """List what is there."""
        kinds = [each for each in resources.OURS if resources.PLACES[each].namespaced]
        for each in kinds:
            if path == resources.path(each, "shop"):
                return {"items": [{"metadata": {"uid": each.value}}]}
        if path != resources.path(Resource.JOBS, "shop"):
            return {"items": []}
        self.looks += 1
        owners = [{"apiVersion": "argosy.dev/v1alpha1", "uid": each.value} for each in kinds]
        return {"items": [{"metadata": {"uid": "job", "ownerReferences": owners}}]}


def test_nothing_is_waited_for_that_an_owner_keeps() -> None:
    """Whatever kind of ours it is, a Build among them: else each test would end a minute later."""
    api = Living()
    assert "job" in fixtures.remaining(cast("client.Client", api), "shop")
    assert api.looks == 1
