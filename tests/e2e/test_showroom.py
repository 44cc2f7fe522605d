"""What both dashboards ask of a real API server, and how much they send: counts, which hold.

`bench.showroom` measures the same at ten thousand servers and fifty viewers, and tells the times.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import arena as arenas
from bench import showroom
from controller.dashboard import part
from tests.e2e import conftest

pytestmark = pytest.mark.e2e

SERVERS, VIEWERS = 300, 5
MOST_BYTES = 200 * 1024
COURSE = showroom.Course(seconds=5.0, rates=(5.0,))
REST, CHANGING = "0 changes a second", "5 changes a second"
# One is for the version of the cluster.
START = {"get": 1, "list": len(part.SHOWN), "watch": len(part.SHOWN)}
# Of everybody who may see one namespace: one for all namespaces, and one for each list in it.
REVIEWS = 1 + len(part.SHOWN)
# How long an answer is fresh at the least: whoever looks later is asked about once more.
FRESH_SECONDS = part.FRESH_SECONDS * (1 - part.SPREAD)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[arenas.Arena, str]]:
    """An application of some hundred servers on a cluster of its own; nobody works on it."""
    if conftest.is_given():
        pytest.skip("this reads the audit log of a cluster of its own")
    folder = tmp_path_factory.mktemp("showroom") / "cluster"
    with arenas.opened(folder, lambda _: None, audit="metadata") as arena:
        namespace = arena.make_namespace()
        showroom.fill(arena, namespace, SERVERS)
        yield arena, namespace


def measured(filled: tuple[arenas.Arena, str], mode: str) -> showroom.Figures:
    """Return the figures of one kind of dashboard; what holds for both is asserted."""
    found = showroom.measure(*filled, mode, VIEWERS, COURSE)
    assert found["opening"]["pages"] == VIEWERS
    assert (found[REST]["pages"], found[REST]["asked"]) == (0, {})
    assert found[CHANGING]["changes"] > 0
    assert found[CHANGING]["pages"] >= VIEWERS
    for state in ("opening", CHANGING):
        assert 0 < found[state]["bytes"] <= MOST_BYTES, state
    return found


def test_pages_of_one_person_ask_for_nothing_beyond_their_watches(
    filled: tuple[arenas.Arena, str],
) -> None:
    """Neither when they are opened, nor at rest, nor while servers change."""
    found = measured(filled, "local")
    assert found["start"]["asked"] == START
    assert (found["opening"]["asked"], found[CHANGING]["asked"]) == ({}, {})


def test_pages_of_many_ask_for_reviews_alone(filled: tuple[arenas.Arena, str]) -> None:
    """When somebody comes and, while servers change, in ten seconds once; at rest for nothing."""
    found = measured(filled, "in the cluster")
    assert found["start"]["asked"] == START
    for state in ("opening", CHANGING):
        assert set(found[state]["asked"]) <= {"review"}
    # Each is asked once whose token it is.
    least = VIEWERS * (REVIEWS + 1)
    assert least <= found["opening"]["asked"]["review"] <= least + more(found["opening"])
    most = VIEWERS * REVIEWS + more(found[CHANGING])
    assert found[CHANGING]["asked"].get("review", 0) <= most


def more(state: showroom.Figures) -> int:
    """Return how many reviews may come beside, where that took longer than an answer is fresh."""
    return VIEWERS * REVIEWS * int(state["seconds"] // FRESH_SECONDS)
