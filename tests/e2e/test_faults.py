"""A sample of `make faults`: an operator is killed, stormed, meddled with, and kept in the dark."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from devcluster import fixtures
from proof.faults import crash, matrix, mix, mutations, outcome, replicas, rig, watch_outage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long(
        reason="random lives of clusters; the simulation plays the same, and test_crashes some"
    ),
]

CRASHES = 6
DARK_SECONDS = 15.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Rig]:
    """Run a cluster of the tests' own, and one operator behind a proxy."""
    if fixtures.GIVEN in os.environ:
        pytest.skip(f"{fixtures.GIVEN} is set: this breaks what it runs on")
    with rig.running(tmp_path_factory.mktemp("faults"), print) as running:
        yield running


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Rig]:
    """Run another, with two replicas behind a proxy each."""
    if fixtures.GIVEN in os.environ:
        pytest.skip(f"{fixtures.GIVEN} is set: this breaks what it runs on")
    with rig.running(tmp_path_factory.mktemp("pair"), print, replicas=2) as running:
        yield running


@pytest.fixture(scope="module")
def known(place: rig.Rig) -> outcome.Reference:
    """Live the life without faults."""
    return outcome.reference(place)


def test_a_crash_changes_nothing(place: rig.Rig, known: outcome.Reference) -> None:
    """G2: killed at a sample of its writes, it comes to the same world by equal counts."""
    chosen = matrix.points(known.writes, sample=CRASHES, seed=7)
    outcomes = [matrix.crashed(place, known, point) for point in chosen]
    assert [each.wrong for each in outcomes] == [()] * CRASHES
    assert not all(each.missed for each in outcomes)


def test_a_storm_changes_nothing(place: rig.Rig, known: outcome.Reference) -> None:
    """G3: lost answers, doubled requests, broken watches: the same world, by equal counts."""
    assert mix.storm(place, known, 0).wrong == ()


def test_no_surplus_in_the_dark(place: rig.Rig) -> None:
    """G3: with all watches held back, no server is made twice, and none too many."""
    assert watch_outage.endured(place, DARK_SECONDS).wrong == ()


@pytest.mark.parametrize("seed", [1, 2])
def test_people_may_do_anything(place: rig.Rig, known: outcome.Reference, seed: int) -> None:
    """Odd specs, hand edits, deletes, names used again: an ordinary application follows as ever."""
    assert mutations.live(place, known, seed).wrong == ()


@pytest.mark.parametrize(
    ("blow", "moment"),
    [
        (replicas.Blow.KILL, crash.Moment.AFTER_COMMIT),
        (replicas.Blow.PART, crash.Moment.AFTER_COMMIT),
        (replicas.Blow.FREEZE, crash.Moment.BEFORE_SEND),
    ],
)
def test_a_leader_struck_is_succeeded(
    pair: rig.Rig, known: outcome.Reference, blow: replicas.Blow, moment: crash.Moment
) -> None:
    """G9: killed, or cut off or frozen past its Lease: nothing doubled, one writer at a time."""
    point = matrix.Point(key="create pods/shop-web-1#0", moment=moment)
    found = replicas.struck(pair, known, replicas.Strike(blow=blow, point=point))
    assert found.wrong == ()
    assert not found.missed
