"""G9 where each replica watches its own part alone: what is promised of these, and of no others.

These tests have a cluster of their own, whose operators they may do anything to.
"""

from __future__ import annotations

import pytest

from controller.api import names
from controller.api.resources import PLACES, Resource
from devcluster import operator
from tests.e2e import crews
from tests.e2e import test_replicas as whole
from tests.e2e.crews import SharingCrew
from tests.e2e.driving import Kube

pytestmark = pytest.mark.e2e

BUCKETED = [each for each, place in PLACES.items() if place.bucketed]

own_place, crew, kube = whole.own_place, whole.crew, whole.kube
# The others that are promised of both are long by slot, and stand there.
test_a_killed_replicas_part_goes_on_elsewhere = whole.test_a_killed_replicas_part_goes_on_elsewhere


@pytest.fixture(scope="module")
def values() -> tuple[str, ...]:
    """Each watches its own part."""
    return crews.BY_SLOT


def labels(kube: Kube) -> dict[str, str | None]:
    """Return what all there is one a server of says of its part of the work."""
    return {
        f"{resource}/{name}": each["metadata"].get("labels", {}).get(names.BUCKET_LABEL)
        for resource in BUCKETED
        for name, each in kube.list(resource).items()
    }


def test_labels_that_a_person_changes_are_put_right(crew: SharingCrew, kube: Kube) -> None:
    """Taken off, or another part's: each object is its owner's to see again, and stays."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, whole.FEW, whole.SMALL)
    before = labels(kube)
    uids = {name: each["metadata"]["uid"] for name, each in kube.list(Resource.PODS).items()}
    for number, (path, value) in enumerate(sorted(before.items())):
        resource, _, name = path.partition("/")
        wrong = None if number % 2 else str((int(value or 0) + 128) % names.BUCKETS)
        body = {"metadata": {"labels": {names.BUCKET_LABEL: wrong}}}
        kube.patch(Resource(resource), name, body)
    kube.wait_until("labels are right", lambda: labels(kube) == before, 120)
    for each in apps:
        each.wait_ready()
    after = {name: each["metadata"]["uid"] for name, each in kube.list(Resource.PODS).items()}
    assert after == uids


@crews.LONG
def test_from_all_watches_to_slots_one_by_one(crew: SharingCrew, kube: Kube) -> None:
    """Replicas that watch everything are replaced by ones that do not, amid a rollout."""
    operators = operator.run(crew.owner, replicas=whole.REPLICAS, values=crews.SHARING)
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, whole.FEW, whole.SMALL)
    for each in apps:
        each.set_env("2")
    for one in operators:
        one.terminate()
        one.asked("--watch-slots").start()
        crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()
    crew.share(replicas=whole.REPLICAS)
    crew.wait_shared(kube)
