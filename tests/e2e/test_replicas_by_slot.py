"""G9 where each replica watches its own part alone: all that is promised of those that watch all.

These tests have a cluster of their own, whose operators they may do anything to.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.api import names
from controller.api.resources import PLACES, Resource
from devcluster import operator
from tests.e2e import crews
from tests.e2e import test_replicas as whole
from tests.e2e.crews import SharingCrew
from tests.e2e.driving import Kube, Place

pytestmark = pytest.mark.e2e

BUCKETED = [each for each, place in PLACES.items() if place.bucketed]

crew, kube = whole.crew, whole.kube
test_a_killed_replicas_part_goes_on_elsewhere = whole.test_a_killed_replicas_part_goes_on_elsewhere
test_from_four_to_one_to_four_to_one = whole.test_from_four_to_one_to_four_to_one
test_a_frozen_replica_writes_nothing_when_it_wakes = (
    whole.test_a_frozen_replica_writes_nothing_when_it_wakes
)
test_all_die_and_those_that_come_go_on = whole.test_all_die_and_those_that_come_go_on


@pytest.fixture(scope="module")
def own_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster with four operators that watch by slot, and that no other test uses."""
    folder = tmp_path_factory.mktemp("replicas")
    with crews.opened(folder, replicas=whole.REPLICAS, values=crews.BY_SLOT) as place:
        yield place


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


@whole.LONG
def test_at_rest_only_heartbeats_are_written_by_slot(crew: SharingCrew, kube: Kube) -> None:
    """What a heartbeat tells of the slots is no write more."""
    whole.test_at_rest_only_heartbeats_are_written(crew, kube)


@whole.LONG
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
    operator.run(crew.owner, replicas=whole.REPLICAS, values=crews.BY_SLOT)
    crew.wait_shared(kube)
